"""What stands in the inbox."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.inbox.models import PARKED, WAITING, InboxEvent


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    id: int
    type: str
    person: str
    received_at: datetime
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class InboxState:
    waiting: int
    parked: int
    oldest_received_at: datetime | None


def state(session: Session) -> InboxState:
    waiting, oldest = session.execute(
        sa.select(sa.func.count(), sa.func.min(InboxEvent.received_at)).where(
            InboxEvent.status == WAITING
        )
    ).one()
    parked = session.scalar(sa.select(sa.func.count()).where(InboxEvent.status == PARKED))
    return InboxState(waiting, parked or 0, oldest)


def parked_events(session: Session, *, limit: int = 100) -> list[ParkedEvent]:
    rows = session.execute(
        sa.select(
            InboxEvent.id,
            InboxEvent.type,
            InboxEvent.person,
            InboxEvent.received_at,
            InboxEvent.attempts,
            InboxEvent.error,
        )
        .where(InboxEvent.status == PARKED)
        .order_by(InboxEvent.id.desc())
        .limit(limit)
    )
    return [ParkedEvent(*row) for row in rows]

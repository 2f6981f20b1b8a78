"""What stands in the outbox."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.outbox import models
from app.outbox.models import OutboxRow, Quota


@dataclass(frozen=True, slots=True)
class OutboxState:
    waiting: int
    parked: int
    sent_since: int
    oldest_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sending:
    """One request to LINE as evidence: what, when, how it ended."""

    id: int
    channel: str
    klass: str
    kind: str
    member_id: int | None
    status: str
    created_at: datetime
    sent_at: datetime | None
    attempts: int
    request_id: str | None
    reason: str | None
    payload: str


def state(session: Session, *, since: datetime, now: datetime) -> OutboxState:
    """`oldest_due_at` is of rows due by `now` and not sent: the lag."""
    open_rows = OutboxRow.status.in_((models.WAITING, models.SENDING))
    waiting, oldest = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.min(sa.case((OutboxRow.due_at <= now, OutboxRow.due_at))),
        ).where(open_rows)
    ).one()
    parked = session.scalar(sa.select(sa.func.count()).where(OutboxRow.status == models.PARKED))
    sent = session.scalar(
        sa.select(sa.func.count()).where(
            OutboxRow.sent_at >= since, OutboxRow.status == models.SENT
        )
    )
    return OutboxState(waiting, parked or 0, sent or 0, oldest)


def used_up_until(session: Session, *, now: datetime) -> datetime | None:
    """Until when LINE takes no counted messages; None while it does."""
    return session.scalar(sa.select(Quota.used_up_until).where(Quota.used_up_until > now))


def pushed_since(session: Session, since: datetime) -> int:
    """Pushes that LINE took from then on: what its monthly quota counts. Replies are free."""
    number = sa.select(sa.func.count()).where(
        OutboxRow.sent_at >= since, OutboxRow.channel == models.PUSH
    )
    return session.scalar(number) or 0


_SENDING = sa.select(
    OutboxRow.id,
    OutboxRow.channel,
    OutboxRow.klass,
    OutboxRow.kind,
    OutboxRow.member_id,
    OutboxRow.status,
    OutboxRow.created_at,
    OutboxRow.sent_at,
    OutboxRow.attempts,
    OutboxRow.request_id,
    OutboxRow.reason,
    OutboxRow.payload,
)


def parked_rows(session: Session, *, limit: int = 100) -> list[Sending]:
    rows = session.execute(
        _SENDING.where(OutboxRow.status == models.PARKED).order_by(OutboxRow.id.desc()).limit(limit)
    )
    return [Sending(*tuple(row)) for row in rows]


def sendings_to(session: Session, member_id: int, *, limit: int = 50) -> list[Sending]:
    rows = session.execute(
        _SENDING.where(OutboxRow.member_id == member_id).order_by(OutboxRow.id.desc()).limit(limit)
    )
    return [Sending(*tuple(row)) for row in rows]

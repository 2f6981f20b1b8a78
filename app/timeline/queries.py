"""What happened to a member, newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.timeline.models import Fact


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    id: int
    kind: str
    at: datetime
    facts: dict[str, Any]


def entries_of(
    session: Session, member_id: int, *, before_id: int | None = None, limit: int = 50
) -> list[TimelineEntry]:
    query = sa.select(Fact.id, Fact.kind, Fact.at, Fact.facts).where(Fact.member_id == member_id)
    if before_id is not None:
        query = query.where(Fact.id < before_id)
    rows = session.execute(query.order_by(Fact.id.desc()).limit(limit))
    return [TimelineEntry(*row) for row in rows]

"""What happened to a member, newest first; and all that is new, for who reads it as it grows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

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


# Read as it grows ---------------------------------------------------------------------------------

# So long a transaction that writes facts may take on PostgreSQL, where a smaller id can become
# visible after a larger one; they take milliseconds.
SETTLED_AFTER: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a reader has come. Facts up to `read_to` were looked at for good, those up to `seen`
    once; those up to `marked` had been seen when the clock stood at `marked_at`, and are looked at
    once more when that is a while ago."""

    read_to: int
    marked: int
    seen: int
    marked_at: datetime


@dataclass(frozen=True, slots=True)
class Portion:
    """Facts after one id and up to another; `remembered` are the fields of the mark that change
    when they were looked at."""

    after: int
    until: int
    remembered: dict[str, Any]


def portion(session: Session, mark: Mark, *, now: datetime, limit: int) -> Portion | None:
    """What is to be looked at next; None when there is nothing. A fact may come twice."""
    if mark.read_to < mark.seen and now - mark.marked_at >= SETTLED_AFTER:
        until = min(mark.marked, mark.read_to + limit)
        settled = {"marked": mark.seen, "marked_at": now} if until == mark.marked else {}
        return Portion(mark.read_to, until, {"read_to": until} | settled)
    newest = newest_id(session)
    if newest <= mark.seen:
        return None
    until = min(newest, mark.seen + limit)
    is_alone = session.get_bind().dialect.name == "sqlite"  # one writer: ids come in order
    moved = ("seen", "read_to", "marked") if is_alone else ("seen",)
    return Portion(mark.seen, until, dict.fromkeys(moved, until))


def newest_id(session: Session) -> int:
    return session.scalar(sa.select(sa.func.max(Fact.id))) or 0

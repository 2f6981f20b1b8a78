"""Keep what LINE sent; claim it, settle it, park it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed, driver_instant, table_of
from app.inbox.models import HANDLED, PARKED, WAITING, InboxEvent
from app.inbox.rules import LEASE, MAX_ATTEMPTS, retry_after
from app.line.events import Event, read


@dataclass(frozen=True, slots=True)
class Claimed:
    """An event this worker holds until its lease ends. `attempts` counts this one."""

    id: int
    attempts: int
    event: Event


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an event ended: the handler's name, or a traceback."""

    id: int
    handler: str | None
    error: str | None = None
    attempts: int = 0


_KEEP = """
INSERT INTO inbox (webhook_event_id, person, type, occurred_ms, body, received_at, due_at,
                   status, attempts)
VALUES ({0}, {0}, {0}, {0}, {0}, {0}, {0}, 'waiting', 0)
ON CONFLICT DO NOTHING
"""
_KEEP_BY_DIALECT = {"sqlite": _KEEP.format("?"), "postgresql": _KEEP.format("%s")}

Row = tuple[str, str, str, int, str]


def keep(session: Session, rows: Sequence[Row], *, received_at: datetime) -> None:
    """Insert rows made by `row_of`; an event LINE sent before is left as it is.

    Plain SQL for the driver: this is the one statement that LINE waits for, and the expression
    language costs three times as much per row."""
    if not rows:
        return
    connection = session.connection()
    dialect = connection.dialect.name
    instant = driver_instant(received_at, dialect)
    connection.exec_driver_sql(
        _KEEP_BY_DIALECT[dialect], [(*row, instant, instant) for row in rows]
    )


def row_of(raw: dict[str, object], *, received_at: datetime) -> Row:
    event = read(raw, received_at=received_at)
    return (event.id, event.person, event.type, event.occurred_ms, orjson.dumps(raw).decode())


_TABLE = table_of(InboxEvent)
_EARLIER = sa.orm.aliased(InboxEvent)
# A person's events are handled in the order they happened: one is ready when no earlier one of the
# same person is being handled by somebody or is ready itself. One that failed and waits for its
# retry blocks nobody.
_HEADS = (
    sa.select(InboxEvent.id, InboxEvent.person)
    .where(
        InboxEvent.status == WAITING,
        InboxEvent.due_at <= sa.bindparam("now"),
        ~sa.exists().where(
            _EARLIER.status == WAITING,
            _EARLIER.person == InboxEvent.person,
            sa.or_(_EARLIER.lease.is_not(None), _EARLIER.due_at <= sa.bindparam("now")),
            sa.tuple_(_EARLIER.occurred_ms, _EARLIER.id)
            < sa.tuple_(InboxEvent.occurred_ms, InboxEvent.id),
        ),
    )
    .order_by(InboxEvent.id)
    .limit(sa.bindparam("heads"))
    .with_for_update(skip_locked=True, of=InboxEvent)
)
_FOLLOWERS = (
    sa.select(InboxEvent.id)
    .where(
        InboxEvent.status == WAITING,
        InboxEvent.lease.is_(None),
        InboxEvent.due_at <= sa.bindparam("now"),
        InboxEvent.person.in_(sa.bindparam("people", expanding=True)),
    )
    .order_by(InboxEvent.id)
    .limit(sa.bindparam("limit"))
)
_TAKEN = (
    sa.select(InboxEvent.id, InboxEvent.attempts, InboxEvent.body, InboxEvent.received_at)
    .where(InboxEvent.lease == sa.bindparam("lease"), InboxEvent.status == WAITING)
    .order_by(InboxEvent.person, InboxEvent.occurred_ms, InboxEvent.id)
)


def claim(session: Session, *, lease: str, now: datetime, limit: int = 100) -> list[Claimed]:
    """Take the oldest waiting events, whole people at a time, oldest first within a person."""
    heads = session.execute(_HEADS, {"now": now, "heads": limit}).all()
    if not heads:
        return []
    followers = session.scalars(
        _FOLLOWERS, {"now": now, "people": [row.person for row in heads], "limit": 2 * limit}
    )
    ids = {row.id for row in heads} | set(followers)
    changed(
        session,
        sa.update(InboxEvent)
        .where(InboxEvent.id.in_(sorted(ids)), InboxEvent.status == WAITING)
        .values(lease=lease, due_at=now + LEASE, attempts=InboxEvent.attempts + 1),
    )
    return [
        Claimed(row.id, row.attempts, read(orjson.loads(row.body), received_at=row.received_at))
        for row in session.execute(_TAKEN, {"lease": lease})
    ]


_MINE = sa.update(_TABLE).where(
    _TABLE.c.id == sa.bindparam("b_id"),
    _TABLE.c.lease == sa.bindparam("b_lease"),
    _TABLE.c.status == WAITING,
)
_HANDLED = _MINE.values(
    status=HANDLED,
    handled_at=sa.bindparam("b_now"),
    outcome=sa.bindparam("b_handler"),
    lease=None,
    error=None,
)
_PARKED = _MINE.values(status=PARKED, lease=None, error=sa.bindparam("b_error"))
_AGAIN = _MINE.values(lease=None, due_at=sa.bindparam("b_due"), error=sa.bindparam("b_error"))


def settle(session: Session, outcomes: Sequence[Outcome], *, lease: str, now: datetime) -> bool:
    """Record how the events ended. False when the lease of one of them had been lost meanwhile;
    the caller then rolls back: somebody else is handling them."""
    handled = [outcome for outcome in outcomes if outcome.error is None]
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    rows = [
        {"b_id": outcome.id, "b_lease": lease, "b_now": now, "b_handler": outcome.handler}
        for outcome in handled
    ]
    is_ours = not rows or session.connection().execute(_HANDLED, rows).rowcount == len(rows)
    return is_ours and all(_failed(session, outcome, lease, now) for outcome in failed)


def _failed(session: Session, outcome: Outcome, lease: str, now: datetime) -> bool:
    row = {"b_id": outcome.id, "b_lease": lease, "b_error": outcome.error}
    if outcome.attempts >= MAX_ATTEMPTS:
        return session.connection().execute(_PARKED, row).rowcount == 1
    due_at = now + retry_after(outcome.attempts)
    return session.connection().execute(_AGAIN, row | {"b_due": due_at}).rowcount == 1


def retry(session: Session, event_id: int, *, now: datetime) -> bool:
    """A person says: try a parked event again. False when it is not parked (any more)."""
    return bool(
        changed(
            session,
            sa.update(InboxEvent)
            .where(InboxEvent.id == event_id, InboxEvent.status == PARKED)
            .values(status=WAITING, attempts=0, due_at=now),
        )
    )


def release(session: Session, *, lease: str, now: datetime) -> int:
    """Give back what a stopping worker had claimed and not begun."""
    return changed(
        session,
        sa.update(InboxEvent)
        .where(InboxEvent.lease == lease, InboxEvent.status == WAITING)
        .values(lease=None, due_at=now + timedelta(0), attempts=InboxEvent.attempts - 1),
    )

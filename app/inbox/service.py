"""Keep what LINE sent; claim it, settle it, park it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed, driver_instant, table_of
from app.core.prepared import Prepared, among, driver_cursor
from app.inbox.models import HANDLED, PARKED, WAITING, InboxEvent
from app.inbox.rules import LEASE, MAX_ATTEMPTS, retry_after
from app.line.events import Event, envelope, read


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
VALUES {rows}
ON CONFLICT DO NOTHING
"""
_ROW = "({0}, {0}, {0}, {0}, {0}, {0}, {0}, 'waiting', 0)"
_KEEP_ONE = {
    dialect: _KEEP.format(rows=_ROW.format(mark))
    for dialect, mark in (("sqlite", "?"), ("postgresql", "%s"))
}
# On SQLite many rows go in at one step: between two steps the driver hands Python's lock to the
# threads that take requests, and gets it back late. On PostgreSQL the driver's pipeline is faster.
_TOGETHER = 25
_KEEP_TOGETHER = _KEEP.format(rows=", ".join([_ROW.format("?")] * _TOGETHER))

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
    whole = [(*row, instant, instant) for row in rows]
    alone = len(rows) % _TOGETHER if dialect == "sqlite" else len(rows)
    with driver_cursor(connection, _KEEP_ONE[dialect]) as cursor:
        cursor.executemany(_KEEP_ONE[dialect], whole[:alone])
        for at in range(alone, len(rows), _TOGETHER):
            together = whole[at : at + _TOGETHER]
            cursor.execute(_KEEP_TOGETHER, list(chain.from_iterable(together)))


def row_of(raw: dict[str, object], *, received_at: datetime) -> Row:
    return (*envelope(raw, received_at=received_at), orjson.dumps(raw).decode())


_TABLE = table_of(InboxEvent)
_EARLIER = _TABLE.alias("earlier")
_NOW: sa.BindParameter[datetime] = sa.bindparam("now", type_=_TABLE.c.due_at.type)
# A person's events are handled in the order they happened: one is ready when no earlier one of the
# same person is being handled by somebody or is ready itself. One that failed and waits for its
# retry blocks nobody.
_HEADS = Prepared(
    sa.select(_TABLE.c.id, _TABLE.c.person)
    .where(
        _TABLE.c.status == WAITING,
        _TABLE.c.due_at <= _NOW,
        ~sa.exists().where(
            _EARLIER.c.status == WAITING,
            _EARLIER.c.person == _TABLE.c.person,
            sa.or_(_EARLIER.c.lease.is_not(None), _EARLIER.c.due_at <= _NOW),
            sa.tuple_(_EARLIER.c.occurred_ms, _EARLIER.c.id)
            < sa.tuple_(_TABLE.c.occurred_ms, _TABLE.c.id),
        ),
    )
    .order_by(_TABLE.c.id)
    .limit(sa.bindparam("heads"))
    .with_for_update(skip_locked=True, of=_TABLE)
)
_FOLLOWERS = Prepared(
    sa.select(_TABLE.c.id)
    .where(
        _TABLE.c.status == WAITING,
        _TABLE.c.lease.is_(None),
        _TABLE.c.due_at <= _NOW,
        among(_TABLE.c.person, "people"),
    )
    .order_by(_TABLE.c.id)
    .limit(sa.bindparam("limit"))
)
_OF_AN_EVENT = (
    _TABLE.c.person,
    _TABLE.c.occurred_ms,
    _TABLE.c.id,
    _TABLE.c.attempts,
    _TABLE.c.body,
    _TABLE.c.received_at,
)
_TAKE = Prepared(
    sa.update(_TABLE)
    .where(among(_TABLE.c.id, "ids"), _TABLE.c.status == WAITING)
    .values(
        lease=sa.bindparam("b_lease"),
        due_at=sa.bindparam("b_until"),
        attempts=_TABLE.c.attempts + 1,
    )
    .returning(*_OF_AN_EVENT)
)


_WAITING = Prepared(sa.select(*_OF_AN_EVENT).where(among(_TABLE.c.id, "ids")))


def ready(session: Session, *, now: datetime, limit: int = 100) -> list[Claimed]:
    """The oldest waiting events, whole people at a time, oldest first within a person; to be
    handled, and told of to `handled`, in this very transaction. Nobody else begins with them before
    it ends: SQLite has one writer, PostgreSQL locks each person's first event."""
    ids = _ready(session, now, limit)
    return _claimed(_WAITING.rows(session, {"ids": ids})) if ids else []


def claim(session: Session, *, lease: str, now: datetime, limit: int = 100) -> list[Claimed]:
    """Take what is ready for a while that outlasts this transaction."""
    ids = _ready(session, now, limit)
    if not ids:
        return []
    return _claimed(_TAKE.rows(session, {"ids": ids, "b_lease": lease, "b_until": now + LEASE}))


def _ready(session: Session, now: datetime, limit: int) -> list[int]:
    heads = _HEADS.rows(session, {"now": now, "heads": limit})
    if not heads:
        return []
    people = [person for _, person in heads]
    followers = _FOLLOWERS.rows(session, {"now": now, "people": people, "limit": 2 * limit})
    return sorted({row[0] for row in heads + followers})


def _claimed(rows: Sequence[Any]) -> list[Claimed]:
    return [
        Claimed(id_, attempts, read(orjson.loads(body), received_at=received_at))
        for _, _, id_, attempts, body, received_at in sorted(rows)
    ]


def _mine(whose: sa.ColumnElement[Any]) -> sa.Update:
    return sa.update(_TABLE).where(
        whose, _TABLE.c.lease == sa.bindparam("b_lease"), _TABLE.c.status == WAITING
    )


_B_NOW: sa.BindParameter[datetime] = sa.bindparam("b_now", type_=_TABLE.c.due_at.type)
_ONE = _TABLE.c.id == sa.bindparam("b_id")
_HANDLED = Prepared(
    _mine(among(_TABLE.c.id, "b_ids")).values(
        status=HANDLED,
        handled_at=_B_NOW,
        outcome=sa.bindparam("b_handler"),
        lease=None,
        error=None,
    )
)
# What `ready` gave: whoever claimed one of them meanwhile has put off when it is due.
_HANDLED_AT_ONCE = Prepared(
    sa.update(_TABLE)
    .where(among(_TABLE.c.id, "b_ids"), _TABLE.c.status == WAITING, _TABLE.c.due_at <= _B_NOW)
    .values(
        status=HANDLED,
        handled_at=_B_NOW,
        outcome=sa.bindparam("b_handler"),
        lease=None,
        error=None,
        attempts=_TABLE.c.attempts + 1,
    )
)
_PARKED = Prepared(_mine(_ONE).values(status=PARKED, lease=None, error=sa.bindparam("b_error")))
_AGAIN = Prepared(
    _mine(_ONE).values(lease=None, due_at=sa.bindparam("b_due"), error=sa.bindparam("b_error"))
)


def settle(session: Session, outcomes: Sequence[Outcome], *, lease: str, now: datetime) -> bool:
    """Record how the events ended. False when the lease of one of them had been lost meanwhile;
    the caller then rolls back: somebody else is handling them."""
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    return all(
        _HANDLED.changed(session, values | {"b_lease": lease}) == len(values["b_ids"])
        for values in _by_handler(outcomes, now)
    ) and all(_failed(session, outcome, lease, now) for outcome in failed)


def handled(session: Session, outcomes: Sequence[Outcome], *, now: datetime) -> bool:
    """Record that all that `ready` gave, in this transaction and at this `now`, was handled. False
    when somebody else has one of them; the caller then rolls back."""
    return all(
        _HANDLED_AT_ONCE.changed(session, values) == len(values["b_ids"])
        for values in _by_handler(outcomes, now)
    )


def _by_handler(outcomes: Sequence[Outcome], now: datetime) -> list[dict[str, Any]]:
    ids: dict[str | None, list[int]] = {}
    for outcome in outcomes:
        if outcome.error is None:
            ids.setdefault(outcome.handler, []).append(outcome.id)
    return [{"b_ids": of, "b_handler": handler, "b_now": now} for handler, of in ids.items()]


def _failed(session: Session, outcome: Outcome, lease: str, now: datetime) -> bool:
    row = {"b_id": outcome.id, "b_lease": lease, "b_error": outcome.error}
    if outcome.attempts >= MAX_ATTEMPTS:
        return _PARKED.changed(session, row) == 1
    due_at = now + retry_after(outcome.attempts)
    return _AGAIN.changed(session, row | {"b_due": due_at}) == 1


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

"""Addresses and what they were sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import table_of
from app.coupons.models import Coupon
from app.hooks import rules
from app.hooks.models import DELIVERIES, FAILS, HOOKS, TRIED, WAITS
from app.purchases.models import PURCHASES
from app.timeline.queries import Mark

_COUPONS: Final = table_of(Coupon)


@dataclass(frozen=True, slots=True)
class HookShown:
    """`waiting` and `failed` count its deliveries; `last_at` is when it last was tried."""

    id: int
    code: str
    name: str
    url: str
    kinds: tuple[str, ...]
    with_person: bool
    status: str
    reason: str | None
    old_until: datetime | None
    failing_since: datetime | None
    created_at: datetime
    waiting: int = 0
    failed: int = 0
    last_at: datetime | None = None


_SHOWN: Final = (
    "id", "code", "name", "url", "kinds", "with_person", "status", "reason", "old_until",
    "failing_since", "created_at",
)  # fmt: skip


def hooks(session: Session) -> list[HookShown]:
    """Those that were not removed, oldest first, with what they are owed."""
    rows = session.execute(
        sa.select(*(HOOKS.c[name] for name in _SHOWN))
        .where(HOOKS.c.status != rules.REMOVED)
        .order_by(HOOKS.c.id)
    ).all()
    counts = _counts(session, [row.id for row in rows])
    return [_shown(row, counts.get(row.id)) for row in rows]


def names(session: Session) -> dict[str, str]:
    """By id, of those that were not removed."""
    rows = session.execute(
        sa.select(HOOKS.c.id, HOOKS.c.name)
        .where(HOOKS.c.status != rules.REMOVED)
        .order_by(HOOKS.c.name)
    )
    return {str(row.id): row.name for row in rows}


def hook(session: Session, hook_id: int) -> HookShown | None:
    row = session.execute(
        sa.select(*(HOOKS.c[name] for name in _SHOWN)).where(
            HOOKS.c.id == hook_id, HOOKS.c.status != rules.REMOVED
        )
    ).one_or_none()
    return None if row is None else _shown(row, _counts(session, [hook_id]).get(hook_id))


def _shown(row: Any, counted: Any) -> HookShown:
    values = dict(zip(_SHOWN, row, strict=True)) | {"kinds": tuple(row.kinds)}
    if counted is None:
        return HookShown(**values)
    return HookShown(
        **values, waiting=counted.waiting, failed=counted.failed, last_at=counted.last_at
    )


def _counts(session: Session, hook_ids: Sequence[int]) -> dict[int, Any]:
    """Each number by an index of its own: what was delivered is not read."""
    rows = session.execute(_COUNTS.where(HOOKS.c.id.in_(hook_ids)))
    return {row.id: row for row in rows}


def _of_hook(value: sa.ColumnElement[Any], where: str) -> sa.ScalarSelect[Any]:
    """`where` as the partial index has it: with a bound value no plan would use it."""
    mine = sa.select(value).where(DELIVERIES.c.hook_id == HOOKS.c.id, sa.text(where))
    return mine.correlate(HOOKS).scalar_subquery()


_COUNTS: Final = sa.select(
    HOOKS.c.id,
    _of_hook(sa.func.count(DELIVERIES.c.id), WAITS).label("waiting"),
    _of_hook(sa.func.count(DELIVERIES.c.id), FAILS).label("failed"),
    _of_hook(sa.func.max(DELIVERIES.c.tried_at), TRIED).label("last_at"),
)


@dataclass(frozen=True, slots=True)
class DeliveryShown:
    id: int
    event_id: str
    kind: str
    member_id: int | None
    body: str
    status: str
    attempts: int
    due_at: datetime
    answer: int | None
    trouble: str | None
    tried_at: datetime | None
    created_at: datetime


def deliveries(
    session: Session,
    hook_id: int,
    *,
    status: str | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[DeliveryShown]:
    """Newest first."""
    names = DeliveryShown.__dataclass_fields__
    query = sa.select(*(DELIVERIES.c[name] for name in names)).where(
        DELIVERIES.c.hook_id == hook_id
    )
    if status is not None:
        query = query.where(DELIVERIES.c.status == status)
    if before_id is not None:
        query = query.where(DELIVERIES.c.id < before_id)
    rows = session.execute(query.order_by(DELIVERIES.c.id.desc()).limit(limit))
    return [DeliveryShown(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Reader:
    """An address as the job reads facts for it."""

    id: int
    code: str
    kinds: tuple[str, ...]
    with_person: bool
    mark: Mark


def readers(session: Session) -> list[Reader]:
    """Paused ones read on: what they are owed waits for them."""
    return [_reader(row) for row in session.execute(_READERS.order_by(HOOKS.c.id))]


def reader(session: Session, hook_id: int) -> Reader | None:
    row = session.execute(_READERS.where(HOOKS.c.id == hook_id)).one_or_none()
    return None if row is None else _reader(row)


_READERS: Final = sa.select(
    *(HOOKS.c[name] for name in ("id", "code", "kinds", "with_person")),
    *(HOOKS.c[name] for name in ("read_to", "marked", "seen", "marked_at")),
).where(HOOKS.c.status != rules.REMOVED)


def _reader(row: Any) -> Reader:
    mark = Mark(row.read_to, row.marked, row.seen, row.marked_at)
    return Reader(row.id, row.code, tuple(row.kinds), row.with_person, mark)


def has_due(session: Session, *, now: datetime) -> bool:
    """Nearly always there is nothing to send, and one look says so."""
    found = (
        sa.select(DELIVERIES.c.id)
        .join(HOOKS, HOOKS.c.id == DELIVERIES.c.hook_id)
        .where(
            DELIVERIES.c.status == rules.WAITING,
            DELIVERIES.c.due_at <= now,
            HOOKS.c.status == rules.ON,
        )
        .limit(1)
    )
    return session.scalar(found) is not None


def purchase_ids(session: Session, ids: Sequence[int]) -> dict[int, str]:
    """The ids of purchases as their tills know them."""
    rows = session.execute(
        sa.select(PURCHASES.c.id, PURCHASES.c.external_id).where(PURCHASES.c.id.in_(ids))
    )
    return {row.id: row.external_id for row in rows}


def coupon_codes(session: Session, ids: Sequence[int]) -> dict[int, str]:
    rows = session.execute(sa.select(_COUPONS.c.id, _COUPONS.c.code).where(_COUPONS.c.id.in_(ids)))
    return {row.id: row.code for row in rows}

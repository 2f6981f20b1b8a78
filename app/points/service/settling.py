"""What became due in many accounts at once."""

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.prepared import Prepared, among
from app.points.models import ACCOUNTS, ENTRIES, LOTS, OPERATIONS, PENDING, USABLE
from app.points.service.books import REASONS, SYSTEM, lock
from app.timeline.models import Fact

_NOW: sa.BindParameter[datetime] = sa.bindparam("now", type_=ACCOUNTS.c.changed_at.type)
_DUE = Prepared(
    sa.select(ACCOUNTS.c.member_id)
    .where(ACCOUNTS.c.next_change_at <= _NOW)
    .order_by(ACCOUNTS.c.next_change_at, ACCOUNTS.c.member_id)
    .limit(sa.bindparam("limit"))
)
_HOLD_DUE = Prepared(
    sa.update(ACCOUNTS)
    .where(among(ACCOUNTS.c.member_id, "members"), ACCOUNTS.c.next_change_at <= _NOW)
    .values(changed_at=_NOW)
    .returning(ACCOUNTS.c.member_id, ACCOUNTS.c.debt)
)
_ACTIVATING = sa.and_(
    among(LOTS.c.member_id, "members"),
    LOTS.c.remaining > 0,
    ~LOTS.c.is_active,
    LOTS.c.usable_from <= _NOW,
    sa.or_(LOTS.c.expires_at.is_(None), LOTS.c.usable_from < LOTS.c.expires_at),
)
_EXPIRING = sa.and_(
    among(LOTS.c.member_id, "members"), LOTS.c.remaining > 0, LOTS.c.expires_at <= _NOW
)


def _post_all(kind: str, which: sa.ColumnElement[bool], at: Any, amount: Any) -> sa.Insert:
    """One operation a lot, named after it as `Books` names it."""
    return sa.insert(OPERATIONS).from_select(
        [
            "member_id",
            "kind",
            "external_id",
            "content_hash",
            "amount",
            "actor",
            "reason",
            "source",
            "source_id",
            "facts",
            "at",
            "created_at",
        ],
        sa.select(
            LOTS.c.member_id,
            sa.literal(kind),
            sa.literal(f"{kind}:") + sa.cast(LOTS.c.id, sa.String),
            sa.literal(""),
            amount,
            sa.literal(SYSTEM),
            sa.literal(REASONS[kind]),
            sa.literal("lot"),
            LOTS.c.id,
            _points_as_json(LOTS.c.remaining),
            at,
            _NOW,
        )
        .where(which)
        .order_by(LOTS.c.id),
    )


def _points_as_json(points: Any) -> sa.ColumnElement[str]:
    return sa.literal('{"points":') + sa.cast(points, sa.String) + sa.literal("}")


def _enter_all(
    kind: str, which: sa.ColumnElement[bool], bucket: Any, amount: Any, at: Any
) -> sa.Insert:
    external_id = sa.literal(f"{kind}:") + sa.cast(LOTS.c.id, sa.String)
    return sa.insert(ENTRIES).from_select(
        ["operation_id", "member_id", "lot_id", "bucket", "amount", "at"],
        sa.select(OPERATIONS.c.id, LOTS.c.member_id, LOTS.c.id, bucket, amount, at)
        .join_from(LOTS, OPERATIONS, OPERATIONS.c.external_id == external_id)
        .where(which)
        .order_by(LOTS.c.id),
    )


def _total(column: Any, *conditions: Any) -> Any:
    return (
        sa.select(column)
        .where(LOTS.c.member_id == ACCOUNTS.c.member_id, LOTS.c.remaining > 0, *conditions)
        .correlate(ACCOUNTS)
        .scalar_subquery()
    )


_REMAINING = sa.func.coalesce(sa.func.sum(LOTS.c.remaining), 0)
_FIRST_EXPIRY = _total(sa.func.min(LOTS.c.expires_at), LOTS.c.is_active)
_BUCKET_OF_LOT = sa.case((LOTS.c.is_active, sa.literal(USABLE)), else_=sa.literal(PENDING))
_STEPS: tuple[sa.Insert | sa.Update, ...] = (
    _post_all("activate", _ACTIVATING, LOTS.c.usable_from, sa.literal(0)),
    _enter_all("activate", _ACTIVATING, sa.literal(PENDING), -LOTS.c.remaining, LOTS.c.usable_from),
    _enter_all("activate", _ACTIVATING, sa.literal(USABLE), LOTS.c.remaining, LOTS.c.usable_from),
    sa.update(LOTS).where(_ACTIVATING).values(is_active=True),
    _post_all("expire", _EXPIRING, LOTS.c.expires_at, -LOTS.c.remaining),
    _enter_all("expire", _EXPIRING, _BUCKET_OF_LOT, -LOTS.c.remaining, LOTS.c.expires_at),
    sa.insert(cast(sa.Table, Fact.__table__)).from_select(
        ["member_id", "kind", "at", "facts"],
        sa.select(
            LOTS.c.member_id,
            sa.literal("points.expired"),
            LOTS.c.expires_at,
            _points_as_json(LOTS.c.remaining),
        ).where(_EXPIRING),
    ),
    sa.update(LOTS).where(_EXPIRING).values(remaining=0),
    sa.update(ACCOUNTS)
    .where(among(ACCOUNTS.c.member_id, "members"))
    .values(
        balance=_total(_REMAINING, LOTS.c.is_active),
        pending=_total(_REMAINING, ~LOTS.c.is_active),
        next_expiry_at=_FIRST_EXPIRY,
        next_expiry_points=_total(_REMAINING, LOTS.c.is_active, LOTS.c.expires_at == _FIRST_EXPIRY),
        next_change_at=_total(
            sa.func.min(
                sa.case(
                    (LOTS.c.is_active, LOTS.c.expires_at),
                    (LOTS.c.expires_at < LOTS.c.usable_from, LOTS.c.expires_at),
                    else_=LOTS.c.usable_from,
                )
            )
        ),
    ),
)


_SETTLE_ALL = tuple(Prepared(step) for step in _STEPS)


def settle_due(session: Session, *, now: datetime, limit: int = 2_000) -> int:
    """Settle up to `limit` accounts in which something became due; return how many were. Members
    without debt are done in one pass of statements, those with debt one by one, because what
    becomes usable repays it. Safe beside the till and beside another of its kind."""
    due = sorted(member_id for (member_id,) in _DUE.rows(session, {"now": now, "limit": limit}))
    if not due:
        return 0
    held = _HOLD_DUE.rows(session, {"members": due, "now": now})
    plain = [row.member_id for row in held if row.debt == 0]
    if plain:
        for statement in _SETTLE_ALL:
            statement.changed(session, {"members": plain, "now": now})
    for row in held:
        if row.debt:
            lock(session, member_id=row.member_id, now=now)
    return len(held)

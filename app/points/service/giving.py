"""Points come in: earned by a sale, awarded for something else, or added by staff."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.errors import DomainError
from app.points import rules
from app.points.models import LOTS, OPERATIONS, PENDING, USABLE
from app.points.rules import Standing
from app.points.service.books import (
    ADD_ENTRIES,
    Books,
    Cause,
    Posted,
    add_lot,
    entry,
    lock,
    post,
    store,
    tell,
)
from app.points.service.spending import spend
from app.programmes.rules import PointTerms


class AdjustmentTooLarge(DomainError):
    """The role may move at most `limit` points at once."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"at most {limit} points")
        self.limit = limit


def earn(
    session: Session,
    *,
    member_id: int,
    points: int,
    cause: Cause,
    terms: PointTerms,
    earned_at: datetime,
    now: datetime,
    facts: Mapping[str, Any] | None = None,
    standing: Standing | None = None,
) -> Posted:
    """Grant points for something that happened at `earned_at`; zero points leave an operation that
    explains why. A caller who holds the account passes the `standing` that `lock` gave.
    Raises Conflict."""
    held = standing or lock(session, member_id=member_id, now=now)
    operation_id, is_new, amount, _ = post(
        session,
        member_id,
        "earn",
        points,
        cause,
        content=(points, earned_at.isoformat()),
        facts=facts,
        at=earned_at,
        now=now,
    )
    if is_new and points:
        held = granted(session, member_id, operation_id, points, terms, earned_at, held, now)
    return Posted(operation_id, amount, held, is_new)


def award(
    session: Session,
    *,
    member_id: int,
    points: int,
    cause: Cause,
    terms: PointTerms,
    now: datetime,
) -> Posted:
    """Give points that no sale earned, usable at once: they count towards no cap and no refund
    touches them. Raises Conflict."""
    held = lock(session, member_id=member_id, now=now)
    operation_id, is_new, amount, _ = post(
        session, member_id, "award", points, cause, content=(points,), at=now, now=now
    )
    if is_new and points:
        at_once = replace(terms, pending_days=0)
        held = granted(session, member_id, operation_id, points, at_once, now, held, now)
        tell(session, member_id, "points.awarded", points, cause, now)
    return Posted(operation_id, amount, held, is_new)


def granted(
    session: Session,
    member_id: int,
    operation_id: int,
    points: int,
    terms: PointTerms,
    earned_at: datetime,
    held: Standing,
    now: datetime,
) -> Standing:
    usable_from = rules.usable_from(terms, earned_at)
    expires_at = rules.expires_at(terms, earned_at)
    is_active = usable_from <= now
    is_gone = expires_at is not None and expires_at <= now
    if is_gone or (is_active and held.debt) or terms.expiry == "after_activity":
        books = Books(session, member_id, held, now)
        books.grant(
            operation_id,
            points,
            earned_at=earned_at,
            usable_from=usable_from,
            expires_at=expires_at,
            is_active=is_active,
        )
        if terms.expiry == "after_activity":
            books.slide(expires_at)
        books.settle()
        books.repay(operation_id)
        return books.close()
    lot_id = add_lot(
        session,
        member_id,
        operation_id,
        points,
        earned_at=earned_at,
        usable_from=usable_from,
        expires_at=expires_at,
        is_active=is_active,
    )
    bucket = USABLE if is_active else PENDING
    ADD_ENTRIES.many(session, [entry(member_id, operation_id, lot_id, bucket, points, earned_at)])
    standing = _with_lot(held, points, usable_from, expires_at, is_active)
    store(session, member_id, standing)
    return standing


def _with_lot(
    held: Standing,
    points: int,
    usable_from: datetime,
    expires_at: datetime | None,
    is_active: bool,
) -> Standing:
    """The totals with one more lot, without reading the others."""
    moments = (held.next_change_at, expires_at, None if is_active else usable_from)
    next_change_at = min((moment for moment in moments if moment), default=None)
    if not is_active:
        return replace(held, pending=held.pending + points, next_change_at=next_change_at)
    standing = replace(held, balance=held.balance + points, next_change_at=next_change_at)
    if expires_at is None or (held.next_expiry_at and held.next_expiry_at < expires_at):
        return standing
    same = held.next_expiry_points if held.next_expiry_at == expires_at else 0
    return replace(standing, next_expiry_at=expires_at, next_expiry_points=same + points)


def adjust(
    session: Session,
    *,
    member_id: int,
    points: int,
    cause: Cause,
    terms: PointTerms,
    now: datetime,
    limit: int | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Posted:
    """Staff correct a balance by signed `points`; what is added can be used at once.
    Raises AdjustmentTooLarge, NotEnoughPoints, Conflict."""
    if limit is not None and abs(points) > limit:
        raise AdjustmentTooLarge(limit)
    if points < 0:
        return spend(session, member_id, "adjust", -points, cause, facts, now)
    held = lock(session, member_id=member_id, now=now)
    operation_id, is_new, amount, _ = post(
        session,
        member_id,
        "adjust",
        points,
        cause,
        content=(points,),
        facts=facts,
        at=now,
        now=now,
    )
    if is_new and points:
        at_once = replace(terms, pending_days=0)
        held = granted(session, member_id, operation_id, points, at_once, now, held, now)
        tell(session, member_id, "points.adjusted", points, cause, now)
    return Posted(operation_id, amount, held, is_new)


_BRING_FORWARD = (
    sa.update(LOTS)
    .where(
        LOTS.c.operation_id.in_(
            sa.select(OPERATIONS.c.id).where(
                OPERATIONS.c.source == "purchase",
                OPERATIONS.c.source_id == sa.bindparam("purchase"),
                OPERATIONS.c.kind == "earn",
            )
        ),
        ~LOTS.c.is_active,
        LOTS.c.usable_from > sa.bindparam("earlier", type_=LOTS.c.usable_from.type),
    )
    .values(usable_from=sa.bindparam("earlier", type_=LOTS.c.usable_from.type))
)


def bring_forward(
    session: Session, *, member_id: int, purchase_id: int, usable_from: datetime, now: datetime
) -> Standing:
    """Points of a sale that waited for proof wait no longer than any other's."""
    held = lock(session, member_id=member_id, now=now)
    session.execute(_BRING_FORWARD, {"purchase": purchase_id, "earlier": usable_from})
    return Books(session, member_id, held, now).close()

"""A sale was given back: so are its points. An award was undone: so is what is left of it."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.points import rules
from app.points.models import ENTRIES, LOTS, OPERATIONS
from app.points.rules import Formula, Lot, Standing, Take
from app.points.service.books import SAME_ID, Books, Cause, Posted, lock, post, tell

_EARNED = sa.select(OPERATIONS.c.id, OPERATIONS.c.amount, OPERATIONS.c.facts).where(
    OPERATIONS.c.source == "purchase",
    OPERATIONS.c.source_id == sa.bindparam("purchase"),
    OPERATIONS.c.kind == "earn",
)
_REVOKED = sa.select(OPERATIONS.c.facts).where(
    OPERATIONS.c.source == "purchase",
    OPERATIONS.c.source_id == sa.bindparam("purchase"),
    OPERATIONS.c.kind == "revoke",
)
_LOT_OF = sa.select(LOTS.c.id).where(
    LOTS.c.operation_id == sa.bindparam("operation"), LOTS.c.parent_id.is_(None)
)
_EXPIRED_OF = (
    sa.select(sa.func.coalesce(sa.func.sum(-ENTRIES.c.amount), 0))
    .join(OPERATIONS, OPERATIONS.c.id == ENTRIES.c.operation_id)
    .where(ENTRIES.c.lot_id == sa.bindparam("lot"), OPERATIONS.c.kind == "expire")
)


def revoke(
    session: Session,
    *,
    member_id: int,
    purchase_id: int,
    remaining: int,
    cause: Cause,
    now: datetime,
) -> Posted:
    """Take back what a sale earned beyond what NT$ `remaining` of it earns: from its own lot, then
    from others in spending order, the rest as debt. Points of its lot that lapsed unused are not
    taken a second time. Raises Conflict."""
    held = lock(session, member_id=member_id, now=now)
    is_known = session.execute(SAME_ID, {"external_id": cause.external_id}).one_or_none()
    points, lapsed, lot_id = (
        (0, 0, None) if is_known else _revocable(session, purchase_id, remaining)
    )
    operation_id, is_new, amount, _ = post(
        session,
        member_id,
        "revoke",
        lapsed - points,
        cause,
        content=(purchase_id, remaining),
        facts={"points": points, "lapsed": lapsed, "remaining": remaining},
        at=now,
        now=now,
    )
    if is_new and points > lapsed and lot_id is not None:
        books = Books(session, member_id, held, now)
        takes, shortfall = rules.take_back(books.lots.values(), lot_id, points - lapsed)
        books.take(operation_id, takes)
        books.owe(operation_id, shortfall)
        held = books.close()
    return Posted(operation_id, amount, held, is_new)


def _revocable(session: Session, purchase_id: int, remaining: int) -> tuple[int, int, int | None]:
    """(points to take back, of these lapsed already, the sale's lot)."""
    earning = session.execute(_EARNED, {"purchase": purchase_id}).one_or_none()
    if earning is None or not earning.amount:
        return 0, 0, None
    before = list(session.scalars(_REVOKED, {"purchase": purchase_id}))
    kept = earning.amount - sum(facts["points"] for facts in before)
    formula: Formula = rules.formula_from_facts(earning.facts["formula"])
    points = rules.to_revoke(formula, remaining=remaining, kept=kept)
    lot_id: int = session.execute(_LOT_OF, {"operation": earning.id}).scalar_one()
    lapsed = session.execute(_EXPIRED_OF, {"lot": lot_id}).scalar_one()
    lapsed -= sum(facts["lapsed"] for facts in before)
    return points, min(points, int(lapsed)), lot_id


def withdraw(
    session: Session, *, member_id: int, award: str, cause: Cause, now: datetime
) -> Posted:
    """Take back what is left of the points awarded under the external id `award`; what was spent
    or has lapsed stays so, and nothing becomes debt. Raises NotFound, Conflict."""
    held = lock(session, member_id=member_id, now=now)
    awarded = session.execute(SAME_ID, {"external_id": award}).one_or_none()
    if awarded is None:
        raise NotFound("award", award)
    known = session.execute(SAME_ID, {"external_id": cause.external_id}).one_or_none()
    lot = None if known else _lot_left(session, member_id, awarded.id, held, now)
    operation_id, is_new, amount, _ = post(
        session,
        member_id,
        "withdraw",
        0 if lot is None else -lot.remaining,
        cause,
        content=(award,),
        at=now,
        now=now,
    )
    if is_new and lot is not None:
        books = Books(session, member_id, held, now)
        books.take(operation_id, [Take(lot.id, lot.remaining)])
        held = books.close()
        tell(session, member_id, "points.withdrawn", amount, cause, now)
    return Posted(operation_id, amount, held, is_new)


def _lot_left(
    session: Session, member_id: int, operation_id: int, held: Standing, now: datetime
) -> Lot | None:
    lot_id = session.execute(_LOT_OF, {"operation": operation_id}).scalar_one_or_none()
    lot = None if lot_id is None else Books(session, member_id, held, now).lots.get(lot_id)
    return lot if lot is not None and lot.remaining else None

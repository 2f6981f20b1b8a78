"""Hold coupons for an order that is being checked out in a shop on the web; after a quarter of an
hour they are the member's again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed
from app.core.prepared import Prepared
from app.coupons.models import COUPONS, ISSUED, RESERVED
from app.coupons.queries import is_free_for
from app.coupons.rules import CouponNotUsable
from app.coupons.service.records import note, note_all
from app.coupons.service.using import Use, owned

HELD_FOR: Final = timedelta(minutes=15)


def reserve(
    session: Session, *, codes: Sequence[str], member_id: int, order_id: str, now: datetime
) -> datetime:
    """Hold them for the order, all or none, and return until when; the same order again holds them
    anew, and lets go of what it holds besides. Only a sale of that id can use them meanwhile, also
    when a coupon's own end comes in that time; but it is not held longer then.

    Raises CouponNotUsable, then the caller must roll back; NotFound as `redeem_all` does."""
    rows = owned(session, [Use(code) for code in codes], member_id, order_id, now)
    kept = [row.id for _, row in rows]
    _let_go(session, sa.and_(COUPONS.c.reserved_for == order_id, COUPONS.c.id.not_in(kept)), now)
    first_end = now + HELD_FOR
    for code, row in sorted(rows, key=lambda each: int(each[1].id)):
        is_over = row.expires_at is not None and row.expires_at <= now
        until = row.reserved_until if is_over else now + HELD_FOR
        first_end = min(first_end, until)
        won = changed(
            session,
            sa.update(COUPONS)
            .where(COUPONS.c.id == row.id, is_free_for(order_id, now))
            .values(status=RESERVED, reserved_for=order_id, reserved_until=until),
        )
        if not won:
            raise CouponNotUsable("reserved", coupon=code)
        note(session, row.id, "reserved", now, facts={"order": order_id})
    return first_end


# Said as a literal, or SQLite does not see that the index of what is held will do.
_IS_HELD = COUPONS.c.status == sa.literal_column(f"'{RESERVED}'")
_HELD_BY = Prepared(
    sa.select(COUPONS.c.id).where(COUPONS.c.reserved_for == sa.bindparam("order"), _IS_HELD)
)


def release(session: Session, *, order_id: str, now: datetime) -> int:
    """Let go of what the order holds; return how many. Safe to run twice."""
    if not _HELD_BY.rows(session, {"order": order_id}):
        return 0  # nearly every sale
    return _let_go(session, COUPONS.c.reserved_for == order_id, now)


def release_due(session: Session, *, now: datetime, limit: int = 5000) -> int:
    """Let go of what was held long enough; return how many. Safe to run twice."""
    due = (
        sa.select(COUPONS.c.id)
        .where(COUPONS.c.status == RESERVED, COUPONS.c.reserved_until <= now)
        .order_by(COUPONS.c.reserved_until)
        .limit(limit)
    )
    return _let_go(session, COUPONS.c.id.in_(due), now, is_waiting=False)


def _let_go(
    session: Session, which: sa.ColumnElement[bool], now: datetime, *, is_waiting: bool = True
) -> int:
    """By id, as everybody who takes several coupons; or only those that nobody moves just now."""
    held = sa.select(COUPONS.c.id).where(which, _IS_HELD).order_by(COUPONS.c.id)
    found = session.scalars(held.with_for_update(skip_locked=not is_waiting)).all()
    freed: Sequence[Any] = session.scalars(
        sa.update(COUPONS)
        .where(COUPONS.c.id.in_(found), COUPONS.c.status == RESERVED)
        .values(status=ISSUED, reserved_for=None, reserved_until=None)
        .returning(COUPONS.c.id)
    ).all()
    note_all(session, freed, "released", now, {})
    return len(freed)

"""Take coupons away, give them back, let them expire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed
from app.coupons.models import (
    ACCEPTED,
    COUPONS,
    EVENTS,
    EXPIRED,
    GIFTS,
    HOLDINGS,
    ISSUED,
    RESERVED,
    REVOKED,
    TAKEN_BACK,
)
from app.coupons.service.gifting import end
from app.coupons.service.records import note, note_all

UNUSED: Final = (ISSUED, RESERVED)


def revoke(
    session: Session, *, coupon_id: int, reason: str, staff_id: int | None, now: datetime
) -> bool:
    """Take an unused coupon away, also from an order or a gift that holds it. False when it is used
    or over by then, or was given to a friend: what somebody was given is theirs."""
    may = sa.and_(COUPONS.c.id == coupon_id, COUPONS.c.status.in_(UNUSED), COUPONS.c.given == 0)
    # The gift before its coupon, as whoever takes it does.
    end(session, GIFTS.c.coupon_id.in_(sa.select(COUPONS.c.id).where(may)), TAKEN_BACK, now)
    won = changed(
        session,
        sa.update(COUPONS)
        .where(may)
        .values(status=REVOKED, reserved_for=None, reserved_until=None),
    )
    if won:
        note(session, coupon_id, "revoked", now, None, staff_id, {"reason": reason})
    return bool(won)


def reinstate(session: Session, *, coupon_id: int, reason: str, now: datetime) -> bool:
    """Give a coupon back that was taken away for this very reason, with its old end date. False
    when it was not."""
    last = session.execute(
        sa.select(EVENTS.c.kind, EVENTS.c.facts)
        .where(EVENTS.c.coupon_id == coupon_id)
        .order_by(EVENTS.c.id.desc())
        .limit(1)
    ).one_or_none()
    if last is None or last.kind != "revoked" or last.facts.get("reason") != reason:
        return False
    won = changed(
        session,
        sa.update(COUPONS)
        .where(COUPONS.c.id == coupon_id, COUPONS.c.status == REVOKED)
        .values(status=ISSUED),
    )
    if won:
        note(session, coupon_id, "reinstated", now, facts={"after": reason})
    return bool(won)


# When two members turn out to be one ------------------------------------------------------------


def was_given(session: Session, *, member_id: int, source: str) -> bool:
    """Whether a coupon was ever given to the member for that reason, also one that is a friend's
    by now."""
    given = sa.exists().where(COUPONS.c.member_id == member_id, COUPONS.c.source == source)
    passed_on = (
        sa.select(GIFTS.c.id)
        .join_from(GIFTS, COUPONS, COUPONS.c.id == GIFTS.c.coupon_id)
        .where(
            GIFTS.c.giver_id == member_id,
            GIFTS.c.status == ACCEPTED,
            COUPONS.c.dedup_key.startswith(f"{source}:", autoescape=True),  # the source is "gift"
        )
        .exists()
    )
    return bool(session.scalar(sa.select(sa.or_(given, passed_on))))


def revoke_all(
    session: Session,
    *,
    member_id: int,
    source: str,
    reason: str,
    staff_id: int | None,
    now: datetime,
) -> None:
    """Take the member's unused coupons of one source away."""
    unused = sa.select(COUPONS.c.id).where(
        COUPONS.c.member_id == member_id, COUPONS.c.source == source, COUPONS.c.status.in_(UNUSED)
    )
    for coupon_id in session.scalars(unused).all():
        revoke(session, coupon_id=coupon_id, reason=reason, staff_id=staff_id, now=now)


def reinstate_all(session: Session, *, member_id: int, reason: str, now: datetime) -> None:
    """Give back what was taken from the member for this very reason."""
    taken = sa.select(COUPONS.c.id).where(
        COUPONS.c.member_id == member_id, COUPONS.c.status == REVOKED
    )
    for coupon_id in session.scalars(taken).all():
        reinstate(session, coupon_id=coupon_id, reason=reason, now=now)


def fold_holdings(session: Session, *, member_ids: Sequence[int]) -> None:
    """Count anew how many of each kind these members were given: what they hold, and what they gave
    to friends."""
    session.execute(sa.delete(HOLDINGS).where(HOLDINGS.c.member_id.in_(member_ids)))
    held = sa.select(COUPONS.c.kind_id, COUPONS.c.member_id).where(
        COUPONS.c.member_id.in_(member_ids)
    )
    given = (
        sa.select(COUPONS.c.kind_id, GIFTS.c.giver_id)
        .join_from(GIFTS, COUPONS, COUPONS.c.id == GIFTS.c.coupon_id)
        .where(GIFTS.c.giver_id.in_(member_ids), GIFTS.c.status == ACCEPTED)
    )
    both = sa.union_all(held, given).subquery()
    counted = sa.select(both.c.kind_id, both.c.member_id, sa.func.count()).group_by(
        both.c.kind_id, both.c.member_id
    )
    session.execute(sa.insert(HOLDINGS).from_select(["kind_id", "member_id", "issued"], counted))


def expire_due(session: Session, *, now: datetime, limit: int = 5000) -> int:
    """Mark coupons whose time is over; return how many. Safe to run twice."""
    due = (
        sa.select(COUPONS.c.id)
        .where(COUPONS.c.status == ISSUED, COUPONS.c.expires_at <= now)
        .order_by(COUPONS.c.expires_at)
        .limit(limit)
    )
    expired = session.scalars(
        sa.update(COUPONS)
        .where(COUPONS.c.id.in_(due), COUPONS.c.status == ISSUED)
        .values(status=EXPIRED)
        .returning(COUPONS.c.id)
    ).all()
    note_all(session, expired, "expired", now, {})
    return len(expired)

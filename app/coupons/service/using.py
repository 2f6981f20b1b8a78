"""Redeem a coupon once, and take a redemption back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed
from app.core.errors import NotFound
from app.coupons import rules
from app.coupons.models import COUPONS, EXPIRED, ISSUED, KINDS, OFFERS, REDEEMED
from app.coupons.rules import Conditions, CouponNotUsable, Offer, Situation
from app.coupons.service.records import note
from app.timeline import service as timeline


@dataclass(frozen=True, slots=True)
class Redeemed:
    coupon_id: int
    code: str
    member_id: int | None
    kind_name: str
    type: str
    discount: int  # NT$
    at: datetime


_OFFER = (
    sa.select(
        COUPONS.c.id,
        COUPONS.c.member_id,
        COUPONS.c.kind_id,
        COUPONS.c.status,
        COUPONS.c.usable_from,
        COUPONS.c.expires_at,
        COUPONS.c.redeemed_at,
        OFFERS.c.name,
        OFFERS.c.type,
        OFFERS.c.value,
        OFFERS.c.cap,
        OFFERS.c.min_spend,
        OFFERS.c.stacking,
        OFFERS.c.conditions,
    )
    .join_from(COUPONS, OFFERS, OFFERS.c.id == COUPONS.c.offer_id)
    .where(COUPONS.c.code == sa.bindparam("code"))
)


def redeem(
    session: Session,
    *,
    code: str,
    member_id: int | None,
    store_id: int | None,
    staff_id: int | None,
    situation: Situation,
    now: datetime,
    purchase_id: int | None = None,
) -> Redeemed:
    """Use a coupon once. Raises CouponNotUsable; NotFound when no such code exists, or it belongs
    to somebody else (which is not told apart, so that codes cannot be tried out)."""
    row = session.execute(_OFFER, {"code": code.strip().upper()}).one_or_none()
    if row is None or (row.member_id is not None and row.member_id != member_id):
        raise NotFound("coupon", code)
    _check_state(row, now)
    offer = Offer(
        type=row.type,
        value=row.value,
        cap=row.cap,
        min_spend=row.min_spend,
        stacking=row.stacking,
        conditions=Conditions.from_json(row.conditions),
    )
    rules.check(offer, situation)
    off = rules.discount(offer, situation)
    _take(session, row, store_id, staff_id, purchase_id, off, now)
    facts = {"discount": off, "amount": situation.amount, "purchase_id": purchase_id}
    note(session, row.id, "redeemed", now, store_id, staff_id, facts)
    if row.member_id is not None:
        timeline.record(
            session,
            member_id=row.member_id,
            kind="coupon.redeemed",
            at=now,
            facts={"coupon_id": row.id, "name": row.name, "discount": off, "store_id": store_id},
        )
    return Redeemed(row.id, code, row.member_id, row.name, row.type, off, now)


def _check_state(row: Any, now: datetime) -> None:
    if row.status == REDEEMED:
        raise CouponNotUsable("already_redeemed", at=row.redeemed_at)
    if row.status == EXPIRED or (row.expires_at is not None and row.expires_at <= now):
        raise CouponNotUsable("expired", expires_at=row.expires_at)
    if row.status != ISSUED:
        raise CouponNotUsable(row.status)
    if now < row.usable_from:
        raise CouponNotUsable("not_yet", usable_from=row.usable_from)


def _take(
    session: Session,
    row: Any,
    store_id: int | None,
    staff_id: int | None,
    purchase_id: int | None,
    off: int,
    now: datetime,
) -> None:
    won = changed(
        session,
        sa.update(COUPONS)
        .where(
            COUPONS.c.id == row.id,
            COUPONS.c.status == ISSUED,
            sa.or_(COUPONS.c.expires_at.is_(None), COUPONS.c.expires_at > now),
        )
        .values(
            status=REDEEMED,
            redeemed_at=now,
            store_id=store_id,
            staff_id=staff_id,
            purchase_id=purchase_id,
            discount=off,
        ),
    )
    if not won:
        raise CouponNotUsable("already_redeemed", at=None)
    counted = changed(
        session,
        sa.update(KINDS)
        .where(
            KINDS.c.id == row.kind_id,
            sa.or_(KINDS.c.redeem_limit.is_(None), KINDS.c.redeemed < KINDS.c.redeem_limit),
        )
        .values(redeemed=KINDS.c.redeemed + 1),
    )
    if not counted:
        raise CouponNotUsable("redeem_limit")


def rollback(
    session: Session, *, coupon_id: int, reason: str, staff_id: int | None, now: datetime
) -> None:
    """Give a used coupon back with its old end date, at least three days to live.

    Raises NotFound when it is not redeemed (any more)."""
    row = session.execute(
        sa.select(COUPONS.c.kind_id, COUPONS.c.expires_at, COUPONS.c.member_id).where(
            COUPONS.c.id == coupon_id
        )
    ).one_or_none()
    if row is None:
        raise NotFound("coupon", coupon_id)
    won = changed(
        session,
        sa.update(COUPONS)
        .where(COUPONS.c.id == coupon_id, COUPONS.c.status == REDEEMED)
        .values(
            status=ISSUED,
            expires_at=rules.expiry_after_rollback(row.expires_at, now=now),
            redeemed_at=None,
            store_id=None,
            staff_id=None,
            purchase_id=None,
            discount=None,
        ),
    )
    if not won:
        raise NotFound("redeemed coupon", coupon_id)
    changed(
        session,
        sa.update(KINDS)
        .where(KINDS.c.id == row.kind_id, KINDS.c.redeemed > 0)
        .values(redeemed=KINDS.c.redeemed - 1),
    )
    note(session, coupon_id, "rolled_back", now, None, staff_id, {"reason": reason})
    if row.member_id is not None:
        timeline.record(
            session,
            member_id=row.member_id,
            kind="coupon.rolled_back",
            at=now,
            facts={"coupon_id": coupon_id, "reason": reason},
        )

"""The coupons of a sale: judged together on what it came to before them, and taken off."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.checkouts.service.buyers import Buyer
from app.coupons import queries as coupon_queries
from app.coupons import rules as coupon_rules
from app.coupons import service as coupons
from app.coupons.rules import CouponNotUsable, Line, Situation, Type
from app.coupons.service import Redeemed, Use, WordRefused
from app.purchases import queries as purchases
from app.purchases.rules import Item, PurchaseOrder

SHIPPING: Final = "shipping"  # the category of a line that is no goods


@dataclass(frozen=True, slots=True)
class CouponUse:
    """A coupon used on a sale, and the NT$ that the till took off for it. `goods`: NT$ of the goods
    it is good for, as the clerk says where no items are told."""

    code: str
    discount: int
    goods: int | None = None


def is_first(session: Session, order: PurchaseOrder, uses: Sequence[CouponUse]) -> bool:
    """Looked at before the sale is written, and only for a coupon, which may ask."""
    if not uses or order.member_id is None:
        return False
    return not purchases.has_bought(session, order.member_id)


def redeem(
    session: Session,
    order: PurchaseOrder,
    uses: Sequence[CouponUse],
    buyer: Buyer,
    *,
    total: int,
    purchase_id: int,
    store_code: str,
    is_first: bool,
    now: datetime,
) -> list[Redeemed]:
    """The coupons are judged on the amount before them and before points (`total` is after the
    coupons), and each must give what the till took off."""
    if not uses:
        coupons.release(session, order_id=order.external_id, now=now)
        return []
    _hold_kinds(session, uses)
    uses = [_claimed(session, use, buyer, order.external_id, now) for use in uses]
    around = situation(
        order.items,
        total + sum(use.discount for use in uses),
        at=order.sold_at,
        store=store_code,
        channel=order.channel,
        tier=buyer.tier.code,
        birth_month=buyer.birth_month,
        is_first_purchase=is_first,
    )
    used = coupons.redeem_all(
        session,
        uses=[Use(use.code, use.goods) for use in uses],
        member_id=buyer.id,
        store_id=order.store_id,
        staff_id=order.staff_id,
        situation=around,
        now=now,
        purchase_id=purchase_id,
        order_id=order.external_id,
    )
    coupons.release(session, order_id=order.external_id, now=now)  # what it held and did not use
    said = {use.code.strip().upper(): use.discount for use in uses}
    for one in used:
        if one.discount != said[one.code]:
            raise CouponNotUsable("discount", expected=one.discount, coupon=one.code)
    return used


def _hold_kinds(session: Session, uses: Sequence[CouponUse]) -> None:
    """A word gives a coupon before the others are used, so all kinds are held before that."""
    words = [word for use in uses if (word := coupon_rules.word_of(use.code)) is not None]
    coupons.lock_kinds(session, codes=[use.code.strip().upper() for use in uses], words=words)


def _claimed(
    session: Session, use: CouponUse, buyer: Buyer, order_id: str, now: datetime
) -> CouponUse:
    """A word that everybody may know stands for a coupon of the member's own: the one it gave them
    before, unless that is used, or one given now. Raises CouponNotUsable."""
    word = coupon_rules.word_of(use.code)
    if word is None or coupon_queries.kind_of_word(session, word) is None:
        return use
    held = coupons.held_of_word(session, word=word, member_id=buyer.id, order_id=order_id, now=now)
    if held is not None:
        return replace(use, code=held)
    try:
        issued = coupons.claim_word(
            session, word=word, member_id=buyer.id, joined_on=buyer.joined_on, now=now
        )
    except WordRefused as refused:
        raise CouponNotUsable(f"word_{refused.reason}", coupon=use.code) from refused
    return use if issued is None else replace(use, code=issued.code)


def situation(
    items: Sequence[Item],
    amount: int,
    *,
    at: datetime,
    store: str,
    channel: str,
    tier: str,
    birth_month: int | None,
    is_first_purchase: bool,
) -> Situation:
    """A sale of `amount` NT$, shipping included, as coupons see it: the shipping apart."""
    shipping = max(0, min(amount, sum(item.amount for item in items if item.category == SHIPPING)))
    goods = [item for item in items if item.category != SHIPPING]
    return Situation(
        amount=amount - shipping,
        at=at,
        store=store,
        channel=channel,
        tier=tier,
        birth_month=birth_month,
        is_first_purchase=is_first_purchase,
        shipping=shipping,
        lines=tuple(Line(item.amount, item.category, item.sku, item.quantity) for item in goods),
    )


def item_discounts(items: Sequence[Item], used: Sequence[Redeemed]) -> list[int]:
    """NT$ that the coupons took off each item, so that a part given back is worth what was paid for
    it; empty without coupons or items."""
    if not used or not items:
        return []
    goods = iter(used[0].lines)
    freight = sum(one.discount for one in used if one.type == Type.FREE_SHIPPING)
    weights = [max(0, item.amount) if item.category == SHIPPING else 0 for item in items]
    shipping = coupon_rules.split(freight, weights)
    return [
        off if item.category == SHIPPING else next(goods)
        for item, off in zip(items, shipping, strict=True)
    ]

"""Goods come back and others go out in one step: a refund and a sale under one id, one receipt."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.checkouts import messages
from app.checkouts.service.answers import Checkout
from app.checkouts.service.buyers import Buyer, buyer_of, store_of
from app.checkouts.service.payments import PointPayment
from app.checkouts.service.redeeming import CouponUse
from app.checkouts.service.refunds import held_sale
from app.checkouts.service.refunds import refund as give_back
from app.checkouts.service.sales import record_purchase
from app.core.errors import NotFound
from app.coupons import queries as coupon_queries
from app.coupons import rules as coupon_rules
from app.coupons import service as coupon_service
from app.outbox import service as outbox
from app.programmes import queries as programmes
from app.purchases.queries import Bought
from app.purchases.rules import Item, PurchaseOrder, RefundOrder
from flex_templates.theme import CAMPHOR, Theme


@dataclass(frozen=True, slots=True)
class ExchangeOrder:
    """NT$ `back` of a sale are given back and a sale of `amount` NT$ (paid, after coupons and then
    points) takes their place. The refund and the sale both carry `external_id`. `said` as in a
    PurchaseOrder."""

    external_id: str
    purchase_external_id: str
    back: int
    amount: int
    at: datetime
    channel: str = "pos"
    items_back: tuple[Mapping[str, Any], ...] = ()
    items: tuple[Item, ...] = ()
    store_id: int | None = None
    staff_id: int | None = None
    invoice_number: str | None = None
    invoice_period: str | None = None
    said: Mapping[str, Any] | None = None

    @property
    def content(self) -> dict[str, Any]:
        """What two calls with one id must have in common; the moment of the call is none of it."""
        said = self.said
        if said is None:
            said = {
                "back": self.back,
                "amount": self.amount,
                "items_back": [dict(item) for item in self.items_back],
                "items": [[item.sku, item.quantity, item.unit_price] for item in self.items],
                "invoice": self.invoice_number,
            }
        return {"exchange_of": self.purchase_external_id, "said": dict(said)}


def exchange_purchase(
    session: Session,
    *,
    order: ExchangeOrder,
    now: datetime,
    coupons: tuple[CouponUse, ...] = (),
    payment: PointPayment | None = None,
    is_quiet: bool = False,
    theme: Theme = CAMPHOR,
) -> Checkout:
    """Give money of a sale back and record another for the same member, all or nothing: what a
    refund and then a sale come to, in one message. A coupon that comes back with the refund may be
    used on the sale at once. The same call again gives the same facts.

    Raises NotFound, RefundTooLarge, and what `record_purchase` raises; then the caller must roll
    back."""
    bought = held_sale(session, order.purchase_external_id, now)
    if bought is None:
        raise NotFound("purchase", order.purchase_external_id)
    before = None
    if bought.member_id is not None:
        terms = programmes.terms_at(session, now)
        before = buyer_of(session, bought.member_id, terms, now, now)
        _hold_kinds(session, bought, coupons)
    refund = RefundOrder(
        external_id=order.external_id,
        purchase_external_id=order.purchase_external_id,
        amount=order.back,
        items=order.items_back,
        store_id=order.store_id,
        staff_id=order.staff_id,
        said=order.content,
    )
    returned, swap = give_back(
        session, refund, bought, now, is_quiet=True, is_exchange=True, theme=theme
    )
    sale = PurchaseOrder(
        external_id=order.external_id,
        amount=order.amount,
        sold_at=order.at,
        channel=order.channel,
        member_id=bought.member_id,
        store_id=order.store_id or bought.store_id,
        staff_id=order.staff_id,
        items=order.items,
        invoice_number=order.invoice_number,
        invoice_period=order.invoice_period,
        said=order.content,
    )
    sold = record_purchase(
        session,
        order=sale,
        now=now,
        coupons=coupons,
        payment=payment,
        is_quiet=True,
        swap=swap,
        theme=theme,
    )
    facts = _facts(order, returned.facts, sold.facts)
    if sold.is_new and before is not None and not is_quiet:
        _tell(session, order, sold, sale.store_id, before, facts, theme, now)
    return replace(sold, facts=facts)


def _hold_kinds(session: Session, bought: Bought, uses: Sequence[CouponUse]) -> None:
    """The refund moves the kinds of one set of coupons and the sale those of another: all are held
    first, so that two exchanges wait and never in a ring."""
    on_sale = [coupon_id for coupon_id, _ in coupon_queries.names_on_sale(session, bought.id)]
    if not on_sale and not uses:
        return
    words = [word for use in uses if (word := coupon_rules.word_of(use.code)) is not None]
    codes = [use.code.strip().upper() for use in uses]
    coupon_service.lock_kinds(session, codes=codes, words=words, coupon_ids=on_sale)


def _facts(
    order: ExchangeOrder, returned: Mapping[str, Any], sold: Mapping[str, Any]
) -> dict[str, Any]:
    """Made from the answers that are kept of both, so that a repeated call gets the same."""
    left = Counter(returned["coupons_returned"])
    left.subtract(one["name"] for one in sold["coupons"])  # used again: one of each name
    back = returned["points"]
    return {
        "exchange": {
            "external_id": order.external_id,
            "purchase_external_id": order.purchase_external_id,
            "back": order.back,
            "amount": order.amount,
            "to_pay": order.amount - order.back,
        },
        "purchase": sold["purchase"],
        "coupons": sold["coupons"],
        "coupons_returned": list(left.elements()),
        "item_discounts": sold["item_discounts"],
        "points": {"revoked": back["revoked"], "restored": back["restored"]} | sold["points"],
        "tier": sold["tier"],
        "notes": [*returned["notes"], *sold["notes"]],
    }


def _tell(
    session: Session,
    order: ExchangeOrder,
    sold: Checkout,
    store_id: int | None,
    before: Buyer,
    facts: Mapping[str, Any],
    theme: Theme,
    now: datetime,
) -> None:
    if before.line_user_id is None:
        return
    tier = facts["tier"]
    moved = () if tier["code"] == before.tier.code else (f"您的等級調整為{tier['name']}。",)
    _, store = store_of(session, store_id)
    outbox.push(
        session,
        member_id=before.id,
        recipient=before.line_user_id,
        messages=[
            messages.exchange(facts=facts, at=order.at, store=store, moved=moved, theme=theme)
        ],
        kind="exchange",
        klass="service",
        dedup_key=f"exchange:{sold.purchase_id}",
        now=now,
    )

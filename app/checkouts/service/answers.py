"""What a till is answered: the JSON of purchase, coupons, points and tier."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.checkouts.service.buyers import Buyer
from app.checkouts.service.payments import Paid
from app.checkouts.service.redeeming import item_discounts
from app.coupons.service import Redeemed
from app.points.rules import Earned, Standing
from app.programmes.rules import Tier
from app.purchases.rules import PurchaseOrder, RefundOrder
from app.purchases.service import Refunded


@dataclass(frozen=True, slots=True)
class Checkout:
    """What a till is answered. `facts` is the JSON of design: purchase, coupons, points, tier, and
    notes: what else moved, in words for the clerk and the receipt."""

    is_new: bool
    purchase_id: int
    facts: dict[str, Any]


def sale_facts(
    order: PurchaseOrder,
    store_code: str,
    number: str | None,
    earned: Earned | None,
    used: Sequence[Redeemed],
    paid: Paid | None,
    standing: Standing | None,
    tier: Tier | None,
    notes: tuple[str, ...],
) -> dict[str, Any]:
    return {
        "purchase": {
            "external_id": order.external_id,
            "member_number": number,
            "store": store_code or None,
            "sold_at": order.sold_at.isoformat(),
            "amount": order.amount,
            "refunded": 0,
            "invoice_number": order.invoice_number,
        },
        "coupons": [
            {
                "code": one.code,
                "name": one.kind_name,
                "type": one.type,
                "discount": one.discount,
            }
            for one in used
        ],
        "item_discounts": item_discounts(order.items, used),
        "points": {
            "earned": 0 if earned is None else earned.total,
            "redeemed": 0 if paid is None else paid.points,
            "discount": 0 if paid is None else paid.worth,
            "pending": 0 if standing is None else standing.pending,
            "balance": 0 if standing is None else standing.balance,
        },
        "tier": None if tier is None else {"code": tier.code, "name": tier.name},
        "notes": list(notes),
    }


def refund_facts(
    order: RefundOrder,
    refunded: Refunded,
    revoked: int,
    restored: int,
    standing: Standing | None,
    buyer: Buyer | None,
    notes: tuple[str, ...],
    returned: Sequence[str] = (),
) -> dict[str, Any]:
    return {
        "refund": {
            "external_id": order.external_id,
            "purchase_external_id": order.purchase_external_id,
            "amount": order.amount,
        },
        "coupons_returned": list(returned),
        "points": {
            "revoked": revoked,
            "restored": restored,
            "pending": 0 if standing is None else standing.pending,
            "balance": 0 if standing is None else standing.balance,
        },
        "tier": None if buyer is None else {"code": buyer.tier.code, "name": buyer.tier.name},
        "notes": list(notes),
    }

"""What coupons would do on a sale that is not recorded yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.checkouts import service
from app.coupons import rules as coupon_rules
from app.coupons.queries import HeldCoupon
from app.coupons.rules import Chosen, CouponNotUsable, Situation, Stack
from app.members import queries as members
from app.purchases import queries as purchases
from app.purchases.rules import Item
from app.tiers import queries as tiers


def situation(
    session: Session,
    *,
    member_id: int,
    amount: int,
    at: datetime,
    store: str,
    channel: str,
    items: Sequence[Item] = (),
    instead_of: int | None = None,
) -> Situation:
    """The sale as coupons see it; `amount` is NT$ before coupons and points. `instead_of`: the
    purchase that goes back wholly for it."""
    if instead_of is None:
        has_bought = purchases.has_bought(session, member_id)
    else:
        has_bought = purchases.has_bought_besides(session, member_id, purchase_id=instead_of)
    birthday = members.person(session, member_id).birthday
    return service.situation(
        items,
        amount,
        at=at,
        store=store,
        channel=channel,
        tier=tiers.progress(session, member_id, now=at).tier.code,
        birth_month=None if birthday is None else birthday.month,
        is_first_purchase=not has_bought,
    )


@dataclass(frozen=True, slots=True)
class Quote:
    """What the chosen coupons take off together, and of each other one by its code: how much more
    would come off with it too (NT$), or why it cannot be added."""

    stack: Stack
    others: Mapping[str, int | CouponNotUsable]


def quote(chosen: Sequence[Chosen], held: Sequence[HeldCoupon], around: Situation) -> Quote:
    """`held` are the usable coupons of the member. Raises CouponNotUsable, its facts naming the
    coupon, when those chosen do not go together."""
    keys = {one.key for one in chosen}
    others = [coupon.chosen() for coupon in held if coupon.code not in keys]
    return Quote(coupon_rules.stack(chosen, around), coupon_rules.addable(chosen, others, around))

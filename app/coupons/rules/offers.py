"""What a coupon takes off and when it may be used. Pure values, NT$ whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from app.core.clock import TAIPEI
from app.core.errors import DomainError


class Type(StrEnum):
    AMOUNT_OFF = "amount_off"
    PERCENT_OFF = "percent_off"
    GIFT = "gift"
    FREE_SHIPPING = "free_shipping"
    BUY_X_GET_Y = "buy_x_get_y"
    FIXED_PRICE = "fixed_price"


_OFF_THE_BILL: Final = frozenset({Type.AMOUNT_OFF, Type.PERCENT_OFF, Type.FIXED_PRICE})


@dataclass(frozen=True, slots=True)
class Conditions:
    """Empty means: no such condition. Hours are Taipei hours, half-open; Monday is 0."""

    stores: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    excluded_categories: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    weekdays: tuple[int, ...] = ()
    from_hour: int = 0
    to_hour: int = 24
    in_birth_month: bool = False
    on_first_purchase: bool = False
    skus: tuple[str, ...] = ()
    excluded_skus: tuple[str, ...] = ()
    one_per_sale: bool = False

    @classmethod
    def from_json(cls, given: Mapping[str, Any] | None) -> "Conditions":
        known = {item.name for item in fields(cls)}
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in (given or {}).items()
            if name in known
        }
        return cls(**values)

    @property
    def is_for_goods(self) -> bool:
        """Whether it is good for some goods only, and not for the whole bill."""
        return bool(self.categories or self.skus or self.excluded_categories or self.excluded_skus)

    def is_good_for(self, line: "Line") -> bool:
        """Named by its category or its number; an exclusion weighs more."""
        is_named = line.category in self.categories or line.sku in self.skus
        is_any = not (self.categories or self.skus)
        is_excluded = line.category in self.excluded_categories or line.sku in self.excluded_skus
        return (is_named or is_any) and not is_excluded


@dataclass(frozen=True, slots=True)
class Offer:
    """`value` is NT$ (amount_off), percent taken off (percent_off), the price (fixed_price), or how
    many are free (buy_x_get_y) with `buys` bought."""

    type: str
    value: int
    cap: int | None = None
    min_spend: int = 0
    stacking: str = "exclusive"
    conditions: Conditions = Conditions()
    buys: int = 1

    @property
    def takes_money_off(self) -> bool:
        """What it is worth depends on what is paid, so it is of no use without an amount."""
        return self.type in _OFF_THE_BILL

    @property
    def wants_goods(self) -> bool:
        """Where the lines are not known, somebody must say what its goods cost."""
        return self.type == Type.BUY_X_GET_Y or (
            self.takes_money_off and self.conditions.is_for_goods
        )


@dataclass(frozen=True, slots=True)
class Line:
    """Part of a sale: what its `quantity` units cost together, after line discounts. `taken` of
    them belong to a buy-x-get-y already, which keeps what one of them costs as `price`."""

    amount: int
    category: str = ""
    sku: str = ""
    quantity: int = 1
    taken: int = 0
    price: int | None = None

    @property
    def free(self) -> int:
        """Units that a buy-x-get-y may still count."""
        return self.quantity - self.taken if self.amount > 0 else 0

    @property
    def unit_price(self) -> int:
        if self.price is not None:
            return self.price
        return self.amount // self.quantity if self.quantity > 0 else 0


@dataclass(frozen=True, slots=True)
class Situation:
    """The sale a coupon is to be used on. `amount` is before coupons and points, without
    `shipping`. Without lines the whole amount counts as eligible."""

    amount: int
    at: datetime
    store: str = ""
    channel: str = ""
    tier: str = ""
    birth_month: int | None = None
    is_first_purchase: bool = False
    shipping: int = 0
    lines: Sequence[Line] = ()


class CouponNotUsable(DomainError):
    """`reason` is a word that edges turn into a sentence; `facts` fill it in. Among several coupons
    `facts["coupon"]` is the code of the one that refuses."""

    def __init__(self, reason: str, **facts: Any) -> None:
        super().__init__(f"coupon not usable: {reason} {facts}")
        self.reason, self.facts = reason, facts


def eligible_amount(
    conditions: Conditions, situation: Situation, *, goods: int | None = None
) -> int:
    """What of the sale the coupon may be used on, NT$. `goods`: what its goods cost, as the clerk
    says where the lines are not known."""
    if situation.lines and conditions.is_for_goods:
        good = sum(line.amount for line in situation.lines if conditions.is_good_for(line))
    else:
        good = situation.amount if goods is None else goods
    return max(0, min(situation.amount, good))


def check(offer: Offer, situation: Situation, *, goods: int | None = None) -> None:
    """Raises CouponNotUsable with the first condition that fails."""
    conditions, local = offer.conditions, situation.at.astimezone(TAIPEI)
    is_bundle = offer.type == Type.BUY_X_GET_Y  # `goods` is then the price of what is free
    eligible = eligible_amount(conditions, situation, goods=None if is_bundle else goods)
    if eligible < offer.min_spend:
        raise CouponNotUsable(
            "min_spend", needed=offer.min_spend, missing=offer.min_spend - eligible
        )
    is_known = bool(situation.lines) or goods is not None
    refusals = {
        "store": bool(conditions.stores) and situation.store not in conditions.stores,
        "channel": bool(conditions.channels) and situation.channel not in conditions.channels,
        "tier": bool(conditions.tiers) and situation.tier not in conditions.tiers,
        "weekday": bool(conditions.weekdays) and local.weekday() not in conditions.weekdays,
        "hours": not conditions.from_hour <= local.hour < conditions.to_hour,
        "birth_month": conditions.in_birth_month and situation.birth_month != local.month,
        "first_purchase": conditions.on_first_purchase and not situation.is_first_purchase,
        "nothing_eligible": is_known and conditions.is_for_goods and eligible == 0,
    }
    for reason, is_refused in refusals.items():
        if is_refused:
            raise CouponNotUsable(reason)
    if is_bundle and situation.lines:
        _check_units(offer, situation)


def _check_units(offer: Offer, situation: Situation) -> None:
    units = sum(line.free for line in situation.lines if offer.conditions.is_good_for(line))
    needed = offer.buys + offer.value
    if units < needed:
        raise CouponNotUsable("too_few", needed=needed, missing=needed - units)


def discount(offer: Offer, situation: Situation, *, goods: int | None = None) -> int:
    """NT$ taken off, floored, never more than the eligible part; 0 for gifts, and for buy-x-get-y
    where neither the lines nor the price of what is free are known."""
    eligible = eligible_amount(offer.conditions, situation, goods=goods)
    match offer.type:
        case Type.AMOUNT_OFF:
            off = offer.value
        case Type.PERCENT_OFF:
            off = eligible * offer.value // 100
        case Type.FIXED_PRICE:
            off = eligible - offer.value
        case Type.BUY_X_GET_Y if situation.lines:
            off = sum(price for _, _, price in free_units(offer, situation))
        case Type.BUY_X_GET_Y:
            off = goods or 0
        case Type.FREE_SHIPPING:
            return min(
                situation.shipping, offer.cap if offer.cap is not None else situation.shipping
            )
        case _:
            return 0
    if offer.cap is not None:
        off = min(off, offer.cap)
    return max(0, min(off, eligible))


def free_units(offer: Offer, situation: Situation) -> list[tuple[int, int, int]]:
    """(place of the line, units, NT$) of what a buy-x-get-y makes free: the cheapest of its goods,
    one set a coupon."""
    wanted, found = offer.value, []
    for place in _by_price(offer, situation.lines):
        line = situation.lines[place]
        units = min(wanted, line.free)
        if units:
            found.append((place, units, line.unit_price * units))
            wanted -= units
    return found


def bought_units(offer: Offer, situation: Situation) -> list[tuple[int, int]]:
    """(place of the line, units) of what is bought for it: the dearest of its goods."""
    wanted, found = offer.buys, []
    for place in reversed(_by_price(offer, situation.lines)):
        units = min(wanted, situation.lines[place].free)
        if units:
            found.append((place, units))
            wanted -= units
    return found


def _by_price(offer: Offer, lines: Sequence[Line]) -> list[int]:
    """Places of the lines it is good for, cheapest units first."""
    good = [
        place
        for place, line in enumerate(lines)
        if offer.conditions.is_good_for(line) and line.free
    ]
    return sorted(good, key=lambda place: (lines[place].unit_price, place))

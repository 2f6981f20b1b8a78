"""Several coupons on one sale: which go together, in which order, and what each takes off.

The order does not depend on who typed what first: goods that are free, then prices, then amounts,
then percents; gifts and shipping last. Each is judged on what the ones before left."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.coupons.rules.offers import (
    CouponNotUsable,
    Line,
    Offer,
    Situation,
    Type,
    bought_units,
    check,
    discount,
    free_units,
)

MOST_TOGETHER: Final = 5  # coupons on one sale
_RANK: Final = {
    Type.BUY_X_GET_Y: 0,
    Type.FIXED_PRICE: 1,
    Type.AMOUNT_OFF: 2,
    Type.PERCENT_OFF: 3,
    Type.GIFT: 4,
    Type.FREE_SHIPPING: 5,
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A coupon put on a sale. `key` is its code, `kind` the code of its kind, `goods` what its
    goods cost (NT$), as the clerk says where the lines are not known."""

    key: str
    offer: Offer
    kind: str = ""
    goods: int | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """NT$ each coupon takes off, by its key, in the order in which they were taken; and NT$ off
    each line of the sale, empty where the lines are not known."""

    parts: Mapping[str, int]
    lines: tuple[int, ...] = ()

    @property
    def total(self) -> int:
        return sum(self.parts.values())


def stack(chosen: Sequence[Chosen], situation: Situation) -> Stack:
    """What the coupons take off together. The same coupons give the same parts in whatever order
    they come. Raises CouponNotUsable, its facts naming the coupon, when they do not go together."""
    check_together(chosen)
    left, parts = situation, dict[str, int]()
    off_lines = [0] * len(situation.lines)
    for one in sorted(chosen, key=_place):
        try:
            check(one.offer, left, goods=one.goods)
        except CouponNotUsable as refused:
            raise CouponNotUsable(refused.reason, **refused.facts | {"coupon": one.key}) from None
        off = discount(one.offer, left, goods=one.goods)
        parts[one.key] = off
        left, shares = _less(left, one.offer, off)
        off_lines = [before + share for before, share in zip(off_lines, shares, strict=True)]
    return Stack(parts, tuple(off_lines))


def stacked(offers: Sequence[Offer], situation: Situation) -> list[int]:
    """The discount of each offer, used together. Raises CouponNotUsable."""
    width = len(str(len(offers)))
    keys = [f"{number:0{width}}" for number in range(len(offers))]
    chosen = [Chosen(key, offer) for key, offer in zip(keys, offers, strict=True)]
    parts = stack(chosen, situation).parts
    return [parts[key] for key in keys]


def _place(one: Chosen) -> tuple[object, ...]:
    """Of one type: what asks for the most first, while the bill is still high; then what is good
    for some goods only, then the larger; the code ends every tie."""
    offer = one.offer
    return (
        _RANK[Type(offer.type)],
        -offer.min_spend,
        not offer.conditions.is_for_goods,
        -offer.value,
        one.key,
    )


def check_together(chosen: Sequence[Chosen]) -> None:
    """Raises CouponNotUsable when these do not go together, whatever the sale."""
    if len(chosen) < 2:
        return
    if len(chosen) > MOST_TOGETHER:
        raise CouponNotUsable("too_many", most=MOST_TOGETHER)
    if len({one.key for one in chosen}) < len(chosen):
        raise CouponNotUsable("twice")
    groups = set[str]()
    for one in sorted(chosen, key=lambda one: one.key):
        stacking = one.offer.stacking
        if stacking == "exclusive":
            raise CouponNotUsable("exclusive", coupon=one.key)
        if stacking != "stackable" and stacking in groups:
            raise CouponNotUsable("same_group", coupon=one.key, group=stacking)
        groups.add(stacking)
    of_kind = Counter(one.kind for one in chosen if one.kind)
    for one in chosen:
        if one.offer.conditions.one_per_sale and of_kind[one.kind] > 1:
            raise CouponNotUsable("one_per_sale", coupon=one.key)


def addable(
    chosen: Sequence[Chosen], others: Iterable[Chosen], situation: Situation
) -> dict[str, int | CouponNotUsable]:
    """Of each of the others: how much more would come off with it too (NT$), or why it cannot be
    added to those chosen. Raises CouponNotUsable when those chosen do not go together."""
    before = stack(chosen, situation).total
    found: dict[str, int | CouponNotUsable] = {}
    for other in others:
        try:
            found[other.key] = stack([*chosen, other], situation).total - before
        except CouponNotUsable as refused:
            found[other.key] = refused
    return found


# What is left -------------------------------------------------------------------------------------


def _less(situation: Situation, offer: Offer, off: int) -> tuple[Situation, list[int]]:
    """The sale after a coupon, and what came off each line."""
    lines = list(situation.lines)
    if offer.type == Type.FREE_SHIPPING:
        shipping = situation.shipping - off
        return replace(situation, shipping=shipping), [0] * len(lines)
    if offer.type == Type.BUY_X_GET_Y and lines:
        weights = _take_units(offer, situation, lines)
    else:
        weights = [
            max(0, line.amount) if offer.conditions.is_good_for(line) else 0 for line in lines
        ]
    shares = split(off, weights)
    lines = [
        replace(line, amount=line.amount - share) for line, share in zip(lines, shares, strict=True)
    ]
    return replace(situation, amount=situation.amount - off, lines=lines), shares


def _take_units(offer: Offer, situation: Situation, lines: list[Line]) -> list[int]:
    """Mark the units of the set, so that none is counted twice; return NT$ of what is free by
    line."""
    weights = [0] * len(lines)
    for place, units, price in free_units(offer, situation):
        lines[place] = _taken(lines[place], units)
        weights[place] += price
    for place, units in bought_units(offer, replace(situation, lines=lines)):
        lines[place] = _taken(lines[place], units)
    return weights


def _taken(line: Line, units: int) -> Line:
    return replace(line, taken=line.taken + units, price=line.unit_price)


def split(off: int, weights: Sequence[int]) -> list[int]:
    """`off` shared out pro rata in whole NT$: the parts add up exactly and none is more than its
    weight. What is more than all weights stays over."""
    total, before, shares = sum(weights), 0, []
    off = min(off, total)
    run = 0
    for weight in weights:
        run += weight
        until = off * run // total if total else 0
        shares.append(until - before)
        before = until
    return shares

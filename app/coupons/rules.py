"""What a coupon takes off, when it may be used, how long it lives. Pure values, NT$ whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from app.core.clock import TAIPEI, taipei_date, taipei_midnight
from app.core.errors import DomainError, Invalid

ROLLED_BACK_LIVES = timedelta(days=3)  # a coupon that comes back late has at least this long


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

    @classmethod
    def from_json(cls, given: Mapping[str, Any] | None) -> "Conditions":
        known = {item.name for item in fields(cls)}
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in (given or {}).items()
            if name in known
        }
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Offer:
    """`value` is NT$ (amount_off), percent taken off (percent_off), or the price (fixed_price)."""

    type: str
    value: int
    cap: int | None = None
    min_spend: int = 0
    stacking: str = "exclusive"
    conditions: Conditions = Conditions()

    @property
    def takes_money_off(self) -> bool:
        """What it is worth depends on what is paid, so it is of no use without an amount."""
        return self.type in _OFF_THE_BILL


@dataclass(frozen=True, slots=True)
class Line:
    """Part of a sale: what it costs after line discounts."""

    amount: int
    category: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """The sale a coupon is to be used on. `amount` is before coupons and points. Without lines
    the whole amount counts as eligible."""

    amount: int
    at: datetime
    store: str = ""
    channel: str = ""
    tier: str = ""
    birth_month: int | None = None
    is_first_purchase: bool = False
    shipping: int = 0
    lines: Sequence[Line] = ()


@dataclass(frozen=True, slots=True)
class KindDraft:
    """A kind as people write it down: its code, its limits and what it offers now."""

    code: str
    name: str
    type: str
    value: int = 0
    kind: str = "free"
    cap: int | None = None
    min_spend: int = 0
    conditions: Conditions = field(default_factory=Conditions)
    stacking: str = "exclusive"
    valid_days: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    issue_limit: int | None = None
    redeem_limit: int | None = None
    per_member_limit: int | None = None
    terms: str = ""
    image: str | None = None


class CouponNotUsable(DomainError):
    """`reason` is a word that edges turn into a sentence; `facts` fill it in."""

    def __init__(self, reason: str, **facts: Any) -> None:
        super().__init__(f"coupon not usable: {reason} {facts}")
        self.reason, self.facts = reason, facts


def eligible_amount(conditions: Conditions, situation: Situation) -> int:
    """What of the sale the coupon may be used on, NT$."""
    if not situation.lines or not (conditions.categories or conditions.excluded_categories):
        return situation.amount
    return min(
        situation.amount,
        sum(
            line.amount
            for line in situation.lines
            if (not conditions.categories or line.category in conditions.categories)
            and line.category not in conditions.excluded_categories
        ),
    )


def check(offer: Offer, situation: Situation) -> None:
    """Raises CouponNotUsable with the first condition that fails."""
    conditions, local = offer.conditions, situation.at.astimezone(TAIPEI)
    eligible = eligible_amount(conditions, situation)
    if eligible < offer.min_spend:
        raise CouponNotUsable(
            "min_spend", needed=offer.min_spend, missing=offer.min_spend - eligible
        )
    refusals = {
        "store": bool(conditions.stores) and situation.store not in conditions.stores,
        "channel": bool(conditions.channels) and situation.channel not in conditions.channels,
        "tier": bool(conditions.tiers) and situation.tier not in conditions.tiers,
        "weekday": bool(conditions.weekdays) and local.weekday() not in conditions.weekdays,
        "hours": not conditions.from_hour <= local.hour < conditions.to_hour,
        "birth_month": conditions.in_birth_month and situation.birth_month != local.month,
        "first_purchase": conditions.on_first_purchase and not situation.is_first_purchase,
        "nothing_eligible": bool(conditions.categories) and eligible == 0,
    }
    for reason, is_refused in refusals.items():
        if is_refused:
            raise CouponNotUsable(reason)


def discount(offer: Offer, situation: Situation) -> int:
    """NT$ taken off, floored, never more than the eligible part; 0 for gifts."""
    eligible = eligible_amount(offer.conditions, situation)
    match offer.type:
        case Type.AMOUNT_OFF:
            off = offer.value
        case Type.PERCENT_OFF:
            off = eligible * offer.value // 100
        case Type.FIXED_PRICE:
            off = eligible - offer.value
        case Type.FREE_SHIPPING:
            return min(
                situation.shipping, offer.cap if offer.cap is not None else situation.shipping
            )
        case _:
            return 0
    if offer.cap is not None:
        off = min(off, offer.cap)
    return max(0, min(off, eligible))


_ORDER = {Type.FIXED_PRICE: 0, Type.AMOUNT_OFF: 1, Type.PERCENT_OFF: 2}


def stacked(offers: Sequence[Offer], situation: Situation) -> list[int]:
    """The discount of each offer, used together: prices, then amounts, then percents, each on what
    the ones before left. Raises CouponNotUsable when they do not go together."""
    _check_together(offers)
    left = situation
    found: dict[int, int] = {}
    for index in sorted(range(len(offers)), key=lambda i: (_ORDER.get(_type(offers[i]), 3), i)):
        check(offers[index], left)
        found[index] = discount(offers[index], left)
        if offers[index].type != Type.FREE_SHIPPING:
            left = _less(left, found[index])
    return [found[index] for index in range(len(offers))]


def _type(offer: Offer) -> Type:
    return Type(offer.type)


def _check_together(offers: Sequence[Offer]) -> None:
    if len(offers) < 2:
        return
    kinds = [offer.stacking for offer in offers]
    groups = [kind for kind in kinds if kind not in ("exclusive", "stackable")]
    if "exclusive" in kinds:
        raise CouponNotUsable("exclusive")
    if len(groups) != len(set(groups)):
        raise CouponNotUsable("same_group")


def _less(situation: Situation, off: int) -> Situation:
    amount = situation.amount - off
    lines: list[Line] = []
    if situation.lines:
        total = sum(line.amount for line in situation.lines) or 1
        left = amount
        for line in situation.lines[:-1]:
            share = line.amount * amount // total
            lines.append(Line(share, line.category))
            left -= share
        lines.append(Line(left, situation.lines[-1].category))
    return Situation(
        amount=amount,
        at=situation.at,
        store=situation.store,
        channel=situation.channel,
        tier=situation.tier,
        birth_month=situation.birth_month,
        is_first_purchase=situation.is_first_purchase,
        shipping=situation.shipping,
        lines=lines,
    )


def expires_at(
    *, issued_at: datetime, valid_days: int | None, ends_at: datetime | None
) -> datetime | None:
    """The first instant not valid: through 23:59:59 of day N in Taipei, or the kind's own end,
    whichever comes first. None: never (paid vouchers)."""
    if valid_days is None:
        return ends_at
    after = taipei_midnight(taipei_date(issued_at) + timedelta(days=valid_days + 1))
    return after if ends_at is None else min(after, ends_at)


def last_day(expires: datetime) -> date:
    """The day a member reads: the last one on which the coupon is valid."""
    return taipei_date(expires - timedelta(microseconds=1))


def expiry_after_rollback(expires: datetime | None, *, now: datetime) -> datetime | None:
    """The old end, but at least three days to live, to the end of that day."""
    if expires is None:
        return None
    return max(expires, taipei_midnight(taipei_date(now + ROLLED_BACK_LIVES) + timedelta(days=1)))


def check_draft(draft: KindDraft) -> None:
    """Raises Invalid naming the field. A paid voucher must not expire (Taiwan's rules for gift
    vouchers); a free one needs an end that the member was shown."""
    if draft.type not in {item.value for item in Type}:
        raise Invalid("type", "不認得的優惠券類型")
    if draft.kind not in ("free", "paid"):
        raise Invalid("kind", "必須是 free 或 paid")
    has_end = draft.valid_days is not None or draft.ends_at is not None
    if draft.kind == "paid" and has_end:
        raise Invalid("ends_at", "付費禮券不得有使用期限")
    if draft.kind == "free" and not has_end:
        raise Invalid("ends_at", "免費優惠券需要使用期限")
    if draft.valid_days is not None and not 0 <= draft.valid_days <= 3650:
        raise Invalid("valid_days", "必須介於 0 與 3650")
    if draft.type == Type.PERCENT_OFF and not 1 <= draft.value <= 100:
        raise Invalid("value", "折扣百分比必須介於 1 與 100")
    if draft.type in (Type.AMOUNT_OFF, Type.FIXED_PRICE) and draft.value < 1:
        raise Invalid("value", "金額必須大於 0")
    for name in ("issue_limit", "redeem_limit", "per_member_limit", "cap", "min_spend"):
        if (getattr(draft, name) or 0) < 0:
            raise Invalid(name, "不可為負")

"""A kind of coupon as people write it down, and how long what is given of it lives."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from app.core.clock import taipei_date, taipei_midnight
from app.core.errors import Invalid
from app.core.text import half_width
from app.coupons.rules.gifts import GIVINGS
from app.coupons.rules.offers import Conditions, Type

ROLLED_BACK_LIVES = timedelta(days=3)  # a coupon that comes back late has at least this long
MOST_MONEY: Final = 100_000_000  # NT$; more is a typing mistake
MOST_UNITS: Final = 99
WORD_LENGTHS: Final = (4, 20)
_WORD: Final = re.compile(r"(?=.*[A-Z])[A-Z0-9]{4,20}")
_LIMITS: Final = (
    "issue_limit",
    "redeem_limit",
    "per_member_limit",
    "per_day_limit",
    "budget",
    "cap",
    "min_spend",
)


@dataclass(frozen=True, slots=True)
class KindDraft:
    """A kind as people write it down: its code, its limits and what it offers now.

    `per_day_limit` redemptions a Taipei day and NT$ `budget` of discounts in all. Who types `word`
    gets one, a member of at most `word_for_days` days only when that is given. `giving` says
    whether a member may give it to a friend: own (no), once, free (the friend, too). Staff may give
    one of a `goodwill` kind, within their quota."""

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
    buys: int = 1
    per_day_limit: int | None = None
    budget: int | None = None
    word: str | None = None
    word_for_days: int | None = None
    giving: str = "own"
    goodwill: bool = False


def expires_at(
    *,
    issued_at: datetime,
    valid_days: int | None,
    ends_at: datetime | None,
    starts_at: datetime | None = None,
) -> datetime | None:
    """The first instant not valid: through 23:59:59 of day N in Taipei, or the kind's own end,
    whichever comes first. Given before the kind's start, its days count from there. None: never
    (paid vouchers)."""
    if valid_days is None:
        return ends_at
    first = issued_at if starts_at is None else max(issued_at, starts_at)
    after = taipei_midnight(taipei_date(first) + timedelta(days=valid_days + 1))
    return after if ends_at is None else min(after, ends_at)


def last_day(expires: datetime) -> date:
    """The day a member reads: the last one on which the coupon is valid."""
    return taipei_date(expires - timedelta(microseconds=1))


def expiry_after_rollback(expires: datetime | None, *, now: datetime) -> datetime | None:
    """The old end, but at least three days to live, to the end of that day."""
    if expires is None:
        return None
    return max(expires, taipei_midnight(taipei_date(now + ROLLED_BACK_LIVES) + timedelta(days=1)))


def word_of(typed: str) -> str | None:
    """The word as it is kept, from what somebody typed; None for what cannot be one."""
    said = half_width(typed).strip().upper()
    return said if said.isascii() and _WORD.fullmatch(said) else None


def check_draft(draft: KindDraft) -> None:
    """Raises Invalid naming the field, with the first fault."""
    for field_name, reason in faults(draft):
        raise Invalid(field_name, reason)


def faults(draft: KindDraft) -> Iterator[tuple[str, str]]:
    """Everything that is wrong with it: the field, and why. A paid voucher must not expire
    (Taiwan's rules for gift vouchers); a free one needs an end that the member was shown."""
    if draft.type not in {item.value for item in Type}:
        yield "type", "不認得的優惠券類型"
    if draft.kind not in ("free", "paid"):
        yield "kind", "必須是 free 或 paid"
    yield from _worth_faults(draft)
    yield from _time_faults(draft)
    yield from _limit_faults(draft)
    yield from _condition_faults(draft.conditions)
    if draft.giving not in GIVINGS:
        yield "giving", "必須是 own、once 或 free"
    if draft.word is not None and _WORD.fullmatch(draft.word) is None:
        yield "word", f"活動代碼是 {WORD_LENGTHS[0]} 到 {WORD_LENGTHS[1]} 個大寫英文字母與數字"


def _worth_faults(draft: KindDraft) -> Iterator[tuple[str, str]]:
    if draft.type == Type.PERCENT_OFF and not 1 <= draft.value <= 100:
        yield "value", "折扣百分比必須介於 1 與 100"
    if draft.type in (Type.AMOUNT_OFF, Type.FIXED_PRICE) and not 1 <= draft.value <= MOST_MONEY:
        yield "value", "金額必須大於 0"
    if draft.type == Type.BUY_X_GET_Y and not 1 <= draft.value <= MOST_UNITS:
        yield "value", f"送的件數必須介於 1 與 {MOST_UNITS}"
    if not 1 <= draft.buys <= MOST_UNITS:
        yield "buys", f"買的件數必須介於 1 與 {MOST_UNITS}"


def _time_faults(draft: KindDraft) -> Iterator[tuple[str, str]]:
    has_end = draft.valid_days is not None or draft.ends_at is not None
    if draft.kind == "paid" and has_end:
        yield "ends_at", "付費禮券不得有使用期限"
    if draft.kind == "free" and not has_end:
        yield "ends_at", "免費優惠券需要使用期限"
    if (
        draft.starts_at is not None
        and draft.ends_at is not None
        and draft.starts_at >= draft.ends_at
    ):
        yield "ends_at", "必須在開始之後"
    if draft.valid_days is not None and not 0 <= draft.valid_days <= 3650:
        yield "valid_days", "必須介於 0 與 3650"
    if draft.word_for_days is not None and not 0 <= draft.word_for_days <= 3650:
        yield "word_for_days", "必須介於 0 與 3650"


def _limit_faults(draft: KindDraft) -> Iterator[tuple[str, str]]:
    for name in _LIMITS:
        if not 0 <= (getattr(draft, name) or 0) <= MOST_MONEY:
            yield name, "不可為負" if (getattr(draft, name) or 0) < 0 else "數字太大"


def _condition_faults(conditions: Conditions) -> Iterator[tuple[str, str]]:
    if not 0 <= conditions.from_hour < conditions.to_hour <= 24:
        yield "conditions", "時段須由早到晚，介於 0 與 24 點"
    if any(not 0 <= day <= 6 for day in conditions.weekdays):
        yield "conditions", "星期須介於 0（星期一）與 6（星期日）"

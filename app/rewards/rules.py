"""What a reward costs, who may have it and until when. Pure values; points and NT$ whole."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from app.core.clock import taipei_date, taipei_midnight
from app.core.errors import DomainError, Invalid

Unclaimed = Literal["lost", "returned"]
COLOURS: Final = ("plain", "bronze", "silver", "gold", "platinum", "black")  # faces of the theme
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
MOST_POINTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class RewardDraft:
    """A reward as people write it down. What the member gets is a coupon of the kind `coupon`: a
    gift for points alone, a fixed price for points and that many NT$, paid at the till."""

    code: str
    name: str
    points: int
    coupon: str
    description: str = ""
    colour: str = "plain"
    icon: str = "禮"  # one or two characters on the coloured picture
    stock: int | None = None  # exchanges in all; None: without end
    per_member_limit: int | None = None
    tiers: tuple[str, ...] = ()  # empty: every tier
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    pickup_days: int = 30  # to fetch it, through the end of day N
    cancel_hours: int = 24  # within which the member may take the exchange back; 0: never
    unclaimed: Unclaimed = "lost"  # what happens to the points when nobody fetched it


class RewardRefused(DomainError):
    """`reason` is inactive, not_yet, ended, tier, sold_out, per_member or coupon; `facts` fill in
    the sentence."""

    def __init__(self, reason: str, **facts: Any) -> None:
        super().__init__(f"no such exchange: {reason} {facts}")
        self.reason, self.facts = reason, facts


class NotCancellable(DomainError):
    """`reason` is late, picked_up or over."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the exchange cannot be taken back: {reason}")
        self.reason = reason


def check(draft: RewardDraft, *, is_active: bool, tier: str, now: datetime) -> None:
    """Whether somebody of this tier may exchange now; stock and limits are counted elsewhere.

    Raises RewardRefused."""
    if not is_active:
        raise RewardRefused("inactive")
    if draft.starts_at is not None and now < draft.starts_at:
        raise RewardRefused("not_yet", starts_at=draft.starts_at)
    if draft.ends_at is not None and draft.ends_at <= now:
        raise RewardRefused("ended")
    if draft.tiers and tier not in draft.tiers:
        raise RewardRefused("tier", tiers=draft.tiers)


def price(coupon_type: str, coupon_value: int) -> int:
    """NT$ paid at the till besides the points."""
    return coupon_value if coupon_type == "fixed_price" else 0


def pickup_until(draft: RewardDraft, now: datetime) -> datetime:
    """The first instant at which it can no more be fetched."""
    return taipei_midnight(taipei_date(now) + timedelta(days=draft.pickup_days + 1))


def last_day(end: datetime) -> date:
    """The last day on which something that ends at `end` can be fetched."""
    return taipei_date(end - timedelta(microseconds=1))


def cancellable_until(at: datetime, cancel_hours: int) -> datetime:
    return at + timedelta(hours=cancel_hours)


def left(stock: int | None, taken: int) -> int | None:
    return None if stock is None else max(0, stock - taken)


def check_draft(draft: RewardDraft) -> None:
    """Raises Invalid naming the field."""
    if not _CODE.fullmatch(draft.code):
        raise Invalid("code", "只能用小寫英數字、- 與 _，最多 40 字")
    _check_text("name", draft.name, 40)
    _check_text("icon", draft.icon, 2)
    if len(draft.description) > 500:
        raise Invalid("description", "最多 500 字")
    if not 1 <= draft.points <= MOST_POINTS:
        raise Invalid("points", f"須為 1–{MOST_POINTS:,} 點")
    if draft.colour not in COLOURS:
        raise Invalid("colour", f"須為 {'、'.join(COLOURS)}")
    for name in ("stock", "per_member_limit"):
        if (getattr(draft, name) or 0) < 0:
            raise Invalid(name, "不可為負")
    _check_times(draft)
    if draft.unclaimed not in ("lost", "returned"):
        raise Invalid("unclaimed", "須為 lost 或 returned")


def _check_times(draft: RewardDraft) -> None:
    if draft.starts_at and draft.ends_at and draft.ends_at <= draft.starts_at:
        raise Invalid("ends_at", "結束時間須晚於開始時間")
    if not 0 <= draft.pickup_days <= 365:
        raise Invalid("pickup_days", "須為 0–365 天")
    if not 0 <= draft.cancel_hours <= 24 * 30:
        raise Invalid("cancel_hours", "須為 0–720 小時")


def _check_text(name: str, value: str, most: int) -> None:
    if not value.strip() or len(value) > most or not value.isprintable():
        raise Invalid(name, f"須為 1–{most} 個字")


def unknown_tiers(draft: RewardDraft, known: Sequence[str]) -> list[tuple[int, str]]:
    """Places and codes of tiers that the programme does not have."""
    return [(place, code) for place, code in enumerate(draft.tiers) if code not in known]

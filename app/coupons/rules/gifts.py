"""May a coupon be given to a friend, and for how long does the friend have it to take."""

from datetime import datetime, timedelta
from typing import Final, Literal

from app.core.errors import DomainError

Giving = Literal["own", "once", "free"]
GIVINGS: Final[dict[str, str]] = {
    "own": "僅限本人",
    "once": "可送給朋友一次",
    "free": "可轉送，收到的人也能再送",
}
OPEN_FOR: Final = timedelta(days=7)  # the link of a gift
GIFT_ORDER: Final = "gift:"  # a coupon put aside for a gift is held for this and its id


def gift_order(gift_id: int) -> str:
    """For what a coupon is held that is put aside for this gift."""
    return f"{GIFT_ORDER}{gift_id}"


class GiftRefused(DomainError):
    """`reason` is only_holder, given, not_usable; own (the link is the giver's),
    unknown, taken_back, lapsed, accepted, gone, per_member."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"gift refused: {reason}")
        self.reason = reason


def may_give(giving: str, given: int) -> bool:
    """`given`: how often it went from hand to hand."""
    return giving == "free" or (giving == "once" and given == 0)


def check_gift(giving: str, given: int) -> None:
    """Raises GiftRefused."""
    if giving not in ("once", "free"):
        raise GiftRefused("only_holder")
    if not may_give(giving, given):
        raise GiftRefused("given")


def gift_until(expires_at: datetime | None, now: datetime) -> datetime:
    """First instant at which the link is dead: a week, but not beyond the coupon's own end."""
    until = now + OPEN_FOR
    return until if expires_at is None else min(until, expires_at)

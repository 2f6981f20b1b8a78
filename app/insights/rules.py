"""What points that were given out are worth to the books: breakage, liability, and revenue deferred
as IFRS 15 asks of customer options (its Illustrative Example 52 is in the tests)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

from app.core.money import round_half_up

SETTLED_SHARE: Final = Fraction(1, 20)  # a month with less than this left says how points end


@dataclass(frozen=True, slots=True)
class IssueMonth:
    """Points by the month in which they were earned, and the sales of that month that gave them.
    `sales` is NT$ net; `issued` = used + expired + withdrawn + remaining."""

    first: date
    sales: int
    issued: int
    used: int  # less what came back
    expired: int
    withdrawn: int  # taken back with refunds, repaid, corrected
    remaining: int

    @property
    def kept(self) -> int:
        """Points that the sales of the month gave for good."""
        return self.issued - self.withdrawn

    @property
    def is_settled(self) -> bool:
        """Nearly everything was used or lapsed, so that the month says how points end."""
        return self.issued > 0 and self.remaining < self.issued * SETTLED_SHARE

    @property
    def breakage(self) -> Fraction | None:
        return breakage(expired=self.expired, used=self.used)


def breakage(*, expired: int, used: int) -> Fraction | None:
    """The share of ended points that nobody used; None when none ended."""
    ended = expired + used
    return Fraction(expired, ended) if ended > 0 else None


def expected_breakage(months: Iterable[IssueMonth]) -> Fraction | None:
    """From the months that are settled: younger ones have used points and not yet lapsed ones, and
    would promise too little. None without such a month; then nothing is assumed to lapse."""
    settled = [month for month in months if month.is_settled]
    return breakage(
        expired=sum(month.expired for month in settled), used=sum(month.used for month in settled)
    )


def worth(points: int, value: float, lapses: Fraction | None) -> Fraction:
    """NT$ that `points` of NT$ `value` each stand for, less what is expected to lapse."""
    return points * Fraction(Decimal(str(value))) * (1 - (lapses or Fraction(0)))


def deferred(price: int, points_worth: Fraction) -> int:
    """NT$ of a price paid for goods and points together that belongs to the points: by their
    stand-alone prices, of which that of the goods is the price paid."""
    total = price + points_worth
    return round_half_up(price * points_worth / total) if total > 0 else 0


def recognised(set_aside: int, *, redeemed: int, expected: Fraction | int) -> int:
    """NT$ of what was set aside that is revenue by now: as much as was redeemed of what is expected
    to be redeemed in all, by the latest estimate. The part of a period is this less the earlier."""
    if expected <= 0:
        return set_aside  # nobody will come for them
    return min(set_aside, round_half_up(set_aside * Fraction(redeemed) / expected))


@dataclass(frozen=True, slots=True)
class Deferral:
    """Of a month's sales: NT$ set aside for its points, and how much of it is revenue by now."""

    set_aside: int
    recognised: int

    @property
    def left(self) -> int:
        return self.set_aside - self.recognised


def deferral(month: IssueMonth, *, value: float, lapses: Fraction | None) -> Deferral:
    """What is expected to be redeemed in all is the estimate, but never less than was redeemed nor
    more than still can be."""
    estimate = max(0, month.kept) * (1 - (lapses or Fraction(0)))
    set_aside = deferred(max(0, month.sales), worth(max(0, month.kept), value, lapses))
    expected = max(Fraction(month.used), min(estimate, Fraction(month.used + month.remaining)))
    return Deferral(set_aside, recognised(set_aside, redeemed=month.used, expected=expected))

"""When a benefit may be chosen again, and the period a choice is for. Days are Taipei days."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Protocol, TypeVar

from app.core.clock import taipei_date
from app.core.errors import DomainError
from app.programmes.rules import Every, Option, add_months, first_of_quarter
from app.tiers import rules as tiers

PERIODS: Final[dict[Every, str]] = {
    "term": "本期等級",
    "month": "本月",
    "quarter": "本季",
    "year": "今年",
}
# A tier that began in one of these ways is a new term; every other beginning may be the tier coming
# back, so that the months of the upgrade gift are looked at, too.
_NEW_TERMS: Final = frozenset({"join", "renewed", "downgrade"})


class BenefitRefused(DomainError):
    """`reason` is not_offered, claimed (with what was chosen), or gone: its coupon is given no
    more."""

    def __init__(self, reason: str, **facts: Any) -> None:
        super().__init__(f"benefit refused: {reason}")
        self.reason, self.facts = reason, facts


@dataclass(frozen=True, slots=True)
class Term:
    """A tier held: since when, and how it began."""

    id: int
    starts_at: datetime
    ends_at: datetime | None
    reason: str


def period(every: Every, term: Term, now: datetime) -> str:
    """The name of the period that a choice made now is for: 2026-11, 2026-Q4, 2026, term:17."""
    day = taipei_date(now)
    match every:
        case "term":
            return f"term:{term.id}"
        case "month":
            return f"{day:%Y-%m}"
        case "quarter":
            return f"{day.year}-Q{(day.month + 2) // 3}"
        case "year":
            return f"{day.year}"


def last_day(every: Every, term: Term, now: datetime) -> date | None:
    """The last day on which it can be chosen for this period; None: as long as the tier is held.
    A tier that ends before ends the choice, too."""
    day, ends = taipei_date(now), None if term.ends_at is None else tiers.last_day(term.ends_at)
    match every:
        case "term":
            return ends
        case "month":
            last = add_months(day.replace(day=1), 1)
        case "quarter":
            last = add_months(first_of_quarter(day), 3)
        case "year":
            last = date(day.year + 1, 1, 1)
    last = date.fromordinal(last.toordinal() - 1)
    return last if ends is None else min(last, ends)


def since(term: Term, gift_months: int) -> date:
    """From this day on a choice of this term was made, if one was."""
    starts_on = taipei_date(term.starts_at)
    if term.reason in _NEW_TERMS:
        return starts_on
    return date.fromordinal(add_months(starts_on, -gift_months).toordinal() + 1)


class Made(Protocol):
    """A choice that was made before."""

    @property
    def choice(self) -> str: ...
    @property
    def period(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def is_over(self) -> bool: ...


AnyMade = TypeVar("AnyMade", bound=Made)


def made(
    claims: Iterable[AnyMade],
    choice: str,
    every: Every,
    term: Term,
    *,
    gift_months: int,
    now: datetime,
) -> AnyMade | None:
    """What was chosen for the period that holds now, unless it was all taken back."""
    named, first = period(every, term, now), since(term, gift_months)
    return next(
        (
            claim
            for claim in claims
            if claim.choice == choice
            and not claim.is_over
            and (claim.period == named or (every == "term" and taipei_date(claim.at) >= first))
        ),
        None,
    )


def gives(option: Option, coupon_name: str | None) -> str:
    """`200 點`, `宅配免運`, `200 點 + 宅配免運`."""
    parts = [f"{option.points:,} 點" if option.points else "", coupon_name or ""]
    return " + ".join(part for part in parts if part)

"""Whether an invoice earns anything here: the brand's terms against what the slip says."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from app.core import text
from app.core.errors import DomainError
from app.invoices.rules.slips import Slip
from app.programmes.rules import InvoiceTerms

Refusal = Literal[
    "off",
    "already",
    "taken",
    "counted",
    "business",
    "seller",
    "needs_qr",
    "future",
    "too_old",
    "min_total",
    "keywords",
    "cap_day",
    "cap_period",
    "differs",
]
REMEMBERED_FOR: Final = timedelta(minutes=10)  # one code of a slip, until the other comes


class InvoiceRefused(DomainError):
    """The invoice earns nothing; `facts` fill in the sentence."""

    def __init__(self, reason: Refusal, **facts: object) -> None:
        super().__init__(f"invoice refused: {reason} {facts}")
        self.reason, self.facts = reason, facts


@dataclass(frozen=True, slots=True)
class Used:
    """Invoices that the member registered before: today, and of the same two-month period."""

    today: int
    period: int


def check(slip: Slip, terms: InvoiceTerms, *, today: date, used: Used) -> None:
    """Raises InvoiceRefused for the first term that the invoice does not meet."""
    if not terms.is_on:
        raise InvoiceRefused("off")
    if slip.is_business:
        raise InvoiceRefused("business")
    if slip.total is None or slip.sold_on is None:
        raise InvoiceRefused("needs_qr")
    if slip.seller not in terms.sellers:
        raise InvoiceRefused("seller", seller=slip.seller)
    check_day(slip.sold_on, today, days=terms.within_days)
    if slip.total < terms.min_total:
        raise InvoiceRefused("min_total", needed=terms.min_total)
    if not fits_keywords((item.name for item in slip.items), terms):
        raise InvoiceRefused("keywords")
    if used.today >= terms.cap_per_day:
        raise InvoiceRefused("cap_day", most=terms.cap_per_day)
    if terms.cap_per_period is not None and used.period >= terms.cap_per_period:
        raise InvoiceRefused("cap_period", most=terms.cap_per_period)


def check_day(sold_on: date, today: date, *, days: int) -> None:
    """Raises InvoiceRefused for a day to come, or one too long ago."""
    if sold_on > today:
        raise InvoiceRefused("future")
    if sold_on + timedelta(days=days) < today:
        raise InvoiceRefused("too_old", days=days)


def fits_keywords(names: Iterable[str], terms: InvoiceTerms) -> bool:
    """Whether one item has a keyword and no excluded one; without keywords any invoice fits that
    does not consist of excluded items alone."""
    wanted = [text.fold(word) for word in terms.keywords]
    excluded = [text.fold(word) for word in terms.excluded_keywords]
    items = [text.fold(name) for name in names]
    left = [name for name in items if not any(word in name for word in excluded)]
    if wanted:
        return any(word in name for name in left for word in wanted)
    return bool(left) or not items

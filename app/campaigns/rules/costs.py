"""What messages cost at LINE: so many a month are free, each one more has a price.

https://tw.linebiz.com/ (the plans; the shop says its own in its settings)"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

MOST: Final = 10_000_000  # messages or NT$ that a limit may name


@dataclass(frozen=True, slots=True)
class Plan:
    """`free` messages a month; `price` in NT$ of each one more."""

    free: int
    price: Decimal


def cost(plan: Plan, *, sent: int, more: int) -> int:
    """NT$, rounded up, that `more` messages come to in a month in which `sent` went out already."""
    beyond = max(0, sent + more - plan.free) - max(0, sent - plan.free)
    return int((beyond * plan.price).to_integral_value(rounding=ROUND_CEILING))


def affordable(plan: Plan, *, sent: int, budget: int) -> int:
    """How many more messages cost at most so many NT$; at most MOST."""
    left = max(0, plan.free - sent)
    if plan.price == 0:
        return MOST
    return min(MOST, left + int(budget / plan.price))

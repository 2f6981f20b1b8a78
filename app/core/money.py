"""NT$ in whole dollars. Tax (5 %) is always included in what a customer pays."""

import re
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Final

from app.core.errors import Invalid
from app.core.text import half_width

LARGEST: Final = 999_999_999
_AMOUNT: Final = re.compile(r"(?:NT\$|\$)? ?([0-9]{1,9}|[0-9]{1,3}(?:,[0-9]{3}){1,2})(?: ?元)?")


def show(amount: int) -> str:
    """`NT$1,234`."""
    return f"-NT${-amount:,}" if amount < 0 else f"NT${amount:,}"


def parse(text: str, *, field: str = "amount") -> int:
    """Whole dollars as typed: `1240`, `1,240`, `NT$1,240`. Raises Invalid for anything else."""
    found = _AMOUNT.fullmatch(half_width(text).strip().upper())
    if found is None:
        raise Invalid(field, "is not an amount in whole dollars")
    return int(found[1].replace(",", ""))


def round_half_up(amount: Fraction | Decimal) -> int:
    """To whole dollars, once, at the end; halves go away from zero, so refunds mirror sales."""
    if isinstance(amount, Decimal):
        return int(amount.to_integral_value(ROUND_HALF_UP))
    doubled = 2 * abs(amount)
    size = int((doubled + 1) // 2)
    return -size if amount < 0 else size


def untaxed(total: int) -> int:
    """The sales amount before 5 % tax: round(total / 1.05)."""
    return round_half_up(Fraction(total * 100, 105))

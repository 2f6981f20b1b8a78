"""A number and what it is made of, in words. Whatever has an amount adds up: the lines of a figure
give its number, no more and no less."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Line:
    """One cause. `amount` is its part of the number (points or NT$, signed); None in a story."""

    words: str
    amount: int | None = None
    on: date | None = None
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` is the number as shown, `amount` the number itself (None: it is no number, such as a
    tier), `sentence` how the lines make it, `rule` the term of the programme it follows."""

    code: str  # points | pending | tier | progress | coupon
    title: str
    value: str
    sentence: str
    amount: int | None = None
    lines: tuple[Line, ...] = ()
    rule: str = ""

    @property
    def is_points(self) -> bool:
        """Whether amounts are points; else they are NT$."""
        return self.code in ("points", "pending")

    @property
    def adds_up(self) -> bool:
        parts = [line.amount for line in self.lines if line.amount is not None]
        return self.amount is None or sum(parts) == self.amount


def with_rest(lines: list[Line], total: int, words: str) -> tuple[Line, ...]:
    """The lines, and one for what they leave out, so that they give `total`."""
    rest = total - sum(line.amount or 0 for line in lines)
    return (*lines, Line(words, rest)) if rest else tuple(lines)

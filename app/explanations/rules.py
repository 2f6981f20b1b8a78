"""A number and what it is made of, in words. Whatever has an amount adds up: the lines of a figure
give its number, no more and no less."""

from dataclasses import dataclass
from datetime import date

from app.core import money


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

    code: str  # points | pending | tier | progress | benefits | coupon | stamps-<code>
    title: str
    value: str
    sentence: str
    amount: int | None = None
    lines: tuple[Line, ...] = ()
    rule: str = ""

    def show(self, part: int) -> str:
        """A part of the number in its own unit: `+7 點`, `+1 格`, `NT$500`."""
        if self.code in ("points", "pending"):
            return f"{part:+,} 點"
        return f"{part:+,} 格" if self.code.startswith("stamps-") else money.show(part)

    @property
    def adds_up(self) -> bool:
        parts = [line.amount for line in self.lines if line.amount is not None]
        return self.amount is None or sum(parts) == self.amount


def with_rest(lines: list[Line], total: int, words: str) -> tuple[Line, ...]:
    """The lines, and one for what they leave out, so that they give `total`."""
    rest = total - sum(line.amount or 0 for line in lines)
    return (*lines, Line(words, rest)) if rest else tuple(lines)

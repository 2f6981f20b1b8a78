"""Bar charts as plain numbers for an SVG template: no script, no style attribute."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

WIDTH: Final = 440
HEIGHT: Final = 170
LEFT: Final = 46  # room for the scale
RIGHT: Final = 18  # room for half of the last day
BOTTOM: Final = 24  # room for the days
TOP: Final = 8


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    title: str
    is_today: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of the scale, or a day under the axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`summary` says in words what the picture shows."""

    bars: tuple[Bar, ...]
    scale: tuple[Mark, ...]
    days: tuple[Mark, ...]
    base: float
    summary: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT


def bars(points: Sequence[tuple[date, int]], *, show: Callable[[int], str], name: str) -> Chart:
    """One bar per day, oldest first; the last one is today."""
    top = nice_top(max((value for _, value in points), default=0))
    base = HEIGHT - BOTTOM
    room, slot = base - TOP, (WIDTH - LEFT - RIGHT) / max(len(points), 1)

    def height(value: int) -> float:
        return round(max(value, 0) / top * room, 1)

    drawn = tuple(
        Bar(
            x=round(LEFT + slot * place + slot * 0.14, 1),
            y=round(base - height(value), 1),
            width=round(slot * 0.72, 1),
            height=height(value),
            title=f"{day:%Y/%m/%d} {show(value)}",
            is_today=place == len(points) - 1,
        )
        for place, (day, value) in enumerate(points)
    )
    total = sum(value for _, value in points)
    return Chart(
        bars=drawn,
        scale=tuple(
            Mark(round(base - room * part / 2, 1), short(top * part // 2)) for part in (0, 1, 2)
        ),
        days=tuple(
            Mark(round(LEFT + slot * (place + 0.5), 1), f"{day.month}/{day.day}")
            for place, (day, _) in enumerate(points)
            if (len(points) - 1 - place) % 7 == 0
        ),
        base=base,
        summary=f"{name}，近 {len(points)} 天合計 {show(total)}",
    )


def nice_top(largest: int) -> int:
    """The top of the scale: even, so that its half is whole, and one that people can read."""
    if largest <= 4:
        return 4
    size: int = 10 ** (len(str(largest)) - 1)
    for tenths in (10, 12, 15, 20, 30, 40, 50, 60, 80, 100):
        top = tenths * size // 10
        if top >= largest and top % 2 == 0:
            return top
    return 20 * size


def short(value: int) -> str:
    """`1,200`, `3.5萬`, `120萬`: short enough for the scale."""
    if value < 10_000:
        return f"{value:,}"
    return f"{value / 10_000:,.1f}".removesuffix(".0") + "萬"

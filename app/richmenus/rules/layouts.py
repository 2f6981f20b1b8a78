"""Where the cells of a page lie: ready layouts, and the tabs above them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from app.richmenus.rules.design import KINDS, WIDTH, Cell, Design, Page, blank

FREE: Final = "free"
TAB_HEIGHT: Final = 240  # px: 37 points on a phone 390 wide
MOST_FREE: Final = 12  # cells drawn by hand on one page
Box = tuple[int, int, int, int]  # left, top, right, bottom


@dataclass(frozen=True, slots=True)
class Layout:
    """`across` and `down` are the weights of columns and rows, `boxes` the lines between which each
    cell lies."""

    name: str
    across: tuple[int, ...]
    down: tuple[int, ...]
    boxes: tuple[Box, ...]


def _grid(columns: int, rows: int) -> tuple[Box, ...]:
    return tuple((x, y, x + 1, y + 1) for y in range(rows) for x in range(columns))


LAYOUTS: Final = {
    "six": Layout("6 格", (1, 1, 1), (1, 1), _grid(3, 2)),
    "four": Layout("4 格", (1, 1), (1, 1), _grid(2, 2)),
    "row_four": Layout("一排 4 格", (1, 1, 1, 1), (1,), _grid(4, 1)),
    "three": Layout("一排 3 格", (1, 1, 1), (1,), _grid(3, 1)),
    "wide_three": Layout("左大，右 2 格並排", (11, 7, 7), (1,), _grid(3, 1)),
    "big_two": Layout(
        "左大，右 2 格上下", (5, 4), (1, 1), ((0, 0, 1, 2), (1, 0, 2, 1), (1, 1, 2, 2))
    ),
    "top_three": Layout(
        "上大，下 3 格", (1, 1, 1), (1, 1), ((0, 0, 3, 1), (0, 1, 1, 2), (1, 1, 2, 2), (2, 1, 3, 2))
    ),
    "two": Layout("左右 2 格", (1, 1), (1,), _grid(2, 1)),
    "one": Layout("整張 1 格", (1,), (1,), _grid(1, 1)),
}
NAMES: Final = {code: layout.name for code, layout in LAYOUTS.items()} | {FREE: "自由區域"}


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of a page's strip: leads to page `number`, counted from 1."""

    number: int
    name: str
    x: int
    width: int
    is_open: bool
    y: int = 0
    height: int = TAB_HEIGHT


def edges(weights: Sequence[int], start: int, length: int) -> list[int]:
    """The lines between columns or rows, whole pixels that add up to the length."""
    whole = sum(weights)
    return [start + round(length * part / whole) for part in accumulate(weights, initial=0)]


def tabs(design: Design, at: int) -> tuple[Tab, ...]:
    """The strip above a page, which is drawn and works by itself. None with a single page, and none
    on an uploaded picture: its own drawing decides."""
    if len(design.pages) < 2 or design.pages[at].picture:
        return ()
    lines = edges([1] * len(design.pages), 0, WIDTH)
    return tuple(
        Tab(index + 1, page.name, lines[index], lines[index + 1] - lines[index], index == at)
        for index, page in enumerate(design.pages)
    )


def top(design: Design, at: int) -> int:
    """Where the page's own cells begin."""
    return TAB_HEIGHT if tabs(design, at) else 0


def arranged(design: Design) -> Design:
    """Every page with as many cells as its layout has places, each at its place. What is drawn by
    hand stays where it is."""
    return replace(design, pages=tuple(_arranged(design, at) for at in range(len(design.pages))))


def _arranged(design: Design, at: int) -> Page:
    page = design.pages[at]
    if page.layout == FREE:
        return page
    layout, begin = LAYOUTS[page.layout], top(design, at)
    columns = edges(layout.across, 0, WIDTH)
    rows = edges(layout.down, begin, design.height - begin)
    cells = _as_many(page.cells, len(layout.boxes))
    return replace(
        page,
        cells=tuple(
            replace(
                cell,
                x=columns[left],
                y=rows[upper],
                width=columns[right] - columns[left],
                height=rows[lower] - rows[upper],
            )
            for cell, (left, upper, right, lower) in zip(cells, layout.boxes, strict=True)
        ),
    )


def _as_many(cells: Sequence[Cell], number: int) -> list[Cell]:
    """So many cells: the first ones, and for what is missing what is not on the page yet."""
    kept = list(cells[:number])
    used = {cell.kind for cell in kept}
    spare = [kind for kind, known in KINDS.items() if known.button and kind not in used]
    return kept + [blank(kind) for kind in spare[: number - len(kept)]]

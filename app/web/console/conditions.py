"""The form in which a marketer says who is meant: blocks of lines, read from what was typed into a
tree of conditions, and back.

Every block has to hold: all of its lines, any of them, or none. Lines without a field and blocks
without lines say nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from starlette.datastructures import FormData

from app.core.errors import Invalid
from app.core.text import half_width
from app.segments.rules import FIELDS, MOST_PARTS, Condition, Group, Match, Part

MATCHES: Final[Mapping[str, str]] = {
    "all": "全部符合",
    "any": "符合任一項",
    "none": "排除：都不符合",
}
SHELVES: Final[Mapping[str, tuple[str, ...]]] = {
    "消費": (
        "spend",
        "visits",
        "purchases",
        "last_visit",
        "cycle",
        "first_visit",
        "bought",
        "store",
    ),
    "會員": ("tier", "tier_ends", "joined", "birth_month", "city", "gender", "source", "tag"),
    "點數與優惠券": ("points", "points_expiring", "coupon"),
    "消費習慣（每晚計算）": ("rfm", "nes", "r", "f", "m", "fm", "gap", "next", "ltv", "alive"),
    "訊息": ("marketing", "sample"),
}
MOST_BLOCKS: Final = 5
LONGEST: Final = 500  # characters of one field


@dataclass(frozen=True, slots=True)
class Line:
    """As typed. `chosen` are codes; `text` names products, one after a comma."""

    of: str = ""
    low: str = ""
    high: str = ""
    days: str = ""
    chosen: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    match: Match = "all"
    lines: tuple[Line, ...] = (Line(),)


def read(form: FormData) -> tuple[Block, ...]:
    """The blocks of a form with fields `0-match`, `0-0-of`, `0-0-low` … ; odd ones are left out."""
    blocks = []
    for number in range(MOST_BLOCKS):
        match = form.get(f"{number}-match")
        if match not in MATCHES:
            break
        lines = [line for at in range(MOST_PARTS) if (line := _line(form, f"{number}-{at}"))]
        blocks.append(Block(cast(Match, match), tuple(lines)))
    return tuple(blocks) or (Block(),)


def _line(form: FormData, name: str) -> Line | None:
    of = form.get(f"{name}-of")
    if of is None:
        return None
    typed = {part: _typed(form.get(f"{name}-{part}")) for part in ("low", "high", "days", "text")}
    chosen = tuple(_typed(code) for code in form.getlist(f"{name}-any"))
    return Line(of=_typed(of) if of in FIELDS else "", chosen=chosen, **typed)


def _typed(value: object) -> str:
    return value.strip()[:LONGEST] if isinstance(value, str) else ""


def rearranged(blocks: Sequence[Block], order: str) -> tuple[Block, ...]:
    """What a button asks for: `block`, `line:0` (one more of it), `drop:0` or `drop:0:2`."""
    what, *at = order.split(":")
    places = [int(part) for part in at if part.isascii() and part.isdigit() and len(part) < 3]
    match what, places:
        case "block", [] if len(blocks) < MOST_BLOCKS:
            return (*blocks, Block())
        case "line", [number] if number < len(blocks):
            block = blocks[number]
            more = (*block.lines, Line())[:MOST_PARTS]
            return _put(blocks, number, replace(block, lines=more))
        case "drop", [number] if number < len(blocks):
            return tuple(block for at, block in enumerate(blocks) if at != number) or (Block(),)
        case "drop", [number, place] if number < len(blocks):
            left = [line for at, line in enumerate(blocks[number].lines) if at != place]
            return _put(blocks, number, replace(blocks[number], lines=tuple(left)))
    return tuple(blocks)


def _put(blocks: Sequence[Block], number: int, block: Block) -> tuple[Block, ...]:
    return tuple(block if at == number else other for at, other in enumerate(blocks))


def tree(blocks: Sequence[Block]) -> Group:
    """Raises Invalid for what is not a number."""
    groups = (
        Group(block.match, tuple(_condition(line) for line in block.lines if line.of))
        for block in blocks
    )
    return Group("all", tuple(group for group in groups if group.parts))


def _condition(line: Line) -> Condition:
    field = FIELDS[line.of]
    chosen = _words(line.text) if field.choices == "text" else line.chosen
    return Condition(
        line.of,
        at_least=_number(line.low, field.name) if field.has_range else None,
        at_most=_number(line.high, field.name) if field.has_range else None,
        days=_number(line.days, field.name) if field.has_days else None,
        any_of=chosen if field.choices else (),
    )


def _words(text: str) -> tuple[str, ...]:
    parts = text.replace("，", ",").replace("、", ",").replace("\n", ",").split(",")
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _number(typed: str, name: str) -> int | None:
    digits = half_width(typed).replace(",", "").removeprefix("NT$").strip()
    if not digits:
        return None
    if not (digits.isascii() and digits.isdigit() and len(digits) < 11):
        raise Invalid("tree", f"{name}：請填整數")
    return int(digits)


def blocks_of(group: Group) -> tuple[Block, ...]:
    """The form that says the same. Raises ValueError for a tree deeper than it can say."""
    flat = [part for part in group.parts if isinstance(part, Condition)]
    deep = [part for part in group.parts if isinstance(part, Group)]
    if group.match != "all":
        flat, deep = [], [group]
    blocks = [Block("all", tuple(map(_shown, flat)))] if flat else []
    blocks += [Block(part.match, tuple(map(_shown, part.parts))) for part in deep]
    return tuple(blocks) or (Block(),)


def _shown(part: Part) -> Line:
    if isinstance(part, Group):
        raise ValueError("a group inside a group of a group")
    is_text = FIELDS[part.of].choices == "text"
    numbers = (part.at_least, part.at_most, part.days)
    low, high, days = ("" if number is None else str(number) for number in numbers)
    return Line(
        part.of,
        low,
        high,
        days,
        chosen=() if is_text else part.any_of,
        text="、".join(part.any_of) if is_text else "",
    )

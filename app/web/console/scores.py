"""/console/scores: how the members buy, as a grid of RFM and bars of NES, month by month. Numbers
only, no names: who may reach members gets from each of them to the people behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from app.core.clock import taipei_date
from app.scores import queries, rules
from app.scores.queries import Night
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/scores", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_NUMBERS))]
MONTHS: Final = 366  # days of nights that are shown
SEGMENT: Final = "/console/segments/new?ready="
WIDE: Final = 500  # of a picture
CELL, ROW = 92, 64
STACK_HEIGHT, STACK = 150, 36


@dataclass(frozen=True, slots=True)
class Cell:
    """A square of the grid; `heat` 0 to 4 by its members."""

    x: int
    y: int
    number: int
    name: str
    title: str
    heat: int
    url: str


@dataclass(frozen=True, slots=True)
class Bar:
    y: int
    width: float
    code: str
    name: str
    number: int
    share: float | None
    url: str
    woken: tuple[int, int] | None  # of those who slept when the month began


@dataclass(frozen=True, slots=True)
class Group:
    code: str
    name: str
    advice: str
    number: int
    share: float | None
    sales: float | None
    url: str


@dataclass(frozen=True, slots=True)
class Piece:
    code: str
    y: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Month:
    """The state at the end of a month, or of yesterday in this one."""

    name: str
    x: int
    pieces: tuple[Piece, ...]
    numbers: tuple[int, ...]
    woken: tuple[int, int]
    fell: int  # came to S3 in the month


@dataclass(frozen=True, slots=True)
class ScoresView:
    night: Night
    cells: tuple[Cell, ...]
    bars: tuple[Bar, ...]
    groups: tuple[Group, ...]
    months: tuple[Month, ...]
    axes: tuple[tuple[str, str, bool], ...]  # name, cuts in words, whether fixed

    @property
    def without(self) -> int:
        """Members who never bought."""
        return max(0, int(self.night.counts["members"]) - self.night.buyers)

    @property
    def woken(self) -> tuple[int, int]:
        return _woken(self.night)


@router.get("")
def scores(request: Request, visitor: Reader) -> Response:
    today = taipei_date(request.app.state.clock())
    with request.app.state.db.reading() as session:
        nights = queries.nights(session, since=today - timedelta(days=MONTHS))
    is_linked = visitor.may(Permission.REACH_MEMBERS)
    view = _view(nights, is_linked) if nights and nights[-1].buyers else None
    return pages.render(
        request,
        "console/scores.html",
        view=view,
        # Who works in one store only does not read what the whole brand sold.
        shows_money=visitor.home_store_id is None,
        states=rules.NES,
        bounds=[bound / 100 for bound in rules.BOUNDS],
        sizes={"wide": WIDE, "cell": CELL, "row": ROW, "stack": STACK, "high": STACK_HEIGHT},
        days_of=rules.days_of,
    )


def _view(nights: Sequence[Night], is_linked: bool) -> ScoresView:
    night = nights[-1]

    def url(what: str, code: str) -> str:
        return f"{SEGMENT}{what}-{code}" if is_linked else ""

    most = max(night.members("cell", f"{r}{fm}") for r in rules.SCORES for fm in rules.SCORES)
    cells = tuple(_cell(night, r, fm, most, url("cell", f"{r}{fm}")) for r in (5, 4, 3, 2, 1)
                  for fm in rules.SCORES)  # fmt: skip
    largest = max(night.members("nes", code) for code in rules.NES)
    bars = tuple(
        Bar(
            y=place * ROW,
            width=round((WIDE - 90) * night.members("nes", code) / max(largest, 1), 1),
            code=code,
            name=name,
            number=night.members("nes", code),
            share=_share(night.members("nes", code), night.buyers),
            url=url("nes", code),
            woken=_woken_of(night, code) if code in rules.SLEEPING else None,
        )
        for place, (code, name) in enumerate(rules.NES.items())
    )
    groups = tuple(
        Group(
            code,
            group.name,
            group.advice,
            night.members("rfm", code),
            _share(night.members("rfm", code), night.buyers),
            night.share_of_sales("rfm", code),
            url("rfm", code),
        )
        for code, group in rules.GROUPS.items()
    )
    months = tuple(
        _month(place, last, nights) for place, last in enumerate(queries.months(nights)[-12:])
    )
    axes = tuple(
        (rules.AXES[axis], _cuts(axis, of), of.is_fixed) for axis, of in night.basis.axes.items()
    )
    return ScoresView(night, cells, bars, groups, months, axes)


def _cell(night: Night, r: int, fm: int, most: int, url: str) -> Cell:
    number = night.members("cell", f"{r}{fm}")
    name = rules.GROUPS[rules.group(r, fm)].name.partition("（")[0]
    return Cell(
        x=(fm - 1) * CELL,
        y=(5 - r) * ROW,
        number=number,
        name=name,
        title=f"R {r}、FM {fm}：{name} {number:,} 人",
        heat=0 if not number else 1 + min(3, 4 * number // (most + 1)),
        url=url,
    )


def _month(place: int, last: Night, nights: Sequence[Night]) -> Month:
    numbers = tuple(last.members("nes", code) for code in rules.NES)
    pieces, y, total = [], 0.0, max(sum(numbers), 1)
    for (code, name), number in zip(rules.NES.items(), numbers, strict=True):
        height = STACK_HEIGHT * number / total
        title = f"{last.day:%Y/%m} {name} {number:,} 人（{100 * number / total:.1f}%）"
        pieces.append(Piece(code, round(y, 1), round(height, 1), title))
        y += height
    same = [
        one for one in nights if (one.day.year, one.day.month) == (last.day.year, last.day.month)
    ]
    fell = sum(
        number
        for one in same
        for move, number in one.moves.items()
        if move.endswith(f">{rules.S3}") and not move.startswith(">")
    )
    name = f"{last.day.month} 月"
    return Month(name, place * STACK, tuple(pieces), numbers, _woken(last), fell)


def _woken(night: Night) -> tuple[int, int]:
    each = [_woken_of(night, code) for code in rules.SLEEPING]
    return sum(one for one, _ in each), sum(of for _, of in each)


def _woken_of(night: Night, code: str) -> tuple[int, int]:
    woke, slept = night.counts.get("woken", {}).get(code, (0, 0))
    return int(woke), int(slept)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _cuts(axis: str, of: rules.Cuts) -> str:
    unit = {"r": "天", "f": "天", "m": "元"}[axis]
    return "、".join(f"{cut:,.1f}".removesuffix(".0") for cut in of.shown) + f" {unit}"

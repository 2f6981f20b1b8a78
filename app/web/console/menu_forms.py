"""The form in which a marketer draws a rich menu: read from what was typed into a design, and the
buttons that add and take away.

Fields are `p0-layout`, `p0-c0-kind`, `p0-c0-word` …: pages and cells counted from 0."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from starlette.datastructures import FormData

from app.core import ids
from app.core.errors import Invalid
from app.core.text import half_width
from app.richmenus.queries import MenuShown
from app.richmenus.rules import audiences, document, layouts
from app.richmenus.rules.design import HEIGHTS, KINDS, TAB, Cell, Design, Page, blank
from app.richmenus.rules.layouts import FREE, LAYOUTS, MOST_FREE
from app.richmenus.service import DEFAULT_PRIORITY, Meant

PLACES: Final = ("x", "y", "width", "height")
_LONGEST: Final = 1_200  # characters of one field
_NEW_CELL: Final = 600  # px, of one that a button adds


@dataclass(frozen=True, slots=True)
class Draft:
    """The form as it stands; `kept` is None for a new menu. `spare` are cells, by page, for which
    the layout chosen now has no place: they are there again when it is changed back."""

    name: str
    audience: str  # `tier:` and a code, `segment:` and an id; guest and member stay what they are
    priority: str
    starts_on: str
    ends_on: str
    design: Design
    kept: MenuShown | None = None
    spare: tuple[tuple[Cell, ...], ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    is_wanted: bool = False  # on LINE, and could not be: what is wrong is said first

    @property
    def is_own(self) -> bool:
        return self.kept is not None and self.kept.is_own


def of(menu: MenuShown) -> Draft:
    """What is kept, as the form shows it."""
    audience = menu.audience
    if audience == audiences.TIER:
        audience = f"tier:{menu.tier_code}"
    elif audience == audiences.SEGMENT:
        audience = f"segment:{menu.segment_id}"
    return Draft(
        menu.name,
        audience,
        str(menu.priority),
        "" if menu.starts_on is None else menu.starts_on.isoformat(),
        "" if menu.ends_on is None else menu.ends_on.isoformat(),
        menu.draft,
        menu,
    )


def blank_draft(audience: str) -> Draft:
    """A new menu, with something to begin from."""
    main = replace(blank("card"), is_main=True)
    design = Design("large", "會員服務", (Page("big_two", (main, blank("coupons"))),))
    return Draft("", audience, str(DEFAULT_PRIORITY), "", "", layouts.arranged(design))


def read(form: FormData, kept: MenuShown | None) -> Draft:
    """What was typed; what is odd is left out or stands as it was typed, to be named."""
    size = _text(form, "size")
    typed = tuple(
        _page(form, at)
        for at in range(document.MAX_PAGES)
        if _text(form, f"p{at}-layout") in layouts.NAMES
    )
    bar = " ".join(_text(form, "bar").split())
    drawn = Design(size if size in HEIGHTS else "large", bar, typed or (Page("six", ()),))
    design = layouts.arranged(drawn)
    spare = tuple(
        before.cells[len(now.cells) :]
        for before, now in zip(drawn.pages, design.pages, strict=True)
    )
    return Draft(
        " ".join(_text(form, "name").split()),
        kept.audience if kept is not None and kept.is_own else _text(form, "audience"),
        half_width(_text(form, "priority")),
        _text(form, "starts_on"),
        _text(form, "ends_on"),
        design,
        kept,
        spare,
    )


def _page(form: FormData, at: int) -> Page:
    cells = tuple(
        _cell(form, f"p{at}-c{index}")
        for index in range(MOST_FREE)
        if f"p{at}-c{index}-kind" in form
    )
    layout, digest = _text(form, f"p{at}-layout"), _text(form, f"p{at}-picture")
    name = " ".join(_text(form, f"p{at}-name").split())
    is_digest = len(digest) == 64 and digest.isalnum()
    return Page(layout, cells, name, digest if is_digest else "")


def _cell(form: FormData, name: str) -> Cell:
    kind, was = _text(form, f"{name}-kind"), _text(form, f"{name}-was")
    cell = Cell(
        kind,
        _text(form, f"{name}-word"),
        _text(form, f"{name}-caption"),
        _text(form, f"{name}-icon"),
        _text(form, f"{name}-value"),
        form.get(f"{name}-main") == "on",
        **{place: _pixels(_text(form, f"{name}-{place}")) for place in PLACES},
    )
    return _renamed(cell, was) if kind != was else cell


def _renamed(cell: Cell, was: str) -> Cell:
    """Another press: the words follow, unless somebody wrote their own."""
    old, new = KINDS.get(was), KINDS.get(cell.kind)
    if old is None or new is None:
        return cell
    return replace(
        cell,
        word=new.word if cell.word == old.word else cell.word,
        caption=new.caption if cell.caption == old.caption else cell.caption,
        icon=new.icon if cell.icon == old.icon else cell.icon,
        value="",
    )


def _pixels(typed: str) -> int:
    number = half_width(typed).replace(",", "")
    is_number = number.removeprefix("-").isdecimal() and len(number) <= 5
    return int(number) if is_number and number.isascii() else 0


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    kept = value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""
    return kept.replace("\x00", "")[:_LONGEST]


# Whom it is for -----------------------------------------------------------------------------------


def meant(draft: Draft) -> Meant:
    """Raises Invalid for what cannot be read."""
    if draft.is_own:
        return Meant(draft.audience)
    kind, _, of_ = draft.audience.partition(":")
    priority = ids.id_typed(draft.priority)
    if priority is None:
        raise Invalid("priority", f"優先順序是 1 到 {audiences.MOST_PRIORITY} 的數字")
    return Meant(
        kind if kind == audiences.SEGMENT else audiences.TIER,
        of_[:20] if kind == audiences.TIER else None,
        ids.id_typed(of_) if kind == audiences.SEGMENT else None,
        priority,
        _day("starts_on", draft.starts_on),
        _day("ends_on", draft.ends_on),
    )


def _day(name: str, typed: str) -> date | None:
    try:
        return date.fromisoformat(typed) if typed else None
    except ValueError:
        raise Invalid(name, "日期看不懂，請用年-月-日") from None


# Buttons ------------------------------------------------------------------------------------------


def rearranged(draft: Draft, order: str) -> Draft:
    """`page` adds one, `drop:0` takes one away; `cell:0` adds a place to a page drawn by hand, with
    `:x:y:width:height` where it was drawn; `drop:0:1` takes it away; `plain:0` goes back from an
    uploaded picture to the drawn one. Orders nobody gave do nothing."""
    word, *typed = order.split(":")
    numbers = [_pixels(number) for number in typed]
    pages = list(draft.design.pages)
    if word == "page" and len(pages) < document.MAX_PAGES:
        pages = _with_page(pages)
    elif numbers and 0 <= numbers[0] < len(pages):
        at, *more = numbers
        if word == "drop" and more:
            cells = pages[at].cells
            kept = tuple(cell for index, cell in enumerate(cells) if index != more[0])
            pages[at] = replace(pages[at], cells=kept if pages[at].layout == FREE else cells)
        elif word == "drop" and len(pages) > 1:
            del pages[at]
            pages = [_led_anew(page, at + 1) for page in pages]
        elif word == "cell":
            pages[at] = _with_cell(pages[at], more, layouts.top(draft.design, at))
        elif word == "plain":
            pages[at] = replace(pages[at], picture="")
    design = layouts.arranged(replace(draft.design, pages=tuple(pages)))
    return replace(draft, design=design, spare=())


def _led_anew(page: Page, gone: int) -> Page:
    """Cells that change the page lead to the same page as before, whose number fell by one; those
    that led to the page that is gone lead nowhere, and are named as a fault."""
    return replace(page, cells=tuple(_cell_led_anew(cell, gone) for cell in page.cells))


def _cell_led_anew(cell: Cell, gone: int) -> Cell:
    number = ids.id_typed(cell.value)
    if cell.kind != TAB or number is None or number < gone:
        return cell
    return replace(cell, value="" if number == gone else str(number - 1))


def _with_page(pages: list[Page]) -> list[Page]:
    """The new one shows what the others do not."""
    used = {cell.kind for page in pages for cell in page.cells}
    spare = [kind for kind, known in KINDS.items() if known.button and kind not in used]
    last = pages[-1].layout
    layout = "three" if last == FREE else last
    cells = tuple(blank(kind) for kind in spare[: len(LAYOUTS[layout].boxes)])
    named = [
        replace(page, name=page.name or ("會員" if at == 0 else "更多"))
        for at, page in enumerate(pages)
    ]
    return [*named, Page(layout, cells, "更多")]


def _with_cell(page: Page, place: list[int], top: int) -> Page:
    if page.layout != FREE or len(page.cells) >= MOST_FREE:
        return page
    used = {cell.kind for cell in page.cells}
    spare = [kind for kind, known in KINDS.items() if known.button and kind not in used]
    x, y, width, height = place if len(place) == len(PLACES) else (0, top, _NEW_CELL, _NEW_CELL)
    cell = replace(blank(spare[0] if spare else "card"), x=x, y=y, width=width, height=height)
    return replace(page, cells=(*page.cells, cell))

"""What LINE takes: a design's faults in a marketer's words, and LINE's own document of a page.

Limits: https://developers.line.biz/en/reference/messaging-api/#rich-menu-object
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from app.line import taps
from app.richmenus.rules import layouts
from app.richmenus.rules.design import (
    ICONS,
    JOIN,
    KINDS,
    LINK,
    PAGE,
    SAY,
    TAB,
    WIDTH,
    Cell,
    Design,
    Json,
    Page,
)
from flex_templates.limits import Problem, check_action, graphemes

MIN_WIDTH, MAX_WIDTH = 800, 2500
MIN_HEIGHT = 250
MIN_RATIO = 1.45
MAX_AREAS = 20
MAX_NAME = 300
MAX_BAR_TEXT = 14
MAX_LABEL = 20
MAX_URI = 1_000
MAX_SAYING = 300
MAX_PICTURE_BYTES = 1_000_000
MAX_ALIAS = 32
OURS = "regulars"  # how the names of our menus begin on LINE

# Our own: more tabs could not be read, and a smaller place not be hit (150 px are 23 points).
MAX_PAGES: Final = 5
MAX_TAB_NAME: Final = 8
MIN_SIDE: Final = 150


@dataclass(frozen=True, slots=True)
class Fault:
    """`field` is the form's name for it; `reason` names the cell and says what to do."""

    field: str
    reason: str


def alias(code: str, number: int) -> str:
    """LINE's name for a page of a menu, counted from 1; the first is the menu's own."""
    return code if number == 1 else f"{code}-{number}"


# Faults -------------------------------------------------------------------------------------------


def faults(design: Design) -> list[Fault]:
    """Everything for which the menu cannot be published, in the order of the form."""
    found = list(_frame(design))
    for at in range(len(design.pages)):
        found += _page(design, at)
    return found


def _frame(design: Design) -> Iterator[Fault]:
    yield from _length("bar", "選單列的文字", design.bar, MAX_BAR_TEXT)
    if not 1 <= len(design.pages) <= MAX_PAGES:
        yield Fault("pages", f"一個選單最多 {MAX_PAGES} 頁")


def _page(design: Design, at: int) -> Iterator[Fault]:
    page = design.pages[at]
    if len(design.pages) > 1:
        yield from _length(f"p{at}-name", f"第 {at + 1} 頁的分頁名稱", page.name, MAX_TAB_NAME)
    number = len(page.cells) + max(len(layouts.tabs(design, at)) - 1, 0)
    if not page.cells or number > MAX_AREAS:
        yield Fault(f"p{at}-layout", f"第 {at + 1} 頁要有 1 到 {MAX_AREAS} 個按的地方")
    if len(design.pages) > 1 and page.picture and TAB not in {cell.kind for cell in page.cells}:
        yield Fault(
            f"p{at}-layout", f"第 {at + 1} 頁用上傳的圖，要有一格「換到另一頁」，不然會員回不去"
        )
    for index, cell in enumerate(page.cells):
        yield from _cell(design, at, index, cell)
    yield from _overlaps(design, at, page)


def _called(design: Design, at: int, index: int) -> str:
    """`第 2 格「優惠券」`; with the page where there are several."""
    cell = design.pages[at].cells[index]
    page = f"第 {at + 1} 頁" if len(design.pages) > 1 else ""
    return f"{page}第 {index + 1} 格" + (f"「{cell.word}」" if cell.word else "")


def _cell(design: Design, at: int, index: int, cell: Cell) -> Iterator[Fault]:
    name, called = f"p{at}-c{index}", _called(design, at, index)
    yield from _length(f"{name}-word", f"{called}的文字", cell.word, MAX_LABEL)
    if len(graphemes(cell.caption)) > MAX_LABEL:
        yield Fault(f"{name}-caption", f"{called}的小字最多 {MAX_LABEL} 個字")
    if cell.icon not in ICONS:
        yield Fault(f"{name}-icon", f"{called}沒有這個圖示")
    wrong = _value(design, at, cell)
    if wrong:
        yield Fault(f"{name}-{'kind' if cell.kind not in KINDS else 'value'}", called + wrong)
    place = _place(design, at, cell)
    if place:
        yield Fault(f"{name}-x", called + place)


def _value(design: Design, at: int, cell: Cell) -> str | None:
    if cell.kind not in KINDS:
        return "還沒有選按了做什麼"
    if cell.kind == LINK:
        is_good = cell.value.startswith("https://") and len(cell.value) > len("https://")
        if not is_good or len(cell.value) > MAX_URI or any(sign.isspace() for sign in cell.value):
            return f"的網址要以 https:// 開頭，沒有空白，最多 {MAX_URI:,} 個字元"
    if cell.kind == SAY and not 1 <= len(graphemes(cell.value)) <= MAX_SAYING:
        return f"要說的話要有 1 到 {MAX_SAYING} 個字"
    others = [str(number + 1) for number in range(len(design.pages)) if number != at]
    if cell.kind == TAB and cell.value not in others:
        return "要選換到哪一頁" if others else "換到另一頁：這個選單只有一頁"
    return None


def _place(design: Design, at: int, cell: Cell) -> str | None:
    if min(cell.width, cell.height) < MIN_SIDE:
        return f"太小，手指按不到：長和寬都至少 {MIN_SIDE} 像素"
    above = layouts.top(design, at)
    if cell.y < above and cell.y >= 0:
        return f"蓋到上面的分頁：上緣至少 {above}"
    right, bottom = cell.x + cell.width, cell.y + cell.height
    if min(cell.x, cell.y) < 0 or right > WIDTH or bottom > design.height:
        return f"超出圖片：圖片寬 {WIDTH:,}、高 {design.height:,}"
    return None


def overlap(one: Cell, other: Cell) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def _overlaps(design: Design, at: int, page: Page) -> Iterator[Fault]:
    for (_, one), (index, other) in combinations(enumerate(page.cells), 2):
        if overlap(one, other):
            first = _called(design, at, page.cells.index(one))
            yield Fault(f"p{at}-c{index}-x", f"{_called(design, at, index)}和{first}重疊")


def _length(field: str, what: str, text: str, most: int) -> Iterator[Fault]:
    if not 1 <= len(graphemes(text)) <= most:
        yield Fault(field, f"{what}要有 1 到 {most} 個字")


def picture_fault(
    *, kind: str | None, width: int, height: int, weight: int, design: Design
) -> str | None:
    """Why LINE, or this menu, would not take an uploaded picture. `kind` is Pillow's word for the
    format, None for no picture; sizes in px, weight in bytes."""
    if kind not in ("PNG", "JPEG"):
        return "請上傳 PNG 或 JPEG 圖檔"
    if weight > MAX_PICTURE_BYTES:
        return f"圖檔最多 1 MB，這張有 {weight / 1_000_000:.1f} MB"
    if not MIN_WIDTH <= width <= MAX_WIDTH or height < MIN_HEIGHT or width / height < MIN_RATIO:
        return (
            f"圖寬要 {MIN_WIDTH}–{MAX_WIDTH:,} 像素，高至少 {MIN_HEIGHT}，"
            f"寬至少是高的 {MIN_RATIO} 倍；這張是 {width:,}×{height:,}"
        )
    if abs(width * design.height - height * WIDTH) > height * WIDTH // 100:
        return (
            f"圖的形狀和選單不同：選單是 {WIDTH:,}×{design.height:,}，這張是 {width:,}×{height:,}"
        )
    return None


# LINE's document ----------------------------------------------------------------------------------


def document(design: Design, at: int, *, code: str, name: str, liff_id: str) -> Json:
    """What LINE wants to create one page of the menu.

    Raises KeyError for a kind of press nobody knows: a dead cell must not be published."""
    return {
        "size": {"width": WIDTH, "height": design.height},
        "selected": True,
        "name": name,
        "chatBarText": design.bar,
        "areas": [
            *(
                _area(tab, _switch(tab.name, code, tab.number))
                for tab in layouts.tabs(design, at)
                if not tab.is_open
            ),
            *(
                _area(cell, {"label": cell.word, **_action(cell, code, liff_id)})
                for cell in design.pages[at].cells
            ),
        ],
    }


def _area(place: Cell | layouts.Tab, action: Json) -> Json:
    bounds = {"x": place.x, "y": place.y, "width": place.width, "height": place.height}
    return {"bounds": bounds, "action": action}


def _switch(label: str, code: str, number: int) -> Json:
    return {
        "type": "richmenuswitch",
        "label": label,
        "richMenuAliasId": alias(code, number),
        "data": taps.SwitchTab(number).pack(),
    }


def _action(cell: Cell, code: str, liff_id: str) -> Json:
    """The page to join or the card's page opens where there is one, else the chat does it."""
    if cell.kind == LINK:
        return {"type": "uri", "uri": cell.value}
    if cell.kind == SAY:
        return {"type": "message", "text": cell.value}
    if cell.kind == TAB:
        return _switch(cell.word, code, int(cell.value))
    if liff_id and cell.kind in (JOIN, PAGE):
        path = "join" if cell.kind == JOIN else "card"
        return {"type": "uri", "uri": f"https://liff.line.me/{liff_id}/{path}"}
    known = KINDS["card" if cell.kind == PAGE else cell.kind]
    if known.button is None:
        raise KeyError(cell.kind)
    return {"type": "postback", "data": known.button().pack(), "displayText": known.says}


def problems(body: Json) -> list[Problem]:
    """List what LINE would refuse in a rich-menu document."""
    return [*_body(body), *_areas(body)]


def _body(body: Mapping[str, Any]) -> Iterator[Problem]:
    width, height = body["size"]["width"], body["size"]["height"]
    if not MIN_WIDTH <= width <= MAX_WIDTH:
        yield Problem("/size/width", f"Must be between {MIN_WIDTH} and {MAX_WIDTH}")
    if height < MIN_HEIGHT:
        yield Problem("/size/height", f"Must be at least {MIN_HEIGHT}")
    elif width / height < MIN_RATIO:
        yield Problem("/size", f"The ratio of width to height must be at least {MIN_RATIO}")
    for name, most in (("name", MAX_NAME), ("chatBarText", MAX_BAR_TEXT)):
        if not 1 <= len(graphemes(body[name])) <= most:
            yield Problem(f"/{name}", f"Length must be between 1 and {most}")


def _areas(body: Mapping[str, Any]) -> Iterator[Problem]:
    areas: Sequence[Any] = body["areas"]
    if not 1 <= len(areas) <= MAX_AREAS:
        yield Problem("/areas", f"Size must be between 1 and {MAX_AREAS}")
    for index, area in enumerate(areas):
        path, bounds = f"/areas/{index}", area["bounds"]
        is_inside = (
            min(bounds["x"], bounds["y"]) >= 0
            and min(bounds["width"], bounds["height"]) > 0
            and bounds["x"] + bounds["width"] <= body["size"]["width"]
            and bounds["y"] + bounds["height"] <= body["size"]["height"]
        )
        if not is_inside:
            yield Problem(f"{path}/bounds", "must lie inside the picture")
        yield from check_action(area["action"], "rich_menu", f"{path}/action")

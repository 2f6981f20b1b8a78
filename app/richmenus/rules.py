"""The two rich menus as data: their cells, what each says, and LINE's document made of them.

Limits: https://developers.line.biz/en/reference/messaging-api/#rich-menu-object
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flex_templates.limits import Problem, check_action, graphemes

Icon = Literal["join", "news", "store", "card", "points", "coupon", "mission", "contact"]
Json = dict[str, Any]

WIDTH = 2500
MIN_WIDTH, MAX_WIDTH = 800, 2500
MIN_HEIGHT = 250
MIN_RATIO = 1.45
MAX_AREAS = 20
MAX_NAME = 300
MAX_BAR_TEXT = 14
MAX_PICTURE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Cell:
    """One place to tap, in pixels of the picture. `key` names its action; `is_main` stands out."""

    key: str
    word: str
    caption: str
    icon: Icon
    x: int
    y: int
    width: int
    height: int
    is_main: bool = False


@dataclass(frozen=True, slots=True)
class Menu:
    """A menu as designed. `alias` is also the word the rest of the house knows it by."""

    alias: Literal["guest", "member"]
    bar: str
    height: int
    cells: tuple[Cell, ...]
    is_default: bool = False


GUEST = Menu(
    alias="guest",
    bar="加入會員",
    height=843,
    cells=(
        Cell("join", "加入會員", "一分鐘免費入會", "join", 0, 0, 1100, 843, is_main=True),
        Cell("news", "最新活動", "好康不錯過", "news", 1100, 0, 700, 843),
        Cell("stores", "門市", "地址與營業時間", "store", 1800, 0, 700, 843),
    ),
    is_default=True,
)
MEMBER = Menu(
    alias="member",
    bar="會員服務",
    height=1686,
    cells=(
        Cell("card", "會員卡", "結帳請出示", "card", 0, 0, 833, 843, is_main=True),
        Cell("points", "我的點數", "點數與效期", "points", 833, 0, 834, 843),
        Cell("coupons", "優惠券", "專屬好禮", "coupon", 1667, 0, 833, 843),
        Cell("missions", "任務集點", "看看怎麼集點", "mission", 0, 843, 833, 843),
        Cell("stores", "門市查詢", "地址與營業時間", "store", 833, 843, 834, 843),
        Cell("contact", "聯絡客服", "有問題請找我們", "contact", 1667, 843, 833, 843),
    ),
)
MENUS = (GUEST, MEMBER)


def document(menu: Menu, actions: Mapping[str, Json], *, name: str) -> Json:
    """Return what LINE wants to create the menu; `actions` holds one action per cell key.

    Raises KeyError when a cell has no action: a menu must not be published with a dead cell.
    """
    return {
        "size": {"width": WIDTH, "height": menu.height},
        "selected": True,
        "name": name,
        "chatBarText": menu.bar,
        "areas": [
            {
                "bounds": {"x": cell.x, "y": cell.y, "width": cell.width, "height": cell.height},
                "action": {"label": cell.word, **actions[cell.key]},
            }
            for cell in menu.cells
        ],
    }


def problems(body: Json) -> list[Problem]:
    """List what LINE would refuse in a rich-menu document."""
    return [*_frame(body), *_areas(body)]


def _frame(body: Json) -> Iterator[Problem]:
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


def _areas(body: Json) -> Iterator[Problem]:
    areas = body["areas"]
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

"""A rich menu as a marketer draws it: pages of cells, what each says and what a press does."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from app.line import taps
from app.line.postback import Postback

Json = dict[str, Any]

WIDTH: Final = 2500  # px, the largest LINE takes: sharp on every phone
HEIGHTS: Final = {"large": 1686, "compact": 843}
SIZES: Final = {"large": "大（半個畫面）", "compact": "小（四分之一畫面）"}

ICONS: Final = {
    "card": "會員卡",
    "points": "點數",
    "coupon": "優惠券",
    "mission": "任務",
    "tier": "等級",
    "receipt": "消費紀錄",
    "gift": "禮物",
    "store": "門市",
    "news": "活動",
    "join": "加入",
    "contact": "對話",
    "help": "說明",
    "link": "連結",
    "": "不畫圖示",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a press may do, in a marketer's words, and what a cell for it says until changed."""

    does: str
    word: str
    caption: str
    icon: str
    button: type[Postback] | None = None  # the product's own; None needs a `value`
    says: str = ""  # shown in the chat as the member's own message


LINK, PAGE, SAY, TAB, JOIN = "link", "card_page", "text", "tab", "join"
KINDS: Final[Mapping[str, Kind]] = {
    "card": Kind("會員卡", "會員卡", "結帳請出示", "card", taps.ShowCard, "會員卡"),
    "points": Kind("我的點數", "我的點數", "點數與效期", "points", taps.ShowPoints, "我的點數"),
    "coupons": Kind("優惠券", "優惠券", "專屬好禮", "coupon", taps.ShowCoupons, "優惠券"),
    "missions": Kind(
        "怎麼集點（任務）", "任務集點", "看看怎麼集點", "mission", taps.ShowWaysToEarn, "任務集點"
    ),
    "tiers": Kind("等級權益", "等級權益", "離下一級多近", "tier", taps.ShowTiers, "等級權益"),
    "purchases": Kind(
        "消費紀錄", "消費紀錄", "每一筆都查得到", "receipt", taps.ShowPurchases, "消費紀錄"
    ),
    "rewards": Kind("兌換商品", "兌換商品", "點數換好禮", "gift", taps.ShowRewards, "兌換商品"),
    "stores": Kind("門市", "門市查詢", "地址與營業時間", "store", taps.ShowStores, "門市"),
    "news": Kind("最新活動", "最新活動", "好康不錯過", "news", taps.ShowNews, "最新活動"),
    "invite": Kind("邀請好友", "邀請好友", "一起來集點", "join", taps.InviteFriends, "邀請好友"),
    "help": Kind("使用說明", "使用說明", "不會用看這裡", "help", taps.AskForHelp, "說明"),
    "contact": Kind(
        "聯絡客服", "聯絡客服", "有問題請找我們", "contact", taps.ContactUs, "聯絡客服"
    ),
    JOIN: Kind("加入會員", "加入會員", "一分鐘免費入會", "join", taps.StartJoining, "加入會員"),
    PAGE: Kind("打開會員卡網頁", "會員卡", "結帳請出示", "card"),
    LINK: Kind("打開網址", "線上商店", "逛逛新品", "link"),
    SAY: Kind("替會員說一句話", "問問看", "直接問我們", "contact"),
    TAB: Kind("換到另一頁", "更多", "下一頁", "link"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One place to tap, in pixels of the picture. `value`: the address, the sentence or the number
    of the page, for what needs one. `is_main` stands out."""

    kind: str
    word: str
    caption: str = ""
    icon: str = ""
    value: str = ""
    is_main: bool = False
    x: int = 0
    y: int = 0
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """What is seen at once. `name` stands on its tab when there are several pages. `picture` is the
    digest of an uploaded one; empty: drawn from the words."""

    layout: str
    cells: tuple[Cell, ...]
    name: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Design:
    size: str
    bar: str
    pages: tuple[Page, ...]

    @property
    def height(self) -> int:
        """Of every picture, in px."""
        return HEIGHTS[self.size]


def to_document(design: Design) -> Json:
    return asdict(design)


def from_document(kept: Json) -> Design:
    """Raises KeyError or TypeError for what `to_document` did not make."""
    pages = tuple(
        Page(**{**page, "cells": tuple(Cell(**cell) for cell in page["cells"])})
        for page in kept["pages"]
    )
    return Design(kept["size"], kept["bar"], pages)


def blank(kind: str) -> Cell:
    """A cell for this kind of press, with the words it has until somebody changes them."""
    known = KINDS[kind]
    return Cell(kind, known.word, known.caption, known.icon)


def _ready(kinds: tuple[str, ...], **changes: str) -> tuple[Cell, ...]:
    first, *rest = (
        replace(blank(kind), word=changes.get(kind, KINDS[kind].word)) for kind in kinds
    )
    return (replace(first, is_main=True), *rest)


# The menus every brand begins with, by the alias the rest of the house knows them by.
GUEST, MEMBER = "guest", "member"
READY: Final[Mapping[str, Design]] = {
    GUEST: Design(
        "compact",
        "加入會員",
        (Page("wide_three", _ready((JOIN, "news", "stores"), stores="門市")),),
    ),
    MEMBER: Design(
        "large",
        "會員服務",
        (Page("six", _ready(("card", "points", "coupons", "missions", "stores", "contact"))),),
    ),
}

"""What a letter to many may say, to whom it goes, and what its result is. Pure values."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from app.core import statistics

# A draft is planned, its list is frozen, it goes out; a person may stop it on the way.
DRAFT, DUE, FREEZING, SENDING, PAUSED, DONE, CANCELLED = (
    "draft",
    "due",
    "freezing",
    "sending",
    "paused",
    "done",
    "cancelled",
)
STATUSES: Final = (DRAFT, DUE, FREEZING, SENDING, PAUSED, DONE, CANCELLED)
# A recipient waits, waits for another day, has the letter queued, or gets none.
TO_DO, HELD, QUEUED, DROPPED, CONTROL = "due", "held", "queued", "dropped", "control"
OPEN: Final = (TO_DO, HELD)

HELD_FOR: Final = timedelta(days=3)  # after the start; what is later is no news any more
LONGEST_AHEAD: Final = timedelta(days=366)
COUNTED_FOR: Final = timedelta(days=7)  # purchases after the start
BLOCKED_WITHIN: Final = timedelta(hours=48)
LEAST_ARM: Final = 30  # members an arm; below, chance says more than the letter

TITLE, BODY, LABEL, NAME, URL = 40, 500, 20, 40, 500  # letters at most
PLACES: Final[Mapping[str, str]] = {
    "card": "會員卡",
    "coupons": "優惠券",
    "points": "我的點數",
    "earn": "任務與集點",
    "rewards": "點數兌換",
    "tiers": "等級權益",
    "stores": "門市資訊",
    "url": "網址",
}
FIELDS: Final = ("姓名", "等級", "點數")
_FIELD = re.compile(r"[{｛]([^{}｛｝]*)[}｝]")


@dataclass(frozen=True, slots=True)
class Letter:
    """`coupon` is a kind's code, or nothing; `place` is one of PLACES; `url` only for that one;
    `tag` is the id of the tag that who presses the button gets, or nothing."""

    title: str = ""
    body: str = ""
    coupon: str = ""
    label: str = ""
    place: str = "card"
    url: str = ""
    tag: str = ""

    def document(self) -> dict[str, str]:
        return asdict(self)


def letter_of(document: Mapping[str, Any]) -> Letter:
    return Letter(**{name: str(document.get(name, "")) for name in Letter.__slots__})


@dataclass(frozen=True, slots=True)
class Person:
    """What a letter may say about its reader."""

    name: str = ""
    tier: str = ""
    points: int = 0


def filled(words: str, to: Person) -> str:
    """Put the reader's own values into {姓名}, {等級} and {點數}, in braces of either width."""
    values = {"姓名": to.name or "會員", "等級": to.tier, "點數": f"{to.points:,}"}
    return _FIELD.sub(lambda found: values.get(found[1].strip(), found[0]), words)


def fields_in(letter: Letter) -> frozenset[str]:
    """The names in braces, known or not."""
    return frozenset(name.strip() for name in _FIELD.findall(f"{letter.title}\n{letter.body}"))


def faults(letter: Letter) -> Iterator[tuple[str, str]]:
    """(field, what is wrong) for everything that keeps the letter from going out."""
    yield from _length("title", "標題", letter.title, TITLE)
    yield from _length("body", "內文", letter.body, BODY)
    yield from _length("label", "按鈕文字", letter.label, LABEL)
    unknown = sorted(fields_in(letter) - set(FIELDS))
    if unknown:
        yield "body", f"沒有「{unknown[0]}」這個欄位，可用的有：{'、'.join(FIELDS)}"
    if letter.place not in PLACES:
        yield "place", "請選擇按鈕要開啟的地方"
    if letter.place == "url":
        yield from _address(letter.url)


def _length(field: str, name: str, text: str, most: int) -> Iterator[tuple[str, str]]:
    if not text.strip():
        yield field, f"請填寫{name}"
    elif len(text) > most:
        yield field, f"{name}最多 {most} 個字，現在有 {len(text)} 個"


def _address(url: str) -> Iterator[tuple[str, str]]:
    """LINE opens https addresses; a space or a missing host would be refused by it.

    https://developers.line.biz/en/reference/messaging-api/#uri-action"""
    if not re.fullmatch(r"https://[^\s/?#@\"<>\\]+\.[^\s/?#@\"<>\\]+([/?#][^\s\"<>\\]*)?", url):
        yield "url", "網址須以 https:// 開頭，而且沒有空白"
    elif len(url) > URL:
        yield "url", f"網址最多 {URL} 個字"


# A share of the members ---------------------------------------------------------------------------

PLACES_OF_ALL: Final = 10_000


@dataclass(frozen=True, slots=True)
class Share:
    """Some of the members by chance: those whose place under `salt`, from 0 to 9,999, is at least
    `first` and less than `last`. Those from `control` on stand on the list and get nothing. Another
    salt mixes them anew, so that two experiments do not know of each other."""

    salt: str
    first: int
    last: int
    control: int = PLACES_OF_ALL

    def place(self, member_id: int) -> int:
        digest = sha256(f"{self.salt}:{member_id}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % PLACES_OF_ALL

    def is_control(self, member_id: int) -> bool:
        return self.place(member_id) >= self.control

    def holds(self, member_id: int) -> bool:
        place = self.place(member_id)
        return self.first <= place < self.last or place >= self.control

    def document(self) -> dict[str, Any]:
        return asdict(self)


# What came of it ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arm:
    """Members, those of them who bought, and what all of them spent (NT$)."""

    members: int
    buyers: int
    spent: int

    @property
    def rate(self) -> float | None:
        return statistics.share(self.buyers, self.members)

    @property
    def mean(self) -> float | None:
        return self.spent / self.members if self.members else None


@dataclass(frozen=True, slots=True)
class Uplift:
    """How many more bought because of the letter: the difference of the two rates, its 95 %
    interval, and what that comes to among all who were meant to get it."""

    rate: float
    low: float
    high: float
    more_buyers: float
    more_spent: float  # NT$

    @property
    def is_sure(self) -> bool:
        """The interval leaves zero out."""
        return self.low > 0 or self.high < 0


def uplift(treated: Arm, control: Arm) -> Uplift | None:
    """By intention to treat: who was to get the letter counts, whether it reached them or not, so
    that nothing but chance tells the arms apart. None while an arm is too small to say anything."""
    if min(treated.members, control.members) < LEAST_ARM:
        return None
    low, high = statistics.difference(
        treated.buyers, treated.members, control.buyers, control.members
    )
    rate = treated.buyers / treated.members - control.buyers / control.members
    mean = treated.spent / treated.members - control.spent / control.members
    return Uplift(rate, low, high, rate * treated.members, mean * treated.members)


def counted_until(started_at: datetime) -> datetime:
    return started_at + COUNTED_FOR

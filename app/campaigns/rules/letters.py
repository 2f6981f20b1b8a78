"""What a letter to many is made of: one to five messages, and what keeps it from going out."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from app.attention.rules import OFFERS

# What a message can be.
CARD, TEXT, PICTURE, VIDEO = "card", "text", "picture", "video"
KINDS: Final[Mapping[str, str]] = {CARD: "卡片", TEXT: "文字", PICTURE: "圖片", VIDEO: "影片"}

MESSAGES: Final = 5  # in one request, counted by LINE as one
QUICK: Final = 6  # buttons above the keyboard; LINE takes 13, a phone shows three
TITLE, BODY, LABEL, URL = 40, 500, 20, 500  # letters at most
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
class Part:
    """One message of a letter. What each kind has of these:

    card: `title`, `body`, `coupon` (a kind's code, or nothing), `label`, `place`, `url`;
    text: `body`;
    picture: `picture`, `title` (what it shows), `place` (or nothing: it cannot be pressed), `url`;
    video: `video` (the address of an MP4), `picture` (what is seen before it plays).

    `picture` is the digest of an uploaded one; `place` one of PLACES, `url` only for that one."""

    kind: str = CARD
    title: str = ""
    body: str = ""
    coupon: str = ""
    label: str = ""
    place: str = ""
    url: str = ""
    picture: str = ""
    video: str = ""

    @property
    def is_pressed(self) -> bool:
        """Something of it can be pressed."""
        return self.kind == CARD or (self.kind == PICTURE and bool(self.place))

    @property
    def words(self) -> str:
        return f"{self.title}\n{self.body}"


@dataclass(frozen=True, slots=True)
class Quick:
    """A button above the keyboard, gone once something else is said."""

    label: str = ""
    place: str = "card"
    url: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """`tag` is the id of the tag that who presses something of it gets, or nothing; `topic` is what
    it is about, in the marketer's list."""

    parts: tuple[Part, ...] = ()
    quick: tuple[Quick, ...] = ()
    tag: str = ""
    topic: str = OFFERS

    @property
    def coupon(self) -> str:
        """The kind of coupon each reader is given; nothing when it brings none."""
        return next((part.coupon for part in self.parts if part.coupon), "")

    @property
    def title(self) -> str:
        """What it is called in a list."""
        return next((part.title for part in self.parts if part.title), "") or next(
            (part.body.split("\n")[0][:TITLE] for part in self.parts if part.body), ""
        )

    def url(self, number: int) -> str:
        """The address that a counted link leads to: of a message from 0 on, and of the quick
        buttons after those of five messages."""
        if number < MESSAGES:
            return self.parts[number].url if number < len(self.parts) else ""
        at = number - MESSAGES
        return self.quick[at].url if at < len(self.quick) else ""

    def document(self) -> dict[str, Any]:
        return asdict(self)


def of_card(
    title: str = "",
    body: str = "",
    coupon: str = "",
    label: str = "",
    place: str = "card",
    url: str = "",
    tag: str = "",
    topic: str = OFFERS,
) -> Letter:
    """A letter of a single card."""
    card = Part(CARD, title, body, coupon, label, place, url)
    return Letter((card,), tag=tag, topic=topic)


def letter_of(document: Mapping[str, Any]) -> Letter:
    """Of what was kept. Before a letter could have several messages it was one card."""
    tag, topic = str(document.get("tag", "")), str(document.get("topic") or OFFERS)
    if "parts" not in document:
        names = ("title", "body", "coupon", "label", "place", "url")
        said = {name: str(document.get(name, "")) for name in names}
        return of_card(**said, tag=tag, topic=topic)
    return Letter(
        tuple(Part(**part) for part in document["parts"]),
        tuple(Quick(**quick) for quick in document.get("quick", ())),
        tag,
        topic,
    )


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
    return frozenset(name.strip() for part in letter.parts for name in _FIELD.findall(part.words))


def is_same_for_all(letter: Letter) -> bool:
    """No reader's copy differs from another's: no field, no coupon, no link that counts by
    reader."""
    places = [part.place for part in letter.parts] + [quick.place for quick in letter.quick]
    leads_out = "url" in places
    return not (letter.coupon or leads_out or fields_in(letter))


def pictures_of(letter: Letter) -> frozenset[str]:
    return frozenset(part.picture for part in letter.parts if part.picture)


# Writing one --------------------------------------------------------------------------------------


def added(letter: Letter, kind: str) -> Letter:
    """With one more message at its end, if there is room."""
    if len(letter.parts) >= MESSAGES or kind not in KINDS:
        return letter
    fresh = Part(kind, label="看會員卡", place="card") if kind == CARD else Part(kind)
    return replace(letter, parts=(*letter.parts, fresh))


def moved(letter: Letter, number: int, by: int) -> Letter:
    """With a message (from 0 on) in another place; as it is when there is none."""
    if not (0 <= number < len(letter.parts) and 0 <= number + by < len(letter.parts)):
        return letter
    parts = list(letter.parts)
    parts.insert(number + by, parts.pop(number))
    return replace(letter, parts=tuple(parts))


def without(letter: Letter, number: int) -> Letter:
    return replace(letter, parts=letter.parts[:number] + letter.parts[number + 1 :])


# What is wrong with one ---------------------------------------------------------------------------


def faults(letter: Letter) -> Iterator[tuple[str, str]]:
    """(field, what is wrong) for everything that keeps the letter from going out. A message's
    fields begin with its number (`m0-title`), a quick button's likewise (`q0-label`)."""
    if not letter.parts:
        yield "parts", "請至少加一則訊息"
    if len(letter.parts) > MESSAGES:
        yield "parts", f"一封信最多 {MESSAGES} 則訊息"
    for number, part in enumerate(letter.parts):
        said = f"第 {number + 1} 則：" if len(letter.parts) > 1 else ""
        for name, reason in _part_faults(part):
            yield f"m{number}-{name}", f"{said}{reason}"
    with_coupon = [number for number, part in enumerate(letter.parts) if part.coupon]
    for number in with_coupon[1:]:
        yield f"m{number}-coupon", f"第 {number + 1} 則：一封信只能附一張優惠券"
    for number, quick in enumerate(letter.quick):
        for name, reason in _quick_faults(quick):
            yield f"q{number}-{name}", f"快速按鈕 {number + 1}：{reason}"


def _part_faults(part: Part) -> Iterator[tuple[str, str]]:
    match part.kind:
        case "card":
            yield from _length("title", "標題", part.title, TITLE)
            yield from _length("body", "內文", part.body, BODY)
            yield from _fields(part)
            yield from _length("label", "按鈕文字", part.label, LABEL)
            yield from _place(part.place, part.url)
        case "text":
            yield from _length("body", "文字", part.body, BODY)
            yield from _fields(part)
        case "picture":
            if not part.picture:
                yield "picture", "請選一張圖片"
            yield from _length("title", "圖片說明", part.title, TITLE)
            if part.place:
                yield from _place(part.place, part.url)
        case "video":
            yield from _address("video", part.video)
            if not part.picture:
                yield "picture", "請選一張預覽圖片"
        case _:
            yield "kind", "沒有這種訊息"


def _quick_faults(quick: Quick) -> Iterator[tuple[str, str]]:
    yield from _length("label", "按鈕文字", quick.label, LABEL)
    yield from _place(quick.place, quick.url)


def _length(name: str, called: str, text: str, most: int) -> Iterator[tuple[str, str]]:
    if not text.strip():
        yield name, f"請填寫{called}"
    elif len(text) > most:
        yield name, f"{called}最多 {most} 個字，現在有 {len(text)} 個"


def _fields(part: Part) -> Iterator[tuple[str, str]]:
    unknown = sorted({name.strip() for name in _FIELD.findall(part.words)} - set(FIELDS))
    if unknown:
        yield "body", f"沒有「{unknown[0]}」這個欄位，可用的有：{'、'.join(FIELDS)}"


def _place(place: str, url: str) -> Iterator[tuple[str, str]]:
    if place not in PLACES:
        yield "place", "請選擇要開啟的地方"
    if place == "url":
        yield from _address("url", url)


def _address(name: str, url: str) -> Iterator[tuple[str, str]]:
    """LINE opens https addresses; a space or a missing host would be refused by it.

    https://developers.line.biz/en/reference/messaging-api/#uri-action"""
    if not re.fullmatch(r"https://[^\s/?#@\"<>\\]+\.[^\s/?#@\"<>\\]+([/?#][^\s\"<>\\]*)?", url):
        yield name, "網址須以 https:// 開頭，而且沒有空白"
    elif len(url) > URL:
        yield name, f"網址最多 {URL} 個字"

"""Actions behind taps: which kinds are allowed where, and what each must carry.

https://developers.line.biz/en/reference/messaging-api/#action-objects
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time

from app.simulator.values import INVALID, action_url, text_within

Problem = tuple[str, str]
"""(what is wrong, property path)"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an action sits: what is allowed there and how long its label may be."""

    kinds: frozenset[str]
    label: int
    needs_label: bool
    is_strict: bool = False
    """Flex refuses fields it does not know; other places ignore them."""
    separator: str = "/"


COMMON = frozenset({"postback", "message", "uri", "datetimepicker", "clipboard"})
QUICK_REPLY = Place(COMMON | {"camera", "cameraRoll", "location"}, 20, True)
TEMPLATE = Place(COMMON, 20, True)
TEMPLATE_DEFAULT = Place(COMMON, 20, False)
IMAGE_CAROUSEL = Place(COMMON, 12, False)
FLEX_BUTTON = Place(COMMON, 40, True, is_strict=True)
FLEX_OTHER = Place(COMMON, 40, False, is_strict=True)
FLEX_VIDEO = Place(frozenset({"uri"}), 40, False, is_strict=True)
RICH_MENU = Place(COMMON | {"richmenuswitch"}, 20, False, separator=".")

_FIELDS = {
    "postback": frozenset({"data", "displayText", "text", "inputOption", "fillInText"}),
    "message": frozenset({"text"}),
    "uri": frozenset({"uri", "altUri"}),
    "datetimepicker": frozenset({"data", "mode", "initial", "max", "min"}),
    "clipboard": frozenset({"clipboardText"}),
    "camera": frozenset(),
    "cameraRoll": frozenset(),
    "location": frozenset(),
    "richmenuswitch": frozenset({"richMenuAliasId", "data"}),
}
_INPUT_OPTIONS = ("closeRichMenu", "openRichMenu", "openKeyboard", "openVoice")
_ALIAS = re.compile(r"[a-z0-9_-]{1,32}")
DATA_LIMIT = 300


def check_action(node: object, path: str, place: Place, found: list[Problem]) -> None:
    """Append what is wrong with an action at `path` to `found`."""
    if not isinstance(node, dict):
        found.append(("must be specified" if node is None else INVALID, path))
        return
    at = path + place.separator
    kind = node.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        found.append((INVALID, at + "type"))
        return
    if kind not in place.kinds:
        found.append((INVALID, path))
        return
    wrong = text_within(node.get("label"), place.label, graphemes=True, needed=place.needs_label)
    if wrong:
        found.append((wrong, at + "label"))
    if place.is_strict:
        fields = _FIELDS[kind]
        found += [
            ("unknown field", at + key)
            for key in node
            if key not in fields and key != "type" and key != "label"
        ]
    check = _CHECKS.get(kind)
    if check:
        check(node, at, found)


def _text(
    node: dict[str, object],
    key: str,
    at: str,
    found: list[Problem],
    limit: int,
    needed: bool = True,
) -> None:
    wrong = text_within(node.get(key), limit, graphemes=True, needed=needed)
    if wrong:
        found.append((wrong, at + key))


def _data(node: dict[str, object], at: str, found: list[Problem]) -> None:
    data = node.get("data")
    if data == "":
        return  # empty is odd but allowed: the OpenAPI file says minLength 0
    wrong = text_within(data, DATA_LIMIT, graphemes=False, needed=True)
    if wrong:
        found.append((wrong, at + "data"))


def _postback(node: dict[str, object], at: str, found: list[Problem]) -> None:
    _data(node, at, found)
    for key in ("displayText", "text", "fillInText"):
        _text(node, key, at, found, 300, needed=False)
    if node.get("displayText") is not None and node.get("text") is not None:
        found.append(("displayText and text can't be specified at the same time", at + "text"))
    option = node.get("inputOption")
    if option is not None and option not in _INPUT_OPTIONS:
        found.append((INVALID, at + "inputOption"))
    if node.get("fillInText") is not None and option != "openKeyboard":
        found.append(("fillInText requires inputOption openKeyboard", at + "fillInText"))


def _message(node: dict[str, object], at: str, found: list[Problem]) -> None:
    _text(node, "text", at, found, 300)


def _uri(node: dict[str, object], at: str, found: list[Problem]) -> None:
    wrong = action_url(node.get("uri"))
    if wrong:
        found.append((wrong, at + "uri"))
    other = node.get("altUri")
    if other is None:
        return
    desktop = other.get("desktop") if isinstance(other, dict) else other
    wrong = action_url(desktop) if isinstance(other, dict) else INVALID
    if wrong:
        found.append((wrong, at + "altUri"))


def _clipboard(node: dict[str, object], at: str, found: list[Problem]) -> None:
    wrong = text_within(node.get("clipboardText"), 1000, graphemes=False, needed=True)
    if wrong:
        found.append((wrong, at + "clipboardText"))


def _switch(node: dict[str, object], at: str, found: list[Problem]) -> None:
    _data(node, at, found)
    alias = node.get("richMenuAliasId")
    if not isinstance(alias, str) or not _ALIAS.fullmatch(alias):
        found.append(
            (INVALID if alias is not None else "must be specified", at + "richMenuAliasId")
        )


def _date(text: str) -> str:
    parsed = date.fromisoformat(text)
    if len(text) != 10 or not 1900 <= parsed.year <= 2100:
        raise ValueError(text)
    return text


def _time(text: str) -> str:
    time.fromisoformat(text)
    if len(text) != 5:
        raise ValueError(text)
    return text


def _moment(text: str) -> str:
    parsed = datetime.fromisoformat(text)
    if len(text) != 16 or text[10] not in "Tt" or not 1900 <= parsed.year <= 2100:
        raise ValueError(text)
    return text.upper()


_PARSERS: dict[str, Callable[[str], str]] = {"date": _date, "time": _time, "datetime": _moment}


def _datetime(node: dict[str, object], at: str, found: list[Problem]) -> None:
    _data(node, at, found)
    mode = node.get("mode")
    parse = _PARSERS.get(mode) if isinstance(mode, str) else None
    if parse is None:
        found.append((INVALID if mode is not None else "must be specified", at + "mode"))
        return
    known: dict[str, str] = {}
    for key in ("initial", "max", "min"):
        value = node.get(key)
        if value is None:
            continue
        try:
            known[key] = parse(value) if isinstance(value, str) else parse("")
        except ValueError:
            found.append((INVALID, at + key))
    if "min" in known and "max" in known and known["min"] >= known["max"]:
        found.append(("max must be later than min", at + "max"))


_CHECKS: dict[str, Callable[[dict[str, object], str, list[Problem]], None]] = {
    "postback": _postback,
    "message": _message,
    "uri": _uri,
    "clipboard": _clipboard,
    "richmenuswitch": _switch,
    "datetimepicker": _datetime,
}

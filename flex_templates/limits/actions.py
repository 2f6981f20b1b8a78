"""Limits of actions: what a tap may do, by the place the button is in.

Source: https://developers.line.biz/en/reference/messaging-api/#action-objects
"""

from collections.abc import Iterator
from typing import Any, Literal

from flex_templates.limits.values import (
    Check,
    Problem,
    by_type,
    grapheme_length,
    matching,
    one_of,
    record,
    text,
    url,
)

Place = Literal["flex", "flex_button", "quick_reply", "template", "image_carousel", "rich_menu"]

MAX_POSTBACK_DATA = 300
MAX_ACTION_TEXT = 300
MAX_URI = 1000
URI_SCHEMES = ("http", "https", "line", "tel")

_LABEL_LENGTH: dict[Place, int] = {
    "flex": 40,
    "flex_button": 40,
    "quick_reply": 20,
    "template": 20,
    "image_carousel": 12,
    "rich_menu": 20,
}
_NEEDS_LABEL: frozenset[Place] = frozenset({"flex_button", "quick_reply", "template"})
_INPUT_OPTIONS = ("closeRichMenu", "openRichMenu", "openKeyboard", "openVoice")
_DATE_SHAPES = {
    "date": r"\d{4}-\d\d-\d\d",
    "time": r"\d\d:\d\d",
    "datetime": r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d",
}

_data = text(MAX_POSTBACK_DATA, minimum=1)
_words = text(MAX_ACTION_TEXT, minimum=1, size=grapheme_length)
_uri = url(MAX_URI, URI_SCHEMES)
_alias = matching(r"[a-z0-9_-]{1,32}", "1 to 32 of a-z, 0-9, _ and -")


def _postback(value: Any, path: str) -> Iterator[Problem]:
    if "fillInText" in value and value.get("inputOption") != "openKeyboard":
        yield Problem(f"{path}/fillInText", "only with inputOption openKeyboard")
    if "displayText" in value and "text" in value:
        yield Problem(f"{path}/text", "displayText and text may not be used together")


def _datetimepicker(value: Any, path: str) -> Iterator[Problem]:
    shape = _DATE_SHAPES.get(str(value.get("mode")), "")
    moments = {name: value[name] for name in ("min", "initial", "max") if name in value}
    for name, moment in moments.items():
        if shape:
            yield from matching(shape, f"a {value['mode']}")(moment, f"{path}/{name}")
    given = [str(moment) for moment in moments.values()]
    if given != sorted(given):
        yield Problem(path, "min, initial and max must be in order")
    if value.get("mode") != "time" and any(not "1900" <= moment[:4] <= "2100" for moment in given):
        yield Problem(path, "dates must be between 1900-01-01 and 2100-12-31")


_SPECIAL = {"postback": _postback, "datetimepicker": _datetimepicker}


def _kinds(place: Place) -> dict[str, Check]:
    label = text(_LABEL_LENGTH[place], minimum=1, size=grapheme_length)
    must: dict[str, Check] = {"label": label} if place in _NEEDS_LABEL else {}
    may: dict[str, Check] = {"label": label}
    moment = text(16, minimum=5)
    kinds = {
        "postback": record(
            {"data": _data} | must,
            {
                "displayText": _words,
                "text": _words,
                "inputOption": one_of(*_INPUT_OPTIONS),
                "fillInText": _words,
            }
            | may,
        ),
        "message": record({"text": _words} | must, may),
        "uri": record({"uri": _uri} | must, {"altUri": record({"desktop": _uri})} | may),
        "datetimepicker": record(
            {"data": _data, "mode": one_of(*_DATE_SHAPES)} | must,
            {"initial": moment, "min": moment, "max": moment} | may,
        ),
        "clipboard": record({"clipboardText": text(1000, minimum=1)} | must, may),
    }
    if place == "quick_reply":
        kinds |= {name: record(must) for name in ("camera", "cameraRoll", "location")}
    if place == "rich_menu":
        kinds["richmenuswitch"] = record({"richMenuAliasId": _alias, "data": _data} | must, may)
    return kinds


_CHECKS: dict[Place, Check] = {place: by_type(_kinds(place)) for place in _LABEL_LENGTH}


def action(place: Place) -> Check:
    """A check of one action used in this place."""

    def check(value: Any, path: str) -> Iterator[Problem]:
        found = list(_CHECKS[place](value, path))
        yield from found
        if not found and value["type"] in _SPECIAL:
            yield from _SPECIAL[value["type"]](value, path)

    return check


def check_action(value: Any, place: Place, path: str = "") -> list[Problem]:
    """List what LINE would refuse in one action; for menus and others that are no messages."""
    return list(action(place)(value, path))

from typing import Any

import pytest

from app.simulator.validate_actions import (
    FLEX_BUTTON,
    FLEX_OTHER,
    IMAGE_CAROUSEL,
    QUICK_REPLY,
    RICH_MENU,
    TEMPLATE,
    Place,
    Problem,
    check_action,
)

PLACES = {
    "quick reply": QUICK_REPLY,
    "template": TEMPLATE,
    "image carousel": IMAGE_CAROUSEL,
    "flex button": FLEX_BUTTON,
    "flex": FLEX_OTHER,
    "rich menu": RICH_MENU,
}
ACTIONS: dict[str, dict[str, Any]] = {
    "postback": {"data": "a=1", "displayText": "領券"},
    "message": {"text": "會員卡"},
    "uri": {"uri": "https://liff.line.me/1-a/card"},
    "datetimepicker": {"data": "d", "mode": "date", "initial": "2026-07-04"},
    "clipboard": {"clipboardText": "ABC"},
    "camera": {},
    "cameraRoll": {},
    "location": {},
    "richmenuswitch": {"richMenuAliasId": "tab-2", "data": ""},
}
ONLY = {
    "camera": {"quick reply"},
    "cameraRoll": {"quick reply"},
    "location": {"quick reply"},
    "richmenuswitch": {"rich menu"},
}


def problems(action: object, place: Place = FLEX_OTHER) -> list[Problem]:
    found: list[Problem] = []
    check_action(action, "/action", place, found)
    return found


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ACTIONS)
def test_each_kind_of_action_is_allowed_where_line_allows_it(kind: str, place: str) -> None:
    action = {"type": kind, "label": "好", **ACTIONS[kind]}
    is_allowed = place in ONLY.get(kind, set(PLACES))
    assert (problems(action, PLACES[place]) == []) is is_allowed


@pytest.mark.parametrize(
    ("place", "limit", "is_needed"),
    [
        ("quick reply", 20, True),
        ("template", 20, True),
        ("image carousel", 12, False),
        ("flex button", 40, True),
        ("flex", 40, False),
        ("rich menu", 20, False),
    ],
)
def test_labels_are_counted_as_read_and_needed_where_shown(
    place: str, limit: int, is_needed: bool
) -> None:
    def action(label: str | None) -> dict[str, Any]:
        return {"type": "message", "text": "好", **({"label": label} if label is not None else {})}

    assert problems(action("👨‍👩‍👧‍👦" * limit), PLACES[place]) == []
    assert len(problems(action("字" * (limit + 1)), PLACES[place])) == 1
    assert bool(problems(action(None), PLACES[place])) is is_needed


@pytest.mark.parametrize(
    ("action", "path"),
    [
        ({"type": "postback"}, "/action/data"),
        ({"type": "postback", "data": "a" * 301}, "/action/data"),
        ({"type": "postback", "data": "a", "displayText": "字" * 301}, "/action/displayText"),
        ({"type": "postback", "data": "a", "displayText": "a", "text": "b"}, "/action/text"),
        ({"type": "postback", "data": "a", "inputOption": "dance"}, "/action/inputOption"),
        ({"type": "postback", "data": "a", "fillInText": "b"}, "/action/fillInText"),
        ({"type": "message"}, "/action/text"),
        ({"type": "message", "text": ""}, "/action/text"),
        ({"type": "message", "text": "字" * 301}, "/action/text"),
        ({"type": "uri"}, "/action/uri"),
        ({"type": "uri", "uri": "ftp://example.com"}, "/action/uri"),
        ({"type": "uri", "uri": "/booking"}, "/action/uri"),
        ({"type": "uri", "uri": "https://example.com/會員"}, "/action/uri"),
        ({"type": "uri", "uri": "https://example.com/" + "a" * 1000}, "/action/uri"),
        (
            {"type": "uri", "uri": "https://example.com", "altUri": {"desktop": "x"}},
            "/action/altUri",
        ),
        ({"type": "clipboard", "clipboardText": ""}, "/action/clipboardText"),
        ({"type": "clipboard", "clipboardText": "a" * 1001}, "/action/clipboardText"),
        ({"type": "datetimepicker", "data": "d"}, "/action/mode"),
        ({"type": "datetimepicker", "data": "d", "mode": "week"}, "/action/mode"),
        (
            {"type": "datetimepicker", "data": "d", "mode": "date", "initial": "2026-7-4"},
            "/action/initial",
        ),
        (
            {"type": "datetimepicker", "data": "d", "mode": "date", "max": "2101-01-01"},
            "/action/max",
        ),
        (
            {"type": "datetimepicker", "data": "d", "mode": "time", "min": "25:00"},
            "/action/min",
        ),
        (
            {
                "type": "datetimepicker",
                "data": "d",
                "mode": "datetime",
                "min": "2026-07-04T10:00",
                "max": "2026-07-04T09:00",
            },
            "/action/max",
        ),
        ({"type": "message", "text": "a", "data": "b"}, "/action/data"),
        ({"type": "jump"}, "/action/type"),
        ({}, "/action/type"),
        (None, "/action"),
        ("uri", "/action"),
    ],
)
def test_a_wrong_action_is_named_with_its_path(action: object, path: str) -> None:
    assert path in [where for _, where in problems(action)]


@pytest.mark.parametrize("uri", ["tel:0912345678", "line://app/1", "http://a.tw", "https://a.tw"])
def test_links_may_have_the_four_schemes(uri: str) -> None:
    assert problems({"type": "uri", "uri": uri}) == []


def test_a_keyboard_may_be_filled_in() -> None:
    action = {"type": "postback", "data": "a", "inputOption": "openKeyboard", "fillInText": "a\nb"}
    assert problems(action) == []


@pytest.mark.parametrize("alias", ["", "UPPER", "a" * 33, None])
def test_a_menu_alias_is_lower_case_and_short(alias: str | None) -> None:
    action = {"type": "richmenuswitch", "data": "d", "richMenuAliasId": alias}
    assert [where for _, where in problems(action, RICH_MENU)] == ["/action.richMenuAliasId"]

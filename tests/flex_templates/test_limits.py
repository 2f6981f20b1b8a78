"""Each limit LINE documents, one step inside and one step outside."""

from typing import Any

import pytest

from flex_templates import limits

TEXT = {"type": "text", "text": "哈囉"}
SAY = {"type": "message", "label": "好", "text": "好"}
PNG = "https://img.example/a.png"


def flex(body: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "flex", "altText": "通知", "contents": {"type": "bubble", "body": body, **more}}


def box(*contents: Any, layout: str = "vertical", **more: Any) -> dict[str, Any]:
    return {"type": "box", "layout": layout, "contents": list(contents), **more}


def words(**more: Any) -> dict[str, Any]:
    return {"type": "text", "text": "字", **more}


def action(**given: Any) -> dict[str, Any]:
    return flex(box(words(action=given)))


def quick(count: int) -> dict[str, Any]:
    return {**TEXT, "quickReply": {"items": [{"type": "action", "action": SAY}] * count}}


def carousel(*bubbles: Any) -> dict[str, Any]:
    return {
        "type": "flex",
        "altText": "通知",
        "contents": {"type": "carousel", "contents": list(bubbles)},
    }


BUBBLE = {"type": "bubble", "body": box(words())}
KILO = {**BUBBLE, "size": "kilo"}
VIDEO = {"type": "video", "url": PNG, "previewUrl": PNG, "altContent": box(words())}
BUTTONS = {"type": "buttons", "text": "字", "actions": [SAY]}

GOOD: list[dict[str, Any]] = [
    TEXT,
    {"type": "text", "text": "字" * 5000},
    quick(13),
    {**TEXT, "sender": {"name": "小花", "iconUrl": PNG}},
    {
        "type": "textV2",
        "text": "{a}",
        "substitution": {"a": {"type": "emoji", "productId": "1", "emojiId": "2"}},
    },
    {"type": "sticker", "packageId": "446", "stickerId": "1988"},
    {"type": "image", "originalContentUrl": PNG, "previewImageUrl": PNG},
    {"type": "audio", "originalContentUrl": PNG, "duration": 60_000},
    {"type": "location", "title": "店", "address": "台北", "latitude": 25.03, "longitude": 121.5},
    {"type": "template", "altText": "a", "template": {**BUTTONS, "text": "字" * 160}},
    {
        "type": "template",
        "altText": "a",
        "template": {"type": "confirm", "text": "好嗎", "actions": [SAY, SAY]},
    },
    action(type="postback", data="x" * 300, displayText="👨‍👩‍👧‍👦" * 300),
    action(type="uri", uri="tel:0912345678"),
    action(type="datetimepicker", data="d", mode="date", min="1900-01-01", max="2100-12-31"),
    action(type="clipboard", clipboardText="x" * 1000),
    flex(box()),
    flex(box(words(text="字", size="13px", flex=0, margin="xxl"), paddingAll="5%")),
    flex(
        box(
            background={
                "type": "linearGradient",
                "angle": "359.9deg",
                "startColor": "#000000",
                "endColor": "#FFFFFF80",
            }
        )
    ),
    flex(box(words()), hero=VIDEO),
    carousel(*[KILO] * 12),
]


@pytest.mark.parametrize("message", GOOD)
def test_within_the_limits_nothing_is_found(message: dict[str, Any]) -> None:
    assert limits.check(message) == []


BAD: list[tuple[Any, str]] = [
    (None, ""),
    ([], ""),
    ({}, "/type"),
    ({"type": "hologram"}, "/type"),
    ({"type": ["text"]}, "/type"),
    ({"type": "text"}, "/text"),
    ({"type": "text", "text": ""}, "/text"),
    ({"type": "text", "text": 7}, "/text"),
    ({"type": "text", "text": "字" * 5001}, "/text"),
    ({"type": "text", "text": "😀" * 2501}, "/text"),
    ({**TEXT, "colour": "red"}, "/colour"),
    (quick(0), "/quickReply/items"),
    (quick(14), "/quickReply/items"),
    (
        {
            **TEXT,
            "quickReply": {"items": [{"type": "action", "action": {**SAY, "label": "字" * 21}}]},
        },
        "/quickReply/items/0/action/label",
    ),
    ({**TEXT, "sender": {"name": "x" * 21}}, "/sender/name"),
    (
        {
            "type": "textV2",
            "text": "x",
            "substitution": {"no good": {"type": "emoji", "productId": "1", "emojiId": "2"}},
        },
        "/substitution/no good",
    ),
    (
        {"type": "image", "originalContentUrl": "http://a.b/c.png", "previewImageUrl": PNG},
        "/originalContentUrl",
    ),
    (
        {"type": "image", "originalContentUrl": PNG + "x" * 2000, "previewImageUrl": PNG},
        "/originalContentUrl",
    ),
    (
        {"type": "image", "originalContentUrl": "https://a.b/圖.png", "previewImageUrl": PNG},
        "/originalContentUrl",
    ),
    (
        {"type": "location", "title": "店", "address": "台北", "latitude": 99, "longitude": 0},
        "/latitude",
    ),
    ({"type": "flex", "altText": "x" * 1501, "contents": BUBBLE}, "/altText"),
    ({"type": "flex", "altText": "", "contents": BUBBLE}, "/altText"),
    ({"type": "flex", "contents": BUBBLE}, "/altText"),
    (
        {"type": "template", "altText": "a", "template": {**BUTTONS, "text": "字" * 161}},
        "/template/text",
    ),
    (
        {
            "type": "template",
            "altText": "a",
            "template": {**BUTTONS, "title": "t", "text": "字" * 61},
        },
        "/template/text",
    ),
    (
        {"type": "template", "altText": "a", "template": {**BUTTONS, "actions": [SAY] * 5}},
        "/template/actions",
    ),
    (
        {
            "type": "template",
            "altText": "a",
            "template": {"type": "confirm", "text": "x", "actions": [SAY]},
        },
        "/template/actions",
    ),
    (
        {"type": "template", "altText": "a", "template": {"type": "carousel", "columns": 3}},
        "/template/columns",
    ),
    (
        {
            "type": "template",
            "altText": "a",
            "template": {
                "type": "carousel",
                "columns": [{"text": "a", "actions": [SAY]}, {"text": "b", "actions": [SAY, SAY]}],
            },
        },
        "/template/columns",
    ),
    (action(type="postback"), "/contents/body/contents/0/action/data"),
    (action(type="postback", data="x" * 301), "/contents/body/contents/0/action/data"),
    (
        action(type="postback", data="x", fillInText="y"),
        "/contents/body/contents/0/action/fillInText",
    ),
    (action(type="message", text="字" * 301), "/contents/body/contents/0/action/text"),
    (action(type="uri", uri="ftp://a.b"), "/contents/body/contents/0/action/uri"),
    (action(type="uri", uri="javascript:alert(1)"), "/contents/body/contents/0/action/uri"),
    (action(type="uri", uri="https://a.b/" + "x" * 1000), "/contents/body/contents/0/action/uri"),
    (action(type="camera", label="x"), "/contents/body/contents/0/action/type"),
    (
        action(type="datetimepicker", data="d", mode="date", min="2030-01-01", max="2020-01-01"),
        "/contents/body/contents/0/action",
    ),
    (
        action(type="datetimepicker", data="d", mode="date", initial="2030-01-01T00:00"),
        "/contents/body/contents/0/action/initial",
    ),
    ({"type": "flex", "altText": "a", "contents": {"type": "bubble"}}, "/contents"),
    (flex(words()), "/contents/body/type"),
    (flex(box(words(text=""))), "/contents/body/contents/0/text"),
    (flex(box({"type": "text"})), "/contents/body/contents/0/text"),
    (flex(box(words(color="red"))), "/contents/body/contents/0/color"),
    (flex(box(words(size="huge"))), "/contents/body/contents/0/size"),
    (flex(box(words(size="50%"))), "/contents/body/contents/0/size"),
    (flex(box(words(flex=-1))), "/contents/body/contents/0/flex"),
    (flex(box(words(wrap="yes"))), "/contents/body/contents/0/wrap"),
    (flex(box(words(margin="5%"))), "/contents/body/contents/0/margin"),
    (flex(box(words(position="absolute"))), "/contents/body/contents/0/position"),
    (flex(box(words(gravity="top"), layout="baseline")), "/contents/body/contents/0/gravity"),
    (flex(box(box(), layout="baseline")), "/contents/body/contents/0/type"),
    (flex(box({"type": "icon", "url": PNG})), "/contents/body/contents/0/type"),
    (
        flex(box({"type": "image", "url": PNG, "aspectRatio": "1:4"})),
        "/contents/body/contents/0/aspectRatio",
    ),
    (
        flex(box({"type": "button", "action": {"type": "uri", "uri": PNG}})),
        "/contents/body/contents/0/action/label",
    ),
    (
        flex(
            box(
                background={
                    "type": "linearGradient",
                    "angle": "360deg",
                    "startColor": "#000000",
                    "endColor": "#000000",
                }
            )
        ),
        "/contents/body/background/angle",
    ),
    (flex(box(words(text="字" * 10_001))), "/contents"),
    (flex(box(words()), hero=VIDEO, size="micro"), "/contents/hero"),
    (carousel(), "/contents/contents"),
    (carousel(*[KILO] * 13), "/contents/contents"),
    (carousel(KILO, BUBBLE), "/contents/contents"),
    (carousel({**BUBBLE, "hero": VIDEO}), "/contents/contents/0/hero"),
    (carousel(*[{"type": "bubble", "body": box(words(text="字" * 3000))}] * 6), "/contents"),
]


@pytest.mark.parametrize(("message", "path"), BAD)
def test_beyond_a_limit_the_place_is_named(message: Any, path: str) -> None:
    assert path in [problem.path for problem in limits.check(message)]


def test_a_request_takes_one_to_five_messages() -> None:
    assert limits.check_request([TEXT] * 5) == []
    assert limits.check_request([TEXT] * 6) != []
    assert limits.check_request([]) != []
    assert limits.check_request([TEXT, {}])[0].path == "/messages/1/type"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("abc", 3),
        ("é", 1),
        ("e\u0301", 1),
        ("👨‍👩‍👧‍👦", 1),
        ("🇹🇼🇯🇵", 2),
        ("1️⃣", 1),
        ("👍🏽", 1),
    ],
)
def test_labels_are_counted_as_readers_do(text: str, length: int) -> None:
    assert len(limits.graphemes(text)) == length


def test_texts_are_counted_in_utf16() -> None:
    assert limits.utf16_length("字😀") == 3


def test_a_rich_menu_switch_belongs_to_rich_menus_only() -> None:
    switch = {"type": "richmenuswitch", "richMenuAliasId": "member", "data": "x"}

    assert limits.check_action(switch, "rich_menu") == []
    assert limits.check_action(switch, "flex") != []
    assert limits.check_action({**switch, "richMenuAliasId": "Member"}, "rich_menu") != []

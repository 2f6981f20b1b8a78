"""Plain fields, quick replies, templates, imagemaps and textV2, as the validate endpoint says."""

from typing import Any

import pytest

from app.simulator.validate import Rules, check_messages
from tests.app.simulator.desk import Desk, details, text

HTTPS = "https://example.com/a.png"
QUICK = {"type": "action", "action": {"type": "message", "label": "好", "text": "好"}}
POSTBACK = {"type": "postback", "label": "領取", "data": "a=1"}
IMAGEMAP = {
    "type": "imagemap",
    "baseUrl": "https://example.com/map",
    "altText": "地圖",
    "baseSize": {"width": 1040, "height": 500},
    "actions": [
        {
            "type": "uri",
            "linkUri": "https://example.com",
            "area": {"x": 0, "y": 0, "width": 1040, "height": 500},
        }
    ],
}


def template(**parts: Any) -> dict[str, Any]:
    return {"type": "template", "altText": "樣板", "template": parts}


def buttons(**parts: Any) -> dict[str, Any]:
    return template(**{"type": "buttons", "text": "選一個", "actions": [POSTBACK], **parts})


def column(**parts: Any) -> dict[str, Any]:
    return {"text": "一", "actions": [POSTBACK], **parts}


GOOD: list[dict[str, Any]] = [
    text("a" * 5000),
    text("😀" * 2500),
    {
        "type": "text",
        "text": "$ hi",
        "emojis": [{"index": 0, "productId": "5ac1bfd5040ab15980c9b435", "emojiId": "001"}],
    },
    {
        "type": "textV2",
        "text": "{smile} {{braces}}",
        "substitution": {"smile": {"type": "emoji", "productId": "p", "emojiId": "1"}},
    },
    {"type": "sticker", "packageId": "446", "stickerId": "1988"},
    {"type": "image", "originalContentUrl": HTTPS, "previewImageUrl": HTTPS},
    {
        "type": "video",
        "originalContentUrl": "https://example.com/v.mp4",
        "previewImageUrl": HTTPS,
        "trackingId": "track-1",
    },
    {"type": "audio", "originalContentUrl": "https://example.com/a.m4a", "duration": 60000},
    {"type": "location", "title": "店", "address": "台北", "latitude": 25.0, "longitude": 121.5},
    {"type": "coupon", "couponId": "01JX", "deliveryTag": "july_1"},
    IMAGEMAP,
    buttons(),
    buttons(title="標題", thumbnailImageUrl=HTTPS, text="字" * 60, defaultAction=POSTBACK),
    template(type="confirm", text="確定?", actions=[POSTBACK, POSTBACK]),
    template(type="carousel", columns=[column(), column()]),
    template(
        type="image_carousel",
        columns=[{"imageUrl": HTTPS, "action": {"type": "uri", "uri": "https://example.com"}}],
    ),
    {**text(), "quickReply": {"items": [QUICK] * 13}},
    {**text(), "sender": {"name": "店長", "iconUrl": HTTPS}, "quoteToken": "q"},
]


@pytest.mark.parametrize("message", GOOD, ids=lambda m: str(m["type"]))
def test_what_line_takes_is_taken(message: dict[str, Any]) -> None:
    assert check_messages([message], Rules("push")) is None


PLAIN_ERRORS: list[tuple[dict[str, Any], str, str]] = [
    (text(""), "messages[0].text", "May not be empty"),
    ({"type": "text"}, "messages[0].text", "May not be empty"),
    (text("a" * 5001), "messages[0].text", "Length must be between 0 and 5000"),
    (text("😀" * 2501), "messages[0].text", "Length must be between 0 and 5000"),
    ({"type": "poll"}, "messages[0].type", "Must be one of the following values: ["),
    ({"text": "hi"}, "messages[0].type", "Must be one of the following values: ["),
    ({"type": "sticker", "packageId": "1"}, "messages[0].stickerId", "May not be empty"),
    (
        {"type": "image", "originalContentUrl": "http://example.com/a", "previewImageUrl": HTTPS},
        "messages[0].originalContentUrl",
        "invalid uri scheme",
    ),
    (
        {"type": "image", "originalContentUrl": HTTPS},
        "messages[0].previewImageUrl",
        "May not be empty",
    ),
    (
        {
            "type": "image",
            "originalContentUrl": HTTPS,
            "previewImageUrl": "https://example.com/" + "a" * 2000,
        },
        "messages[0].previewImageUrl",
        "must not be longer than 2000 characters",
    ),
    (
        {"type": "image", "originalContentUrl": HTTPS, "previewImageUrl": "https://例.com/圖.png"},
        "messages[0].previewImageUrl",
        "invalid uri",
    ),
    ({"type": "audio", "originalContentUrl": HTTPS}, "messages[0].duration", "May not be empty"),
    (
        {"type": "location", "title": "店", "address": "字" * 101, "latitude": 1, "longitude": 1},
        "messages[0].address",
        "Length must be between 0 and 100",
    ),
    (
        {"type": "location", "title": "店", "address": "a", "latitude": 91, "longitude": 1},
        "messages[0].latitude",
        "invalid property",
    ),
    (
        {"type": "flex", "altText": "字" * 1501, "contents": {}},
        "messages[0].altText",
        "Length must be between 0 and 1500",
    ),
    ({"type": "flex", "contents": {}}, "messages[0].altText", "May not be empty"),
    ({"type": "template", "template": {}}, "messages[0].altText", "May not be empty"),
    (
        {**text(), "sender": {"name": "LINE 客服"}},
        "messages[0].sender.name",
        "Contains a word that can't be used",
    ),
    (
        {**text(), "sender": {"name": "字" * 21}},
        "messages[0].sender.name",
        "Length must be between 0 and 20",
    ),
    (
        {"type": "text", "text": "hi", "emojis": [{"index": 0, "productId": "p", "emojiId": "1"}]},
        "messages[0].emojis[0].index",
        "invalid property",
    ),
    (
        {"type": "location", "title": "t", "address": "a", "latitude": 1, "longitude": 1}
        | {"quoteToken": "q"},
        "messages[0].quoteToken",
        "invalid property",
    ),
    ({"type": "coupon", "couponId": "1", "deliveryTag": "é"}, "messages[0].deliveryTag", "invalid"),
]


@pytest.mark.parametrize(("message", "path", "words"), PLAIN_ERRORS)
def test_a_wrong_field_is_named_with_its_path(
    message: dict[str, Any], path: str, words: str
) -> None:
    refusal = check_messages([message], Rules("push"))
    assert refusal is not None
    assert refusal.message.startswith("The request body has ")
    found = {where: what for what, where in refusal.details}
    assert found.get(path, "").startswith(words), refusal


DEEP_ERRORS: list[tuple[dict[str, Any], str, str]] = [
    (
        {**text(), "quickReply": {"items": [QUICK] * 14}},
        "quickReply/items",
        "size must be between 1 and 13",
    ),
    (
        {
            **text(),
            "quickReply": {"items": [{"type": "action", "action": POSTBACK | {"label": ""}}]},
        },
        "quickReply/items/0/action/label",
        "must be non-empty text",
    ),
    (
        {
            **text(),
            "quickReply": {
                "items": [
                    QUICK,
                    {"action": {"type": "richmenuswitch", "data": "", "richMenuAliasId": "a"}},
                ]
            },
        },
        "quickReply/items/1/action",
        "invalid property",
    ),
    (buttons(text="字" * 161), "template/text", "must not be longer than 160 characters"),
    (
        buttons(text="字" * 61, title="標題"),
        "template/text",
        "must not be longer than 60 characters",
    ),
    (buttons(title="字" * 41), "template/title", "must not be longer than 40 characters"),
    (buttons(actions=[]), "template/actions", "size must be between 1 and 4"),
    (buttons(actions=[POSTBACK] * 5), "template/actions", "size must be between 1 and 4"),
    (
        buttons(actions=[POSTBACK | {"label": "字" * 21}]),
        "template/actions/0/label",
        "must not be longer than 20 characters",
    ),
    (
        buttons(actions=[{"type": "location", "label": "位置"}]),
        "template/actions/0",
        "invalid property",
    ),
    (buttons(imageSize="huge"), "template/imageSize", "invalid property"),
    (buttons(imageBackgroundColor="red"), "template/imageBackgroundColor", "invalid property"),
    (
        template(type="confirm", text="?", actions=[POSTBACK]),
        "template/actions",
        "size must be between 2 and 2",
    ),
    (
        template(type="carousel", columns=[column()] * 11),
        "template/columns",
        "size must be between 1 and 10",
    ),
    (
        template(type="carousel", columns=[column(), column(actions=[POSTBACK] * 2)]),
        "template/columns/1",
        "columns must have the same number of actions and the same use of title and image",
    ),
    (
        template(type="carousel", columns=[column(text="字" * 121)]),
        "template/columns/0/text",
        "must not be longer than 120 characters",
    ),
    (
        template(
            type="image_carousel",
            columns=[{"imageUrl": HTTPS, "action": POSTBACK | {"label": "字" * 13}}],
        ),
        "template/columns/0/action/label",
        "must not be longer than 12 characters",
    ),
    (template(type="grid"), "template/type", "invalid property"),
    (IMAGEMAP | {"baseSize": {"width": 1000, "height": 1}}, "baseSize/width", "invalid property"),
    (IMAGEMAP | {"actions": []}, "actions", "size must be between 1 and 50"),
    (
        IMAGEMAP | {"actions": [{"type": "message", "text": "a"}]},
        "actions/0/area",
        "must be specified",
    ),
    (
        {"type": "textV2", "text": "{!owe}"},
        "text",
        "The key '!owe' enclosed in '{}' does not match the pattern '^[a-zA-Z0-9_]{1,20}$'.",
    ),
    (
        {"type": "textV2", "text": "{who}"},
        "text",
        "The key 'who' is not found in 'substitution'.",
    ),
]


@pytest.mark.parametrize(("message", "path", "words"), DEEP_ERRORS)
def test_a_wrong_part_inside_a_message_is_named_with_its_path(
    message: dict[str, Any], path: str, words: str
) -> None:
    refusal = check_messages([text(), message], Rules("push"))
    assert refusal is not None
    assert refusal.message == "A message (messages[1]) in the request body is invalid"
    assert (words, path) in refusal.details


@pytest.mark.parametrize("count", [0, 6])
def test_one_to_five_messages_go_in_a_request(count: int) -> None:
    refusal = check_messages([text()] * count, Rules())
    assert refusal is not None
    assert refusal.body() == {
        "message": "The request body has 1 error(s)",
        "details": [{"message": "Size must be between 1 and 5", "property": "messages"}],
    }


def test_all_wrong_fields_are_counted() -> None:
    refusal = check_messages([text(""), {"type": "poll"}], Rules())
    assert refusal is not None
    assert refusal.message == "The request body has 2 error(s)"


@pytest.mark.parametrize("messages", ["hi", {"type": "text"}, [text(), "hi"], [None]])
def test_messages_of_another_kind_are_an_invalid_property(messages: object) -> None:
    refusal = check_messages(messages, Rules())
    assert refusal is not None
    assert refusal.message.startswith("The property, 'messages")


@pytest.mark.parametrize("kind", ["multicast", "broadcast", "narrowcast"])
def test_quoting_works_only_in_one_chat(kind: str) -> None:
    assert check_messages([{**text(), "quoteToken": "q"}], Rules(kind)) is not None


def test_pictures_on_this_machine_may_be_http_only_when_the_demo_says_so() -> None:
    message = {
        "type": "image",
        "originalContentUrl": "http://127.0.0.1:8000/a.png",
        "previewImageUrl": "http://localhost/a.png",
    }
    assert check_messages([message], Rules(loopback=True)) is None
    assert check_messages([message], Rules(loopback=False)) is not None
    outside = message | {"previewImageUrl": "http://example.com/a.png"}
    assert check_messages([outside], Rules(loopback=True)) is not None


@pytest.mark.parametrize("kind", ["reply", "push", "multicast", "narrowcast", "broadcast"])
def test_the_validate_endpoints_say_the_same_and_send_nothing(desk: Desk, kind: str) -> None:
    path = f"/v2/bot/message/validate/{kind}"
    assert desk.api("POST", path, {"messages": [text()]}).json() == {}
    answer = desk.api("POST", path, {"messages": [text("")]})
    assert answer.status_code == 400
    assert details(answer) == [("messages[0].text", "May not be empty")]
    assert desk.get("state")["received"] == 0

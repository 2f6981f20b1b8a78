import json
from typing import Any

import pytest

from app.previews import flex_html, message_html
from tests.app.previews.test_flex_html import NASTY, PICTURE, read


def test_web_addresses_in_text_can_be_tapped() -> None:
    message = {"type": "text", "text": "請看 https://shop.example/a?b=1&c=2，謝謝"}
    (link,) = read(flex_html.render(message)).having("mx-link")
    action = {"type": "uri", "uri": "https://shop.example/a?b=1&c=2"}
    assert json.loads(link["data-action"] or "") == action


def test_emoji_places_are_counted_in_utf16_units() -> None:
    message = {"type": "text", "text": "😀$x$", "emojis": [{"index": 2}, {"index": 3}]}
    drawn = read(flex_html.render(message))
    assert len(drawn.having("mx-emoji")) == 1
    assert drawn.text == "😀☺x$"


def test_text_v2_fills_in_its_placeholders() -> None:
    message = {
        "type": "textV2",
        "text": "{{原樣}} {who} {smile} {none}",
        "substitution": {
            "who": {"type": "mention", "mentionee": {"type": "all"}},
            "smile": {"type": "emoji", "productId": "1", "emojiId": "2"},
        },
    }
    assert read(flex_html.render(message)).text == "{原樣} @所有人 ☺ {none}"


@pytest.mark.parametrize(
    ("message", "class_name", "words"),
    [
        ({"type": "sticker", "packageId": "446", "stickerId": "1988"}, "mx-sticker", ""),
        ({"type": "audio", "duration": 63_000}, "mx-audio", "語音 1:03"),
        (
            {"type": "location", "title": "信義店", "address": "松高路 11 號"},
            "mx-location",
            "信義店松高路 11 號",
        ),
        ({"type": "coupon", "couponId": "01AB"}, "mx-coupon", "LINE 優惠券01AB"),
        ({"type": "image", "originalContentUrl": PICTURE}, "mx-picture", ""),
        ({"type": "video", "originalContentUrl": PICTURE}, "fx-noimage", "無法載入圖片▶"),
        ({"type": "hologram"}, "mx-note", "無法顯示的訊息類型：hologram"),
    ],
)
def test_each_message_type_is_drawn(message: dict[str, Any], class_name: str, words: str) -> None:
    drawn = read(flex_html.render(message))
    assert drawn.having(class_name)
    assert drawn.text == words


def template(**inner: Any) -> dict[str, Any]:
    return {"type": "template", "altText": "範本", "template": inner}


def test_button_templates_show_title_words_and_choices() -> None:
    actions = [{"type": "message", "label": label, "text": label} for label in ("好", "不要")]
    message = template(type="buttons", title="標題", text="內文", actions=actions)
    drawn = read(flex_html.render(message))
    assert drawn.text == "標題內文好不要"
    assert [json.loads(a["data-action"] or "") for a in drawn.having("mx-choice")] == actions


def test_carousel_templates_show_every_column() -> None:
    columns = [{"text": str(n), "actions": [], "thumbnailImageUrl": PICTURE} for n in range(10)]
    drawn = read(flex_html.render(template(type="carousel", columns=columns)))
    assert len(drawn.having("mx-card")) == 10


def test_image_carousels_are_tappable_pictures() -> None:
    columns = [{"imageUrl": PICTURE, "action": {"type": "uri", "label": "看", "uri": PICTURE}}]
    drawn = read(flex_html.render(template(type="image_carousel", columns=columns)))
    assert drawn.having("mx-tile")[0]["data-action"]


def test_image_map_areas_are_placed_in_shares_of_the_picture() -> None:
    message = {
        "type": "imagemap",
        "altText": "圖",
        "baseUrl": "https://cdn.example.com/map",
        "baseSize": {"width": 1040, "height": 520},
        "actions": [
            {
                "type": "uri",
                "linkUri": "https://shop.example/",
                "area": {"x": 520, "y": 0, "width": 520, "height": 260},
            }
        ],
    }
    drawn = flex_html.render(message)
    assert any("left:50%;top:0%;width:50%;height:50%" in rule for rule in drawn.css)
    reader = read(drawn)
    (zone,) = reader.having("mx-zone")
    assert json.loads(zone["data-action"] or "")["uri"] == "https://shop.example/"
    assert reader.having("mx-cover")[0]["src"] == "https://cdn.example.com/map/1040"


def test_quick_replies_stop_at_thirteen() -> None:
    items = [{"type": "action", "action": {"type": "location", "label": str(n)}} for n in range(15)]
    row = message_html.quick_replies({"quickReply": {"items": items}})
    assert row.count("data-action") == 13
    assert message_html.quick_replies({"type": "text"}) == ""


@pytest.mark.parametrize(
    "message",
    [
        {"type": "text", "text": NASTY},
        {"type": "textV2", "text": "{a}" + NASTY, "substitution": {"a": {"type": "mention"}}},
        {"type": "sticker", "packageId": NASTY, "stickerId": NASTY},
        {"type": "location", "title": NASTY, "address": NASTY},
        {"type": NASTY},
        template(type="confirm", text=NASTY, actions=[{"type": "message", "label": NASTY}]),
        template(type=NASTY),
    ],
)
def test_nothing_in_a_message_becomes_markup(message: dict[str, Any]) -> None:
    drawn = read(flex_html.render(message))
    allowed = {"div", "p", "span", "strong", "svg", "circle", "path"}
    assert {t for t, _ in drawn.elements} <= allowed
    assert not any(name.startswith("on") for _, attrs in drawn.elements for name in attrs)


def test_a_lone_surrogate_does_not_stop_a_message() -> None:
    flex_html.render({"type": "text", "text": "a\ud800b"}).html.encode()

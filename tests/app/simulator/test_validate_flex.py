from typing import Any

import pytest

from app.simulator.validate_flex import BUBBLE_BYTES, check_flex
from tests.app.simulator.desk import Desk, details

HTTPS = "https://example.com/a.png"
URI = {"type": "uri", "label": "開啟", "uri": "https://example.com"}
WORDS = {"type": "text", "text": "會員卡"}
IMAGE = {"type": "image", "url": HTTPS}
ICON = {"type": "icon", "url": HTTPS}
BUTTON = {"type": "button", "action": URI}


def box(*contents: Any, **parts: Any) -> dict[str, Any]:
    return {"type": "box", "layout": "vertical", "contents": list(contents), **parts}


def bubble(**parts: Any) -> dict[str, Any]:
    return {"type": "bubble", **parts}


def carousel(*bubbles: Any) -> dict[str, Any]:
    return {"type": "carousel", "contents": list(bubbles)}


def body(*contents: Any, **parts: Any) -> dict[str, Any]:
    return bubble(body=box(*contents, **parts))


def found(container: object) -> dict[str, str]:
    return {path: words for words, path in check_flex(container, loopback=False)}


VIDEO = {
    "type": "video",
    "url": "https://example.com/v.mp4",
    "previewUrl": HTTPS,
    "altContent": IMAGE,
}
EVERYTHING = bubble(
    size="giga",
    direction="rtl",
    action=URI,
    styles={
        "body": {"backgroundColor": "#FFFFFF", "separator": True, "separatorColor": "#00000080"}
    },
    hero=VIDEO | {"aspectRatio": "20:13", "action": URI},
    header=box(WORDS),
    body=box(
        WORDS
        | {
            "size": "xxl",
            "weight": "bold",
            "style": "italic",
            "decoration": "underline",
            "color": "#111111",
            "wrap": True,
            "maxLines": 2,
            "lineSpacing": "4px",
            "align": "end",
            "gravity": "center",
            "adjustMode": "shrink-to-fit",
            "scaling": True,
            "flex": 0,
            "margin": "12px",
            "action": URI,
        },
        {
            "type": "text",
            "contents": [{"type": "span", "text": "9,999", "size": "3xl", "weight": "bold"}],
        },
        {"type": "box", "layout": "baseline", "contents": [ICON, WORDS, {"type": "filler"}]},
        box(
            IMAGE
            | {"size": "50%", "aspectRatio": "1.51:1", "aspectMode": "cover", "animated": True},
            BUTTON | {"style": "primary", "color": "#06C755", "height": "sm"},
            {"type": "separator", "margin": "md", "color": "#DDDDDD"},
            layout="horizontal",
            background={
                "type": "linearGradient",
                "angle": "12.5deg",
                "startColor": "#000000",
                "endColor": "#FFFFFF",
                "centerColor": "#888888",
                "centerPosition": "30%",
            },
            justifyContent="space-between",
            alignItems="center",
            cornerRadius="xl",
            borderWidth="semi-bold",
            borderColor="#12345678",
            paddingAll="5%",
            paddingTop="none",
            width="200px",
            maxHeight="80%",
            position="absolute",
            offsetTop="-4px",
            offsetStart="10%",
            spacing="lg",
        ),
        box(),
    ),
    footer=box(BUTTON),
)


def test_every_property_of_every_component_is_known() -> None:
    assert found(EVERYTHING) == {}


@pytest.mark.parametrize("size", ["nano", "micro", "deca", "hecto", "kilo", "mega", "giga"])
def test_bubbles_have_seven_sizes(size: str) -> None:
    assert found(bubble(size=size, body=box(WORDS))) == {}


ERRORS: list[tuple[Any, str, str]] = [
    (None, "/", "must be specified"),
    ("bubble", "/", "invalid property"),
    ({"type": "box"}, "/type", "invalid property"),
    (bubble(), "/", "At least one block must be specified"),
    (bubble(size="tera", body=box()), "/size", "invalid property"),
    (bubble(direction="up", body=box()), "/direction", "invalid property"),
    (bubble(boddy=box(), body=box()), "/boddy", "unknown field"),
    (bubble(body=WORDS), "/body", "invalid property"),
    (bubble(hero=BUTTON), "/hero", "invalid property"),
    (bubble(hero={"type": "image"}), "/hero/url", "must be specified"),
    (bubble(hero=IMAGE | {"url": "http://a.tw/b.png"}), "/hero/url", "invalid uri scheme"),
    (bubble(hero=IMAGE | {"url": "https://a.tw/圖"}), "/hero/url", "invalid uri"),
    (bubble(hero=IMAGE | {"url": "data:image/png;base64,AA"}), "/hero/url", "invalid uri scheme"),
    (bubble(hero=VIDEO, size="micro"), "/hero", "invalid property"),
    (bubble(hero=VIDEO | {"altContent": WORDS}), "/hero/altContent", "invalid property"),
    (
        bubble(hero=VIDEO | {"action": {"type": "message", "label": "a", "text": "a"}}),
        "/hero/action",
        "invalid property",
    ),
    (bubble(body=box(), styles={"body": {"color": "#fff"}}), "/styles/body/color", "unknown field"),
    (
        bubble(body=box(), styles={"body": {"backgroundColor": "#fff"}}),
        "/styles/body/backgroundColor",
        "invalid property",
    ),
    (body({"type": "text"}), "/body/contents/0/text", "must be specified"),
    (
        body(WORDS, WORDS, {"type": "text", "text": ""}),
        "/body/contents/2/text",
        "must be non-empty text",
    ),
    (body({"type": "text", "text": 5}), "/body/contents/0/text", "invalid property"),
    (body(WORDS | {"size": "huge"}), "/body/contents/0/size", "invalid property"),
    (body(WORDS | {"size": "50%"}), "/body/contents/0/size", "invalid property"),
    (body(WORDS | {"color": "red"}), "/body/contents/0/color", "invalid property"),
    (body(WORDS | {"color": "#12345"}), "/body/contents/0/color", "invalid property"),
    (body(WORDS | {"wrap": "true"}), "/body/contents/0/wrap", "invalid property"),
    (body(WORDS | {"flex": -1}), "/body/contents/0/flex", "invalid property"),
    (body(WORDS | {"flex": "1"}), "/body/contents/0/flex", "invalid property"),
    (body(WORDS | {"maxLines": 1.5}), "/body/contents/0/maxLines", "invalid property"),
    (body(WORDS | {"margin": "10%"}), "/body/contents/0/margin", "invalid property"),
    (body(WORDS | {"lineSpacing": "md"}), "/body/contents/0/lineSpacing", "invalid property"),
    (body(WORDS | {"weight": "700"}), "/body/contents/0/weight", "invalid property"),
    (body(WORDS | {"wraps": True}), "/body/contents/0/wraps", "unknown field"),
    (
        body({"type": "text", "contents": [WORDS]}),
        "/body/contents/0/contents/0",
        "invalid property",
    ),
    (body(ICON), "/body/contents/0", "invalid property"),
    (body({"type": "spacer"}), "/body/contents/0", "invalid property"),
    (body(VIDEO), "/body/contents/0", "invalid property"),
    (body("text"), "/body/contents/0", "invalid property"),
    (body({"type": "button"}), "/body/contents/0/action", "must be specified"),
    (
        body(BUTTON | {"action": URI | {"label": None}}),
        "/body/contents/0/action/label",
        "must be specified",
    ),
    (body(BUTTON | {"style": "danger"}), "/body/contents/0/style", "invalid property"),
    (body(BUTTON | {"height": "lg"}), "/body/contents/0/height", "invalid property"),
    (body(IMAGE | {"aspectRatio": "1:4"}), "/body/contents/0/aspectRatio", "invalid property"),
    (body(IMAGE | {"aspectRatio": "16/9"}), "/body/contents/0/aspectRatio", "invalid property"),
    (body(IMAGE | {"aspectMode": "fill"}), "/body/contents/0/aspectMode", "invalid property"),
    (body(layout="grid"), "/body/layout", "invalid property"),
    (body(spacing="5%"), "/body/spacing", "invalid property"),
    (body(width="50"), "/body/width", "invalid property"),
    (body(borderWidth="thick"), "/body/borderWidth", "invalid property"),
    (body(paddingAll="xxxl"), "/body/paddingAll", "invalid property"),
    (body(background={"type": "radial"}), "/body/background/type", "invalid property"),
    (
        body(background={"type": "linearGradient", "angle": "360deg", "startColor": "#000000"}),
        "/body/background/angle",
        "invalid property",
    ),
    (
        body(background={"type": "linearGradient", "angle": "0deg", "startColor": "#000000"}),
        "/body/background/endColor",
        "must be specified",
    ),
    (
        bubble(body={"type": "box", "contents": []}),
        "/body/layout",
        "must be specified",
    ),
    (bubble(body={"type": "box", "layout": "vertical"}), "/body/contents", "must be specified"),
    (body(BUTTON, layout="baseline"), "/body/contents/0", "invalid property"),
    (
        body(WORDS | {"gravity": "top"}, layout="baseline"),
        "/body/contents/0/gravity",
        "invalid property",
    ),
    (
        body(box(position="absolute"), WORDS),
        "/body/contents/0/position",
        "invalid property",
    ),
    (carousel(), "/contents", "size must be between 1 and 12"),
    (carousel(*[body(WORDS)] * 13), "/contents", "size must be between 1 and 12"),
    (
        carousel(body(WORDS), bubble(size="kilo", body=box(WORDS))),
        "/contents/1/size",
        "all bubbles must be the same size",
    ),
    (carousel(bubble(hero=VIDEO)), "/contents/0/hero", "invalid property"),
    (
        carousel(body(WORDS), body({"type": "text", "text": ""})),
        "/contents/1/body/contents/0/text",
        "must be non-empty text",
    ),
    (carousel(bubble()), "/contents/0", "At least one block must be specified"),
    (
        body(*[WORDS | {"text": "字" * 3000}] * 4),
        "/",
        f"Too large flex message. The maximum size of JSON data is {BUBBLE_BYTES} bytes",
    ),
]


@pytest.mark.parametrize(("container", "path", "words"), ERRORS)
def test_a_wrong_part_is_named_with_its_path(container: Any, path: str, words: str) -> None:
    assert found(container).get(path) == words


def test_a_carousel_weighs_at_most_fifty_thousand_bytes() -> None:
    heavy = body(*[WORDS | {"text": "字" * 3000}] * 3)
    assert found(carousel(heavy)) == {}
    assert list(found(carousel(heavy, heavy))) == ["/"]


def test_twelve_bubbles_are_fine() -> None:
    assert found(carousel(*[body(WORDS)] * 12)) == {}


def test_boxes_without_end_are_refused_instead_of_followed() -> None:
    node = box()
    for _ in range(500):
        node = box(node)
    assert found(bubble(body=node))


def test_a_push_with_a_bad_bubble_tells_the_message_and_the_path(desk: Desk) -> None:
    hana = desk.friend()
    bad = {"type": "flex", "altText": "卡", "contents": body({"type": "text", "text": ""})}
    answer = desk.push(hana, bad)
    assert answer.status_code == 400
    assert answer.json()["message"] == "A message (messages[0]) in the request body is invalid"
    assert details(answer) == [("/body/contents/0/text", "must be non-empty text")]
    assert desk.received(hana) == []


def test_the_size_is_looked_at_in_a_large_request_too(desk: Desk) -> None:
    hana = desk.friend()
    contents = body(*[WORDS | {"text": "字" * 3000}] * 4)
    answer = desk.push(hana, {"type": "flex", "altText": "卡", "contents": contents})
    assert details(answer)[0][0] == "/"

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.previews import flex_html
from app.previews.flex_html import Rendered

VOID = {"img"}
SAFE_CLASS = re.compile(r"[a-z][a-z0-9-]*")
RULE = re.compile(r"\.s[0-9a-f]{12}\{[^{}<>@\\]+\}")
PICTURE = "https://cdn.example.com/a.png"
NASTY = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&{}</style>"


class Reader(HTMLParser):
    """Reads HTML strictly: every element closed in order; remembers elements and attributes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def having(self, name: str) -> list[dict[str, str | None]]:
        """Attributes of the elements that carry a class."""
        return [a for _, a in self.elements if name in (a.get("class") or "").split()]


def read(drawn: Rendered) -> Reader:
    reader = Reader()
    reader.feed(drawn.html)
    reader.close()
    assert reader.open == []
    return reader


def body(*contents: dict[str, Any], layout: str = "vertical", **box: Any) -> dict[str, Any]:
    root = {"type": "box", "layout": layout, "contents": list(contents), **box}
    return {"type": "flex", "altText": "x", "contents": {"type": "bubble", "body": root}}


def text(words: str = "字", **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def rules(component: dict[str, Any], *, layout: str = "vertical", **box: Any) -> str:
    """All declarations of a body that holds one component, after an empty filler sibling."""
    drawn = flex_html.render(body({"type": "filler"}, component, layout=layout, **box))
    return "\n".join(drawn.css)


@pytest.mark.parametrize(
    ("component", "declaration"),
    [
        (text(size="xxs"), "font-size:11px"),
        (text(size="5xl"), "font-size:74px"),
        (text(size="17.5px"), "font-size:17.5px"),
        (text(color="#11223344"), "color:#11223344"),
        (text(weight="bold"), "font-weight:700"),
        (text(style="italic"), "font-style:italic"),
        (text(decoration="line-through"), "text-decoration:line-through"),
        (text(align="end"), "text-align:end"),
        (text(gravity="center"), "justify-content:center"),
        (text(wrap=True, maxLines=2), "-webkit-line-clamp:2"),
        (text(lineSpacing="6px"), "line-height:calc(1.4em + 6px)"),
        (text(margin="xxl"), "margin-top:20px"),
        (text(margin="7px"), "margin-top:7px"),
        (text(flex=3), "flex:3 0 auto"),
        (text(), "flex:0 0 auto"),
        (text(offsetTop="-4px"), "top:-4px"),
        (text(position="absolute", offsetStart="10%"), "inset-inline-start:10%"),
        ({"type": "separator", "color": "#ff0000"}, "background-color:#ff0000"),
        ({"type": "separator"}, "background-color:#d4d6da"),
        ({"type": "filler"}, "flex:1 0 auto"),
        ({"type": "image", "url": PICTURE}, "width:100px;aspect-ratio:1/1"),
        ({"type": "image", "url": PICTURE, "size": "full"}, "width:100%"),
        ({"type": "image", "url": PICTURE, "aspectRatio": "20:13"}, "aspect-ratio:20/13"),
        ({"type": "image", "url": PICTURE, "aspectRatio": "1:9"}, "aspect-ratio:1/3"),
        ({"type": "image", "url": PICTURE, "align": "start"}, "align-items:flex-start"),
        ({"type": "button", "color": "#123456", "style": "primary"}, "background-color:#123456"),
        ({"type": "button", "color": "#123456"}, "{color:#123456}"),
    ],
)
def test_a_property_becomes_its_declaration(component: dict[str, Any], declaration: str) -> None:
    assert declaration in rules(component)


@pytest.mark.parametrize(
    ("box", "declaration"),
    [
        ({"paddingAll": "md"}, "padding:8px"),
        ({"paddingAll": "20px", "paddingStart": "5%"}, "padding:20px;padding-inline-start:5%"),
        ({"backgroundColor": "#FF0000"}, "background-color:#FF0000"),
        ({"cornerRadius": "xl"}, "border-radius:16px"),
        ({"cornerRadius": "4px"}, "border-radius:4px"),
        ({"borderWidth": "semi-bold", "borderColor": "#00ff00"}, "border:3px solid #00ff00"),
        ({"width": "50%"}, "width:50%"),
        ({"maxWidth": "80px", "maxHeight": "9px"}, "max-width:80px;max-height:9px"),
        ({"justifyContent": "space-evenly"}, "justify-content:space-evenly"),
        ({"alignItems": "flex-end"}, "align-items:flex-end"),
        (
            {
                "background": {
                    "type": "linearGradient",
                    "angle": "45.5deg",
                    "startColor": "#000000",
                    "endColor": "#ffffff00",
                    "centerColor": "#ff0000",
                    "centerPosition": "30%",
                }
            },
            "linear-gradient(45.5deg,#000000 0%,#ff0000 30%,#ffffff00 100%)",
        ),
    ],
)
def test_a_box_property_becomes_its_declaration(box: dict[str, Any], declaration: str) -> None:
    assert declaration in rules({"type": "box", "layout": "vertical", "contents": [], **box})


def test_children_of_a_horizontal_box_share_its_width_by_default() -> None:
    assert "flex:1 0 0" in rules(text(), layout="horizontal")
    assert "flex:0 0 auto" in rules(text(flex=0), layout="horizontal")


def test_a_sized_box_in_a_horizontal_box_takes_no_share() -> None:
    sized = {"type": "box", "layout": "vertical", "contents": [], "width": "40px", "flex": 2}
    assert "flex:0 0 auto" in rules(sized, layout="horizontal")
    assert "flex:2" not in rules(sized, layout="horizontal")


def test_spacing_goes_before_every_child_but_the_first_and_margin_beats_it() -> None:
    message = body(text(), text(), text(margin="none"), text(margin="xl"), spacing="md")
    placed = [a["class"] for a in read(flex_html.render(message)).having("fx-text")]
    assert len(set(placed)) == 3
    css = "\n".join(flex_html.render(message).css)
    assert "margin-top:8px" in css
    assert "margin-top:16px" in css
    assert placed[0] == placed[2]


def test_a_margin_on_the_first_child_counts() -> None:
    drawn = flex_html.render(body(text(margin="lg"), spacing="md"))
    assert "margin-top:12px" in "\n".join(drawn.css)


def test_spacing_does_not_apply_to_a_filler() -> None:
    drawn = flex_html.render(body(text(), {"type": "filler"}, spacing="md"))
    assert "margin-top" not in "\n".join(drawn.css)


def test_an_absolute_child_does_not_count_as_the_first() -> None:
    drawn = flex_html.render(body(text(position="absolute"), text(), spacing="md"))
    assert "margin-top" not in "\n".join(drawn.css)


@pytest.mark.parametrize("size", ["nano", "micro", "deca", "hecto", "kilo", "mega", "giga"])
def test_each_bubble_size_has_its_class(size: str) -> None:
    bubble = {"type": "bubble", "size": size, "body": body()["contents"]["body"]}
    assert read(flex_html.render(bubble)).having(f"fx-{size}")


def test_a_carousel_holds_its_bubbles_in_order() -> None:
    bubbles = [body(text(str(n)))["contents"] for n in range(12)]
    drawn = read(flex_html.render({"type": "carousel", "contents": bubbles}))
    assert len(drawn.having("fx-bubble")) == 12
    assert drawn.text == "".join(str(n) for n in range(12))


def test_right_to_left_bubbles_say_so() -> None:
    bubble = {"type": "bubble", "direction": "rtl", "body": body()["contents"]["body"]}
    assert read(flex_html.render(bubble)).having("fx-bubble")[0]["dir"] == "rtl"


def test_block_styles_apply_and_the_first_block_has_no_separator() -> None:
    box = {"type": "box", "layout": "vertical", "contents": []}
    style = {"separator": True, "separatorColor": "#0000ff", "backgroundColor": "#eeeeee"}
    bubble = {
        "type": "bubble",
        "header": box,
        "body": box,
        "styles": {"header": style, "body": style},
    }
    css = flex_html.render(bubble).css
    assert sum("border-top:1px solid #0000ff" in rule for rule in css) == 1
    assert sum("background-color:#eeeeee" in rule for rule in css) == 2


def test_an_action_travels_as_json_and_can_be_focused() -> None:
    action = {"type": "postback", "label": '用 "引號" & <b>', "data": "a=1&b='2'"}
    drawn = read(flex_html.render(body({"type": "button", "action": action})))
    (button,) = drawn.having("fx-btn")
    assert json.loads(button["data-action"] or "") == action
    assert (button["role"], button["tabindex"]) == ("button", "0")


def test_a_preview_offers_no_taps() -> None:
    action = {"type": "message", "label": "好", "text": "好"}
    drawn = flex_html.render(body({"type": "button", "action": action}), interactive=False)
    assert "data-action" not in drawn.html
    assert "tabindex" not in drawn.html


def test_spans_carry_their_own_looks() -> None:
    spans = [{"type": "span", "text": "紅", "color": "#ff0000"}, {"type": "span", "text": "大"}]
    drawn = flex_html.render(body(text(contents=spans)))
    assert read(drawn).text == "紅大"
    assert any("color:#ff0000" in rule for rule in drawn.css)


def test_a_film_without_poster_shows_its_replacement() -> None:
    film = {"type": "video", "url": PICTURE, "previewUrl": "x", "altContent": {"type": "image"}}
    drawn = read(flex_html.render({"type": "bubble", "hero": film}))
    assert drawn.having("fx-image")


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example.com/a.png?b=1&c=2",
        "http://127.0.0.1:8000/a.png",
        "http://localhost/a.png",
        "http://[::1]:80/a.png",
    ],
)
def test_good_picture_addresses_are_loaded(url: str) -> None:
    drawn = read(flex_html.render(body({"type": "image", "url": url})))
    assert [a["src"] for t, a in drawn.elements if t == "img"] == [url]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.png",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:image/svg+xml,<svg onload=alert(1)>",
        "//example.com/a.png",
        "/a.png",
        "https://user:pw@example.com/a.png",
        "http://127.0.0.1@evil.example/a.png",
        "https://ex ample.com/",
        "https://example.com\\@evil.example/",
        "https://[broken/",
        "https://" + "a" * 3000,
        "",
        None,
        7,
        ["https://example.com"],
    ],
)
def test_bad_picture_addresses_are_not_loaded(url: object) -> None:
    drawn = read(flex_html.render(body({"type": "image", "url": url})))
    assert not [t for t, _ in drawn.elements if t == "img"]
    assert drawn.having("fx-noimage")


@pytest.mark.parametrize(
    "value",
    [
        "red",
        "#fff",
        "#12345g",
        "#111111;background:url(https://evil.example)",
        "#111111}body{display:none}",
        "1px;color:red",
        "expression(alert(1))",
        "calc(1px)",
        "10em",
        "-5px",
        "1px\n2px",
        "１２px",
        {"a": 1},
        ["md"],
        True,
        1e308,
    ],
)
def test_a_bad_value_leaves_no_trace_in_the_rules(value: object) -> None:
    box = {
        "type": "box",
        "layout": "vertical",
        "contents": [text("字", size=value, color=value, margin=value, lineSpacing=value)],
        "paddingAll": value,
        "backgroundColor": value,
        "cornerRadius": value,
        "borderWidth": value,
        "justifyContent": value,
        "alignItems": value,
        "width": value,
        "background": {"type": "linearGradient", "angle": value, "startColor": value},
    }
    plain = {"type": "box", "layout": "vertical", "contents": [text("字")]}
    assert flex_html.render(body(box)).css == flex_html.render(body(plain)).css


def test_words_are_escaped_everywhere() -> None:
    action = {"type": "uri", "label": NASTY, "uri": NASTY}
    parts = [
        text(NASTY, action=action),
        text("x", contents=[{"type": "span", "text": NASTY}]),
        {"type": "button", "action": action},
        {"type": NASTY},
        {"type": "box", "layout": NASTY, "contents": []},
    ]
    message = {**body(*parts), "altText": NASTY}
    drawn = flex_html.render(message)
    reader = read(drawn)
    assert {t for t, _ in reader.elements} <= {"div", "p", "span"}
    assert reader.text.count("<script>alert(1)</script>") == len(parts)
    assert not any(name.startswith("on") for _, attrs in reader.elements for name in attrs)


def test_deep_nesting_is_cut_off_and_does_not_break_anything() -> None:
    inner: dict[str, Any] = text("最深")
    for _ in range(500):
        inner = {"type": "box", "layout": "vertical", "contents": [inner]}
    drawn = read(flex_html.render(body(inner)))
    assert "巢狀過深" in drawn.text
    assert "最深" not in drawn.text


def test_equal_declarations_share_a_rule_across_messages() -> None:
    first = flex_html.render(body(text(size="xl"), text(size="xl")))
    second = flex_html.render(body(text(size="xl"), text(size="xs")))
    joined = flex_html.stylesheet([first, second])
    assert len(re.findall("font-size:22px", joined)) == 1
    assert len(joined.splitlines()) == len(set(first.css) | set(second.css))


KEYS = st.sampled_from(
    [
        *("type", "contents", "layout", "text", "size", "color", "flex", "margin", "spacing"),
        *("action", "url", "background", "body", "hero", "header", "footer", "styles", "altText"),
        *("aspectRatio", "wrap", "maxLines", "weight", "align", "gravity", "position", "template"),
        *("columns", "actions", "label", "emojis", "index", "substitution", "quickReply", "items"),
        *("area", "x", "width", "height", "baseSize", "baseUrl", "duration", "stickerId"),
    ]
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        [
            *("box", "text", "button", "image", "icon", "video", "separator", "filler", "span"),
            *("bubble", "carousel", "flex", "template", "imagemap", "sticker", "textV2", "audio"),
            *("buttons", "confirm", "image_carousel", "vertical", "horizontal", "baseline"),
            *("md", "10px", "50%", "#112233", "1:1", "0:0", PICTURE, "$ {a} {{", "bold", "center"),
        ]
    ),
)
JSON = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=8),
    max_leaves=40,
)


@settings(max_examples=400, deadline=None)
@given(message=st.dictionaries(KEYS, JSON, max_size=10))
def test_any_json_is_drawn_as_closed_html_without_styles_or_scripts(
    message: dict[str, Any],
) -> None:
    drawn = flex_html.render(message)
    reader = read(drawn)
    for _, attributes in reader.elements:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        for name in (attributes.get("class") or "").split():
            assert SAFE_CLASS.fullmatch(name)
    assert all(RULE.fullmatch(rule) for rule in drawn.css)
    assert not any(bad in rule for rule in drawn.css for bad in ("url(", "nan", "inf"))
    drawn.html.encode()

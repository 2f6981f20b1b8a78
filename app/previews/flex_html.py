"""Draws LINE messages as safe HTML: Flex here, every other type in `message_html`.

The rules follow LINE's layout documentation, which defines Flex boxes by CSS Flexbox
(https://developers.line.biz/en/docs/messaging-api/flex-message-layout/); pixel values of keywords
are not documented and come from what public renderers agree on, so the picture is a preview.
Whatever the JSON holds, `render` answers: parts that LINE would refuse are drawn as a note.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.previews import message_html
from app.previews.markup import (
    Json,
    Rendered,
    Sheet,
    action_attributes,
    color,
    escaped,
    length,
    node_of,
    nodes_of,
    number_of,
    safe_url,
    tag,
    text_of,
)

__all__ = ["Rendered", "render", "stylesheet"]

DEPTH_LIMIT = 30  # deeper boxes are not drawn, so hostile JSON cannot exhaust the stack

FONT_SIZES = {
    "xxs": "11px",
    "xs": "13px",
    "sm": "14px",
    "md": "16px",
    "lg": "19px",
    "xl": "22px",
    "xxl": "29px",
    "3xl": "35px",
    "4xl": "48px",
    "5xl": "74px",
}
IMAGE_SIZES = {
    "xxs": "40px",
    "xs": "60px",
    "sm": "80px",
    "md": "100px",
    "lg": "120px",
    "xl": "140px",
    "xxl": "160px",
    "3xl": "180px",
    "4xl": "200px",
    "5xl": "220px",
    "full": "100%",
}
SPACES = {
    "none": "0",
    "xs": "2px",
    "sm": "4px",
    "md": "8px",
    "lg": "12px",
    "xl": "16px",
    "xxl": "20px",
}
BORDERS = {
    "none": "0",
    "light": "0.5px",
    "normal": "1px",
    "medium": "2px",
    "semi-bold": "3px",
    "bold": "4px",
}
BUBBLE_SIZES = frozenset({"nano", "micro", "deca", "hecto", "kilo", "mega", "giga"})
LAYOUTS = frozenset({"horizontal", "vertical", "baseline"})
JUSTIFY = frozenset(
    {
        "flex-start",
        "center",
        "flex-end",
        "space-between",
        "space-around",
        "space-evenly",
    }
)
ALIGN_ITEMS = frozenset({"flex-start", "center", "flex-end"})
ALIGN = {"start": "flex-start", "center": "center", "end": "flex-end"}
WEIGHTS = {"regular": "400", "bold": "700"}
GRAVITY = {"top": "flex-start", "center": "center", "bottom": "flex-end"}

_RATIO = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,4})?):([0-9]{1,6}(?:\.[0-9]{1,4})?)")
_ANGLE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,4})?deg")
_PERCENT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,4})?%")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a component stands: what its parent decides about it."""

    layout: str
    spacing: str | None
    is_first: bool
    depth: int

    @property
    def is_horizontal(self) -> bool:
        return self.layout != "vertical"


@dataclass(frozen=True, slots=True)
class Pen:
    """What drawing needs everywhere: the rules collected so far and whether taps are offered."""

    sheet: Sheet
    interactive: bool


def render(message: Json, *, interactive: bool = True) -> Rendered:
    """Draw one message object (or a bare bubble or carousel) as HTML and the CSS rules it needs.

    With `interactive` every action becomes a focusable element carrying the action as JSON in
    `data-action`; a preview that must not react passes False. Never raises for parsed JSON.
    """
    pen = Pen(Sheet(), interactive)
    kind = text_of(message, "type")
    if kind in {"bubble", "carousel"}:
        drawn = _container(pen, message, alt="")
    elif kind == "flex":
        drawn = _container(pen, node_of(message, "contents"), alt=text_of(message, "altText"))
    else:
        drawn = message_html.draw(message, pen.sheet, interactive=interactive)
    return Rendered(html=drawn, css=pen.sheet.rules())


def stylesheet(parts: Iterable[Rendered]) -> str:
    """Join the rules of several messages, each once, for one stylesheet after `flex.css`."""
    return "\n".join(dict.fromkeys(rule for part in parts for rule in part.css))


def _container(pen: Pen, node: Json, *, alt: str) -> str:
    kind = text_of(node, "type")
    if kind == "bubble":
        inner = _bubble(pen, node)
    elif kind == "carousel":
        bubbles = [_bubble(pen, b) for b in nodes_of(node, "contents")]
        inner = tag(
            "div",
            *bubbles,
            classes=["fx-carousel"],
            tabindex="0" if pen.interactive else None,
        )
    else:
        inner = _unknown(f"Flex 容器 {kind or '?'}")
    return tag("div", inner, classes=["fx"], role="group", aria_label=alt or "Flex 訊息")


def _unknown(what: str) -> str:
    return tag("span", escaped(f"無法顯示：{what[:60]}"), classes=["fx-unknown"])


def _bubble(pen: Pen, node: Json) -> str:
    if text_of(node, "type") != "bubble":
        return _unknown(text_of(node, "type"))
    size = text_of(node, "size")
    size = size if size in BUBBLE_SIZES else "mega"
    blocks: list[str] = []
    for name in ("header", "hero", "body", "footer"):
        content = node_of(node, name)
        if content:
            style = node_of(node_of(node, "styles"), name)
            blocks.append(_block(pen, name, content, style, is_first=not blocks))
    return tag(
        "div",
        *blocks,
        classes=["fx-bubble", f"fx-{size}"],
        dir="rtl" if node.get("direction") == "rtl" else "ltr",
        **action_attributes(node_of(node, "action"), interactive=pen.interactive),
    )


def _block(pen: Pen, name: str, content: Json, style: Json, *, is_first: bool) -> str:
    rules = []
    if background := color(style.get("backgroundColor")):
        rules.append(f"background-color:{background}")
    if style.get("separator") is True and not is_first:
        rules.append(f"border-top:1px solid {color(style.get('separatorColor')) or '#d4d6da'}")
    place = Place(layout="vertical", spacing=None, is_first=True, depth=0)
    return tag(
        "div",
        _component(pen, content, place),
        classes=["fx-block", f"fx-{name}", pen.sheet.add(rules)],
    )


def _component(pen: Pen, node: Json, place: Place) -> str:
    if place.depth > DEPTH_LIMIT:
        return _unknown("巢狀過深")
    kind = text_of(node, "type")
    draw = _COMPONENTS.get(kind)
    return draw(pen, node, place) if draw else _unknown(f"元件 {kind or '?'}")


def _place_rules(node: Json, place: Place, *, fixed_flex: float | None = None) -> list[str]:
    """Return the declarations by which a component takes its share of its parent."""
    if node.get("position") == "absolute":
        return ["position:absolute", *_offsets(node)]
    rules = ["position:relative"]
    flex = fixed_flex if fixed_flex is not None else number_of(node, "flex")
    if flex is None:
        flex = 1 if place.is_horizontal else 0
    if flex == 0:
        rules.append("flex:0 0 auto")
    elif place.is_horizontal:
        rules.append(f"flex:{flex:g} 0 0")
    else:
        rules.append(f"flex:{flex:g} 0 auto")
    gap = length(node.get("margin"), SPACES)
    if gap is None and not place.is_first:
        gap = place.spacing
    if gap not in {None, "0"}:
        side = "margin-inline-start" if place.is_horizontal else "margin-top"
        rules.append(f"{side}:{gap}")
    return rules + _offsets(node)


def _offsets(node: Json) -> list[str]:
    names = {
        "offsetTop": "top",
        "offsetBottom": "bottom",
        "offsetStart": "inset-inline-start",
        "offsetEnd": "inset-inline-end",
    }
    return _lengths(node, names, percent=True, negative=True)


def _lengths(
    node: Json,
    names: Mapping[str, str],
    keywords: Mapping[str, str] = SPACES,
    *,
    percent: bool = False,
    negative: bool = False,
) -> list[str]:
    found = (
        (css, length(node.get(key), keywords, percent=percent, negative=negative))
        for key, css in names.items()
    )
    return [f"{css}:{value}" for css, value in found if value is not None]


def _box(pen: Pen, node: Json, place: Place) -> str:
    layout = text_of(node, "layout")
    if layout not in LAYOUTS:
        return _unknown(f"box layout {layout or '?'}")
    sized = place.is_horizontal and (node.get("width") or node.get("height"))
    rules = _place_rules(node, place, fixed_flex=0 if sized else None)
    rules += _box_rules(node)
    spacing = length(node.get("spacing"), SPACES)
    children = []
    is_first = True
    for child in nodes_of(node, "contents"):
        spot = Place(layout, spacing, is_first, place.depth + 1)
        children.append(_component(pen, child, spot))
        if child.get("position") != "absolute":
            is_first = False
    return tag(
        "div",
        *children,
        classes=["fx-box", f"fx-{layout}", pen.sheet.add(rules)],
        **action_attributes(node_of(node, "action"), interactive=pen.interactive),
    )


def _box_rules(node: Json) -> list[str]:
    sizes = {
        "width": "width",
        "maxWidth": "max-width",
        "height": "height",
        "maxHeight": "max-height",
    }
    paddings = {
        "paddingAll": "padding",
        "paddingTop": "padding-top",
        "paddingBottom": "padding-bottom",
        "paddingStart": "padding-inline-start",
        "paddingEnd": "padding-inline-end",
    }
    rules = _lengths(node, sizes, {}, percent=True) + _lengths(node, paddings, percent=True)
    if background := color(node.get("backgroundColor")):
        rules.append(f"background-color:{background}")
    if gradient := _gradient(node_of(node, "background")):
        rules.append(f"background-image:{gradient}")
    if radius := length(node.get("cornerRadius"), SPACES):
        rules.append(f"border-radius:{radius}")
    width = length(node.get("borderWidth"), BORDERS)
    if width not in {None, "0"}:
        rules.append(f"border:{width} solid {color(node.get('borderColor')) or '#111111'}")
    if (justify := text_of(node, "justifyContent")) in JUSTIFY:
        rules.append(f"justify-content:{justify}")
    if (align := text_of(node, "alignItems")) in ALIGN_ITEMS:
        rules.append(f"align-items:{align}")
    return rules


def _gradient(background: Json) -> str | None:
    angle = background.get("angle")
    start, end = color(background.get("startColor")), color(background.get("endColor"))
    if background.get("type") != "linearGradient" or not start or not end:
        return None
    if not isinstance(angle, str) or not _ANGLE.fullmatch(angle):
        return None
    stops = [f"{start} 0%", f"{end} 100%"]
    if center := color(background.get("centerColor")):
        at = background.get("centerPosition")
        at = at if isinstance(at, str) and _PERCENT.fullmatch(at) else "50%"
        stops.insert(1, f"{center} {at}")
    return f"linear-gradient({angle},{','.join(stops)})"


def _text_rules(node: Json) -> list[str]:
    rules = []
    if size := length(node.get("size"), FONT_SIZES):
        rules.append(f"font-size:{size}")
    if shade := color(node.get("color")):
        rules.append(f"color:{shade}")
    if (weight := text_of(node, "weight")) in WEIGHTS:
        rules.append(f"font-weight:{WEIGHTS[weight]}")
    if (style := text_of(node, "style")) in {"italic", "normal"}:
        rules.append(f"font-style:{style}")
    if (line := text_of(node, "decoration")) in {"underline", "line-through"}:
        rules.append(f"text-decoration:{line}")
    return rules


def _text(pen: Pen, node: Json, place: Place) -> str:
    rules = _text_rules(node)
    if (align := text_of(node, "align")) in {"start", "center", "end"}:
        rules.append(f"text-align:{align}")
    if gap := length(node.get("lineSpacing"), {}):
        rules.append(f"line-height:calc(1.4em + {gap})")
    classes = ["fx-p"]
    if node.get("wrap") is True:
        classes.append("fx-wrap")
        lines = number_of(node, "maxLines")
        if lines:
            classes.append("fx-clamp")
            rules.append(f"-webkit-line-clamp:{lines:.0f}")
    spans = nodes_of(node, "contents")
    inner = "".join(_span(pen, s) for s in spans) if spans else escaped(text_of(node, "text"))
    outer = _place_rules(node, place)
    if place.layout != "baseline" and (gravity := GRAVITY.get(text_of(node, "gravity"))):
        outer.append(f"justify-content:{gravity}")
    return tag(
        "div",
        tag(
            "p",
            inner,
            classes=[*classes, pen.sheet.add(rules)],
            data_fit=node.get("adjustMode") == "shrink-to-fit",
        ),
        classes=["fx-text", pen.sheet.add(outer)],
        **action_attributes(node_of(node, "action"), interactive=pen.interactive),
    )


def _span(pen: Pen, node: Json) -> str:
    if text_of(node, "type") != "span":
        return _unknown(text_of(node, "type"))
    return tag(
        "span",
        escaped(text_of(node, "text")),
        classes=[pen.sheet.add(_text_rules(node))],
    )


def _button(pen: Pen, node: Json, place: Place) -> str:
    style = text_of(node, "style")
    style = style if style in {"primary", "secondary"} else "link"
    rules = []
    if shade := color(node.get("color")):
        rules.append(f"{'color' if style == 'link' else 'background-color'}:{shade}")
    outer = _place_rules(node, place)
    if gravity := GRAVITY.get(text_of(node, "gravity")):
        outer.append(f"justify-content:{gravity}")
    action = node_of(node, "action")
    label = tag(
        "span",
        escaped(text_of(action, "label")),
        classes=["fx-label"],
        data_fit=node.get("adjustMode") == "shrink-to-fit",
    )
    height = "fx-btn-sm" if node.get("height") == "sm" else "fx-btn-md"
    return tag(
        "div",
        tag(
            "div",
            label,
            classes=["fx-btn", f"fx-btn-{style}", height, pen.sheet.add(rules)],
            **action_attributes(action, interactive=pen.interactive),
        ),
        classes=["fx-button", pen.sheet.add(outer)],
    )


def _ratio(node: Json, default: str) -> tuple[float, float]:
    """Return width and height of `aspectRatio`; the height is at most three times the width."""
    found = _RATIO.fullmatch(text_of(node, "aspectRatio") or default)
    width, high = (float(found[1]), float(found[2])) if found else (1.0, 1.0)
    if width <= 0 or high <= 0:
        return 1.0, 1.0
    return width, min(high, width * 3)


def _picture(url: object, *, alt: str = "", classes: Iterable[str] = ()) -> str:
    source = safe_url(url)
    if source is None:
        return tag("span", "無法載入圖片", classes=["fx-noimage"])
    return tag(
        "img",
        classes=list(classes),
        src=source,
        alt=alt,
        loading="lazy",
        decoding="async",
    )


def _image(pen: Pen, node: Json, place: Place) -> str:
    size = length(node.get("size"), IMAGE_SIZES, percent=True) or IMAGE_SIZES["md"]
    outer = _place_rules(node, place)
    is_shrunk = "flex:0 0 auto" in outer or "position:absolute" in outer
    if size.endswith("%") and place.is_horizontal and is_shrunk:
        # A share of a width that itself depends on the picture: LINE takes the box's width.
        outer.append(f"width:{size}")
        size = "100%"
    elif size.endswith("%") and "position:absolute" in outer:
        outer.append("width:100%")
    outer.append(f"align-items:{ALIGN.get(text_of(node, 'align'), 'center')}")
    if gravity := GRAVITY.get(text_of(node, "gravity")):
        outer.append(f"justify-content:{gravity}")
    width, high = _ratio(node, "1:1")
    rules = [f"width:{size}", f"aspect-ratio:{width:g}/{high:g}"]
    if background := color(node.get("backgroundColor")):
        rules.append(f"background-color:{background}")
    fit = "fx-cover" if node.get("aspectMode") == "cover" else "fx-fit"
    return tag(
        "div",
        tag(
            "div",
            _picture(node.get("url"), classes=[fit]),
            classes=["fx-frame", pen.sheet.add(rules)],
        ),
        classes=["fx-image", pen.sheet.add(outer)],
        **action_attributes(node_of(node, "action"), interactive=pen.interactive),
    )


def _icon(pen: Pen, node: Json, place: Place) -> str:
    high = length(node.get("size"), FONT_SIZES) or FONT_SIZES["md"]
    width, height = _ratio(node, "1:1")
    rules = [f"height:{high}", f"width:calc({high}*{width:g}/{height:g})"]
    return tag(
        "div",
        tag(
            "div",
            _picture(node.get("url"), classes=["fx-fit"]),
            classes=["fx-frame", pen.sheet.add(rules)],
        ),
        classes=["fx-icon", pen.sheet.add(_place_rules(node, place, fixed_flex=0))],
    )


def _video(pen: Pen, node: Json, place: Place) -> str:
    """Draw a film by its poster, or by its replacement when the poster cannot be shown."""
    if safe_url(node.get("previewUrl")) is None and node_of(node, "altContent"):
        return _component(pen, node_of(node, "altContent"), place)
    width, high = _ratio(node, "1:1")
    film = safe_url(node.get("url"))
    action = node_of(node, "action") or ({"type": "video", "url": film} if film else {})
    return tag(
        "div",
        _picture(node.get("previewUrl"), classes=["fx-cover"]),
        tag("span", "▶", classes=["fx-play"], aria_hidden="true"),
        classes=["fx-video", pen.sheet.add([f"aspect-ratio:{width:g}/{high:g}"])],
        **action_attributes({"label": "播放影片", **action}, interactive=pen.interactive),
    )


def _separator(pen: Pen, node: Json, place: Place) -> str:
    rules = _place_rules({"margin": node.get("margin")}, place, fixed_flex=0)
    rules.append(f"background-color:{color(node.get('color')) or '#d4d6da'}")
    return tag("div", classes=["fx-separator", pen.sheet.add(rules)], role="separator")


def _filler(pen: Pen, node: Json, place: Place) -> str:
    # The parent's spacing does not apply to a filler; its own flex is 1 when not given.
    flex = number_of(node, "flex")
    spot = Place(place.layout, None, place.is_first, place.depth)
    rules = _place_rules({}, spot, fixed_flex=1 if flex is None else flex)
    return tag("div", classes=["fx-filler", pen.sheet.add(rules)])


_COMPONENTS = {
    "box": _box,
    "text": _text,
    "button": _button,
    "image": _image,
    "icon": _icon,
    "video": _video,
    "separator": _separator,
    "filler": _filler,
}

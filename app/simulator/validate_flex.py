"""Flex messages: every component, property, value, nesting rule and size limit.

https://developers.line.biz/en/reference/messaging-api/#flex-message
Paths are LINE's: `/body/contents/2/text`, `/contents/0/hero/url` inside a carousel.
"""

from collections.abc import Callable, Mapping

import orjson

from app.simulator import values
from app.simulator.validate_actions import (
    FLEX_BUTTON,
    FLEX_OTHER,
    FLEX_VIDEO,
    Problem,
    check_action,
)
from app.simulator.values import INVALID, Check

# LINE says "30 KB" and "50 KB" without a unit; the lower reading is safe under both.
BUBBLE_BYTES = 30_000
CAROUSEL_BYTES = 50_000
CAROUSEL_BUBBLES = 12
_MAX_DEPTH = 40  # ours: keeps a hostile body from exhausting the stack

SIZES = ("nano", "micro", "deca", "hecto", "kilo", "mega", "giga")
_VIDEO_SIZES = ("kilo", "mega", "giga")
BLOCKS = ("header", "hero", "body", "footer")


def _elsewhere(value: object) -> str | None:
    """A property that another function looks at."""
    return None


_PLACED: dict[str, Check] = {
    "position": values.one_of("relative", "absolute"),
    "offsetTop": values.offset,
    "offsetBottom": values.offset,
    "offsetStart": values.offset,
    "offsetEnd": values.offset,
}
_GRAVITY = values.one_of("top", "bottom", "center")
_ALIGN = values.one_of("start", "end", "center")
_SHRINK = values.one_of("shrink-to-fit")
_LETTERS: dict[str, Check] = {
    "size": values.font_size,
    "color": values.colour,
    "weight": values.one_of("regular", "bold"),
    "style": values.one_of("normal", "italic"),
    "decoration": values.one_of("none", "underline", "line-through"),
}

_COMPONENTS: dict[str, dict[str, Check]] = {
    "box": {
        "layout": values.one_of("horizontal", "vertical", "baseline"),
        "contents": _elsewhere,
        "flex": values.whole_number,
        "spacing": values.space,
        "margin": values.space,
        **_PLACED,
        "backgroundColor": values.colour,
        "borderColor": values.colour,
        "borderWidth": values.border,
        "cornerRadius": values.corner,
        "width": values.length,
        "maxWidth": values.length,
        "height": values.length,
        "maxHeight": values.length,
        "paddingAll": values.padding,
        "paddingTop": values.padding,
        "paddingBottom": values.padding,
        "paddingStart": values.padding,
        "paddingEnd": values.padding,
        "action": _elsewhere,
        "justifyContent": values.one_of(
            "flex-start", "center", "flex-end", "space-between", "space-around", "space-evenly"
        ),
        "alignItems": values.one_of("flex-start", "center", "flex-end"),
        "background": _elsewhere,
    },
    "button": {
        "action": _elsewhere,
        "flex": values.whole_number,
        "margin": values.space,
        **_PLACED,
        "height": values.one_of("sm", "md"),
        "style": values.one_of("primary", "secondary", "link"),
        "color": values.colour,
        "gravity": _GRAVITY,
        "adjustMode": _SHRINK,
        "scaling": values.boolean,
    },
    "image": {
        "url": _elsewhere,
        "flex": values.whole_number,
        "margin": values.space,
        **_PLACED,
        "align": _ALIGN,
        "gravity": _GRAVITY,
        "size": values.image_size,
        "aspectRatio": values.aspect_ratio,
        "aspectMode": values.one_of("cover", "fit"),
        "backgroundColor": values.colour,
        "action": _elsewhere,
        "animated": values.boolean,
    },
    "text": {
        "text": _elsewhere,
        "contents": _elsewhere,
        "flex": values.whole_number,
        "margin": values.space,
        **_PLACED,
        **_LETTERS,
        "align": _ALIGN,
        "gravity": _GRAVITY,
        "wrap": values.boolean,
        "lineSpacing": values.line_spacing,
        "maxLines": values.whole_number,
        "action": _elsewhere,
        "adjustMode": _SHRINK,
        "scaling": values.boolean,
    },
    "span": {"text": _elsewhere, **_LETTERS},
    "icon": {
        "url": _elsewhere,
        "margin": values.space,
        **_PLACED,
        "size": values.font_size,
        "aspectRatio": values.aspect_ratio,
        "scaling": values.boolean,
    },
    "video": {
        "url": _elsewhere,
        "previewUrl": _elsewhere,
        "altContent": _elsewhere,
        "aspectRatio": values.aspect_ratio,
        "action": _elsewhere,
    },
    "separator": {"margin": values.space, "color": values.colour},
    "filler": {"flex": values.whole_number},
}
_BUBBLE_FIELDS = frozenset({"type", "size", "direction", *BLOCKS, "styles", "action"})
_STYLE: dict[str, Check] = {
    "backgroundColor": values.colour,
    "separator": values.boolean,
    "separatorColor": values.colour,
}
_GRADIENT: dict[str, Check] = {
    "angle": values.angle,
    "startColor": values.colour,
    "endColor": values.colour,
    "centerColor": values.colour,
    "centerPosition": values.share,
}
_IN_ROWS = frozenset({"box", "button", "image", "text", "separator", "filler"})
_IN_BASELINE = frozenset({"icon", "text", "filler"})
_IN_HERO = frozenset({"box", "image", "video"})
_ONLY_BOX = frozenset({"box"})
_ALT_CONTENT = frozenset({"box", "image"})


def check_flex(container: object, *, loopback: bool, is_small: bool = False) -> list[Problem]:
    """Look at the `contents` of a flex message; `is_small`: size limits are out of reach."""
    found: list[Problem] = []
    _Flex(found, loopback, is_small).container(container)
    return found


class _Flex:
    """One walk through a container, collecting problems."""

    def __init__(self, found: list[Problem], loopback: bool, is_small: bool) -> None:
        self.found = found
        self.loopback = loopback
        self.is_small = is_small

    def container(self, node: object) -> None:
        if not isinstance(node, dict):
            self.found.append(("must be specified" if node is None else INVALID, "/"))
        elif node.get("type") == "bubble":
            self.bubble(node, "", in_carousel=False)
        elif node.get("type") == "carousel":
            self.carousel(node)
        else:
            self.found.append((INVALID, "/type"))

    def carousel(self, node: Mapping[str, object]) -> None:
        self.unknown(node, frozenset({"type", "contents"}), "")
        bubbles = node.get("contents")
        if not isinstance(bubbles, list) or not 1 <= len(bubbles) <= CAROUSEL_BUBBLES:
            self.found.append((f"size must be between 1 and {CAROUSEL_BUBBLES}", "/contents"))
            return
        for index, bubble in enumerate(bubbles):
            path = f"/contents/{index}"
            if isinstance(bubble, dict) and bubble.get("type") == "bubble":
                self.bubble(bubble, path, in_carousel=True)
            else:
                self.found.append((INVALID, path))
        sizes = [b.get("size", "mega") for b in bubbles if isinstance(b, dict)]
        for index, size in enumerate(sizes):
            if size != sizes[0]:
                self.found.append(("all bubbles must be the same size", f"/contents/{index}/size"))
        self.weigh(node, CAROUSEL_BYTES, "")

    def bubble(self, node: Mapping[str, object], path: str, *, in_carousel: bool) -> None:
        self.unknown(node, _BUBBLE_FIELDS, path)
        size = node.get("size", "mega")
        if not isinstance(size, str) or size not in SIZES:
            self.found.append((INVALID, f"{path}/size"))
        if node.get("direction", "ltr") not in ("ltr", "rtl"):
            self.found.append((INVALID, f"{path}/direction"))
        present = [name for name in BLOCKS if node.get(name) is not None]
        if not present:
            self.found.append(("At least one block must be specified", path or "/"))
        for name in present:
            allowed = _IN_HERO if name == "hero" else _ONLY_BOX
            block = node[name]
            self.component(block, f"{path}/{name}", allowed, 0)
            if isinstance(block, dict):
                self.block(block, f"{path}/{name}", size, in_carousel=in_carousel)
        if node.get("action") is not None:
            check_action(node["action"], f"{path}/action", FLEX_OTHER, self.found)
        self.styles(node.get("styles"), f"{path}/styles")
        self.weigh(node, BUBBLE_BYTES, path)

    def block(
        self, block: Mapping[str, object], path: str, size: object, *, in_carousel: bool
    ) -> None:
        if block.get("type") == "video" and (in_carousel or size not in _VIDEO_SIZES):
            self.found.append((INVALID, path))
        contents = block.get("contents")
        first = contents[0] if isinstance(contents, list) and contents else None
        if isinstance(first, dict) and first.get("position") == "absolute":
            self.found.append((INVALID, f"{path}/contents/0/position"))

    def styles(self, node: object, path: str) -> None:
        if node is None:
            return
        if not isinstance(node, dict):
            self.found.append((INVALID, path))
            return
        self.unknown(node, frozenset(BLOCKS), path)
        for name in BLOCKS:
            style = node.get(name)
            if isinstance(style, dict):
                self.properties(style, _STYLE, f"{path}/{name}")
            elif style is not None:
                self.found.append((INVALID, f"{path}/{name}"))

    def component(self, node: object, path: str, allowed: frozenset[str], depth: int) -> None:
        kind = node.get("type") if isinstance(node, dict) else None
        if not isinstance(node, dict) or not isinstance(kind, str) or depth > _MAX_DEPTH:
            self.found.append((INVALID, path))
            return
        if kind not in allowed:
            self.found.append((INVALID, path))
            return
        spec = _COMPONENTS[kind]
        for key, value in node.items():
            check = spec.get(key)
            if check is None:
                if key != "type":
                    self.found.append(("unknown field", f"{path}/{key}"))
            elif check is not _elsewhere and (wrong := check(value)):
                self.found.append((wrong, f"{path}/{key}"))
        look = _INSIDES.get(kind)
        if look is not None:
            look(self, node, path, depth)
        if kind in _TAPPABLE and node.get("action") is not None:
            check_action(node["action"], f"{path}/action", FLEX_OTHER, self.found)

    def button(self, node: Mapping[str, object], path: str, depth: int) -> None:
        check_action(node.get("action"), f"{path}/action", FLEX_BUTTON, self.found)

    def picture(self, node: Mapping[str, object], path: str, depth: int) -> None:
        self.url(node, "url", path)

    def box(self, node: Mapping[str, object], path: str, depth: int) -> None:
        layout = node.get("layout")
        if layout is None:
            self.found.append(("must be specified", f"{path}/layout"))
        contents = node.get("contents")
        if not isinstance(contents, list):
            wrong = "must be specified" if contents is None else INVALID
            self.found.append((wrong, f"{path}/contents"))
            return
        allowed = _IN_BASELINE if layout == "baseline" else _IN_ROWS
        for index, child in enumerate(contents):
            at = f"{path}/contents/{index}"
            self.component(child, at, allowed, depth + 1)
            if layout == "baseline" and isinstance(child, dict):
                self.found += [
                    (INVALID, f"{at}/{key}") for key in ("gravity", "offsetBottom") if key in child
                ]
        if node.get("background") is not None:
            self.background(node["background"], f"{path}/background")

    def background(self, node: object, path: str) -> None:
        if not isinstance(node, dict) or node.get("type") != "linearGradient":
            self.found.append((INVALID, f"{path}/type"))
            return
        self.properties(node, _GRADIENT, path)
        self.found += [
            ("must be specified", f"{path}/{key}")
            for key in ("angle", "startColor", "endColor")
            if node.get(key) is None
        ]

    def text(self, node: Mapping[str, object], path: str, depth: int) -> None:
        spans, text = node.get("contents"), node.get("text")
        if spans is None or text is not None:
            self.words(text, f"{path}/text")
        if spans is None:
            return
        if not isinstance(spans, list):
            self.found.append((INVALID, f"{path}/contents"))
            return
        for index, span in enumerate(spans):
            at = f"{path}/contents/{index}"
            if not isinstance(span, dict) or span.get("type") != "span":
                self.found.append((INVALID, at))
                continue
            self.properties(span, _COMPONENTS["span"], at)
            self.words(span.get("text"), f"{at}/text")

    def words(self, text: object, path: str) -> None:
        if not isinstance(text, str):
            self.found.append(("must be specified" if text is None else INVALID, path))
        elif not text:
            self.found.append(("must be non-empty text", path))

    def video(self, node: Mapping[str, object], path: str, depth: int) -> None:
        self.url(node, "url", path)
        self.url(node, "previewUrl", path)
        if node.get("altContent") is None:
            self.found.append(("must be specified", f"{path}/altContent"))
        else:
            self.component(node["altContent"], f"{path}/altContent", _ALT_CONTENT, depth + 1)
        if node.get("action") is not None:
            check_action(node["action"], f"{path}/action", FLEX_VIDEO, self.found)

    def url(self, node: Mapping[str, object], key: str, path: str) -> None:
        if wrong := values.https_url(node.get(key), loopback=self.loopback):
            self.found.append((wrong, f"{path}/{key}"))

    def properties(self, node: Mapping[str, object], spec: dict[str, Check], path: str) -> None:
        for key, value in node.items():
            check = spec.get(key)
            if check is None:
                if key != "type":
                    self.found.append(("unknown field", f"{path}/{key}"))
            elif wrong := check(value):
                self.found.append((wrong, f"{path}/{key}"))

    def unknown(self, node: Mapping[str, object], fields: frozenset[str], path: str) -> None:
        for key in node:
            if key not in fields:
                self.found.append(("unknown field", f"{path}/{key}"))

    def weigh(self, node: object, limit: int, path: str) -> None:
        if self.is_small or self.found:  # what is broken may be too deep to be written out
            return
        if len(orjson.dumps(node)) > limit:
            wrong = f"Too large flex message. The maximum size of JSON data is {limit} bytes"
            self.found.append((wrong, path or "/"))


_TAPPABLE = frozenset({"box", "image", "text"})
_INSIDES: dict[str, Callable[[_Flex, Mapping[str, object], str, int], None]] = {
    "box": _Flex.box,
    "text": _Flex.text,
    "button": _Flex.button,
    "image": _Flex.picture,
    "icon": _Flex.picture,
    "video": _Flex.video,
}

"""Limits of Flex: sizes, nesting, properties and values of bubbles and carousels.

Source: https://developers.line.biz/en/reference/messaging-api/#flex-message
"""

import json
from collections.abc import Iterator
from typing import Any

from flex_templates.limits.actions import action
from flex_templates.limits.values import (
    Check,
    Problem,
    boolean,
    by_type,
    integer,
    listing,
    matching,
    one_of,
    record,
    text,
    url,
)

# "KB" is not defined by LINE: the smaller reading, of compact UTF-8, is the safe one.
MAX_BUBBLE_BYTES = 30_000
MAX_CAROUSEL_BYTES = 50_000
MAX_BUBBLES = 12
MAX_FLEX_TEXT = 30_000  # no documented limit: the bubble's own is the wall

BLOCKS = ("header", "hero", "body", "footer")
BUBBLE_SIZES = ("nano", "micro", "deca", "hecto", "kilo", "mega", "giga")
VIDEO_SIZES = ("kilo", "mega", "giga")

_PX = r"\d+(\.\d+)?px"
_PERCENT = r"\d+(\.\d+)?%"
_SPACES = ("none", "xs", "sm", "md", "lg", "xl", "xxl")
_TEXT_SIZES = ("xxs", "xs", "sm", "md", "lg", "xl", "xxl", "3xl", "4xl", "5xl")


def _sized(words: tuple[str, ...], *, percent: bool) -> Check:
    shapes = [_PX, *([_PERCENT] if percent else []), *words]
    return matching("|".join(f"({shape})" for shape in shapes), "a size LINE knows")


_color = matching(r"#([0-9a-fA-F]{6}|[0-9a-fA-F]{8})", "#RRGGBB or #RRGGBBAA")
_space = _sized(_SPACES, percent=False)
_padding = _sized(_SPACES, percent=True)
_measure = _sized((), percent=True)
_text_size = _sized(_TEXT_SIZES, percent=False)
_flex = integer(0, 1_000_000)
_tap = action("flex")


def _aspect_ratio(value: Any, path: str) -> Iterator[Problem]:
    width, _, height = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (width.isdecimal() and height.isdecimal()):
        yield Problem(path, "must be width:height")
    elif not (1 <= int(width) <= 100_000 and 1 <= int(height) <= 100_000):
        yield Problem(path, "width and height must be between 1 and 100000")
    elif int(height) > 3 * int(width):
        yield Problem(path, "height must not exceed three times the width")


_background = by_type(
    {
        "linearGradient": record(
            {
                "angle": matching(r"([0-2]?\d?\d|3[0-5]\d)(\.\d+)?deg", "0deg to less than 360deg"),
                "startColor": _color,
                "endColor": _color,
            },
            {
                "centerColor": _color,
                "centerPosition": matching(r"(100(\.0+)?|\d?\d(\.\d+)?)%", "0% to 100%"),
            },
        )
    }
)

_MARGIN: dict[str, Check] = {"margin": _space}
_OFFSETS: dict[str, Check] = {
    "position": one_of("relative", "absolute"),
    **{f"offset{side}": _padding for side in ("Top", "Bottom", "Start", "End")},
}
_PLACED: dict[str, Check] = {"flex": _flex, **_MARGIN, **_OFFSETS}
_ALIGN: dict[str, Check] = {"align": one_of("start", "end", "center")}
_GRAVITY: dict[str, Check] = {"gravity": one_of("top", "bottom", "center")}
_LETTERS: dict[str, Check] = {
    "size": _text_size,
    "color": _color,
    "weight": one_of("regular", "bold"),
    "style": one_of("normal", "italic"),
    "decoration": one_of("none", "underline", "line-through"),
}

_span = by_type({"span": record({"text": text(MAX_FLEX_TEXT, minimum=1)}, _LETTERS)})
_text_record = record(
    {},
    {
        "text": text(MAX_FLEX_TEXT, minimum=1),
        "contents": listing(_span, 1, 1000),
        "wrap": boolean,
        "maxLines": integer(0, 1_000_000),
        "lineSpacing": matching(_PX, "a length in px"),
        "adjustMode": one_of("shrink-to-fit"),
        "scaling": boolean,
        "action": _tap,
        **_LETTERS,
        **_PLACED,
        **_ALIGN,
        **_GRAVITY,
    },
)


def _text_component(value: Any, path: str) -> Iterator[Problem]:
    if "text" not in value and "contents" not in value:
        yield Problem(f"{path}/text", "must be specified")
    yield from _text_record(value, path)


_button = record(
    {"action": action("flex_button")},
    {
        "style": one_of("primary", "secondary", "link"),
        "color": _color,
        "height": one_of("sm", "md"),
        "adjustMode": one_of("shrink-to-fit"),
        "scaling": boolean,
        **_PLACED,
        **_GRAVITY,
    },
)
_image = record(
    {"url": url()},
    {
        "size": _sized((*_TEXT_SIZES, "full"), percent=True),
        "aspectRatio": _aspect_ratio,
        "aspectMode": one_of("cover", "fit"),
        "backgroundColor": _color,
        "animated": boolean,
        "action": _tap,
        **_PLACED,
        **_ALIGN,
        **_GRAVITY,
    },
)
_icon = record(
    {"url": url()},
    {
        "size": _text_size,
        "aspectRatio": _aspect_ratio,
        "scaling": boolean,
        **_MARGIN,
        **_OFFSETS,
    },
)
_separator = record({}, {"color": _color, **_MARGIN})
_filler = record({}, {"flex": _flex})


def _children(value: Any, path: str) -> Iterator[Problem]:
    """Recursion happens here: what a box may hold depends on its layout."""
    if not isinstance(value, list):
        yield Problem(path, "must be an array")


_box_record = record(
    {"layout": one_of("horizontal", "vertical", "baseline"), "contents": _children},
    {
        "backgroundColor": _color,
        "borderColor": _color,
        "borderWidth": _sized(
            ("none", "light", "normal", "medium", "semi-bold", "bold"), percent=False
        ),
        "cornerRadius": _space,
        "justifyContent": one_of(
            "flex-start", "center", "flex-end", "space-between", "space-around", "space-evenly"
        ),
        "alignItems": one_of("flex-start", "center", "flex-end"),
        "background": _background,
        "spacing": _space,
        "action": _tap,
        **dict.fromkeys(("width", "maxWidth", "height", "maxHeight"), _measure),
        **{f"padding{side}": _padding for side in ("All", "Top", "Bottom", "Start", "End")},
        **_PLACED,
    },
)


def _box(value: Any, path: str) -> Iterator[Problem]:
    yield from _box_record(value, path)
    contents = value.get("contents")
    if not isinstance(contents, list):
        return
    baseline = value.get("layout") == "baseline"
    child_check = _in_baseline if baseline else _in_box
    for index, child in enumerate(contents):
        where = f"{path}/contents/{index}"
        yield from child_check(child, where)
        if baseline and isinstance(child, dict):
            for name in ("gravity", "offsetBottom"):
                if name in child:
                    yield Problem(f"{where}/{name}", "not allowed in a baseline box")


_in_baseline = by_type({"icon": _icon, "text": _text_component, "filler": _filler})
_in_box = by_type(
    {
        "box": _box,
        "button": _button,
        "image": _image,
        "text": _text_component,
        "separator": _separator,
        "filler": _filler,
    }
)
_video = record(
    {
        "url": url(),
        "previewUrl": url(),
        "altContent": by_type({"box": _box, "image": _image}),
    },
    {"aspectRatio": _aspect_ratio, "action": by_type({"uri": _tap})},
)
_hero = by_type({"box": _box, "image": _image, "video": _video})
_block_style = record(
    {}, {"backgroundColor": _color, "separator": boolean, "separatorColor": _color}
)
_block = by_type({"box": _box})
_bubble_record = record(
    {},
    {
        "size": one_of(*BUBBLE_SIZES),
        "direction": one_of("ltr", "rtl"),
        "header": _block,
        "hero": _hero,
        "body": _block,
        "footer": _block,
        "styles": record({}, dict.fromkeys(BLOCKS, _block_style)),
        "action": _tap,
    },
)


def json_size(value: Any) -> int:
    """Bytes of the compact UTF-8 JSON; lone surrogates count as three, as they would be sent."""
    dumped = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return len(dumped.encode("utf-8", "surrogatepass"))


def _is_absolute_first(block: Any) -> bool:
    contents = block.get("contents") if isinstance(block, dict) else None
    first = contents[0] if isinstance(contents, list) and contents else None
    return isinstance(first, dict) and first.get("position") == "absolute"


def _bubble(value: Any, path: str) -> Iterator[Problem]:
    yield from _bubble_record(value, path)
    blocks = [name for name in BLOCKS if name in value]
    if not blocks:
        yield Problem(path, "At least one block must be specified")
    for name in blocks:
        if _is_absolute_first(value[name]):
            yield Problem(f"{path}/{name}/contents/0/position", "the first one may not be absolute")
    if _has_video(value) and value.get("size", "mega") not in VIDEO_SIZES:
        yield Problem(f"{path}/hero", f"a video needs one of the sizes [{', '.join(VIDEO_SIZES)}]")
    size = json_size(value)
    if size > MAX_BUBBLE_BYTES:
        yield Problem(path, f"bubble is {size} bytes, more than {MAX_BUBBLE_BYTES}")


def _has_video(bubble: Any) -> bool:
    hero = bubble.get("hero") if isinstance(bubble, dict) else None
    return isinstance(hero, dict) and hero.get("type") == "video"


_carousel_record = record({"contents": listing(by_type({"bubble": _bubble}), 1, MAX_BUBBLES)})


def _carousel(value: Any, path: str) -> Iterator[Problem]:
    yield from _carousel_record(value, path)
    contents = value.get("contents")
    bubbles = (
        [item for item in contents if isinstance(item, dict)] if isinstance(contents, list) else []
    )
    if len({str(bubble.get("size", "mega")) for bubble in bubbles}) > 1:
        yield Problem(f"{path}/contents", "all bubbles must have the same size")
    for index, bubble in enumerate(bubbles):
        if _has_video(bubble):
            yield Problem(f"{path}/contents/{index}/hero", "no video in a carousel")
    size = json_size(value)
    if size > MAX_CAROUSEL_BYTES:
        yield Problem(path, f"carousel is {size} bytes, more than {MAX_CAROUSEL_BYTES}")


container = by_type({"bubble": _bubble, "carousel": _carousel})

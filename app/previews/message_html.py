"""Draws the message types that are not Flex: text, media, templates, image maps, quick replies."""

import re
from collections.abc import Callable
from typing import TypeAlias

from app.previews.markup import (
    Json,
    Sheet,
    action_attributes,
    color,
    escaped,
    node_of,
    nodes_of,
    number_of,
    safe_url,
    tag,
    text_of,
)

QUICK_REPLY_LIMIT = 13  # https://developers.line.biz/en/reference/messaging-api/#quick-reply
IMAGEMAP_WIDTH = 1040  # https://developers.line.biz/en/reference/messaging-api/#imagemap-message

Drawer: TypeAlias = Callable[[Json, Sheet, bool], str]

_STICKER_HUES = ("#ffcf5c", "#ff9f8a", "#8fd3a8", "#8ec5ff", "#c6a8f0", "#f3a6c8")
_STICKER_MOUTHS = (
    "M34 62 Q50 80 66 62",
    "M32 58 H68 Q64 82 50 82 Q36 82 32 58 Z",
    "M38 68 H62",
    "M44 68 a6 7 0 1 0 12 0 a6 7 0 1 0 -12 0",
    "M36 72 Q50 58 64 72",
)
_LINK = re.compile(r"https?://[^\s<>\"'、。，！？」』）)]+")
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([0-9A-Za-z_]{1,20})\}")


def draw(message: Json, sheet: Sheet, *, interactive: bool = True) -> str:
    """Return the HTML of one message; a type LINE does not have is drawn as a note."""
    kind = text_of(message, "type")
    drawer = _TYPES.get(kind)
    if drawer is None:
        return tag(
            "div",
            escaped(f"無法顯示的訊息類型：{kind[:40] or '?'}"),
            classes=["mx-note"],
        )
    return drawer(message, sheet, interactive)


def quick_replies(message: Json, *, interactive: bool = True) -> str:
    """Return the row of quick-reply buttons of a message, or an empty string when it has none."""
    items = nodes_of(node_of(message, "quickReply"), "items")[:QUICK_REPLY_LIMIT]
    if not items:
        return ""
    buttons = []
    for item in items:
        action = node_of(item, "action")
        icon = safe_url(item.get("imageUrl"))
        buttons.append(
            tag(
                "div",
                tag("img", classes=["mx-quick-icon"], src=icon, alt="") if icon else "",
                tag("span", escaped(text_of(action, "label"))),
                classes=["mx-quick"],
                **action_attributes(action, interactive=interactive),
            )
        )
    return tag("div", *buttons, classes=["mx-quick-row"], role="group", aria_label="快速回覆")


def _emoji() -> str:
    # LINE's own emoji pictures are not redistributable; a neutral face keeps the place.
    return tag("span", "☺", classes=["mx-emoji"], role="img", aria_label="LINE 表情貼")


def _linked(text: str, *, interactive: bool) -> str:
    """Escape text and make its web addresses tappable."""
    parts = []
    end = 0
    for found in _LINK.finditer(text):
        parts.append(escaped(text[end : found.start()]))
        action = {"type": "uri", "uri": found[0]}
        attributes = action_attributes(action, interactive=interactive)
        parts.append(tag("span", escaped(found[0]), classes=["mx-link"], **attributes))
        end = found.end()
    parts.append(escaped(text[end:]))
    return "".join(parts)


def _text(message: Json, sheet: Sheet, interactive: bool) -> str:
    # LINE counts emoji positions in UTF-16 code units, two bytes each in this encoding.
    units = text_of(message, "text").encode("utf-16-le", "surrogatepass")
    spots = sorted(
        {int(at) for e in nodes_of(message, "emojis") if (at := number_of(e, "index")) is not None}
    )
    parts = []
    end = 0
    for at in spots:
        if units[2 * at : 2 * at + 2] != "$".encode("utf-16-le") or 2 * at < end:
            continue
        parts.append(_linked(_decoded(units[end : 2 * at]), interactive=interactive))
        parts.append(_emoji())
        end = 2 * at + 2
    parts.append(_linked(_decoded(units[end:]), interactive=interactive))
    return tag("div", *parts, classes=["mx-text"])


def _decoded(units: bytes) -> str:
    return units.decode("utf-16-le", "replace")


def _text_v2(message: Json, sheet: Sheet, interactive: bool) -> str:
    text = text_of(message, "text")
    substitution = node_of(message, "substitution")
    parts = []
    end = 0
    for found in _PLACEHOLDER.finditer(text):
        parts.append(_linked(text[end : found.start()], interactive=interactive))
        parts.append(_substituted(found, substitution))
        end = found.end()
    parts.append(_linked(text[end:], interactive=interactive))
    return tag("div", *parts, classes=["mx-text"])


def _substituted(found: re.Match[str], substitution: Json) -> str:
    if found[0] in {"{{", "}}"}:
        return found[0][0]
    value = node_of(substitution, found[1])
    if text_of(value, "type") == "emoji":
        return _emoji()
    if text_of(value, "type") == "mention":
        who = "所有人" if node_of(value, "mentionee").get("type") == "all" else found[1]
        return tag("span", escaped(f"@{who}"), classes=["mx-mention"])
    return escaped(found[0])


def sticker_svg(number: str) -> str:
    """Return a face of our own drawing that stands for a sticker id; the same id, the same face."""
    seed = sum(number.encode("utf-8", "replace"))
    hue = _STICKER_HUES[seed % len(_STICKER_HUES)]
    mouth = _STICKER_MOUTHS[seed % len(_STICKER_MOUTHS)]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="100" height="100"'
        f' aria-hidden="true"><circle cx="50" cy="52" r="44" fill="{hue}"/>'
        '<circle cx="35" cy="44" r="5" fill="#3b2f2f"/><circle cx="65" cy="44" r="5"'
        ' fill="#3b2f2f"/><circle cx="24" cy="58" r="6" fill="#fff" opacity=".45"/>'
        '<circle cx="76" cy="58" r="6" fill="#fff" opacity=".45"/>'
        f'<path d="{mouth}" fill="none" stroke="#3b2f2f" stroke-width="5"'
        ' stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )


def _sticker(message: Json, sheet: Sheet, interactive: bool) -> str:
    package, number = text_of(message, "packageId"), text_of(message, "stickerId")
    label = f"貼圖 {package[:12]}／{number[:12]}"
    return tag("div", sticker_svg(number), classes=["mx-sticker"], role="img", aria_label=label)


def _picture(url: object, *, alt: str, classes: list[str]) -> str:
    source = safe_url(url)
    if source is None:
        return tag("span", "無法載入圖片", classes=["fx-noimage"])
    return tag("img", classes=classes, src=source, alt=alt, loading="lazy", decoding="async")


def _image(message: Json, sheet: Sheet, interactive: bool) -> str:
    original = safe_url(message.get("originalContentUrl"))
    preview = safe_url(message.get("previewImageUrl")) or original
    action = {"type": "image", "url": original, "label": "放大圖片"} if original else {}
    return tag(
        "div",
        _picture(preview, alt="圖片", classes=["mx-picture"]),
        classes=["mx-image"],
        **action_attributes(action, interactive=interactive),
    )


def _video(message: Json, sheet: Sheet, interactive: bool) -> str:
    film = safe_url(message.get("originalContentUrl"))
    tracking = text_of(message, "trackingId")
    action = {"type": "video", "url": film, "label": "播放影片", "trackingId": tracking}
    return tag(
        "div",
        _picture(message.get("previewImageUrl"), alt="影片", classes=["mx-picture"]),
        tag("span", "▶", classes=["fx-play"], aria_hidden="true"),
        classes=["mx-image"],
        **action_attributes(action if film else {}, interactive=interactive),
    )


def _audio(message: Json, sheet: Sheet, interactive: bool) -> str:
    seconds = int((number_of(message, "duration") or 0) // 1000)
    source = safe_url(message.get("originalContentUrl"))
    player = tag("audio", controls=True, preload="none", src=source) if source else ""
    return tag(
        "div",
        tag("span", classes=["mx-note-mark"], aria_hidden="true"),
        tag("span", f"語音 {seconds // 60}:{seconds % 60:02d}"),
        player,
        classes=["mx-audio"],
    )


def _location(message: Json, sheet: Sheet, interactive: bool) -> str:
    return tag(
        "div",
        tag("div", tag("span", classes=["mx-pin"], aria_hidden="true"), classes=["mx-map"]),
        tag("strong", escaped(text_of(message, "title") or "位置資訊")),
        tag("span", escaped(text_of(message, "address")), classes=["mx-caption"]),
        classes=["mx-location"],
    )


def _coupon(message: Json, sheet: Sheet, interactive: bool) -> str:
    return tag(
        "div",
        tag("strong", "LINE 優惠券"),
        tag("span", escaped(text_of(message, "couponId")[:80]), classes=["mx-caption"]),
        classes=["mx-coupon"],
    )


def _imagemap(message: Json, sheet: Sheet, interactive: bool) -> str:
    size = node_of(message, "baseSize")
    width = number_of(size, "width") or IMAGEMAP_WIDTH
    high = number_of(size, "height") or IMAGEMAP_WIDTH
    base = safe_url(message.get("baseUrl"))
    zones = [
        _zone(action, width, high, sheet, interactive=interactive)
        for action in nodes_of(message, "actions")
    ]
    return tag(
        "div",
        _picture(
            f"{base}/{IMAGEMAP_WIDTH}" if base else None,
            alt=text_of(message, "altText"),
            classes=["mx-cover"],
        ),
        *zones,
        classes=["mx-imagemap", sheet.add([f"aspect-ratio:{width:g}/{high:g}"])],
    )


def _zone(action: Json, width: float, high: float, sheet: Sheet, *, interactive: bool) -> str:
    """Draw a tappable area of an image map, placed in shares of the picture."""
    area = node_of(action, "area")
    sides = {"left": ("x", width), "top": ("y", high), "width": ("width", width)}
    sides["height"] = ("height", high)
    rules = [
        f"{side}:{100 * (number_of(area, key) or 0) / whole:.4g}%"
        for side, (key, whole) in sides.items()
    ]
    # Image-map actions name their target differently from all others: `linkUri`.
    known = {"uri": action.get("linkUri"), **action} if "linkUri" in action else action
    return tag(
        "div",
        classes=["mx-zone", sheet.add(rules)],
        **action_attributes(known, interactive=interactive),
    )


def _template(message: Json, sheet: Sheet, interactive: bool) -> str:
    template = node_of(message, "template")
    kind = text_of(template, "type")
    if kind in {"buttons", "confirm"}:
        inner = _card(template, template, sheet, is_confirm=kind == "confirm", tap=interactive)
    elif kind == "carousel":
        columns = nodes_of(template, "columns")
        cards = [_card(c, template, sheet, is_confirm=False, tap=interactive) for c in columns]
        inner = tag(
            "div",
            *cards,
            classes=["fx-carousel"],
            tabindex="0" if interactive else None,
        )
    elif kind == "image_carousel":
        tiles = [_tile(column, tap=interactive) for column in nodes_of(template, "columns")]
        inner = tag(
            "div",
            *tiles,
            classes=["fx-carousel"],
            tabindex="0" if interactive else None,
        )
    else:
        inner = tag("span", escaped(f"無法顯示：template {kind[:40]}"), classes=["fx-unknown"])
    label = text_of(message, "altText") or "範本訊息"
    return tag("div", inner, classes=["fx"], role="group", aria_label=label)


def _card(card: Json, template: Json, sheet: Sheet, *, is_confirm: bool, tap: bool) -> str:
    """Draw one template card; shape and fit of the picture are set for the whole template."""
    head = ""
    if text_of(card, "thumbnailImageUrl"):
        square = text_of(template, "imageAspectRatio") == "square"
        contain = text_of(template, "imageSize") == "contain"
        shade = color(card.get("imageBackgroundColor"))
        head = tag(
            "div",
            _picture(
                card.get("thumbnailImageUrl"),
                alt="",
                classes=["fx-fit" if contain else "fx-cover"],
            ),
            classes=[
                "mx-square" if square else "mx-rectangle",
                sheet.add([f"background-color:{shade}"] if shade else []),
            ],
        )
    title = text_of(card, "title")
    body = tag(
        "div",
        tag("strong", escaped(title)) if title else "",
        tag("span", escaped(text_of(card, "text"))),
        classes=["mx-words"],
        **action_attributes(node_of(card, "defaultAction"), interactive=tap),
    )
    choices = [_choice(action, tap=tap) for action in nodes_of(card, "actions")]
    row = tag("div", *choices, classes=["mx-choices", "mx-side" if is_confirm else ""])
    return tag("div", head, body, row, classes=["mx-card"])


def _choice(action: Json, *, tap: bool) -> str:
    return tag(
        "div",
        escaped(text_of(action, "label")),
        classes=["mx-choice"],
        **action_attributes(action, interactive=tap),
    )


def _tile(column: Json, *, tap: bool) -> str:
    action = node_of(column, "action")
    label = text_of(action, "label")
    return tag(
        "div",
        _picture(column.get("imageUrl"), alt=label, classes=["fx-cover"]),
        tag("span", escaped(label), classes=["mx-tile-label"]) if label else "",
        classes=["mx-tile"],
        **action_attributes(action, interactive=tap),
    )


_TYPES: dict[str, Drawer] = {
    "text": _text,
    "textV2": _text_v2,
    "sticker": _sticker,
    "image": _image,
    "video": _video,
    "audio": _audio,
    "location": _location,
    "coupon": _coupon,
    "imagemap": _imagemap,
    "template": _template,
}

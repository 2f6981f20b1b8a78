"""Limits of messages: every type LINE can send, its quick replies and sender."""

from collections.abc import Iterator
from typing import Any

from flex_templates.limits.actions import action
from flex_templates.limits.flex import container, json_size
from flex_templates.limits.values import (
    Check,
    Problem,
    boolean,
    by_type,
    integer,
    listing,
    matching,
    number,
    one_of,
    record,
    text,
    url,
)

MAX_MESSAGES = 5
MAX_QUICK_REPLIES = 13
MAX_ALT_TEXT = 1500
MAX_TEXT = 5000
MAX_BODY_BYTES = 2_000_000

_any_text = text(MAX_BODY_BYTES)
_alt_text = text(MAX_ALT_TEXT, minimum=1)
_quick_reply_item = by_type(
    {"action": record({"action": action("quick_reply")}, {"imageUrl": url()})}
)
_COMMON: dict[str, Check] = {
    "quickReply": record({"items": listing(_quick_reply_item, 1, MAX_QUICK_REPLIES)}),
    "sender": record({}, {"name": text(20, minimum=1), "iconUrl": url()}),
}
_QUOTING: dict[str, Check] = {"quoteToken": text(MAX_BODY_BYTES, minimum=1)}
_sticker_id = matching(r"\d{1,20}", "a sticker or package id")

_emoji = record({"index": integer(0, MAX_TEXT), "productId": _any_text, "emojiId": _any_text})


_mentionee = by_type({"user": record({"userId": _any_text}), "all": record({})})
_substitution = by_type(
    {
        "emoji": record({"productId": _any_text, "emojiId": _any_text}),
        "mention": record({"mentionee": _mentionee}),
    }
)


def _substitutions(value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, "must be an object")
        return
    if len(value) > 100:
        yield Problem(path, "Size must be between 0 and 100")
    for key, inner in value.items():
        yield from matching(r"[0-9a-zA-Z_]{1,20}", "1 to 20 of 0-9 a-z A-Z _")(key, f"{path}/{key}")
        yield from _substitution(inner, f"{path}/{key}")


def _template(title_is_possible: bool, long: int, short: int, high: int) -> Check:
    """A buttons, confirm or column record; its text may be long without title and image above."""

    def check(value: Any, path: str) -> Iterator[Problem]:
        crowned = isinstance(value, dict) and ("title" in value or "thumbnailImageUrl" in value)
        optional: dict[str, Check] = {}
        if title_is_possible:
            optional = {
                "title": text(40, minimum=1),
                "thumbnailImageUrl": url(),
                "imageAspectRatio": one_of("rectangle", "square"),
                "imageSize": one_of("cover", "contain"),
                "imageBackgroundColor": matching(r"#[0-9a-fA-F]{6}", "#RRGGBB"),
                "defaultAction": action("flex"),
            }
        low = 1 if title_is_possible else high
        yield from record(
            {
                "text": text(short if crowned else long, minimum=1),
                "actions": listing(action("template"), low, high),
            },
            optional,
        )(value, path)

    return check


_column = _template(True, 120, 60, 3)


def _count(value: Any) -> int:
    return len(value) if isinstance(value, list) else 0


def _columns(value: Any, path: str) -> Iterator[Problem]:
    yield from listing(_column, 1, 10)(value, path)
    columns = value if isinstance(value, list) else []
    shapes = {
        (_count(column.get("actions")), "title" in column, "thumbnailImageUrl" in column)
        for column in columns
        if isinstance(column, dict)
    }
    if len(shapes) > 1:
        yield Problem(path, "all columns must have the same number of actions, title and image")


_image_column = record({"imageUrl": url(), "action": action("image_carousel")})
_templates = by_type(
    {
        "buttons": _template(True, 160, 60, 4),
        "confirm": _template(False, 240, 240, 2),
        "carousel": record(
            {"columns": _columns},
            {
                "imageAspectRatio": one_of("rectangle", "square"),
                "imageSize": one_of("cover", "contain"),
            },
        ),
        "image_carousel": record({"columns": listing(_image_column, 1, 10)}),
    }
)
_area = record(
    {name: integer(0, 10_000) for name in ("x", "y", "width", "height")},
)
_imagemap_action = by_type(
    {
        "uri": record(
            {"linkUri": url(1000, ("http", "https", "line", "tel")), "area": _area},
            {"label": text(100)},
        ),
        "message": record({"text": text(400, minimum=1), "area": _area}, {"label": text(100)}),
        "clipboard": record(
            {"clipboardText": text(1000, minimum=1), "area": _area}, {"label": text(100)}
        ),
    }
)
_imagemap_video = record(
    {"originalContentUrl": url(), "previewImageUrl": url(), "area": _area},
    {"externalLink": record({"linkUri": url(1000), "label": text(30, minimum=1)})},
)
_MEDIA: dict[str, Check] = {"originalContentUrl": url(), "previewImageUrl": url()}

_message = by_type(
    {
        "text": record(
            {"text": text(MAX_TEXT, minimum=1)},
            {"emojis": listing(_emoji, 0, 20), **_QUOTING, **_COMMON},
        ),
        "textV2": record(
            {"text": text(MAX_TEXT, minimum=1)},
            {"substitution": _substitutions, **_QUOTING, **_COMMON},
        ),
        "sticker": record(
            {"packageId": _sticker_id, "stickerId": _sticker_id}, {**_QUOTING, **_COMMON}
        ),
        "image": record(_MEDIA, _COMMON),
        "video": record(
            _MEDIA,
            {
                "trackingId": matching(
                    r"[a-zA-Z0-9\-.=,+*()%$&;:@{}!?<>\[\]]{1,100}", "a tracking id"
                ),
                **_COMMON,
            },
        ),
        "audio": record({"originalContentUrl": url(), "duration": integer(1, 86_400_000)}, _COMMON),
        "location": record(
            {
                "title": text(100, minimum=1),
                "address": text(100, minimum=1),
                "latitude": number(-90, 90),
                "longitude": number(-180, 180),
            },
            _COMMON,
        ),
        "coupon": record(
            {"couponId": text(100, minimum=1)},
            {"deliveryTag": matching(r"[a-zA-Z0-9_]{1,30}", "1 to 30 of a-z A-Z 0-9 _"), **_COMMON},
        ),
        "imagemap": record(
            {
                "baseUrl": url(),
                "altText": _alt_text,
                "baseSize": record({"width": integer(1040, 1040), "height": integer(1, 100_000)}),
                "actions": listing(_imagemap_action, 0, 50),
            },
            {"video": _imagemap_video, **_COMMON},
        ),
        "template": record({"altText": _alt_text, "template": _templates}, _COMMON),
        "flex": record({"altText": _alt_text, "contents": container}, _COMMON),
    }
)


def check(message: Any) -> list[Problem]:
    """List what LINE would refuse in one message object; an empty list means it may be sent."""
    return list(_message(message, ""))


_request = record(
    {"messages": listing(_message, 1, MAX_MESSAGES)},
    {"notificationDisabled": boolean},
)


def check_request(messages: Any) -> list[Problem]:
    """List what LINE would refuse in the messages of one reply or push, under `/messages`."""
    found = list(_request({"messages": messages}, ""))
    if json_size(messages) > MAX_BODY_BYTES:
        found.append(Problem("/messages", f"body is more than {MAX_BODY_BYTES} bytes"))
    return found

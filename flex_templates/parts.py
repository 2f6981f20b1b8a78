"""The parts that messages are made of: taps, texts, boxes, buttons, bars, tickets, footers.

Every function returns a new plain dict in LINE's own shape; keyword properties keep LINE's names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from flex_templates import wording
from flex_templates.limits import MAX_ALT_TEXT, MAX_QUICK_REPLIES
from flex_templates.limits.flex import MAX_BUBBLES, MAX_CAROUSEL_BYTES, json_size
from flex_templates.theme import Theme

Node = dict[str, Any]
Message = dict[str, Any]

LABEL_LENGTH = 40
QUICK_LABEL_LENGTH = 20
ROOM_FOR_LAST = 4_000


# Taps: what a button does. Handlers make them, templates only place them.


@dataclass(frozen=True, slots=True)
class Press:
    """A tap that sends `data` to us as a postback.

    `says` appears in the chat as the member's own words; `types` opens the keyboard for an answer.
    """

    data: str
    says: str = ""
    types: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A tap that opens an https, tel or line address."""

    uri: str


@dataclass(frozen=True, slots=True)
class Say:
    """A tap that writes these words for the member."""

    words: str


@dataclass(frozen=True, slots=True)
class PickDate:
    """A tap that opens the date picker; the chosen day comes back with `data`."""

    data: str
    first: date
    last: date
    initial: date


@dataclass(frozen=True, slots=True)
class Copy:
    """A tap that copies a text to the clipboard."""

    text: str


Tap = Press | Link | Say | PickDate | Copy


def action(tap: Tap, label: str, *, length: int = LABEL_LENGTH) -> Node:
    """Return LINE's action object for a tap."""
    named = {"label": wording.clip(wording.filled(label), length)}
    match tap:
        case Press(data, says, types):
            shown = {"displayText": says} if says else {}
            opened = {"inputOption": "openKeyboard"} if types else {}
            return {"type": "postback", **named, "data": data, **shown, **opened}
        case Link(uri):
            return {"type": "uri", **named, "uri": uri}
        case Say(words):
            return {"type": "message", **named, "text": words}
        case Copy(text):
            return {"type": "clipboard", **named, "clipboardText": text}
        case PickDate(data, first, last, initial):
            days = {"initial": initial, "max": last, "min": first}
            shown = {name: value.isoformat() for name, value in days.items()}
            return {"type": "datetimepicker", **named, "data": data, "mode": "date", **shown}


# Texts and boxes.


def text(words: str, colour: str, size: str = "sm", **properties: Any) -> Node:
    """A text that wraps and starts at the left unless told otherwise."""
    return {
        "type": "text",
        "text": wording.filled(words),
        "color": colour,
        "size": size,
        "wrap": True,
        "align": "start",
        **properties,
    }


def box(layout: str, contents: Iterable[Node | None], **properties: Any) -> Node:
    """A box of everything that is not None, so that a part can be left out in place."""
    kept = [node for node in contents if node is not None]
    return {"type": "box", "layout": layout, "contents": kept, **properties}


def column(*contents: Node | None, **properties: Any) -> Node:
    return box("vertical", contents, **properties)


def row(*contents: Node | None, **properties: Any) -> Node:
    return box("horizontal", contents, **properties)


def line(theme: Theme, **properties: Any) -> Node:
    return {"type": "separator", "color": theme.line, **properties}


def image(url: str, **properties: Any) -> Node:
    return {"type": "image", "url": url, **properties}


def gradient(start: str, end: str, *, angle: str = "135deg", centre: str = "") -> Node:
    middle = {"centerColor": centre} if centre else {}
    return {
        "type": "linearGradient",
        "angle": angle,
        "startColor": start,
        "endColor": end,
        **middle,
    }


# Composed parts.

ButtonKind = Literal["primary", "soft", "quiet"]


def button(theme: Theme, label: str, tap: Tap, kind: ButtonKind = "primary") -> Node:
    """A rounded button, tall enough for a thumb; one primary button at most in a bubble."""
    ground, letters = {
        "primary": (theme.primary, theme.on_primary),
        "soft": (theme.tint, theme.primary),
        "quiet": (theme.paper, theme.quiet),
    }[kind]
    weight = "regular" if kind == "quiet" else "bold"
    return column(
        text(label, letters, align="center", weight=weight, maxLines=2),
        action=action(tap, label),
        backgroundColor=ground,
        cornerRadius="22px",
        paddingAll="12px",
        justifyContent="center",
    )


def buttons(*given: Node | None) -> Node | None:
    """A bubble's footer: buttons under one another; None when there are none."""
    kept = [node for node in given if node is not None]
    return (
        column(*kept, spacing="8px", paddingAll="20px", paddingTop="8px", paddingBottom="16px")
        if kept
        else None
    )


def masthead(theme: Theme, kind: str, **properties: Any) -> Node:
    """The letterhead of a bubble: the brand, and what this message is."""
    return row(
        column(width="4px", height="14px", backgroundColor=theme.primary, cornerRadius="2px"),
        text(
            wording.clip(theme.brand, 40),
            theme.primary,
            "xs",
            weight="bold",
            wrap=False,
            flex=1,
            margin="sm",
        ),
        text(kind, theme.quiet, "xs", wrap=False, flex=0, margin="sm"),
        alignItems="center",
        **properties,
    )


def figure(theme: Theme, number: str, unit: str, *, colour: str = "", size: str = "3xl") -> Node:
    """A large number with its small unit on one base line."""
    return box(
        "baseline",
        [
            text(
                number,
                colour or theme.ink,
                size,
                weight="bold",
                wrap=False,
                flex=0,
                adjustMode="shrink-to-fit",
            ),
            text(unit, theme.quiet, "sm", wrap=False, flex=0, margin="sm") if unit else None,
        ],
    )


def fact(
    theme: Theme,
    name: str,
    value: str,
    *,
    colour: str = "",
    weight: str = "regular",
    shares: tuple[int, int] = (5, 6),
) -> Node:
    """One line of a receipt: what it is on the left, how much on the right."""
    return row(
        text(name, theme.quiet, flex=shares[0]),
        text(value, colour or theme.ink, align="end", flex=shares[1], weight=weight),
        spacing="md",
    )


def progress_bar(track: str, fill: str, share: str, **properties: Any) -> Node:
    """A bar filled to `share`, a percentage such as `37%`."""
    return column(
        column(width=share, height="8px", backgroundColor=fill, cornerRadius="4px"),
        backgroundColor=track,
        height="8px",
        cornerRadius="4px",
        **properties,
    )


def pill(label: str, letters: str, ground: str, **properties: Any) -> Node:
    """A small rounded label."""
    return column(
        text(label, letters, "xxs", weight="bold", align="center", wrap=False),
        backgroundColor=ground,
        cornerRadius="10px",
        paddingTop="3px",
        paddingBottom="3px",
        paddingStart="10px",
        paddingEnd="10px",
        flex=0,
        **properties,
    )


def note(theme: Theme, words: str, *, is_alert: bool = False, **properties: Any) -> Node:
    """A tinted panel for the one thing not to overlook."""
    letters, ground = (theme.alert, theme.alert_tint) if is_alert else (theme.primary, theme.tint)
    return column(
        text(words, letters, "xs", scaling=True),
        backgroundColor=ground,
        cornerRadius="10px",
        paddingAll="12px",
        **properties,
    )


def panel(theme: Theme, *contents: Node | None, **properties: Any) -> Node:
    """A pale card inside the bubble."""
    return column(
        *contents,
        backgroundColor=theme.surface,
        cornerRadius="12px",
        paddingAll="14px",
        **{"spacing": "sm", **properties},
    )


def bullet(theme: Theme, words: str, *, colour: str = "") -> Node:
    """One item of a list, with a tick in the brand's colour."""
    return row(
        text("✓", colour or theme.primary, weight="bold", flex=0),
        text(words, theme.ink, scaling=True, flex=1),
        spacing="md",
    )


def paragraphs(theme: Theme, lines: Sequence[str], **properties: Any) -> Node | None:
    """Running text, one component a paragraph, following the reader's own letter size."""
    kept = [text(words, theme.ink, scaling=True, lineSpacing="6px") for words in lines if words]
    return column(*kept, spacing="md", **properties) if kept else None


def cover(theme: Theme, title: str, subtitle: str = "") -> Node:
    """The coloured head of a letter: brand, title, and a line below."""
    return column(
        text(wording.clip(theme.brand, 40), theme.cover_quiet, "xs", weight="bold", wrap=False),
        text(title, theme.on_cover, "xl", weight="bold", margin="md", scaling=True),
        text(subtitle, theme.cover_quiet, "sm", margin="sm", scaling=True) if subtitle else None,
        background=gradient(theme.cover_start, theme.cover_end),
        paddingAll="20px",
        paddingTop="22px",
        paddingBottom="22px",
    )


# What every message of a campaign owes its reader.

STOP_LABEL = "停止行銷訊息"


@dataclass(frozen=True, slots=True)
class Why:
    """Why the member got this message, and the way to have no more of its kind.

    `stop` is None only for messages of service, which go on after a refusal (個資法 Art. 20).
    `less` turns off what this message is about, and nothing else: what the reader presses, and it.
    """

    reason: str
    stop: Tap | None = None
    less: tuple[str, Tap] | None = None


def why_footer(theme: Theme, why: Why | None) -> Node | None:
    """The small print: the reason, and the link that stops marketing messages."""
    if why is None:
        return None
    reason = f"為什麼收到這則訊息：{wording.clip(why.reason, 120)}"
    return column(
        line(theme),
        text(reason, theme.quiet, "xxs", margin="md", align="center"),
        _quiet_link(theme, *why.less) if why.less else None,
        _quiet_link(theme, STOP_LABEL, why.stop) if why.stop else None,
        margin="md",
    )


def _quiet_link(theme: Theme, label: str, tap: Tap) -> Node:
    return column(
        text(label, theme.quiet, "xxs", align="center", decoration="underline"),
        action=action(tap, label),
        paddingTop="8px",
        paddingBottom="8px",
    )


# Whole messages.


def bubble(
    theme: Theme,
    body: Node,
    *,
    header: Node | None = None,
    footer: Node | None = None,
    size: str = "mega",
) -> Node:
    blocks = {"header": header, "body": body, "footer": footer}
    kept = {name: block for name, block in blocks.items() if block is not None}
    styles = {name: {"backgroundColor": theme.paper} for name in kept}
    return {"type": "bubble", "size": size, **kept, "styles": styles}


def fitting(bubbles: Sequence[Node]) -> list[Node]:
    """Return the first bubbles that one carousel can carry, with room for one more small one."""
    room, kept = MAX_CAROUSEL_BYTES - ROOM_FOR_LAST, []
    for node in bubbles[: MAX_BUBBLES - 1]:
        room -= json_size(node) + 1
        if room < 0:
            break
        kept.append(node)
    return kept


def carousel(bubbles: Sequence[Node]) -> Node:
    return {"type": "carousel", "contents": list(bubbles)}


def flex(alt: str, contents: Node, quick: Sequence[tuple[str, Tap]] = ()) -> Message:
    """A Flex message; `alt` is what the notification and the chat list show."""
    message = {
        "type": "flex",
        "altText": wording.clip_units(wording.filled(alt), MAX_ALT_TEXT),
        "contents": contents,
    }
    return with_quick_reply(message, quick)


def say(words: str, quick: Sequence[tuple[str, Tap]] = ()) -> Message:
    """A plain text message."""
    content = wording.clip_units(wording.filled(words), 5000)
    return with_quick_reply({"type": "text", "text": content}, quick)


def with_quick_reply(message: Mapping[str, Any], quick: Sequence[tuple[str, Tap]]) -> Message:
    """Return the message with buttons above the keyboard, at most LINE's thirteen."""
    items = [
        {"type": "action", "action": action(tap, label, length=QUICK_LABEL_LENGTH)}
        for label, tap in quick[:MAX_QUICK_REPLIES]
    ]
    return {**message, "quickReply": {"items": items}} if items else dict(message)

"""What a letter to many is made of. Its card, with a title, perhaps a coupon, one button and the
small print, never has another shape, so that every letter of the brand is one at first sight.
"""

from dataclasses import dataclass

from flex_templates import coupons, parts, wording
from flex_templates.coupons import CouponView
from flex_templates.parts import Message, Tap, Why
from flex_templates.theme import Theme


@dataclass(frozen=True, slots=True)
class LetterView:
    """`body` may have several lines; an empty one is only a wider gap."""

    title: str
    body: str
    label: str
    tap: Tap
    why: Why
    coupon: CouponView | None = None


def letter_message(view: LetterView, theme: Theme) -> Message:
    """Tell many people one thing."""
    title = wording.clip(wording.filled(view.title), 80)
    lines = tuple(line.strip() for line in view.body.splitlines())
    body = parts.column(
        parts.cover(theme, title),
        parts.column(
            parts.paragraphs(theme, lines),
            coupons.ticket(theme, view.coupon) if view.coupon else None,
            spacing="lg",
            paddingAll="20px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    footer = parts.buttons(
        parts.button(theme, view.label, view.tap), parts.why_footer(theme, view.why)
    )
    alt = f"{title} {' '.join(lines)}".strip()
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


@dataclass(frozen=True, slots=True)
class PictureView:
    """`url` is shown large and `small` in the list of chats; `alt` is what it shows, in words."""

    url: str
    small: str
    width: int
    height: int
    alt: str


def picture_message(view: PictureView) -> Message:
    """Show a picture that opens large when it is pressed."""
    return {"type": "image", "originalContentUrl": view.url, "previewImageUrl": view.small}


def poster_message(view: PictureView, tap: Tap, why: Why, theme: Theme) -> Message:
    """Show a picture that leads somewhere, with the small print below."""
    hero = parts.image(
        view.url,
        size="full",
        aspectRatio=f"{view.width}:{view.height}",
        aspectMode="cover",
        action=parts.action(tap, view.alt),
    )
    bubble = parts.bubble(
        theme,
        parts.column(parts.why_footer(theme, why), paddingAll="12px", paddingTop="0px"),
        size="giga",
    )
    return parts.flex(view.alt, {**bubble, "hero": hero})


def video_message(address: str, still: PictureView) -> Message:
    """Show an MP4 that begins when it is pressed; before, a picture."""
    return {"type": "video", "originalContentUrl": address, "previewImageUrl": still.small}

"""A letter to many: what a marketer wrote, perhaps with a coupon, one button, and the small print.

It never has another shape, so that every letter of the brand is one at first sight.
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

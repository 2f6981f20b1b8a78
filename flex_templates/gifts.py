"""A coupon as a present: the card a friend gets, and what both are told when it was taken."""

from dataclasses import dataclass
from datetime import date

from flex_templates import coupons, parts, wording
from flex_templates.coupons import CouponView
from flex_templates.parts import Link, Message, Tap
from flex_templates.theme import Theme


@dataclass(frozen=True, slots=True)
class GiftView:
    """What a friend gets. Shared from a page, so its only tap is a link. `until`: the last day on
    which it can be taken."""

    giver: str
    coupon: CouponView
    until: date
    take: Link


@dataclass(frozen=True, slots=True)
class ReceivedView:
    giver: str
    coupon: CouponView
    wallet: Tap


def _giver(name: str) -> str:
    return wording.clip(wording.filled(name, "您的朋友"), 20)


def gift_message(view: GiftView, theme: Theme) -> Message:
    """A coupon for whoever opens the link first."""
    giver = _giver(view.giver)
    body = parts.column(
        parts.cover(theme, "送您一張優惠券", f"{giver} 的一點心意"),
        parts.column(
            coupons.ticket(theme, view.coupon),
            parts.note(
                theme,
                f"限一位收下，有效{wording.until(view.until)}。還不是會員的話，先加入就能收下。",
                margin="lg",
            ),
            paddingAll="20px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    footer = parts.buttons(parts.button(theme, "打開禮物", view.take))
    return parts.flex(f"{giver} 送您一張優惠券", parts.bubble(theme, body, footer=footer))


def received_message(view: ReceivedView, theme: Theme) -> Message:
    """The friend has it: it is in the wallet."""
    giver = _giver(view.giver)
    body = parts.column(
        parts.masthead(theme, "收到優惠券"),
        parts.text("✓ 已放入您的優惠券匣", theme.primary, weight="bold", margin="xl"),
        parts.text(f"{giver} 送您", theme.ink, "lg", weight="bold", margin="sm"),
        parts.column(coupons.ticket(theme, view.coupon), margin="lg"),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(parts.button(theme, "打開優惠券匣", view.wallet))
    alt = f"已收下 {giver} 送的優惠券，放入您的優惠券匣"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))

"""Letters of the life cycle: welcome, first steps, thanks, birthday, and missing somebody.

Every one is a campaign message: it says why it came and how to stop such messages.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from flex_templates import coupons, parts, wording
from flex_templates.coupons import CouponView
from flex_templates.parts import Message, Node, Tap, Why
from flex_templates.theme import Theme


@dataclass(frozen=True, slots=True)
class WelcomeView:
    """A member who just joined; `coupon` is the welcome gift."""

    name: str
    tap: Tap
    why: Why
    coupon: CouponView | None = None


@dataclass(frozen=True, slots=True)
class NoPurchaseView:
    """A member of `days` days who has not bought anything."""

    name: str
    days: int
    tap: Tap
    why: Why
    coupon: CouponView | None = None


@dataclass(frozen=True, slots=True)
class FirstPurchaseView:
    """The day after the first purchase; `points` it earned."""

    name: str
    store: str
    points: int
    tap: Tap
    why: Why
    coupon: CouponView | None = None


@dataclass(frozen=True, slots=True)
class BirthdayView:
    """The birthday month began, or (`days_left` given) its gift is about to lapse."""

    name: str
    month: int
    tap: Tap
    why: Why
    coupon: CouponView | None = None
    multiplier: int = 1
    days_left: int | None = None


@dataclass(frozen=True, slots=True)
class DormancyView:
    """A member who has not been here for `days` days; `stage` 1 to 3 grows warmer each time."""

    name: str
    days: int
    stage: Literal[1, 2, 3]
    points: int
    tap: Tap
    why: Why
    coupon: CouponView | None = None
    expires_on: date | None = None


def _called(name: str) -> str:
    return wording.clip(wording.filled(name, "親愛的會員"), 20)


def _letter(
    theme: Theme,
    title: str,
    subtitle: str,
    lines: tuple[str, ...],
    *,
    coupon: CouponView | None,
    button: tuple[str, Tap],
    why: Why,
    extra: Node | None = None,
) -> Node:
    """Every letter of this file: cover, a few lines, a gift, one button, and the small print."""
    body = parts.column(
        parts.cover(theme, title, subtitle),
        parts.column(
            parts.paragraphs(theme, lines),
            extra,
            coupons.ticket(theme, coupon) if coupon else None,
            spacing="lg",
            paddingAll="20px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    label, tap = button
    footer = parts.buttons(parts.button(theme, label, tap), parts.why_footer(theme, why))
    return parts.bubble(theme, body, footer=footer)


def _gift(coupon: CouponView | None) -> str:
    """Name a gift for the notification, with its end."""
    if coupon is None:
        return ""
    name = wording.clip(wording.filled(coupon.name, "優惠券"), 40)
    return f"「{name}」已放入您的優惠券匣（{coupons.period(coupon)}）"


def welcome_message(view: WelcomeView, theme: Theme) -> Message:
    """Welcome a new member with the gift."""
    name, brand = _called(view.name), wording.clip(theme.brand, 40)
    first = "謝謝您成為我們的會員。結帳時出示會員碼，每次消費都能累積點數。"
    gift = "這是我們準備的見面禮，期待您來使用。" if view.coupon else ""
    contents = _letter(
        theme,
        f"{name}，歡迎您",
        f"很開心您加入{brand}",
        (first, gift),
        coupon=view.coupon,
        button=("查看優惠券" if view.coupon else "查看會員卡", view.tap),
        why=view.why,
    )
    alt = f"{name}，歡迎加入{brand}！{_gift(view.coupon)}"
    return parts.flex(alt, contents)


def no_purchase_message(view: NoPurchaseView, theme: Theme) -> Message:
    """Invite a member who joined but never bought."""
    name = _called(view.name)
    line = "您的會員卡已經準備好了。第一次消費就開始累積點數，離下一個等級更近一步。"
    contents = _letter(
        theme,
        f"{name}，等您來逛逛",
        f"加入會員 {view.days} 天了",
        (line,),
        coupon=view.coupon,
        button=("查看優惠券" if view.coupon else "查詢門市", view.tap),
        why=view.why,
    )
    gift = _gift(view.coupon) or "第一次消費就開始累積點數"
    return parts.flex(f"{name}，等您來逛逛！{gift}", contents)


def first_purchase_message(view: FirstPurchaseView, theme: Theme) -> Message:
    """Thank for the first purchase."""
    name = _called(view.name)
    store = wording.clip(wording.filled(view.store, "門市"), 40)
    earned = f"這次為您累積了 {wording.points(view.points)}。" if view.points > 0 else ""
    contents = _letter(
        theme,
        "謝謝您的第一次光臨",
        f"{name}，很高興為您服務",
        (f"謝謝您昨天到{store}。{earned}", "有任何使用上的問題，直接在這裡告訴我們就可以。"),
        coupon=view.coupon,
        button=("查看會員卡", view.tap),
        why=view.why,
    )
    gift = f" {_gift(view.coupon)}" if view.coupon else ""
    return parts.flex(f"{name}，謝謝您的第一次光臨。{earned}{gift}", contents)


def birthday_message(view: BirthdayView, theme: Theme) -> Message:
    """Wish a happy birthday, or remind of the birthday gift near the month's end."""
    name = _called(view.name)
    bonus = f"{view.month} 月消費點數 {view.multiplier} 倍送。" if view.multiplier > 1 else ""
    if view.days_left is None:
        title, subtitle = f"{name}，生日快樂 🎂", f"{view.month} 月是屬於您的月份"
        first = "謝謝您一路以來的支持，祝您新的一歲平安順心。"
    else:
        left = f"還有 {view.days_left} 天" if view.days_left > 0 else "今天是最後一天"
        title, subtitle = "生日禮還在等您", f"{name}，{left}"
        first = "這份專屬於您的生日禮，月底前都可以使用。"
    contents = _letter(
        theme,
        title,
        subtitle,
        (first, bonus),
        coupon=view.coupon,
        button=("查看生日禮" if view.coupon else "查看會員卡", view.tap),
        why=view.why,
    )
    gift = _gift(view.coupon) or bonus
    return parts.flex(f"{title} {gift}".strip(), contents)


_DORMANT: dict[int, tuple[str, str]] = {
    1: ("好久不見，最近好嗎？", "店裡有許多新品，想第一個與您分享。"),
    2: ("我們很想念您", "您的點數與會員權益都還為您保留著。"),
    3: ("為您保留的心意", "如果有哪裡讓您不滿意，也請告訴我們，我們會努力做得更好。"),
}


def dormancy_message(view: DormancyView, theme: Theme) -> Message:
    """Say that somebody is missed, and make it worth coming back."""
    name = _called(view.name)
    title, line = _DORMANT[view.stage]
    facts = None
    if view.points > 0:
        end = f"（{wording.until(view.expires_on)}）" if view.expires_on else ""
        words = wording.points(view.points)
        fact = parts.fact(theme, f"可用點數{end}", words, weight="bold", shares=(8, 4))
        facts = parts.panel(theme, fact)
    contents = _letter(
        theme,
        title,
        f"{name}，距離上次見面 {view.days} 天了",
        (line,),
        coupon=view.coupon,
        button=("查看優惠券" if view.coupon else "查看會員卡", view.tap),
        why=view.why,
        extra=facts,
    )
    return parts.flex(f"{name}，{title} {_gift(view.coupon) or line}", contents)

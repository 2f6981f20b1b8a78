"""Coupons: the ticket, the wallet as a carousel, using one at the till, and the last reminder."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from flex_templates import parts, wording
from flex_templates.parts import Message, Node, Tap, Why
from flex_templates.theme import Theme

# Eleven tickets and the way to the rest make a carousel's twelve.
MOST_TICKETS = 11
SOON_DAYS = 3

CouponType = Literal[
    "amount_off", "percent_off", "gift", "free_shipping", "buy_x_get_y", "fixed_price"
]


@dataclass(frozen=True, slots=True)
class CouponView:
    """One coupon of a member.

    `value` is NT$ for amount_off and fixed_price, the percentage taken off for percent_off (10 is
    9 折), and the number given for buy_x_get_y (with `buys` bought). `headline` replaces the words
    made from them. `use` opens its code; `by_clerk` begins 由店員操作. No `ends_on` = no end.
    """

    name: str
    type: CouponType
    value: int
    code: str
    ends_on: date | None
    min_spend: int = 0
    cap: int = 0
    buys: int = 1
    starts_on: date | None = None
    days_left: int | None = None
    terms: str = ""
    headline: str = ""
    use: Tap | None = None
    by_clerk: Tap | None = None


@dataclass(frozen=True, slots=True)
class WalletView:
    """Usable coupons, soonest end first; `total` counts also those not among them."""

    coupons: tuple[CouponView, ...]
    total: int
    card: Tap
    more: Tap | None = None


@dataclass(frozen=True, slots=True)
class ConfirmView:
    """The step before a clerk redeems on the member's phone; `store` may be still unknown."""

    coupon: CouponView
    confirm: Tap
    cancel: Tap
    store: str = ""


@dataclass(frozen=True, slots=True)
class RedeemedView:
    """A coupon used now; `discount` is NT$ taken off, 0 when it is not money."""

    name: str
    code: str
    store: str
    at: datetime
    discount: int = 0
    amount: int = 0
    wallet: Tap | None = None


@dataclass(frozen=True, slots=True)
class CouponExpiringView:
    """`coupon` ends in `days_left` days; `is_welcome` when it is the gift for joining."""

    coupon: CouponView
    days_left: int
    use: Tap
    why: Why
    is_welcome: bool = False


def worth(coupon: CouponView) -> str:
    """Say what a coupon gives, short enough to be set large."""
    if coupon.headline.strip():
        return wording.clip(coupon.headline, 12)
    match coupon.type:
        case "amount_off":
            return wording.money(coupon.value)
        case "percent_off":
            return wording.folds(coupon.value)
        case "gift":
            return "贈品"
        case "free_shipping":
            return "免運費"
        case "buy_x_get_y":
            return f"買 {coupon.buys} 送 {max(coupon.value, 1)}"
        case "fixed_price":
            return f"特價 {wording.money(coupon.value)}"


def condition(coupon: CouponView) -> str:
    """Say from which amount the coupon counts, and what it takes off at most."""
    least = f"滿 {wording.money(coupon.min_spend)} 可用" if coupon.min_spend > 0 else "無低消限制"
    most = f"，最高折 {wording.money(coupon.cap)}" if coupon.cap > 0 else ""
    return least + most


def period(coupon: CouponView) -> str:
    """Say from when and to when the coupon counts; only paid vouchers have no end."""
    if coupon.ends_on is None:
        return "無使用期限"
    if coupon.starts_on is None:
        return wording.until(coupon.ends_on)
    return f"{wording.day(coupon.starts_on)} – {wording.day(coupon.ends_on)}"


def _validity(coupon: CouponView) -> str:
    return f"使用期限 {period(coupon)}" if coupon.ends_on else period(coupon)


def _name(coupon: CouponView) -> str:
    return wording.clip(wording.filled(coupon.name, "優惠券"), 40)


def ticket(theme: Theme, coupon: CouponView) -> Node:
    """A coupon as a ticket inside a letter: the value on a coloured stub, facts beside it."""
    return parts.row(
        parts.column(
            parts.text(
                worth(coupon),
                theme.on_primary,
                "lg",
                weight="bold",
                align="center",
                maxLines=2,
                adjustMode="shrink-to-fit",
            ),
            backgroundColor=theme.primary,
            justifyContent="center",
            paddingAll="10px",
            flex=4,
        ),
        parts.column(
            parts.text(_name(coupon), theme.ink, weight="bold", maxLines=2),
            parts.text(condition(coupon), theme.quiet, "xxs"),
            parts.text(period(coupon), theme.quiet, "xxs"),
            spacing="xs",
            paddingAll="12px",
            flex=7,
        ),
        backgroundColor=theme.tint,
        cornerRadius="12px",
    )


def _stub(theme: Theme, coupon: CouponView) -> Node:
    """The coloured head of a wallet ticket, with a notch on either side of its lower edge."""
    is_ending = coupon.days_left is not None and coupon.days_left <= SOON_DAYS
    left = f"剩 {coupon.days_left} 天" if coupon.days_left else "今天到期"
    return parts.column(
        parts.row(
            parts.text(wording.clip(theme.brand, 40), theme.cover_quiet, "xs", wrap=False, flex=1),
            parts.pill(left, theme.alert, theme.paper) if is_ending else None,
            alignItems="center",
            spacing="sm",
            height="24px",
        ),
        parts.text(
            worth(coupon),
            theme.on_cover,
            "3xl",
            weight="bold",
            wrap=False,
            adjustMode="shrink-to-fit",
            margin="sm",
        ),
        parts.text(condition(coupon), theme.cover_quiet, "xs", margin="xs", maxLines=2),
        background=parts.gradient(theme.cover_start, theme.cover_end),
        paddingAll="20px",
    )


def _bubble(theme: Theme, coupon: CouponView) -> Node:
    terms = wording.clip(coupon.terms, 120)
    body = parts.column(
        _stub(theme, coupon),
        _perforation(theme),
        parts.column(
            parts.text(_name(coupon), theme.ink, "md", weight="bold", maxLines=2),
            parts.text(_validity(coupon), theme.quiet, "xs"),
            parts.text(f"券號 {wording.spaced(coupon.code)}", theme.quiet, "xs"),
            parts.text(terms, theme.quiet, "xxs", maxLines=3) if terms.strip() else None,
            spacing="sm",
            paddingAll="20px",
            paddingTop="8px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    footer = parts.buttons(
        parts.button(theme, "使用", coupon.use) if coupon.use else None,
        parts.button(theme, "由店員操作", coupon.by_clerk, "soft") if coupon.by_clerk else None,
    )
    return parts.bubble(theme, body, footer=footer, size="kilo")


def _perforation(theme: Theme) -> Node:
    """The line along which a paper ticket would be torn off."""
    dots = [
        parts.column(width="6px", height="2px", backgroundColor=theme.track, flex=0)
        for _ in range(14)
    ]
    return parts.row(*dots, justifyContent="space-between", paddingAll="20px", paddingBottom="8px")


def wallet_message(view: WalletView, theme: Theme) -> Message:
    """Show the coupons, one a bubble; without any, say how to get some."""
    if not view.coupons:
        return empty_message(view, theme)
    bubbles = parts.fitting([_bubble(theme, coupon) for coupon in view.coupons[:MOST_TICKETS]])
    shown = view.coupons[: len(bubbles)]
    left = view.total - len(shown)
    if left > 0 and view.more is not None:
        bubbles.append(_rest(theme, left, view.more))
    count = max(view.total, len(shown))
    first = f"{_name(shown[0])}（{period(shown[0])}）"
    alt = f"您有 {count:,} 張可用優惠券，最近到期：{first}"
    return parts.flex(alt, parts.carousel(bubbles))


def _rest(theme: Theme, left: int, more: Tap) -> Node:
    body = parts.column(
        parts.text("還有", theme.quiet, "sm", align="center"),
        parts.text(f"{left:,} 張", theme.primary, "xxl", weight="bold", align="center"),
        parts.text("優惠券可以使用", theme.quiet, "sm", align="center"),
        justifyContent="center",
        spacing="sm",
        paddingAll="20px",
    )
    footer = parts.buttons(parts.button(theme, "查看全部優惠券", more))
    return parts.bubble(theme, body, footer=footer, size="kilo")


def empty_message(view: WalletView, theme: Theme) -> Message:
    """Say that the wallet is empty, and kindly."""
    body = parts.column(
        parts.masthead(theme, "優惠券"),
        parts.text("目前沒有可用的優惠券", theme.ink, "lg", weight="bold", margin="xl"),
        parts.text(
            "消費、生日與會員活動都會送券，有新的優惠我們會第一時間放進這裡。",
            theme.quiet,
            "sm",
            margin="md",
            scaling=True,
        ),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(parts.button(theme, "回到會員卡", view.card, "soft"))
    return parts.flex("您目前沒有可用的優惠券", parts.bubble(theme, body, footer=footer))


def confirm_message(view: ConfirmView, theme: Theme) -> Message:
    """Ask the clerk to confirm: a coupon used by mistake does not come back by itself."""
    store = parts.fact(theme, "門市", wording.clip(view.store, 40)) if view.store else None
    body = parts.column(
        parts.masthead(theme, "由店員操作"),
        parts.text("請店員確認後按下核銷", theme.ink, "lg", weight="bold", margin="xl"),
        parts.column(ticket(theme, view.coupon), margin="lg"),
        parts.column(
            store, parts.fact(theme, "券號", wording.spaced(view.coupon.code)), margin="lg"
        ),
        parts.note(theme, "核銷後無法自行復原，請勿自行操作。", is_alert=True, margin="lg"),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(
        parts.button(theme, "確認核銷", view.confirm),
        parts.button(theme, "取消", view.cancel, "quiet"),
    )
    alt = f"請店員確認核銷：{_name(view.coupon)}"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def redeemed_message(view: RedeemedView, theme: Theme) -> Message:
    """Prove that a coupon was used: which, where, when, and what it took off."""
    name = wording.clip(wording.filled(view.name, "優惠券"), 40)
    store = wording.clip(wording.filled(view.store), 40)
    body = parts.column(
        parts.masthead(theme, "核銷完成"),
        parts.text("✓ 優惠券已使用", theme.primary, "lg", weight="bold", margin="xl"),
        parts.text(name, theme.ink, "md", weight="bold", margin="sm"),
        parts.panel(
            theme,
            parts.fact(theme, "折抵金額", wording.money(view.discount), weight="bold")
            if view.discount > 0
            else None,
            parts.fact(theme, "消費金額", wording.money(view.amount)) if view.amount > 0 else None,
            parts.fact(theme, "門市", store),
            parts.fact(theme, "使用時間", wording.moment(view.at)),
            parts.fact(theme, "券號", wording.spaced(view.code)),
            margin="lg",
        ),
        paddingAll="20px",
    )
    footer = None
    if view.wallet is not None:
        footer = parts.buttons(parts.button(theme, "查看其他優惠券", view.wallet, "soft"))
    saved = f"，折抵 {wording.money(view.discount)}" if view.discount > 0 else ""
    alt = f"優惠券「{name}」已於{store}使用{saved}"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def expiring_message(view: CouponExpiringView, theme: Theme) -> Message:
    """Remind of a coupon about to lapse; the welcome gift has words of its own."""
    days = f"還有 {view.days_left} 天" if view.days_left > 0 else "今天是最後一天"
    title = "迎新禮還沒使用喔" if view.is_welcome else "優惠券即將到期"
    body = parts.column(
        parts.cover(theme, title, f"{days}，別錯過 {worth(view.coupon)}"),
        parts.column(ticket(theme, view.coupon), paddingAll="20px", paddingBottom="8px"),
        paddingAll="0px",
    )
    footer = parts.buttons(
        parts.button(theme, "立即使用", view.use), parts.why_footer(theme, view.why)
    )
    alt = f"提醒您：優惠券「{_name(view.coupon)}」{period(view.coupon)}（{days}）"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))

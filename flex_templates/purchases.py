"""Purchases: the receipt seconds after the till, the refund's, and the history with points."""

from dataclasses import dataclass
from datetime import date, datetime

from flex_templates import parts, wording
from flex_templates.parts import Message, Node, Tap
from flex_templates.theme import Theme

MOST_REASONS = 6
MOST_NOTES = 5
MOST_COUPONS = 5
MOST_PURCHASES = 8


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause of points earned: `基本點數`, `金卡加倍`, `生日月加倍`."""

    words: str
    points: int


@dataclass(frozen=True, slots=True)
class CouponTaken:
    """A coupon used on a purchase; `discount` is NT$, 0 when it is not money."""

    name: str
    discount: int = 0


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """A purchase as counted. `earned` points become usable on `usable_from` (None: at once).

    `balance` is what is usable now. `progress` is the percentage to `next_tier` (empty at the top).
    `notes`: what else moved with the purchase, such as `任務「九月常客」2/3`."""

    amount: int
    earned: int
    balance: int
    store: str
    at: datetime
    card: Tap
    usable_from: date | None = None
    pending: int = 0
    reasons: tuple[Reason, ...] = ()
    coupons: tuple[CouponTaken, ...] = ()
    invoice_number: str = ""
    notes: tuple[str, ...] = ()
    tier: str = ""
    next_tier: str = ""
    way: str = ""
    next_until: date | None = None
    progress: int = 0
    history: Tap | None = None
    points_used: int = 0
    points_worth: int = 0  # NT$ that they paid


@dataclass(frozen=True, slots=True)
class RefundView:
    """Money given back, and the points that went with it; a negative balance is owed."""

    amount: int
    revoked: int
    balance: int
    store: str
    at: datetime
    card: Tap
    net: int = 0
    coupon_returned: str = ""
    notes: tuple[str, ...] = ()
    restored: int = 0  # points used on the sale that came back


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """Goods of NT$ `back` returned and others of NT$ `amount` (after coupons and points) taken,
    with the points that went, came back and were earned."""

    back: int
    amount: int
    revoked: int
    earned: int
    balance: int
    store: str
    at: datetime
    card: Tap
    restored: int = 0
    pending: int = 0
    coupons: tuple[CouponTaken, ...] = ()
    points_used: int = 0
    points_worth: int = 0  # NT$ that they paid
    coupon_returned: str = ""
    notes: tuple[str, ...] = ()
    history: Tap | None = None


@dataclass(frozen=True, slots=True)
class PurchaseLine:
    """One purchase of the history; `refunded` NT$ of it came back."""

    at: datetime
    store: str
    amount: int
    points: int
    refunded: int = 0
    is_pending: bool = False


@dataclass(frozen=True, slots=True)
class HistoryView:
    """The latest purchases, newest first; `year_total` is NT$ net over twelve months."""

    purchases: tuple[PurchaseLine, ...]
    card: Tap
    total: int = 0
    year_total: int = 0
    more: Tap | None = None


def summary(view: ReceiptView) -> str:
    """Say `本次消費 NT$790，獲得 7 點，目前 128 點`."""
    spent = f"本次消費 {wording.money(view.amount)}"
    earned = f"獲得 {wording.points(view.earned)}"
    if view.earned > 0 and view.usable_from:
        earned += f"（{wording.day(view.usable_from)} 起可用）"
    return f"{spent}，{earned}，目前 {wording.points(view.balance)}"


def _where_and_when(store: str, at: datetime) -> str:
    """Say the store and the moment; a sale on the web has no store."""
    place = wording.clip(store.strip(), 40)
    return f"{place} · {wording.moment(at)}" if place else wording.moment(at)


def _reasons(theme: Theme, reasons: tuple[Reason, ...]) -> list[Node]:
    return [
        parts.fact(
            theme,
            wording.clip(reason.words, 40),
            f"{wording.signed(reason.points)} 點",
            shares=(7, 3),
        )
        for reason in reasons[:MOST_REASONS]
    ]


def _earned(theme: Theme, view: ReceiptView) -> Node:
    """The points of this purchase with every reason, and when they become usable."""
    usable = ""
    if view.earned > 0 and view.usable_from:
        usable = f"{wording.day(view.usable_from)} 起可以使用"
    return parts.panel(
        theme,
        parts.row(
            parts.text("獲得點數", theme.ink, weight="bold", flex=5),
            parts.text(
                f"{wording.signed(view.earned)} 點",
                theme.primary,
                "lg",
                weight="bold",
                align="end",
                flex=6,
            ),
            alignItems="center",
        ),
        *_reasons(theme, view.reasons),
        parts.text(usable, theme.quiet, "xxs") if usable else None,
        margin="lg",
    )


def _progress(theme: Theme, view: ReceiptView) -> Node | None:
    if not view.next_tier:
        return None
    share = f"{max(0, min(100, view.progress))}%"
    goal = wording.missing(view.way, view.next_tier, view.next_until)
    return parts.column(
        parts.progress_bar(theme.track, theme.primary, share),
        parts.text(goal, theme.ink, "xs", margin="md"),
        margin="xl",
    )


def _coupons(theme: Theme, coupons: tuple[CouponTaken, ...]) -> list[Node]:
    return [
        parts.fact(
            theme,
            wording.clip(wording.filled(taken.name, "折扣"), 30),
            wording.money(-taken.discount) if taken.discount > 0 else "已使用",
            colour=theme.primary,
        )
        for taken in coupons[:MOST_COUPONS]
    ]


def _paid_with_points(theme: Theme, view: ReceiptView | ExchangeView) -> Node | None:
    if view.points_used <= 0:
        return None
    used = f"使用點數 {wording.points(view.points_used)}"
    return parts.fact(theme, used, wording.money(-view.points_worth), colour=theme.primary)


def _invoice(theme: Theme, view: ReceiptView) -> Node | None:
    if not view.invoice_number:
        return None
    return parts.fact(theme, "發票號碼", wording.clip(view.invoice_number, 20))


def _notes(theme: Theme, notes: tuple[str, ...]) -> Node | None:
    if not notes:
        return None
    lines = "\n".join(wording.clip(words, 60) for words in notes[:MOST_NOTES])
    return parts.note(theme, lines, margin="lg")


def _pending(theme: Theme, view: ReceiptView | ExchangeView) -> Node | None:
    if view.pending <= 0:
        return None
    words = f"另有 {wording.points(view.pending)}待生效"
    return parts.text(words, theme.quiet, "xxs", align="end")


def _footer(theme: Theme, view: ReceiptView | ExchangeView) -> Node | None:
    return parts.buttons(
        parts.button(theme, "查看會員卡", view.card, "soft"),
        parts.button(theme, "消費紀錄", view.history, "quiet") if view.history else None,
    )


def receipt_message(view: ReceiptView, theme: Theme) -> Message:
    """Tell what was bought, what it earned and why, and how far the next tier is."""
    body = parts.column(
        parts.masthead(theme, "消費通知"),
        parts.text("本次消費", theme.quiet, "xs", margin="xl"),
        parts.figure(theme, wording.money(view.amount), ""),
        parts.text(_where_and_when(view.store, view.at), theme.quiet, "xs", margin="xs"),
        parts.column(
            *_coupons(theme, view.coupons),
            _paid_with_points(theme, view),
            _invoice(theme, view),
            spacing="sm",
            margin="md",
        ),
        _earned(theme, view),
        parts.column(
            parts.fact(theme, "目前可用", wording.points(view.balance), weight="bold"),
            _pending(theme, view),
            margin="lg",
        ),
        _progress(theme, view),
        _notes(theme, view.notes),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = _footer(theme, view)
    return parts.flex(summary(view), parts.bubble(theme, body, footer=footer))


def _taken_back(theme: Theme, view: RefundView | ExchangeView) -> list[Node]:
    """Points that the sale had earned, and those that had paid for it, if any."""
    found = [parts.fact(theme, "扣回點數", f"{wording.signed(-view.revoked)} 點")]
    if view.restored > 0:
        found.append(parts.fact(theme, "退回點數", f"{wording.signed(view.restored)} 點"))
    return found


def _balance(theme: Theme, view: RefundView | ExchangeView) -> Node:
    return parts.fact(
        theme,
        "目前可用",
        wording.points(view.balance),
        weight="bold",
        colour=theme.alert if view.balance < 0 else theme.ink,
    )


def _what_it_means(theme: Theme, view: RefundView | ExchangeView) -> list[Node]:
    """For points that were used already, the coupon, and what else there is to say."""
    owed = "點數不足扣回，不足的部分將由下次獲得的點數補足。" if view.balance < 0 else ""
    returned = ""
    if view.coupon_returned:
        returned = f"優惠券「{wording.clip(view.coupon_returned, 40)}」已退回您的優惠券匣。"
    return [
        parts.note(theme, wording.clip(words, 120), margin="md")
        for words in (owed, returned, *view.notes[:MOST_NOTES])
        if words
    ]


def refund_message(view: RefundView, theme: Theme) -> Message:
    """Tell what was given back, and what it means for points, coupon and tier."""
    body = parts.column(
        parts.masthead(theme, "退貨通知"),
        parts.text("退款金額", theme.quiet, "xs", margin="xl"),
        parts.figure(theme, wording.money(view.amount), ""),
        parts.text(_where_and_when(view.store, view.at), theme.quiet, "xs", margin="xs"),
        parts.panel(
            theme,
            *_taken_back(theme, view),
            parts.fact(theme, "退貨後消費", wording.money(view.net)) if view.net > 0 else None,
            _balance(theme, view),
            margin="lg",
        ),
        *_what_it_means(theme, view),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(parts.button(theme, "查看會員卡", view.card, "soft"))
    back = f"，扣回 {wording.points(view.revoked)}" if view.revoked > 0 else ""
    alt = f"已退款 {wording.money(view.amount)}{back}，目前 {wording.points(view.balance)}"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def _difference(view: ExchangeView) -> tuple[str, str]:
    """What the customer paid or got back besides: a label and a figure."""
    more = view.amount - view.back
    if more == 0:
        return "等值換貨", "不補不退"
    return ("補差額" if more > 0 else "退差額"), wording.money(abs(more))


def exchange_message(view: ExchangeView, theme: Theme) -> Message:
    """Tell what came back, what went out, the difference in money and in points."""
    label, figure = _difference(view)
    body = parts.column(
        parts.masthead(theme, "換貨通知"),
        parts.text(label, theme.quiet, "xs", margin="xl"),
        parts.figure(theme, figure, ""),
        parts.text(_where_and_when(view.store, view.at), theme.quiet, "xs", margin="xs"),
        parts.column(
            parts.fact(theme, "退回的商品", wording.money(-view.back)),
            parts.fact(theme, "換出（實付）", wording.money(view.amount)),
            *_coupons(theme, view.coupons),
            _paid_with_points(theme, view),
            spacing="sm",
            margin="lg",
        ),
        parts.panel(
            theme,
            *_taken_back(theme, view),
            parts.fact(theme, "新獲得點數", f"{wording.signed(view.earned)} 點"),
            _balance(theme, view),
            _pending(theme, view),
            margin="lg",
        ),
        *_what_it_means(theme, view),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = _footer(theme, view)
    money = label if label == "等值換貨" else f"{label} {figure}"
    alt = f"已換貨，{money}，目前 {wording.points(view.balance)}"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def _line(theme: Theme, purchase: PurchaseLine) -> Node:
    below = f"{wording.day(wording.local(purchase.at))} {wording.clip(purchase.store, 30)}".strip()
    refunded = ""
    if purchase.refunded > 0:
        refunded = f"已退款 {wording.money(purchase.refunded)}"
    return parts.row(
        parts.column(
            parts.text(wording.money(purchase.amount), theme.ink, "md", weight="bold"),
            parts.text(below, theme.quiet, "xxs"),
            parts.text(refunded, theme.alert, "xxs") if refunded else None,
            flex=7,
        ),
        parts.column(
            parts.text(
                f"{wording.signed(purchase.points)} 點",
                theme.primary if purchase.points > 0 else theme.quiet,
                "md",
                align="end",
                weight="bold",
            ),
            parts.text("待生效", theme.quiet, "xxs", align="end") if purchase.is_pending else None,
            flex=4,
        ),
        spacing="md",
    )


def history_message(view: HistoryView, theme: Theme) -> Message:
    """Show the latest purchases with the points of each."""
    shown = view.purchases[:MOST_PURCHASES]
    empty = "還沒有消費紀錄。結帳時出示會員碼，就會記錄在這裡。"
    lines = [_line(theme, purchase) for purchase in shown]
    body = parts.column(
        parts.masthead(theme, "消費紀錄"),
        parts.text("近 12 個月累積消費", theme.quiet, "xs", margin="xl"),
        parts.figure(theme, wording.money(view.year_total), "", size="xxl"),
        parts.line(theme, margin="lg"),
        parts.column(
            *(lines or [parts.text(empty, theme.quiet, "sm", scaling=True)]),
            spacing="lg",
            margin="lg",
        ),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(
        parts.button(theme, "查看全部紀錄", view.more, "soft") if view.more else None,
        parts.button(theme, "回到會員卡", view.card, "quiet"),
    )
    if shown:
        alt = (
            f"您的消費紀錄：最近一筆 {wording.money(shown[0].amount)}"
            f"（{wording.moment(shown[0].at)}），共 {max(view.total, len(shown)):,} 筆"
        )
    else:
        alt = "您還沒有消費紀錄"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))

"""Points: the balance with its latest entries explained, and the warning before some lapse."""

from dataclasses import dataclass
from datetime import date

from flex_templates import parts, wording
from flex_templates.parts import Message, Node, Tap, Why
from flex_templates.theme import Theme

MOST_ENTRIES = 8


@dataclass(frozen=True, slots=True)
class PointsEntry:
    """One line of the ledger: why, when, how many; `detail` tells the end or the store."""

    on: date
    reason: str
    change: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PointsView:
    """The account: usable points (negative = owed), pending ones, the next to lapse, entries."""

    balance: int
    card: Tap
    pending: int = 0
    pending_from: date | None = None
    expiring: int = 0
    expires_on: date | None = None
    worth: int = 0
    entries: tuple[PointsEntry, ...] = ()
    history: Tap | None = None
    explain: Tap | None = None
    exchange: Tap | None = None  # to the rewards, where there are any


@dataclass(frozen=True, slots=True)
class PointsExpiringView:
    """`amount` points lapse at the end of `expires_on`, in `days_left` days."""

    amount: int
    expires_on: date
    days_left: int
    balance: int
    use: Tap
    why: Why
    worth: int = 0


def _entry(theme: Theme, entry: PointsEntry) -> Node:
    colour = theme.primary if entry.change > 0 else theme.ink
    detail = f"{wording.day(entry.on)} {wording.clip(entry.detail, 40)}".strip()
    return parts.row(
        parts.column(
            parts.text(wording.clip(entry.reason, 40), theme.ink, maxLines=2),
            parts.text(detail, theme.quiet, "xxs"),
            flex=7,
        ),
        parts.text(wording.signed(entry.change), colour, "md", weight="bold", align="end", flex=3),
        spacing="md",
        alignItems="center",
    )


def _change(theme: Theme, name: str, count: int, colour: str) -> Node:
    return parts.fact(theme, name, wording.points(count), colour=colour, shares=(9, 4))


def _coming_and_going(theme: Theme, view: PointsView) -> Node | None:
    rows = []
    if view.pending > 0:
        when = f"（{wording.day(view.pending_from)} 起）" if view.pending_from else ""
        rows.append(_change(theme, f"待生效{when}", view.pending, theme.ink))
    if view.expiring > 0 and view.expires_on:
        when = f"{wording.day(view.expires_on)} 到期"
        rows.append(_change(theme, when, view.expiring, theme.alert))
    return parts.panel(theme, *rows, margin="lg") if rows else None


def _entries(theme: Theme, view: PointsView) -> list[Node]:
    if not view.entries:
        return [parts.text("還沒有點數紀錄，第一次消費就開始累積。", theme.quiet, "xs")]
    return [_entry(theme, entry) for entry in view.entries[:MOST_ENTRIES]]


def message(view: PointsView, theme: Theme) -> Message:
    """Show the account and explain its latest changes."""
    worth = f"價值約 {wording.money(view.worth)}" if view.worth > 0 else ""
    owed = "點數為負數，將由下次消費獲得的點數優先補足。" if view.balance < 0 else ""
    body = parts.column(
        parts.masthead(theme, "我的點數"),
        parts.text("可用點數", theme.quiet, "xs", margin="xl"),
        parts.figure(
            theme,
            f"{view.balance:,}",
            "點",
            colour=theme.alert if view.balance < 0 else theme.primary,
            size="4xl",
        ),
        parts.text(worth, theme.quiet, "xs") if worth else None,
        parts.note(theme, owed, is_alert=True, margin="md") if owed else None,
        _coming_and_going(theme, view),
        parts.text("最近紀錄", theme.ink, "sm", weight="bold", margin="xl"),
        parts.column(*_entries(theme, view), spacing="md", margin="md"),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(
        parts.button(theme, "兌換商品", view.exchange) if view.exchange else None,
        parts.button(theme, "完整點數紀錄", view.history, "soft") if view.history else None,
        parts.button(theme, "為什麼是這個數字", view.explain, "quiet") if view.explain else None,
        parts.button(theme, "回到會員卡", view.card, "quiet"),
    )
    soon = (
        f"，其中 {view.expiring:,} 點將於 {wording.day(view.expires_on)} 到期"
        if view.expiring > 0 and view.expires_on
        else ""
    )
    alt = f"您目前有 {wording.points(view.balance)}{soon}"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def expiring_message(view: PointsExpiringView, theme: Theme) -> Message:
    """Warn that points lapse soon, with what they are worth."""
    title = f"{view.amount:,} 點即將到期"
    when = f"{wording.day(view.expires_on)} 23:59"
    days = f"還有 {view.days_left} 天" if view.days_left > 0 else "今天是最後一天"
    body = parts.column(
        parts.cover(theme, title, f"{days}，別讓點數白白溜走"),
        parts.column(
            parts.panel(
                theme,
                parts.fact(theme, "到期時間", when, colour=theme.alert, weight="bold"),
                parts.fact(theme, "價值約", wording.money(view.worth)) if view.worth > 0 else None,
                parts.fact(theme, "目前可用", wording.points(view.balance)),
            ),
            paddingAll="20px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    footer = parts.buttons(
        parts.button(theme, "使用點數", view.use), parts.why_footer(theme, view.why)
    )
    alt = f"提醒您：{view.amount:,} 點將於 {wording.day(view.expires_on)} 到期（{days}）"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))

"""Notices about the membership itself: marketing stopped or resumed, closing, closed."""

from dataclasses import dataclass
from datetime import date

from flex_templates import parts, wording
from flex_templates.parts import Message, Tap
from flex_templates.theme import Theme


@dataclass(frozen=True, slots=True)
class StoppedView:
    """Marketing was refused; `resume` takes it back."""

    resume: Tap


@dataclass(frozen=True, slots=True)
class ResumedView:
    """Marketing is welcome again; `stop` ends it."""

    stop: Tap


@dataclass(frozen=True, slots=True)
class PausedView:
    """The membership is on hold, for `reason`; nothing is lost."""

    reason: str
    contact: Tap


@dataclass(frozen=True, slots=True)
class ConfirmClosingView:
    """Before closing: what will be lost."""

    points: int
    coupons: int
    tier: str
    confirm: Tap
    cancel: Tap
    undo_days: int = 7


@dataclass(frozen=True, slots=True)
class ClosingView:
    """Closing was asked for; the data are wiped on `wiped_on` unless undone."""

    wiped_on: date
    undo: Tap


@dataclass(frozen=True, slots=True)
class ClosedView:
    """The membership is closed and its personal data are gone."""

    join: Tap


def _notice(
    theme: Theme,
    kind: str,
    title: str,
    lines: tuple[str, ...],
    *buttons: parts.Node | None,
    middle: parts.Node | None = None,
) -> parts.Node:
    body = parts.column(
        parts.masthead(theme, kind),
        parts.text(title, theme.ink, "lg", weight="bold", margin="xl", scaling=True),
        parts.paragraphs(theme, lines, margin="md"),
        middle,
        paddingAll="20px",
        paddingBottom="12px",
    )
    return parts.bubble(theme, body, footer=parts.buttons(*buttons))


def stopped_message(view: StoppedView, theme: Theme) -> Message:
    """Confirm that marketing messages have stopped."""
    title = "已停止行銷訊息"
    lines = ("從現在起，您不會再收到優惠與活動訊息。", "消費、點數與帳號安全的通知仍會傳送。")
    again = parts.button(theme, "恢復接收優惠訊息", view.resume, "soft")
    return parts.flex(f"{title}，{lines[0]}", _notice(theme, "訊息設定", title, lines, again))


def resumed_message(view: ResumedView, theme: Theme) -> Message:
    """Confirm that marketing messages come again."""
    title = "已恢復接收優惠訊息"
    lines = ("謝謝您！新品、優惠與會員活動會再傳送給您。",)
    stop = parts.button(theme, parts.STOP_LABEL, view.stop, "quiet")
    return parts.flex(title, _notice(theme, "訊息設定", title, lines, stop))


def paused_message(view: PausedView, theme: Theme) -> Message:
    """Say that the membership is on hold, and whom to ask."""
    title = "您的會員資格目前暫停使用"
    reason = f"原因：{wording.clip(view.reason, 120)}" if view.reason.strip() else ""
    lines = (reason, "您的點數與優惠券都為您保留，恢復後即可繼續使用。")
    contact = parts.button(theme, "聯絡客服", view.contact)
    return parts.flex(title, _notice(theme, "會員通知", title, lines, contact))


def confirm_closing_message(view: ConfirmClosingView, theme: Theme) -> Message:
    """Ask once more before closing, with everything that will be lost."""
    title = "確定要刪除會員嗎？"
    lines = (f"送出後有 {view.undo_days} 天可以反悔，之後資料將刪除，無法復原。",)
    lost = parts.panel(
        theme,
        parts.text("您將失去", theme.quiet, "xs"),
        parts.fact(theme, "點數", wording.points(view.points)),
        parts.fact(theme, "優惠券", f"{view.coupons:,} 張"),
        parts.fact(theme, "會員等級", wording.clip(wording.filled(view.tier), 20)),
        margin="lg",
    )
    buttons = (
        parts.button(theme, "保留會員資格", view.cancel),
        parts.button(theme, "確定刪除會員", view.confirm, "quiet"),
    )
    contents = _notice(theme, "刪除會員", title, lines, *buttons, middle=lost)
    return parts.flex(f"{title}{lines[0]}", contents)


def closing_message(view: ClosingView, theme: Theme) -> Message:
    """Confirm the wish to close, and how long it can be undone."""
    end = wording.day(view.wiped_on)
    title = "已收到刪除會員的申請"
    lines = (f"您的資料將於 {end} 刪除。在那之前，您都可以取消申請。",)
    undo = parts.button(theme, "取消刪除", view.undo)
    return parts.flex(f"{title}，{lines[0]}", _notice(theme, "刪除會員", title, lines, undo))


def closed_message(view: ClosedView, theme: Theme) -> Message:
    """Say good-bye: the personal data are gone, and one may join again."""
    title = "您的會員資格已終止"
    lines = ("您的個人資料已依規定刪除。謝謝您曾經的支持，隨時歡迎您再回來。",)
    again = parts.button(theme, "重新加入會員", view.join, "soft")
    return parts.flex(f"{title}，{lines[0]}", _notice(theme, "會員通知", title, lines, again))

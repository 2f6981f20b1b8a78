"""Draws and wheels: what runs, the question before entering, what came of it, the good news."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flex_templates import parts, wording
from flex_templates.parts import Message, Node, Tap
from flex_templates.theme import Theme

MOST_PRIZES = 5
MOST_DRAWS = 10


@dataclass(frozen=True, slots=True)
class PrizeLine:
    """`value` in NT$ each; 0 is not said."""

    name: str
    quantity: int
    value: int = 0


@dataclass(frozen=True, slots=True)
class DrawView:
    """`left` says how long it still runs, or where its result stands; `mine` how the member stands.
    `enter` is None where there is nothing to press."""

    name: str
    left: str
    ends_at: datetime
    prizes: tuple[PrizeLine, ...]
    cost: int
    mine: str
    label: str = ""
    enter: Tap | None = None
    proof: Tap | None = None


@dataclass(frozen=True, slots=True)
class AskView:
    """The question before points are spent. `rules` are the conditions, one sentence each."""

    name: str
    cost: int
    balance: int
    label: str
    rules: tuple[str, ...]
    confirm: Tap
    cancel: Tap


@dataclass(frozen=True, slots=True)
class EnteredView:
    """In the draw. `ticket` is looked for in the published list."""

    name: str
    ticket: str
    draws_at: datetime
    commitment: str
    again: Tap | None = None


@dataclass(frozen=True, slots=True)
class SpunView:
    """`prize` is empty when the wheel stopped at nothing; `how` says how the prize comes."""

    name: str
    prize: str
    how: str
    again: Tap | None
    see: Tap


@dataclass(frozen=True, slots=True)
class WonView:
    """`claim_by` is the last day; None when the prize comes by itself. `tax` may be empty."""

    draw: str
    prize: str
    ticket: str
    claim_by: date | None
    tax: str
    proof: Tap | None
    see: Tap


def list_message(views: Sequence[DrawView], theme: Theme) -> Message:
    """What runs now, one bubble a draw."""
    if not views:
        return parts.say("目前沒有進行中的抽獎活動，敬請期待。")
    bubbles = parts.fitting([_bubble(theme, view) for view in views[:MOST_DRAWS]])
    alt = f"進行中的抽獎：{wording.clip(views[0].name, 40)}（{views[0].left}）"
    return parts.flex(alt, parts.carousel(bubbles))


def _bubble(theme: Theme, view: DrawView) -> Node:
    shown = view.prizes[:MOST_PRIZES]
    more = len(view.prizes) - len(shown)
    cost = f"{wording.points(view.cost)}／次" if view.cost > 0 else "免費"
    body = parts.column(
        parts.cover(theme, wording.clip(wording.filled(view.name), 40), view.left),
        parts.column(
            *(_prize(theme, prize) for prize in shown),
            parts.text(f"另有 {more} 個獎項", theme.quiet, "xs") if more > 0 else None,
            parts.line(theme, margin="md"),
            parts.fact(theme, "參加方式", cost if view.enter is not None else "依活動辦法"),
            parts.fact(theme, "截止", wording.moment(view.ends_at)),
            parts.fact(theme, "我的紀錄", wording.clip(view.mine, 30), weight="bold"),
            spacing="sm",
            paddingAll="20px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    footer = parts.buttons(
        parts.button(theme, view.label, view.enter) if view.enter is not None else None,
        parts.button(theme, "公平性證明", view.proof, "soft") if view.proof is not None else None,
    )
    return parts.bubble(theme, body, footer=footer)


def _prize(theme: Theme, prize: PrizeLine) -> Node:
    worth = f"（價值 {wording.money(prize.value)}）" if prize.value > 0 else ""
    return parts.fact(
        theme, wording.clip(prize.name, 30) + worth, f"{prize.quantity:,} 名", shares=(8, 3)
    )


def ask_message(view: AskView, theme: Theme) -> Message:
    """Ask once more: points that are spent do not come back by themselves."""
    name = wording.clip(wording.filled(view.name), 40)
    spends = f"將使用 {wording.points(view.cost)}" if view.cost > 0 else "不需要點數"
    body = parts.column(
        parts.masthead(theme, "抽獎"),
        parts.text(name, theme.ink, "lg", weight="bold", margin="xl"),
        parts.panel(
            theme,
            parts.fact(theme, "參加一次", spends, weight="bold"),
            parts.fact(theme, "目前可用", wording.points(view.balance)) if view.cost > 0 else None,
            margin="lg",
        ),
        parts.column(
            *(parts.text(f"・{wording.clip(line, 90)}", theme.quiet, "xxs") for line in view.rules),
            spacing="xs",
            margin="lg",
        )
        if view.rules
        else None,
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(
        parts.button(theme, view.label, view.confirm),
        parts.button(theme, "再想想", view.cancel, "quiet"),
    )
    return parts.flex(f"{name}：{spends}，確定參加嗎？", parts.bubble(theme, body, footer=footer))


def entered_message(view: EnteredView, theme: Theme) -> Message:
    """The entry with its ticket, and what proves the draw fair."""
    name = wording.clip(wording.filled(view.name), 40)
    body = parts.column(
        parts.masthead(theme, "抽獎"),
        parts.text("✓ 已登記參加", theme.primary, "lg", weight="bold", margin="xl"),
        parts.text(name, theme.ink, "md", weight="bold", margin="sm"),
        parts.panel(
            theme,
            parts.fact(theme, "抽獎券", wording.spaced(view.ticket), weight="bold"),
            parts.fact(theme, "開獎", wording.moment(view.draws_at)),
            margin="lg",
        ),
        parts.text(
            f"亂數種子的雜湊已事先公布：{wording.clip(view.commitment, 20)}開獎後可自行驗證。",
            theme.quiet,
            "xxs",
            margin="lg",
        ),
        paddingAll="20px",
    )
    footer = parts.buttons(
        parts.button(theme, "再參加一次", view.again, "soft") if view.again is not None else None
    )
    return parts.flex(f"已登記參加「{name}」", parts.bubble(theme, body, footer=footer))


def spun_message(view: SpunView, theme: Theme) -> Message:
    """Where the wheel stopped."""
    name = wording.clip(wording.filled(view.name), 40)
    prize = wording.clip(view.prize, 40)
    has_won = bool(prize.strip())
    title = f"恭喜您抽中 {prize}！" if has_won else "這次沒有抽中"
    words = view.how if has_won else "謝謝參加，祝您下次好運。"
    body = parts.column(
        parts.masthead(theme, name),
        parts.text(
            title, theme.primary if has_won else theme.ink, "xl", weight="bold", margin="xl"
        ),
        parts.text(wording.clip(words, 120), theme.quiet, "sm", margin="md"),
        paddingAll="20px",
    )
    footer = parts.buttons(
        parts.button(theme, "再抽一次", view.again) if view.again is not None else None,
        parts.button(theme, "查看抽獎活動", view.see, "soft"),
    )
    return parts.flex(f"{name}：{title}", parts.bubble(theme, body, footer=footer))


def won_message(view: WonView, theme: Theme) -> Message:
    """A winner is told what, until when, and what the law asks."""
    name = wording.clip(wording.filled(view.draw), 40)
    prize = wording.clip(wording.filled(view.prize), 40)
    how = (
        f"請於 {wording.day(view.claim_by)} 前攜帶身分證明至門市領獎，逾期由備取遞補。"
        if view.claim_by is not None
        else "獎項已直接放進您的帳戶。"
    )
    body = parts.column(
        parts.cover(theme, f"恭喜中獎：{prize}", name),
        parts.column(
            parts.fact(theme, "中獎券號", wording.spaced(view.ticket), weight="bold"),
            parts.text(how, theme.ink, "sm", margin="lg", scaling=True),
            parts.note(theme, wording.clip(view.tax, 160), margin="lg") if view.tax else None,
            paddingAll="20px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    footer = parts.buttons(
        parts.button(theme, "查看抽獎活動", view.see),
        parts.button(theme, "公平性證明", view.proof, "soft") if view.proof is not None else None,
    )
    alt = f"恭喜您在「{name}」抽中 {prize}"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))

"""Missions: how far one is in each, and until when."""

from dataclasses import dataclass
from datetime import date

from flex_templates import parts, wording
from flex_templates.parts import Message, Node, Tap
from flex_templates.theme import Theme

MOST_MISSIONS = 6  # of five steps each: the limit of a carousel is 50 kB
MOST_STEPS = 5


@dataclass(frozen=True, slots=True)
class Step:
    """What is asked, how far (`2/3`), and the same as a percentage."""

    asked: str
    counted: str
    percent: int


@dataclass(frozen=True, slots=True)
class MissionView:
    """`until` is the last day of the round. A streak shows `run` of `streak` rounds in a row (0:
    none is asked)."""

    name: str
    steps: tuple[Step, ...]
    prize: str
    until: date
    description: str = ""
    run: int = 0
    streak: int = 0
    is_done: bool = False
    is_sold_out: bool = False


@dataclass(frozen=True, slots=True)
class MissionsView:
    missions: tuple[MissionView, ...]
    card: Tap
    page: Tap | None = None


def _step(theme: Theme, step: Step) -> Node:
    share = f"{max(0, min(100, step.percent))}%"
    return parts.column(
        parts.fact(theme, wording.clip(step.asked, 40), wording.clip(step.counted, 40)),
        parts.progress_bar(theme.track, theme.primary, share, margin="sm"),
    )


def _state(view: MissionView) -> str:
    if view.is_done:
        return "已完成，獎勵已發放"
    if view.is_sold_out:
        return "獎勵已送完"
    return f"{wording.day(view.until)} 前完成"


def _bubble(theme: Theme, view: MissionView, whole: MissionsView) -> Node:
    run = f"連續 {view.streak} 期，已達成 {view.run} 期" if view.streak else ""
    body = parts.column(
        parts.masthead(theme, "任務"),
        parts.text(wording.clip(view.name, 40), theme.ink, "xl", weight="bold", margin="lg"),
        parts.text(wording.clip(view.description, 80), theme.quiet, "xs", margin="sm")
        if view.description
        else None,
        parts.column(
            *(_step(theme, step) for step in view.steps[:MOST_STEPS]), spacing="md", margin="lg"
        ),
        parts.text(run, theme.ink, "xs", margin="md") if run else None,
        parts.panel(
            theme,
            parts.fact(theme, "獎勵", wording.clip(view.prize, 40), weight="bold"),
            parts.text(_state(view), theme.primary if view.is_done else theme.quiet, "xs"),
            margin="lg",
        ),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(
        parts.button(theme, "任務明細", whole.page, "soft") if whole.page else None,
        parts.button(theme, "出示會員卡", whole.card, "quiet"),
    )
    return parts.bubble(theme, body, footer=footer)


def message(view: MissionsView, theme: Theme) -> Message:
    """A carousel of the missions that run; the alternative text counts them."""
    shown = view.missions[:MOST_MISSIONS]
    first = shown[0]
    alt = f"任務：{wording.clip(first.name, 20)} {first.steps[0].counted if first.steps else ''}"
    more = f"，另有 {len(view.missions) - 1} 項" if len(view.missions) > 1 else ""
    bubbles = [_bubble(theme, item, view) for item in shown]
    return parts.flex(f"{alt}{more}", parts.carousel(bubbles))

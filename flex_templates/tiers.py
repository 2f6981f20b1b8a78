"""Tiers: the ladder of benefits, and the letters when a tier begins, goes on, ends or is near."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from flex_templates import coupons, parts, wording
from flex_templates.coupons import CouponView
from flex_templates.parts import Message, Node, Tap, Why
from flex_templates.theme import Theme

MOST_RUNGS = 6
MOST_BENEFITS = 6


@dataclass(frozen=True, slots=True)
class Rung:
    """One tier of the ladder; `need` says what reaches it: `12 個月消費滿 NT$5,000`."""

    name: str
    colour: str
    need: str
    benefits: tuple[str, ...]
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class LadderView:
    """All tiers, lowest first, and where the member stands (no `way` at the top)."""

    rungs: tuple[Rung, ...]
    card: Tap
    next_tier: str = ""
    way: str = ""
    next_until: date | None = None
    tier_until: date | None = None
    rules: Tap | None = None


Change = Literal["upgraded", "renewed", "downgraded"]


@dataclass(frozen=True, slots=True)
class TierChangedView:
    """A tier that began: by an upgrade, a renewal, or a step down at its expiry."""

    change: Change
    name: str
    tier: str
    colour: str
    until: date | None
    benefits: tuple[str, ...]
    card: Tap
    gift: CouponView | None = None
    previous: str = ""
    next_tier: str = ""
    way: str = ""
    next_until: date | None = None


@dataclass(frozen=True, slots=True)
class TierExpiringView:
    """A tier ends on `ends_on`; `way` renews it, else it becomes `falls_to`."""

    name: str
    tier: str
    colour: str
    ends_on: date
    days_left: int
    way: str
    falls_to: str
    progress: int
    tap: Tap
    why: Why


@dataclass(frozen=True, slots=True)
class NearUpgradeView:
    """Little is missing to the next tier: `way`."""

    name: str
    next_tier: str
    colour: str
    way: str
    progress: int
    benefits: tuple[str, ...]
    tap: Tap
    why: Why
    until: date | None = None


def _tier(name: str) -> str:
    return wording.clip(wording.filled(name, "會員"), 20)


def _benefits(theme: Theme, benefits: tuple[str, ...]) -> list[Node]:
    return [parts.bullet(theme, wording.clip(words, 60)) for words in benefits[:MOST_BENEFITS]]


def _rung(theme: Theme, rung: Rung) -> Node:
    face = theme.tier(rung.colour)
    need = wording.clip(wording.filled(rung.need, "加入即享"), 80)
    head = parts.column(
        parts.row(
            parts.text(_tier(rung.name), face.ink, "xl", weight="bold", flex=1, maxLines=2),
            parts.pill("目前等級", theme.ink, theme.paper) if rung.is_current else None,
            alignItems="center",
            spacing="sm",
        ),
        parts.text(need, face.quiet, "xs", margin="sm"),
        background=parts.gradient(face.start, face.end, centre=face.centre),
        paddingAll="20px",
        paddingTop="22px",
        paddingBottom="22px",
    )
    body = parts.column(
        head,
        parts.column(
            *_benefits(theme, rung.benefits or ("累積消費點數",)),
            spacing="md",
            paddingAll="20px",
        ),
        paddingAll="0px",
    )
    return parts.bubble(theme, body, size="kilo")


def ladder_message(view: LadderView, theme: Theme) -> Message:
    """Show every tier side by side with its benefits, the member's own marked."""
    bubbles = parts.fitting([_rung(theme, rung) for rung in view.rungs[:MOST_RUNGS]])
    here = next((rung for rung in view.rungs if rung.is_current), None)
    standing = f"您目前是{_tier(here.name)}" if here else "您還沒有等級"
    if view.next_tier:
        goal = wording.missing(view.way, view.next_tier, view.next_until)
    else:
        goal = "您已是最高等級" if here else "加入會員即可開始累積"
    bubbles.insert(0, _standing(theme, view, standing, goal))
    return parts.flex(f"會員等級權益：{standing}，{goal}", parts.carousel(bubbles))


def _standing(theme: Theme, view: LadderView, standing: str, goal: str) -> Node:
    until = f"等級有效{wording.until(view.tier_until)}" if view.tier_until else ""
    body = parts.column(
        parts.masthead(theme, "等級權益"),
        parts.text(standing, theme.ink, "lg", weight="bold", margin="xl"),
        parts.text(goal, theme.ink, "sm", margin="md", scaling=True),
        parts.text(until, theme.quiet, "xs", margin="md") if until else None,
        paddingAll="20px",
    )
    footer = parts.buttons(
        parts.button(theme, "回到會員卡", view.card, "soft"),
        parts.button(theme, "等級辦法", view.rules, "quiet") if view.rules else None,
    )
    return parts.bubble(theme, body, footer=footer, size="kilo")


def _face(theme: Theme, colour: str, small: str, large: str, below: str) -> Node:
    """The card face at the head of a letter about a tier."""
    face = theme.tier(colour)
    return parts.column(
        parts.text(wording.clip(theme.brand, 40), face.quiet, "xs", weight="bold", wrap=False),
        parts.text(small, face.ink, "md", margin="xl", scaling=True),
        parts.text(large, face.ink, "3xl", weight="bold", margin="sm"),
        parts.text(below, face.quiet, "xs", margin="md") if below else None,
        background=parts.gradient(face.start, face.end, centre=face.centre),
        paddingAll="22px",
        paddingTop="26px",
        paddingBottom="26px",
    )


def _change_words(view: TierChangedView) -> tuple[str, str]:
    """Return the line above the tier's name and the sentence below the face."""
    name = wording.clip(wording.filled(view.name, "您"), 20)
    match view.change:
        case "upgraded":
            return f"恭喜{name}，升等為", "感謝您的支持，新等級的權益即刻生效。"
        case "renewed":
            return f"恭喜{name}，成功續等", "感謝您這一年的支持，原有權益繼續陪伴您。"
        case "downgraded":
            before = f"您的{_tier(view.previous)}已到期，" if view.previous.strip() else ""
            return f"{name}，您的等級已更新為", f"{before}您的點數與優惠券都為您保留著。"


def changed_message(view: TierChangedView, theme: Theme) -> Message:
    """Tell a member that a tier began, what it gives, and the way up from here."""
    above, below = _change_words(view)
    tier = _tier(view.tier)
    until = f"有效{wording.until(view.until)}" if view.until else ""
    has_path = bool(view.next_tier) and view.change != "renewed"
    path = wording.missing(view.way, view.next_tier, view.next_until)
    body = parts.column(
        _face(theme, view.colour, above, tier, until),
        parts.column(
            parts.paragraphs(theme, (below,)),
            parts.text(f"{tier}權益", theme.quiet, "xs") if view.benefits else None,
            parts.column(*_benefits(theme, view.benefits), spacing="md"),
            coupons.ticket(theme, view.gift) if view.gift else None,
            parts.note(theme, path) if has_path else None,
            spacing="lg",
            paddingAll="20px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    footer = parts.buttons(parts.button(theme, "查看會員卡", view.card))
    gift = "，升等禮已放入優惠券匣" if view.gift else ""
    alt = f"{above}{tier}{f'（{until}）' if until else ''}{gift}"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def expiring_message(view: TierExpiringView, theme: Theme) -> Message:
    """Warn that a tier ends, with the amount that keeps it."""
    tier = _tier(view.tier)
    days = f"還有 {view.days_left} 天" if view.days_left > 0 else "今天是最後一天"
    keep = wording.missing(view.way, tier, view.ends_on, verb="續等")
    falls = (
        f"未達續等門檻時，到期後將調整為{_tier(view.falls_to)}。" if view.falls_to.strip() else ""
    )
    body = parts.column(
        _face(
            theme, view.colour, "您的等級即將到期", tier, f"{wording.until(view.ends_on)}，{days}"
        ),
        parts.column(
            parts.progress_bar(theme.track, theme.primary, f"{max(0, min(100, view.progress))}%"),
            parts.text(keep, theme.ink, "sm", weight="bold", scaling=True),
            parts.text(falls, theme.quiet, "xs") if falls else None,
            spacing="md",
            paddingAll="20px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    footer = parts.buttons(
        parts.button(theme, "查看等級權益", view.tap), parts.why_footer(theme, view.why)
    )
    alt = f"提醒您：{tier}將於 {wording.day(view.ends_on)} 到期，{keep}"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def near_upgrade_message(view: NearUpgradeView, theme: Theme) -> Message:
    """Tell a member that the next tier is close."""
    goal = wording.missing(view.way, view.next_tier, view.until)
    tier = _tier(view.next_tier)
    body = parts.column(
        _face(theme, view.colour, "只差一點點，您就是", tier, ""),
        parts.column(
            parts.progress_bar(theme.track, theme.primary, f"{max(0, min(100, view.progress))}%"),
            parts.text(goal, theme.ink, "sm", weight="bold", scaling=True),
            *_benefits(theme, view.benefits),
            spacing="md",
            paddingAll="20px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    footer = parts.buttons(
        parts.button(theme, "查看等級權益", view.tap), parts.why_footer(theme, view.why)
    )
    return parts.flex(goal, parts.bubble(theme, body, footer=footer))

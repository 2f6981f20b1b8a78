"""The goals of a tier in words: `消費滿 NT$5,000`, `再消費 NT$1,240`."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from app.core import money
from app.programmes.rules import Match, Measure, Tier, TierTerms, Window
from app.tiers.rules.ladder import Missing, Progress
from app.tiers.rules.windows import recomputed_on

_JOINS: Final[dict[Match, str]] = {"any": "，或", "all": "，並且"}
# What is counted, within what a goal is to be reached, how long a tier lasts.
_WINDOWS: Final[dict[Window, tuple[str, str, str]]] = {
    "rolling": (
        "近 {0.window_months} 個月",
        "{0.window_months} 個月",
        "效期 {0.validity_months} 個月",
    ),
    "calendar_year": ("今年", "一個年度（1–12 月）", "效期至次年 12 月 31 日"),
    "anniversary": ("本會員年度", "一個會員年度", "效期至下一個會員年度結束"),
    "lifetime": ("入會以來", "累計", "沒有到期日"),
}


def window(tiering: TierTerms) -> str:
    """What is counted together: `近 12 個月`."""
    return _WINDOWS[tiering.window][0].format(tiering)


def length(tiering: TierTerms) -> str:
    """How long a tier lasts: `效期 12 個月`."""
    return _WINDOWS[tiering.window][2].format(tiering)


def goals(tier: Tier, tiering: TierTerms, today: date | None = None) -> str:
    """`12 個月消費滿 NT$5,000`; `加入即享` and `邀請制` where nothing is asked. Of a tier for the
    top few also that, and from `today` on when it is counted anew."""
    if tier.is_invite_only:
        return "邀請制"
    if not tier.goals:
        return "加入即享"
    asked = _JOINS[tier.match].join(_goal(*goal) for goal in tier.goals)
    return f"{_WINDOWS[tiering.window][1].format(tiering)}{asked}{counted(tier, tiering, today)}"


def counted(tier: Tier, tiering: TierTerms, today: date | None = None) -> str:
    """`（消費前 5% 的會員；目前門檻，7/1 重新計算）`; nothing where the threshold is fixed."""
    if tier.top_percent is None:
        return ""
    again = "每月" if tiering.recomputed == "month" else "每季"
    if today is not None:
        day = recomputed_on(tiering, today)
        again = f"{day.month}/{day.day} "
    return f"（消費前 {tier.top_percent}% 的會員；目前門檻，{again}重新計算）"


def _goal(measure: Measure, needed: int) -> str:
    match measure:
        case "spend":
            return f"消費滿 {money.show(needed)}"
        case "visits":
            return f"消費 {needed:,} 次"
        case "points":
            return f"消費得 {needed:,} 點"
        case "single":
            return f"單筆消費滿 {money.show(needed)}"


def way(missing: Sequence[Missing], match: Match) -> str:
    """What is still to do: `再消費 NT$1,240，或再消費 2 次`. No done duties."""
    return _JOINS[match].join(_step(item) for item in missing)


def way_up(progress: Progress) -> str:
    """To the next tier; nothing at the top."""
    goal = progress.next_tier
    return "" if goal is None else way(progress.missing, goal.match)


def way_to_keep(progress: Progress) -> str:
    """To renewal; nothing when it is certain."""
    return way(progress.to_keep, progress.tier.match)


def _step(item: Missing) -> str:
    match item.measure:
        case "spend":
            return f"再消費 {money.show(item.amount)}"
        case "visits":
            return f"再消費 {item.amount:,} 次"
        case "points":
            return f"再以消費得 {item.amount:,} 點"
        case "single":
            return f"單筆消費滿 {money.show(item.amount)}"

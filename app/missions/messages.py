"""Missions in words: what is asked, what is missing, what is won."""

from typing import Final

from app.core import money
from app.missions.rules import PROFILE_FIELDS, Reward, Step, StepProgress
from app.missions.service import Standing
from flex_templates.missions import MissionView
from flex_templates.missions import Step as StepView

_ASKED: Final = {
    "visits": "來店 {target} 次",
    "purchases": "消費 {target} 筆",
    "items": "購買指定商品 {target} 件",
    "invoices": "登錄發票 {target} 張",
    "checkins": "門市打卡 {target} 次",
    "survey": "填寫問卷 {target} 份",
    "reads": "閱讀文章 {target} 篇",
    "referrals": "推薦好友 {target} 位",
}


def asked(step: Step) -> str:
    """`來店 3 次`, `消費滿 NT$1,000`, `填寫生日、電子信箱`."""
    if step.name:
        return step.name
    if step.kind == "spend":
        return f"消費滿 {money.show(step.target)}"
    if step.kind == "profile":
        return "填寫" + "、".join(PROFILE_FIELDS[name] for name in step.fields)
    return _ASKED[step.kind].format(target=f"{step.target:,}")


def counted(step: StepProgress) -> str:
    """`2/3`, `NT$790/NT$1,000`."""
    count = min(max(0, step.count), step.step.target)
    if step.step.kind == "spend":
        return f"{money.show(count)}/{money.show(step.step.target)}"
    return f"{count:,}/{step.step.target:,}"


def prize(reward: Reward) -> str:
    given = [f"{reward.points:,} 點"] if reward.points else []
    given += ["優惠券 1 張"] if reward.coupon else []
    given += [f"徽章「{reward.badge}」"] if reward.badge else []
    return "、".join(given)


def view(standing: Standing) -> MissionView:
    """One mission as the carousel and the page draw it."""
    terms = standing.terms
    return MissionView(
        name=terms.name,
        description=terms.description,
        steps=tuple(
            StepView(asked(step.step), counted(step), _percent(step.count, step.step.target))
            for step in standing.progress.steps
        ),
        prize=prize(terms.reward),
        until=standing.period.last,
        run=standing.run if terms.streak > 1 else 0,
        streak=terms.streak if terms.streak > 1 else 0,
        is_done=standing.won_at is not None,
        is_sold_out=standing.is_sold_out and standing.won_at is None,
    )


def _percent(count: int, target: int) -> int:
    return max(0, min(100, count * 100 // max(1, target)))

"""Stamp cards in words: what brings a stamp, what is won, how far one is."""

from collections.abc import Mapping, Sequence
from typing import Final

from app.core import money
from app.prizes.service import Given, Outcome
from app.stamps.queries import Standing
from app.stamps.rules import Milestone, Sheet, StampDraft
from flex_templates.stamps import Prize, StampCardView

_TURNED: Final[Mapping[Outcome, str]] = {
    "fell": "",
    "rose": "",
    "taken_back": "退貨後未達，收回未使用的獎勵",
    "given_again": "再次達成，獎勵已還給您",
}


def how(terms: StampDraft) -> str:
    """`單筆滿 NT$100 得 1 格，每天最多 1 格`."""
    words = "每次消費得 1 格"
    if terms.per == "amount":
        words = f"單筆每滿 {money.show(terms.amount)} 得 1 格"
    elif terms.amount > 1:
        words = f"單筆滿 {money.show(terms.amount)} 得 1 格"
    if terms.gap_days > 1:
        return f"{words}，每 {terms.gap_days} 天{_most(terms)}"
    return f"{words}，每天{_most(terms)}" if terms.cap_per_day is not None else words


def _most(terms: StampDraft) -> str:
    return "一次" if terms.cap_per_day is None else f"最多 {terms.cap_per_day} 格"


def prize(milestone: Milestone, coupons: Mapping[str, str]) -> str:
    """`30 點、當季茶品一杯`. `coupons` are names by code."""
    given = [f"{milestone.points:,} 點"] if milestone.points else []
    if milestone.coupon is not None:
        given.append(coupons.get(milestone.coupon, "優惠券 1 張"))
    return "、".join(given)


def won(at: int, given: Given) -> str:
    points = f"{given.points:,} 點" if given.points else ""
    words = "、".join(word for word in (points, given.coupon_name) if word)
    return f"集滿 {at} 格，獲得 {words}" if words else f"集滿 {at} 格，獎勵已送完"


def turned(at: int, what: Outcome) -> str:
    words = _TURNED[what]
    return f"第 {at} 格{words}" if words else ""


def note(name: str, found: Sequence[Sheet], told: Sequence[str]) -> str:
    """What the receipt says: `集點卡「茶香」6/10，集滿 5 格，獲得 30 點`."""
    how_far = f"{found[-1].stamps}/{found[-1].terms.size}" if found else "0 格"
    return "，".join((f"集點卡「{name}」{how_far}", *told))


def view(standing: Standing, coupons: Mapping[str, str]) -> StampCardView:
    """One card as the message and the page draw it."""
    sheet = standing.sheet
    terms = sheet.terms
    return StampCardView(
        name=standing.card.terms.name,
        size=terms.size,
        stamps=sheet.stamps,
        prizes=tuple(
            Prize(item.at, prize(item, coupons), item.at <= sheet.stamps)
            for item in terms.milestones
        ),
        how=how(standing.card.terms),
        number=sheet.number,
        description=standing.card.terms.description,
        until=standing.card.terms.ends_on,
        is_over=standing.is_over,
        repeats=standing.card.terms.repeats,
    )

"""Why a reward cannot be exchanged or given back, in words for its member."""

from datetime import datetime

from app.core.clock import TAIPEI
from app.core.errors import DomainError
from app.points.rules import NotEnoughPoints
from app.programmes.rules import Terms
from app.rewards import rules
from app.rewards.queries import Asker, RewardState
from app.rewards.rules import NotCancellable, RewardRefused
from flex_templates import wording

_REFUSALS = {
    "inactive": "這項商品已經下架。",
    "ended": "這項商品的兌換已經結束。",
    "sold_out": "這項商品已經兌換完畢。",
    "coupon": "這項商品暫時無法兌換，請稍後再試或洽門市。",
}
_NOT_CANCELLABLE = {
    "late": "已超過可以取消的時間。",
    "picked_up": "這項商品已經領取，無法取消。",
    "over": "這筆兌換已經取消或結束。",
}


def sentence(error: DomainError, terms: Terms) -> str:
    """`terms` give the names of tiers."""
    match error:
        case NotEnoughPoints(balance=balance) if balance < 0:
            return "您的點數目前為負，補足之前不能兌換。"
        case NotEnoughPoints(balance=balance, asked=asked):
            return f"您目前可用 {balance:,} 點，還差 {asked - balance:,} 點。"
        case RewardRefused(reason="not_yet", facts=facts):
            return f"{wording.day(facts['starts_at'].astimezone(TAIPEI).date())} 起開放兌換。"
        case RewardRefused(reason="tier", facts=facts):
            names = "、".join(terms.tier(code).name for code in facts["tiers"])
            return f"限{names}會員兌換。"
        case RewardRefused(reason="per_member", facts=facts):
            return f"每人限兌換 {facts['limit']} 份，您已經兌換過了。"
        case RewardRefused(reason=reason):
            return _REFUSALS.get(reason, "這項商品目前不能兌換。")
        case NotCancellable(reason=reason):
            return _NOT_CANCELLABLE.get(reason, "這筆兌換目前不能取消。")
        case _:
            return "找不到這項商品。"


def hindrance(reward: RewardState, asker: Asker, *, now: datetime) -> str:
    """Why a member cannot have it now; empty when they can."""
    limit = reward.draft.per_member_limit
    try:
        rules.check(reward.draft, is_active=reward.is_active, tier=asker.tier, now=now)
        if reward.left == 0:
            raise RewardRefused("sold_out")
        if limit is not None and asker.taken.get(reward.reward_id, 0) >= limit:
            raise RewardRefused("per_member", limit=limit)
        if asker.balance < reward.draft.points:
            raise NotEnoughPoints(asker.balance, reward.draft.points)
    except (RewardRefused, NotEnoughPoints) as error:
        return sentence(error, asker.terms)
    return ""

"""What a coupon gives and asks for, as people say it."""

from collections.abc import Iterator, Mapping
from typing import Final

from app.core import money, text
from app.coupons.rules.kinds import KindDraft, last_day
from app.coupons.rules.offers import Conditions, Offer, Type
from flex_templates import wording

TYPES: Final = {
    Type.AMOUNT_OFF: "折價",
    Type.PERCENT_OFF: "打折",
    Type.GIFT: "兌換品",
    Type.BUY_X_GET_Y: "買送",
    Type.FIXED_PRICE: "優惠價",
    Type.FREE_SHIPPING: "免運",
}
DAYS: Final = "一二三四五六日"


def worth(offer: Offer) -> str:
    """`折 NT$100`, `9 折，最多折 NT$300`, `買 2 送 1`."""
    most = "" if offer.cap is None else f"，最多折 {money.show(offer.cap)}"
    match offer.type:
        case Type.AMOUNT_OFF:
            return f"折 {money.show(offer.value)}"
        case Type.PERCENT_OFF:
            return f"{wording.folds(offer.value)}{most}"
        case Type.FIXED_PRICE:
            return f"優惠價 {money.show(offer.value)}{most}"
        case Type.BUY_X_GET_Y:
            return f"買 {offer.buys} 送 {max(1, offer.value)}{most}"
        case Type.FREE_SHIPPING:
            return f"免運費{most}"
        case _:
            return "兌換贈品"


def offer_of(draft: KindDraft) -> Offer:
    return Offer(
        type=draft.type,
        value=draft.value,
        cap=draft.cap,
        min_spend=draft.min_spend,
        stacking=draft.stacking,
        conditions=draft.conditions,
        buys=draft.buys,
    )


def explained(
    draft: KindDraft, *, stores: Mapping[str, str], tiers: Mapping[str, str]
) -> tuple[str, ...]:
    """One sentence a rule, in the order in which the till asks. Names of stores and tiers by
    their codes."""
    return tuple(_sentences(draft, stores, tiers))


def _sentences(
    draft: KindDraft, stores: Mapping[str, str], tiers: Mapping[str, str]
) -> Iterator[str]:
    offer = offer_of(draft)
    spend = f"滿 {money.show(draft.min_spend)} " if draft.min_spend else ""
    yield f"{spend}{worth(offer)}。"
    yield from _goods(draft.conditions)
    yield from _who_and_when(draft.conditions, stores, tiers)
    yield together(draft.stacking, draft.conditions)
    yield giving(draft.giving)
    yield _life(draft)
    yield from _limits(draft)


def together(stacking: str, conditions: Conditions) -> str:
    if stacking == "exclusive":
        return "單獨使用，不和其他優惠券一起用。"
    again = "，同一種一筆只能用一張" if conditions.one_per_sale else ""
    if stacking == "stackable":
        return f"可以和其他可併用的優惠券一起用{again}。"
    return f"「{stacking}」這一類一筆只能選一張，可以和別類一起用{again}。"


def giving(rule: str) -> str:
    """Whether a holder may give it to a friend."""
    match rule:
        case "once":
            return "可以送給朋友一次，收到的人自己用。"
        case "free":
            return "可以送給朋友，收到的人也能再送。"
        case _:
            return "僅限本人使用，不能送人。"


def _goods(conditions: Conditions) -> Iterator[str]:
    named = (*conditions.categories, *conditions.skus)
    if named:
        yield f"只折這些商品：{'、'.join(named)}。"
    excluded = (*conditions.excluded_categories, *conditions.excluded_skus)
    if excluded:
        yield f"不折這些商品：{'、'.join(excluded)}。"


def _who_and_when(
    conditions: Conditions, stores: Mapping[str, str], tiers: Mapping[str, str]
) -> Iterator[str]:
    if conditions.stores:
        yield f"限門市：{'、'.join(stores.get(code, code) for code in conditions.stores)}。"
    if conditions.tiers:
        yield f"限等級：{'、'.join(tiers.get(code, code) for code in conditions.tiers)}。"
    if conditions.weekdays:
        days = "、".join(DAYS[day] for day in sorted(conditions.weekdays))
        yield f"限星期{days}。"
    if (conditions.from_hour, conditions.to_hour) != (0, 24):
        yield f"限 {conditions.from_hour}:00 到 {conditions.to_hour}:00。"
    if conditions.in_birth_month:
        yield "限生日當月。"
    if conditions.on_first_purchase:
        yield "限第一次消費。"


def _life(draft: KindDraft) -> str:
    end = "" if draft.ends_at is None else text.show_date(last_day(draft.ends_at))
    if draft.valid_days is None:
        return f"用到 {end} 23:59。" if end else "付費禮券，沒有使用期限。"
    last = f"，最晚 {end}" if end else ""
    return f"領取後第 {draft.valid_days} 天 23:59 到期{last}。"


def _limits(draft: KindDraft) -> Iterator[str]:
    if draft.per_member_limit is not None:
        yield f"每位會員最多領 {draft.per_member_limit:,} 張。"
    if draft.issue_limit is not None:
        yield f"總共發出 {draft.issue_limit:,} 張。"
    if draft.redeem_limit is not None:
        yield f"總共可用 {draft.redeem_limit:,} 次。"
    if draft.per_day_limit is not None:
        yield f"每天可用 {draft.per_day_limit:,} 次。"
    if draft.budget is not None:
        yield f"折抵總額用完 {money.show(draft.budget)} 為止。"
    if draft.word is not None:
        who = "會員"
        if draft.word_for_days is not None:
            who = f"入會 {draft.word_for_days} 天內的會員"
        yield f"{who}在聊天室輸入 {draft.word} 就能領一張。"

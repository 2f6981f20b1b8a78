"""Why the till refuses, in words a clerk can say to the customer."""

from collections.abc import Callable
from typing import Any, Final

from app.cards.service import TokenDead
from app.core import money
from app.core.errors import Conflict, DomainError, Invalid, NotFound
from app.coupons.rules import CouponNotUsable
from app.coupons.service import LimitReached, QuotaReached, WordRefused
from app.offline.rules import OfflineRefused
from app.points.rules import NotEnoughPoints, PaymentRefused
from app.purchases.rules import RefundTooLarge
from app.web import pages
from app.web.clerk.baskets import (
    LARGEST,
    AmountMissing,
    AmountTooLarge,
    GoodsMissing,
    PointsNeedCard,
    WordUnknown,
)
from app.web.clerk.identify import CouponShown, NotACode

_CARDS: Final = {
    "used": "這個 QR 已經使用過，請會員重新整理會員卡後再掃一次。",
    "expired": "這個 QR 已經過期，請會員重新整理會員卡後再掃一次。",
    "unknown": "這個 QR 不是本店的會員卡。",
}
_COUPONS: Final = {
    "already_redeemed": "這張優惠券已經使用過。",
    "expired": "這張優惠券已經到期。",
    "revoked": "這張優惠券已經失效。",
    "gift": "這張優惠券正在送給朋友。會員在優惠券頁面收回後才能使用。",
    "reserved": "這張優惠券正在另一筆訂單使用。",
    "not_yet": "這張優惠券還沒開始。",
    "store": "這張優惠券不能在這家門市使用。",
    "channel": "這張優惠券不能在門市使用。",
    "tier": "會員目前的等級不能使用這張優惠券。",
    "weekday": "今天不是這張優惠券可使用的日子。",
    "hours": "現在不是這張優惠券可使用的時段。",
    "birth_month": "這張優惠券只能在生日當月使用。",
    "first_purchase": "這張優惠券只能用在第一次消費。",
    "nothing_eligible": "這筆消費沒有可折抵的商品。",
    "takes_nothing": "這筆消費用這張優惠券折不到錢，請會員留著下次用。",
    "card_needed": "用會員編號或手機識別時不能用優惠券。請會員出示會員卡 QR，或傳驗證碼。",
    "redeem_limit": "這張優惠券的總使用數量已滿。",
    "budget": "這檔優惠的預算已經用完。",
    "per_day": "這檔優惠今天的數量已經用完，請會員改天再用。",
    "exclusive": "這張優惠券不能和其他優惠券一起使用。",
    "same_group": "這幾張優惠券是同一類，一筆消費只能選一張。",
    "one_per_sale": "這種優惠券一筆消費只能用一張。",
    "twice": "同一張優惠券不能在一筆消費用兩次。",
    "discount": "優惠券的折抵剛剛有變動，請重新確認一次。",
}
_FIELDS: Final = {
    "amount": "金額請輸入整數，例如 790。",
    "goods": "適用商品的金額請輸入整數，例如 300。",
    "points": "點數請輸入整數，例如 100。",
    "invoice_number": "發票號碼是 2 個英文字母加 8 個數字，例如 AB12345678。",
    "member": "這位會員已經不是會員，請重新識別。",
    "sold_at": "消費時間不正確，請重新識別會員。",
    "reason": "請寫下原因，2 到 100 個字。",
    "code": "看不懂這個號碼。請輸入會員編號、手機號碼，或掃描會員卡。",
}


def sentence(error: DomainError) -> str:
    return next(
        (say(error) for kind, say in _SENTENCES if isinstance(error, kind)),
        "目前不能這樣做，請重新整理後再試一次。",
    )


def _coupon(error: CouponNotUsable) -> str:
    name = error.facts.get("name")
    return f"「{name}」：{_why_not(error)}" if name else _why_not(error)


def _why_not(error: CouponNotUsable) -> str:
    facts = error.facts
    if error.reason == "min_spend" and "missing" in facts:
        return (
            f"這張優惠券要消費滿 {money.show(facts['needed'])}，"
            f"還差 {money.show(facts['missing'])}。"
        )
    if error.reason == "too_few" and "missing" in facts:
        return f"這張優惠券需要 {facts['needed']} 件商品，還差 {facts['missing']} 件。"
    if error.reason == "too_many":
        return f"一筆消費最多使用 {facts.get('most', 5)} 張優惠券。"
    if error.reason == "already_redeemed" and facts.get("at") is not None:
        return f"這張優惠券已經在 {pages.show_moment(facts['at'])} 使用過。"
    return _COUPONS.get(error.reason, "這張優惠券現在不能使用。")


def _word(error: WordRefused) -> str:
    match error.reason:
        case "not_new":
            return f"這個優惠碼只給入會 {error.days} 天內的會員。"
        case "per_member":
            return "會員已經用過這個優惠碼，不能再用。"
        case "ended":
            return "這個優惠碼的活動已經結束。"
        case "too_often":
            return "會員今天輸入錯誤的優惠碼太多次，請明天再試。"
        case _:
            return "這個優惠碼的數量已經發完，或已經停止。"


def _quota(error: QuotaReached) -> str:
    span = "今天" if error.period == "day" else "這個月"
    if error.most == 0:
        return "您的帳號不能送補償券，請找店長。"
    return f"您{span}可以送的 {error.most} 張補償券已經送完，請找店長。"


def _no_more(error: LimitReached) -> str:
    if error.limit == "per_member":
        return "這位會員已經拿滿這種券，請換一種。"
    return "這種券已經發完或停止了，請換一種。"


def _payment(error: PaymentRefused) -> str:
    facts = error.facts
    match error.reason:
        case "minimum":
            return f"一次至少要使用 {facts['minimum']:,} 點。"
        case "step":
            return f"使用的點數須為 {facts['step']:,} 的倍數。"
        case "share" if facts["most"] == 0:
            return "這筆金額太低，還不能用點數折抵。"
        case "share":
            return (
                f"這筆最多可使用 {facts['most']:,} 點（點數最多折抵消費的 {facts['percent']}%）。"
            )
        case "worth":
            return "點數折抵的規則剛剛更新，請重新確認一次。"
        case _:
            return "目前沒有開放點數折抵。"


def _offline(error: OfflineRefused) -> str:
    facts = error.facts
    match error.reason:
        case "too_large":
            return f"離線登錄一筆最多 {money.show(facts['most'])}。"
        case "too_old":
            return f"超過 {facts['hours']} 小時才送出，不能自動登錄。"
        case "sales":
            return f"同一天離線登錄最多 {facts['most']} 筆，這天已經滿了。"
        case "amount":
            return f"同一天離線登錄最多 {money.show(facts['most'])}，加上這筆就超過了。"
        case _:
            return "這個會員卡 QR 在登錄的時間並沒有出示過。"


def _short_of_points(error: NotEnoughPoints) -> str:
    if error.balance < 0:
        return "會員的點數目前為負，補足之前不能折抵。"
    return f"會員目前可用 {error.balance:,} 點，不足 {error.asked:,} 點。"


def _conflict(error: Conflict) -> str:
    if error.field == "invoice_number":
        return "這張發票已經登錄過。"
    return "這次識別已經登錄過另一筆消費。要再登錄一筆，請重新識別會員。"


def _missing(error: NotFound) -> str:
    if error.what == "member":
        return "找不到這位會員，可能還沒入會。"
    if error.what == "coupon kind":
        return "請選一種可以送的券。"
    if error.what == "coupon":
        return "找不到這張優惠券，或這張優惠券不屬於這位會員。"
    return "找不到這筆資料，請重新整理後再試。"


_COUPON_SHOWN: Final = "這是優惠券的條碼。請會員出示會員卡 QR，掃描後就能選擇優惠券。"
_NOT_A_CODE: Final = "看不懂這個條碼。請掃描會員卡，或輸入會員編號、手機號碼。"
_POINTS_NEED_CARD: Final = (
    "用會員編號或手機識別時不能用點數。請會員出示會員卡 QR，或傳驗證碼到會員手機。"
)
_SENTENCES: Final[tuple[tuple[type[DomainError], Callable[[Any], str]], ...]] = (
    (TokenDead, lambda error: _CARDS.get(error.reason, _CARDS["unknown"])),
    (CouponNotUsable, _coupon),
    (
        GoodsMissing,
        lambda error: f"「{error.coupon}」只能折指定商品，請輸入這些商品的金額。",
    ),
    (WordUnknown, lambda _: "沒有這個優惠碼，請再確認一次。"),
    (WordRefused, _word),
    (QuotaReached, _quota),
    (LimitReached, _no_more),
    (PointsNeedCard, lambda _: _POINTS_NEED_CARD),
    (PaymentRefused, _payment),
    (OfflineRefused, _offline),
    (NotEnoughPoints, _short_of_points),
    (RefundTooLarge, lambda error: f"最多只能退 {money.show(error.rest)}。"),
    (AmountMissing, lambda _: "請先輸入消費金額，例如 790。"),
    (AmountTooLarge, lambda _: f"一筆最多 {money.show(LARGEST)}，請再確認金額。"),
    (Invalid, lambda error: _FIELDS.get(error.field, "輸入的內容不正確，請再確認一次。")),
    (Conflict, _conflict),
    (CouponShown, lambda _: _COUPON_SHOWN),
    (NotACode, lambda _: _NOT_A_CODE),
    (NotFound, _missing),
)

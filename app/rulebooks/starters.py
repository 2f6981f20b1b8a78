"""Programmes to begin from, one for each kind of shop; everything in them can be changed later."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.coupons.rules import KindDraft
from app.programmes.rules import DEFAULT, Earning, Gifts, PointTerms, Tier
from app.rulebooks.rules import Book


@dataclass(frozen=True, slots=True)
class Starter:
    """`about` says in a sentence for whom it is."""

    name: str
    about: str
    book: Book


STARTER: Final = Book(
    DEFAULT,
    (
        KindDraft("welcome", "入會禮 NT$100", "amount_off", 100, min_spend=500, valid_days=14,
                  per_member_limit=1, terms="單筆消費滿 NT$500 可折抵 NT$100。"),
        KindDraft("birthday", "生日禮 9 折", "percent_off", 10, cap=300, valid_days=30,
                  terms="生日當月享 9 折，最高折抵 NT$300。"),
        KindDraft("upgrade_silver", "銀卡升等禮 NT$100", "amount_off", 100, valid_days=60,
                  terms="折抵 NT$100。"),
        KindDraft("upgrade_gold", "金卡升等禮 NT$300", "amount_off", 300, valid_days=60,
                  terms="折抵 NT$300。"),
        KindDraft("upgrade_platinum", "白金卡升等禮 NT$1,000", "amount_off", 1_000, valid_days=60,
                  terms="折抵 NT$1,000。"),
    ),
)  # fmt: skip

CAFE: Final = Book(
    replace(
        DEFAULT,
        tiers=(
            Tier("basic", "熟客", 0, benefits=("消費滿 NT$30 累積 1 點", "生日當月招待飲品一杯")),
            Tier("silver", "常客", 3_000, visits=20, percent=120, colour="silver",
                 gift="upgrade_silver", benefits=("點數 1.2 倍", "升等招待甜點一份")),
            Tier("gold", "老朋友", 9_000, visits=60, percent=150, colour="gold",
                 gift="upgrade_gold", benefits=("點數 1.5 倍", "升等招待飲品券", "新品優先試飲")),
        ),
        earning=replace(DEFAULT.earning, unit=30, birthday_percent=200),
        points=PointTerms(pending_days=0, expiry="after_activity", expiry_months=12),
        gifts=Gifts(welcome="welcome", birthday="birthday"),
    ),
    (
        KindDraft("welcome", "入會禮飲品折 NT$30", "amount_off", 30, min_spend=100, valid_days=14,
                  per_member_limit=1, terms="單筆消費滿 NT$100 可折抵 NT$30。"),
        KindDraft("birthday", "生日飲品一杯", "gift", 0, valid_days=30,
                  terms="生日當月招待中杯飲品一杯。"),
        KindDraft("upgrade_silver", "升等禮甜點一份", "gift", 0, valid_days=60,
                  terms="招待當日甜點一份。"),
        KindDraft("upgrade_gold", "升等禮飲品一杯", "gift", 0, valid_days=60,
                  terms="招待任一飲品一杯。"),
    ),
)  # fmt: skip

BEAUTY: Final = Book(
    replace(
        DEFAULT,
        tiers=(
            Tier("basic", "一般會員", 0, benefits=("消費滿 NT$100 累積 1 點", "生日當月點數 3 倍")),
            Tier("silver", "珍珠會員", 10_000, percent=120, colour="silver",
                 gift="upgrade_silver", benefits=("點數 1.2 倍", "升等禮 NT$300")),
            Tier("gold", "黃金會員", 30_000, percent=150, colour="gold",
                 gift="upgrade_gold", benefits=("點數 1.5 倍", "升等禮 NT$800", "生日保養一次")),
            Tier("platinum", "鑽石會員", 80_000, percent=200, colour="platinum",
                 gift="upgrade_platinum", benefits=("點數 2 倍", "升等禮 NT$2,000", "優先預約")),
        ),
        earning=Earning(birthday_percent=300, excluded_categories=("voucher",)),
        points=PointTerms(pending_days=0, expiry="end_of_next_year"),
    ),
    (
        KindDraft("welcome", "入會禮 NT$200", "amount_off", 200, min_spend=1_000, valid_days=30,
                  per_member_limit=1, terms="單筆消費滿 NT$1,000 可折抵 NT$200。"),
        KindDraft("birthday", "生日禮 85 折", "percent_off", 15, cap=1_000, valid_days=30,
                  terms="生日當月享 85 折，最高折抵 NT$1,000。"),
        KindDraft("upgrade_silver", "珍珠升等禮 NT$300", "amount_off", 300, valid_days=60,
                  terms="折抵 NT$300。"),
        KindDraft("upgrade_gold", "黃金升等禮 NT$800", "amount_off", 800, valid_days=60,
                  terms="折抵 NT$800。"),
        KindDraft("upgrade_platinum", "鑽石升等禮 NT$2,000", "amount_off", 2_000, valid_days=60,
                  terms="折抵 NT$2,000。"),
    ),
)  # fmt: skip

STARTERS: Final[Mapping[str, Starter]] = {
    "retail": Starter("零售選物", "服飾、選物、茶葉、生活用品：單價中等，一年來幾次。", STARTER),
    "cafe": Starter("咖啡飲料", "單價低、來得勤：也看次數，點數馬上能用。", CAFE),
    "beauty": Starter("美容美體", "單價高、定期回訪：門檻高一點，生日回饋多一點。", BEAUTY),
}

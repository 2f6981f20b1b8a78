"""The form of a kind of coupon: from a draft to its fields, and back with every fault named."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from starlette.datastructures import FormData

from app.core import money, text
from app.core.clock import taipei_date, taipei_midnight
from app.core.errors import Invalid
from app.coupons import rules
from app.coupons.rules import Conditions, KindDraft
from flex_templates import wording

NAME: Final = 60
TERMS: Final = 2_000
LEAST_FOLDS: Final = 30  # of two digits
_WEEKDAYS: Final = tuple("0123456")  # Monday first
LISTED: Final = 50  # categories or numbers in one field

TEMPLATES: Final = {
    "amount_off": ("滿額折", "消費滿一個金額，折固定的錢。例：滿 NT$1,000 折 NT$100。"),
    "percent_off": ("打折", "整筆或指定商品打折，可設最多折多少。例：9 折，最多折 NT$300。"),
    "gift": ("兌換品", "不折錢，換一樣東西。例：生日小蛋糕一份。"),
    "buy_x_get_y": ("買 X 送 Y", "同一批商品買幾件送幾件，送的是價格低的。例：買 2 送 1。"),
    "fixed_price": ("優惠價", "指定商品用一個固定的價格買到。例：馬克杯 NT$199。"),
    "free_shipping": ("免運", "網路訂單免運費，可設最多折多少。"),
}
STARTERS: Final = {
    "amount_off": KindDraft("", "", "amount_off", 100, min_spend=1_000, valid_days=30),
    "percent_off": KindDraft("", "", "percent_off", 10, cap=300, valid_days=30),
    "gift": KindDraft("", "", "gift", 0, valid_days=30),
    "buy_x_get_y": KindDraft("", "", "buy_x_get_y", 1, buys=2, valid_days=30),
    "fixed_price": KindDraft("", "", "fixed_price", 199, valid_days=30),
    "free_shipping": KindDraft("", "", "free_shipping", 0, valid_days=30),
}


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it stands: what was typed, by field, the draft it makes (as far as it can be read)
    and what is wrong, by field."""

    typed: Mapping[str, str]
    chosen: Mapping[str, tuple[str, ...]]
    draft: KindDraft
    problems: Mapping[str, str] = field(default_factory=dict)

    def with_problem(self, wrong: Invalid) -> "Filled":
        return replace(self, problems={**self.problems, wrong.field: wrong.reason})


def shown(draft: KindDraft) -> Filled:
    """The fields of a kind as it is."""
    conditions = draft.conditions
    percent = draft.type == rules.Type.PERCENT_OFF
    typed = {
        "code": draft.code,
        "name": draft.name,
        # 9 折 is what people say of ten percent off
        "value": _folded(draft.value) if percent else _number(draft.value or None),
        "buys": str(draft.buys),
        "cap": _number(draft.cap),
        "min_spend": _number(draft.min_spend or None),
        "giving": draft.giving,
        "stacking": draft.stacking if draft.stacking in ("exclusive", "stackable") else "group",
        "group": "" if draft.stacking in ("exclusive", "stackable") else draft.stacking,
        "valid_days": _number(draft.valid_days),
        "starts_on": "" if draft.starts_at is None else taipei_date(draft.starts_at).isoformat(),
        "ends_on": "" if draft.ends_at is None else rules.last_day(draft.ends_at).isoformat(),
        "from_hour": str(conditions.from_hour),
        "to_hour": str(conditions.to_hour),
        "categories": "、".join(conditions.categories),
        "skus": "、".join(conditions.skus),
        "excluded": "、".join(
            dict.fromkeys((*conditions.excluded_categories, *conditions.excluded_skus))
        ),
        "issue_limit": _number(draft.issue_limit),
        "redeem_limit": _number(draft.redeem_limit),
        "per_member_limit": _number(draft.per_member_limit),
        "per_day_limit": _number(draft.per_day_limit),
        "budget": _number(draft.budget),
        "word": draft.word or "",
        "word_for_days": _number(draft.word_for_days),
        "terms": draft.terms,
    }
    flags = {
        "one_per_sale": conditions.one_per_sale,
        "in_birth_month": conditions.in_birth_month,
        "on_first_purchase": conditions.on_first_purchase,
        "goodwill": draft.goodwill,
    }
    chosen = {
        "stores": conditions.stores,
        "tiers": conditions.tiers,
        "weekdays": tuple(str(day) for day in conditions.weekdays),
        "flags": tuple(name for name, is_on in flags.items() if is_on),
    }
    return Filled(typed, chosen, draft)


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _folded(percent: int) -> str:
    """What `value` reads as the same percentage: 9, 85, 0.5."""
    return "0" if percent == 100 else wording.folds(percent).removesuffix("折").strip()


def read(form: FormData, kept: KindDraft, *, is_new: bool) -> Filled:
    """What the form makes of `kept`; what it does not ask for stays as it is there."""
    typed = {name: _text(form, name) for name in shown(kept).typed}
    chosen = {
        name: tuple(value for value in form.getlist(name) if isinstance(value, str))
        for name in ("stores", "tiers", "weekdays", "flags")
    }
    reading = _Reading(typed, shown(kept).typed)
    draft = replace(
        kept,
        code=reading.code() if is_new else kept.code,
        name=reading.name(),
        value=reading.value(kept.type),
        buys=reading.whole("buys") or 1,
        cap=reading.whole("cap"),
        min_spend=reading.whole("min_spend") or 0,
        conditions=reading.conditions(kept.conditions, chosen),
        stacking=reading.stacking(),
        valid_days=reading.whole("valid_days"),
        starts_at=reading.day("starts_on", kept.starts_at),
        ends_at=reading.day("ends_on", kept.ends_at, after=1),
        issue_limit=reading.whole("issue_limit"),
        redeem_limit=reading.whole("redeem_limit"),
        per_member_limit=reading.whole("per_member_limit"),
        per_day_limit=reading.whole("per_day_limit"),
        budget=reading.whole("budget"),
        word=text.half_width(typed["word"]).upper() or None,
        word_for_days=reading.whole("word_for_days"),
        giving=typed["giving"] or kept.giving,
        goodwill="goodwill" in chosen["flags"],
        terms=typed["terms"],
    )
    faults = {_FIELDS.get(name, name): reason for name, reason in rules.faults(draft)}
    return Filled(typed, chosen, draft, faults | reading.problems)


_FIELDS: Final = {"ends_at": "ends_on", "starts_at": "starts_on", "conditions": "from_hour"}


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    kept = value.replace("\r\n", "\n").replace("\x00", "").strip() if isinstance(value, str) else ""
    return kept[: TERMS + 1]


class _Reading:
    """Reads field by field and remembers what is wrong, so that all of it can be said at once."""

    def __init__(self, typed: Mapping[str, str], before: Mapping[str, str]) -> None:
        self._typed, self._before = typed, before
        self.problems: dict[str, str] = {}

    def code(self) -> str:
        code = self._typed["code"].lower()
        good = code.replace("_", "a").replace("-", "a")
        if not (good.isascii() and good.isalnum() and 2 <= len(code) <= 40):
            self.problems["code"] = "代碼是 2 到 40 個英文字母、數字、底線"
        return code

    def name(self) -> str:
        name = " ".join(self._typed["name"].split())
        if not name:
            self.problems["name"] = "請寫會員會看到的名稱，例如：夏日滿千折百"
        elif len(name) > NAME:
            self.problems["name"] = f"名稱最多 {NAME} 個字"
        if len(self._typed["terms"]) > TERMS:
            self.problems["terms"] = f"使用說明最多 {TERMS:,} 個字"
        return name

    def whole(self, name: str) -> int | None:
        said = self._typed[name]
        if not said:
            return None
        try:
            return money.parse(said, field=name)
        except Invalid:
            self.problems[name] = "請填整數，例如 100"
            return None

    def value(self, type_: str) -> int:
        if type_ != rules.Type.PERCENT_OFF:
            return self.whole("value") or 0
        said = text.half_width(self._typed["value"]).removesuffix("折").strip()
        try:
            folds = float(said)
        except ValueError:
            folds = -1.0
        if not math.isfinite(folds):
            folds = -1.0
        left = round(folds * 10) if folds < 10 else round(folds)  # 9, 8.5 and 85 alike
        if 10 <= folds < LEAST_FOLDS:  # somebody meant percents off
            left = -1
        if not said or not 0 <= left < 100 or said.count(".") > 1:
            self.problems["value"] = "請填幾折，例如 9 或 85"
            return 1
        return 100 - left

    def day(self, name: str, kept: datetime | None, *, after: int = 0) -> datetime | None:
        """An instant whose day was not touched stays as it is, hours and all."""
        said = self._typed[name]
        if said == self._before[name]:
            return kept
        if not said:
            return None
        try:
            return taipei_midnight(text.parse_date(said, field=name) + timedelta(days=after))
        except (Invalid, OverflowError):
            self.problems[name] = "日期請寫成 2026/12/31"
            return None

    def stacking(self) -> str:
        said = self._typed["stacking"]
        if said != "group":
            return said if said in ("exclusive", "stackable") else "exclusive"
        group = self._typed["group"]
        if not group or len(group) > 40 or group in ("exclusive", "stackable"):
            self.problems["group"] = "請替這一類取個名字，例如：飲料券"
        return group[:40] or "exclusive"

    def conditions(self, kept: Conditions, chosen: Mapping[str, tuple[str, ...]]) -> Conditions:
        # A category and a number are told apart by the goods; what was one of them stays that.
        excluded, only_categories, only_skus = (
            self._listed("excluded"),
            set(kept.excluded_categories) - set(kept.excluded_skus),
            set(kept.excluded_skus) - set(kept.excluded_categories),
        )
        if not set(chosen["weekdays"]) <= set(_WEEKDAYS):
            self.problems["weekdays"] = "請從星期一到星期日選"
        return replace(
            kept,
            stores=chosen["stores"],
            tiers=chosen["tiers"],
            weekdays=tuple(
                number for number, day in enumerate(_WEEKDAYS) if day in chosen["weekdays"]
            ),
            from_hour=self.whole("from_hour") or 0,
            to_hour=24 if (hour := self.whole("to_hour")) is None else hour,
            categories=self._listed("categories"),
            skus=self._listed("skus"),
            excluded_categories=tuple(one for one in excluded if one not in only_skus),
            excluded_skus=tuple(one for one in excluded if one not in only_categories),
            in_birth_month="in_birth_month" in chosen["flags"],
            on_first_purchase="on_first_purchase" in chosen["flags"],
            one_per_sale="one_per_sale" in chosen["flags"],
        )

    def _listed(self, name: str) -> tuple[str, ...]:
        said = self._typed[name]
        for mark in (",", "，", "\n", ";", "；"):
            said = said.replace(mark, "、")
        found = tuple(dict.fromkeys(part.strip() for part in said.split("、") if part.strip()))
        if len(found) > LISTED or any(len(part) > 64 for part in found):
            self.problems[name] = f"最多 {LISTED} 項，每項 64 個字"
        return found[:LISTED]

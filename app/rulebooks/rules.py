"""The whole programme as one value: its terms, the coupons, the rewards for points, the missions,
the stamp cards. What contradicts itself, and what two books differ in, in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import date, datetime
from typing import Any

from app.core.clock import TAIPEI
from app.core.errors import Invalid
from app.coupons import rules as coupons
from app.coupons.rules import KindDraft
from app.missions import rules as missions
from app.missions.rules import MissionDraft
from app.programmes import rules as programmes
from app.programmes.rules import Option, Path, Terms
from app.rewards import rules as rewards
from app.rewards.rules import RewardDraft
from app.stamps import rules as stamps
from app.stamps.rules import StampDraft


@dataclass(frozen=True, slots=True)
class Book:
    terms: Terms
    coupons: tuple[KindDraft, ...] = ()
    rewards: tuple[RewardDraft, ...] = ()
    missions: tuple[MissionDraft, ...] = ()
    stamps: tuple[StampDraft, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong at a place of the document; `line` counts from 1 where there is a file."""

    path: Path
    reason: str
    line: int | None = None

    @property
    def where(self) -> str:
        steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return steps.removeprefix(".")


# What contradicts itself --------------------------------------------------------------------------


def faults(book: Book) -> list[Fault]:
    """Every contradiction with its place; an empty list means that the book can be applied."""
    return [
        *(Fault(path, reason) for path, reason in programmes.faults(book.terms)),
        *_coupon_faults(book),
        *_reward_faults(book),
        *_mission_faults(book),
        *_stamp_faults(book),
        *_dangling(book),
    ]


def _coupon_faults(book: Book) -> Iterator[Fault]:
    seen, words = set[str](), set[str | None]()
    tiers = {tier.code for tier in book.terms.tiers}
    for index, draft in enumerate(book.coupons):
        here: Path = ("coupons", index)
        try:
            coupons.check_draft(draft)
        except Invalid as refused:
            yield Fault((*here, refused.field), refused.reason)
        if draft.code in seen:
            yield Fault((*here, "code"), f"優惠券代碼 {draft.code} 重複")
        seen.add(draft.code)
        if draft.word is not None and draft.word in words:
            yield Fault((*here, "word"), f"活動代碼 {draft.word} 重複")
        words.add(draft.word)
        for place, code in enumerate(draft.conditions.tiers):
            if code not in tiers:
                yield Fault((*here, "conditions", "tiers", place), f"沒有等級 {code}")


def _reward_faults(book: Book) -> Iterator[Fault]:
    seen: set[str] = set()
    tiers = [tier.code for tier in book.terms.tiers]
    coupons_known = {draft.code: draft for draft in book.coupons}
    for index, draft in enumerate(book.rewards):
        here: Path = ("rewards", index)
        try:
            rewards.check_draft(draft)
        except Invalid as refused:
            yield Fault((*here, refused.field), refused.reason)
        if draft.code in seen:
            yield Fault((*here, "code"), f"兌換商品代碼 {draft.code} 重複")
        seen.add(draft.code)
        coupon = coupons_known.get(draft.coupon)
        if coupon is None:
            yield Fault((*here, "coupon"), f"沒有優惠券 {draft.coupon}")
        elif coupon.kind == "paid":
            yield Fault((*here, "coupon"), "付費禮券不能用點數兌換")
        for place, code in rewards.unknown_tiers(draft, tiers):
            yield Fault((*here, "tiers", place), f"沒有等級 {code}")


# Missions can count these; nothing tells of them yet, so a mission would stand still.
_WITHOUT_SOURCE = frozenset({"checkins", "survey", "reads", "referrals"})


def _mission_faults(book: Book) -> Iterator[Fault]:
    seen: set[str] = set()
    tiers = {tier.code for tier in book.terms.tiers}
    known = {draft.code for draft in book.coupons}
    for index, draft in enumerate(book.missions):
        here: Path = ("missions", index)
        yield from (Fault((*here, *path), reason) for path, reason in missions.faults(draft))
        if draft.code in seen:
            yield Fault((*here, "code"), f"任務代碼 {draft.code} 重複")
        seen.add(draft.code)
        for place, step in enumerate(draft.steps):
            if step.kind in _WITHOUT_SOURCE:
                yield Fault((*here, "steps", place, "kind"), "還沒有這種行為的紀錄來源")
        if draft.reward.coupon is not None and draft.reward.coupon not in known:
            yield Fault((*here, "reward", "coupon"), f"沒有優惠券 {draft.reward.coupon}")
        for place, code in enumerate(draft.audience.tiers):
            if code not in tiers:
                yield Fault((*here, "audience", "tiers", place), f"沒有等級 {code}")


def _stamp_faults(book: Book) -> Iterator[Fault]:
    seen: set[str] = set()
    known = {draft.code for draft in book.coupons}
    for index, draft in enumerate(book.stamps):
        here: Path = ("stamps", index)
        yield from (Fault((*here, *path), reason) for path, reason in stamps.faults(draft))
        if draft.code in seen:
            yield Fault((*here, "code"), f"集點卡代碼 {draft.code} 重複")
        seen.add(draft.code)
        for place, item in enumerate(draft.milestones):
            if item.coupon is not None and item.coupon not in known:
                yield Fault((*here, "milestones", place, "coupon"), f"沒有優惠券 {item.coupon}")


def _dangling(book: Book) -> Iterator[Fault]:
    """Gifts that no coupon of the book is."""
    known = {draft.code for draft in book.coupons}
    given: list[tuple[Path, str | None]] = [
        (("gifts", "welcome"), book.terms.gifts.welcome),
        (("gifts", "birthday"), book.terms.gifts.birthday),
        (("referral", "inviter", "coupon"), book.terms.referral.inviter.coupon),
        (("referral", "friend", "coupon"), book.terms.referral.friend.coupon),
        *((("tiers", index, "gift"), tier.gift) for index, tier in enumerate(book.terms.tiers)),
        *((path, option.coupon) for path, option in _options(book)),
    ]
    for path, code in given:
        if code is not None and code not in known:
            yield Fault(path, f"沒有優惠券 {code}")
    paid = {draft.code for draft in book.coupons if draft.kind == "paid"}
    for path, option in _options(book):
        if option.coupon in paid:
            yield Fault(path, "付費禮券不能當作權益")


def _options(book: Book) -> Iterator[tuple[Path, Option]]:
    """The benefits to choose from, each with the place of its coupon."""
    for index, tier in enumerate(book.terms.tiers):
        for place, choice in enumerate(tier.choices):
            for number, option in enumerate(choice.options):
                here: Path = ("tiers", index, "choices", place, "options", number, "coupon")
                yield here, option


# What two books differ in -------------------------------------------------------------------------

NAMES: Mapping[str, str] = {
    "tiers": "等級",
    "tiers.name": "名稱",
    "tiers.threshold": "升等門檻",
    "tiers.renewal": "續等門檻",
    "tiers.visits": "消費次數",
    "tiers.points": "消費所得點數",
    "tiers.single": "單筆消費",
    "tiers.match": "多項條件",
    "tiers.percent": "點數倍率",
    "tiers.colour": "卡面",
    "tiers.gift": "升等禮",
    "tiers.benefits": "權益說明",
    "tiers.is_invite_only": "僅限邀請",
    "tiers.top_percent": "前百分比",
    "tiers.floor": "最低金額",
    "tiers.choices": "任選權益",
    "tiers.choices.name": "名稱",
    "tiers.choices.every": "期間",
    "tiers.choices.options": "選項",
    "tiers.choices.options.name": "名稱",
    "tiers.choices.options.points": "點數",
    "tiers.choices.options.coupon": "優惠券",
    "earning": "累點",
    "earning.unit": "每消費",
    "earning.rate": "得點數",
    "earning.combine": "倍率並用方式",
    "earning.birthday_percent": "生日月倍率",
    "earning.campaigns": "加倍活動",
    "earning.campaigns.name": "名稱",
    "earning.campaigns.starts_at": "開始",
    "earning.campaigns.ends_at": "結束",
    "earning.campaigns.percent": "倍率",
    "earning.cap_per_sale": "單筆上限",
    "earning.cap_per_day": "單日上限",
    "earning.excluded_categories": "不累點的類別",
    "earning.excluded_skus": "不累點的商品",
    "points": "點數",
    "points.pending_days": "待生效天數",
    "points.expiry": "效期方式",
    "points.expiry_months": "效期月數",
    "points.restore_min_days": "退回後至少天數",
    "points.value": "一點價值",
    "redemption": "點數折抵",
    "redemption.is_on": "開放點數折抵",
    "redemption.step": "折抵單位",
    "redemption.pays": "每單位折抵",
    "redemption.minimum": "最低折抵點數",
    "redemption.max_percent": "單筆折抵上限（%）",
    "adjustments": "點數調整上限",
    "adjustments.clerk": "店員",
    "adjustments.store_manager": "店長",
    "adjustments.support": "客服",
    "adjustments.marketer": "行銷",
    "adjustments.owner": "負責人",
    "goodwill": "補償券額度",
    "goodwill.clerk_per_day": "店員一天",
    "goodwill.clerk_per_month": "店員一個月",
    "goodwill.store_manager_per_day": "店長一天",
    "goodwill.store_manager_per_month": "店長一個月",
    "goodwill.owner_per_day": "負責人一天",
    "goodwill.owner_per_month": "負責人一個月",
    "tiering": "等級規則",
    "tiering.window": "累計方式",
    "tiering.window_months": "累計月數",
    "tiering.validity_months": "效期月數",
    "tiering.downgrade": "降等方式",
    "tiering.grace_days": "寬限天數",
    "tiering.gift_months": "升等禮間隔月數",
    "tiering.excluded_categories": "不計入升等的類別",
    "tiering.recomputed": "前百分比門檻重新計算",
    "gifts": "贈禮",
    "gifts.welcome": "入會禮",
    "gifts.birthday": "生日禮",
    "referral": "好友推薦",
    "referral.inviter": "推薦人獎勵",
    "referral.inviter.points": "點數",
    "referral.inviter.coupon": "優惠券",
    "referral.friend": "好友獎勵",
    "referral.friend.points": "點數",
    "referral.friend.coupon": "優惠券",
    "referral.min_spend": "好友首購最低消費",
    "referral.valid_days": "邀請有效天數",
    "referral.purchase_days": "入會後首購期限天數",
    "referral.wait_days": "首購後等待天數",
    "referral.cap_per_month": "每人每月獎勵上限",
    "referral.burst_joins": "一天內超過幾位需人工審核",
    "invoices": "發票登錄",
    "invoices.is_on": "開放發票登錄",
    "invoices.sellers": "賣方統一編號",
    "invoices.keywords": "品名關鍵字",
    "invoices.excluded_keywords": "排除的品名",
    "invoices.min_total": "最低金額",
    "invoices.within_days": "登錄期限天數",
    "invoices.hold_days": "點數保留天數",
    "invoices.claim_days": "補登期限天數",
    "invoices.cap_per_day": "每人每日張數",
    "invoices.cap_per_period": "每人每期張數",
    "changes": "修改會員制度",
    "changes.second_person": "須由另一位同仁核准",
    "return_window_days": "退貨期限天數",
    "coupons": "優惠券",
    "coupons.name": "名稱",
    "coupons.type": "類型",
    "coupons.value": "面額",
    "coupons.kind": "免費或付費",
    "coupons.cap": "折抵上限",
    "coupons.min_spend": "最低消費",
    "coupons.conditions": "條件",
    "coupons.stacking": "併用",
    "coupons.valid_days": "有效天數",
    "coupons.starts_at": "開始",
    "coupons.ends_at": "結束",
    "coupons.issue_limit": "發放上限",
    "coupons.redeem_limit": "核銷上限",
    "coupons.per_member_limit": "每人上限",
    "coupons.per_day_limit": "每日核銷上限",
    "coupons.budget": "折抵預算",
    "coupons.buys": "買幾件",
    "coupons.word": "活動代碼",
    "coupons.word_for_days": "活動代碼限入會天數",
    "coupons.giving": "送給朋友",
    "coupons.goodwill": "可作補償券",
    "coupons.terms": "使用說明",
    "coupons.image": "圖片",
    "rewards": "兌換商品",
    "rewards.name": "名稱",
    "rewards.points": "點數",
    "rewards.coupon": "換得的優惠券",
    "rewards.description": "說明",
    "rewards.colour": "底色",
    "rewards.icon": "圖示文字",
    "rewards.stock": "總數量",
    "rewards.per_member_limit": "每人上限",
    "rewards.tiers": "限定等級",
    "rewards.starts_at": "開始",
    "rewards.ends_at": "結束",
    "rewards.pickup_days": "領取天數",
    "rewards.cancel_hours": "可取消時數",
    "rewards.unclaimed": "逾期未領",
    "missions": "任務",
    "missions.name": "名稱",
    "missions.steps": "要做的事",
    "missions.steps.kind": "種類",
    "missions.steps.target": "次數或金額",
    "missions.steps.name": "名稱",
    "missions.steps.stores": "限定門市",
    "missions.steps.min_amount": "單筆最低金額",
    "missions.steps.skus": "商品編號",
    "missions.steps.categories": "商品類別",
    "missions.steps.fields": "要填的資料",
    "missions.steps.keys": "限定項目",
    "missions.description": "說明",
    "missions.audience": "對象",
    "missions.audience.tiers": "限定等級",
    "missions.audience.joined_within_days": "入會幾天內",
    "missions.audience.in_birth_month": "限生日月",
    "missions.window": "期間",
    "missions.window.kind": "計算方式",
    "missions.window.starts_on": "開始日",
    "missions.window.ends_on": "結束日",
    "missions.window.days": "天數",
    "missions.streak": "連續期數",
    "missions.repeats": "可重複",
    "missions.reward": "獎勵",
    "missions.reward.points": "點數",
    "missions.reward.coupon": "優惠券",
    "missions.reward.badge": "徽章",
    "missions.on_refund": "退貨後未達標",
    "missions.reward_limit": "獎勵名額",
    "stamps": "集點卡",
    "stamps.name": "名稱",
    "stamps.size": "格數",
    "stamps.milestones": "各格獎勵",
    "stamps.milestones.at": "第幾格",
    "stamps.milestones.points": "點數",
    "stamps.milestones.coupon": "優惠券",
    "stamps.starts_on": "開始日",
    "stamps.description": "說明",
    "stamps.per": "蓋格方式",
    "stamps.amount": "單筆金額",
    "stamps.stores": "限定門市",
    "stamps.cap_per_day": "每日上限",
    "stamps.gap_days": "間隔天數",
    "stamps.ends_on": "結束日",
    "stamps.repeats": "集滿換新卡",
    "stamps.on_refund": "退貨後未達",
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "coupons.giving": coupons.GIVINGS,
    "tiering.recomputed": {"month": "每月 1 日", "quarter": "每季第一天"},
    "tiers.choices.every": {"term": "每期等級", "month": "每月", "quarter": "每季", "year": "每年"},
}
_MONEY = frozenset({"tiers.threshold", "tiers.floor", "tiers.renewal", "tiers.single",
                    "earning.unit", "points.value", "redemption.pays", "referral.min_spend",
                    "invoices.min_total", "coupons.cap", "coupons.min_spend", "coupons.budget",
                    "stamps.amount"})  # fmt: skip
_PERCENT = frozenset({"tiers.percent", "earning.birthday_percent", "earning.campaigns.percent"})


def differences(old: Book | None, new: Book) -> list[str]:
    """What changes, one sentence a change, in the order of the document."""
    return list(_differences(plain(old) if old is not None else {}, plain(new), "", ""))


def plain(book: Book) -> dict[str, Any]:
    """The document of a book: mappings, lists, texts, numbers and instants."""
    terms = asdict(book.terms)
    del terms["version"]
    return {
        **terms,
        "coupons": [asdict(draft) for draft in book.coupons],
        "rewards": [asdict(draft) for draft in book.rewards],
        "missions": [asdict(draft) for draft in book.missions],
        "stamps": [asdict(draft) for draft in book.stamps],
    }


def _differences(
    old: Mapping[str, Any], new: Mapping[str, Any], path: str, of: str
) -> Iterator[str]:
    for key, value in new.items():
        here = f"{path}.{key}".removeprefix(".")
        before = old.get(key)
        if value == before or (before is None and value == []):
            continue
        name = NAMES.get(here, key)
        if _is_list_of_codes(value) or _is_list_of_codes(before):
            yield from _by_code(before or (), value or (), here, name, of)
        elif isinstance(value, Mapping) and (before is None or isinstance(before, Mapping)):
            yield from _differences(before or {}, value, here, name)
        elif _is_list_of_parts(value) or _is_list_of_parts(before):
            yield f"{of}的{name}有變更"
        else:
            label = " ".join(part for part in (of, name) if part)
            yield f"{label}：{_said(before, here)} → {_said(value, here)}"


def _is_list_of_codes(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and bool(value)
        and isinstance(value[0], Mapping)
        and "code" in value[0]
    )


def _is_list_of_parts(value: object) -> bool:
    """Parts without a code, such as the steps of a mission: they are told as a whole."""
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return is_list and bool(value) and isinstance(value[0], Mapping)  # type: ignore[index]  # a list


def _by_code(
    old: Sequence[Mapping[str, Any]],
    new: Sequence[Mapping[str, Any]],
    path: str,
    name: str,
    of: str,
) -> Iterator[str]:
    name = f"{of} {name}" if "「" in of else name
    before = {item["code"]: item for item in old}
    after = {item["code"]: item for item in new}
    for code, item in after.items():
        if code not in before:
            yield f"新增{name}「{item['name']}」"
        else:
            yield from _differences(before[code], item, path, f"{name}「{item['name']}」")
    for code, item in before.items():
        if code not in after:
            yield f"取消{name}「{item['name']}」"


def _said(value: object, path: str) -> str:
    if value is None:
        return "無"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, datetime):
        return f"{value.astimezone(TAIPEI):%Y/%m/%d %H:%M}"
    if isinstance(value, date):
        return f"{value:%Y/%m/%d}"
    if isinstance(value, int | float):
        if path in _MONEY:
            return f"NT${value:,}"
        return f"{value / 100:g} 倍" if path in _PERCENT else f"{value:,}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "、".join(str(item) for item in value) or "無"
    assert not is_dataclass(value)
    return _WORDS.get(path, {}).get(str(value), str(value))


# What it does to real members ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many members hold one tier while their spend within the window reaches two others."""

    held: str
    reached_before: str
    reached_after: str
    members: int


@dataclass(frozen=True, slots=True)
class Effects:
    crowds: tuple[Crowd, ...]
    points_before: int  # base points of the last 365 days' sales, by the old terms
    points_after: int
    outstanding: int  # usable and pending points of all members


def consequences(effects: Effects, old: Terms, new: Terms) -> list[str]:
    """In plain words, with numbers; empty when nobody would notice."""
    return [*_rises(effects, new), *_lapses(effects, old, new), *_liability(effects, old, new)]


def _rises(effects: Effects, new: Terms) -> Iterator[str]:
    """Reached now and not by the old terms: they rise with their next purchase."""
    for tier in new.tiers:
        number = sum(
            crowd.members
            for crowd in effects.crowds
            if crowd.reached_after == tier.code
            and new.rank(crowd.held) < new.rank(tier.code)
            and new.rank(crowd.reached_before) < new.rank(tier.code)
        )
        if number:
            yield f"{number:,} 人已達新的門檻，下次消費即升等為{tier.name}"


def _lapses(effects: Effects, old: Terms, new: Terms) -> Iterator[str]:
    """Held and reached by the old terms, not by the new: they keep the tier to its end."""
    for tier in new.tiers:
        number = sum(
            crowd.members
            for crowd in effects.crowds
            if crowd.held == tier.code
            and old.rank(crowd.reached_before) >= old.rank(tier.code)
            and new.rank(crowd.reached_after) < new.rank(tier.code)
        )
        if number:
            yield (
                f"{number:,} 位{tier.name}會員近一年的消費未達新的門檻，"
                "等級保留到期末，到期時可能調整"
            )


def _liability(effects: Effects, old: Terms, new: Terms) -> Iterator[str]:
    more = effects.points_after - effects.points_before
    if more:
        worth = round(effects.points_after * new.points.value) - round(
            effects.points_before * old.points.value
        )
        yield (
            f"以近一年的消費計算，基本點數每年 {more:+,} 點"
            f"（{effects.points_before:,} → {effects.points_after:,}），"
            f"點數負債約 {worth:+,} 元"
        )
    if new.points.value != old.points.value:
        worth = round(effects.outstanding * (new.points.value - old.points.value))
        yield f"現有 {effects.outstanding:,} 點的價值 {worth:+,} 元"

"""The terms of a loyalty programme as plain values, their JSON form, and what contradicts itself.

Money is NT$, shares are whole percent (150 = one and a half times), periods are half-open."""

import calendar
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from operator import attrgetter
from typing import Any, Literal, TypeVar

from app.core.errors import DomainError, Invalid

Built = TypeVar("Built")
Path = tuple[str | int, ...]  # a place in the document: ("tiers", 1, "threshold")
Combine = Literal["max", "sum", "product"]
ExpiryModel = Literal["end_of_month", "end_of_next_year", "after_activity", "never"]
Downgrade = Literal["by_amount", "one_down"]
Window = Literal["rolling", "calendar_year", "anniversary", "lifetime"]
Measure = Literal["spend", "visits", "points", "single"]
Match = Literal["any", "all"]
Recomputed = Literal["month", "quarter"]
Every = Literal["term", "month", "quarter", "year"]


MOST_OPTIONS = 6  # buttons that one bubble has room for
MOST_NAME = 30
MOST_RATE = 10_000  # points a step
MOST_PERCENT = 10_000  # a hundred times
MOST_MONTHS = 120
MOST_DAYS = 366
MOST_POINTS = 1_000_000  # given at once
_TOO_MANY_TIMES = f"倍率最多 {MOST_PERCENT // 100} 倍"


class ContradictoryTerms(DomainError):
    """A programme that cannot be published; `reasons` says every reason in words."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True)
class Option:
    """One of the benefits to choose from: points, a coupon of a kind, or both."""

    code: str
    name: str
    points: int = 0
    coupon: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Benefits of which a member takes one, by a tap, once in each term of the tier or month,
    quarter or year of the calendar; with a single option, a benefit to claim. Under one code in
    several tiers it is one choice, taken once whatever the tier."""

    code: str
    name: str
    every: Every = "term"
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Tier:
    """What reaches a tier: one of its goals (`match` any) or each of them (all)."""

    code: str
    name: str
    threshold: int  # NT$ within the window; 0: money is not a goal, as in everybody's first tier
    renewal: int | None = None  # NT$ inside the validity period; None: the same as `threshold`
    visits: int | None = None  # purchases within the window
    points: int | None = None  # points that the window's purchases earned
    single: int | None = None  # NT$ of one purchase
    match: Match = "any"
    percent: int = 100  # of the base points
    colour: str = "plain"  # a card face of the theme: plain, bronze, silver, gold, platinum, black
    gift: str | None = None  # coupon kind given on an upgrade
    benefits: tuple[str, ...] = ()
    is_invite_only: bool = False
    choices: tuple[Choice, ...] = ()
    # Of the members who bought, the top so many percent reach it, and nobody with less than
    # `floor` NT$: `threshold` is then what was counted for the period that runs.
    top_percent: int | None = None
    floor: int = 0

    @property
    def renewal_threshold(self) -> int:
        return self.threshold if self.renewal is None else self.renewal

    @property
    def goals(self) -> tuple[tuple[Measure, int], ...]:
        """What is measured and how much of it is needed; nothing for a first or invited tier."""
        named: tuple[tuple[Measure, int | None], ...] = (
            ("spend", self.threshold or None),
            ("visits", self.visits),
            ("points", self.points),
            ("single", self.single),
        )
        return tuple((measure, needed) for measure, needed in named if needed is not None)

    @property
    def asks_only_spend(self) -> bool:
        """Neither visits, points nor a single large purchase."""
        return self.visits is None and self.points is None and self.single is None

    @property
    def renewal_goals(self) -> tuple[tuple[Measure, int], ...]:
        """The same goals, with the NT$ that renewal asks for."""
        return tuple(
            (measure, self.renewal_threshold if measure == "spend" else needed)
            for measure, needed in self.goals
        )


@dataclass(frozen=True, slots=True)
class Campaign:
    """More points for sales in [starts_at, ends_at)."""

    code: str
    name: str
    starts_at: datetime
    ends_at: datetime
    percent: int


@dataclass(frozen=True, slots=True)
class Earning:
    unit: int = 100  # NT$ per step
    rate: int = 1  # points per step
    combine: Combine = "max"
    birthday_percent: int = 100  # in the member's birth month
    campaigns: tuple[Campaign, ...] = ()
    cap_per_sale: int | None = None  # points
    cap_per_day: int | None = None
    excluded_categories: tuple[str, ...] = ()  # lines that earn nothing
    excluded_skus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PointTerms:
    pending_days: int = 7
    expiry: ExpiryModel = "end_of_month"
    expiry_months: int = 12
    restore_min_days: int = 14
    value: float = 1.0  # NT$ a point stands for


@dataclass(frozen=True, slots=True)
class Redemption:
    """Points as payment at the till: every `step` points pay NT$ `pays`, so that no rounding is
    ever needed."""

    is_on: bool = False
    step: int = 1  # points; a payment is a multiple of it
    pays: int = 1  # NT$ a step
    minimum: int = 1  # points
    max_percent: int = 100  # of the sale after discounts and coupons


@dataclass(frozen=True, slots=True)
class Adjustments:
    """How many points one person of a role may correct at once; more waits for a second person.
    None: without limit."""

    clerk: int | None = 0
    store_manager: int | None = 500
    support: int | None = 500
    marketer: int | None = 500
    owner: int | None = None

    def limit(self, role: str) -> int | None:
        """0 for a role that is not named."""
        found: int | None = getattr(self, role, 0)
        return found


@dataclass(frozen=True, slots=True)
class Goodwill:
    """How many coupons one person of a role may give as goodwill, a Taipei day and a month. None:
    without limit. Which kinds may be given is said with each kind."""

    clerk_per_day: int | None = 2
    clerk_per_month: int | None = 20
    store_manager_per_day: int | None = 10
    store_manager_per_month: int | None = 100
    owner_per_day: int | None = None
    owner_per_month: int | None = None

    def quota(self, role: str) -> tuple[int | None, int | None]:
        """A day and a month; 0 for a role that is not named."""
        return getattr(self, f"{role}_per_day", 0), getattr(self, f"{role}_per_month", 0)


@dataclass(frozen=True, slots=True)
class TierTerms:
    """What is counted together, and how long a tier lasts: `rolling` months before each sale and
    months from the upgrade; calendar years or years of membership through the end of the next one;
    or everything since joining, for good."""

    window: Window = "rolling"
    window_months: int = 12  # of a rolling window
    validity_months: int = 12  # with a rolling window
    downgrade: Downgrade = "by_amount"
    grace_days: int = 0
    gift_months: int = 12  # an upgrade gift of one tier at most once within
    excluded_categories: tuple[str, ...] = ()  # lines that do not count (shipping, vouchers)
    recomputed: Recomputed = "quarter"  # thresholds of tiers for the top few, on its first day


@dataclass(frozen=True, slots=True)
class Gifts:
    """Coupon kinds by the moment that gives them; None: nothing."""

    welcome: str | None = None
    birthday: str | None = None


@dataclass(frozen=True, slots=True)
class Reward:
    """Points, a coupon kind, or both; neither is no reward."""

    points: int = 0
    coupon: str | None = None

    @property
    def is_nothing(self) -> bool:
        return not self.points and self.coupon is None


@dataclass(frozen=True, slots=True)
class ReferralTerms:
    """What bringing a friend gives; without any reward nobody can be invited."""

    inviter: Reward = field(default_factory=Reward)
    friend: Reward = field(default_factory=Reward)
    min_spend: int = 0  # NT$ of the friend's sale that counts
    valid_days: int = 30  # from the invitation to joining
    purchase_days: int = 90  # from joining to the sale that counts
    wait_days: int | None = None  # from that sale to the reward; None: the return window
    cap_per_month: int | None = None  # rewards of one inviter
    burst_joins: int = 5  # more friends of one inviter than this within a day wait for a person

    @property
    def is_open(self) -> bool:
        return not (self.inviter.is_nothing and self.friend.is_nothing)


@dataclass(frozen=True, slots=True)
class InvoiceTerms:
    """Which e-invoices a member may register. Points of one that no till has told us of wait
    `hold_days`, or until the till does."""

    is_on: bool = False
    sellers: tuple[str, ...] = ()  # tax ids (統一編號): the brand's own, or chains that sell for it
    keywords: tuple[str, ...] = ()  # an item must contain one of them; none: any item will do
    excluded_keywords: tuple[str, ...] = ()
    min_total: int = 0  # NT$
    within_days: int = 60  # from the day of the invoice
    hold_days: int = 14
    claim_days: int = 30  # an unidentified sale of a till can be claimed so long
    cap_per_day: int = 5  # invoices of one member
    cap_per_period: int | None = None  # of one two-month period


@dataclass(frozen=True, slots=True)
class Changes:
    """How a change of the programme itself comes into force."""

    second_person: bool = True  # another one than its author approves it, if there is another


@dataclass(frozen=True, slots=True)
class Terms:
    tiers: tuple[Tier, ...]  # lowest first
    earning: Earning = field(default_factory=Earning)
    points: PointTerms = field(default_factory=PointTerms)
    redemption: Redemption = field(default_factory=Redemption)
    adjustments: Adjustments = field(default_factory=Adjustments)
    goodwill: Goodwill = field(default_factory=Goodwill)
    tiering: TierTerms = field(default_factory=TierTerms)
    gifts: Gifts = field(default_factory=Gifts)
    referral: ReferralTerms = field(default_factory=ReferralTerms)
    invoices: InvoiceTerms = field(default_factory=InvoiceTerms)
    changes: Changes = field(default_factory=Changes)
    return_window_days: int = 30
    version: int = 0  # given when published

    def tier(self, code: str) -> Tier:
        """A tier that a later version dropped is treated as the lowest."""
        return next((tier for tier in self.tiers if tier.code == code), self.tiers[0])

    def rank(self, code: str) -> int:
        """0 is the lowest tier."""
        return self.tiers.index(self.tier(code))

    @property
    def counts_only_spend(self) -> bool:
        """No tier asks for visits, points or a single large purchase."""
        return all(tier.asks_only_spend for tier in self.tiers)


DEFAULT = Terms(
    tiers=(
        Tier("basic", "普卡", 0, benefits=("消費滿 NT$100 累積 1 點", "生日當月點數 2 倍")),
        Tier(
            "silver",
            "銀卡",
            5_000,
            percent=120,
            colour="silver",
            gift="upgrade_silver",
            benefits=("點數 1.2 倍", "升等禮 NT$100 優惠券", "生日當月點數 2 倍"),
        ),
        Tier(
            "gold",
            "金卡",
            20_000,
            percent=150,
            colour="gold",
            gift="upgrade_gold",
            benefits=("點數 1.5 倍", "升等禮 NT$300 優惠券", "全年免運費", "新品優先預購"),
        ),
        Tier(
            "platinum",
            "白金卡",
            60_000,
            percent=200,
            colour="platinum",
            gift="upgrade_platinum",
            benefits=("點數 2 倍", "升等禮 NT$1,000 優惠券", "專屬客服", "年度封館活動邀請"),
        ),
    ),
    earning=Earning(birthday_percent=200, excluded_categories=("shipping", "voucher")),
    redemption=Redemption(is_on=True, minimum=10, max_percent=50),
    tiering=TierTerms(excluded_categories=("shipping", "voucher")),
    gifts=Gifts(welcome="welcome", birthday="birthday"),
    referral=ReferralTerms(Reward(100), Reward(50), min_spend=300, cap_per_month=10),
)


def to_document(terms: Terms) -> dict[str, Any]:
    """The JSON form, without the version."""
    document = asdict(terms)
    del document["version"]
    for campaign in document["earning"]["campaigns"]:
        campaign["starts_at"] = campaign["starts_at"].isoformat()
        campaign["ends_at"] = campaign["ends_at"].isoformat()
    return document


def from_document(document: Mapping[str, Any], *, version: int = 0) -> Terms:
    """Raises Invalid for a key that no rule reads or a tier without its code."""
    earning = dict(document.get("earning", {}))
    campaigns = tuple(_campaign(value) for value in earning.pop("campaigns", ()))
    top = {
        key: value
        for key, value in document.items()
        if key not in {"tiers", "earning", "referral", *_PARTS}
    }
    return _build(
        Terms,
        "terms",
        {
            **top,
            "tiers": tuple(_tier(tier) for tier in document.get("tiers", ())),
            "earning": _build(Earning, "earning", {**earning, "campaigns": campaigns}),
            **{name: _build(kind, name, document.get(name, {})) for name, kind in _PARTS.items()},
            "referral": _referral(document.get("referral", {})),
            "version": version,
        },
    )


_PARTS: Mapping[str, type] = {
    "points": PointTerms,
    "redemption": Redemption,
    "adjustments": Adjustments,
    "goodwill": Goodwill,
    "tiering": TierTerms,
    "gifts": Gifts,
    "invoices": InvoiceTerms,
    "changes": Changes,
}


def _tier(document: Mapping[str, Any]) -> Tier:
    choices = tuple(_choice(choice) for choice in document.get("choices", ()))
    return _build(Tier, "tiers", {**document, "choices": choices})


def _choice(document: Mapping[str, Any]) -> Choice:
    options = tuple(
        _build(Option, "choices.options", option) for option in document.get("options", ())
    )
    return _build(Choice, "choices", {**document, "options": options})


def _campaign(document: Mapping[str, Any]) -> Campaign:
    times = {key: datetime.fromisoformat(document[key]) for key in ("starts_at", "ends_at")}
    return _build(Campaign, "campaigns", {**document, **times})


def _referral(document: Mapping[str, Any]) -> ReferralTerms:
    rewards = {
        who: _build(Reward, f"referral.{who}", document[who])
        for who in ("inviter", "friend")
        if who in document
    }
    return _build(ReferralTerms, "referral", {**document, **rewards})


def _build(kind: type[Built], where: str, values: Mapping[str, Any]) -> Built:
    known = {item.name for item in fields(kind)}  # type: ignore[arg-type]  # a dataclass
    unknown = sorted(set(values) - known)
    if unknown:
        raise Invalid(f"{where}.{unknown[0]}", "no rule reads this")
    lists_as_tuples = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    try:
        return kind(**lists_as_tuples)
    except TypeError as error:
        raise Invalid(where, str(error)) from error


def check(terms: Terms) -> list[str]:
    """Every contradiction, in words; an empty list means the terms can be published."""
    return [reason for _, reason in faults(terms)]


def faults(terms: Terms) -> list[tuple[Path, str]]:
    """Every contradiction with its place in the document."""
    points = terms.points
    has_months = points.expiry in ("end_of_month", "after_activity")
    return [
        *_tier_faults(terms.tiers),
        *_choice_faults(terms.tiers),
        *_percent_faults(terms),
        *_earning_faults(terms.earning),
        *_redemption_faults(terms.redemption),
        *_limit_faults("adjustments", terms.adjustments, "點數調整上限不可為負"),
        *_limit_faults("goodwill", terms.goodwill, "補償券張數不可為負"),
        *_when(not 0 <= points.pending_days <= 60, "points.pending_days", "須為 0–60 天"),
        *_when(has_months and points.expiry_months < 1, "points.expiry_months", "至少 1 個月"),
        *_bound_faults(terms),
        *_when(points.value < 0, "points.value", "點數價值不可為負"),
        *_referral_faults(terms.referral),
        *_invoice_faults(terms.invoices),
    ]


def _limit_faults(
    name: str, limits: Adjustments | Goodwill, reason: str
) -> Iterator[tuple[Path, str]]:
    for item in fields(limits):
        is_negative = (getattr(limits, item.name) or 0) < 0
        yield from _when(is_negative, f"{name}.{item.name}", reason)


# Least and most of what is counted with: a date or a number beyond them would stop every sale.
_BOUNDS: Mapping[str, tuple[int, int, str]] = {
    "earning.rate": (0, MOST_RATE, "點"),
    "points.expiry_months": (0, MOST_MONTHS, "個月"),
    "points.restore_min_days": (0, MOST_DAYS, "天"),
    "tiering.window_months": (1, MOST_MONTHS, "個月"),
    "tiering.validity_months": (1, MOST_MONTHS, "個月"),
    "tiering.gift_months": (0, MOST_MONTHS, "個月"),
    "tiering.grace_days": (0, MOST_DAYS, "天"),
    "referral.inviter.points": (0, MOST_POINTS, "點"),
    "referral.friend.points": (0, MOST_POINTS, "點"),
    "referral.valid_days": (1, MOST_DAYS, "天"),
    "referral.purchase_days": (1, MOST_DAYS, "天"),
    "referral.wait_days": (0, MOST_DAYS, "天"),
    "invoices.within_days": (1, MOST_DAYS, "天"),
    "invoices.claim_days": (1, MOST_DAYS, "天"),
    "return_window_days": (0, MOST_DAYS, "天"),
}


def _bound_faults(terms: Terms) -> Iterator[tuple[Path, str]]:
    for path, (least, most, unit) in _BOUNDS.items():
        value = attrgetter(path)(terms)
        is_outside = value is not None and not least <= value <= most
        yield from _when(is_outside, path, f"須為 {least}–{most:,} {unit}")


def _when(is_wrong: bool, path: str | Path, reason: str) -> list[tuple[Path, str]]:
    """`path` with dots, or as it is where it leads through a list."""
    place = tuple(path.split(".")) if isinstance(path, str) else path
    return [(place, reason)] if is_wrong else []


def _tier_faults(tiers: Sequence[Tier]) -> Iterator[tuple[Path, str]]:
    if not tiers:
        yield ("tiers",), "至少需要一個等級"
        return
    if tiers[0].threshold != 0 or tiers[0].is_invite_only:
        yield ("tiers", 0, "threshold"), "第一個等級的門檻須為 0"
    if tiers[0].goals and tiers[0].threshold == 0:
        yield ("tiers", 0), "第一個等級人人都有，不可設條件"
    seen: set[str] = set()
    below: dict[Measure, int] = {}
    for index, tier in enumerate(tiers):
        here: Path = ("tiers", index)
        if tier.code in seen:
            yield (*here, "code"), f"等級代碼重複：{tier.code}"
        seen.add(tier.code)
        if not tier.is_invite_only:
            yield from _goal_faults(tier, here, below)
            if index and not tier.goals:
                yield (*here, "threshold"), "等級門檻須由低到高遞增"
        if tier.percent < 100:
            yield (*here, "percent"), "等級點數倍率不可低於 100%"
        yield from _when(tier.percent > MOST_PERCENT, (*here, "percent"), _TOO_MANY_TIMES)
        if tier.renewal_threshold < 0:
            yield (*here, "renewal"), "續等門檻不可為負"


def _percent_faults(terms: Terms) -> Iterator[tuple[Path, str]]:
    """Thresholds that are counted can grow, so nothing fixed may stand above them."""
    before: Tier | None = None  # the last tier below that purchases reach
    for index, tier in enumerate(terms.tiers):
        here: Path = ("tiers", index)
        if tier.top_percent is None:
            yield from _when(tier.floor != 0, (*here, "floor"), "沒有前百分比的等級不可設最低金額")
        else:
            yield from _one_percent_fault(terms, tier, here)
        if before is not None and not tier.is_invite_only:
            yield from _above_faults(before, tier, here)
        if not tier.is_invite_only:
            before = tier


def _one_percent_fault(terms: Terms, tier: Tier, here: Path) -> Iterator[tuple[Path, str]]:
    percent = tier.top_percent or 0
    yield from _when(not 1 <= percent <= 50, (*here, "top_percent"), "前百分比須為 1–50")
    yield from _when(tier.floor < 1, (*here, "floor"), "前百分比的等級須有最低金額")
    is_low = 0 < tier.threshold < tier.floor
    yield from _when(is_low, (*here, "threshold"), "門檻不可低於最低金額")
    is_odd = tier.is_invite_only or here[1] == 0
    yield from _when(is_odd, (*here, "top_percent"), "第一個等級與邀請制等級不可用前百分比")
    is_rolling = terms.tiering.window == "rolling"
    reason = "前百分比的等級只能用近 N 個月（rolling）累計"
    yield from _when(not is_rolling, ("tiering", "window"), reason)


def _above_faults(before: Tier, tier: Tier, here: Path) -> Iterator[tuple[Path, str]]:
    if before.top_percent is None:
        is_low = tier.top_percent is not None and tier.floor <= before.threshold
        yield from _when(is_low, (*here, "floor"), "最低金額須高於前一級的門檻")
        return
    if tier.top_percent is None:
        yield (*here, "top_percent"), "前百分比等級的上一級也須用前百分比"
        return
    is_wide = tier.top_percent >= before.top_percent
    yield from _when(is_wide, (*here, "top_percent"), "越高的等級，前百分比須越小")
    yield from _when(tier.floor < before.floor, (*here, "floor"), "最低金額須由低到高")


def _choice_faults(tiers: Sequence[Tier]) -> Iterator[tuple[Path, str]]:
    periods: dict[str, Every] = {}
    for index, tier in enumerate(tiers):
        seen: set[str] = set()
        for place, choice in enumerate(tier.choices):
            here: Path = ("tiers", index, "choices", place)
            if choice.code in seen:
                yield (*here, "code"), f"同一等級的任選權益代碼重複：{choice.code}"
            seen.add(choice.code)
            yield from _name_faults(choice, here)
            if periods.setdefault(choice.code, choice.every) != choice.every:
                yield (*here, "every"), f"各等級的任選權益 {choice.code} 須用同一種期間"
            yield from _option_faults(choice, here)


def _option_faults(choice: Choice, here: Path) -> Iterator[tuple[Path, str]]:
    if not 1 <= len(choice.options) <= MOST_OPTIONS:
        yield (*here, "options"), f"選項須為 1–{MOST_OPTIONS} 個"
    seen: set[str] = set()
    for place, option in enumerate(choice.options):
        there: Path = (*here, "options", place)
        if option.code in seen:
            yield (*there, "code"), f"選項代碼重複：{option.code}"
        seen.add(option.code)
        yield from _name_faults(option, there)
        if option.points < 0:
            yield (*there, "points"), "點數不可為負"
        is_much = option.points > MOST_POINTS
        yield from _when(is_much, (*there, "points"), f"點數最多 {MOST_POINTS:,}")
        if not option.points and option.coupon is None:
            yield there, "選項須給點數或優惠券"


def _name_faults(named: Choice | Option, here: Path) -> Iterator[tuple[Path, str]]:
    if not re.fullmatch(r"[a-z0-9_]{1,40}", named.code):
        yield (*here, "code"), "代碼須為 1–40 個小寫英文字母、數字或底線"
    if not 1 <= len(named.name.strip()) <= MOST_NAME:
        yield (*here, "name"), f"名稱須為 1–{MOST_NAME} 個字"


def _goal_faults(tier: Tier, here: Path, below: dict[Measure, int]) -> Iterator[tuple[Path, str]]:
    """`below` holds what the tiers before asked for, and is raised."""
    for measure, needed in tier.goals:
        key = "threshold" if measure == "spend" else measure
        if needed < 1:
            yield (*here, key), "須大於 0"
        elif needed <= below.get(measure, 0):
            yield (*here, key), "等級門檻須由低到高遞增"
        below[measure] = needed
    if tier.renewal is not None and not tier.threshold and tier.renewal != 0:
        yield (*here, "renewal"), "沒有消費門檻的等級不可設續等金額"


def _earning_faults(earning: Earning) -> Iterator[tuple[Path, str]]:
    yield from _when(earning.unit < 1, "earning.unit", "累點單位須大於 0")
    birthday, its_path = earning.birthday_percent, "earning.birthday_percent"
    yield from _when(birthday < 100, its_path, "生日倍率不可低於 100%")
    yield from _when(birthday > MOST_PERCENT, its_path, _TOO_MANY_TIMES)
    for name in ("cap_per_sale", "cap_per_day"):
        yield from _when((getattr(earning, name) or 0) < 0, f"earning.{name}", "點數上限不可為負")
    for index, campaign in enumerate(earning.campaigns):
        here: Path = ("earning", "campaigns", index)
        if campaign.ends_at <= campaign.starts_at:
            yield (*here, "ends_at"), "活動的結束時間須晚於開始時間"
        if campaign.percent < 100:
            yield (*here, "percent"), "活動倍率不可低於 100%"
        yield from _when(campaign.percent > MOST_PERCENT, (*here, "percent"), _TOO_MANY_TIMES)


def _invoice_faults(invoices: InvoiceTerms) -> Iterator[tuple[Path, str]]:
    if invoices.is_on and not invoices.sellers:
        yield ("invoices", "sellers"), "開放登錄發票時，至少要有一個賣方統一編號"
    for index, seller in enumerate(invoices.sellers):
        if not re.fullmatch(r"[0-9]{8}", seller):
            yield ("invoices", "sellers", index), "統一編號須為 8 位數字"
    yield from _when(invoices.min_total < 0, "invoices.min_total", "最低金額不可為負")
    yield from _when(invoices.cap_per_day < 1, "invoices.cap_per_day", "須大於 0")
    yield from _when(not 0 <= invoices.hold_days <= 60, "invoices.hold_days", "須為 0–60 天")
    yield from _when((invoices.cap_per_period or 1) < 1, "invoices.cap_per_period", "須大於 0")


def _referral_faults(referral: ReferralTerms) -> Iterator[tuple[Path, str]]:
    yield from _when(referral.min_spend < 0, "referral.min_spend", "最低消費不可為負")
    yield from _when(referral.burst_joins < 1, "referral.burst_joins", "須大於 0")
    yield from _when((referral.cap_per_month or 0) < 0, "referral.cap_per_month", "不可為負")


def _redemption_faults(redemption: Redemption) -> Iterator[tuple[Path, str]]:
    step, pays = redemption.step, redemption.pays
    yield from _when(step < 1, "redemption.step", "每次折抵的點數須大於 0")
    yield from _when(pays < 1, "redemption.pays", "折抵金額須大於 0")
    yield from _when(redemption.minimum < 0, "redemption.minimum", "最低折抵點數不可為負")
    yield from _when(
        not 1 <= redemption.max_percent <= 100, "redemption.max_percent", "折抵上限須為 1–100%"
    )


def first_of_quarter(day: date) -> date:
    return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)


def add_months(day: date, months: int) -> date:
    """The same day some months later; a day the month lacks becomes its last (29 Feb → 28 Feb)."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(years, month + 1, min(day.day, calendar.monthrange(years, month + 1)[1]))

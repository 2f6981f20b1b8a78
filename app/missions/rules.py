"""What a mission asks for, in which days, and how far somebody is. Pure values; days are Taipei's,
amounts NT$ less refunds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, Literal

from app.programmes.rules import Path

DAY: Final = timedelta(days=1)
StepKind = Literal[
    "visits",  # days with a purchase
    "purchases",
    "spend",
    "items",
    "invoices",
    "profile",
    "checkins",
    "survey",
    "reads",
    "referrals",
]
WindowKind = Literal["dates", "month", "week", "joined"]
BOUGHT: Final = frozenset({"visits", "purchases", "spend", "items"})
DEEDS: Final = frozenset({"invoices", "checkins", "survey", "reads", "referrals"})
PROFILE_FIELDS: Final[Mapping[str, str]] = {
    "name": "姓名",
    "birthday": "生日",
    "gender": "性別",
    "email": "電子信箱",
    "city": "居住縣市",
}
MOST_STEPS: Final = 5
MOST_STREAK: Final = 12


# Terms ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """`target` of what `kind` counts. Empty lists mean no such condition. Sales count when at least
    `min_amount` of them stays."""

    kind: StepKind
    target: int = 1
    name: str = ""  # what a member reads; empty: made of kind and target
    stores: tuple[str, ...] = ()  # codes
    min_amount: int = 0  # NT$ a sale
    skus: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()  # of the profile
    keys: tuple[str, ...] = ()  # which survey, which articles

    @property
    def looks_at_sales(self) -> bool:
        """The daily totals do not tell stores, single amounts or goods."""
        return self.kind == "items" or (
            self.kind in BOUGHT and bool(self.stores or self.min_amount)
        )


@dataclass(frozen=True, slots=True)
class Audience:
    """Everybody, unless something is named. Asked when a round begins."""

    tiers: tuple[str, ...] = ()
    joined_within_days: int | None = None
    in_birth_month: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """The days in which a round counts. `starts_on` and `ends_on` (both included) bound every
    kind; `dates` is nothing but them, `joined` is so many days beginning with that of joining."""

    kind: WindowKind = "month"
    starts_on: date | None = None
    ends_on: date | None = None
    days: int = 0


@dataclass(frozen=True, slots=True)
class Reward:
    points: int = 0
    coupon: str | None = None  # a coupon kind
    badge: str = ""

    @property
    def is_nothing(self) -> bool:
        return not (self.points or self.coupon or self.badge)


@dataclass(frozen=True, slots=True)
class MissionDraft:
    """A mission as people write it down. `reward_limit` may change at any time; all else is a new
    version."""

    code: str
    name: str
    steps: tuple[Step, ...]
    description: str = ""
    audience: Audience = field(default_factory=Audience)
    window: Window = field(default_factory=Window)
    streak: int = 1  # so many periods in a row make a round
    repeats: bool = False  # a new round after each
    reward: Reward = field(default_factory=Reward)
    on_refund: Literal["keep", "take_back"] = "keep"
    reward_limit: int | None = None


def from_document(document: Mapping[str, Any]) -> MissionDraft:
    """The terms of a version from their JSON."""
    given = dict(document)
    window = dict(given["window"])
    for name in ("starts_on", "ends_on"):
        window[name] = date.fromisoformat(window[name]) if window[name] else None
    given["window"] = Window(**window)
    given["steps"] = tuple(Step(**_tuples(step)) for step in given["steps"])
    given["audience"] = Audience(**_tuples(given["audience"]))
    given["reward"] = Reward(**given["reward"])
    return MissionDraft(**given)


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }


# Days -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Period:
    """Days [first, until). `key` names it within its mission."""

    key: str
    first: date
    until: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day < self.until

    @property
    def last(self) -> date:
        return self.until - DAY


def period_of(window: Window, day: date, *, joined_on: date) -> Period | None:
    """The period that holds the day; None when the mission does not run then."""
    whole = _whole_period(window, day, joined_on)
    if whole is None:
        return None
    first = whole.first if window.starts_on is None else max(whole.first, window.starts_on)
    until = whole.until if window.ends_on is None else min(whole.until, window.ends_on + DAY)
    clipped = Period(whole.key, first, until)
    return clipped if day in clipped else None


def _whole_period(window: Window, day: date, joined_on: date) -> Period | None:
    if window.kind == "month":
        first = day.replace(day=1)
        return Period(f"{first:%Y-%m}", first, (first + 31 * DAY).replace(day=1))
    if window.kind == "week":
        first = day - day.weekday() * DAY
        year, week, _ = first.isocalendar()
        return Period(f"{year}-W{week:02d}", first, first + 7 * DAY)
    if window.kind == "joined":
        return Period("joined", joined_on, joined_on + window.days * DAY)
    if window.starts_on is None or window.ends_on is None:
        return None
    return Period("dates", window.starts_on, window.ends_on + DAY)


def neighbours(window: Window, period: Period, reach: int, *, joined_on: date) -> list[Period]:
    """The period with up to `reach` before and after it, in order."""
    if window.kind not in ("month", "week"):
        return [period]
    found = [period]
    for _ in range(reach):
        before = period_of(window, found[0].first - DAY, joined_on=joined_on)
        found = found if before is None else [before, *found]
        after = period_of(window, found[-1].until, joined_on=joined_on)
        found = found if after is None else [*found, after]
    return found


# Progress ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Day:
    """A member's sales of one day: how many are not wholly refunded, NT$ that stay."""

    on: date
    count: int
    net: int


@dataclass(frozen=True, slots=True)
class Bought:
    """One sale, NT$ that stay; quantities less what was given back, by (sku, category)."""

    id: int
    on: date
    net: int
    store: str = ""
    goods: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Deed:
    """Something done that is no purchase. `amount` −1 takes an earlier one back."""

    on: date
    kind: str
    key: str
    amount: int = 1


@dataclass(frozen=True, slots=True)
class Record:
    """What a member did, as far as missions look at it."""

    days: Sequence[Day] = ()
    sales: Sequence[Bought] = ()
    deeds: Sequence[Deed] = ()
    profile: frozenset[str] = frozenset()  # fields that are filled in

    def without(self, sale: int, on: date, net: int) -> "Record":
        """As it was before a sale of NT$ `net`."""
        days = [
            Day(day.on, day.count - (net > 0), day.net - net) if day.on == on else day
            for day in self.days
        ]
        sales = [bought for bought in self.sales if bought.id != sale]
        return Record(days, sales, self.deeds, self.profile)


@dataclass(frozen=True, slots=True)
class StepProgress:
    step: Step
    count: int

    @property
    def is_done(self) -> bool:
        return self.count >= self.step.target


@dataclass(frozen=True, slots=True)
class Progress:
    steps: tuple[StepProgress, ...]

    @property
    def is_done(self) -> bool:
        return all(step.is_done for step in self.steps)

    @property
    def has_begun(self) -> bool:
        return any(step.count > 0 for step in self.steps)

    @property
    def done(self) -> int:
        """Of `total`: the count of the only step, else the number of steps that are done."""
        if len(self.steps) == 1:
            return min(max(0, self.steps[0].count), self.steps[0].step.target)
        return sum(step.is_done for step in self.steps)

    @property
    def total(self) -> int:
        return self.steps[0].step.target if len(self.steps) == 1 else len(self.steps)


def progress(steps: Sequence[Step], record: Record, period: Period) -> Progress:
    return Progress(tuple(StepProgress(step, counted(step, record, period)) for step in steps))


def counted(step: Step, record: Record, period: Period) -> int:
    """How much of what the step asks for happened in the period."""
    if step.kind == "profile":
        return len(record.profile & set(step.fields))
    if step.kind in DEEDS:
        return _deeds(step, record, period)
    if step.looks_at_sales:
        return _sales(step, [sale for sale in record.sales if sale.on in period])
    days = [day for day in record.days if day.on in period]
    if step.kind == "visits":
        return sum(1 for day in days if day.net > 0)
    if step.kind == "purchases":
        return sum(day.count for day in days)
    return sum(day.net for day in days)


def _sales(step: Step, sales: Sequence[Bought]) -> int:
    fitting = [
        sale
        for sale in sales
        if sale.net > 0
        and sale.net >= step.min_amount
        and (not step.stores or sale.store in step.stores)
    ]
    if step.kind == "visits":
        return len({sale.on for sale in fitting})
    if step.kind == "purchases":
        return len(fitting)
    if step.kind == "spend":
        return sum(sale.net for sale in fitting)
    return sum(
        quantity
        for sale in fitting
        for sku, category, quantity in sale.goods
        if sku in step.skus or category in step.categories
    )


def _deeds(step: Step, record: Record, period: Period) -> int:
    """Each survey, article, friend and invoice once; a store once a day."""
    net: dict[tuple[str, date | None], int] = {}
    wanted = step.stores if step.kind == "checkins" else step.keys
    for deed in record.deeds:
        if deed.kind == step.kind and deed.on in period and (not wanted or deed.key in wanted):
            what = (deed.key, deed.on if step.kind == "checkins" else None)
            net[what] = net.get(what, 0) + deed.amount
    return sum(1 for amount in net.values() if amount > 0)


def full_run(
    periods: Sequence[Period], done: Mapping[str, bool], at: Period, length: int
) -> list[Period]:
    """The first `length` periods of those done in a row around `at`, or [] when it is no such run.
    `periods` follow each other; what is not in `done` counts as not done."""
    run: list[Period] = []
    for period in periods:
        if done.get(period.key, False):
            run.append(period)
        elif period.first > at.first:
            break
        else:
            run = []
    has_it = any(period.key == at.key for period in run)
    return run[:length] if has_it and len(run) >= length else []


def in_a_row(periods: Sequence[Period], done: Mapping[str, bool], at: Period) -> int:
    """How many are done up to `at`, which may still be under way."""
    run = 0
    for period in periods:
        if period.first > at.first:
            break
        if done.get(period.key, False):
            run += 1
        elif period.key != at.key:
            run = 0
    return run


def is_for(
    audience: Audience,
    *,
    tier: str,
    joined_on: date,
    birth_month: int | None,
    on: date,
) -> bool:
    if audience.tiers and tier not in audience.tiers:
        return False
    if audience.in_birth_month and birth_month != on.month:
        return False
    within = audience.joined_within_days
    return within is None or on < joined_on + within * DAY


# What contradicts itself ------------------------------------------------------------------------


def faults(draft: MissionDraft) -> Iterator[tuple[Path, str]]:
    """Every contradiction with its place."""
    if not draft.code or len(draft.code) > 40:
        yield ("code",), "須為 1–40 個字"
    if not draft.name or len(draft.name) > 40:
        yield ("name",), "須為 1–40 個字"
    if not 1 <= len(draft.steps) <= MOST_STEPS:
        yield ("steps",), f"須有 1–{MOST_STEPS} 個步驟"
    for index, step in enumerate(draft.steps):
        for path, reason in _step_faults(step):
            yield ("steps", index, *path), reason
    yield from _window_faults(draft)
    yield from _reward_faults(draft)
    within = draft.audience.joined_within_days
    if within is not None and within < 1:
        yield ("audience", "joined_within_days"), "至少 1 天"


def _step_faults(step: Step) -> Iterator[tuple[Path, str]]:
    if step.target < 1:
        yield ("target",), "目標至少為 1"
    if step.kind == "items" and not (step.skus or step.categories):
        yield ("skus",), "須指定商品或類別"
    if step.kind != "items" and (step.skus or step.categories):
        yield ("skus",), "只有 items 看商品與類別"
    if step.min_amount < 0:
        yield ("min_amount",), "不可為負"
    if step.min_amount and step.kind not in BOUGHT:
        yield ("min_amount",), "只有消費的步驟看金額"
    if step.stores and step.kind not in BOUGHT | {"checkins"}:
        yield ("stores",), "只有消費與打卡的步驟看門市"
    unknown = [name for name in step.fields if name not in PROFILE_FIELDS]
    if unknown:
        yield ("fields",), f"沒有欄位 {unknown[0]}"
    if step.kind == "profile" and not 1 <= step.target <= len(set(step.fields)):
        yield ("fields",), "目標不可多於列出的欄位"


def _window_faults(draft: MissionDraft) -> Iterator[tuple[Path, str]]:
    window = draft.window
    if window.kind == "dates" and (window.starts_on is None or window.ends_on is None):
        yield ("window", "starts_on"), "固定期間須有開始與結束日"
    if window.starts_on and window.ends_on and window.ends_on < window.starts_on:
        yield ("window", "ends_on"), "結束日不可早於開始日"
    if (window.kind == "joined") != (window.days > 0):
        yield ("window", "days"), "入會後天數只用於 joined，且至少 1 天"
    is_periodic = window.kind in ("month", "week")
    if draft.streak != 1 and not (is_periodic and 1 < draft.streak <= MOST_STREAK):
        yield ("streak",), f"連續期數須為 1–{MOST_STREAK}，且期間須為 month 或 week"
    if draft.repeats and not is_periodic:
        yield ("repeats",), "只有 month 與 week 可以重複"
    if is_periodic and window.starts_on is None:
        yield ("window", "starts_on"), "須有開始日，之前的消費不計入"


def _reward_faults(draft: MissionDraft) -> Iterator[tuple[Path, str]]:
    reward = draft.reward
    if reward.is_nothing:
        yield ("reward",), "須有獎勵"
    if reward.points < 0:
        yield ("reward", "points"), "不可為負"
    if len(reward.badge) > 20:
        yield ("reward", "badge"), "最多 20 個字"
    if (draft.reward_limit or 0) < 0:
        yield ("reward_limit",), "不可為負"

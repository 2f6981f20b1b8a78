"""What a sale would earn, step by step, by the rules that decide it at the till."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from app.checkouts import messages as checkouts
from app.core import money, text
from app.core.clock import TAIPEI
from app.core.errors import Invalid
from app.points import rules as points
from app.programmes.rules import Terms
from app.purchases import rules as purchases
from app.purchases.rules import Item

LINES: Final = 4  # items that can be typed
MOST: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class Step:
    words: str
    value: str


@dataclass(frozen=True, slots=True)
class Result:
    steps: tuple[Step, ...]
    points: int
    usable_from: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Question:
    """Somebody of a tier pays NT$ `amount` at an instant, for these goods."""

    amount: int
    tier: str  # code
    sold_at: datetime
    is_birthday_month: bool
    items: tuple[Item, ...] = ()


def fields(terms: Terms, *, today: date) -> dict[str, str]:
    """An example to start from."""
    typed = {
        "amount": "1234",
        "tier": terms.tiers[-1].code,
        "day": today.isoformat(),
        "at": "12:00",
    }
    typed["birthday"] = ""
    for place in range(LINES):
        typed |= {f"item-{place}-{name}": "" for name in ("category", "sku", "price")}
    return typed


def read(typed: Mapping[str, str], terms: Terms) -> tuple[Question | None, dict[str, str]]:
    """The question, or what is wrong with it by field."""
    problems: dict[str, str] = {}
    amount = _whole(typed, "amount", problems)
    if typed["tier"] not in {tier.code for tier in terms.tiers}:
        problems["tier"] = "請從清單選一個等級"
    sold_at = _instant(typed, problems)
    items = tuple(_items(typed, problems))
    if sold_at is None or problems:
        return None, problems
    return Question(amount, typed["tier"], sold_at, bool(typed["birthday"]), items), {}


def _whole(typed: Mapping[str, str], name: str, problems: dict[str, str]) -> int:
    try:
        found = money.parse(typed[name], field=name)
    except Invalid:
        found = -1
    if not 0 <= found <= MOST:
        problems[name] = "請填整數金額，例如 1234"
    return found


def _instant(typed: Mapping[str, str], problems: dict[str, str]) -> datetime | None:
    try:
        day = text.parse_date(typed["day"], field="day")
        if not 2000 <= day.year <= 2100:
            raise Invalid("day", "is not of our time")
    except Invalid:
        problems["day"] = "日期請寫成 2026/12/31"
        return None
    try:
        hour = time.fromisoformat(typed["at"])
    except ValueError:
        problems["at"] = "時間請寫成 14:30"
        return None
    return datetime.combine(day, hour.replace(tzinfo=None), TAIPEI)


def _items(typed: Mapping[str, str], problems: dict[str, str]) -> Iterator[Item]:
    for place in range(LINES):
        category, sku = typed[f"item-{place}-category"], typed[f"item-{place}-sku"]
        if category or sku or typed[f"item-{place}-price"]:
            price = _whole(typed, f"item-{place}-price", problems)
            yield Item(sku=sku, category=category, unit_price=price)


def answer(question: Question, terms: Terms) -> Result:
    """By the functions that the till calls; a cap per day counts as if nothing was earned yet."""
    earning, tier = terms.earning, terms.tier(question.tier)
    counted = purchases.counted(
        question.amount,
        question.items,
        excluded_categories=earning.excluded_categories,
        excluded_skus=earning.excluded_skus,
    )
    formula = points.formula_for(
        earning,
        tier=(tier.name, tier.percent),
        is_birthday_month=question.is_birthday_month,
        sold_at=question.sold_at,
        room_today=earning.cap_per_day,
    )
    earned = points.earned(counted, formula)
    steps = [Step("消費金額", money.show(question.amount))]
    if counted != question.amount:
        steps.append(Step("扣掉不累點的商品", f"−{money.show(question.amount - counted)}"))
    steps.append(Step("可累點的金額", money.show(counted)))
    whole = counted // formula.unit
    steps.append(Step(f"滿 {money.show(formula.unit)} 的次數（不足的不算）", f"{whole:,} 次"))
    if len(formula.factors) > 1:
        how = {"max": "取最高的一個", "sum": "相加", "product": "相乘"}[formula.combine]
        share = float(formula.multiplier())
        steps.append(Step(f"有幾個倍率：{how}", f"×{share:g}"))
    steps += [
        Step(reason.words, f"{reason.points:+,} 點")
        for reason in checkouts.reasons(earned, formula)
    ]
    at = points.usable_from(terms.points, question.sold_at)
    return Result(tuple(steps), earned.total, at, points.expires_at(terms.points, question.sold_at))

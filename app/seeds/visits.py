"""When people come and what they put on the counter. Plans only: nothing is written here."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Final

from app.core.clock import taipei_date, taipei_midnight
from app.purchases.rules import Item
from app.seeds.brand import DELIVERY, GIFT, PRODUCTS, STORES, Product
from app.seeds.people import Newcomer

DAY = timedelta(days=1)
REFUNDED: Final = 0.022  # share of visits after which something is brought back
UNKNOWN: Final = 0.12  # anonymous sales for each sale to a member
_HOURS: Final = (11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21)
_CROWDS: Final = (4, 7, 6, 7, 8, 9, 9, 11, 12, 9, 3)
# First and last month-day of the times when presents are bought, and how many people do.
_FEASTS: Final = (((1, 18), (2, 9), 0.75), ((5, 1), (5, 11), 0.45), ((9, 5), (9, 27), 0.75),
                  ((12, 10), (12, 24), 0.4))  # fmt: skip
_GIFTS: Final = tuple(product for product in PRODUCTS if product.category == GIFT)
_EVERYDAY: Final = tuple(product for product in PRODUCTS if product.category != GIFT)
_POPULARITY: Final = tuple(4.0 if product.cycle else 1.4 for product in _EVERYDAY)


@dataclass(frozen=True, slots=True)
class Return:
    """Brought back: everything, or the first line only."""

    at: datetime
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Visit:
    at: datetime
    store: int  # index
    items: tuple[Item, ...]
    uses_coupon: bool
    uses_points: bool
    channel: str
    brought_back: Return | None

    @property
    def amount(self) -> int:
        return sum(item.amount for item in self.items)


def visits_of(rng: Random, person: Newcomer, now: datetime) -> list[Visit]:
    """Oldest first, all before `now`."""
    if person.joined_at is None or person.habit == "never":
        return []
    favourites = rng.choices(_EVERYDAY, _POPULARITY, k=3)
    ends_at = min(now - timedelta(minutes=20), person.last_visit_at or now)
    return [
        _visit(rng, person, at, favourites, now)
        for at in sorted(_moments(rng, person, now))
        if person.joined_at < at < ends_at
    ]


def strangers(rng: Random, count: int, *, since: datetime, now: datetime) -> list[Visit]:
    """Sales to people who showed no card."""
    days = max(1, (now - since).days)
    moments = sorted(
        _open_time(rng, taipei_date(now) - timedelta(days=rng.randrange(days)))
        for _ in range(count)
    )
    nobody = Newcomer(met_at=since, habit="once", budget=560, home=0)
    return [
        replace(
            _visit(rng, replace(nobody, home=rng.choice((0, 0, 1, 2))), at, [], now),
            uses_coupon=False,
            uses_points=False,
        )
        for at in moments
        if at < now - timedelta(minutes=20)
    ]


# Moments ------------------------------------------------------------------------------------------


def _moments(rng: Random, person: Newcomer, now: datetime) -> list[datetime]:
    assert person.joined_at is not None
    first = _first_visit(rng, person)
    match person.habit:
        case "once":
            return [first]
        case "gift":
            return [first, *_feast_days(rng, taipei_date(person.joined_at), taipei_date(now))]
        case "regular":
            cycle = rng.uniform(15, 42)
            return _every(rng, first, person.cycle or cycle, now)
        case "occasional":
            return _every(rng, first, person.cycle or rng.uniform(70, 150), now)
        case "dormant":
            gone = now - timedelta(days=rng.uniform(150, 480))
            return _every(rng, first, person.cycle or rng.uniform(22, 60), max(first + DAY, gone))
        case _:
            cycle = person.cycle or rng.uniform(20, 40)
            silent = timedelta(days=cycle * rng.uniform(2.2, 3.6))
            return _every(rng, first, cycle, max(first + DAY, now - silent))


def _first_visit(rng: Random, person: Newcomer) -> datetime:
    """Most people join while they pay."""
    assert person.joined_at is not None
    at = person.joined_at + timedelta(minutes=rng.randint(3, 15))
    if person.role and person.habit == "once":
        return _open_time(rng, taipei_date(person.joined_at) + DAY)
    local_hour = ((at - taipei_midnight(taipei_date(at))) / timedelta(hours=1)) % 24
    if 11 <= local_hour < 21.4 and rng.random() < 0.75:
        return at
    return _open_time(rng, taipei_date(at) + timedelta(days=rng.randint(1, 25)))


def _every(rng: Random, first: datetime, cycle: float, until: datetime) -> list[datetime]:
    moments, at = [first], first
    while True:
        gap = max(1.0, rng.gauss(cycle, cycle * 0.35))
        at = _open_time(rng, taipei_date(at) + timedelta(days=round(gap)))
        if at >= until:
            return moments
        moments.append(at)


def _feast_days(rng: Random, since: date, until: date) -> list[datetime]:
    moments = []
    for year in range(since.year, until.year + 1):
        for (month, day), (last_month, last_day), share in _FEASTS:
            first, last = date(year, month, day), date(year, last_month, last_day)
            day_of_visit = first + timedelta(days=rng.randint(0, (last - first).days))
            if rng.random() < share and since < day_of_visit <= until:
                moments.append(_open_time(rng, day_of_visit))
    return moments


def _open_time(rng: Random, day: date) -> datetime:
    hour = rng.choices(_HOURS, _CROWDS)[0]
    minute = rng.randint(0, 29 if hour == _HOURS[-1] else 59)
    return taipei_midnight(day) + timedelta(hours=hour, minutes=minute, seconds=rng.randint(0, 59))


# Baskets ------------------------------------------------------------------------------------------


def _visit(
    rng: Random, person: Newcomer, at: datetime, favourites: list[Product], now: datetime
) -> Visit:
    store = person.home if rng.random() < 0.9 else rng.randrange(len(STORES))
    items = _basket(rng, person, favourites)
    back_at = at + timedelta(days=rng.uniform(0.1, 9)) if rng.random() < REFUNDED else None
    return Visit(
        at=at,
        store=store,
        items=items,
        # The cast saves everything up, so that there is something to try.
        uses_coupon=rng.random() < 0.6 and not person.role,
        uses_points=rng.random() < 0.16 and not person.role,
        channel="clerk" if rng.random() < 0.15 else "pos",
        brought_back=Return(back_at, is_whole=len(items) == 1 or rng.random() < 0.4)
        if back_at is not None and back_at < now
        else None,
    )


def _basket(rng: Random, person: Newcomer, favourites: list[Product]) -> tuple[Item, ...]:
    """Goods worth about the usual budget."""
    goal = person.budget * rng.uniform(0.55, 1.35)
    chosen: dict[str, int] = {}
    by_sku = {}
    total = 0
    while not chosen or (total < goal * 0.85 and len(chosen) < 7):
        product = _product(rng, person, favourites)
        by_sku[product.sku] = product
        chosen[product.sku] = chosen.get(product.sku, 0) + 1
        total += product.price
    items = [_item(by_sku[sku], count) for sku, count in chosen.items()]
    if rng.random() < 0.05:
        items.append(_item(DELIVERY, 1))
    return tuple(items)


def _product(rng: Random, person: Newcomer, favourites: list[Product]) -> Product:
    if person.habit == "gift" and rng.random() < 0.7:
        return rng.choice(_GIFTS)
    if favourites and rng.random() < 0.55:
        return rng.choice(favourites)
    if rng.random() < 0.02:
        return rng.choice(_GIFTS)
    return rng.choices(_EVERYDAY, _POPULARITY)[0]


def _item(product: Product, quantity: int) -> Item:
    return Item(product.sku, product.name, product.category, quantity, product.price)

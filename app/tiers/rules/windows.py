"""What is counted together, and how long a tier lasts. Days are Taipei days."""

from datetime import date, datetime, timedelta
from functools import lru_cache

from app.core.clock import taipei_date, taipei_midnight
from app.programmes.rules import Terms, TierTerms, add_months, first_of_quarter

DAY = timedelta(days=1)
EVER = date(1900, 1, 1)  # before any shop's first sale


@lru_cache(maxsize=4096)  # both asked for every card, of few different days
def window_start(day: date, *, months: int = 12) -> date:
    """First day of the rolling window that ends with `day`: 2026-03-10 → 2025-03-11."""
    return add_months(day, -months) + DAY


@lru_cache(maxsize=4096)
def counts_until(day: date, *, months: int = 12) -> date:
    """Last day whose rolling window still holds what was bought on `day`."""
    last = add_months(day, months)
    while window_start(last, months=months) > day:
        last -= DAY
    return last


@lru_cache(maxsize=4096)
def year_of_membership(day: date, joined_on: date) -> tuple[date, date]:
    """First and last day of the year since joining that holds `day`; who joined on 29 February
    begins it on 28 February of a common year. A day before joining counts back."""
    years = day.year - joined_on.year
    if add_months(joined_on, 12 * years) > day:
        years -= 1
    return add_months(joined_on, 12 * years), add_months(joined_on, 12 * (years + 1)) - DAY


def counted_with(tiering: TierTerms, day: date, joined_on: date) -> tuple[date, date | None]:
    """First day that counts together with `day`, when nothing later is looked at, and the last day
    on which what was bought on `day` still counts (None: for good)."""
    match tiering.window:
        case "rolling":
            months = tiering.window_months
            return window_start(day, months=months), counts_until(day, months=months)
        case "calendar_year":
            return date(day.year, 1, 1), date(day.year, 12, 31)
        case "anniversary":
            return year_of_membership(day, joined_on)
        case "lifetime":
            return EVER, None


def first_day(tiering: TierTerms, day: date, joined_on: date) -> date:
    """First day that counts together with `day`, which is the last one looked at."""
    return counted_with(tiering, day, joined_on)[0]


def last_day_counted(tiering: TierTerms, day: date, joined_on: date) -> date | None:
    """Last day on which what was bought on `day` still counts; None: for good."""
    return counted_with(tiering, day, joined_on)[1]


def next_ends_at(tiering: TierTerms, starts_at: datetime, joined_on: date) -> datetime | None:
    """First instant after a period that follows one which ended: in fixed years the year that
    begins, because the year before it decided. None: never."""
    if tiering.window == "rolling":
        return ends_at(starts_at, months=tiering.validity_months)
    last = last_day_counted(tiering, taipei_date(starts_at), joined_on)
    return None if last is None else taipei_midnight(last + DAY)


def upgrade_ends_at(tiering: TierTerms, starts_at: datetime, joined_on: date) -> datetime | None:
    """First instant after a tier that was reached then. Of fixed years it is the end of the next
    one, so that a whole year decides whether it goes on. None: never."""
    end = next_ends_at(tiering, starts_at, joined_on)
    if tiering.window == "rolling" or end is None:
        return end
    return next_ends_at(tiering, end, joined_on)


def ends_at(starts_at: datetime, *, months: int = 12) -> datetime:
    """First instant after a validity that began on that day: a year less one day, to 23:59:59."""
    return taipei_midnight(add_months(taipei_date(starts_at), months))


def last_day(end: datetime) -> date:
    """The last whole day before an end: 2026-12-31 for the midnight after it."""
    return taipei_date(end - timedelta(microseconds=1))


def recomputed_since(tiering: TierTerms, day: date) -> date:
    """First day of the period for which thresholds of the top few are frozen."""
    return day.replace(day=1) if tiering.recomputed == "month" else first_of_quarter(day)


def recomputed_on(tiering: TierTerms, day: date) -> date:
    """The day on which they are counted next."""
    months = 1 if tiering.recomputed == "month" else 3
    return add_months(recomputed_since(tiering, day), months)


def is_within_return_window(terms: Terms, sold_at: datetime, now: datetime) -> bool:
    return taipei_date(now) <= taipei_date(sold_at) + terms.return_window_days * DAY

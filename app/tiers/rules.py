"""Windows, thresholds, validity and what happens when it ends. Days are Taipei days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from app.core.clock import taipei_date, taipei_midnight
from app.programmes.rules import Terms, Tier, add_months

DAY = timedelta(days=1)


def window_start(day: date, *, months: int = 12) -> date:
    """First day of the rolling window that ends with `day`: 2026-03-10 → 2025-03-11."""
    return add_months(day, -months) + DAY


@lru_cache(maxsize=4096)  # asked for every card, of few different days
def counts_until(day: date, *, months: int = 12) -> date:
    """Last day whose rolling window still holds what was bought on `day`."""
    last = add_months(day, months)
    while window_start(last, months=months) > day:
        last -= DAY
    return last


def ends_at(starts_at: datetime, *, months: int = 12) -> datetime:
    """First instant after a validity that began on that day: a year less one day, to 23:59:59."""
    return taipei_midnight(add_months(taipei_date(starts_at), months))


def last_day(end: datetime) -> date:
    """The last whole day before an end: 2026-12-31 for the midnight after it."""
    return taipei_date(end - timedelta(microseconds=1))


def earned_tier(terms: Terms, spent: int) -> Tier:
    """The highest tier that NT$ `spent` reaches; invitations are not bought."""
    return [
        tier
        for tier in terms.tiers
        if not tier.is_invite_only and (spent >= tier.threshold or tier == terms.tiers[0])
    ][-1]


def next_tier(terms: Terms, code: str) -> Tier | None:
    """The next tier that spending can reach; None at the top."""
    higher = terms.tiers[terms.rank(code) + 1 :]
    return next((tier for tier in higher if not tier.is_invite_only), None)


def best_window(
    days: Sequence[tuple[date, int]], *, since: date, until: date, months: int
) -> tuple[date, int]:
    """Of the windows that end on `since`, or on a later day of `days` up to `until`, the one with
    the largest sum: (its last day, NT$). A late sale counts in windows that ended since."""
    ends = sorted({since, *(day for day, _ in days if since <= day <= until)})
    sums = [
        (end, sum(amount for day, amount in days if window_start(end, months=months) <= day <= end))
        for end in ends
    ]
    return max(sums, key=lambda found: (found[1], -found[0].toordinal()))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows a period that ended: the tier, and whether it was renewed."""

    tier: Tier
    is_renewed: bool


def at_expiry(terms: Terms, code: str, spent: int) -> Outcome:
    """`spent` is NT$ bought inside the period, without the sales up to the upgrade."""
    tier, rank = terms.tier(code), terms.rank(code)
    if rank == 0 or (not tier.is_invite_only and spent >= tier.renewal_threshold):
        return Outcome(tier, is_renewed=True)
    lower = [item for item in terms.tiers[:rank] if not item.is_invite_only]
    if terms.tiering.downgrade == "one_down":
        return Outcome(lower[-1], is_renewed=False)
    earned = earned_tier(terms, spent)
    return Outcome(earned if earned in lower else lower[-1], is_renewed=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a member is. `until` is the last day on which the amounts hold; amounts to go are
    NT$ and at least 1 while the goal is not reached; `percent` is 0–100."""

    tier: Tier
    spent: int
    tier_until: date | None
    next_tier: Tier | None
    to_next: int
    until: date
    percent: int
    to_renew: int  # NT$ still missing inside the period; 0 when renewed or without an end


def progress(
    terms: Terms,
    *,
    code: str,
    period_ends_at: datetime | None,
    spent: int,
    first_day: date | None,
    spent_in_period: int,
    today: date,
) -> Progress:
    """`spent` in the rolling window that ends today, `first_day` the first day that adds to it."""
    tier, goal = terms.tier(code), next_tier(terms, code)
    shown = max(0, spent)
    return Progress(
        tier=tier,
        spent=shown,
        tier_until=None if period_ends_at is None else last_day(period_ends_at),
        next_tier=goal,
        to_next=0 if goal is None else max(1, goal.threshold - shown),
        until=counts_until(first_day or today, months=terms.tiering.window_months),
        percent=100 if goal is None else min(99, shown * 100 // max(1, goal.threshold)),
        to_renew=0
        if period_ends_at is None
        else max(0, tier.renewal_threshold - max(0, spent_in_period)),
    )


def is_within_return_window(terms: Terms, sold_at: datetime, now: datetime) -> bool:
    return taipei_date(now) <= taipei_date(sold_at) + terms.return_window_days * DAY

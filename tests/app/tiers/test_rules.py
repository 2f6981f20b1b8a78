from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import TAIPEI
from app.programmes.rules import DEFAULT, Terms, Tier
from app.tiers import rules
from app.tiers.rules import Counted, Sums

DAY = timedelta(days=1)


def taipei(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TAIPEI)


@pytest.mark.parametrize(
    ("day", "first"),
    [
        ("2026-03-10", "2025-03-11"),
        ("2027-02-28", "2026-03-01"),
        ("2028-02-28", "2027-03-01"),
        ("2028-02-29", "2027-03-01"),
        ("2029-02-28", "2028-02-29"),
        ("2028-03-01", "2027-03-02"),
        ("2026-12-31", "2026-01-01"),
    ],
)
def test_the_window_is_a_year_by_the_calendar(day: str, first: str) -> None:
    assert rules.window_start(date.fromisoformat(day)) == date.fromisoformat(first)


@given(st.dates(date(2020, 1, 1), date(2036, 1, 1)), st.integers(1, 24))
def test_a_day_counts_exactly_until_its_last_window(day: date, months: int) -> None:
    last = rules.counts_until(day, months=months)
    assert rules.window_start(last, months=months) <= day
    assert rules.window_start(last + DAY, months=months) > day


@pytest.mark.parametrize(
    ("start", "last"),
    [
        ("2026-03-10T15:00", "2027-03-09"),
        ("2026-01-01T00:00", "2026-12-31"),
        ("2028-02-29T12:00", "2029-02-27"),
    ],
)
def test_a_tier_lasts_through_the_day_before_the_same_date(start: str, last: str) -> None:
    end = rules.ends_at(taipei(start))
    assert rules.last_day(end) == date.fromisoformat(last)
    assert end == taipei(last) + DAY


@pytest.mark.parametrize(
    ("spent", "code"),
    [
        (-5, "basic"),
        (0, "basic"),
        (4_999, "basic"),
        (5_000, "silver"),
        (19_999, "silver"),
        (20_000, "gold"),
        (60_000, "platinum"),
        (9_000_000, "platinum"),
    ],
)
def test_the_threshold_itself_is_enough_and_one_below_is_not(spent: int, code: str) -> None:
    assert rules.earned_tier(DEFAULT, Sums(spend=spent)).code == code


INVITED = replace(DEFAULT, tiers=(*DEFAULT.tiers, Tier("black", "黑卡", 0, is_invite_only=True)))


def test_an_invitation_is_not_bought() -> None:
    assert rules.earned_tier(INVITED, Sums(spend=9_000_000)).code == "platinum"
    assert rules.next_tier(INVITED, "platinum") is None
    assert rules.at_expiry(INVITED, "black", Sums(spend=9_000_000)).tier.code == "platinum"


def terms(**tiering: object) -> Terms:
    return replace(DEFAULT, tiering=replace(DEFAULT.tiering, **tiering))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("downgrade", "code", "spent", "expected", "renewed"),
    [
        ("by_amount", "gold", 20_000, "gold", True),
        ("by_amount", "gold", 19_999, "silver", False),
        ("by_amount", "platinum", 4_999, "basic", False),
        ("by_amount", "platinum", 20_000, "gold", False),
        ("one_down", "platinum", 0, "gold", False),
        ("one_down", "silver", 0, "basic", False),
        ("by_amount", "basic", 0, "basic", True),
    ],
)
def test_what_follows_the_end_of_a_tier(
    downgrade: str, code: str, spent: int, expected: str, renewed: bool
) -> None:
    outcome = rules.at_expiry(terms(downgrade=downgrade), code, Sums(spend=spent))
    assert (outcome.tier.code, outcome.is_renewed) == (expected, renewed)


def test_renewal_may_ask_for_less_or_more_than_the_tier() -> None:
    basic, silver, gold, platinum = DEFAULT.tiers
    cheap = replace(DEFAULT, tiers=(basic, silver, replace(gold, renewal=12_000), platinum))
    assert rules.at_expiry(cheap, "gold", Sums(spend=12_000)).is_renewed
    dear = replace(DEFAULT, tiers=(basic, silver, replace(gold, renewal=30_000), platinum))
    outcome = rules.at_expiry(dear, "gold", Sums(spend=29_999))
    assert (outcome.tier.code, outcome.is_renewed) == ("silver", False)


def test_a_late_sale_is_seen_in_the_windows_that_ended_since() -> None:
    days = [(date(2026, 1, 5), 100), (date(2026, 3, 1), 300), (date(2026, 6, 1), 700)]
    best = rules.best_window(
        [(day, Sums(spend=amount)) for day, amount in days],
        DEFAULT,
        since=date(2026, 3, 1),
        until=date(2027, 2, 28),
        first_of=rules.window_start,
    )
    assert best == (date(2026, 6, 1), Sums(spend=1_100))


def progress(spent: int, *, first: date | None = None, inside: int = 0) -> rules.Progress:
    return rules.progress(
        DEFAULT,
        code="silver",
        period_ends_at=taipei("2027-01-01T00:00"),
        counted=Counted(Sums(spend=spent), first),
        in_period=Sums(spend=inside),
        today=date(2026, 7, 4),
        joined_on=date(2025, 1, 1),
    )


def test_progress_says_what_is_missing_and_until_when_it_holds() -> None:
    seen = progress(18_760, first=date(2026, 1, 1), inside=3_000)
    assert seen.next_tier is not None
    assert (seen.next_tier.name, seen.to_next, seen.percent) == ("金卡", 1_240, 93)
    assert seen.until == date(2026, 12, 31)
    assert (seen.tier_until, seen.to_renew) == (date(2026, 12, 31), 2_000)


def test_progress_is_never_shown_below_zero_nor_done_before_it_is() -> None:
    assert (progress(-500).spent, progress(-500).to_next, progress(-500).percent) == (0, 20_000, 0)
    assert (progress(25_000).to_next, progress(25_000).percent) == (1, 99)


def test_the_top_tier_has_nothing_to_reach() -> None:
    seen = rules.progress(
        DEFAULT,
        code="platinum",
        period_ends_at=None,
        counted=Counted(Sums(spend=1), None),
        in_period=Sums(),
        today=date(2026, 7, 4),
        joined_on=date(2025, 1, 1),
    )
    assert (seen.next_tier, seen.to_next, seen.percent, seen.to_renew) == (None, 0, 100, 0)


@pytest.mark.parametrize(
    ("now", "inside"), [("2026-08-03T23:59:59", True), ("2026-08-04T00:00", False)]
)
def test_the_return_window_counts_days(now: str, inside: bool) -> None:
    sold_at = taipei("2026-07-04T21:00")
    assert rules.is_within_return_window(DEFAULT, sold_at, taipei(now)) is inside

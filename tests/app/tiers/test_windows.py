"""Calendar years, years of membership, and everything since joining."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import TAIPEI, taipei_date
from app.programmes.rules import DEFAULT, TierTerms, Window
from app.tiers import rules

DAY = timedelta(days=1)
DAYS = st.dates(date(2015, 1, 1), date(2036, 12, 31))
WINDOWS: list[Window] = ["rolling", "calendar_year", "anniversary", "lifetime"]


def tiering(window: Window) -> TierTerms:
    return replace(DEFAULT.tiering, window=window)


@pytest.mark.parametrize(
    ("window", "day", "joined_on", "first", "last"),
    [
        ("rolling", "2026-03-10", "2020-06-05", "2025-03-11", "2027-03-09"),
        ("calendar_year", "2026-03-10", "2020-06-05", "2026-01-01", "2026-12-31"),
        ("calendar_year", "2026-01-01", "2020-06-05", "2026-01-01", "2026-12-31"),
        ("calendar_year", "2025-12-31", "2020-06-05", "2025-01-01", "2025-12-31"),
        ("anniversary", "2026-06-04", "2020-06-05", "2025-06-05", "2026-06-04"),
        ("anniversary", "2026-06-05", "2020-06-05", "2026-06-05", "2027-06-04"),
        ("anniversary", "2020-06-05", "2020-06-05", "2020-06-05", "2021-06-04"),
        # Joined on 29 February: the year begins on the 28th where there is no 29th.
        ("anniversary", "2027-02-28", "2024-02-29", "2027-02-28", "2028-02-28"),
        ("anniversary", "2027-02-27", "2024-02-29", "2026-02-28", "2027-02-27"),
        ("anniversary", "2028-02-28", "2024-02-29", "2027-02-28", "2028-02-28"),
        ("anniversary", "2028-02-29", "2024-02-29", "2028-02-29", "2029-02-27"),
        # A sale that an import brings from before the joining.
        ("anniversary", "2020-06-04", "2020-06-05", "2019-06-05", "2020-06-04"),
        ("lifetime", "2026-03-10", "2020-06-05", "1900-01-01", None),
    ],
)
def test_what_counts_together(
    window: Window, day: str, joined_on: str, first: str, last: str | None
) -> None:
    on, joined = date.fromisoformat(day), date.fromisoformat(joined_on)
    assert rules.first_day(tiering(window), on, joined) == date.fromisoformat(first)
    end = None if last is None else date.fromisoformat(last)
    assert rules.last_day_counted(tiering(window), on, joined) == end


@given(DAYS, DAYS, st.sampled_from(WINDOWS[:3]))
def test_a_day_counts_to_its_last_day_and_no_longer(
    day: date, joined_on: date, window: Window
) -> None:
    terms = tiering(window)
    last = rules.last_day_counted(terms, day, joined_on)
    assert last is not None
    assert rules.first_day(terms, day, joined_on) <= day <= last
    assert rules.first_day(terms, last, joined_on) <= day
    assert rules.first_day(terms, last + DAY, joined_on) > day


@given(DAYS, DAYS)
def test_years_of_membership_leave_no_day_out(day: date, joined_on: date) -> None:
    _, last = rules.year_of_membership(day, joined_on)
    first, _ = rules.year_of_membership(last + DAY, joined_on)
    assert first == last + DAY
    assert 364 <= (last - rules.year_of_membership(day, joined_on)[0]).days <= 365


@pytest.mark.parametrize(
    ("window", "start", "last", "follows"),
    [
        ("rolling", "2026-03-10T15:00", "2027-03-09", "2027-03-09"),
        ("calendar_year", "2026-03-10T15:00", "2027-12-31", "2026-12-31"),
        ("calendar_year", "2026-12-31T23:59:59", "2027-12-31", "2026-12-31"),
        ("calendar_year", "2027-01-01T00:00", "2028-12-31", "2027-12-31"),
        ("anniversary", "2026-03-10T15:00", "2027-06-04", "2026-06-04"),
        ("lifetime", "2026-03-10T15:00", None, None),
    ],
)
def test_how_long_a_tier_lasts(
    window: Window, start: str, last: str | None, follows: str | None
) -> None:
    """`last` after an upgrade, `follows` when the period begins because another ended."""
    at = datetime.fromisoformat(start).replace(tzinfo=TAIPEI)
    joined_on = date(2020, 6, 5)
    for ends_at, said in (
        (rules.upgrade_ends_at(tiering(window), at, joined_on), last),
        (rules.next_ends_at(tiering(window), at, joined_on), follows),
    ):
        found = None if ends_at is None else rules.last_day(ends_at)
        assert found == (None if said is None else date.fromisoformat(said))


@given(st.datetimes(datetime(2016, 1, 1), datetime(2036, 1, 1)), DAYS, st.sampled_from(WINDOWS))
def test_a_tier_ends_after_it_began(naive: datetime, joined_on: date, window: Window) -> None:
    at = naive.replace(tzinfo=TAIPEI)
    for end in (
        rules.upgrade_ends_at(tiering(window), at, joined_on),
        rules.next_ends_at(tiering(window), at, joined_on),
    ):
        assert end is None or (end > at and taipei_date(end - timedelta(seconds=1)) >= at.date())

"""Quiet hours, caps, hold-out and days as tables of values."""

from datetime import date, datetime, timedelta

import pytest

from app.core.clock import TAIPEI
from app.journeys import rules
from tests.app.journeys.brand import at

D = date(2026, 7, 10)


@pytest.mark.parametrize(
    ("hour", "minute", "is_quiet"),
    [(20, 59, False), (21, 0, True), (23, 59, True), (0, 0, True), (8, 59, True), (9, 0, False)],
)
def test_quiet_hours_end_where_they_end(hour: int, minute: int, is_quiet: bool) -> None:
    assert rules.is_quiet(at(D, hour, minute)) is is_quiet


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (at(D, 21), at(D + rules.DAY, 9)),
        (at(D, 23, 59), at(D + rules.DAY, 9)),
        (at(D, 0), at(D, 9)),
        (at(D, 8, 59), at(D, 9)),
    ],
)
def test_the_night_ends_at_nine(now: datetime, until: datetime) -> None:
    assert rules.quiet_until(now) == until


@pytest.mark.parametrize(
    ("booked", "free"),
    [
        ([], 0),
        ([0], 1),
        ([-1], 0),
        ([-1, -2], 0),
        ([-1, -2, -3], 4),  # three in seven days: the oldest must be seven days away
        ([-6, -5, -4], 1),
        ([-7, -6, -5], 0),
        ([0, -1, -2], 5),
        ([-6, -3, 0], 1),
    ],
)
def test_the_next_free_day(booked: list[int], free: int) -> None:
    days = {D + timedelta(days=ahead) for ahead in booked}
    assert rules.free_day(days, D) == D + timedelta(days=free)


def test_about_one_in_twenty_is_held_out_and_always_the_same() -> None:
    held_out = [number for number in range(20_000) if rules.is_held_out(number)]
    assert 0.045 < len(held_out) / 20_000 < 0.055
    assert held_out == [number for number in range(20_000) if rules.is_held_out(number)]


@pytest.mark.parametrize(
    ("day", "last"),
    [
        (date(2026, 2, 1), date(2026, 2, 28)),
        (date(2028, 2, 1), date(2028, 2, 29)),
        (date(2026, 12, 31), date(2026, 12, 31)),
        (date(2026, 4, 15), date(2026, 4, 30)),
    ],
)
def test_the_last_day_of_a_month(day: date, last: date) -> None:
    assert rules.month_end(day) == last


@pytest.mark.parametrize(("value", "least"), [(1.0, 20), (0.5, 40), (0.3, 67), (100.0, 1), (0, 20)])
def test_fewer_points_than_that_need_no_reminder(value: float, least: int) -> None:
    assert rules.least_points(value) == least


def test_no_trigger_looks_for_an_occasion_that_is_over() -> None:
    now = at(date(2026, 7, 31), 22)
    assert all(trigger.stale_at > now for trigger in rules.triggers_at(now))


def test_every_rule_is_looked_for_on_its_day() -> None:
    """All but the birthdays have every day; those have the first and the seventh last."""
    today = {t.rule.code for t in rules.triggers_at(at(D)) if t.day == D}
    birthdays = {rules.BIRTHDAY.code, rules.BIRTHDAY_REMINDER.code}
    assert today == {rule.code for rule in rules.RULES} - birthdays
    first = {t.rule.code for t in rules.triggers_at(at(date(2026, 7, 1)))}
    assert rules.BIRTHDAY.code in first
    reminder = [t for t in rules.triggers_at(at(date(2026, 7, 24))) if t.rule.code in birthdays]
    assert [t.rule.code for t in reminder] == [rules.BIRTHDAY_REMINDER.code]


def test_messages_go_at_ten_in_taipei() -> None:
    assert rules.send_time(D).astimezone(TAIPEI).hour == 10

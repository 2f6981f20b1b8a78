"""Quiet hours, caps and hold-out as tables of values."""

from datetime import date, datetime, timedelta

import pytest

from app.attention import rules
from tests.app.lifecycle.brand import at

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

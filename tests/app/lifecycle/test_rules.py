"""The days of life-cycle messages as tables of values."""

from datetime import date

import pytest

from app.attention import rules as attention
from app.core.clock import TAIPEI
from app.lifecycle import rules
from tests.app.lifecycle.brand import at

D = date(2026, 7, 10)


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
    assert attention.send_time(D).astimezone(TAIPEI).hour == 10

"""The arithmetic of missions as tables of values."""

from dataclasses import replace
from datetime import date

import pytest

from app.missions import rules
from app.missions.rules import (
    Audience,
    Bought,
    Day,
    Deed,
    MissionDraft,
    Period,
    Record,
    Reward,
    Step,
    Window,
)

JOINED = date(2026, 7, 1)
MONTH = Window("month", starts_on=date(2026, 1, 1))


@pytest.mark.parametrize(
    ("window", "day", "expected"),
    [
        (MONTH, date(2026, 7, 31), ("2026-07", date(2026, 7, 1), date(2026, 8, 1))),
        (MONTH, date(2026, 8, 1), ("2026-08", date(2026, 8, 1), date(2026, 9, 1))),
        (MONTH, date(2026, 12, 31), ("2026-12", date(2026, 12, 1), date(2027, 1, 1))),
        (MONTH, date(2028, 2, 29), ("2028-02", date(2028, 2, 1), date(2028, 3, 1))),
        (MONTH, date(2025, 12, 31), None),
        (
            Window("month", date(2026, 7, 10), date(2026, 7, 20)),
            date(2026, 7, 20),
            ("2026-07", date(2026, 7, 10), date(2026, 7, 21)),
        ),
        (Window("month", date(2026, 7, 10), date(2026, 7, 20)), date(2026, 7, 21), None),
        (
            Window("week", date(2026, 1, 1)),
            date(2027, 1, 1),
            ("2026-W53", date(2026, 12, 28), date(2027, 1, 4)),
        ),
        (
            Window("joined", days=30),
            date(2026, 7, 30),
            ("joined", date(2026, 7, 1), date(2026, 7, 31)),
        ),
        (Window("joined", days=30), date(2026, 7, 31), None),
        (Window("joined", days=30), date(2026, 6, 30), None),
        (
            Window("dates", date(2026, 7, 1), date(2026, 7, 7)),
            date(2026, 7, 7),
            ("dates", date(2026, 7, 1), date(2026, 7, 8)),
        ),
    ],
)
def test_the_days_of_a_period(
    window: Window, day: date, expected: tuple[str, date, date] | None
) -> None:
    found = rules.period_of(window, day, joined_on=JOINED)
    assert found == (None if expected is None else Period(*expected))


JULY = Period("2026-07", date(2026, 7, 1), date(2026, 8, 1))
RECORD = Record(
    days=(
        Day(date(2026, 6, 30), 9, 9_000),
        Day(date(2026, 7, 1), 2, 300),
        Day(date(2026, 7, 5), 0, 0),  # all given back
        Day(date(2026, 7, 31), 1, 500),
        Day(date(2026, 8, 1), 9, 9_000),
    ),
    sales=(
        Bought(1, date(2026, 7, 1), 100, "xinyi", (("T1", "茶", 2),)),
        Bought(2, date(2026, 7, 1), 200, "daan", (("C1", "蛋糕", 1), ("T1", "茶", 1))),
        Bought(3, date(2026, 7, 5), 0, "xinyi", (("T1", "茶", 9),)),
        Bought(4, date(2026, 7, 31), 500, "xinyi"),
        Bought(5, date(2026, 8, 1), 900, "xinyi", (("T1", "茶", 9),)),
    ),
    deeds=(
        Deed(date(2026, 7, 2), "checkins", "xinyi"),
        Deed(date(2026, 7, 3), "checkins", "xinyi"),
        Deed(date(2026, 7, 3), "reads", "tea"),
        Deed(date(2026, 7, 4), "reads", "tea"),
        Deed(date(2026, 7, 3), "invoices", "AB12345678"),
        Deed(date(2026, 7, 9), "invoices", "AB12345678", -1),
        Deed(date(2026, 8, 1), "reads", "cake"),
    ),
    profile=frozenset({"name", "email"}),
)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Step("visits"), 2),
        (Step("purchases"), 3),
        (Step("spend"), 800),
        (Step("visits", stores=("xinyi",)), 2),
        (Step("visits", stores=("daan",)), 1),
        (Step("purchases", min_amount=200), 2),
        (Step("purchases", min_amount=201), 1),
        (Step("spend", min_amount=200), 700),
        (Step("items", skus=("T1",)), 3),
        (Step("items", categories=("蛋糕",)), 1),
        (Step("items", skus=("T1",), categories=("茶",)), 3),
        (Step("checkins"), 2),
        (Step("checkins", stores=("daan",)), 0),
        (Step("reads"), 1),
        (Step("reads", keys=("cake",)), 0),
        (Step("invoices"), 0),
        (Step("survey"), 0),
        (Step("profile", 2, fields=("name", "birthday", "email")), 2),
    ],
)
def test_what_a_step_counts(step: Step, expected: int) -> None:
    assert rules.counted(step, RECORD, JULY) == expected


@pytest.mark.parametrize(
    ("done", "at", "length", "expected"),
    [
        ("110", 1, 2, "ab"),
        ("101", 1, 2, ""),
        ("111", 2, 3, "abc"),
        ("111", 1, 3, "abc"),  # a late sale closes the gap
        ("011", 0, 2, ""),
        ("001", 2, 1, "c"),
    ],
)
def test_a_streak_is_so_many_in_a_row(done: str, at: int, length: int, expected: str) -> None:
    periods = [
        Period("abc"[index], date(2026, 1 + index, 1), date(2026, 2 + index, 1))
        for index in range(3)
    ]
    flags = {period.key: done[index] == "1" for index, period in enumerate(periods)}
    run = rules.full_run(periods, flags, periods[at], length)
    assert "".join(period.key for period in run) == expected


@pytest.mark.parametrize(
    ("audience", "is_in"),
    [
        (Audience(), True),
        (Audience(tiers=("gold",)), True),
        (Audience(tiers=("silver",)), False),
        (Audience(joined_within_days=30), True),
        (Audience(joined_within_days=29), False),
        (Audience(in_birth_month=True), True),
    ],
)
def test_whom_a_mission_is_for(audience: Audience, is_in: bool) -> None:
    found = rules.is_for(
        audience, tier="gold", joined_on=JOINED, birth_month=7, on=date(2026, 7, 30)
    )
    assert found == is_in


GOOD = MissionDraft("m", "每月常客", (Step("visits", 3),), window=MONTH, reward=Reward(points=30))


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (GOOD, None),
        (replace(GOOD, code=""), "code"),
        (replace(GOOD, steps=()), "steps"),
        (replace(GOOD, steps=(Step("visits", 0),)), "steps.0.target"),
        (replace(GOOD, steps=(Step("items"),)), "steps.0.skus"),
        (replace(GOOD, steps=(Step("profile", fields=("phone",)),)), "steps.0.fields"),
        (replace(GOOD, steps=(Step("reads", min_amount=5),)), "steps.0.min_amount"),
        (replace(GOOD, window=Window("month")), "window.starts_on"),
        (replace(GOOD, window=Window("dates")), "window.starts_on"),
        (replace(GOOD, window=Window("joined")), "window.days"),
        (replace(GOOD, streak=13), "streak"),
        (replace(GOOD, window=Window("joined", days=9), repeats=True), "repeats"),
        (replace(GOOD, reward=Reward()), "reward"),
        (replace(GOOD, reward=Reward(points=-1)), "reward.points"),
        (replace(GOOD, reward_limit=-1), "reward_limit"),
        (replace(GOOD, audience=Audience(joined_within_days=0)), "audience.joined_within_days"),
    ],
)
def test_a_contradiction_names_its_field(draft: MissionDraft, field: str | None) -> None:
    found = [".".join(str(step) for step in path) for path, _ in rules.faults(draft)]
    assert (field in found) if field else not found

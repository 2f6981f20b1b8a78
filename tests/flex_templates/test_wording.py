from datetime import UTC, date, datetime

import pytest

from flex_templates import wording
from flex_templates.limits import utf16_length


@pytest.mark.parametrize(("amount", "shown"), [(0, "NT$0"), (1240, "NT$1,240"), (-240, "-NT$240")])
def test_money_is_shown_in_whole_dollars(amount: int, shown: str) -> None:
    assert wording.money(amount) == shown


def test_times_are_shown_in_taipei() -> None:
    late = datetime(2026, 12, 31, 16, 30, 5, tzinfo=UTC)

    assert wording.moment(late) == "2027/01/01 00:30"
    assert wording.clock(late) == "00:30:05"
    assert wording.day(date(2026, 3, 9)) == "2026/03/09"


@pytest.mark.parametrize(
    ("percent_off", "shown"),
    [(10, "9 折"), (15, "85 折"), (50, "5 折"), (95, "0.5 折"), (91, "0.9 折"), (100, "免費"),
     (0, "原價"), (1, "99 折")],
)  # fmt: skip
def test_a_percentage_off_is_said_as_folds(percent_off: int, shown: str) -> None:
    assert wording.folds(percent_off) == shown


def test_what_is_missing_is_never_nothing() -> None:
    assert wording.missing(" ", "金卡", None) == "再次消費 即可升等金卡"
    assert (
        wording.missing("再消費 NT$1,240", "金卡", date(2026, 12, 31))
        == "再消費 NT$1,240 即可升等金卡（至\N{NO-BREAK SPACE}2026/12/31）"
    )


def test_a_bar_is_full_only_when_all_is_there() -> None:
    assert wording.percent(999, 1000) == 99
    assert wording.percent(2000, 1000) == 100
    assert wording.percent(1, 0) == 0


def test_clipping_never_cuts_a_character_in_two() -> None:
    family = "👨‍👩‍👧‍👦"

    assert wording.clip("王小明", 3) == "王小明"
    assert wording.clip("王小明先生", 4) == "王小明…"
    assert wording.clip(family * 10, 4) == "…"
    assert wording.clip("🇹🇼" * 10, 4) == "🇹🇼…"
    assert utf16_length(wording.clip_units("😀" * 1000, 1500)) <= 1500


def test_a_number_is_read_aloud_in_groups() -> None:
    assert wording.spaced("2601234564") == "2601 2345 64"
    assert wording.spaced("") == "—"

"""Scores by hand, by the published tables, and for any history."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scores import rules
from app.scores.rules import Cuts

NAMED = {
    "champions": ("5", "45"),
    "loyal": ("34", "45"),
    "potential": ("45", "23"),
    "new": ("5", "1"),
    "promising": ("4", "1"),
    "attention": ("3", "3"),
    "about_to_sleep": ("3", "12"),
    "at_risk": ("12", "34"),
    "cannot_lose": ("12", "5"),
    "lost": ("1", "1"),
}


def test_every_cell_has_the_group_of_the_table() -> None:
    for r in rules.SCORES:
        for fm in rules.SCORES:
            named = [
                code
                for code, (rs, fms) in NAMED.items()
                # Loyal is R 3–4: of R 4 it takes FM 4–5, and potential the rest.
                if str(r) in rs and str(fm) in fms
            ]
            assert [rules.group(r, fm)] == (named or ["hibernating"]), (r, fm)


def test_every_group_has_a_name_and_a_cell() -> None:
    cells = {rules.group(r, fm) for r in rules.SCORES for fm in rules.SCORES}
    assert cells == set(rules.GROUPS)


@pytest.mark.parametrize(("f", "m", "fm"), [(1, 1, 1), (1, 2, 2), (5, 4, 5), (3, 3, 3), (1, 5, 3)])
def test_fm_is_the_middle_of_f_and_m_rounded_up(f: int, m: int, fm: int) -> None:
    assert rules.worth_score(f, m) == fm


@pytest.mark.parametrize(
    ("days", "score"),
    [(0, 5), (30, 5), (31, 4), (90, 4), (91, 3), (180, 3), (181, 2), (365, 2), (366, 1)],
)
def test_fixed_recency(days: int, score: int) -> None:
    assert rules.recency_score(days, rules.fixed("r")) == score


@pytest.mark.parametrize(
    ("days", "score"), [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3), (6, 3), (7, 4), (12, 4), (13, 5)]
)
def test_fixed_frequency(days: int, score: int) -> None:
    assert rules.score(days, rules.fixed("f")) == score


def _cuts(values: list[int]) -> Cuts:
    ordered = sorted(values)
    return rules.cuts(len(values), dict(enumerate(ordered)))


def test_percentiles_are_interpolated() -> None:
    """Ten values: 20 % lies at rank 1.8, so at 18."""
    assert _cuts([0, 10, 20, 30, 40, 50, 60, 70, 80, 90]).shown == (18, 36, 54, 72)


def test_cuts_are_shown_as_they_are_compared() -> None:
    assert rules.fixed("r").shown == (31, 91, 181, 366)


@given(st.lists(st.integers(0, 40_000), min_size=1, max_size=60))
def test_cuts_are_exact_percentiles(values: list[int]) -> None:
    ordered = sorted(values)
    for fifth, cut in enumerate(_cuts(values).fifths, start=1):
        place = Fraction((len(values) - 1) * fifth, 5)
        low = int(place)
        high = min(low + 1, len(values) - 1)
        exact = ordered[low] + (place - low) * (ordered[high] - ordered[low])
        assert Fraction(cut, 5) == exact


@given(st.lists(st.integers(1, 500), min_size=1, max_size=60))
def test_more_never_scores_less_and_the_same_scores_the_same(values: list[int]) -> None:
    of = _cuts(values)
    scored = [(value, rules.score(value, of)) for value in sorted(values)]
    assert [score for _, score in scored] == sorted(score for _, score in scored)
    assert len(set(scored)) == len({value for value, _ in scored})
    assert {score for _, score in scored} <= set(rules.SCORES)


def test_when_all_are_equal_all_score_the_same() -> None:
    assert {rules.score(value, _cuts([7] * 20)) for value in [7] * 20} == {1}


def test_who_spent_nothing_in_the_year_scores_one() -> None:
    assert rules.score(0, rules.fixed("m")) == 1


# NES ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "state"),
    [(0, "E0"), (20, "E0"), (21, "S1"), (25, "S1"), (26, "S2"), (30, "S2"), (31, "S3")],
)
def test_states_of_who_comes_every_ten_days(since: int, state: str) -> None:
    """Upper bounds belong to their state."""
    assert rules.state(since, span=40, days=5, brand=9_999) == state


@pytest.mark.parametrize(
    ("since", "state"), [(60, "N0"), (61, "S1"), (75, "S1"), (76, "S2"), (90, "S2"), (91, "S3")]
)
def test_who_came_once_is_measured_by_everybodys_gap(since: int, state: str) -> None:
    assert rules.state(since, span=0, days=1, brand=3_000) == state


def test_bounds_are_exact_where_the_gap_is_no_whole_number() -> None:
    """Seven days in three gaps: three times 7 ⁄ 3 is exactly 7."""
    assert rules.state(7, span=7, days=4, brand=1) == "S2"
    assert rules.state(8, span=7, days=4, brand=1) == "S3"


@given(st.integers(0, 2_000), st.integers(1, 1_000), st.integers(2, 50))
def test_the_state_is_that_of_the_exact_ratio(since: int, span: int, days: int) -> None:
    ratio = Fraction(since * (days - 1), span)
    expected = (
        "E0" if ratio <= 2 else "S1" if ratio <= Fraction(5, 2) else "S2" if ratio <= 3 else "S3"
    )
    assert rules.state(since, span, days, brand=1) == expected


@given(st.lists(st.tuples(st.integers(1, 900), st.integers(2, 40)), min_size=1, max_size=30))
def test_the_brands_gap_is_the_median_of_the_members(members: list[tuple[int, int]]) -> None:
    ordered = sorted(members, key=lambda one: Fraction(one[0], one[1] - 1))
    low, high = (len(members) - 1) // 2, len(members) // 2
    found = rules.median(ordered[low : high + 1])
    gaps = sorted(Fraction(span, days - 1) for span, days in members)
    exact = (gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]) / 2
    assert abs(found - max(Fraction(100), exact * 100)) <= Fraction(1, 2)


def test_without_anybody_who_came_twice_a_gap_is_assumed() -> None:
    assert rules.median([]) == rules.UNKNOWN_CYCLE
    assert rules.state(90, 0, 1, rules.median([])) == "N0"


def test_the_gap_and_the_next_day() -> None:
    assert rules.cycle(40, 5) == 1_000
    assert rules.cycle(7, 4) == 233
    assert rules.cycle(0, 1) is None
    assert rules.next_day(date(2028, 2, 20), 1_000) == date(2028, 3, 1)


def test_why_reads_as_people_speak() -> None:
    assert rules.why(42, 2_800, 9_999, "E0") == (
        "上次消費 42 天前，平均每 28 天來一次，是平常間隔的 1.5 倍，所以是「主力顧客」。"
    )
    assert rules.why(90, None, 3_000, "S2") == (
        "上次消費 90 天前，只來過一次，全部會員平均每 30 天來一次，"
        "是平常間隔的 3 倍，所以是「半睡顧客」。"
    )
    assert rules.why(0, 150, 1, "E0").startswith("今天剛消費，平均每 1.5 天來一次")


def test_a_basis_survives_being_kept() -> None:
    basis = rules.Basis(_cuts([1, 2, 9]), rules.fixed("f"), rules.fixed("m"), 2_800, {})
    assert rules.basis_of(basis.document()) == basis

"""Tests, sizes and stopping rules against published examples, and under chance alone."""

from random import Random
from statistics import mean, variance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import statistics
from app.core.statistics import Sample


@pytest.mark.parametrize(
    ("x", "freedom", "p"),
    [(3.841, 1, 0.05), (6.635, 1, 0.01), (5.991, 2, 0.05), (18.307, 10, 0.05), (0, 3, 1)],
)
def test_chi_square_is_that_of_the_tables(x: float, freedom: int, p: float) -> None:
    assert statistics.chi_square_tail(x, freedom) == pytest.approx(p, abs=5e-5)


def test_a_published_sample_ratio_mismatch_is_found() -> None:
    """Kohavi, Tang and Xu, "Trustworthy Online Controlled Experiments", chapter 3: 821,588 and
    815,482 users where equal halves were planned, p = 1.8 in a million."""
    p = statistics.chi_square([821_588, 815_482], [1, 1])
    assert p == pytest.approx(1.8e-6, rel=0.05)


def test_uneven_shares_as_planned_are_no_mismatch() -> None:
    assert statistics.chi_square([450, 450, 100], [45, 45, 10]) == 1.0
    assert statistics.chi_square([0, 0], [1, 1]) == 1.0
    assert statistics.chi_square([5], [1]) == 1.0


def test_the_lady_tasting_tea() -> None:
    """Fisher, "The Design of Experiments" (1935): all right is 1 in 70 one-sided, 2 in 70 both."""
    assert statistics.fisher(4, 4, 0, 4) == pytest.approx(2 / 70)
    assert statistics.fisher(3, 4, 1, 4) == pytest.approx(34 / 70)


def test_two_shares_by_hand() -> None:
    """120 and 150 of 1,000: pooled 0.135, z = −1.963, p = 0.0497."""
    assert statistics.two_shares(120, 1_000, 150, 1_000) == pytest.approx(0.0497, abs=2e-4)


def test_few_are_compared_exactly() -> None:
    assert statistics.two_shares(4, 4, 0, 4) == statistics.fisher(4, 4, 0, 4)
    assert statistics.two_shares(0, 50, 0, 50) == 1.0
    assert statistics.two_shares(50, 50, 50, 50) == 1.0


# Welch's test: the three examples of the encyclopaedia's article, t, degrees of freedom and P.
_ONE = (27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4)
_OTHER = (27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5, 24.4)


def _sample(values: tuple[float, ...]) -> Sample:
    return Sample(len(values), mean(values), variance(values))


def test_welchs_test_on_a_published_example() -> None:
    found = statistics.welch(_sample(_ONE), _sample(_OTHER))
    assert found is not None
    assert found.t == pytest.approx(-2.46, abs=0.01)
    assert found.freedom == pytest.approx(25.0, abs=0.1)
    assert found.p == pytest.approx(0.021, abs=0.001)
    assert found.low < found.mean < found.high < 0


def test_a_sample_from_sums_is_the_sample() -> None:
    found = statistics.sample_of(len(_ONE), sum(_ONE), sum(x * x for x in _ONE))
    assert (found.mean, found.variance) == pytest.approx((mean(_ONE), variance(_ONE)))


def test_without_any_spread_there_is_nothing_to_compare() -> None:
    assert statistics.welch(Sample(9, 0, 0), Sample(9, 0, 0)) is None


@pytest.mark.parametrize(("freedom", "t"), [(1, 12.706), (5, 2.571), (10, 2.228), (120, 1.980)])
def test_points_of_students_t_are_those_of_the_tables(freedom: int, t: float) -> None:
    assert statistics.student_point(freedom) == pytest.approx(t, abs=6e-4)


def test_holm_on_an_example_by_hand() -> None:
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_makes_nothing_surer(p_values: list[float]) -> None:
    found = statistics.holm(p_values)
    assert all(p <= after <= 1 for p, after in zip(p_values, found, strict=True))


# Sizes --------------------------------------------------------------------------------------------


def test_the_size_of_a_published_calculator() -> None:
    """E. Miller's sample size calculator: 20 %, 5 points more, 80 %, 5 %: 1,030 an arm."""
    assert statistics.needed(0.20, 0.05) in (1_030, 1_031)


@given(st.floats(0.01, 0.5), st.floats(0.005, 0.2))
def test_smaller_differences_need_more(share: float, more: float) -> None:
    assert statistics.needed(share, more / 2) > statistics.needed(share, more) > 0


@pytest.mark.parametrize(("share", "more"), [(0, 0.1), (0.5, 0), (0.9, 0.2), (0.1, -0.1)])
def test_no_size_where_there_is_no_share(share: float, more: float) -> None:
    with pytest.raises(ValueError, match="no shares"):
        statistics.needed(share, more)
    with pytest.raises(ValueError, match="no shares"):
        statistics.needed_successes(share, more)


def test_the_sequential_lead_errs_one_time_in_twenty() -> None:
    """Miller (2015): 2.25 √N two-sided and 2 √N one-sided hold 5 %, however often one looks."""
    for successes in (100, 400, 2_000):
        lead = statistics.ahead(successes)
        assert 2 * statistics.crossing(successes, lead, 0.5) < 0.05
    assert statistics.crossing(400, 40, 0.5) == pytest.approx(0.05, abs=0.01)


def test_the_sequential_size_finds_what_it_is_for() -> None:
    found = statistics.needed_successes(0.10, 0.02)
    chance = 0.12 / 0.22
    assert statistics.crossing(found, statistics.ahead(found), chance) >= 0.8
    assert statistics.crossing(found - 20, statistics.ahead(found - 20), chance) < 0.81


def test_the_walk_by_simulation() -> None:
    chance, crossed = Random(11), 0
    for _ in range(1_500):
        at = 0
        for _ in range(100):
            at += 1 if chance.random() < 0.55 else -1
            if at >= 15:
                crossed += 1
                break
    assert crossed / 1_500 == pytest.approx(statistics.crossing(100, 15, 0.55), abs=0.04)


# Chance alone -------------------------------------------------------------------------------------


def test_where_nothing_differs_a_difference_is_seen_one_time_in_twenty() -> None:
    """A/A: 1,000 experiments of two arms of 400 with 12 % each."""
    chance, seen = Random(7), 0
    for _ in range(1_000):
        one = (
            chance.binomialvariate(400, 0.12)
            if hasattr(chance, "binomialvariate")
            else sum(chance.random() < 0.12 for _ in range(400))
        )
        other = sum(chance.random() < 0.12 for _ in range(400))
        seen += statistics.two_shares(one, 400, other, 400) < 0.05
    assert 0.03 <= seen / 1_000 <= 0.07


def test_welchs_interval_covers_zero_nineteen_times_in_twenty() -> None:
    """Spend as shops see it: most nothing, some much; unequal arms."""
    chance, covered = Random(8), 0

    def arm(count: int) -> Sample:
        spent = [chance.expovariate(1 / 900) if chance.random() < 0.2 else 0 for _ in range(count)]
        return statistics.sample_of(count, sum(spent), sum(x * x for x in spent))

    for _ in range(400):
        found = statistics.welch(arm(160), arm(80))
        assert found is not None
        covered += found.low <= 0 <= found.high
    assert 0.92 <= covered / 400 <= 0.98

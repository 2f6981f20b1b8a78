"""BG/NBD and Gamma-Gamma against what their authors published."""

from itertools import pairwise
from math import isclose
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scores.rules import lifetime
from app.scores.rules.lifetime import History, Spend, Visits

# Fader, Hardie and Lee (2005), table 2: CDNOW, repeat purchases of 2,357 customers, weeks.
CDNOW = Visits(r=0.243, alpha=4.414, a=0.793, b=2.426)
# Fader and Hardie (2013): the same customers' spend.
CDNOW_SPEND = Spend(p=6.25, q=3.74, v=15.44)


def test_the_customer_of_the_authors_note_comes_1_226_times_in_39_weeks() -> None:
    """Fader and Hardie, "Implementing the BG/NBD Model in Excel": x = 2, t_x = 30.43, T = 38.86."""
    of = History(2, 30.43, 38.86)
    assert CDNOW.expected(of, 39) == pytest.approx(1.226, abs=0.0005)


def test_without_repeats_a_member_is_taken_to_be_alive() -> None:
    assert CDNOW.alive(History(0, 0, 30)) == 1.0


def test_the_mean_purchase_of_all_customers_is_the_published_one() -> None:
    """p v / (q − 1)."""
    assert CDNOW_SPEND.expected(0, 0) == pytest.approx(6.25 * 15.44 / 2.74)
    assert CDNOW_SPEND.expected(0, 0) == pytest.approx(35.2, abs=0.05)


def test_the_more_is_known_the_nearer_a_members_own_mean() -> None:
    means = [CDNOW_SPEND.expected(repeats, 100.0) for repeats in (0, 1, 5, 50, 5_000)]
    assert means == sorted(means)
    assert means[-1] == pytest.approx(100, rel=0.01)


@pytest.mark.parametrize(
    ("a", "b", "c", "z", "known"),
    [
        (1, 1, 2, 0.5, 1.3862943611198906),  # −ln(1 − z) / z
        (0.5, 1, 1.5, 0.25, 1.0986122886681098),  # artanh(√z) / √z
        (2, 3, 3, 0.3, 1 / 0.49),  # (1 − z) to the −a
        (3, 2, 7, 0.0, 1.0),
    ],
)
def test_2f1_is_what_tables_say(a: float, b: float, c: float, z: float, known: float) -> None:
    assert lifetime.hypergeometric(a, b, c, z) == pytest.approx(known, rel=1e-12)


histories = st.builds(
    lambda x, last, more: History(x, last if x else 0.0, last + more),
    st.integers(0, 60),
    st.floats(0.5, 200),
    st.floats(0, 200),
)


@given(histories)
def test_who_is_away_longer_is_less_likely_to_come_again(of: History) -> None:
    later = History(of.repeats, of.last, of.age + 10)
    assert 0 <= CDNOW.alive(later) <= CDNOW.alive(of) <= 1


@given(histories, st.floats(1, 100), st.floats(1, 100))
def test_more_weeks_bring_more_purchases(of: History, weeks: float, more: float) -> None:
    assert 0 <= CDNOW.expected(of, weeks) <= CDNOW.expected(of, weeks + more) + 1e-9


@given(st.lists(histories, min_size=1, max_size=20))
def test_the_fast_likelihood_is_the_plain_one(of: list[History]) -> None:
    plain = sum(CDNOW.log_likelihood(one) for one in of)
    assert isclose(lifetime._visits_likelihood(CDNOW, of), plain, rel_tol=1e-9)


def _simulated(model: Visits, number: int) -> list[History]:
    chance, found = Random(5), []
    for _ in range(number):
        rate = chance.gammavariate(model.r, 1 / model.alpha)
        leaves = chance.betavariate(model.a, model.b)
        age, at, times = chance.uniform(30, 80), 0.0, []
        while rate > 0:
            at += chance.expovariate(rate)
            if at > age:
                break
            times.append(at)
            if chance.random() < leaves:
                break
        found.append(History(len(times), times[-1] if times else 0.0, age))
    return found


def test_fitting_finds_again_what_histories_were_made_with() -> None:
    made = Visits(r=0.8, alpha=6.0, a=0.8, b=2.5)
    found = lifetime.fit_visits(_simulated(made, 3_000))
    assert found.r / found.alpha == pytest.approx(made.r / made.alpha, rel=0.12)
    assert found.a / (found.a + found.b) == pytest.approx(made.a / (made.a + made.b), rel=0.12)


def test_fitting_spend_finds_the_mean_again() -> None:
    chance, seen = Random(6), []
    for _ in range(1_500):
        scale = chance.gammavariate(3.74, 1 / 15.44)
        repeats = chance.randint(1, 12)
        seen.append((repeats, chance.gammavariate(6.25 * repeats, 1 / (scale * repeats))))
    assert lifetime.fit_spend(seen).expected(0, 0) == pytest.approx(35.2, rel=0.05)


@given(st.lists(st.floats(0, 5), min_size=1, max_size=12), st.floats(1, 10_000))
def test_without_discount_a_value_is_purchases_times_spend(
    months: list[float], spend: float
) -> None:
    orders, total = [], 0.0
    for month in months:
        total += month
        orders.append(total)
    assert lifetime.value(orders, spend) == pytest.approx(total * spend, abs=1e-6)
    assert lifetime.value(orders, spend, margin=0.4, discount=0.01) <= total * spend * 0.4 + 1e-6


def test_a_discounted_value_by_hand() -> None:
    """Two months with one purchase each: 100 / 1.1 + 100 / 1.21."""
    assert lifetime.value((1, 2), 100, discount=0.1) == pytest.approx(173.5537, abs=1e-4)


def test_correlation_by_hand() -> None:
    assert lifetime.correlation([(1, 2), (2, 4), (3, 6)]) == pytest.approx(1)
    assert lifetime.correlation([(1, 6), (2, 4), (3, 2)]) == pytest.approx(-1)
    assert lifetime.correlation([(1, 5), (2, 5)]) is None
    assert lifetime.correlation([]) is None


def test_purchases_to_come_rise_with_those_that_were() -> None:
    expected = [CDNOW.expected(History(x, 30, 31), 52) for x in (1, 3, 9, 27)]
    assert all(fewer < more for fewer, more in pairwise(expected))

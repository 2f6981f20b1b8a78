"""Intervals: published examples, and what holds for every share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import statistics

shares = st.integers(1, 5_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))

# Newcombe 1998, Statistics in Medicine 17, tables II of both papers: Wilson's score for one share,
# method 10 for the difference of two.
WILSON = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0000, 0.1611),
    (1, 29, 0.0061, 0.1718),
]
NEWCOMBE = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0000),
    (10, 10, 0, 10, 0.6075, 1.0000),
]


@pytest.mark.parametrize(("successes", "of", "low", "high"), WILSON)
def test_one_share_as_published(successes: int, of: int, low: float, high: float) -> None:
    assert statistics.wilson(successes, of) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("a", "m", "b", "n", "low", "high"), NEWCOMBE)
def test_the_difference_of_two_as_published(
    a: int, m: int, b: int, n: int, low: float, high: float
) -> None:
    assert statistics.difference(a, m, b, n) == pytest.approx((low, high), abs=5e-5)


@given(shares)
def test_the_interval_holds_the_share(share: tuple[int, int]) -> None:
    successes, of = share
    low, high = statistics.wilson(successes, of)
    assert 0 <= low <= successes / of <= high <= 1


@given(shares, shares)
def test_a_difference_and_its_opposite_mirror_each_other(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    low, high = statistics.difference(*one, *other)
    assert -1 <= low <= one[0] / one[1] - other[0] / other[1] <= high <= 1
    assert statistics.difference(*other, *one) == pytest.approx((-high, -low))


@given(st.integers(1, 50), st.integers(51, 100), st.integers(2, 50))
def test_more_members_make_it_narrower(successes: int, of: int, times: int) -> None:
    low, high = statistics.wilson(successes, of)
    narrower = statistics.wilson(successes * times, of * times)
    assert narrower[1] - narrower[0] < high - low


def test_nobody_has_no_share() -> None:
    assert statistics.share(0, 0) is None
    with pytest.raises(ValueError, match="no share"):
        statistics.wilson(0, 0)
    with pytest.raises(ValueError, match="no share"):
        statistics.wilson(3, 2)

"""The books: IFRS 15, Illustrative Example 52, and what must hold for any month."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.insights import rules
from app.insights.rules import IssueMonth

FIRST = date(2026, 7, 1)


def test_example_52_of_ifrs_15() -> None:
    """Goods of 100,000 give 10,000 points of 1 each; 9,500 are expected to be redeemed. By the end
    of the first year 4,500 were; by the end of the second 8,500, with 9,700 expected by then."""
    points_worth = rules.worth(10_000, 1.0, Fraction(5, 100))
    assert points_worth == 9_500
    set_aside = rules.deferred(100_000, points_worth)
    assert (set_aside, 100_000 - set_aside) == (8_676, 91_324)
    first = rules.recognised(set_aside, redeemed=4_500, expected=9_500)
    second = rules.recognised(set_aside, redeemed=8_500, expected=9_700)
    assert (first, second - first) == (4_110, 3_493)
    assert set_aside - first == 4_566  # the liability after the first year
    assert set_aside - second == 1_073  # and after the second


@pytest.mark.parametrize(
    ("expired", "used", "share"),
    [(0, 0, None), (0, 9, Fraction(0)), (9, 0, Fraction(1)), (1, 3, Fraction(1, 4))],
)
def test_breakage_is_what_lapsed_of_what_ended(
    expired: int, used: int, share: Fraction | None
) -> None:
    assert rules.breakage(expired=expired, used=used) == share


def test_only_settled_months_say_how_points_end() -> None:
    old = IssueMonth(FIRST, 0, 1_000, used=700, expired=280, withdrawn=0, remaining=20)
    young = IssueMonth(FIRST, 0, 1_000, used=500, expired=0, withdrawn=0, remaining=500)
    assert rules.expected_breakage([old, young]) == Fraction(280, 980)
    assert rules.expected_breakage([young]) is None
    assert rules.expected_breakage([]) is None


@pytest.mark.parametrize(
    ("value", "lapses", "worth"),
    [(1.0, None, 1_000), (0.1, None, 100), (0.1, Fraction(1, 4), 75), (0.0, None, 0)],
)
def test_what_points_are_worth(value: float, lapses: Fraction | None, worth: int) -> None:
    assert rules.worth(1_000, value, lapses) == worth


@given(
    sales=st.integers(-1_000, 10_000_000),
    used=st.integers(0, 50_000),
    expired=st.integers(0, 50_000),
    withdrawn=st.integers(0, 50_000),
    remaining=st.integers(0, 50_000),
    lapses=st.none() | st.fractions(0, 1, max_denominator=1_000),
)
def test_no_month_recognises_more_than_it_set_aside(
    sales: int, used: int, expired: int, withdrawn: int, remaining: int, lapses: Fraction | None
) -> None:
    issued = used + expired + withdrawn + remaining
    month = IssueMonth(FIRST, sales, issued, used, expired, withdrawn, remaining)
    found = rules.deferral(month, value=1.0, lapses=lapses)
    assert 0 <= found.recognised <= found.set_aside <= max(0, sales)
    if remaining == 0:  # nothing is owed any more
        assert found.left == 0

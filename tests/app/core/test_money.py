from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import money
from app.core.errors import Invalid


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0, "NT$0"), (1, "NT$1"), (1234, "NT$1,234"), (9_999_999, "NT$9,999,999"), (-790, "-NT$790")],
)
def test_money_has_commas_and_no_decimals(amount: int, shown: str) -> None:
    assert money.show(amount) == shown


@pytest.mark.parametrize(
    ("typed", "amount"),
    [("790", 790), ("1,240", 1240), ("NT$1,240", 1240), ("nt$ 1240", 1240), ("$5", 5),
     ("１２４０元", 1240), (" 12,345,678 ", 12_345_678)],
)  # fmt: skip
def test_an_amount_is_read_as_typed(typed: str, amount: int) -> None:
    assert money.parse(typed) == amount


@pytest.mark.parametrize(
    "typed", ["", "-1", "1.5", "1,24", "12,34", ",100", "1e3", "一百", "1234567890", "٣", "NT$"]
)
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        money.parse(typed)


@given(st.integers(0, 999_999_999))
def test_shown_money_reads_back(amount: int) -> None:
    assert money.parse(money.show(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        (Fraction(1, 2), 1),
        (Fraction(3, 2), 2),
        (Fraction(5, 2), 3),
        (Fraction(249, 100), 2),
        (Fraction(-1, 2), -1),
        (Fraction(-5, 2), -3),
        (Fraction(0), 0),
        (Decimal("2.5"), 3),
        (Decimal("-2.5"), -3),
        (Decimal("2.4999"), 2),
    ],
)
def test_halves_round_away_from_zero(amount: Fraction | Decimal, rounded: int) -> None:
    assert money.round_half_up(amount) == rounded


@pytest.mark.parametrize(
    ("total", "net"),
    [(0, 0), (105, 100), (340, 324), (100, 95), (1, 1), (10, 10), (11, 10), (-340, -324)],
)
def test_tax_is_taken_out_of_a_total(total: int, net: int) -> None:
    assert money.untaxed(total) == net


@given(st.integers(-(10**9), 10**9))
def test_untaxed_is_within_half_a_dollar(total: int) -> None:
    assert abs(Fraction(total * 100, 105) - money.untaxed(total)) <= Fraction(1, 2)

"""What messages cost at LINE, and how many a budget buys."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.campaigns.rules import costs
from app.campaigns.rules.costs import Plan

HIGH = Plan(6_000, Decimal("0.2"))
PRICES = st.sampled_from([Decimal("0.05"), Decimal("0.2"), Decimal(3)])
PLANS = st.builds(Plan, st.integers(0, 50_000), PRICES)


@pytest.mark.parametrize(
    ("sent", "more", "cost"),
    [(0, 6_000, 0), (0, 6_001, 1), (5_999, 6, 1), (6_000, 1_000, 200), (9_000, 0, 0)],
)
def test_what_is_beyond_the_months_free_messages_costs(sent: int, more: int, cost: int) -> None:
    assert costs.cost(HIGH, sent=sent, more=more) == cost


@given(PLANS, st.integers(0, 100_000), st.integers(0, 100_000))
def test_a_budget_buys_as_many_as_it_can_pay_and_not_one_more(
    plan: Plan, sent: int, budget: int
) -> None:
    most = costs.affordable(plan, sent=sent, budget=budget)
    assert costs.cost(plan, sent=sent, more=most) <= budget
    assert costs.cost(plan, sent=sent, more=most + 1) > budget


@given(PLANS, st.integers(0, 50_000), st.integers(0, 9_000), st.integers(0, 9_000))
def test_two_letters_cost_what_they_cost_together(
    plan: Plan, sent: int, first: int, second: int
) -> None:
    apart = costs.cost(plan, sent=sent, more=first)
    apart += costs.cost(plan, sent=sent + first, more=second)
    assert 0 <= apart - costs.cost(plan, sent=sent, more=first + second) <= 1  # each rounded up


def test_what_has_no_price_is_not_limited_by_money() -> None:
    assert costs.affordable(Plan(0, Decimal(0)), sent=9, budget=0) == costs.MOST

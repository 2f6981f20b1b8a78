"""What a coupon takes off and when it may be used."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import taipei_midnight
from app.core.errors import Invalid
from app.coupons import rules
from app.coupons.rules import (
    Conditions,
    CouponNotUsable,
    KindDraft,
    Line,
    Offer,
    Situation,
    words,
)
from tests.support.times import NOW


def sale(amount: int, **fields: Any) -> Situation:
    return Situation(**{"amount": amount, "at": NOW, **fields})


@pytest.mark.parametrize(
    ("offer", "amount", "off"),
    [
        (Offer("amount_off", 100), 500, 100),
        (Offer("amount_off", 100), 80, 80),  # never below nothing
        (Offer("amount_off", 100), 0, 0),
        (Offer("percent_off", 10), 999, 99),  # floored
        (Offer("percent_off", 15), 1_240, 186),
        (Offer("percent_off", 20, cap=150), 1_000, 150),
        (Offer("percent_off", 100), 777, 777),
        (Offer("fixed_price", 99), 250, 151),
        (Offer("fixed_price", 99), 50, 0),
        (Offer("gift", 0), 500, 0),
        (Offer("buy_x_get_y", 0), 500, 0),
    ],
)
def test_what_a_coupon_takes_off(offer: Offer, amount: int, off: int) -> None:
    assert rules.discount(offer, sale(amount)) == off


def test_free_shipping_takes_off_the_shipping() -> None:
    assert rules.discount(Offer("free_shipping", 0), sale(500, shipping=80)) == 80
    assert rules.discount(Offer("free_shipping", 0, cap=60), sale(500, shipping=80)) == 60


def test_only_the_eligible_lines_are_discounted() -> None:
    offer = Offer("percent_off", 50, conditions=Conditions(categories=("tea",)))
    lines = (Line(300, "tea"), Line(700, "cup"))
    assert rules.discount(offer, sale(1000, lines=lines)) == 150


@pytest.mark.parametrize(
    ("offer", "situation", "reason"),
    [
        (Offer("amount_off", 1, min_spend=500), sale(499), "min_spend"),
        (Offer("amount_off", 1, conditions=Conditions(stores=("a",))), sale(9, store="b"), "store"),
        (Offer("amount_off", 1, conditions=Conditions(channels=("web",))), sale(9), "channel"),
        (Offer("amount_off", 1, conditions=Conditions(tiers=("gold",))), sale(9), "tier"),
        (Offer("amount_off", 1, conditions=Conditions(weekdays=(0,))), sale(9), "weekday"),
        (Offer("amount_off", 1, conditions=Conditions(from_hour=13)), sale(9), "hours"),
        (Offer("amount_off", 1, conditions=Conditions(to_hour=12)), sale(9), "hours"),
        (
            Offer("amount_off", 1, conditions=Conditions(in_birth_month=True)),
            sale(9, birth_month=8),
            "birth_month",
        ),
        (
            Offer("amount_off", 1, conditions=Conditions(on_first_purchase=True)),
            sale(9),
            "first_purchase",
        ),
        (
            Offer("amount_off", 1, conditions=Conditions(categories=("tea",))),
            sale(9, lines=(Line(9, "cup"),)),
            "nothing_eligible",
        ),
    ],
)
def test_a_condition_not_met_is_named(offer: Offer, situation: Situation, reason: str) -> None:
    with pytest.raises(CouponNotUsable) as refused:
        rules.check(offer, situation)
    assert refused.value.reason == reason


def test_the_minimum_spend_exactly_met_is_enough() -> None:
    rules.check(Offer("amount_off", 1, min_spend=500), sale(500))


def test_amounts_come_off_before_percents() -> None:
    offers = [
        Offer("percent_off", 10, stacking="stackable"),
        Offer("amount_off", 100, stacking="s"),
    ]
    assert rules.stacked(offers, sale(1000)) == [90, 100]


def test_an_exclusive_coupon_goes_alone() -> None:
    with pytest.raises(CouponNotUsable) as refused:
        rules.stacked([Offer("amount_off", 1), Offer("gift", 0, stacking="stackable")], sale(9))
    assert refused.value.reason == "exclusive"


def test_two_of_one_group_do_not_go_together() -> None:
    pair = [Offer("amount_off", 1, stacking="drinks"), Offer("gift", 0, stacking="drinks")]
    with pytest.raises(CouponNotUsable) as refused:
        rules.stacked(pair, sale(9))
    assert refused.value.reason == "same_group"


offers = st.builds(
    Offer,
    type=st.sampled_from(["amount_off", "percent_off", "fixed_price", "gift"]),
    value=st.integers(1, 100),
    cap=st.none() | st.integers(0, 500),
    stacking=st.just("stackable"),
)


@given(st.lists(offers, max_size=5), st.integers(0, 100_000))
def test_discounts_never_exceed_the_amount(given_offers: list[Offer], amount: int) -> None:
    found = rules.stacked(given_offers, sale(amount))
    assert all(off >= 0 for off in found)
    assert sum(found) <= amount


@given(offers, st.lists(st.integers(0, 5_000), min_size=1, max_size=6))
def test_splitting_a_sale_into_lines_changes_nothing(offer: Offer, amounts: list[int]) -> None:
    whole = rules.discount(offer, sale(sum(amounts)))
    lines = [Line(amount) for amount in amounts]
    assert rules.discount(offer, sale(sum(amounts), lines=lines)) == whole


def test_a_coupon_of_n_days_lives_through_the_end_of_day_n() -> None:
    issued = datetime(2026, 7, 4, 15, 59, 59, tzinfo=UTC)  # 23:59:59 in Taipei
    end = rules.expires_at(issued_at=issued, valid_days=14, ends_at=None)
    assert end == taipei_midnight(date(2026, 7, 19))
    assert rules.last_day(end) == date(2026, 7, 18)
    next_day = rules.expires_at(
        issued_at=issued + timedelta(seconds=1), valid_days=14, ends_at=None
    )
    assert next_day == taipei_midnight(date(2026, 7, 20))


def test_the_kinds_own_end_comes_first() -> None:
    end = taipei_midnight(date(2026, 7, 10))
    assert rules.expires_at(issued_at=NOW, valid_days=14, ends_at=end) == end
    assert rules.expires_at(issued_at=NOW, valid_days=None, ends_at=None) is None


def test_a_returned_coupon_has_at_least_three_days() -> None:
    soon, late = NOW + timedelta(hours=1), NOW + timedelta(days=30)
    assert rules.expiry_after_rollback(soon, now=NOW) == taipei_midnight(date(2026, 7, 8))
    assert rules.expiry_after_rollback(late, now=NOW) == late
    assert rules.expiry_after_rollback(None, now=NOW) is None


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        ({"kind": "paid", "valid_days": 30}, "ends_at"),
        ({"kind": "paid", "ends_at": NOW}, "ends_at"),
        ({"kind": "free", "valid_days": None}, "ends_at"),
        ({"kind": "gratis"}, "kind"),
        ({"type": "lottery"}, "type"),
        ({"type": "percent_off", "value": 101}, "value"),
        ({"type": "percent_off", "value": 0}, "value"),
        ({"type": "amount_off", "value": 0}, "value"),
        ({"valid_days": -1}, "valid_days"),
    ],
)
def test_a_draft_against_the_law_or_sense_is_refused(draft: dict[str, Any], field: str) -> None:
    sound = KindDraft("welcome", "入會禮", "amount_off", 100, valid_days=14)
    with pytest.raises(Invalid) as refused:
        rules.check_draft(replace(sound, **draft))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("percent", "said"),
    [(10, "9 折"), (15, "85 折"), (95, "0.5 折"), (99, "0.1 折"), (100, "免費")],
)
def test_a_percentage_is_said_as_the_shops_say_it(percent: int, said: str) -> None:
    assert words.worth(Offer("percent_off", percent)) == said


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (KindDraft("a", "券", "amount_off", 1, starts_at=NOW, ends_at=NOW), "ends_at"),
        (
            KindDraft("a", "券", "gift", starts_at=NOW, ends_at=NOW - timedelta(days=1)),
            "ends_at",
        ),
        (KindDraft("a", "券", "buy_x_get_y", 0, buys=2, valid_days=1), "value"),
    ],
)
def test_what_could_never_be_used_is_no_coupon(draft: KindDraft, field: str) -> None:
    assert [name for name, _ in rules.faults(draft)] == [field]


def test_a_coupon_that_begins_and_ends_is_sound() -> None:
    draft = KindDraft("a", "券", "gift", starts_at=NOW, ends_at=NOW + timedelta(minutes=1))
    assert list(rules.faults(draft)) == []


@given(before=st.integers(-400, 400), days=st.integers(0, 400))
def test_days_count_from_the_start_of_a_coupon_given_before_it(before: int, days: int) -> None:
    starts_at = NOW + timedelta(days=before)
    ends = rules.expires_at(issued_at=NOW, valid_days=days, ends_at=None, starts_at=starts_at)
    later = max(NOW, starts_at)
    assert ends == rules.expires_at(issued_at=later, valid_days=days, ends_at=None)
    assert ends is not None
    assert ends > later

"""Several coupons on one sale: the order is always the same, the parts add up, nothing goes below
nothing."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.coupons import rules
from app.coupons.rules import Chosen, Conditions, CouponNotUsable, Line, Offer, Situation
from tests.support.times import NOW

TEA, CUP = "tea", "cup"
LINES = (
    Line(600, TEA, "T-1", quantity=3),
    Line(250, TEA, "T-2"),
    Line(300, CUP, "C-1", quantity=2),
)


def sale(amount: int, **fields: Any) -> Situation:
    return Situation(**{"amount": amount, "at": NOW, **fields})


def offer(type_: str, value: int, **fields: Any) -> Offer:
    return Offer(**{"type": type_, "value": value, "stacking": "stackable", **fields})


def refusal(*chosen: Chosen, on: Situation) -> CouponNotUsable:
    with pytest.raises(CouponNotUsable) as refused:
        rules.stack(chosen, on)
    return refused.value


def test_free_goods_then_prices_then_amounts_then_percents() -> None:
    chosen = [
        Chosen("PCT", offer("percent_off", 10)),
        Chosen("AMT", offer("amount_off", 100)),
        Chosen("FIX", offer("fixed_price", 199, conditions=Conditions(skus=("T-2",)))),
        Chosen("B2G1", offer("buy_x_get_y", 1, buys=2, conditions=Conditions(skus=("T-1",)))),
    ]
    found = rules.stack(chosen, sale(1_150, lines=LINES))
    # 1,150 less one T-1 (200), T-2 at 199 (51), 100, and a tenth of the 799 left
    assert list(found.parts.items()) == [("B2G1", 200), ("FIX", 51), ("AMT", 100), ("PCT", 79)]
    assert sum(found.lines) == found.total == 430


def test_the_minimum_is_judged_on_what_the_coupons_before_left() -> None:
    amount, percent = (
        Chosen("AMT", offer("amount_off", 100)),
        Chosen("PCT", offer("percent_off", 10, min_spend=500)),
    )
    assert rules.stack([amount, percent], sale(600)).parts == {"AMT": 100, "PCT": 50}
    refused = refusal(amount, percent, on=sale(599))
    assert (refused.reason, refused.facts["missing"]) == ("min_spend", 1)
    assert refused.facts["coupon"] == "PCT"


def test_of_one_type_the_one_that_asks_for_more_comes_first() -> None:
    dear = Chosen("Z", offer("amount_off", 100, min_spend=1_000))
    cheap = Chosen("A", offer("amount_off", 50, min_spend=500))
    assert rules.stack([cheap, dear], sale(1_000)).parts == {"Z": 100, "A": 50}


def test_a_gift_wants_its_minimum_after_the_other_discounts() -> None:
    gift = Chosen("G", offer("gift", 0, min_spend=500))
    off = Chosen("A", offer("amount_off", 100))
    assert rules.stack([gift, off], sale(600)).parts == {"A": 100, "G": 0}
    assert refusal(gift, off, on=sale(599)).facts["coupon"] == "G"


def test_a_discount_on_some_goods_leaves_the_others_whole() -> None:
    tea = Chosen("T", offer("percent_off", 50, conditions=Conditions(categories=(TEA,))))
    cups = Chosen("C", offer("percent_off", 10, conditions=Conditions(categories=(CUP,))))
    found = rules.stack([tea, cups], sale(1_150, lines=LINES))
    assert found.parts == {"T": 425, "C": 30}
    assert found.lines == (300, 125, 30)


def test_shipping_is_no_part_of_the_bill() -> None:
    free = Chosen("S", offer("free_shipping", 0))
    off = Chosen("A", offer("amount_off", 100))
    found = rules.stack([free, off], sale(300, shipping=80))
    assert found.parts == {"A": 100, "S": 80}
    assert refusal(Chosen("S", offer("free_shipping", 0, min_spend=301)), on=sale(300, shipping=80))


@pytest.mark.parametrize(
    ("buys", "gets", "lines", "off"),
    [
        (1, 1, (Line(90), Line(60)), 60),  # the cheaper one
        (2, 1, (Line(270, quantity=3),), 90),
        (2, 1, (Line(180, quantity=2), Line(60)), 60),
        (2, 2, (Line(200, quantity=2), Line(60), Line(50)), 110),
        (1, 1, (Line(360, quantity=4),), 90),  # one set a coupon
    ],
)
def test_buy_some_get_some(buys: int, gets: int, lines: tuple[Line, ...], off: int) -> None:
    bundle = offer("buy_x_get_y", gets, buys=buys)
    total = sum(line.amount for line in lines)
    assert rules.stack([Chosen("B", bundle)], sale(total, lines=lines)).total == off


def test_too_few_goods_say_how_many_are_missing() -> None:
    bundle = Chosen("B", offer("buy_x_get_y", 1, buys=2, conditions=Conditions(categories=(CUP,))))
    refused = refusal(bundle, on=sale(1_150, lines=LINES))
    assert (refused.reason, refused.facts["needed"], refused.facts["missing"]) == ("too_few", 3, 1)


def test_no_unit_is_counted_for_two_sets() -> None:
    pair = [Chosen(key, offer("buy_x_get_y", 1)) for key in "AB"]
    assert rules.stack(pair, sale(360, lines=(Line(360, quantity=4),))).parts == {"A": 90, "B": 90}
    refused = refusal(*pair, on=sale(270, lines=(Line(270, quantity=3),)))
    assert (refused.reason, refused.facts["missing"]) == ("too_few", 1)


def test_a_capped_set_does_not_make_the_next_one_dearer() -> None:
    capped = Chosen("A", offer("buy_x_get_y", 1, cap=50))
    free = Chosen("B", offer("buy_x_get_y", 1))
    found = rules.stack([capped, free], sale(400, lines=(Line(400, quantity=4),)))
    assert found.parts == {"A": 50, "B": 100}


def test_where_no_lines_are_known_the_clerk_says_what_the_goods_cost() -> None:
    tea = offer("percent_off", 20, conditions=Conditions(categories=(TEA,)))
    assert rules.stack([Chosen("T", tea, goods=400)], sale(1_000)).total == 80
    assert rules.stack([Chosen("T", tea, goods=4_000)], sale(1_000)).total == 200
    assert refusal(Chosen("T", tea, goods=0), on=sale(1_000)).reason == "nothing_eligible"
    bundle = Chosen("B", offer("buy_x_get_y", 1, buys=2, min_spend=500), goods=90)
    assert rules.stack([bundle], sale(500)).total == 90


def test_an_exclusive_coupon_goes_alone_and_is_named() -> None:
    alone = Chosen("X", offer("amount_off", 9, stacking="exclusive"))
    refused = refusal(alone, Chosen("A", offer("amount_off", 9)), on=sale(100))
    assert (refused.reason, refused.facts["coupon"]) == ("exclusive", "X")
    assert rules.stack([alone], sale(100)).total == 9


def test_two_of_one_group_do_not_go_together_and_two_of_different_groups_do() -> None:
    one, two = (Chosen(key, offer("amount_off", 9, stacking="drinks")) for key in "AB")
    assert refusal(one, two, on=sale(100)).reason == "same_group"
    food = Chosen("C", offer("amount_off", 9, stacking="food"))
    free = Chosen("D", offer("amount_off", 9))
    assert rules.stack([one, food, free], sale(100)).total == 27


def test_one_per_sale_refuses_a_second_of_its_kind_only() -> None:
    one_a_sale = offer("amount_off", 9, conditions=Conditions(one_per_sale=True))
    same = [Chosen(key, one_a_sale, kind="summer") for key in "AB"]
    assert refusal(*same, on=sale(100)).reason == "one_per_sale"
    other = Chosen("C", one_a_sale, kind="winter")
    assert rules.stack([same[0], other], sale(100)).total == 18


def test_one_coupon_is_not_put_on_a_sale_twice_and_there_is_a_most() -> None:
    one = Chosen("A", offer("amount_off", 9))
    assert refusal(one, one, on=sale(100)).reason == "twice"
    many = [Chosen(str(number), offer("amount_off", 1)) for number in range(6)]
    assert refusal(*many, on=sale(100)).reason == "too_many"


def test_of_each_other_coupon_it_is_said_what_it_would_add_or_why_not() -> None:
    chosen = [Chosen("A", offer("amount_off", 100))]
    others = [
        Chosen("P", offer("percent_off", 10)),
        Chosen("X", offer("amount_off", 1, stacking="exclusive")),
        Chosen("M", offer("gift", 0, min_spend=600)),
    ]
    found = rules.addable(chosen, others, sale(600))
    assert found["P"] == 50
    reasons = {key: say.reason for key, say in found.items() if isinstance(say, CouponNotUsable)}
    assert reasons == {"X": "exclusive", "M": "min_spend"}


# Whatever is put together ------------------------------------------------------------------------

conditions = st.builds(
    Conditions,
    categories=st.sampled_from([(), (TEA,), (CUP,), (TEA, CUP)]),
    excluded_skus=st.sampled_from([(), ("T-1",)]),
)
offers = st.builds(
    Offer,
    type=st.sampled_from(
        ["amount_off", "percent_off", "fixed_price", "gift", "buy_x_get_y", "free_shipping"]
    ),
    value=st.integers(1, 100),
    cap=st.none() | st.integers(0, 500),
    min_spend=st.sampled_from([0, 0, 0, 200]),
    stacking=st.sampled_from(["stackable", "stackable", "a", "b", "exclusive"]),
    conditions=conditions,
    buys=st.integers(1, 2),
)
lines = st.builds(
    Line,
    amount=st.integers(-50, 2_000),
    category=st.sampled_from([TEA, CUP, ""]),
    sku=st.sampled_from(["T-1", "T-2", ""]),
    quantity=st.integers(1, 5),
)


@st.composite
def sales(draw: st.DrawFn) -> Situation:
    known = tuple(draw(st.lists(lines, max_size=5)))
    total = max(0, sum(line.amount for line in known)) if known else draw(st.integers(0, 5_000))
    if draw(st.booleans()):  # the till took something off without saying on which line
        total = draw(st.integers(0, max(total, 1)))
    return sale(total, lines=known, shipping=draw(st.integers(0, 100)))


@st.composite
def together(draw: st.DrawFn) -> list[Chosen]:
    found = draw(st.lists(offers, max_size=4))
    return [Chosen(f"K{number}", one) for number, one in enumerate(found)]


@given(together(), sales(), st.randoms())
def test_the_order_of_typing_changes_nothing(
    chosen: list[Chosen], situation: Situation, dice: Any
) -> None:
    mixed = list(chosen)
    dice.shuffle(mixed)
    assert _outcome(chosen, situation) == _outcome(mixed, situation)


def _outcome(chosen: list[Chosen], situation: Situation) -> object:
    try:
        found = rules.stack(chosen, situation)
    except CouponNotUsable as refused:
        return refused.reason
    return list(found.parts.items()), found.lines


@given(together(), sales())
def test_nothing_goes_below_nothing_and_the_parts_add_up(
    chosen: list[Chosen], situation: Situation
) -> None:
    try:
        found = rules.stack(chosen, situation)
    except CouponNotUsable:
        return
    shipping = sum(found.parts[one.key] for one in chosen if one.offer.type == "free_shipping")
    assert all(off >= 0 for off in found.parts.values())
    assert found.total - shipping <= situation.amount
    assert shipping <= situation.shipping
    assert set(found.parts) == {one.key for one in chosen}
    for line, off in zip(situation.lines, found.lines, strict=True):
        assert 0 <= off <= max(0, line.amount)
    if situation.lines and situation.amount <= sum(line.amount for line in situation.lines):
        assert sum(found.lines) == found.total - shipping


@given(together(), sales())
def test_together_they_are_never_worth_less_than_the_best_alone(
    chosen: list[Chosen], situation: Situation
) -> None:
    try:
        whole = rules.stack(chosen, situation).total
    except CouponNotUsable:
        return
    for one in chosen:
        try:
            alone = rules.stack([one], situation).total
        except CouponNotUsable:
            continue
        assert whole >= alone


@given(st.integers(0, 10_000), st.lists(st.integers(0, 3_000), max_size=6))
def test_a_split_adds_up_exactly(off: int, weights: list[int]) -> None:
    shares = rules.split(off, weights)
    assert sum(shares) == min(off, sum(weights))
    assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))


@given(together(), sales())
def test_a_coupon_alone_is_worth_what_it_says(chosen: list[Chosen], situation: Situation) -> None:
    for one in chosen:
        alone = replace(one, offer=replace(one.offer, stacking="exclusive"))
        try:
            found = rules.stack([alone], situation)
        except CouponNotUsable:
            continue
        assert found.total == rules.discount(one.offer, situation)

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.purchases import rules
from app.purchases.rules import Item, PurchaseOrder, RefundOrder
from tests.support.times import NOW

ORDER = PurchaseOrder("p1", 790, NOW, items=(Item(name="拿鐵", quantity=2, unit_price=120),))


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (replace(ORDER, external_id=""), "external_id"),
        (replace(ORDER, external_id="x" * 81), "external_id"),
        (replace(ORDER, external_id="a\x00b"), "external_id"),
        (replace(ORDER, amount=-1), "amount"),
        (replace(ORDER, amount=rules.AMOUNT_MAX + 1), "amount"),
        (replace(ORDER, channel="fax"), "channel"),
        (replace(ORDER, sold_at=NOW + timedelta(minutes=11)), "sold_at"),
        (replace(ORDER, sold_at=NOW.replace(year=1999)), "sold_at"),
        (replace(ORDER, items=(Item(name="a", quantity=0),)), "items.0.quantity"),
        (replace(ORDER, items=(Item(name="a"), Item(name="b" * 201))), "items.1.name"),
        (replace(ORDER, items=(Item(name="a", unit_price=10**9),)), "items.0.unit_price"),
        (replace(ORDER, items=(Item(name="a"),) * 501), "items"),
    ],
)
def test_a_sale_that_cannot_be_is_refused_by_field(order: PurchaseOrder, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.check(order, now=NOW)
    assert refused.value.field == field


def test_a_tills_clock_may_run_a_little_ahead() -> None:
    rules.check(replace(ORDER, sold_at=NOW + timedelta(minutes=10)), now=NOW)


@pytest.mark.parametrize("amount", [-1, -5, rules.AMOUNT_MAX + 1])
def test_a_refund_is_never_less_than_nothing(amount: int) -> None:
    with pytest.raises(Invalid) as refused:
        rules.check_refund(RefundOrder("r1", "p1", amount))
    assert refused.value.field == "amount"


@pytest.mark.parametrize(
    ("amount", "items", "counts"),
    [
        (790, (), 790),
        (790, (Item(name="運費", category="shipping", unit_price=80),), 710),
        (50, (Item(name="運費", category="shipping", unit_price=80),), 0),
        (790, (Item(name="禮券", sku="V1", unit_price=500),), 290),
        (790, (Item(name="折價", category="shipping", unit_price=-80),), 790),
        (790, (Item(name="拿鐵", category="drink", unit_price=120),), 790),
    ],
)
def test_excluded_lines_do_not_count(amount: int, items: tuple[Item, ...], counts: int) -> None:
    found = rules.counted(amount, items, excluded_categories=("shipping",), excluded_skus=("V1",))
    assert found == counts


@given(
    st.integers(1, 10_000),
    st.integers(0, 100),
    st.lists(st.integers(1, 4_000), max_size=8),
)
def test_refunds_in_pieces_take_exactly_the_whole_part(
    amount: int, share: int, refunds: list[int]
) -> None:
    part = amount * share // 100
    gone = refunded = 0
    for asked in [*refunds, amount]:
        refund = min(asked, amount - refunded)
        taken = rules.refunded_part(part, gone, amount, refunded, refund)
        refunded += refund
        gone += taken
        assert taken >= 0
        assert part - gone <= amount - refunded  # what still counts is still there
    assert gone == part


def test_the_same_sale_said_twice_has_one_hash() -> None:
    assert rules.purchase_hash(ORDER) == rules.purchase_hash(replace(ORDER, staff_id=7))
    assert rules.purchase_hash(ORDER) != rules.purchase_hash(replace(ORDER, amount=791))
    assert rules.purchase_hash(ORDER) != rules.purchase_hash(replace(ORDER, member_id=3))

from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.errors import Conflict, NotFound
from app.programmes import queries as programmes
from app.programmes.rules import Terms
from app.purchases import queries, service
from app.purchases.models import DAYS, PURCHASES, REFUNDS
from app.purchases.rules import Item, PurchaseOrder, RefundOrder, RefundTooLarge
from app.purchases.service import Recorded, Refunded
from tests.support.loyalty import new_member, publish
from tests.support.times import NOW

TODAY = date(2026, 7, 4)
SHIPPING = Item(name="運費", category="shipping", unit_price=90)


@pytest.fixture
def terms(session: Session) -> Terms:
    publish(session)
    return programmes.terms_at(session, NOW)


@pytest.fixture
def member(session: Session) -> int:
    return new_member(session)


def record(session: Session, terms: Terms, order: PurchaseOrder) -> Recorded:
    return service.record(session, order=order, terms=terms, now=NOW)


def refund(session: Session, amount: int, key: str = "r1", sale: str = "p1") -> Refunded:
    return service.refund(session, order=RefundOrder(key, sale, amount), now=NOW)


def day(session: Session, member: int) -> tuple[int, int, int]:
    row = session.execute(
        sa.select(DAYS.c["count"], DAYS.c.net, DAYS.c.qualifying).where(
            DAYS.c.member_id == member, DAYS.c.day == TODAY
        )
    ).one()
    return row[0], row[1], row[2]


def test_a_sale_is_written_once_and_added_to_its_day(
    session: Session, terms: Terms, member: int
) -> None:
    order = PurchaseOrder("p1", 790, NOW, member_id=member, items=(SHIPPING,))
    first = record(session, terms, order)
    again = record(session, terms, order)
    assert (first.is_new, first.qualifying, first.earning) == (True, 700, 700)
    assert (again.is_new, again.id) == (False, first.id)
    assert day(session, member) == (1, 790, 700)
    assert [item.name for item in queries.items_of(session, first.id)] == ["運費"]
    assert queries.broken(session) == []


def test_the_same_id_with_other_content_is_refused(
    session: Session, terms: Terms, member: int
) -> None:
    order = PurchaseOrder("p1", 790, NOW, member_id=member)
    record(session, terms, order)
    with pytest.raises(Conflict) as refused:
        record(session, terms, replace(order, amount=791))
    assert refused.value.field == "external_id"
    assert day(session, member) == (1, 790, 790)


def test_an_invoice_belongs_to_one_sale_of_its_period(
    session: Session, terms: Terms, member: int
) -> None:
    order = PurchaseOrder(
        "p1", 790, NOW, member_id=member, invoice_number="AB12345678", invoice_period="11508"
    )
    record(session, terms, order)
    with pytest.raises(Conflict) as refused:
        record(session, terms, replace(order, external_id="p2"))
    assert refused.value.field == "invoice_number"
    years_later = replace(order, external_id="p3", invoice_period="11708")
    assert record(session, terms, years_later).is_new


def test_a_sale_after_midnight_in_taipei_is_of_the_next_day(
    session: Session, terms: Terms, member: int
) -> None:
    midnight = NOW.replace(hour=16) - timedelta(days=1)  # 00:00 of 4 July in Taipei
    record(session, terms, PurchaseOrder("p1", 100, midnight, member_id=member))
    early = midnight - timedelta(seconds=1)
    record(session, terms, PurchaseOrder("p2", 7, early, member_id=member))
    assert day(session, member) == (1, 100, 100)


def test_an_unknown_buyer_has_no_day(session: Session, terms: Terms) -> None:
    record(session, terms, PurchaseOrder("p1", 790, NOW))
    assert session.execute(sa.select(DAYS)).all() == []
    assert refund(session, 790).is_whole
    assert queries.broken(session) == []


def test_a_refund_lowers_the_day_of_its_sale(session: Session, terms: Terms, member: int) -> None:
    order = PurchaseOrder("p1", 790, NOW, member_id=member, items=(SHIPPING,))
    record(session, terms, order)
    part = refund(session, 395)
    assert (part.qualifying, part.earning_left, part.is_whole) == (350, 350, False)
    assert day(session, member) == (1, 395, 350)
    whole = refund(session, 395, "r2")
    assert (whole.earning_left, whole.is_whole) == (0, True)
    assert day(session, member) == (0, 0, 0)
    assert not queries.has_bought(session, member)
    assert queries.broken(session) == []


def test_the_same_refund_twice_is_one(session: Session, terms: Terms, member: int) -> None:
    record(session, terms, PurchaseOrder("p1", 790, NOW, member_id=member))
    first, again = refund(session, 300), refund(session, 300)
    assert (first.is_new, again.is_new, again.id) == (True, False, first.id)
    assert day(session, member) == (1, 490, 490)
    with pytest.raises(Conflict):
        refund(session, 301)


def test_a_refund_larger_than_the_rest_leaves_nothing_behind(
    session: Session, terms: Terms, member: int
) -> None:
    record(session, terms, PurchaseOrder("p1", 790, NOW, member_id=member))
    refund(session, 700)
    with pytest.raises(RefundTooLarge) as refused:
        refund(session, 91, "r2")
    assert refused.value.rest == 90
    assert session.scalar(sa.select(sa.func.count()).select_from(REFUNDS)) == 1
    assert refund(session, 90, "r2").is_whole


def test_a_refund_of_a_sale_that_never_was_is_refused(session: Session, terms: Terms) -> None:
    with pytest.raises(NotFound):
        refund(session, 1, sale="p404")


def test_a_total_that_drifted_from_its_sales_is_found(
    session: Session, terms: Terms, member: int
) -> None:
    record(session, terms, PurchaseOrder("p1", 790, NOW, member_id=member))
    session.execute(sa.update(DAYS).values(net=800))
    assert len(queries.broken(session)) == 1
    session.execute(sa.delete(DAYS))
    assert len(queries.broken(session)) == 1


def test_totals_of_a_day_without_sales_are_found(
    session: Session, terms: Terms, member: int
) -> None:
    session.execute(
        sa.insert(DAYS),
        {"member_id": member, "day": TODAY, "count": 1, "net": 5, "qualifying": 5},
    )
    assert len(queries.broken(session)) == 1


def test_a_refund_total_that_is_not_the_sum_of_refunds_is_found(
    session: Session, terms: Terms, member: int
) -> None:
    record(session, terms, PurchaseOrder("p1", 790, NOW))
    session.execute(sa.update(PURCHASES).values(refunded=10))
    assert queries.broken(session) == ["purchase p1: NT$10 refunded, refunds add up to NT$0"]

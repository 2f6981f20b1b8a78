from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.errors import Conflict, NotFound
from app.programmes import queries as programmes
from app.programmes.models import Programme
from app.programmes.rules import Terms
from app.purchases import queries, service
from app.purchases.models import DAYS, PURCHASES, REFUNDS, TOTALS
from app.purchases.rules import Item, PurchaseOrder, RefundOrder, RefundTooLarge
from app.purchases.service import Recorded, Refunded
from tests.support.at_once import at_once
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
    assert len(queries.broken(session)) == 2  # the day's, and the running ones over it
    session.execute(sa.delete(DAYS))
    assert len(queries.broken(session)) == 2
    service.fold_days(session, member_ids=[member])
    assert queries.broken(session) == []
    session.execute(sa.update(TOTALS).values(last_day=TODAY - timedelta(days=1)))
    assert len(queries.broken(session)) == 1


def test_totals_of_a_day_without_sales_are_found(
    session: Session, terms: Terms, member: int
) -> None:
    session.execute(
        sa.insert(DAYS),
        {"member_id": member, "day": TODAY, "count": 1, "net": 5, "qualifying": 5},
    )
    assert len(queries.broken(session)) == 2


def test_a_refund_total_that_is_not_the_sum_of_refunds_is_found(
    session: Session, terms: Terms, member: int
) -> None:
    record(session, terms, PurchaseOrder("p1", 790, NOW))
    session.execute(sa.update(PURCHASES).values(refunded=10))
    assert queries.broken(session) == ["purchase p1: NT$10 refunded, refunds add up to NT$0"]


# Running totals -----------------------------------------------------------------------------------


def totals(session: Session, member: int) -> tuple[object, ...] | None:
    row = session.execute(
        sa.select(
            TOTALS.c.first_day, TOTALS.c.last_day, TOTALS.c.days, TOTALS.c["count"], TOTALS.c.net
        ).where(TOTALS.c.member_id == member)
    ).one_or_none()
    return None if row is None else tuple(row)


def test_running_totals_follow_sales_and_refunds(db: Database) -> None:
    with db.transaction() as session:
        publish(session)
        terms, member = programmes.terms_at(session, NOW), new_member(session)
        for number, ago in enumerate((5, 9, 5, 0)):
            sold_at = NOW - timedelta(days=ago)
            order = PurchaseOrder(f"p{number}", 100, sold_at, member_id=member)
            record(session, terms, order)
        first, last = TODAY - timedelta(days=9), TODAY
        assert totals(session, member) == (first, last, 3, 4, 400)
        refund(session, 100, "r1", sale="p3")
        assert totals(session, member) == (first, TODAY - timedelta(days=5), 2, 3, 300)
        refund(session, 100, "r2", sale="p1")
        refund(session, 50, "r3", sale="p0")
        day = TODAY - timedelta(days=5)
        assert totals(session, member) == (day, day, 1, 2, 150)
        refund(session, 50, "r4", sale="p0")
        refund(session, 100, "r5", sale="p2")
        assert totals(session, member) == (None, None, 0, 0, 0)
        assert queries.broken(session) == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 3)), max_size=12))
def test_running_totals_are_the_fold_of_any_history(
    sqlite_db: Database, history: list[tuple[int, int, int]]
) -> None:
    """Each step sells on a day, or gives some or all of an earlier sale back."""
    with sqlite_db.transaction() as session:
        if not session.scalar(sa.select(sa.func.count()).select_from(Programme)):
            publish(session)
        terms, member = programmes.terms_at(session, NOW), new_member(session)
        left: dict[str, int] = {}
        for number, (ago, amount, part) in enumerate(history):
            name = f"h{member}-{number}"
            back = next((sale for sale, rest in left.items() if rest >= part > 0), None)
            if amount == 3 and back is not None:
                left[back] -= part
                refund(session, part, f"r{name}", sale=back)
                continue
            left[name] = amount
            sold_at = NOW - timedelta(days=ago)
            record(session, terms, PurchaseOrder(name, amount, sold_at, member_id=member))
        assert queries.broken(session) == []


def test_running_totals_hold_when_everything_happens_at_once(db: Database) -> None:
    with db.transaction() as session:
        publish(session)
        terms, member = programmes.terms_at(session, NOW), new_member(session)
        for number in range(6):
            sold_at = NOW - timedelta(days=number)
            record(session, terms, PurchaseOrder(f"p{number}", 100, sold_at, member_id=member))

    def act(number: int) -> None:
        for turn in range(3):
            with db.transaction() as session:
                if number % 2:
                    refund(session, 30, f"r{number}-{turn}", sale=f"p{number // 2}")
                    if turn == 2:
                        refund(session, 10, f"rest{number}", sale=f"p{number // 2}")
                else:
                    sold_at = NOW - timedelta(days=number + turn * 3)
                    order = PurchaseOrder(f"q{number}-{turn}", 50, sold_at, member_id=member)
                    record(session, terms, order)

    assert at_once(*(partial(act, number) for number in range(8))) == [None] * 8
    with db.reading() as session:
        assert queries.broken(session) == []
        assert totals(session, member)[3:] == (14, 800)  # type: ignore[index]  # there is one

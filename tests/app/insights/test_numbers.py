from datetime import date, datetime, timedelta

import pytest

from app.checkouts import service as checkouts
from app.core.clock import TAIPEI
from app.core.db import Database
from app.insights.queries import numbers
from app.purchases.rules import RefundOrder
from tests.support.loyalty import publish
from tests.support.people import bought, regular
from tests.support.staffing import Shop, staffed_shop
from tests.support.times import NOW


@pytest.fixture
def shop(db: Database) -> Shop:
    with db.transaction() as session:
        publish(session)
        return staffed_shop(session)


def local(day: int, hour: int, minute: int = 0, month: int = 7) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=TAIPEI)


def test_an_empty_brand_has_zeros_and_no_error(db: Database) -> None:
    with db.reading() as session:
        assert numbers.people(session, now=NOW) == numbers.People(0, 0, 0, 0)
        assert numbers.sales(session, now=NOW) == numbers.Sales(0, 0, 0)
        days = numbers.days(session, now=NOW)
        delivery = numbers.delivery(session, now=NOW)
    assert len(days) == 30
    assert days[-1].day == date(2026, 7, 4)
    assert not any(day.joined or day.sales for day in days)
    assert delivery.inbox_lag == delivery.outbox_lag == timedelta(0)


def test_people_are_counted_by_taipei_days_and_without_test_members(
    db: Database, shop: Shop
) -> None:
    with db.transaction() as session:
        regular(session, joined_at=local(4, 0, 0))  # the first minute of today
        regular(session, joined_at=local(3, 23, 59))  # the last of yesterday
        regular(session, joined_at=local(28, 0, 0, month=6))  # the first of the seven days
        regular(session, joined_at=local(27, 23, 59, month=6), is_friend=False)
        regular(session, joined_at=local(4, 1), is_test=True)
        regular(session, joined_at=None)  # a friend who has not joined
    with db.reading() as session:
        people = numbers.people(session, now=NOW)
        days = {day.day: day.joined for day in numbers.days(session, now=NOW)}
    assert people == numbers.People(friends=4, members=4, joined_today=1, joined_week=3)
    assert days[date(2026, 7, 4)] == 1
    assert days[date(2026, 7, 3)] == 1
    assert days[date(2026, 6, 28)] == 1
    assert sum(days.values()) == 4


def test_sales_are_net_of_refunds_and_of_members_only(db: Database, shop: Shop) -> None:
    with db.transaction() as session:
        hana, ken = regular(session), regular(session)
        first = bought(session, hana, 1_000, store_id=shop.store_id)
        bought(session, hana, 500, store_id=shop.store_id)
        bought(session, ken, 300, store_id=shop.store_id, sold_at=local(4, 0, 0))
        bought(session, ken, 200, store_id=shop.store_id, sold_at=local(3, 23, 59))
        bought(session, None, 9_000, store_id=shop.store_id)
        bought(session, regular(session, is_test=True), 8_000, store_id=shop.store_id)
        refund = RefundOrder(external_id="r1", purchase_external_id=first, amount=400)
        checkouts.refund_purchase(session, order=refund, now=NOW)
    with db.reading() as session:
        today = numbers.sales(session, now=NOW)
        days = {day.day: day.sales for day in numbers.days(session, now=NOW)}
    assert today == numbers.Sales(net=1_400, count=3, buyers=2)
    assert days[date(2026, 7, 4)] == 1_400
    assert days[date(2026, 7, 3)] == 200

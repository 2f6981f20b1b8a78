"""The day of one store and the people at its till, among a great many coupons of everybody."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.coupons.models import COUPONS, EVENTS
from app.insights.queries import kinds, till
from app.staff.rules import Role
from tests.app.insights.test_finder import explained
from tests.support.loyalty import publish
from tests.support.people import coupon_for, regular
from tests.support.staffing import Shop, staffed_shop
from tests.support.times import NOW

MANY = 5_000
DAY = timedelta(days=1)


@pytest.fixture
def shop(db: Database) -> Shop:
    """A morning on which everybody got a coupon, and one clerk gave three."""
    with db.transaction() as session:
        publish(session)
        shop = staffed_shop(session)
        coupon_for(session, regular(session))
        coupon = session.scalars(sa.select(COUPONS.c.id)).one()
        row = {"coupon_id": coupon, "kind": "issued", "at": NOW, "facts": {}}
        by_itself = row | {"store_id": None, "staff_id": None}
        given = row | {"store_id": shop.store_id, "staff_id": shop.staff[Role.CLERK]}
        session.execute(sa.insert(EVENTS), [by_itself] * MANY + [given] * 3)
    with db.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text("ANALYZE"))
    return shop


def test_what_was_given_in_a_store_today_is_counted_without_reading_the_rest(
    db: Database, shop: Shop
) -> None:
    with db.reading() as session:
        assert till.day_at_store(session, shop.store_id, now=NOW).goodwill == 3
        assert till.day_at_store(session, shop.store_id, now=NOW + DAY).goodwill == 0
        assert till.day_at_store(session, shop.other_store_id, now=NOW).goodwill == 0
        plan = plan_of(session, till.given_today(shop.store_id, now=NOW), db)
    assert "ix_coupon_events_given" in plan


def test_who_gave_unusually_much_is_found_without_reading_what_was_issued_by_itself(
    db: Database, shop: Shop
) -> None:
    since, until = NOW - DAY / 2, NOW + DAY / 2
    with db.reading() as session:
        (odd,) = kinds.odd_clerks(session, since=since, until=until)
        plan = plan_of(session, kinds.odd_clerks_query(since=since, until=until), db)
    assert (odd.staff_id, odd.given, odd.redeemed) == (shop.staff[Role.CLERK], 3, 0)
    assert "ix_coupon_events_of_staff" in plan


def plan_of(session: Session, query: sa.Select[int], db: Database) -> str:
    return explained(session, query, is_sqlite=db.is_sqlite)

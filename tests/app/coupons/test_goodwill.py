"""Coupons that people at the till give to make up for something."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.errors import Invalid, NotFound
from app.coupons import queries, service
from app.coupons.models import COUPONS, EVENTS
from app.coupons.rules import KindDraft
from app.coupons.service import Giver, Issued, LimitReached, QuotaReached
from app.insights.queries import kinds
from app.programmes.rules import DEFAULT, Goodwill, faults
from tests.support.at_once import at_once
from tests.support.loyalty import publish
from tests.support.people import regular
from tests.support.staffing import Shop, staffed_shop
from tests.support.times import NOW

DAY = timedelta(days=1)


def open_kind(session: Session, **draft: object) -> None:
    publish(session)
    values = {"valid_days": 30, "goodwill": True} | draft
    kind = KindDraft("sorry", "招待飲料", "gift", **values)  # type: ignore[arg-type]  # a test's shorthand
    service.create_kind(session, draft=kind, now=NOW)


@pytest.fixture
def shop(session: Session) -> Shop:
    open_kind(session)
    return staffed_shop(session)


def give(
    session: Session,
    shop: Shop,
    member: int,
    key: str = "1",
    *,
    quota: tuple[int | None, int | None] = (2, 3),
    reason: str = "飲料做錯",
    after: timedelta = timedelta(),
) -> Issued | None:
    by = Giver(next(iter(shop.staff.values())), shop.store_id, quota)
    return service.give_goodwill(
        session,
        kind_code="sorry",
        member_id=member,
        by=by,
        reason=reason,
        dedup_key=key,
        now=NOW + after,
    )


def test_who_gave_it_where_and_why_is_noted(session: Session, shop: Shop) -> None:
    issued = give(session, shop, regular(session), reason="  飲料  做錯 ")
    assert issued is not None
    row = session.execute(sa.select(EVENTS).where(EVENTS.c.coupon_id == issued.coupon_id)).one()
    assert (row.staff_id, row.store_id) == (next(iter(shop.staff.values())), shop.store_id)
    assert row.facts == {"source": "goodwill", "reason": "飲料 做錯"}


def test_the_same_form_twice_gives_one_and_counts_one(session: Session, shop: Shop) -> None:
    hana = regular(session)
    assert give(session, shop, hana) is not None
    assert give(session, shop, hana) is None
    staff_id = next(iter(shop.staff.values()))
    assert queries.goodwill_given(session, staff_id, now=NOW) == (1, 1)


def test_a_day_and_a_month_have_their_own_end(session: Session, shop: Shop) -> None:
    hana = regular(session)
    for key in "12":
        give(session, shop, hana, key)
    with pytest.raises(QuotaReached, match="day"), session.begin_nested():
        give(session, shop, hana, "3")
    give(session, shop, hana, "4", after=DAY)
    with pytest.raises(QuotaReached, match="month"), session.begin_nested():
        give(session, shop, hana, "5", after=2 * DAY)


def test_the_next_month_begins_at_nothing(session: Session, shop: Shop) -> None:
    hana = regular(session)
    for number in range(3):
        give(session, shop, hana, str(number), after=number * DAY)
    assert give(session, shop, hana, "next", after=31 * DAY) is not None


@pytest.mark.parametrize("quota", [(0, 5), (5, 0), (0, 0)])
def test_who_has_no_quota_gives_nothing(
    session: Session, shop: Shop, quota: tuple[int, int]
) -> None:
    with pytest.raises(QuotaReached):
        give(session, shop, regular(session), quota=quota)


def test_without_a_limit_nothing_stops(session: Session, shop: Shop) -> None:
    hana = regular(session)
    for number in range(12):
        assert give(session, shop, hana, str(number), quota=(None, None)) is not None


@pytest.mark.parametrize("reason", ["", " ", "x", "x" * 101])
def test_a_reason_is_needed(session: Session, shop: Shop, reason: str) -> None:
    with pytest.raises(Invalid, match="reason"):
        give(session, shop, regular(session), reason=reason)


def test_a_kind_that_is_not_for_this_cannot_be_given(session: Session) -> None:
    open_kind(session, goodwill=False)
    shop = staffed_shop(session)
    assert queries.goodwill_kinds(session) == []
    with pytest.raises(NotFound):
        give(session, shop, regular(session))


def test_the_limits_of_the_kind_hold_too(session: Session) -> None:
    open_kind(session, per_member_limit=1)
    shop = staffed_shop(session)
    hana = regular(session)
    give(session, shop, hana)
    with pytest.raises(LimitReached, match="per_member"):
        give(session, shop, hana, "2")


def test_who_gives_much_is_listed(session: Session, shop: Shop) -> None:
    hana = regular(session)
    since, until = NOW - DAY / 2, NOW + DAY / 2
    give(session, shop, hana, "0")
    assert kinds.odd_clerks(session, since=since, until=until) == []
    give(session, shop, hana, "1")  # all that the usual quota of a day allows
    (odd,) = kinds.odd_clerks(session, since=since, until=until)
    assert (odd.given, odd.redeemed, odd.discount) == (2, 0, 0)
    assert kinds.odd_clerks(session, since=NOW - 3 * DAY, until=until) == []


def test_a_quota_below_nothing_is_no_programme() -> None:
    terms = replace(DEFAULT, goodwill=Goodwill(clerk_per_day=-1))
    assert [path for path, _ in faults(terms)] == [("goodwill", "clerk_per_day")]
    assert Goodwill().quota("analyst") == (0, 0)


def test_of_many_presses_at_once_none_passes_the_quota(db: Database) -> None:
    with db.transaction() as session:
        open_kind(session)
        shop = staffed_shop(session)
        members = [regular(session, phone=f"+88691234567{n}") for n in range(6)]

    def press(number: int) -> None:
        db.carried_out(lambda session: give(session, shop, members[number], str(number)))

    ended = at_once(*[lambda n=n: press(n) for n in range(6)])
    assert [type(one) for one in ended].count(QuotaReached) == 4
    with db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(COUPONS)) == 2

"""Coupons held for an order of a shop on the web: nobody else uses them, and they come back."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.errors import NotFound
from app.coupons import queries, service
from app.coupons.models import COUPONS
from app.coupons.rules import CouponNotUsable, Situation
from app.coupons.service import HELD_FOR, Use
from tests.app.coupons.test_limits import give, new_kind, outcome
from tests.support.at_once import at_once
from tests.support.loyalty import new_member
from tests.support.times import NOW

LATER = NOW + HELD_FOR


def hold(session: Session, member: int, order: str, *codes: str, minutes: int = 0) -> None:
    now = NOW + timedelta(minutes=minutes)
    service.reserve(session, codes=codes, member_id=member, order_id=order, now=now)


def use(session: Session, member: int, code: str, order: str = "", minutes: float = 0) -> int:
    now = NOW + timedelta(minutes=minutes)
    [used] = service.redeem_all(
        session,
        uses=[Use(code)],
        member_id=member,
        store_id=None,
        staff_id=None,
        situation=Situation(1_000, now),
        now=now,
        order_id=order,
    )
    return used.discount


def status(session: Session, code: str) -> str:
    return str(session.scalar(sa.select(COUPONS.c.status).where(COUPONS.c.code == code)))


def test_what_is_held_can_be_used_by_its_own_order_only(session: Session) -> None:
    hana = new_member(session)
    code = give(session, new_kind(session), hana)
    hold(session, hana, "W-1", code)
    assert queries.usable_coupons(session, hana, now=NOW) == []
    for order in ("", "W-2"):
        with pytest.raises(CouponNotUsable) as refused:
            use(session, hana, code, order)
        assert refused.value.reason == "reserved"
    with pytest.raises(CouponNotUsable, match="reserved"):
        hold(session, hana, "W-2", code)
    assert use(session, hana, code, "W-1") == 100
    row = session.execute(sa.select(COUPONS).where(COUPONS.c.code == code)).one()
    assert (row.status, row.reserved_for, row.reserved_until) == ("redeemed", None, None)
    assert queries.broken(session) == []


def test_after_a_quarter_of_an_hour_it_is_the_members_again(session: Session) -> None:
    hana = new_member(session)
    kind = new_kind(session)
    first, second = give(session, kind, hana), give(session, kind, hana)
    hold(session, hana, "W-1", first, second)
    with pytest.raises(CouponNotUsable):
        use(session, hana, first, minutes=14.99)
    assert use(session, hana, first, minutes=15) == 100  # before the night watch came by
    assert service.release_due(session, now=LATER - timedelta(seconds=1)) == 0
    assert service.release_due(session, now=LATER) == 1
    assert service.release_due(session, now=LATER) == 0
    assert [one.code for one in queries.usable_coupons(session, hana, now=LATER)] == [second]


def test_holding_again_begins_the_time_anew(session: Session) -> None:
    hana = new_member(session)
    code = give(session, new_kind(session), hana)
    hold(session, hana, "W-1", code)
    hold(session, hana, "W-1", code, minutes=10)
    assert service.release_due(session, now=LATER) == 0
    assert service.release_due(session, now=LATER + timedelta(minutes=10)) == 1


def test_an_order_given_up_lets_go_at_once(session: Session) -> None:
    hana = new_member(session)
    code = give(session, new_kind(session), hana)
    hold(session, hana, "W-1", code)
    assert service.release(session, order_id="W-2", now=NOW) == 0
    assert service.release(session, order_id="W-1", now=NOW) == 1
    assert service.release(session, order_id="W-1", now=NOW) == 0
    assert use(session, hana, code) == 100
    assert [step.kind for step in queries.steps_of(session, used_id(session, code))] == [
        "issued",
        "reserved",
        "released",
        "redeemed",
    ]


def used_id(session: Session, code: str) -> int:
    found = queries.coupon_by_code(session, code)
    assert found is not None
    return found.id


def test_all_are_held_or_none_and_a_strangers_is_not_found(session: Session) -> None:
    hana, ken = new_member(session), new_member(session)
    kind = new_kind(session)
    mine, used, theirs = (give(session, kind, who) for who in (hana, hana, ken))
    use(session, hana, used)
    with pytest.raises(CouponNotUsable, match="already_redeemed"), session.begin_nested():
        hold(session, hana, "W-1", mine, used)
    with pytest.raises(NotFound), session.begin_nested():
        hold(session, hana, "W-1", mine, theirs)
    assert status(session, mine) == "issued"


def test_an_expired_coupon_is_not_held(session: Session) -> None:
    hana = new_member(session)
    code = give(session, new_kind(session, valid_days=0), hana)
    with pytest.raises(CouponNotUsable, match="expired"):
        hold(session, hana, "W-1", code, minutes=24 * 60)


def test_of_many_orders_at_once_one_holds_the_coupon(db: Database) -> None:
    with db.transaction() as session:
        hana = new_member(session)
        code = give(session, new_kind(session), hana)

    def try_order(number: int) -> None:
        with db.transaction() as session:
            hold(session, hana, f"W-{number}", code)

    ended = Counter(outcome(one) for one in at_once(*(partial(try_order, n) for n in range(12))))
    assert ended == {"done": 1, "reserved": 11}


def test_holding_and_using_at_once_ends_in_one_of_them(db: Database) -> None:
    with db.transaction() as session:
        hana = new_member(session)
        code = give(session, new_kind(session), hana)

    def holding(number: int) -> None:
        with db.transaction() as session:
            hold(session, hana, f"W-{number}", code)

    def using(_number: int) -> None:
        with db.transaction() as session:
            use(session, hana, code)

    works = [partial(using if number % 2 else holding, number) for number in range(10)]
    ended = Counter(outcome(one) for one in at_once(*works))
    assert ended["done"] == 1
    with db.reading() as session:
        assert status(session, code) in ("reserved", "redeemed")
        assert queries.broken(session) == []


# Ends and changes while it is held ---------------------------------------------------------------


def ending(session: Session, member: int, *, minutes: int) -> str:
    """The code of a coupon with so many minutes to live."""
    ends_at = NOW + timedelta(minutes=minutes)
    return give(session, new_kind(session, valid_days=None, ends_at=ends_at), member)


def test_a_coupon_that_ends_while_it_is_held_is_good_for_its_order(session: Session) -> None:
    hana = new_member(session)
    code = ending(session, hana, minutes=5)
    hold(session, hana, "W-1", code)
    for order in ("", "W-2"):
        with pytest.raises(CouponNotUsable):
            use(session, hana, code, order, minutes=10)
    assert use(session, hana, code, "W-1", minutes=10) == 100


def test_after_the_hold_an_ended_coupon_is_over_for_its_order_too(session: Session) -> None:
    hana = new_member(session)
    code = ending(session, hana, minutes=5)
    hold(session, hana, "W-1", code)
    with pytest.raises(CouponNotUsable, match="expired"):
        use(session, hana, code, "W-1", minutes=15)


def test_an_ended_coupon_is_not_held_longer_by_holding_again(session: Session) -> None:
    hana = new_member(session)
    code = ending(session, hana, minutes=5)
    hold(session, hana, "W-1", code)
    now = NOW + timedelta(minutes=10)
    until = service.reserve(session, codes=[code], member_id=hana, order_id="W-1", now=now)
    assert until == LATER
    with pytest.raises(CouponNotUsable, match="expired"):
        use(session, hana, code, "W-1", minutes=15)


def test_holding_again_lets_go_of_what_left_the_cart(session: Session) -> None:
    hana = new_member(session)
    kind = new_kind(session)
    first, second = give(session, kind, hana), give(session, kind, hana)
    hold(session, hana, "W-1", first, second)
    hold(session, hana, "W-1", second, minutes=1)
    assert [status(session, code) for code in (first, second)] == ["issued", "reserved"]
    assert use(session, hana, first, "W-2", minutes=1) == 100


def test_a_held_coupon_can_be_taken_away(session: Session) -> None:
    hana = new_member(session)
    kind = new_kind(session)
    first, second = give(session, kind, hana), give(session, kind, hana)
    hold(session, hana, "W-1", first, second)
    coupon_id = used_id(session, first)
    taken = service.revoke(session, coupon_id=coupon_id, reason="客訴", staff_id=None, now=NOW)
    assert taken
    service.revoke_all(
        session, member_id=hana, source="staff", reason="合併", staff_id=None, now=NOW
    )
    rows = list(session.execute(sa.select(COUPONS.c.status, COUPONS.c.reserved_for)))
    assert rows == [("revoked", None)] * 2
    with pytest.raises(CouponNotUsable, match="revoked"):
        use(session, hana, first, "W-1")
    assert service.release(session, order_id="W-1", now=NOW) == 0


def test_what_was_held_long_enough_is_shown_as_free_before_anybody_lets_go(
    session: Session,
) -> None:
    hana = new_member(session)
    code = give(session, new_kind(session), hana)
    hold(session, hana, "W-1", code)
    [own] = queries.usable_coupons(session, hana, now=NOW, order_id="W-1")
    assert not own.is_usable(NOW)  # by anybody else
    [free] = queries.usable_coupons(session, hana, now=LATER)
    assert (free.code, free.is_usable(LATER)) == (code, True)
    assert list(queries.usable_by_code(session, hana, codes=[code], now=NOW)) == []
    assert list(queries.usable_by_code(session, hana, codes=[code], now=LATER)) == [code]

"""What is due is looked at again, kept to the caps and to the night, and queued once."""

import json
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.attention import service as governor
from app.attention.models import MARKETING_DAYS
from app.core.db import Database
from app.coupons import queries as coupons
from app.coupons.models import COUPONS
from app.lifecycle import queries, rules, service
from app.lifecycle.models import SENDS
from app.members import service as members
from app.members.models import Member
from app.outbox.models import OutboxRow
from app.programmes.rules import DEFAULT
from app.tiers import service as tiers
from flex_templates import limits
from tests.app.lifecycle.brand import (
    BRAND,
    DAY,
    at,
    buy,
    compose,
    earn,
    give,
    open_brand,
    person,
    plan,
    pushed,
    verdicts,
)

D = date(2026, 7, 10)


def quiet_joiner(session: Session, **more: Any) -> int:
    """Somebody who is due `no_purchase` on D."""
    return person(session, joined=D - 7 * DAY, **more)


def words(session: Session) -> str:
    return "".join(session.scalars(sa.select(OutboxRow.payload)))


@pytest.mark.parametrize(
    ("moment", "status", "due"),
    [
        (at(D, 9, 59), "due", at(D)),
        (at(D), "queued", at(D)),
        (at(D, 20, 59), "queued", at(D)),
        (at(D, 21), "held", at(D + DAY, 9)),
        (at(D + DAY, 8, 59), "held", at(D + DAY, 9)),
        (at(D + DAY, 9), "queued", at(D)),
    ],
)
def test_nothing_goes_at_night(db: Database, moment: datetime, status: str, due: datetime) -> None:
    with db.transaction() as session:
        open_brand(session)
        quiet_joiner(session)
        plan(session, at(D, 0, 5))
        compose(session, moment)
        row = session.execute(sa.select(SENDS.c.status, SENDS.c.due_at)).one()
        assert (row.status, row.due_at) == (status, due)
        assert pushed(session) == (["no_purchase"] if status == "queued" else [])


def test_what_was_held_over_night_goes_in_the_morning(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        quiet_joiner(session)
        plan(session, at(D, 21, 30))
        assert compose(session, at(D, 21, 30)) == 1
        assert verdicts(session) == [
            ("no_purchase", "held", "夜間不打擾（21:00–09:00），延至 07/11 09:00")
        ]
        assert compose(session, at(D + DAY, 8, 59)) == 0
        assert compose(session, at(D + DAY, 9)) == 1
        assert verdicts(session) == [("no_purchase", "queued", None)]


def test_what_is_stale_by_morning_is_dropped(session: Session) -> None:
    open_brand(session)
    buy(session, person(session), D - DAY)
    plan(session, at(D, 21, 30))
    compose(session, at(D, 21, 30))
    assert verdicts(session) == [
        ("first_purchase", "dropped", "夜間不打擾（21:00–09:00），到早上已過時效")
    ]


def test_what_waited_too_long_is_dropped(session: Session) -> None:
    open_brand(session)
    quiet_joiner(session)
    plan(session, at(D))
    compose(session, at(D + 3 * DAY, 10))
    assert verdicts(session) == [("no_purchase", "dropped", "已過時效，不再發送")]


# What changed since it was planned ---------------------------------------------------------------


def _opts_out(session: Session, member: int) -> None:
    members.consent(
        session,
        member_id=member,
        kind="marketing",
        version="1",
        is_given=False,
        channel="chat",
        now=at(D),
    )


def _set(**values: Any) -> Callable[[Session, int], None]:
    def change(session: Session, member: int) -> None:
        session.execute(sa.update(Member).where(Member.id == member).values(**values))

    return change


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (lambda s, m: buy(s, m, D, hour=9), "已經消費，不需提醒"),
        (_opts_out, "未同意接收行銷訊息"),
        (_set(is_friend=False), "已封鎖或未加入官方帳號"),
        (_set(line_user_id=None), "已封鎖或未加入官方帳號"),
        (_set(status="closed"), "已不是會員"),
        (_set(is_test=True), "測試會員不發送行銷訊息"),
    ],
)
def test_the_condition_is_looked_at_again(
    db: Database, meanwhile: Callable[[Session, int], object], reason: str
) -> None:
    with db.transaction() as session:
        open_brand(session)
        member = quiet_joiner(session)
        plan(session, at(D, 0, 5))
        meanwhile(session, member)
        compose(session, at(D))
        assert verdicts(session) == [("no_purchase", "dropped", reason)]
        assert pushed(session) == []
        assert session.scalar(sa.select(sa.func.count()).select_from(MARKETING_DAYS)) == 0


def test_a_coupon_used_meanwhile_is_not_reminded_of(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        give(session, person(session), "autumn", D - 7 * DAY, "mail:1")
        plan(session, at(D))
        session.execute(sa.update(COUPONS).values(status="redeemed", redeemed_at=at(D)))
        compose(session, at(D))
        assert verdicts(session) == [("coupon_expiring", "dropped", "優惠券已使用或已失效")]


def test_of_two_coupons_the_one_left_is_reminded_of(session: Session) -> None:
    open_brand(session)
    member = person(session)
    used = give(session, member, "autumn", D - 7 * DAY, "mail:1")
    left = give(session, member, "autumn", D - 7 * DAY, "mail:2")
    plan(session, at(D))
    session.execute(
        sa.update(COUPONS).where(COUPONS.c.id == used.coupon_id).values(status="redeemed")
    )
    compose(session, at(D))
    assert f"coupon.use:{left.coupon_id}" in words(session)


def test_a_guest_who_joined_meanwhile_is_not_asked_to(session: Session) -> None:
    open_brand(session)
    guest = person(session, joined=None, friended_at=at(D - DAY))
    plan(session, at(D))
    _set(status="member")(session, guest)
    compose(session, at(D))
    assert verdicts(session) == [("not_joined", "dropped", "已經加入會員")]


def test_a_guest_who_pressed_stop_is_left_alone(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        guest = person(session, joined=None, friended_at=at(D - DAY))
        plan(session, at(D, 0, 5))
        _opts_out(session, guest)
        compose(session, at(D))
        assert verdicts(session) == [("not_joined", "dropped", "未同意接收行銷訊息")]
        plan(session, at(D + 6 * DAY))
        assert len(verdicts(session)) == 1


def test_refusing_marketing_takes_back_what_is_queued(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        member = quiet_joiner(session)
        plan(session, at(D))
        compose(session, at(D))
        assert pushed(session) == ["no_purchase"]
        _opts_out(session, member)
        assert pushed(session) == []
        assert pushed(session, "cancelled") == ["no_purchase"]


def test_who_blocked_between_look_and_queue_takes_no_day(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        member = quiet_joiner(session)
        plan(session, at(D))
        members.unfriend(session, member_id=member, recipient=f"U{member:032x}", at=at(D))
        _set(is_friend=True)(session, member)  # the row is behind, the stop is not
        compose(session, at(D))
        assert verdicts(session) == [("no_purchase", "dropped", "已封鎖或未加入官方帳號")]
        assert session.scalar(sa.select(sa.func.count()).select_from(MARKETING_DAYS)) == 0


# Who is left out ----------------------------------------------------------------------------------


def held_out_id() -> int:
    return next(number for number in range(500_000, 501_000) if attention.is_held_out(number))


def test_the_hold_out_gets_no_marketing_but_every_warning(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        member = quiet_joiner(session, id=held_out_id())
        earn(session, member, 100, date(2025, 7, 10))
        plan(session, at(date(2026, 7, 10)))
        plan(session, at(date(2026, 7, 24)))
        compose(session, at(D))
        assert verdicts(session)[0] == (
            "no_purchase",
            "dropped",
            "對照組（5% 會員）不發送行銷訊息",
        )
        compose(session, at(date(2026, 7, 24)))
        assert "points_expiring" in pushed(session)


# Caps ---------------------------------------------------------------------------------------------


def birthday_and_points(session: Session) -> int:
    """On 1 July: a birthday month begins and points end in thirty days."""
    member = person(session, birth_month=7, birth_day=9)
    earn(session, member, 100, date(2025, 7, 10))
    return member


def test_the_more_urgent_goes_and_the_other_waits_for_tomorrow(db: Database) -> None:
    first = date(2026, 7, 1)
    with db.transaction() as session:
        open_brand(session)
        birthday_and_points(session)
        plan(session, at(first))
        compose(session, at(first))
        assert pushed(session) == ["points_expiring"]
        assert ("birthday", "held", "已達一天一則、七天三則的上限，延至 07/02") in verdicts(session)
        assert compose(session, at(first, 20, 59)) == 0
        compose(session, at(first + DAY))
        assert pushed(session) == ["points_expiring", "birthday"]


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_the_order_holds_however_small_the_batches(session: Session, limit: int) -> None:
    first = date(2026, 7, 1)
    open_brand(session)
    for _ in range(3):
        birthday_and_points(session)
    plan(session, at(first))
    while service.compose(session, brand=BRAND, now=at(first), limit=limit):
        pass
    assert pushed(session) == ["points_expiring"] * 3


def booked(session: Session, member: int, *days_ago: int) -> None:
    for ago in days_ago:
        assert governor.take_day(session, member_id=member, day=D - ago * DAY, what=f"mail:{ago}")


@pytest.mark.parametrize(
    ("days_ago", "status", "reason"),
    [
        ((), "queued", None),
        ((1, 2), "queued", None),
        ((7, 8, 9), "queued", None),
        ((6, 7, 8), "queued", None),
        ((5, 6), "queued", None),
        ((6, 5, 4), "held", "已達一天一則、七天三則的上限，延至 07/11"),
        ((0,), "held", "已達一天一則、七天三則的上限，延至 07/11"),
        ((1, 2, 3), "dropped", "已達一天一則、七天三則的上限，時效內已無可發送的日子"),
    ],
)
def test_one_a_day_and_three_in_seven_days(
    db: Database, days_ago: tuple[int, ...], status: str, reason: str | None
) -> None:
    with db.transaction() as session:
        open_brand(session)
        booked(session, quiet_joiner(session), *days_ago)
        plan(session, at(D))
        compose(session, at(D))
        assert verdicts(session) == [("no_purchase", status, reason)]


def test_a_message_of_service_is_outside_the_caps(db: Database) -> None:
    """A tier that ended is told even to who got three messages and wants no marketing."""
    with db.transaction() as session:
        open_brand(session)
        member = person(session)
        buy(session, member, D, 6_000)
        _opts_out(session, member)
        for ago in (-363, -364, -365):
            booked(session, member, ago)
        ended = at(D + 365 * DAY, 0, 1)
        assert [change.kind for change in tiers.review_at_expiry(session, now=ended)] == [
            "downgraded"
        ]
        plan(session, ended)
        compose(session, at(D + 365 * DAY))
        assert ("tier_changed", "queued", None) in verdicts(session)


def test_two_takers_of_one_day_get_it_once(db: Database) -> None:
    with db.transaction() as session:
        member = person_without_brand(session)
    taken = together(
        db,
        8,
        lambda session, number: governor.take_day(
            session, member_id=member, day=D, what=f"mail:{number}"
        ),
    )
    assert sorted(taken) == [False] * 7 + [True]


def test_composers_at_once_send_one(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        for _ in range(5):
            birthday_and_points(session)
        plan(session, at(date(2026, 7, 1)))
    together(db, 6, lambda session, _: compose(session, at(date(2026, 7, 1))))
    with db.transaction() as session:
        while compose(session, at(date(2026, 7, 1))):
            pass
        assert len(pushed(session)) == 5
        assert session.scalar(sa.select(sa.func.count()).select_from(MARKETING_DAYS)) == 5
        assert session.scalar(sa.select(sa.func.count()).select_from(COUPONS)) == 5
        assert coupons.broken(session) == []


def person_without_brand(session: Session) -> int:
    open_brand(session)
    return person(session)


def together(db: Database, number: int, work: Callable[[Session, int], Any]) -> list[Any]:
    """Do it in so many threads, each in its own transaction, all let go at the same moment."""
    gate, results, troubles = threading.Barrier(number), list[Any](), list[Exception]()

    def one(index: int) -> None:
        gate.wait()
        try:
            with db.transaction() as session:
                results.append(work(session, index))
        except Exception as error:  # noqa: BLE001  # shown by the assertion below
            troubles.append(error)

    threads = [threading.Thread(target=one, args=[index]) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    return results


# Gifts and letters --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({}, "queued"),
        ({"marketing_ok": False}, "dropped"),
        ({"is_friend": False}, "dropped"),
        ({"line_user_id": None, "is_friend": False}, "dropped"),
    ],
)
def test_the_birthday_gift_is_for_every_member(
    db: Database, more: dict[str, Any], status: str
) -> None:
    """Also to who gets no message; good to the month's last day."""
    first = date(2026, 2, 1)
    with db.transaction() as session:
        open_brand(session)
        member = person(session, birth_month=2, birth_day=29, **more)
        plan(session, at(first))
        compose(session, at(first))
        assert [row[1] for row in verdicts(session)] == [status]
        (held,) = coupons.usable_coupons(session, member, now=at(date(2026, 2, 28), 23, 59))
        assert held.source == "birthday:2026-02"
        assert coupons.usable_coupons(session, member, now=at(date(2026, 3, 1), 0)) == []


def test_moving_the_birthday_gives_no_second_gift(session: Session) -> None:
    open_brand(session)
    member = person(session, birth_month=2, birth_day=1)
    for month in (2, 7):
        _set(birth_month=month)(session, member)
        plan(session, at(date(2026, month, 1)))
        compose(session, at(date(2026, month, 1)))
    assert len(coupons.coupons_of(session, member)) == 1


def test_a_gift_that_is_used_up_does_not_stop_the_wish(session: Session) -> None:
    open_brand(session)
    session.execute(sa.text("UPDATE coupon_kinds SET issue_limit = 0 WHERE code = 'birthday'"))
    person(session, birth_month=7, birth_day=1)
    plan(session, at(date(2026, 7, 1)))
    compose(session, at(date(2026, 7, 1)))
    assert verdicts(session) == [("birthday", "queued", None)]


def test_the_gift_is_reminded_of_a_week_before_the_month_ends(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        person(session, birth_month=7, birth_day=1)
        for day in range(1, 32):
            plan(session, at(date(2026, 7, day)))
            compose(session, at(date(2026, 7, day)))
        assert pushed(session) == ["birthday", "birthday_reminder", "coupon_expiring"]


def everything(session: Session) -> None:
    """One of each letter."""
    person(session, joined=None, friended_at=at(D - DAY), name=None, display_name="Mei")
    give(session, quiet_joiner(session), "welcome", D - 11 * DAY, "welcome")
    quiet_joiner(session)
    buy(session, person(session), D - DAY, 1_234)
    buy(session, person(session), D - 60 * DAY)
    quiet = person(session)
    buy(session, quiet, D - 180 * DAY)
    earn(session, quiet, 30, D - 100 * DAY)
    give(session, person(session), "autumn", D - 7 * DAY, "mail:1")
    person(session, birth_month=7, birth_day=1)
    earn(session, person(session), 100, date(2025, 7, 1))
    silver = person(session)
    buy(session, silver, date(2025, 7, 17), 6_000)
    told = person(session)
    buy(session, told, date(2025, 7, 10), 21_000)


def test_every_letter_keeps_to_the_limits_and_says_why_and_how_to_stop(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        everything(session)
        tiers.review_at_expiry(session, now=at(D, 0, 1))
        for day in (date(2026, 7, 3), D, date(2026, 7, 24)):
            plan(session, at(day))
            while compose(session, at(day)):
                pass
        rows = session.execute(
            sa.select(OutboxRow.kind, OutboxRow.klass, OutboxRow.payload).where(
                OutboxRow.dedup_key.like("lifecycle:%")
            )
        ).all()
        assert {row.kind for row in rows} == {rule.code for rule in rules.RULES}
        for row in rows:
            assert limits.check_request(json.loads(row.payload)) == [], row.kind
            assert ("為什麼收到這則訊息" in row.payload) is (row.klass != "service"), row.kind
            assert ("marketing.stop" in row.payload) is (row.klass == "lifecycle"), row.kind


def test_why_something_was_not_sent_can_be_counted_and_read(session: Session) -> None:
    open_brand(session)
    member = quiet_joiner(session, is_test=True)
    plan(session, at(D))
    compose(session, at(D))
    (sent,) = queries.sends_of(session, member)
    assert (sent.rule, sent.reason) == ("no_purchase", "測試會員不發送行銷訊息")
    (count,) = queries.counts(session, since=at(D, 0), until=at(D + DAY, 0))
    assert (count.status, count.number) == ("dropped", 1)
    assert queries.overdue(session, before=at(D + DAY)) == 0


def test_a_week_never_holds_more_than_three(sqlite_db: Database) -> None:
    """Two months of daily rounds for members to whom everything happens."""
    with sqlite_db.transaction() as session:
        open_brand(session, DEFAULT)
        everything(session)
        for ahead in range(60):
            plan(session, at(D + ahead * DAY))
            while compose(session, at(D + ahead * DAY)):
                pass
        days: dict[int, list[date]] = {}
        for row in session.execute(
            sa.select(MARKETING_DAYS.c.member_id, MARKETING_DAYS.c.day).order_by(
                MARKETING_DAYS.c.day
            )
        ):
            days.setdefault(row.member_id, []).append(row.day)
        assert days
        for held in days.values():
            for third, now in zip(held, held[3:], strict=False):
                assert now - third >= timedelta(days=7)

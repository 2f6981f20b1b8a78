"""Each trigger the day before, on its day, the day after; and never twice."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.lifecycle import service
from app.lifecycle.models import SENDS
from app.members.models import Member
from app.timeline import service as timeline
from tests.app.lifecycle.brand import (
    DAY,
    at,
    buy,
    earn,
    give,
    open_brand,
    person,
    plan,
    planned,
)

D = date(2026, 7, 10)  # the day on which the case is due
Happening = Callable[[Session], object]


def _after_joining(session: Session, days: int) -> None:
    person(session, joined=D - days * DAY)


def _guest(session: Session, days: int) -> None:
    person(session, joined=None, friended_at=at(D - days * DAY, 23, 59))


def _bought(session: Session, days: int) -> None:
    buy(session, person(session), D - days * DAY)


def _twice(session: Session) -> None:
    member = person(session)
    buy(session, member, D - 40 * DAY)
    buy(session, member, D - DAY)


def _coupon(session: Session, kind: str, source: str, lives: int) -> None:
    """Given so long ago that the third day from D is its last."""
    give(session, person(session), kind, D + (3 - lives) * DAY, source)


CASES: list[tuple[str, Happening, str | None]] = [
    ("not_joined", lambda s: _guest(s, 1), "day1"),
    ("not_joined", lambda s: _guest(s, 7), "day7"),
    ("no_purchase", lambda s: _after_joining(s, 7), "day7"),
    ("no_purchase", lambda s: _after_joining(s, 21), "day21"),
    ("first_purchase", lambda s: _bought(s, 1), "first"),
    ("first_purchase", _twice, None),
    ("dormant", lambda s: _bought(s, 60), f"{D - 60 * DAY}:60"),
    ("dormant", lambda s: _bought(s, 90), f"{D - 90 * DAY}:90"),
    ("dormant", lambda s: _bought(s, 180), f"{D - 180 * DAY}:180"),
    ("welcome_unused", lambda s: _coupon(s, "welcome", "welcome", 14), f"{D + 3 * DAY}"),
    ("coupon_expiring", lambda s: _coupon(s, "autumn", "mail:7", 10), f"{D + 3 * DAY}"),
    ("coupon_expiring", lambda s: _coupon(s, "welcome", "welcome", 14), None),
]


@pytest.mark.parametrize(("rule", "happening", "occasion"), CASES)
def test_a_trigger_fires_on_its_day_and_once(
    db: Database, rule: str, happening: Happening, occasion: str | None
) -> None:
    with db.transaction() as session:
        open_brand(session)
        happening(session)
    expected = [] if occasion is None else [(rule, occasion)]
    with db.transaction() as session:
        assert of(rule, plan(session, at(D - DAY, 23, 59))) == []
        assert of(rule, plan(session, at(D, 0, 0))) == expected
        assert of(rule, plan(session, at(D, 0, 0))) == expected
        assert of(rule, plan(session, at(D + DAY))) == expected
        assert of(rule, plan(session, at(D + 2 * DAY))) == expected


@pytest.mark.parametrize(("rule", "happening", "occasion"), CASES)
def test_an_outage_of_a_day_is_made_good_if_it_still_makes_sense(
    session: Session, rule: str, happening: Happening, occasion: str | None
) -> None:
    open_brand(session)
    happening(session)
    expected = [] if occasion is None or rule == "first_purchase" else [(rule, occasion)]
    assert of(rule, plan(session, at(D + DAY))) == expected


@pytest.mark.parametrize(("rule", "happening", "occasion"), CASES)
def test_an_outage_of_weeks_is_not(
    session: Session, rule: str, happening: Happening, occasion: str | None
) -> None:
    open_brand(session)
    happening(session)
    assert occasion not in [found for _, found in of(rule, plan(session, at(D + 14 * DAY)))]


def of(rule: str, found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [item for item in found if item[0] == rule]


@pytest.mark.parametrize("step", [30, 7, 1])
def test_points_are_warned_of_by_calendar_day(db: Database, step: int) -> None:
    """Earned on 10 July 2025, gone after 31 July 2026."""
    last = date(2026, 7, 31)
    with db.transaction() as session:
        open_brand(session)
        enough, few = person(session), person(session)
        earn(session, enough, 12, date(2025, 7, 10))
        earn(session, enough, 8, date(2025, 7, 20))
        earn(session, few, 19, date(2025, 7, 10))
    day = last - step * DAY
    with db.transaction() as session:
        assert ("points_expiring", f"{last}:{step}") not in plan(session, at(day - DAY, 23, 59))
        assert ("points_expiring", f"{last}:{step}") in plan(session, at(day))
        members = session.scalars(
            sa.select(SENDS.c.member_id).where(SENDS.c.occasion == f"{last}:{step}")
        ).all()
        assert members == [enough]


@pytest.mark.parametrize("step", [60, 30, 7])
def test_a_tier_is_warned_of_by_calendar_day(db: Database, step: int) -> None:
    """Reached on 10 July 2026, held through 9 July 2027."""
    last = date(2027, 7, 9)
    with db.transaction() as session:
        open_brand(session)
        buy(session, person(session), D, 6_000)
        day = last - step * DAY
        assert of("tier_expiring", plan(session, at(day - DAY, 23, 59))) == []
        assert of("tier_expiring", plan(session, at(day))) == [("tier_expiring", f"{last}:{step}")]


@pytest.mark.parametrize("kind", ["tier.renewed", "tier.downgraded"])
def test_a_tier_that_changed_is_told_on_that_day(db: Database, kind: str) -> None:
    with db.transaction() as session:
        open_brand(session)
        member = person(session, marketing_ok=False)
        timeline.record(session, member_id=member, kind=kind, at=at(D, 0), facts={})
        assert of("tier_changed", plan(session, at(D - DAY, 23, 59))) == []
        assert of("tier_changed", plan(session, at(D, 0, 5))) == [("tier_changed", f"{D}")]


@pytest.mark.parametrize(
    ("born", "today", "is_due"),
    [
        ((7, 31), date(2026, 6, 30), False),
        ((7, 31), date(2026, 7, 1), True),
        ((7, 1), date(2026, 7, 2), True),
        ((7, 1), date(2026, 7, 23), True),
        ((7, 1), date(2026, 7, 24), False),  # from here on the reminder speaks
        ((7, 1), date(2026, 8, 1), False),
        ((2, 29), date(2026, 1, 31), False),
        ((2, 29), date(2026, 2, 1), True),  # no leap year: February all the same
        ((2, 29), date(2026, 3, 1), False),
        ((2, 29), date(2028, 2, 1), True),
        ((12, 5), date(2026, 12, 1), True),
    ],
)
def test_a_birthday_month_begins_on_its_first_day(
    session: Session, born: tuple[int, int], today: date, is_due: bool
) -> None:
    open_brand(session)
    person(session, birth_month=born[0], birth_day=born[1])
    found = of("birthday", plan(session, at(today, 0, 0)))
    assert found == ([("birthday", f"{today:%Y-%m}")] if is_due else [])


def test_a_birthday_comes_again_next_year(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        person(session, birth_month=7, birth_day=3)
        plan(session, at(date(2026, 7, 1)))
        plan(session, at(date(2026, 7, 2)))
        assert plan(session, at(date(2027, 7, 1))) == [
            ("birthday", "2026-07"),
            ("birthday", "2027-07"),
        ]


def test_who_joins_in_the_birthday_month_waits_a_year(session: Session) -> None:
    open_brand(session)
    person(session, joined=date(2026, 7, 2), birth_month=7, birth_day=20)
    assert of("birthday", plan(session, at(date(2026, 7, 3)))) == []


@pytest.mark.parametrize(
    "how",
    [
        {"is_friend": False},
        {"line_user_id": None},
        {"marketing_ok": False},
        {"status": "closed"},
    ],
)
def test_nothing_is_planned_for_who_may_not_be_written_to(
    db: Database, how: dict[str, object]
) -> None:
    with db.transaction() as session:
        open_brand(session)
        person(session, joined=D - 7 * DAY, **how)
        assert plan(session, at(D)) == []


def test_points_and_tiers_are_warned_of_without_consent_to_marketing(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        earn(session, person(session, marketing_ok=False), 100, date(2025, 7, 10))
        assert plan(session, at(date(2026, 7, 1))) == [("points_expiring", "2026-07-31:30")]


def test_a_wholly_refunded_purchase_never_was(session: Session) -> None:
    open_brand(session)
    member = person(session, joined=D - 21 * DAY)
    buy(session, member, D - 60 * DAY)
    session.execute(sa.text("UPDATE purchases SET refunded = amount"))
    assert plan(session, at(D)) == [("no_purchase", "day21")]


def test_several_coupons_of_one_day_are_one_message(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        member = person(session)
        give(session, member, "autumn", D - 7 * DAY, "mail:1")
        give(session, member, "autumn", D - 7 * DAY, "mail:2")
        assert plan(session, at(D)) == [("coupon_expiring", f"{D + 3 * DAY}")]


def test_a_purchase_begins_a_new_time_of_silence(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        member = person(session)
        buy(session, member, D - 60 * DAY)
        plan(session, at(D))
        buy(session, member, D + DAY)
        plan(session, at(D + 61 * DAY))
        dormant = of("dormant", planned(session))
        assert dormant == [
            ("dormant", f"{D - 60 * DAY}:60"),
            ("dormant", f"{D + DAY}:60"),
        ]


def test_a_clock_that_jumps_back_and_forth_plans_nothing_twice(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        person(session, joined=D - 7 * DAY)
        for shift in (0, 30, -30, 1, 0, -1, 0):
            service.plan(session, now=at(D) + timedelta(days=shift))
        assert of("no_purchase", planned(session)) == [("no_purchase", "day7")]
        assert len(set(planned(session))) == len(planned(session))


def test_a_trigger_is_one_statement_however_many_members(sqlite_db: Database) -> None:
    with sqlite_db.transaction() as session:
        open_brand(session)
        for _ in range(40):
            person(session, joined=D - 7 * DAY)
        assert session.scalar(sa.select(sa.func.count()).select_from(Member)) == 40
        statements: list[str] = []
        sa.event.listen(
            session.connection(),
            "before_cursor_execute",
            lambda _c, _cur, sql, *_: statements.append(sql),
        )
        (trigger,) = [
            trigger
            for trigger in service.triggers_due(now=at(D))
            if (trigger.rule.code, trigger.step, trigger.day) == ("no_purchase", 7, D)
        ]
        assert service.plan_one(session, trigger, now=at(D)) == 40
        assert len(statements) == 1

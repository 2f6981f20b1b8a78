"""Days of many are booked like the days of one."""

from datetime import date, timedelta

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.attention import service
from app.attention.models import MARKETING_DAYS
from app.core.db import Database
from tests.support.loyalty import new_member

D = date(2026, 7, 10)
DAY = timedelta(days=1)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(st.integers(-8, 2), max_size=6, unique=True), min_size=1, max_size=6))
def test_many_days_are_taken_as_one_by_one(sqlite_db: Database, taken: list[list[int]]) -> None:
    with sqlite_db.transaction() as session:
        pairs = [(new_member(session), new_member(session)) for _ in taken]
        for (one, other), days in zip(pairs, taken, strict=True):
            rows = [
                {"member_id": member, "day": D + ago * DAY, "what": "x"}
                for member in (one, other)
                for ago in days
            ]
            if rows:
                session.execute(sa.insert(MARKETING_DAYS), rows)
        expected = [
            service.take_day(session, member_id=one, day=D, what=f"b:{one}") for one, _ in pairs
        ]
        others = [other for _, other in pairs]
        found = service.take_days(session, member_ids=others, day=D, what_prefix="b:")
        assert [other in found for other in others] == expected


def test_given_back_are_only_the_days_that_were_taken_for_it(db: Database) -> None:
    with db.transaction() as session:
        first, second, third = (new_member(session) for _ in range(3))
        service.take_day(session, member_id=first, day=D, what="birthday")
        members = [first, second, third]
        taken = service.take_days(session, member_ids=members, day=D, what_prefix="b:")
        assert taken == {second, third}
        service.give_all_back(session, member_ids=[first, second], day=D, what_prefix="b:")
        rows = session.execute(
            sa.select(MARKETING_DAYS.c.member_id, MARKETING_DAYS.c.what).order_by("member_id")
        )
        assert [tuple(row) for row in rows] == [(first, "birthday"), (third, f"b:{third}")]

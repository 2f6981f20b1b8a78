"""When whose turn comes: never at night, never too late, the same for the same member."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.campaigns import queries
from app.campaigns.rules import timing
from app.core.clock import TAIPEI
from app.core.db import Database
from app.inbox.models import InboxEvent
from app.members.models import Member
from tests.app.lifecycle.brand import DAY, buy, open_brand, person

START = datetime(2026, 7, 10, 4, 0, tzinfo=UTC)  # noon in Taipei
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(
    lambda at: at.replace(tzinfo=UTC)
)


@given(MOMENTS, st.integers(1, 2**40), st.sampled_from(timing.HOURS))
def test_a_staggered_turn_is_awake_and_no_later_than_the_last(
    start: datetime, member: int, hours: int
) -> None:
    turn = timing.staggered(member, start=start, hours=hours)
    assert turn == timing.staggered(member, start=start, hours=hours)
    assert start <= turn <= timing.latest(timing.STAGGERED, hours, start)
    assert turn == start or not attention.is_quiet(turn)


def test_a_staggered_letter_is_spread_evenly() -> None:
    turns = [timing.staggered(member, start=START, hours=4) for member in range(4_800)]
    slots = {turn: turns.count(turn) for turn in turns}
    assert len(slots) == 48
    assert min(slots.values()) > 60 < 140 > max(slots.values())


def test_what_would_fall_into_the_night_goes_on_in_the_morning() -> None:
    evening = datetime(2026, 7, 10, 20, 0, tzinfo=TAIPEI).astimezone(UTC)
    last = timing.latest(timing.STAGGERED, 2, evening)
    assert last == datetime(2026, 7, 11, 10, 0, tzinfo=TAIPEI)


@given(MOMENTS, st.integers(0, 23))
def test_a_best_hour_comes_within_a_day_and_never_at_night(start: datetime, hour: int) -> None:
    turn = timing.next_at(timing.nearest_open(hour), start=start)
    assert start <= turn <= start + attention.DAY
    assert not attention.is_quiet(turn)
    assert turn.astimezone(TAIPEI).hour == timing.nearest_open(hour)
    assert turn <= timing.latest(timing.BEST_HOUR, 0, start)


@pytest.mark.parametrize(("hour", "nearest"), [(8, 9), (9, 9), (20, 20), (21, 20), (23, 20)])
def test_who_is_about_at_night_is_written_to_beside_it(hour: int, nearest: int) -> None:
    assert timing.nearest_open(hour) == nearest


# Of whom ------------------------------------------------------------------------------------------


def at(hour: int, *, days_ago: int = 3, minute: int = 10) -> datetime:
    local = (START - days_ago * DAY).astimezone(TAIPEI)
    return local.replace(hour=hour, minute=minute).astimezone(UTC)


def wrote(session: Session, member_id: int, when: datetime) -> None:
    line_user_id = queries.readers(session, [member_id])[member_id].line_user_id
    session.add(
        InboxEvent(
            webhook_event_id=f"{member_id}-{when.isoformat()}",
            person=line_user_id,
            type="message",
            occurred_ms=int(when.timestamp() * 1000),
            received_at=when,
            body="{}",
            due_at=when,
        )
    )
    session.flush()  # the queries below read the table


def test_the_best_hour_is_the_one_in_which_somebody_is_about_most_often(session: Session) -> None:
    open_brand(session)
    hana, ken, mei = (person(session) for _ in range(3))
    wrote(session, hana, at(19))
    wrote(session, hana, at(19, days_ago=9, minute=59))
    wrote(session, hana, at(11))
    wrote(session, ken, at(15))
    wrote(session, ken, at(11, days_ago=100))  # too long ago
    wrote(session, ken, at(0, minute=0))
    wrote(session, ken, at(0, minute=1))
    hours, usual = queries.best_hours(session, now=START)
    assert hours == {hana: 19, ken: 15}
    assert mei not in hours
    assert usual == 19


def test_a_purchase_counts_at_its_own_time(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        buy(session, hana, at(10).date(), hour=17)
        assert queries.best_hours(session, now=START) == ({hana: 17}, 17)


def test_of_hours_as_frequent_the_earliest_is_taken(session: Session) -> None:
    open_brand(session)
    hana = person(session)
    wrote(session, hana, at(18))
    wrote(session, hana, at(12))
    assert queries.best_hours(session, now=START)[0] == {hana: 12}


def test_a_brand_without_a_past_writes_at_noon(session: Session) -> None:
    assert queries.best_hours(session, now=START) == ({}, timing.USUAL)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 23)), max_size=20))
def test_the_best_hours_agree_with_counting(
    sqlite_db: Database, acts: list[tuple[int, int]]
) -> None:
    with sqlite_db.transaction() as session:
        if not session.scalar(sa.select(sa.func.count()).select_from(Member)):
            open_brand(session)
        people = [person(session) for _ in range(3)]
        for number, (who, hour) in enumerate(acts):
            wrote(session, people[who], at(hour, minute=number))
        found, _usual = queries.best_hours(session, now=START)
    for who, member in enumerate(people):
        hours = [hour for one, hour in acts if one == who and hour >= timing.WAKING]
        best = min(set(hours), key=lambda hour: (-hours.count(hour), hour), default=None)
        assert found.get(member) == best

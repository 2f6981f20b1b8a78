"""What happens when people press at the same moment, on both databases."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import sqlalchemy as sa

from app.core.db import Database
from app.enrolments import service
from app.enrolments.rules import How, Joined
from app.members.models import Member
from tests.app.enrolments.test_joining import known_to_store
from tests.support import loyalty
from tests.support.joining import (
    ADULT,
    KEN,
    KEY,
    MEI,
    PHONE,
    agree,
    friend,
    person_of,
    prove_phone,
)
from tests.support.times import NOW

Answer = TypeVar("Answer")


def at_once(calls: list[Callable[[], Answer]]) -> list[Answer]:
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], Answer]) -> Answer:
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def finisher(db: Database, line_user_id: str) -> Callable[[], Joined]:
    with db.reading() as session:
        member = person_of(session, line_user_id)

    def finish() -> Joined:
        with db.transaction() as session:
            return service.finish(session, member=member, profile=ADULT, key=KEY, now=NOW)

    return finish


def ready(db: Database, line_user_id: str, phone: str = PHONE) -> None:
    """One tap away from joining."""
    with db.transaction() as session:
        member = friend(session, line_user_id)
        agree(session, member)
        at = NOW - timedelta(minutes=2) if line_user_id == KEN else NOW
        prove_phone(session, member, phone, at)


def members_in(db: Database) -> list[tuple[str | None, str | None]]:
    with db.reading() as session:
        query = sa.select(Member.line_user_id, Member.number).where(Member.status == "member")
        return [(row.line_user_id, row.number) for row in session.execute(query)]


def test_eight_submits_at_once_make_one_member(db: Database) -> None:
    with db.transaction() as session:
        loyalty.publish(session)
    ready(db, KEN)
    answers = at_once([finisher(db, KEN) for _ in range(8)])
    assert len({answer.number for answer in answers}) == 1
    assert sum(not answer.is_repeat for answer in answers) == 1
    assert members_in(db) == [(KEN, answers[0].number)]


def test_eight_submits_at_once_link_one_store_member(db: Database) -> None:
    with db.transaction() as session:
        loyalty.publish(session)
        store_id = known_to_store(session)
    ready(db, KEN)
    answers = at_once([finisher(db, KEN) for _ in range(8)])
    assert {answer.member_id for answer in answers} == {store_id}
    assert members_in(db) == [(KEN, "1234567897")]


def test_two_people_with_one_phone_at_once_leave_one_membership(db: Database) -> None:
    with db.transaction() as session:
        loyalty.publish(session)
    ready(db, KEN)
    ready(db, MEI)
    first, second = at_once([finisher(db, KEN), finisher(db, MEI)])
    assert first.number == second.number
    assert {first.how, second.how} == {How.NEW, How.REBOUND}
    [(owner, _)] = members_in(db)
    assert owner == (KEN if first.how == How.REBOUND else MEI)

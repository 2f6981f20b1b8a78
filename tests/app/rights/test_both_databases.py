"""A whole membership on both databases: joined, corrected, read, closed, reopened, wiped."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.members import service as members
from app.members.models import Member
from app.members.service import BirthdayFixed, Correction
from app.rights import queries, service
from app.visits import queries as visit_queries
from app.visits import service as visits
from tests.support import loyalty
from tests.support.joining import KEN, KEY, join
from tests.support.times import NOW

CHANGED = Correction("王大明", "male", "ken@example.tw", "臺北市", date(1991, 1, 1))


def joined(db: Database) -> int:
    with db.transaction() as session:
        loyalty.publish(session)
        return join(session, KEN).member_id


def test_from_joining_to_the_wipe(db: Database) -> None:
    member_id = joined(db)
    with db.transaction() as session:
        members.correct(session, member_id=member_id, correction=CHANGED, now=NOW)
        token, _ = visits.open_visit(session, line_user_id=KEN, id_token="t", now=NOW)
        assert visit_queries.line_user_of(session, token, now=NOW) == KEN
        assert visit_queries.is_proven(session, token, id_token="t", now=NOW)
        assert not visit_queries.is_proven(session, token, id_token="u", now=NOW)
    with db.reading() as session:
        [own] = queries.held(session, member_id)["members"]
        assert (own["name"], own["birthday"]) == ("王大明", "1991-01-01")
    with db.transaction() as session:
        service.close(session, member_id=member_id, channel="liff", now=NOW)
        service.reopen(session, member_id=member_id, now=NOW + timedelta(days=6))
        again = NOW + timedelta(days=6)
        service.close(session, member_id=member_id, channel="liff", now=again)
    with db.transaction() as session:
        assert service.wipe_due(session, key=KEY, now=again + timedelta(days=7)) == 1
    with db.reading() as session:
        row = session.scalars(sa.select(Member).where(Member.id == member_id)).one()
        assert (row.status, row.name, row.phone, row.line_user_id) == ("closed", None, None, None)
        assert visit_queries.line_user_of(session, token, now=NOW) is None


def test_a_birthday_is_changed_once_even_when_asked_twice_at_once(db: Database) -> None:
    member_id = joined(db)
    gate = threading.Barrier(4)

    def change(year: int) -> str:
        gate.wait()
        correction = Correction(None, None, None, None, date(year, 1, 1))
        try:
            with db.transaction() as session:
                members.correct(session, member_id=member_id, correction=correction, now=NOW)
        except BirthdayFixed:
            return "fixed"
        return "changed"

    with ThreadPoolExecutor(4) as pool:
        answers = Counter(pool.map(change, (1980, 1981, 1982, 1983)))
    assert answers == {"changed": 1, "fixed": 3}


def test_closing_four_times_at_once_is_one_closing(db: Database) -> None:
    member_id = joined(db)
    gate = threading.Barrier(4)

    def close(_: int) -> bool:
        gate.wait()
        try:
            with db.transaction() as session:
                service.close(session, member_id=member_id, channel="liff", now=NOW)
        except service.NoMember:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(close, range(4))) == 1


def test_filling_in_a_missing_birthday_is_no_change(db: Database) -> None:
    member_id = joined(db)
    with db.transaction() as session:
        session.execute(sa.update(Member).values(birthday=None))
        members.correct(session, member_id=member_id, correction=CHANGED, now=NOW)
        second = Correction(None, None, None, None, date(1992, 2, 2))
        members.correct(session, member_id=member_id, correction=second, now=NOW)
        third = Correction(None, None, None, None, date(1993, 3, 3))
        with pytest.raises(BirthdayFixed):
            members.correct(session, member_id=member_id, correction=third, now=NOW)


def test_old_visits_are_forgotten(db: Database) -> None:
    with db.transaction() as session:
        visits.open_visit(session, line_user_id=KEN, id_token="t", now=NOW)
        assert visits.forget_old(session, now=NOW + timedelta(hours=11)) == 0
        assert visits.forget_old(session, now=NOW + timedelta(hours=12)) == 1

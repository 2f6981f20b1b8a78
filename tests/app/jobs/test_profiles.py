"""Names and pictures come from LINE, once, and later when LINE has trouble."""

import asyncio
from datetime import timedelta

import sqlalchemy as sa

from app.core.db import Database
from app.jobs import profiles
from app.line.gateway import Failure, Profile, SendError
from app.members import service as members
from app.members.models import Member
from tests.support.fake_line import FakeLine
from tests.support.times import NOW

MEI, GONE, SLOW, REFUSED = (f"U{letter * 32}" for letter in "abcd")


def test_profiles_are_fetched_and_troubles_put_off(db: Database) -> None:
    with db.transaction() as session:
        members.meet(session, [MEI, GONE, SLOW, REFUSED], now=NOW)
    line = FakeLine(
        profiles={
            MEI: Profile("小美", "https://example.com/a.jpg", "zh-TW"),
            GONE: None,
            SLOW: SendError(Failure.UNKNOWN, "time-out"),
            REFUSED: SendError(Failure.PERMANENT, "HTTP 401", status=401),
        }
    )
    assert profiles.fetch(db, line, asyncio.run, now=NOW) == 4
    with db.reading() as session:
        rows = session.execute(
            sa.select(Member.line_user_id, Member.display_name, Member.profile_due_at)
        )
        found = {row.line_user_id: (row.display_name, row.profile_due_at) for row in rows}
    assert found == {
        MEI: ("小美", None),
        GONE: (None, None),
        SLOW: (None, NOW + profiles.AFTER_TROUBLE),
        REFUSED: (None, NOW + profiles.AFTER_REFUSAL),
    }
    assert profiles.fetch(db, line, asyncio.run, now=NOW) == 0
    assert profiles.fetch(db, line, asyncio.run, now=NOW + timedelta(hours=1)) == 1

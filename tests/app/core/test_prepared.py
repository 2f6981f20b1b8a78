"""Prepared statements say and mean the same as the expressions they were made from."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core.db import Database, table_of
from app.core.prepared import Prepared, among
from app.inbox import service as inbox
from app.members.models import MEMBER, Member
from app.outbox import service as outbox
from tests.support.times import NOW

MEMBERS = table_of(Member)
ADD = Prepared(
    sa.insert(MEMBERS).values(
        {name: sa.bindparam(name) for name in ("number", "name", "created_at")}
        | {"status": MEMBER, "is_friend": True, "birthday_edits": 0}
        | {"marketing_ok": False, "is_test": False}
    )
)
NAMES = Prepared(
    sa.select(MEMBERS.c.name, MEMBERS.c.created_at, MEMBERS.c.is_friend)
    .where(among(MEMBERS.c.number, "numbers"), MEMBERS.c.status == MEMBER)
    .order_by(MEMBERS.c.id)
    .limit(sa.bindparam("limit"))
)
NAMED = (
    sa.update(MEMBERS)
    .where(among(MEMBERS.c.id, "ids"))
    .values(name=sa.bindparam("b_name"), city=None)
)
RENAME, RENAMED = Prepared(NAMED), Prepared(NAMED.returning(MEMBERS.c.id, MEMBERS.c.created_at))
AWKWARD = "王'小%s明:x\\\"?"


def person(number: str, name: str, at: datetime = NOW) -> dict[str, object]:
    return {"number": number, "name": name, "created_at": at}


def test_what_goes_in_comes_out(db: Database) -> None:
    taipei = datetime(2026, 2, 28, 23, 59, 59, 1, tzinfo=timezone(timedelta(hours=8)))
    with db.transaction() as session:
        ADD.many(session, [person("1", AWKWARD, taipei), person("2", "乙"), person("3", "丙")])
        ADD.many(session, [])
        found = NAMES.rows(session, {"numbers": ["1", "3", "none"], "limit": 9})
        assert found == [(AWKWARD, taipei.astimezone(UTC), True), ("丙", NOW, True)]
        assert NAMES.rows(session, {"numbers": [], "limit": 9}) == []
        assert len(NAMES.rows(session, {"numbers": ["1", "2", "3"], "limit": 2})) == 2
        stored = session.execute(sa.select(Member.created_at).order_by(Member.id)).scalars()
        assert list(stored) == [taipei.astimezone(UTC), NOW, NOW]


def test_a_list_of_keys_is_changed_at_once_and_told(db: Database) -> None:
    with db.transaction() as session:
        ADD.many(session, [person("1", "甲"), person("2", "乙")])
        assert RENAMED.rows(session, {"ids": [2, 7], "b_name": "丁"}) == [(2, NOW)]
        assert RENAME.changed(session, {"ids": [1, 2], "b_name": "戊"}) == 2
        assert RENAME.changed(session, {"ids": [], "b_name": "己"}) == 0


def test_errors_are_those_of_sqlalchemy(db: Database) -> None:
    with pytest.raises(IntegrityError), db.transaction() as session:
        ADD.many(session, [person("1", "甲"), person("1", "乙")])


def test_a_naive_instant_is_refused(db: Database) -> None:
    with pytest.raises(ValueError, match="naive"), db.transaction() as session:
        ADD.many(session, [person("1", "甲", NOW.replace(tzinfo=None))])


@pytest.mark.parametrize(
    ("claim", "index"), [(inbox.claim, "ix_inbox_due"), (outbox.claim, "ix_outbox_due")]
)
def test_constants_stand_in_the_text_so_that_a_partial_index_serves(
    sqlite_db: Database, claim: Callable[..., object], index: str
) -> None:
    """The queues keep all they ever held: looking for what waits must not read the rest."""
    sent: list[str] = []
    with sqlite_db.transaction() as session:
        driver: Any = session.connection().connection.driver_connection
        driver.set_trace_callback(sent.append)
        claim(session, lease="x", now=NOW)
        driver.set_trace_callback(None)
        [sql] = [sql for sql in sent if sql.startswith("SELECT")]
        plan = driver.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
    assert any(index in step for *_, step in plan), plan


def test_a_default_that_python_would_give_must_be_said(db: Database) -> None:
    """Else it would silently be NULL."""
    with pytest.raises(TypeError, match="is_friend"), db.transaction() as session:
        Prepared(sa.insert(MEMBERS)).many(session, [person("1", "甲") | {"status": MEMBER}])


def test_what_is_set_may_be_said_by_the_values(db: Database) -> None:
    of_one = Prepared(sa.update(MEMBERS).where(MEMBERS.c.number == sa.bindparam("whose")))
    with db.transaction() as session:
        ADD.many(session, [person("1", "甲"), person("2", "乙")])
        assert of_one.changed(session, {"whose": "1", "name": "丙"}) == 1
        assert of_one.changed(session, {"whose": "2", "city": "台北", "name": "丁"}) == 1
        found = session.execute(sa.select(Member.name, Member.city).order_by(Member.number))
        assert [tuple(row) for row in found] == [("丙", None), ("丁", "台北")]

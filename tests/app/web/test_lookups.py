"""Whoever sees personal data leaves a row: who, what, which member, with which device."""

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.lookups import queries
from app.mergers import service as mergers
from app.staff.rules import Role
from tests.app.campaigns.brand import advance, planned
from tests.support.people import number_of, regular
from tests.support.staffing import Shop
from tests.support.times import NOW
from tests.support.web import Browser

HANA = "+886912345678"


@pytest.fixture
def hana(sqlite_db: Database, shop: Shop) -> int:
    with sqlite_db.transaction() as session:
        return regular(session, name="陳小花", phone=HANA)


def looks(db: Database) -> list[tuple[str, int | None, str | None, int]]:
    """Oldest first."""
    with db.reading() as session:
        found = queries.lookups(session)
    return [(line.what, line.member_id, line.source, line.people) for line in reversed(found)]


def test_each_look_at_a_member_is_one_row(sqlite_db: Database, visitor: Browser, hana: int) -> None:
    with sqlite_db.transaction() as session:
        ken = regular(session, name="林大雄", phone="+886987654321")
    visitor.log_in(Role.SUPPORT)
    visitor.get("/console")
    visitor.get("/console/members")
    visitor.get("/console/members?q=0912345678")
    visitor.get("/console/members?q=nobody")  # shows nobody
    visitor.get(f"/console/members/{hana}")
    visitor.get(f"/console/members/{hana}/why")
    visitor.get(f"/console/members/{hana}/merge?who=0987654321")
    visitor.get("/console/members/999")  # is nobody
    assert looks(sqlite_db) == [
        ("list", None, "members", 2),
        ("search", hana, "members", 1),
        ("page", hana, None, 1),
        ("why", hana, None, 1),
        ("merge", hana, None, 1),
        ("merge", ken, None, 1),
    ]


def test_the_list_of_a_broadcast_is_a_look_at_everybody_on_it(
    sqlite_db: Database, visitor: Browser, hana: int
) -> None:
    with sqlite_db.transaction() as session:
        planned(session, send_at=NOW)
    advance(sqlite_db, NOW)
    visitor.log_in(Role.MARKETER)
    visitor.get("/console/broadcasts/1/readers")
    assert looks(sqlite_db) == [("recipients", None, "broadcast:1", 1)]


@pytest.mark.parametrize(
    ("role", "rows"),
    [(Role.OWNER, [True]), (Role.STORE_MANAGER, [False]), (Role.ANALYST, [])],
)
def test_the_row_says_how_much_was_seen_and_who_sees_no_names_leaves_none(
    sqlite_db: Database, visitor: Browser, hana: int, role: Role, rows: list[bool]
) -> None:
    visitor.log_in(role)
    visitor.get(f"/console/members/{hana}", **{"user-agent": "Firefox/1 Android"})
    with sqlite_db.reading() as session:
        found = queries.lookups(session)
    assert [line.is_full for line in found] == rows
    assert {line.device for line in found} <= {"Firefox/1 Android"}


def test_an_owner_reads_who_looked_by_person_and_by_member(
    sqlite_db: Database, visitor: Browser, shop: Shop, hana: int
) -> None:
    with sqlite_db.transaction() as session:
        number = number_of(session, hana)
    visitor.log_in(Role.SUPPORT)
    visitor.get(f"/console/members/{hana}")
    visitor.post("/console/logout")
    visitor.log_in(Role.OWNER)
    assert "沒有查閱紀錄" in visitor.get(f"/console/lookups?staff={shop.staff[Role.CLERK]}").text
    for query in (f"staff={shop.staff[Role.SUPPORT]}", f"member={number}", "member=0912345678",
                  f"member=%23{hana}"):  # fmt: skip
        page = visitor.get(f"/console/lookups?{query}").text
        assert "打開會員頁面" in page, query
        assert f"/console/members/{hana}" in page
        assert "陳小花" not in page  # the log holds no personal data of its own
    assert "找不到這位會員" in visitor.get("/console/lookups?member=0900000000").text
    assert "找不到這位會員" in visitor.get("/console/lookups?member=%23x").text


def test_looks_at_a_membership_are_found_under_the_member_it_became(
    sqlite_db: Database, visitor: Browser, hana: int
) -> None:
    with sqlite_db.transaction() as session:
        other = regular(session, name="陳小花")
    visitor.log_in(Role.OWNER)
    visitor.get(f"/console/members/{other}")
    with sqlite_db.transaction() as session:
        mergers.merge(
            session, kept_id=hana, absorbed_id=other, staff_id=None, reason="同一人", now=NOW
        )
    assert f"會員 #{other}" in visitor.get("/console/lookups?member=0912345678").text


def test_long_logs_are_paged(sqlite_db: Database, visitor: Browser, hana: int) -> None:
    visitor.log_in(Role.OWNER)
    for _ in range(51):
        visitor.get(f"/console/members/{hana}/why")
    page = visitor.get("/console/lookups")
    assert page.text.count("打開「為什麼」") == 50
    assert 'rel="next"' in page.text
    before = looks(sqlite_db)
    older = visitor.get("/console/lookups?before=2").text
    assert older.count("打開「為什麼」") == 1
    assert 'rel="next"' not in older
    assert looks(sqlite_db) == before  # reading the log is no look at a member


def test_a_look_costs_one_insert(sqlite_db: Database, visitor: Browser, hana: int) -> None:
    visitor.log_in(Role.OWNER)
    said: list[str] = []
    sa.event.listen(
        sqlite_db.engine, "before_cursor_execute", lambda *args: said.append(str(args[2]))
    )
    visitor.get(f"/console/members/{hana}")
    written = [words for words in said if not words.startswith(("SELECT", "BEGIN", "PRAGMA"))]
    assert len(written) == 1
    assert written[0].startswith("INSERT INTO lookups")

"""/console/search as each role sees it."""

import sqlalchemy as sa

from app.core.db import Database
from app.lookups.models import Lookup
from app.staff.rules import Role
from tests.support.loyalty import publish
from tests.support.people import bought, regular
from tests.support.staffing import Shop
from tests.support.web import Browser


def looked(db: Database) -> list[tuple[str, str | None, int, bool]]:
    columns = (Lookup.what, Lookup.source, Lookup.people, Lookup.is_full)
    with db.reading() as session:
        rows = session.execute(sa.select(*columns).order_by(Lookup.id))
        return [(row.what, row.source, row.people, row.is_full) for row in rows]


def test_one_member_opens_at_once_and_several_are_listed_and_noted(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    with sqlite_db.transaction() as session:
        publish(session)
        hana = regular(session, name="陳小花", phone="+886912345678")
        regular(session, name="陳大文")
    visitor.log_in(Role.MARKETER)
    assert visitor.get("/console/search?q=0912345678").location == f"/console/members/{hana}"
    assert looked(sqlite_db) == []  # the page that opens says whose it is
    page = visitor.get("/console/search?q=陳").text
    assert "陳小花" in page
    assert "陳大文" in page
    assert looked(sqlite_db) == [("search", "search", 2, True)]


def test_a_manager_reads_masked_names_and_the_own_store_s_sales(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    with sqlite_db.transaction() as session:
        publish(session)
        hana = regular(session, name="陳小花")
        regular(session, name="陳大文")
        here = bought(session, hana, 1_111, store_id=shop.store_id)
        there = bought(session, hana, 2_222, store_id=shop.other_store_id)
    visitor.log_in(Role.STORE_MANAGER)
    page = visitor.get("/console/search?q=陳").text
    assert "陳小花" not in page
    assert "陳○花" in page
    assert "1,111" in visitor.get(f"/console/search?q={here}").text
    assert "什麼都沒找到" in visitor.get(f"/console/search?q={there}").text


def test_an_analyst_has_no_such_box(visitor: Browser, shop: Shop) -> None:
    visitor.log_in(Role.ANALYST)
    assert visitor.get("/console/search?q=陳").status == 403
    assert "global-q" not in visitor.get("/console").text


def test_an_empty_search_asks_what_to_look_for(visitor: Browser, shop: Shop) -> None:
    visitor.log_in(Role.OWNER)
    page = visitor.get("/console/search")
    assert page.status == 200
    assert "什麼都沒找到" not in page.text

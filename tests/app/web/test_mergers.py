"""Merging two members on the console: seen first, done once, undone again."""

import re

import sqlalchemy as sa

from app.core.db import Database
from app.members import queries as members
from app.members.models import Member
from app.staff.models import AuditEntry
from app.staff.rules import Role
from tests.support.people import bought, number_of, regular
from tests.support.staffing import Shop
from tests.support.web import Browser


def two(db: Database, shop: Shop) -> tuple[int, int, str]:
    with db.transaction() as session:
        kept = regular(session, phone="+886912345678")
        absorbed = regular(session, name="王曉明", phone="+886987654321")
        bought(session, absorbed, 900, store_id=shop.store_id)
        return kept, absorbed, number_of(session, absorbed)


def test_what_comes_of_it_is_shown_and_nothing_is_done(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    kept, absorbed, number = two(sqlite_db, shop)
    visitor.log_in(Role.OWNER)
    for typed in (number, "0987-654-321"):
        page = visitor.get(f"/console/members/{kept}/merge?who={typed}")
        assert page.status == 200
        assert "王曉明" in page.text
        assert "確認合併" in page.text
    with sqlite_db.reading() as session:
        assert members.person(session, absorbed).is_member


def test_it_is_done_audited_shown_and_undone(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    kept, absorbed, number = two(sqlite_db, shop)
    visitor.log_in(Role.OWNER)
    form = {"absorbed_id": str(absorbed), "who": number, "reason": "換手機"}
    done = visitor.post(f"/console/members/{kept}/merge", form)
    assert done.status == 303
    page = visitor.get(f"/console/members/{kept}").text
    assert "換手機" in page
    undo = re.search(r"/console/mergers/\d+/undo", page)
    assert undo is not None
    assert visitor.post(undo[0], {}).status == 303
    assert "取消" in visitor.get(f"/console/members/{kept}").text
    again = visitor.post(undo[0], {})
    assert again.status == 422
    assert "已經取消過了" in again.text
    with sqlite_db.reading() as session:
        actions = session.scalars(sa.select(AuditEntry.action)).all()
        assert {"member.merged", "member.parted"} <= set(actions)
        assert members.person(session, absorbed).is_member


def test_what_cannot_be_is_said(sqlite_db: Database, visitor: Browser, shop: Shop) -> None:
    kept, absorbed, number = two(sqlite_db, shop)
    visitor.log_in(Role.OWNER)
    assert "找不到這位會員" in visitor.get(f"/console/members/{kept}/merge?who=1").text
    with sqlite_db.reading() as session:
        own = number_of(session, kept)
    assert "同一位會員" in visitor.get(f"/console/members/{kept}/merge?who={own}").text
    form = {"absorbed_id": str(absorbed), "who": number, "reason": " "}
    page = visitor.post(f"/console/members/{kept}/merge", form)
    assert page.status == 422
    assert "請填寫原因" in page.text
    with sqlite_db.transaction() as session:
        session.execute(sa.update(Member).where(Member.id == absorbed).values(status="closed"))
    page = visitor.get(f"/console/members/{kept}/merge?who={number}")
    assert "兩位都必須是會員" in page.text


def test_only_who_may_merge_sees_it(sqlite_db: Database, visitor: Browser, shop: Shop) -> None:
    kept, _, number = two(sqlite_db, shop)
    visitor.log_in(Role.MARKETER)
    assert visitor.get(f"/console/members/{kept}/merge?who={number}").status == 403
    assert "與另一位會員合併" not in visitor.get(f"/console/members/{kept}").text

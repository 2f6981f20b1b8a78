"""The pages on which members get their tags."""

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.members.models import Member
from app.segments import service as segments
from app.segments.rules import Condition, Group
from app.staff.models import AuditEntry
from app.staff.rules import Role
from app.tags import queries
from tests.support.people import bought, number_of, regular
from tests.support.staffing import Shop
from tests.support.times import NOW
from tests.support.web import Browser


@pytest.fixture
def marketer(visitor: Browser, shop: Shop) -> Browser:
    visitor.log_in(Role.MARKETER)
    return visitor


def worn(db: Database, member: int) -> list[str]:
    with db.reading() as session:
        return [tag.name for tag in queries.worn_by(session, member, now=NOW)]


def test_a_tag_from_its_making_to_its_end(
    sqlite_db: Database, marketer: Browser, shop: Shop
) -> None:
    with sqlite_db.transaction() as session:
        hana = regular(session, phone="+886912345678")
        ken, mei = regular(session), regular(session)
        numbers = number_of(session, ken)
        gone = regular(session, phone="+886987654321")
        session.execute(
            sa.update(Member).where(Member.id == gone).values(merged_into_id=mei, status="closed")
        )
        bought(session, hana, 500, store_id=shop.store_id)
        segment = segments.create(
            session,
            name="買過的",
            tree=Group("all", (Condition("purchases", at_least=1),)),
            now=NOW,
        )
    assert "還沒有標籤" in marketer.get("/console/tags").text
    assert marketer.post("/console/tags", {"name": " "}).status == 422
    assert marketer.post("/console/tags", {"name": "紅茶"}).location == "/console/tags"
    lines = f"0912-345-678\n{numbers}\n0912345678\n0987654321\n0900000000\n亂寫"
    done = marketer.post("/console/tags/1/list", {"lines": lines, "days": "30"}).text
    assert "已貼上 3 位會員" in done
    assert "0900000000、亂寫" in done
    assert worn(sqlite_db, mei) == ["紅茶"]
    assert '<td data-label="會員" class="right">3</td>' in marketer.get("/console/tags").text

    marketer.post("/console/tags", {"name": "買過"})
    done = marketer.post("/console/tags/2/segment", {"segment": str(segment)}).text
    assert "已貼上 1 位會員" in done
    assert worn(sqlite_db, hana) == ["紅茶", "買過"]
    page = marketer.get(f"/console/members/{hana}").text
    assert "分眾・" in page

    assert marketer.post("/console/tags/2", {"name": "紅茶"}).status == 422
    assert marketer.post("/console/tags/2", {"name": "老客人"}).status == 303
    assert "老客人" in marketer.get("/console/tags/2").text
    assert marketer.post("/console/tags/2/remove").status == 303
    assert marketer.get("/console/tags/2").status == 404
    assert worn(sqlite_db, hana) == ["紅茶"]
    with sqlite_db.reading() as session:
        said = session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert [word for word in said if word.startswith("tag")] == [
        "tag.made", "tag.put", "tag.made", "tag.put", "tag.renamed", "tag.removed",
    ]  # fmt: skip


@pytest.mark.parametrize("days", ["x", "0", "9999", "-1"])
def test_odd_days_are_refused_and_nothing_is_put_on(
    sqlite_db: Database, marketer: Browser, days: str
) -> None:
    with sqlite_db.transaction() as session:
        hana = regular(session, phone="+886912345678")
    marketer.post("/console/tags", {"name": "紅茶"})
    page = marketer.post("/console/tags/1/list", {"lines": "0912345678", "days": days})
    assert (page.status, "天數" in page.text) == (422, True)
    assert worn(sqlite_db, hana) == []
    assert marketer.post("/console/tags/1/segment", {"segment": "99"}).status == 404
    assert marketer.post("/console/tags/1/segment", {"segment": "x"}).status == 422


def test_a_list_is_not_endless(marketer: Browser) -> None:
    marketer.post("/console/tags", {"name": "紅茶"})
    lines = "\n".join(str(number) for number in range(10_001))
    page = marketer.post("/console/tags/1/list", {"lines": lines})
    assert (page.status, "一次最多 10,000 行" in page.text) == (422, True)


def test_one_member_is_tagged_on_their_page(sqlite_db: Database, marketer: Browser) -> None:
    with sqlite_db.transaction() as session:
        hana = regular(session)
    where = f"/console/members/{hana}"
    assert marketer.post(f"{where}/tags", {"name": "紅茶"}).location == f"{where}#tags"
    assert "紅茶" in marketer.get(where).text
    assert marketer.post(f"{where}/tags", {"name": "字" * 21}).status == 422
    assert marketer.post("/console/members/999/tags", {"name": "紅茶"}).status == 404
    marketer.post(f"{where}/tags/1/remove")
    marketer.post(f"{where}/tags/1/remove")
    assert worn(sqlite_db, hana) == []


def test_a_manager_puts_known_tags_on_and_makes_none(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    with sqlite_db.transaction() as session:
        hana = regular(session)
    visitor.log_in(Role.OWNER)
    visitor.post("/console/tags", {"name": "紅茶"})
    visitor.log_in(Role.STORE_MANAGER)
    assert visitor.post(f"/console/members/{hana}/tags", {"name": "紅茶"}).status == 303
    refused = visitor.post(f"/console/members/{hana}/tags", {"name": "新的"})
    assert (refused.status, "請負責人或行銷先新增" in refused.text) == (422, True)
    assert visitor.get("/console/tags").status == 200
    assert visitor.get("/console/tags/1").status == 403
    assert visitor.post("/console/tags", {"name": "新的"}).status == 403
    assert worn(sqlite_db, hana) == ["紅茶"]


def test_who_only_counts_sees_no_tags_page(visitor: Browser, shop: Shop) -> None:
    visitor.log_in(Role.ANALYST)
    assert visitor.get("/console/tags").status == 403
    assert "/console/tags" not in visitor.get("/console").text

"""The page of what marketing is about."""

import pytest

from app.attention import queries, service
from app.core.db import Database
from app.staff.rules import Role
from tests.support.loyalty import publish
from tests.support.people import regular
from tests.support.times import NOW
from tests.support.web import Browser


@pytest.fixture
def marketer(sqlite_db: Database, visitor: Browser) -> Browser:
    with sqlite_db.transaction() as session:
        publish(session)
    visitor.log_in(Role.MARKETER)
    return visitor


def names(db: Database) -> list[str]:
    with db.reading() as session:
        return [topic.name for topic in queries.topics(session)]


def test_topics_are_made_worded_and_given_up(sqlite_db: Database, marketer: Browser) -> None:
    assert "新商品與回歸的老味道" in marketer.get("/console/topics").text
    assert marketer.post("/console/topics", {"name": "課程", "about": "泡茶課"}).status == 303
    assert marketer.post("/console/topics/news", {"name": "新茶", "about": ""}).status == 303
    assert marketer.post("/console/topics/events/offer", {"is_active": "false"}).status == 303
    assert names(sqlite_db) == ["新茶", "優惠", "生日與會員提醒", "課程"]
    page = marketer.get("/console/topics").text
    assert "已停用" in page
    assert "重新啟用" in page
    assert "新茶" in marketer.get("/console/broadcasts/new").text


@pytest.mark.parametrize(
    ("url", "fields", "words"),
    [
        ("", {"name": ""}, "主題名稱須為"),
        ("", {"name": "優惠", "about": "每週的"}, "已經有這個主題"),
        ("/news", {"name": "優惠", "about": "每週的"}, "已經有這個主題"),
        ("/offers/offer", {"is_active": "false"}, "不能停用"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_typed_is_lost(
    sqlite_db: Database, marketer: Browser, url: str, fields: dict[str, str], words: str
) -> None:
    page = marketer.post(f"/console/topics{url}", fields)
    assert (page.status, words in page.text) == (422, True)
    if "about" in fields:
        assert 'value="每週的"' in page.text
    assert names(sqlite_db) == ["新品", "優惠", "活動", "生日與會員提醒"]


def test_a_topic_that_never_was_is_not_found(marketer: Browser) -> None:
    assert marketer.post("/console/topics/moon", {"name": "月"}).status == 404
    assert marketer.post("/console/topics/moon/offer", {"is_active": "true"}).status == 404


def test_the_members_page_says_what_they_turned_off(sqlite_db: Database, marketer: Browser) -> None:
    with sqlite_db.transaction() as session:
        hana = regular(session, name="陳花")
        service.stop_topic(session, member_id=hana, topic="events", channel="chat", now=NOW)
    assert "不想收到「活動」" in marketer.get(f"/console/members/{hana}").text
    assert ">1<" in marketer.get("/console/topics").text

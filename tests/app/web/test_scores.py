"""The page of how members buy, what a profile says of it, and the hint at the till."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import Database
from app.purchases.models import DAYS
from app.scores import messages, queries
from app.scores import service as scores
from app.staff.rules import Role
from tests.support.people import regular
from tests.support.staffing import Shop
from tests.support.times import NOW
from tests.support.web import Browser

PAGE = "/console/scores"


def bought(session: Session, member_id: int, *ago: int) -> None:
    for days in ago:
        day = taipei_date(NOW) - timedelta(days=days)
        row = {"member_id": member_id, "day": day, "count": 1, "net": 500, "qualifying": 500}
        session.execute(sa.insert(DAYS), row)


@pytest.fixture
def measured(sqlite_db: Database, shop: Shop) -> dict[str, int]:
    """Members as of last month's end and of today."""
    with sqlite_db.transaction() as session:
        found = {name: regular(session, name=name) for name in ("王常來", "李睡著", "陳沒買")}
        bought(session, found["王常來"], 1, 11, 21, 31)
        bought(session, found["李睡著"], 90, 100, 110)
        scores.night(session, now=NOW - timedelta(days=4))
        scores.night(session, now=NOW)
    return found


def test_before_the_first_night_the_page_says_so(visitor: Browser, shop: Shop) -> None:
    visitor.log_in(Role.MARKETER)
    assert "還沒有結果" in visitor.get(PAGE).text


def test_a_night_without_any_buyer_is_no_result(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    with sqlite_db.transaction() as session:
        scores.night(session, now=NOW)
    visitor.log_in(Role.MARKETER)
    assert "還沒有結果" in visitor.get(PAGE).text


def test_the_page_counts_and_leads_to_the_people(
    visitor: Browser, measured: dict[str, int]
) -> None:
    visitor.log_in(Role.MARKETER)
    page = visitor.get(PAGE).text
    assert "2 位消費過的會員，另有 1 位還沒消費" in page
    assert "/console/segments/new?ready=nes-S3" in page
    assert "/console/segments/new?ready=cell-53" in page
    segment = visitor.get("/console/segments/new?ready=nes-S3").text
    assert "李睡著" in segment
    assert "王常來" not in segment
    assert "每晚計算" in segment


@pytest.mark.parametrize(("role", "reads"), [(Role.MARKETER, True), (Role.STORE_MANAGER, False)])
def test_who_works_in_one_store_does_not_read_what_the_brand_sold(
    visitor: Browser, measured: dict[str, int], role: Role, *, reads: bool
) -> None:
    visitor.log_in(role)
    page = visitor.get(PAGE).text
    assert "平均消費間隔" in page
    assert ("歷來消費" in page) is reads


def test_an_analyst_meets_numbers_and_nobody(visitor: Browser, measured: dict[str, int]) -> None:
    visitor.log_in(Role.ANALYST)
    page = visitor.get(PAGE)
    assert page.status == 200
    assert "主力顧客" in page.text
    assert "/console/segments" not in page.text
    assert not [name for name in measured if name in page.text]


def test_a_profile_says_why(visitor: Browser, measured: dict[str, int]) -> None:
    visitor.log_in(Role.MARKETER)
    page = visitor.get(f"/console/members/{measured['李睡著']}").text
    assert "上次消費 90 天前，平均每 10 天來一次，是平常間隔的 9 倍，所以是「沉睡顧客」" in page
    assert "已經過了" in page
    assert "消費習慣" not in visitor.get(f"/console/members/{measured['陳沒買']}").text


@pytest.mark.parametrize(
    ("name", "words"), [("王常來", "介紹新品"), ("李睡著", "歡迎回來"), ("陳沒買", "")]
)
def test_a_clerk_reads_kind_words_and_no_scores(
    sqlite_db: Database, measured: dict[str, int], name: str, words: str
) -> None:
    with sqlite_db.reading() as session:
        said = messages.for_clerk(queries.score(session, measured[name]))
    assert words in said
    assert not any(character.isdigit() or character == "$" for character in said)
    assert not {"流失", "沉睡", "低", "差"} & {said[i : i + 2] for i in range(len(said))}

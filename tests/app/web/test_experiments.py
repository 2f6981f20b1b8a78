"""An experiment from two drafts to its verdict, on the pages."""

from datetime import timedelta

import pytest

from app.campaigns import service as campaigns
from app.core import statistics
from app.core.db import Database
from app.core.errors import Invalid
from app.experiments import queries
from app.jobs import experiments as job
from app.staff.rules import Role
from app.web.console import letters
from tests.app.campaigns.brand import advance, but
from tests.support.people import regular
from tests.support.staffing import Shop
from tests.support.times import NOW
from tests.support.web import Browser

URL = "/console/experiments"
DAY = timedelta(days=1)


@pytest.fixture
def drafts(sqlite_db: Database, shop: Shop) -> list[int]:
    with sqlite_db.transaction() as session:
        for _ in range(40):
            regular(session)
        return [
            campaigns.create(
                session,
                name=name,
                segment_id=None,
                letter=but(title=name),
                staff_id=None,
                now=NOW,
            )
            for name in ("直接說", "問一句")
        ]


def _form(drafts: list[int], **more: str | list[str]) -> dict[str, str | list[str]]:
    return {
        "name": "夏茶標題",
        "broadcast": [str(one) for one in drafts],
        "hold_out": "10",
        "days": "7",
        "baseline": "10",
        "effect": "３",
        "stop": "fixed",
        **more,
    }


def test_from_two_drafts_to_a_verdict(
    sqlite_db: Database, visitor: Browser, drafts: list[int]
) -> None:
    visitor.log_in(Role.MARKETER)
    assert "還沒有做過實驗" in visitor.get(URL).text
    assert "直接說" in visitor.get(f"{URL}/new").text
    made = visitor.post(URL, _form(drafts))
    assert made.status == 303
    page = visitor.get(made.location).text
    assert f"每組 {statistics.needed(0.10, 0.03):,} 人" in page
    assert visitor.post(f"{made.location}/start").status == 303
    assert visitor.post(f"{made.location}/start").status == 303  # a double press
    advance(sqlite_db, NOW)
    job.advance(sqlite_db, is_stopping=lambda: False, now=NOW)
    running = visitor.get(made.location).text
    assert "還不看結果" in running
    assert "有消費 " not in running
    job.advance(sqlite_db, is_stopping=lambda: False, now=NOW + 7 * DAY)
    over = visitor.get(made.location).text
    assert "結論" in over
    assert "人數太少，看不出來" in over
    assert "夏茶標題" in visitor.get(URL).text


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "名稱須為"),
        ("days", "很多", "觀察天數：請填數字"),
        ("days", "61", "觀察天數須為"),
        ("hold_out", "51", "對照組須為 0–50%"),
        ("baseline", "0", "目前的購買率"),
        ("effect", "95", "想看出的差別"),
        ("stop", "soon", "請選擇何時看結果"),
        ("broadcast", [], "請選 2–4 封群發草稿"),
        ("split", "x:s1", "請選擇旅程的分組步驟"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_typed_is_lost(
    visitor: Browser, drafts: list[int], field: str, value: str | list[str], words: str
) -> None:
    visitor.log_in(Role.MARKETER)
    answer = visitor.post(URL, _form(drafts, **{field: value}))
    assert answer.status == 422
    assert words in answer.text
    kept = "夏茶標題" if field != "name" else 'value="7"'
    assert kept in answer.text


def test_a_draft_is_thrown_away_and_a_running_one_stopped(
    sqlite_db: Database, visitor: Browser, drafts: list[int]
) -> None:
    visitor.log_in(Role.MARKETER)
    first = visitor.post(URL, _form(drafts)).location
    assert visitor.post(f"{first}/remove").location == URL
    second = visitor.post(URL, _form(drafts)).location
    visitor.post(f"{second}/start")
    assert visitor.post(f"{second}/remove").location == second
    assert visitor.post(f"{second}/stop").location == second
    assert "提早停止" in visitor.get(second).text
    assert visitor.post(f"{second}/odd").status == 404
    with sqlite_db.reading() as session:
        assert [one.status for one in queries.experiments(session)] == ["stopped"]


def test_a_letter_that_was_thrown_away_is_told_of(
    sqlite_db: Database, visitor: Browser, drafts: list[int]
) -> None:
    visitor.log_in(Role.MARKETER)
    made = visitor.post(URL, _form(drafts)).location
    with sqlite_db.transaction() as session:
        campaigns.remove(session, broadcast_id=drafts[1])
    answer = visitor.post(f"{made}/start")
    assert answer.status == 422
    assert "其中一封群發草稿已刪除，請重新建立實驗" in answer.text


def test_a_letter_that_line_would_not_take_is_told_of_before_it_starts(
    sqlite_db: Database, visitor: Browser, drafts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.log_in(Role.MARKETER)
    made = visitor.post(URL, _form(drafts)).location

    def refuse(*_: object) -> None:
        raise Invalid("parts", "LINE 不收這封信")

    monkeypatch.setattr(letters, "check", refuse)
    answer = visitor.post(f"{made}/start")
    assert answer.status == 422
    assert "A 版：LINE 不收這封信" in answer.text
    with sqlite_db.reading() as session:
        assert [one.status for one in queries.experiments(session)] == ["draft"]


def test_a_draft_that_was_sent_meanwhile_is_told_of(
    sqlite_db: Database, visitor: Browser, drafts: list[int]
) -> None:
    visitor.log_in(Role.MARKETER)
    made = visitor.post(URL, _form(drafts)).location
    with sqlite_db.transaction() as session:
        campaigns.plan(session, broadcast_id=drafts[0], send_at=NOW, now=NOW)
    answer = visitor.post(f"{made}/start")
    assert answer.status == 422
    assert "還沒排程的群發草稿" in answer.text

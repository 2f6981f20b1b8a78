import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.core.db import Database
from app.draws.rules import Prize
from tests.app.draws.test_service import DRAFT, WHEEL, plan, rich
from tests.support.liff import Phone, phone


@pytest.fixture
def hana(shop_db: Database) -> Iterator[Phone]:
    """She has 100 points; a draw and a wheel are running."""
    with shop_db.transaction() as session:
        plan(session, replace(DRAFT, per_day=1))
        cup = (Prize("茶杯", 5, 500, weight=1),)
        plan(session, replace(WHEEL, prizes=cup, blank_weight=0, cost=30, per_member=None))
        member = rich(session)
    with phone(shop_db) as line:
        assert line.open(member.line_user_id or "").status == 200
        yield line


def enter(line: Phone, draw_id: int, turn: int) -> tuple[int, str]:
    page = line.post(f"/liff/draws/{draw_id}/enter", {"turn": str(turn)})
    return page.status, page.text


def test_the_page_says_what_the_law_wants_said(hana: Phone) -> None:
    page = hana.view("draws").text
    for words in ("夏日抽獎", "剩 7 天", "價值 NT$2,480", "活動期間", "參加資格", "開獎方式",
                  "領獎期限", "稅務", "備取 1 名", "種子雜湊", "100%", "尚未參加"):  # fmt: skip
        assert words in page, words
    assert re.search(r'data-confirm="參加「夏日抽獎」將使用 10 點，確定嗎？"', page)


def test_entering_gives_a_ticket_once(hana: Phone) -> None:
    status, page = enter(hana, 1, 0)
    assert status == 200
    ticket = re.search(r"抽獎券號 ([A-Z0-9]{8})", page)
    assert ticket is not None
    assert enter(hana, 1, 0)[1].count(ticket[1]) >= 1
    assert "可用點數 90 點" in page
    status, page = enter(hana, 1, 1)
    assert (status, "今天的參加次數已用完" in page) == (422, True)


def test_the_wheel_says_what_was_won_and_stops_when_points_are_out(hana: Phone) -> None:
    for turn in range(3):
        assert "恭喜抽中「茶杯」！" in enter(hana, 2, turn)[1]
    status, page = enter(hana, 2, 3)
    assert status == 422
    assert "可用點數不足：需要 30 點，目前 10 點" in page


@pytest.mark.parametrize(("draw_id", "turn", "status"), [(99, 0, 404), (1, -1, 422)])
def test_odd_requests_are_refused(hana: Phone, draw_id: int, turn: int, status: int) -> None:
    assert enter(hana, draw_id, turn)[0] == status


def test_strangers_are_sent_to_joining(ken: Phone, shop_db: Database) -> None:
    assert ken.view("draws").header("x-go") == "/liff/join"
    assert ken.post("/liff/draws/1/enter", {"turn": "0"}).header("x-go") == "/liff/join"

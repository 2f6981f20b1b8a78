"""Rewards on the members' pages: list, detail, exchange once, result, taking it back."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.points import queries as points
from app.rewards import service
from app.rewards.models import EXCHANGES
from app.rewards.rules import RewardDraft
from tests.support.joining import HANA, KEN, join, person_of
from tests.support.liff import Phone, phone
from tests.support.people import grant_points
from tests.support.times import NOW

TOTE = RewardDraft(
    "tote", "帆布袋 <b>", 300, "gift", stock=5, per_member_limit=1, description="厚磅。\n可放 A4。"
)
CUP = RewardDraft("cup", "茶杯", 900, "paid", tiers=("basic", "gold"))


@pytest.fixture
def hana(shop_db: Database) -> Iterator[Phone]:
    with shop_db.transaction() as session:
        for kind in (
            KindDraft("gift", "帆布袋兌換券", "gift", valid_days=60),
            KindDraft("paid", "茶杯加購券", "fixed_price", 199, valid_days=60),
        ):
            coupons.create_kind(session, draft=kind, now=NOW)
        for draft in (TOTE, CUP):
            service.create_reward(session, draft=draft, now=NOW)
        member = join(session, HANA, now=NOW - timedelta(days=30))
        grant_points(session, member.member_id, 700)
    with phone(shop_db) as line:
        assert line.open(HANA).status == 200
        yield line


def balance(db: Database) -> int:
    with db.reading() as session:
        return points.standing(session, person_of(session, HANA).id, now=NOW).balance


def reward_id(hana: Phone, name: str = "帆布袋") -> str:
    found = re.search(
        rf'href="/liff/rewards/([0-9]+)">(?:(?!</a>).)*{name}', hana.view("rewards").text, re.S
    )
    assert found
    return found[1]


def form_of(page: str) -> dict[str, str]:
    found = re.search(r'name="form_id" value="([A-Z0-9]+)"', page)
    assert found
    return {"form_id": found[1]}


def test_the_list_says_what_each_costs_and_what_is_in_the_way(hana: Phone) -> None:
    page = hana.view("rewards").text
    for words in ("可用點數 <b>700</b>", "300 點", "900 點 + NT$199", "還差 200 點", "剩 5 份"):
        assert words in page
    assert "帆布袋 &lt;b&gt;" in page
    assert "我的兌換" not in page
    assert '/liff/rewards"' in hana.view("points").text


def test_one_reward_in_full(hana: Phone) -> None:
    page = hana.view(f"rewards/{reward_id(hana)}").text
    for words in ("厚磅。", "可放 A4。", "400 點", "2026/08/03", "每人限兌換"):
        assert words in page
    missing = hana.view(f"rewards/{reward_id(hana, '茶杯')}").text
    assert "還差 200 點" in missing
    assert "普卡、金卡" in missing
    assert "form_id" not in missing


def test_a_page_exchanges_once_shows_the_code_and_takes_it_back(
    hana: Phone, shop_db: Database
) -> None:
    number = reward_id(hana)
    form = form_of(hana.view(f"rewards/{number}").text)
    for _ in range(3):
        done = hana.post(f"/liff/rewards/{number}/exchange", form)
        assert done.header("x-go").startswith("/liff/exchanges/")
    assert balance(shop_db) == 400
    path = done.header("x-go").removeprefix("/liff/")
    result = hana.view(path).text
    assert "已為您保留" in result
    assert "<svg" in result
    listed = hana.view("rewards").text
    assert "我的兌換" in listed
    assert "每人限兌換 1 份" in listed
    back = hana.post(f"/liff/{path}/cancel")
    assert "已取消兌換，點數已退回" in back.text
    assert balance(shop_db) == 700
    again = hana.post(f"/liff/{path}/cancel")
    assert (again.status, "已經取消" in again.text) == (409, True)


def test_what_is_refused_says_why_and_spends_nothing(hana: Phone, shop_db: Database) -> None:
    number = reward_id(hana)
    form = form_of(hana.view(f"rewards/{number}").text)
    with shop_db.transaction() as session:
        service.revise_reward(session, draft=replace(TOTE, stock=0), now=NOW)
    refused = hana.post(f"/liff/rewards/{number}/exchange", form)
    assert (refused.status, "已經兌換完畢" in refused.text) == (409, True)
    dear = hana.post(f"/liff/rewards/{reward_id(hana, '茶杯')}/exchange", form)
    assert (dear.status, "還差 200 點" in dear.text) == (409, True)
    assert balance(shop_db) == 700
    with shop_db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(EXCHANGES)) == 0


def test_an_empty_catalogue_is_said_kindly(hana: Phone, shop_db: Database) -> None:
    with shop_db.transaction() as session:
        for code in ("tote", "cup"):
            service.set_active(session, code=code, is_active=False)
    assert "目前沒有可以兌換的商品" in hana.view("rewards").text


@pytest.mark.parametrize("number", ["0", "999", "x", "-1", "9" * 30])
def test_what_does_not_exist_is_not_found(hana: Phone, number: str) -> None:
    for path in (f"rewards/{number}", f"exchanges/{number}"):
        assert hana.view(path).status in (404, 422)
    assert hana.post(f"/liff/rewards/{number}/exchange", {"form_id": "f"}).status in (404, 422)
    assert hana.post(f"/liff/exchanges/{number}/cancel").status in (404, 422)


def test_an_exchange_is_its_members_own(hana: Phone, shop_db: Database) -> None:
    number = reward_id(hana)
    form = form_of(hana.view(f"rewards/{number}").text)
    path = hana.post(f"/liff/rewards/{number}/exchange", form).header("x-go").removeprefix("/liff/")
    with shop_db.transaction() as session:
        join(session, KEN, "0922-333-444", now=NOW)
    with phone(shop_db) as other:
        other.open(KEN)
        assert other.view(path).status == 404
        assert other.post(f"/liff/{path}/cancel").status == 404
    assert balance(shop_db) == 400

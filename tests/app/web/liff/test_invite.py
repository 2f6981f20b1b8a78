import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.members.models import Member
from app.referrals import queries
from app.referrals.models import REFERRALS
from flex_templates import limits
from tests.app.web.liff.test_join import START, code_of
from tests.support.joining import HANA, KEN, MEI, join, person_of
from tests.support.liff import Phone, phone
from tests.support.product import words_of
from tests.support.shop import actions


@pytest.fixture
def phones(shop_db: Database) -> Iterator[dict[str, Phone]]:
    """Hana, a member, and two strangers."""
    with shop_db.transaction() as session:
        join(session, HANA, phone="0911222333")
    with ExitStack() as stack:
        found = {who: stack.enter_context(phone(shop_db)) for who in (HANA, KEN, MEI)}
        for who, line in found.items():
            assert line.open(who).status == 200
        yield found


def card_of(line: Phone) -> dict[str, Any]:
    answer = line.post("/liff/invite/share").response
    message: dict[str, Any] = answer.json()["messages"][0]  # type: ignore[attr-defined]  # httpx
    return message


def token_of(card: dict[str, Any]) -> str:
    found = re.search(r"/join\?invite=([\w-]+)$", actions(card)[0]["uri"])
    assert found is not None
    return found[1]


def states(db: Database) -> list[tuple[str, str]]:
    with db.reading() as session:
        rows = session.execute(sa.select(REFERRALS.c.status, REFERRALS.c.channel))
        return [(row[0], row[1]) for row in rows]


def test_the_page_shows_code_terms_and_progress(phones: dict[str, Phone]) -> None:
    page = phones[HANA].view("invite").text
    for words in (
        "分享給好友",
        "邀請碼",
        "100 點",
        "50 點",
        "NT$300",
        "期滿 30 天",
        "每月最多獎勵 10",
    ):
        assert words in page
    assert phones[HANA].view("invite").text == page  # the code stays
    assert phones[KEN].view("invite").header("x-go") == "/liff/join"


def test_a_card_can_be_shared_and_names_nobody_in_full(phones: dict[str, Phone]) -> None:
    card = card_of(phones[HANA])
    assert limits.check(card) == []
    assert [action["type"] for action in actions(card)] == ["uri"]  # all that may be shared
    assert "王○明 邀請您加入會員" in words_of(card)
    assert "王小明" not in str(card)
    assert token_of(card) != token_of(card_of(phones[HANA]))


def test_the_friend_joins_by_the_card(phones: dict[str, Phone], shop_db: Database) -> None:
    ken, token = phones[KEN], token_of(card_of(phones[HANA]))
    page = ken.view(f"join?invite={token}").text
    assert "王○明 邀請您加入會員" in page
    assert states(shop_db) == []  # looking binds nobody
    ken.post("/liff/join/start", START | {"invite": token})
    assert states(shop_db) == [("bound", "liff")]
    ken.post("/liff/join/code", {"code": code_of(shop_db)})
    ken.post("/liff/join/finish", {"year": "1990", "month": "5", "day": "6"})
    assert states(shop_db) == [("joined", "liff")]
    with shop_db.reading() as session:
        assert queries.progress(session, person_of(session, HANA).id).joined == 1


def test_a_used_card_says_so_and_stops_no_joining(
    phones: dict[str, Phone], shop_db: Database
) -> None:
    token = token_of(card_of(phones[HANA]))
    phones[KEN].post("/liff/join/start", START | {"invite": token})
    page = phones[MEI].view(f"join?invite={token}").text
    assert "已經使用過" in page
    assert "仍可直接加入會員" in page
    answer = phones[MEI].post("/liff/join/start", START | {"phone": "0933444555", "invite": token})
    assert "已傳送至" in answer.text
    assert states(shop_db) == [("bound", "liff")]


def test_nonsense_as_an_invitation_is_no_error(phones: dict[str, Phone]) -> None:
    assert phones[KEN].view("join?invite=%3Cscript%3E").status == 200
    assert "<script>" not in phones[KEN].view("join?invite=%3Cscript%3E").text
    assert phones[KEN].view("join?invite=" + "x" * 61).status == 422
    assert phones[KEN].post("/liff/join/start", START | {"invite": "\x00"}).status == 200


def test_who_is_under_age_reads_why(phones: dict[str, Phone], shop_db: Database) -> None:
    with shop_db.transaction() as session:
        session.execute(
            sa.update(Member).where(Member.line_user_id == HANA).values(birthday=date(2010, 1, 1))
        )
    assert "年滿 18 歲" in phones[HANA].view("invite").text
    assert phones[HANA].post("/liff/invite/share").status == 409


def test_only_ones_own_page_can_share(phones: dict[str, Phone]) -> None:
    phones[HANA].form_token = phones[KEN].form_token
    assert phones[HANA].post("/liff/invite/share").status == 401

"""兌換商品 in the chat: look, be asked, exchange once, take it back."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlalchemy.orm import Session

from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.line import taps
from app.line.postback import Postback
from app.members import queries as members
from app.points import queries as points
from app.rewards import queries, service
from app.rewards.rules import RewardDraft
from tests.handlers.test_conversations import BRAND, GUEST, WITH_PAGES, talk
from tests.support.loyalty import new_member, publish
from tests.support.people import grant_points
from tests.support.product import words_of
from tests.support.times import NOW

TOTE = RewardDraft("tote", "帆布袋", 300, "gift", stock=5, per_member_limit=1)
CUP = RewardDraft("cup", "茶杯", 900, "paid")


@pytest.fixture
def hana(session: Session) -> str:
    """A member with 700 points before a catalogue of two."""
    publish(session)
    for kind in (
        KindDraft("gift", "帆布袋兌換券", "gift", valid_days=60),
        KindDraft("paid", "茶杯加購券", "fixed_price", 199, valid_days=60),
    ):
        coupons.create_kind(session, draft=kind, now=NOW)
    for draft in (TOTE, CUP):
        service.create_reward(session, draft=draft, now=NOW)
    member_id = new_member(session, name="林小花")
    grant_points(session, member_id, 700)
    return members.person(session, member_id).line_user_id or ""


def say(session: Session, user: str, words: str) -> Sequence[dict[str, Any]]:
    return talk(session, user, type="message", message={"type": "text", "text": words})


def press(session: Session, user: str, data: str) -> Sequence[dict[str, Any]]:
    return talk(session, user, type="postback", postback={"data": data})


def button(messages: Sequence[dict[str, Any]], kind: type[Postback]) -> str:
    """The data of the first button of that kind."""
    found = re.search(rf'"data":"({kind.prefix}[^"]*)"', orjson.dumps(list(messages)).decode())
    assert found, words_of(messages[0])
    return found[1]


def balance(session: Session, user: str) -> int:
    person = members.person_by_line_id(session, user)
    assert person is not None
    return points.standing(session, person.id, now=NOW).balance


@pytest.mark.parametrize("words", ["兌換商品", "點數兌換", "兌換"])
def test_the_catalogue_says_what_can_be_had_and_what_is_missing(
    session: Session, hana: str, words: str
) -> None:
    (shown,) = say(session, hana, words)
    said = words_of(shown)
    assert "300 點" in said
    assert "900 點 + NT$199" in said
    assert "還差 200 點" in said
    assert "剩 5 份" in said
    assert len(shown["contents"]["contents"]) == 2


def test_an_exchange_is_asked_made_once_and_taken_back(session: Session, hana: str) -> None:
    question = press(session, hana, button(say(session, hana, "兌換商品"), taps.AskExchange))
    assert "兌換後可用" in words_of(question[0])
    assert balance(session, hana) == 700  # nothing is spent yet
    yes = button(question, taps.ConfirmExchange)
    for _ in range(3):  # pressed again and again
        done = press(session, hana, yes)
        assert "已為您保留" in words_of(done[0])
    assert balance(session, hana) == 400
    again = say(session, hana, "兌換商品")
    assert "每人限兌換 1 份" in words_of(again[0])
    used = press(session, hana, button(done, taps.UseCoupon))
    assert "請店員確認" in words_of(used[0])
    back = press(session, hana, button(done, taps.CancelExchange))
    assert "已取消兌換，300 點已退回" in words_of(back[0])
    assert balance(session, hana) == 700
    late = press(session, hana, button(done, taps.CancelExchange))
    assert "已經取消" in words_of(late[0])


def test_what_is_gone_meanwhile_is_said_and_nothing_is_spent(session: Session, hana: str) -> None:
    question = press(session, hana, button(say(session, hana, "兌換商品"), taps.AskExchange))
    service.revise_reward(session, draft=replace(TOTE, stock=0), now=NOW)
    done = press(session, hana, button(question, taps.ConfirmExchange))
    assert "已經兌換完畢" in words_of(done[0])
    assert balance(session, hana) == 700
    assert queries.broken(session) == []


def test_without_rewards_it_is_said_kindly(session: Session, hana: str) -> None:
    for code in ("tote", "cup"):
        service.set_active(session, code=code, is_active=False)
    assert "目前沒有可以兌換的商品" in words_of(say(session, hana, "兌換商品")[0])
    assert "兌換商品" not in words_of(say(session, hana, "我的點數")[0])


def test_a_guest_is_invited_to_join(session: Session, hana: str) -> None:
    for data in (taps.ShowRewards(), taps.AskExchange(1), taps.ConfirmExchange(1, "f")):
        assert "加入會員" in words_of(press(session, GUEST, data.pack())[0])


def test_somebody_elses_exchange_is_not_found(session: Session, hana: str) -> None:
    question = press(session, hana, button(say(session, hana, "兌換商品"), taps.AskExchange))
    done = press(session, hana, button(question, taps.ConfirmExchange))
    other = members.person(session, new_member(session)).line_user_id or ""
    refused = press(session, other, button(done, taps.CancelExchange))
    assert "找不到" in words_of(refused[0])
    assert balance(session, hana) == 400


def test_a_long_catalogue_ends_with_the_way_to_the_page(session: Session, hana: str) -> None:
    for number in range(14):
        service.create_reward(session, draft=replace(TOTE, code=f"more{number}"), now=NOW)
    event = {"type": "message", "message": {"type": "text", "text": "兌換商品"}}
    (shown,) = talk(session, hana, WITH_PAGES, **event)
    assert len(shown["contents"]["contents"]) == 12
    assert "還有" in words_of(shown)
    (short,) = talk(session, hana, BRAND, **event)
    assert len(short["contents"]["contents"]) == 11

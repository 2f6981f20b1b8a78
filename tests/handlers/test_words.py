"""A word of a campaign typed in the chat."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.coupons import queries
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.coupons.service import MOST_TRIES
from app.members import queries as members
from tests.handlers.test_conversations import GUEST
from tests.handlers.test_rewards import say
from tests.support.loyalty import new_member, publish
from tests.support.product import words_of
from tests.support.times import NOW


@pytest.fixture
def hana(session: Session) -> str:
    publish(session)
    for draft in (
        KindDraft("summer", "夏日折百", "amount_off", 100, valid_days=30, word="SUMMER100"),
        KindDraft("hello", "新朋友", "gift", valid_days=30, word="HELLO7", word_for_days=7),
        KindDraft("few", "限量", "gift", valid_days=30, word="FEW1", issue_limit=0),
        KindDraft("over", "過去", "gift", ends_at=NOW - timedelta(days=1), word="OVER1"),
    ):
        coupons.create_kind(session, draft=draft, now=NOW)
    member_id = new_member(session, name="林小花")
    return members.person(session, member_id).line_user_id or ""


def held(session: Session, user: str) -> list[str]:
    person = members.person_by_line_id(session, user)
    assert person is not None
    return [one.kind_code for one in queries.usable_coupons(session, person.id, now=NOW)]


def test_a_word_puts_a_coupon_into_the_wallet_once(session: Session, hana: str) -> None:
    told = say(session, hana, " summer100")
    assert "領取成功" in words_of(told[0])
    assert "夏日折百" in words_of(told[1])
    assert held(session, hana) == ["summer"]
    assert "已經領過" in words_of(say(session, hana, "ＳＵＭＭＥＲ１００")[0])
    assert held(session, hana) == ["summer"]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [("HELLO7", "限入會 7 天內"), ("FEW1", "已經發完"), ("OVER1", "已經結束")],
)
def test_why_a_word_gives_nothing(session: Session, hana: str, word: str, sentence: str) -> None:
    assert sentence in words_of(say(session, hana, word)[0])
    assert held(session, hana) == []


def test_a_stranger_is_invited_to_join_first(session: Session, hana: str) -> None:
    assert "加入會員" in words_of(say(session, GUEST, "SUMMER100")[0])


def test_guessing_ends_for_the_day_and_talking_does_not(session: Session, hana: str) -> None:
    for number in range(MOST_TRIES):
        said = words_of(say(session, hana, f"GUESS{number}")[0])
        assert "代碼" not in said
    assert "明天再試" in words_of(say(session, hana, "SUMMER100")[0])
    assert "明天再試" not in words_of(say(session, hana, "hello")[0])
    assert held(session, hana) == []

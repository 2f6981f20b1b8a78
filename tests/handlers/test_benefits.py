"""任選權益 in the chat: look, be asked, choose once."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.benefits import queries
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.line import taps
from app.members import queries as members
from app.points import queries as points
from app.programmes.rules import DEFAULT, Choice, Option
from app.tiers import service as tiers
from tests.handlers.test_conversations import GUEST
from tests.handlers.test_rewards import button, press, say
from tests.support.loyalty import new_member, publish
from tests.support.product import words_of
from tests.support.times import NOW

SEASON = Choice(
    "season",
    "每季任選一項",
    "quarter",
    (Option("ship", "免運券", coupon="ship"), Option("points", "200 點", 200)),
)


@pytest.fixture
def hana(session: Session) -> str:
    """A gold member before a choice of two."""
    ladder = tuple(
        replace(tier, choices=(SEASON,) if tier.code == "gold" else ()) for tier in DEFAULT.tiers
    )
    publish(session, replace(DEFAULT, tiers=ladder))
    draft = KindDraft("ship", "宅配免運", "free_shipping", valid_days=60)
    coupons.create_kind(session, draft=draft, now=NOW)
    member_id = new_member(session, name="林小花")
    tiers.begin(session, member_id=member_id, now=NOW)
    tiers.grant(
        session, member_id=member_id, tier_code="gold", ends_at=NOW + timedelta(days=90),
        actor="test", note="測試", now=NOW,
    )  # fmt: skip
    return members.person(session, member_id).line_user_id or ""


@pytest.mark.parametrize("words", ["任選權益", "領取權益", "等級權益"])
def test_what_can_be_chosen_is_shown(session: Session, hana: str, words: str) -> None:
    shown = say(session, hana, words)[-1]
    said = words_of(shown)
    assert "每季任選一項" in said
    assert "本季任選一項" in said
    assert "宅配免運" in said


def test_a_choice_is_asked_made_once_and_told(session: Session, hana: str) -> None:
    question = press(session, hana, button(say(session, hana, "任選權益"), taps.AskBenefit))
    assert "本季只能選一次，選了不能更改。" in words_of(question[0])
    assert "200 點" in words_of(question[0])  # what is then no longer to be had
    person = members.person_by_line_id(session, hana)
    assert person is not None
    assert queries.claims_of(session, person.id) == []  # nothing is chosen yet
    yes = button(question, taps.ClaimBenefit)
    for _ in range(3):  # pressed again and again
        done = press(session, hana, yes)
        assert "已選" in words_of(done[0])
        assert "宅配免運" in words_of(done[0])
    assert len(queries.claims_of(session, person.id)) == 1
    again = say(session, hana, "任選權益")
    assert "本季已選「免運券」" in words_of(again[0])
    other = press(session, hana, taps.ClaimBenefit("season", "points").pack())
    assert "這一期已經選過「免運券」，不能更改。" in words_of(other[0])
    asked = press(session, hana, taps.AskBenefit("season", "points").pack())
    assert "已經選過「免運券」" in words_of(asked[0])
    why = say(session, hana, "為什麼")
    assert "每季任選一項：免運券" in words_of(why[0])


def test_points_say_the_new_balance(session: Session, hana: str) -> None:
    done = press(session, hana, taps.ClaimBenefit("season", "points").pack())
    assert re.search("獲得點數.*200", words_of(done[0]), re.S)
    person = members.person_by_line_id(session, hana)
    assert person is not None
    assert points.standing(session, person.id, now=NOW).balance == 200


def test_who_has_nothing_to_choose_is_told_kindly(session: Session, hana: str) -> None:
    basic = new_member(session)
    tiers.begin(session, member_id=basic, now=NOW)
    user = members.person(session, basic).line_user_id or ""
    assert "普卡目前沒有要選的權益" in words_of(say(session, user, "任選權益")[0])
    assert len(say(session, user, "等級權益")) == 1
    refused = press(session, user, taps.ClaimBenefit("season", "ship").pack())
    assert "您目前的等級沒有這項權益。" in words_of(refused[0])


def test_a_guest_is_invited_to_join(session: Session, hana: str) -> None:
    for data in (taps.ShowBenefits(), taps.AskBenefit("a", "b"), taps.ClaimBenefit("a", "b")):
        assert "加入會員" in words_of(press(session, GUEST, data.pack())[0])

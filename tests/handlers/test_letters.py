"""A press on a letter's button counts, and is answered like the button it stands for."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import queries as topics
from app.campaigns import queries, rules, service
from app.campaigns.models import RECIPIENTS
from app.campaigns.rules.letters import PLACES
from app.campaigns.service import freezing
from app.line import taps
from handlers import letters
from tests.app.campaigns.brand import planned
from tests.handlers.test_conversations import GUEST, hana, say, talk
from tests.support.joining import person_of
from tests.support.product import words_of
from tests.support.times import NOW

assert hana is not None  # the fixture


def press(session: Session, user: str, broadcast_id: int, place: str = "points") -> str:
    data = taps.FollowLetter(str(broadcast_id), place).pack()
    found = talk(session, user, type="postback", postback={"data": data})
    return "".join(words_of(message) for message in found)


def test_every_place_but_an_address_has_an_answer() -> None:
    assert {*letters.PLACES, "url"} == set(PLACES)


def test_the_first_press_is_counted_and_each_is_answered(session: Session, hana: str) -> None:
    broadcast_id = planned(session, send_at=NOW)
    work = freezing.begin(session, now=NOW)
    assert work is not None
    _, members = freezing.meant(session, work)
    freezing.write(session, work, members)
    session.execute(sa.update(RECIPIENTS).values(status=rules.QUEUED))
    for _ in range(2):
        assert "我的點數" in press(session, hana, broadcast_id)
        assert queries.counts(session, broadcast_id).clicked == 1


@pytest.mark.parametrize("place", ["points", "nowhere", "url"])
def test_a_stranger_or_an_odd_button_gets_an_answer_and_counts_nothing(
    session: Session, hana: str, place: str
) -> None:
    assert "加入會員" in press(session, GUEST, 1, place)
    assert press(session, hana, 2**40, place)
    assert not service.followed(session, broadcast_id=1, member_id=1, now=NOW)


# Topics -------------------------------------------------------------------------------------------


def tap(session: Session, user: str, data: str) -> str:
    found = talk(session, user, type="postback", postback={"data": data})
    return "".join(words_of(message) for message in found)


def stopped(session: Session, user: str) -> set[str]:
    return set(topics.stopped_by(session, person_of(session, user).id))


def test_a_topic_is_turned_off_by_a_tap_and_on_again(session: Session, hana: str) -> None:
    for _ in range(2):  # a second tap is answered, too
        said = tap(session, hana, taps.StopTopic("news").pack())
        assert "不再寄「新品」給您" in said
        assert "想收到「新品」" in said
        assert stopped(session, hana) == {"news"}
    assert "有「新品」的消息會再告訴您" in tap(session, hana, taps.ResumeTopic("news").pack())
    assert stopped(session, hana) == set()


@pytest.mark.parametrize("word", ["訊息主題", "不想收到"])
def test_a_word_shows_what_can_be_turned_off(session: Session, hana: str, word: str) -> None:
    tap(session, hana, taps.StopTopic("events").pack())
    said = say(session, hana, word)
    for words in ("✓ 會收　新品", "✕ 不收　活動", "不想收到「新品」", "想收到「活動」"):
        assert words in said
    assert said.index("停止行銷訊息") < said.index("不想收到「新品」")  # never cut off


def test_a_topic_that_never_was_changes_nothing(session: Session, hana: str) -> None:
    assert "只關掉不想收的主題" in tap(session, hana, taps.StopTopic("moon").pack())
    assert stopped(session, hana) == set()
    assert "加入會員" in tap(session, GUEST, taps.StopTopic("moon").pack())

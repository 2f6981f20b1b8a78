"""A press on a letter's button counts, and is answered like the button it stands for."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.campaigns import queries, rules, service
from app.campaigns.models import RECIPIENTS
from app.campaigns.rules.letters import PLACES
from app.campaigns.service import freezing
from app.line import taps
from handlers import letters
from tests.app.campaigns.brand import planned
from tests.handlers.test_conversations import GUEST, hana, talk
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

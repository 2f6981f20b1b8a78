"""Members turn off what they do not want to hear of, and keep the rest."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import queries, rules, service
from app.campaigns import queries as campaigns
from app.campaigns import service as campaign_service
from app.campaigns.service import composing, freezing
from app.core.db import Database
from app.core.errors import Invalid, NotFound
from app.members import service as members
from app.mergers import service as mergers
from app.outbox.models import OutboxRow
from app.timeline.models import Fact
from tests.app.campaigns import brand
from tests.app.campaigns.brand import BRAND, LETTER, START, advance, planned, verdicts
from tests.app.lifecycle.brand import at as moment
from tests.app.lifecycle.brand import compose, open_brand, person, plan
from tests.support.at_once import at_once

NEWS = replace(LETTER, topic=rules.NEWS)
WHY = "不想收到「新品」"


def stop(session: Session, member_id: int, topic: str = rules.NEWS) -> bool:
    return service.stop_topic(session, member_id=member_id, topic=topic, channel="chat", now=START)


# The list -----------------------------------------------------------------------------------------


def test_there_are_topics_before_anybody_makes_one(session: Session) -> None:
    assert [topic.name for topic in queries.topics(session)] == [
        "新品",
        "優惠",
        "活動",
        "生日與會員提醒",
    ]


def test_a_marketer_words_adds_and_gives_up(session: Session) -> None:
    service.word_topic(session, code=rules.NEWS, name=" 新茶 ", about="每一季的新茶")
    code = service.add_topic(session, name="課程", about="")
    service.offer_topic(session, code=rules.EVENTS, is_active=False)
    assert [(topic.code, topic.name) for topic in queries.topics(session)] == [
        (rules.NEWS, "新茶"),
        (rules.OFFERS, "優惠"),
        (rules.REMINDERS, "生日與會員提醒"),
        (code, "課程"),
    ]
    assert queries.topic(session, rules.EVENTS).is_active is False
    service.offer_topic(session, code=rules.EVENTS, is_active=True)
    assert queries.topic(session, rules.EVENTS).is_active


@pytest.mark.parametrize(
    ("name", "about"), [("", ""), ("  ", ""), ("長" * 11, ""), ("課程", "長" * 41), ("優惠", "")]
)
def test_a_topic_has_a_short_name_of_its_own(session: Session, name: str, about: str) -> None:
    with pytest.raises(Invalid):
        service.add_topic(session, name=name, about=about)
    if name != "課程":
        with pytest.raises(Invalid):
            service.word_topic(session, code=rules.NEWS, name=name, about=about)


@pytest.mark.parametrize("code", sorted(rules.KEPT))
def test_what_the_program_writes_about_is_not_given_up(session: Session, code: str) -> None:
    with pytest.raises(Invalid):
        service.offer_topic(session, code=code, is_active=False)


def test_there_are_not_too_many(session: Session) -> None:
    for number in range(rules.MOST_TOPICS - len(rules.TOPICS)):
        service.add_topic(session, name=f"主題{number}", about="")
    with pytest.raises(Invalid):
        service.add_topic(session, name="再一個", about="")


def test_what_never_was_cannot_be_stopped(session: Session) -> None:
    open_brand(session)
    with pytest.raises(NotFound):
        stop(session, person(session), "moon")


# Stopping -----------------------------------------------------------------------------------------


def test_stopping_and_resuming_is_written_down_once(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, ken = person(session), person(session)
        assert stop(session, hana)
        assert not stop(session, hana)
        assert stop(session, ken, rules.EVENTS)
        assert queries.stops(session) == {rules.NEWS: 1, rules.EVENTS: 1}
        assert queries.declined(session, [hana, ken], rules.NEWS) == {hana}
        assert set(queries.stopped_by(session, hana)) == {rules.NEWS}
        resume = partial(service.resume_topic, session, member_id=hana, topic=rules.NEWS)
        assert resume(channel="liff", now=START)
        assert not resume(channel="liff", now=START)
        kinds = sa.select(Fact.kind).where(Fact.kind.like("topic.%")).order_by(Fact.id)
        assert session.scalars(kinds).all() == ["topic.stopped", "topic.stopped", "topic.resumed"]


@pytest.mark.parametrize("letter", [NEWS, replace(brand.but(body="新茶到了"), topic=rules.NEWS)])
def test_who_turned_it_off_is_on_no_arm_and_gets_nothing(db: Database, letter: object) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, ken = person(session), person(session)
        held_out = person(session, id=brand.HELD_OUT)
        stop(session, hana)
        stop(session, held_out)
        broadcast_id = planned(session, letter)  # type: ignore[arg-type]  # both are letters
    advance(db)
    with db.reading() as session:
        assert sorted(verdicts(session)) == sorted(
            [(hana, "declined", WHY), (ken, "queued", None), (held_out, "declined", WHY)]
        )
        found = campaigns.outcome(session, broadcast_id, topic=rules.NEWS, started_at=START)
        assert (found.treated.members, found.control.members) == (1, 0)


def test_who_turned_off_something_else_gets_it(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        stop(session, hana, rules.EVENTS)
        planned(session, NEWS)
    advance(db)
    with db.reading() as session:
        assert verdicts(session) == [(hana, "queued", None)]


def test_who_turns_it_off_once_the_list_is_made_keeps_their_day(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, ken = person(session), person(session)
        broadcast_id = planned(session, NEWS)
        work = freezing.begin(session, now=START)
        assert work is not None
        freezing.write(session, work, [hana, ken])
        freezing.close(session, work, members=2)
        stop(session, hana)
        going = campaigns.broadcast(session, broadcast_id)
        composing.compose(session, going, brand=BRAND, now=START)
        assert verdicts(session) == [(hana, "dropped", WHY), (ken, "queued", None)]
        assert service.take_day(session, member_id=hana, day=brand.D, what="another")


def test_what_waits_for_line_is_called_back_and_counted(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        person(session)
        broadcast_id = planned(session, NEWS)
    advance(db)
    later = START + timedelta(hours=1)
    with db.transaction() as session:
        service.stop_topic(session, member_id=hana, topic=rules.NEWS, channel="chat", now=later)
        counts = campaigns.counts(session, broadcast_id)
        assert counts.by_sending == {"waiting": 1, "cancelled": 1}
        found = campaigns.outcome(session, broadcast_id, topic=rules.NEWS, started_at=START)
        assert (found.stops, found.blocks) == (1, 0)
        other = campaigns.outcome(session, broadcast_id, topic=rules.OFFERS, started_at=START)
        assert other.stops == 0
        [row] = campaigns.recipients(session, broadcast_id, status="queued", limit=1)
        assert (row.member_id, row.sending, row.failure) == (hana, "cancelled", WHY)


def test_a_stop_after_two_days_is_not_the_letters_doing(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        broadcast_id = planned(session, NEWS)
    advance(db)
    with db.transaction() as session:
        late = START + timedelta(hours=48)
        service.stop_topic(session, member_id=hana, topic=rules.NEWS, channel="chat", now=late)
        found = campaigns.outcome(session, broadcast_id, topic=rules.NEWS, started_at=START)
        assert found.stops == 0


def test_reminders_of_the_program_stop_and_service_goes_on(db: Database) -> None:
    """Born in this month: the wish is marketing, its gift is not."""
    first = moment(brand.D.replace(day=1))
    with db.transaction() as session:
        open_brand(session)
        hana, ken = (person(session, birth_month=7, birth_day=4) for _ in range(2))
        stop(session, hana, rules.REMINDERS)
        plan(session, first)
        compose(session, first)
        rows = session.execute(
            sa.select(OutboxRow.member_id, OutboxRow.topic).where(OutboxRow.kind == "birthday")
        )
        assert [tuple(row) for row in rows] == [(ken, rules.REMINDERS)]


def test_of_two_who_are_one_neither_refusal_is_lost(session: Session) -> None:
    open_brand(session)
    hana, again = person(session), person(session)
    stop(session, hana, rules.EVENTS)
    stop(session, again)
    stop(session, again, rules.EVENTS)
    mergers.merge(
        session, kept_id=hana, absorbed_id=again, staff_id=None, reason="同一人", now=START
    )
    assert set(queries.stopped_by(session, hana)) == {rules.NEWS, rules.EVENTS}


def test_stopping_while_the_letter_is_written_ends_with_one_truth(db: Database) -> None:
    """Whoever is first: nothing waits for somebody who turned the topic off."""
    with db.transaction() as session:
        open_brand(session)
        people = [person(session) for _ in range(8)]
        broadcast_id = planned(session, NEWS)
        work = freezing.begin(session, now=START)
        assert work is not None
        freezing.write(session, work, people)
        freezing.close(session, work, members=len(people))
        going = campaigns.broadcast(session, broadcast_id)

    def write() -> None:
        with db.transaction() as session:
            composing.compose(session, going, brand=BRAND, now=START)

    def leave(member_id: int) -> bool:
        with db.transaction() as session:
            return stop(session, member_id)

    done = at_once(write, *(partial(leave, member_id) for member_id in people[:4]))
    assert not [one for one in done if isinstance(one, BaseException)]
    with db.reading() as session:
        counts = campaigns.counts(session, broadcast_id)
        assert counts.by_sending.get("waiting") == 4
        waiting = campaigns.recipients(session, broadcast_id, status="queued", limit=20)
        assert [row.member_id for row in waiting if row.sending == "waiting"] == people[4:]


def _written_at_once(db: Database, *others: Callable[[Session, int], object]) -> tuple[int, ...]:
    """A letter to two people is written while the others happen; who is on its list."""
    with db.transaction() as session:
        people = [person(session) for _ in range(2)]
        broadcast_id = planned(session, NEWS)
        work = freezing.begin(session, now=START)
        assert work is not None
        freezing.write(session, work, people)
        freezing.close(session, work, members=len(people))
        going = campaigns.broadcast(session, broadcast_id)

    def write() -> None:
        with db.transaction() as session:
            composing.compose(session, going, brand=BRAND, now=START)

    def do(other: Callable[[Session, int], object]) -> None:
        with db.transaction() as session:
            other(session, people[0] if other is refuse else broadcast_id)

    done = at_once(write, *(partial(do, other) for other in others))
    assert not [one for one in done if isinstance(one, BaseException)]
    with db.reading() as session:
        waiting = campaigns.recipients(session, broadcast_id, status="queued", limit=20)
        found = tuple(row.member_id for row in waiting if row.sending == "waiting")
    return tuple(people.index(member_id) for member_id in found)


def refuse(session: Session, member_id: int) -> None:
    members.consent(
        session,
        member_id=member_id,
        kind="marketing",
        version="1",
        is_given=False,
        channel="chat",
        now=START,
    )


def cancel(session: Session, broadcast_id: int) -> None:
    campaign_service.cancel(session, broadcast_id=broadcast_id, now=START)


def test_refusing_while_the_letter_is_written_ends_with_one_truth(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
    for _ in range(6):
        assert _written_at_once(db, refuse) == (1,)


def test_nothing_waits_once_the_letter_is_cancelled_while_it_is_written(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
    for _ in range(6):
        assert _written_at_once(db, cancel) == ()


def test_a_topic_given_up_is_not_taken_up_again_beyond_the_limit(session: Session) -> None:
    first = service.add_topic(session, name="試喝", about="")
    service.offer_topic(session, code=first, is_active=False)
    while len(queries.topics(session)) < rules.MOST_TOPICS:
        service.add_topic(session, name=f"主題{len(queries.topics(session))}", about="")
    with pytest.raises(Invalid):
        service.offer_topic(session, code=first, is_active=True)
    service.offer_topic(session, code=queries.topics(session)[0].code, is_active=True)

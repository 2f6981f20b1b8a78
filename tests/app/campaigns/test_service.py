"""A broadcast from its draft to its end: who is on the list, who gets the letter, and who not."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.attention import service as governor
from app.attention.models import MARKETING_DAYS
from app.campaigns import queries, rules, service
from app.campaigns.messages import Material
from app.campaigns.models import RECIPIENTS
from app.campaigns.rules.letters import Letter
from app.campaigns.service import NotNow, composing, freezing, mailing
from app.core.db import Database
from app.core.errors import Invalid, NotFound
from app.coupons import service as coupons
from app.coupons.models import COUPONS, KINDS
from app.coupons.rules import KindDraft, Situation
from app.jobs.broadcasts import BACKLOG
from app.members import service as members
from app.members.models import Member
from app.outbox import service as outbox
from app.outbox.models import OutboxRow
from app.segments import service as segments
from app.segments.rules import Condition, Group
from app.tags import service as tags
from app.tags.queries import worn_by
from flex_templates import limits
from tests.app.campaigns.brand import (
    BRAND,
    HELD_OUT,
    LETTER,
    START,
    D,
    advance,
    but,
    drafted,
    letters,
    planned,
    status,
    verdicts,
)
from tests.app.lifecycle.brand import DAY, at, buy, compose, earn, open_brand, person, plan
from tests.support.at_once import at_once

WITH_COUPON = but(coupon="autumn", label="看優惠券", place="coupons")
BUYERS = Group("all", (Condition("purchases", at_least=1),))


# Drafts and plans ---------------------------------------------------------------------------------


def test_a_draft_may_be_unfinished_but_does_not_go_out(session: Session) -> None:
    broadcast_id = drafted(session, Letter())
    with pytest.raises(Invalid) as refused:
        service.plan(session, broadcast_id=broadcast_id, send_at=START, now=START)
    assert refused.value.field == "parts"
    service.revise(
        session, broadcast_id=broadcast_id, name="夏茶", segment_id=None, letter=LETTER, now=START
    )
    service.plan(session, broadcast_id=broadcast_id, send_at=START, now=START)
    assert status(session, broadcast_id) == rules.DUE


@pytest.mark.parametrize("name", ["", "  ", "長" * 41])
def test_a_broadcast_has_a_name(session: Session, name: str) -> None:
    with pytest.raises(Invalid):
        drafted(session, name=name)


def test_a_coupon_that_is_not_given_any_more_stops_the_plan(session: Session) -> None:
    open_brand(session)
    broadcast_id = drafted(session, WITH_COUPON)
    coupons.set_active(session, code="autumn", is_active=False)
    with pytest.raises(Invalid) as refused:
        service.plan(session, broadcast_id=broadcast_id, send_at=START, now=START)
    assert refused.value.field == "m0-coupon"


def test_a_plan_is_at_most_a_year_ahead(session: Session) -> None:
    broadcast_id = drafted(session)
    with pytest.raises(Invalid):
        service.plan(session, broadcast_id=broadcast_id, send_at=START + 400 * DAY, now=START)


def test_a_removed_segment_cannot_be_sent_to(session: Session) -> None:
    segment_id = segments.create(session, name="買過的", tree=BUYERS, now=START)
    broadcast_id = drafted(session, segment_id=segment_id)
    segments.remove(session, segment_id=segment_id, now=START)
    with pytest.raises(Invalid) as refused:
        service.plan(session, broadcast_id=broadcast_id, send_at=START, now=START)
    assert refused.value.field == "segment"


def test_what_is_planned_does_not_change_with_its_segment(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        buyer, _other = person(session), person(session)
        buy(session, buyer, D - DAY)
        segment_id = segments.create(session, name="買過的", tree=BUYERS, now=START)
        planned(session, segment_id=segment_id)
        segments.revise(
            session,
            segment_id=segment_id,
            name="沒買過的",
            tree=Group("none", (Condition("purchases", at_least=1),)),
            now=START,
        )
    advance(db)
    with db.reading() as session:
        assert [member for member, _status, _reason in verdicts(session)] == [buyer]
        found = queries.broadcasts(session, limit=1)[0]
        assert (found.segment_name, found.segment_version) == ("買過的", 1)


def test_a_plan_can_be_taken_back_before_it_begins(db: Database) -> None:
    with db.transaction() as session:
        broadcast_id = planned(session, send_at=START + DAY)
        service.unplan(session, broadcast_id=broadcast_id, now=START)
        assert status(session, broadcast_id) == rules.DRAFT
        service.remove(session, broadcast_id=broadcast_id)
        with pytest.raises(NotFound):
            queries.broadcast(session, broadcast_id)


Step = Callable[[Session, int], object]
STEPS: dict[str, Step] = {
    "revise": lambda session, number: service.revise(
        session, broadcast_id=number, name="改", segment_id=None, letter=LETTER, now=START
    ),
    "plan": lambda session, number: service.plan(
        session, broadcast_id=number, send_at=START, now=START
    ),
    "remove": lambda session, number: service.remove(session, broadcast_id=number),
    "unplan": lambda session, number: service.unplan(session, broadcast_id=number, now=START),
    "pause": lambda session, number: service.pause(session, broadcast_id=number, now=START),
    "resume": lambda session, number: service.resume(session, broadcast_id=number, now=START),
    "cancel": lambda session, number: service.cancel(session, broadcast_id=number, now=START),
}
ALLOWED = {
    rules.DRAFT: {"revise", "plan", "remove"},
    rules.DUE: {"unplan", "cancel"},
    rules.FREEZING: {"cancel"},
    rules.SENDING: {"pause", "cancel"},
    rules.PAUSED: {"resume", "cancel"},
    rules.DONE: set(),
    rules.CANCELLED: set(),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("now", ALLOWED)
def test_each_state_allows_its_own_steps(session: Session, now: str, step: str) -> None:
    broadcast_id = drafted(session)
    service._move(session, broadcast_id, rules.STATUSES, status=now)
    if step in ALLOWED[now]:
        STEPS[step](session, broadcast_id)
        return
    with pytest.raises(NotNow) as refused:
        STEPS[step](session, broadcast_id)
    assert refused.value.status == now


@pytest.mark.parametrize("step", STEPS)
def test_a_broadcast_that_is_not_there_is_not_found(session: Session, step: str) -> None:
    with pytest.raises(NotFound):
        STEPS[step](session, 99)


# The list -----------------------------------------------------------------------------------------


def test_the_list_holds_who_can_be_reached_and_sets_the_hold_out_apart(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        person(session, is_friend=False)
        person(session, line_user_id=None)
        person(session, marketing_ok=False)
        person(session, is_test=True)
        person(session, joined=None)
        person(session, id=HELD_OUT)
        broadcast_id = planned(session)
    advance(db)
    with db.reading() as session:
        assert verdicts(session) == [(HELD_OUT, "control", None), (hana, "queued", None)]
        found = queries.broadcast(session, broadcast_id)
        assert (found.members, found.frozen, found.started_at) == (5, 2, START)
        assert [member for member, _payload in letters(session)] == [hana]


def test_before_its_time_nothing_happens(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        person(session)
        broadcast_id = planned(session, send_at=START + timedelta(hours=2))
    assert advance(db, START + timedelta(minutes=119)) == 0
    with db.reading() as session:
        assert verdicts(session) == []
        assert status(session, broadcast_id) == rules.DUE
    assert advance(db, START + timedelta(hours=2)) == 1


def test_a_list_left_half_made_is_made_anew(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        people = [person(session) for _ in range(3)]
        broadcast_id = planned(session)
    with db.transaction() as session:
        lost = freezing.begin(session, now=START)
        assert lost is not None
        assert freezing.write(session, lost, people[:1])
    with db.transaction() as session:  # somebody leaves before another process goes on
        session.execute(sa.update(Member).where(Member.id == people[0]).values(marketing_ok=False))
    assert advance(db, START + timedelta(minutes=1)) == 2
    with db.transaction() as session:
        assert [member for member, *_ in verdicts(session)] == people[1:]
        assert queries.broadcast(session, broadcast_id).frozen == 2
        assert not freezing.write(session, lost, people[:1])  # it comes back to life
        assert not freezing.close(session, lost, members=3)


def test_a_list_is_not_made_for_what_was_cancelled_meanwhile(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        broadcast_id = planned(session)
        work = freezing.begin(session, now=START)
        assert work is not None
        service.cancel(session, broadcast_id=broadcast_id, now=START)
        assert not freezing.write(session, work, [hana])
        assert not freezing.close(session, work, members=1)
    assert advance(db) == 0


# Letters ------------------------------------------------------------------------------------------


def test_each_reader_gets_their_own_words_once(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, ken = person(session, name="陳花"), person(session, name=None, display_name="Ken")
        earn(session, hana, 120, D - DAY)
        broadcast_id = planned(session, but(body="{姓名}您好，您是{等級}，有 {點數} 點。"))
    assert advance(db) == 2
    assert advance(db) == 0
    with db.reading() as session:
        (_, to_hana), (_, to_ken) = letters(session)
        assert "陳花您好，您是普卡，有 120 點。" in to_hana
        assert "Ken您好，您是普卡，有 0 點。" in to_ken
        for payload in (to_hana, to_ken):
            assert limits.check_request(json.loads(payload)) == []
            assert "停止行銷訊息" in payload
        assert [row[1] for row in verdicts(session)] == ["queued", "queued"]
        assert status(session, broadcast_id) == rules.DONE
        rows = session.execute(sa.select(OutboxRow.klass, OutboxRow.dedup_key)).all()
        assert [tuple(row) for row in rows] == [
            ("promotion", f"broadcast:{broadcast_id}:{hana}"),
            ("promotion", f"broadcast:{broadcast_id}:{ken}"),
        ]


def test_the_coupon_of_the_letter_is_really_given(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        broadcast_id = planned(session, WITH_COUPON)
    advance(db)
    with db.transaction() as session:
        held = session.execute(sa.select(COUPONS.c.member_id, COUPONS.c.code)).one()
        assert held.member_id == hana
        assert "秋季券" in letters(session)[0][1]
        counted = queries.counts(session, broadcast_id)
        assert (counted.coupons, counted.redeemed) == (1, 0)
        coupons.redeem(
            session,
            code=held.code,
            member_id=hana,
            store_id=None,
            staff_id=None,
            situation=Situation(500, START),
            now=START,
        )
        assert queries.counts(session, broadcast_id).redeemed == 1


def test_without_a_coupon_to_give_there_is_no_letter_and_nothing_is_left(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        coupons.create_kind(
            session,
            draft=KindDraft("few", "限量券", "amount_off", 50, issue_limit=1, valid_days=9),
            now=START,
        )
        first, second = person(session), person(session)
        planned(session, but(WITH_COUPON, coupon="few"))
    advance(db)
    with db.reading() as session:
        assert verdicts(session) == [
            (first, "queued", None),
            (second, "dropped", "優惠券已發完或停止發放"),
        ]
        assert list(session.scalars(sa.select(MARKETING_DAYS.c.member_id))) == [first]
        assert session.scalar(sa.select(sa.func.count()).select_from(COUPONS)) == 1
        assert session.scalar(sa.select(KINDS.c.issued).where(KINDS.c.code == "few")) == 1


def test_who_has_had_their_share_of_a_coupon_gets_no_letter_about_it(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        draft = KindDraft("once", "一人一張", "amount_off", 50, per_member_limit=1, valid_days=9)
        coupons.create_kind(session, draft=draft, now=START)
        hana = person(session)
        coupons.issue(
            session, kind_code="once", member_id=hana, source="qr", dedup_key="qr", now=START
        )
        planned(session, but(WITH_COUPON, coupon="once"))
    advance(db)
    with db.reading() as session:
        assert verdicts(session) == [(hana, "dropped", "已領過這種優惠券")]


def _opts_out(session: Session, member: int) -> None:
    members.consent(
        session,
        member_id=member,
        kind="marketing",
        version="1",
        is_given=False,
        channel="chat",
        now=START,
    )


def _set(**values: Any) -> Callable[[Session, int], None]:
    def change(session: Session, member: int) -> None:
        session.execute(sa.update(Member).where(Member.id == member).values(**values))

    return change


def _blocks(session: Session, member: int) -> None:
    outbox.stop(session, recipient=f"U{member:032x}", now=START)


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (_opts_out, "已停止接收行銷訊息"),
        (_set(is_friend=False), "已封鎖或不再是好友"),
        (_set(line_user_id=None), "已封鎖或不再是好友"),
        (_set(status="closed"), "已不是會員"),
        (_blocks, "已封鎖或不再是好友"),
    ],
)
def test_what_changed_since_the_list_was_made_counts(
    db: Database, meanwhile: Callable[[Session, int], None], reason: str
) -> None:
    night = at(D, 22)
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        broadcast_id = planned(session, WITH_COUPON, send_at=night)
    assert advance(db, night) == 0  # the list is made, the night is quiet
    with db.transaction() as session:
        assert verdicts(session) == [(hana, "due", None)]
        meanwhile(session, hana)
    assert advance(db, at(D + DAY, 8, 59)) == 0
    assert advance(db, at(D + DAY, 9)) == 1
    assert advance(db, at(D + DAY, 9)) == 0
    with db.reading() as session:
        assert verdicts(session) == [(hana, "dropped", reason)]
        assert letters(session) == []
        assert session.scalar(sa.select(sa.func.count()).select_from(COUPONS)) == 0
        assert session.scalar(sa.select(sa.func.count()).select_from(MARKETING_DAYS)) == 0
        assert status(session, broadcast_id) == rules.DONE


def test_who_blocks_us_while_the_letters_are_written_gets_none(postgres_db: Database) -> None:
    """Their block is committed after the batch looked at them: the batch begins anew."""
    with postgres_db.transaction() as session:
        open_brand(session)
        hana, ken = person(session), person(session)
        broadcast_id = planned(session)
        work = freezing.begin(session, now=START)
        assert work is not None
        freezing.write(session, work, [hana, ken])
        freezing.close(session, work, members=2)
        going = queries.broadcast(session, broadcast_id)
    with postgres_db.transaction() as session:
        sent = composing._mailing(going, START)
        batch = mailing._Batch(session, sent, BRAND, START, mailing.nobody)
        people = queries.readers(session, [hana, ken])
        with postgres_db.transaction() as other:
            _blocks(other, ken)
        with pytest.raises(mailing._BlockedMeanwhile), session.begin_nested():
            batch._queue(list(people.values()), {}, Material())
        assert composing.compose(session, going, brand=BRAND, now=START) == 2
        assert verdicts(session) == [
            (hana, "queued", None),
            (ken, "dropped", "已封鎖或不再是好友"),
        ]
        assert [member for member, _payload in letters(session)] == [hana]


def test_who_had_marketing_today_gets_it_tomorrow(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        assert governor.take_day(session, member_id=hana, day=D, what="birthday")
        broadcast_id = planned(session)
    advance(db)
    with db.reading() as session:
        assert verdicts(session) == [(hana, "held", "已達一天一則、七天三則的上限，延至 07/11")]
        assert status(session, broadcast_id) == rules.SENDING
    assert advance(db, at(D + DAY, 9, 59)) == 0
    assert advance(db, at(D + DAY, 10)) == 1
    advance(db, at(D + DAY, 10))
    with db.reading() as session:
        assert verdicts(session) == [(hana, "queued", None)]
        assert status(session, broadcast_id) == rules.DONE


def test_what_matters_more_goes_first_though_it_comes_later_that_day(db: Database) -> None:
    """The letter is due at nine, the reminder of the life cycle at ten."""
    nine = at(D, 9)
    with db.transaction() as session:
        open_brand(session)
        quiet, hana = person(session, joined=D - 7 * DAY), person(session)
        plan(session, at(D, 0, 5))
        planned(session, send_at=nine)
    advance(db, nine)
    with db.transaction() as session:
        assert verdicts(session) == [
            (quiet, "held", "當天有更重要的訊息，延至 07/11"),
            (hana, "queued", None),
        ]
        compose(session, at(D, 10))
        kinds = session.scalars(sa.select(OutboxRow.kind).where(OutboxRow.member_id == quiet))
        assert kinds.all() == ["no_purchase"]
    advance(db, at(D + DAY, 10))
    with db.reading() as session:
        assert [row[1] for row in verdicts(session)] == ["queued", "queued"]


def test_whose_days_are_taken_for_long_gets_none(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        for ahead in (-1, 0, 1):
            governor.take_day(session, member_id=hana, day=D + ahead * DAY, what=f"x{ahead}")
        planned(session)
    advance(db)
    with db.reading() as session:
        assert verdicts(session) == [(hana, "dropped", mailing.NO_DAY_LEFT)]


# Stopping -----------------------------------------------------------------------------------------


def test_a_pause_keeps_who_waits_and_a_cancel_calls_back_what_waits_for_line(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        first, second, third = (person(session) for _ in range(3))
        broadcast_id = planned(session)
    with db.transaction() as session:
        work = freezing.begin(session, now=START)
        assert work is not None
        freezing.write(session, work, [first, second, third])
        freezing.close(session, work, members=3)
    with db.transaction() as session:
        going = queries.broadcast(session, broadcast_id)
        assert composing.compose(session, going, brand=BRAND, now=START, limit=1) == 1
        service.pause(session, broadcast_id=broadcast_id, now=START)
    assert advance(db) == 0
    with db.transaction() as session:
        assert [row[1] for row in verdicts(session)] == ["queued", "due", "due"]
        service.resume(session, broadcast_id=broadcast_id, now=START)
        assert composing.compose(session, going, brand=BRAND, now=START, limit=1) == 1
        session.execute(  # the first one's is with LINE already
            sa.update(OutboxRow).where(OutboxRow.member_id == first).values(status="sent")
        )
        assert service.cancel(session, broadcast_id=broadcast_id, now=START) == 1
    assert advance(db) == 0
    with db.reading() as session:
        counted = queries.counts(session, broadcast_id)
        assert counted.by_sending == {"sent": 1, "cancelled": 1}
        assert (counted.by_status, counted.open) == ({"queued": 2, "due": 1}, 1)
        assert status(session, broadcast_id) == rules.CANCELLED


def test_letters_that_wait_for_line_hold_back_the_next(db: Database) -> None:
    """What a member is owed at the till never stands behind a whole broadcast."""
    with db.transaction() as session:
        open_brand(session)
        person(session)
        broadcast_id = planned(session)
        waiting = {
            "channel": "push",
            "klass": "promotion",
            "kind": queries.kind_of(broadcast_id),
            "recipient": "U0",
            "payload": "[]",
            "retry_key": "k",
            "status": "waiting",
            "attempts": 0,
            "due_at": START,
            "created_at": START,
        }
        session.execute(sa.insert(OutboxRow), [waiting] * BACKLOG)
    assert advance(db) == 0
    with db.transaction() as session:
        session.execute(sa.update(OutboxRow).where(OutboxRow.id == 1).values(status="sent"))
    assert advance(db) == 1


def test_when_the_months_messages_are_used_up_it_waits_for_a_person(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        person(session)
        broadcast_id = planned(session)
        outbox.note_quota(session, is_used_up=True, now=START)
    assert advance(db) == 0
    with db.transaction() as session:
        assert status(session, broadcast_id) == rules.PAUSED
        assert [row[1] for row in verdicts(session)] == ["due"]
        service.resume(session, broadcast_id=broadcast_id, now=START)
    assert advance(db) == 1


# Results ------------------------------------------------------------------------------------------


def test_the_first_press_counts_and_only_of_who_got_the_letter(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        person(session, id=HELD_OUT)
        broadcast_id = planned(session)
    advance(db)
    with db.transaction() as session:

        def press(member: int, minute: int) -> bool:
            moment = START + timedelta(minutes=minute)
            return service.followed(
                session, broadcast_id=broadcast_id, member_id=member, now=moment
            )

        assert press(hana, 1)
        assert not press(hana, 2)
        assert not press(HELD_OUT, 3)
        assert not service.followed(session, broadcast_id=99, member_id=hana, now=START)
        clicked = session.scalars(sa.select(RECIPIENTS.c.clicked_at).order_by("member_id")).all()
        assert clicked == [None, START + timedelta(minutes=1)]
        assert queries.counts(session, broadcast_id).clicked == 1


def _leaves(session: Session, member: int, moment: datetime) -> None:
    members.unfriend(session, member_id=member, recipient=f"U{member:032x}", at=moment)


def test_the_result_counts_both_arms_by_who_was_meant(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, ken, mei = (person(session) for _ in range(3))
        person(session, id=HELD_OUT)
        governor.take_day(session, member_id=mei, day=D, what="other")  # held back, yet meant
        broadcast_id = planned(session)
    advance(db)
    with db.transaction() as session:
        buy(session, hana, D, 500, hour=11)  # before it
        buy(session, hana, D, 300, hour=13)
        buy(session, hana, D + DAY, 200)
        buy(session, mei, D + 7 * DAY, 400, hour=11)  # the last hour that counts
        buy(session, ken, D + 7 * DAY, 900, hour=12)  # a minute late
        buy(session, HELD_OUT, D + DAY, 700)
        _leaves(session, ken, START + timedelta(hours=47))
        _leaves(session, hana, START + timedelta(hours=49))
        found = queries.outcome(session, broadcast_id, topic="offers", started_at=START)
        assert found.treated == rules.Arm(3, 2, 900)
        assert found.control == rules.Arm(1, 1, 700)
        assert found.blocks == 1


def test_recipients_come_in_pages_with_what_line_said(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        people = [person(session) for _ in range(3)]
        broadcast_id = planned(session)
    advance(db)
    with db.transaction() as session:
        session.execute(
            sa.update(OutboxRow)
            .where(OutboxRow.member_id == people[2])
            .values(status="parked", reason="LINE said no")
        )
        first = queries.recipients(session, broadcast_id, status="queued", limit=2)
        rest = queries.recipients(
            session, broadcast_id, status="queued", limit=2, after=first[-1].member_id
        )
        assert [row.member_id for row in (*first, *rest)] == people
        assert [(row.sending, row.failure) for row in rest] == [("parked", "LINE said no")]


def test_what_contradicts_itself_is_found(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        person(session)
        broadcast_id = planned(session)
    advance(db)
    advance(db)
    since = START - DAY
    with db.transaction() as session:
        assert queries.broken(session, since=since) == []
        mine = sa.and_(RECIPIENTS.c.broadcast_id == broadcast_id, RECIPIENTS.c.member_id == hana)
        session.execute(sa.update(RECIPIENTS).where(mine).values(status=rules.HELD))
        assert queries.broken(session, since=since) == [
            f"broadcast {broadcast_id}: 1 queued on the list, 2 letters",
            f"broadcast {broadcast_id}: done, and 1 still wait",
        ]
        session.execute(sa.delete(RECIPIENTS).where(mine))
        assert f"broadcast {broadcast_id}: 2 were put on the list, 1 are" in queries.broken(
            session, since=since
        )
        assert queries.broken(session, since=START + DAY) == []


def test_who_got_it_and_did_not_press_gets_it_again(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, ken, mei = (person(session) for _ in range(3))
        person(session, id=HELD_OUT)
        first = planned(session)
    advance(db)
    advance(db)
    with db.transaction() as session:
        service.followed(session, broadcast_id=first, member_id=hana, now=START)
        session.execute(sa.update(Member).where(Member.id == mei).values(is_friend=False))
        late = person(session)
        second = service.create(
            session,
            name="再寄",
            segment_id=None,
            unpressed_of=first,
            letter=LETTER,
            staff_id=None,
            now=START,
        )
        service.plan(session, broadcast_id=second, send_at=START + 2 * DAY, now=START)
        assert queries.broadcast(session, second).segment_name == "收到「夏茶」而沒按的人"
    advance(db, START + 2 * DAY)
    with db.reading() as session:
        found = queries.recipients(session, second, status=rules.QUEUED, limit=9)
        assert [row.member_id for row in found] == [ken]
        shown = queries.broadcast(session, second)
        assert (shown.members, shown.frozen) == (2, 1)
        assert late not in {row.member_id for row in found}


def test_who_presses_gets_the_letters_tag(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        tag_id = tags.make(session, name="愛喝夏茶", now=START)
        broadcast_id = planned(session, replace(LETTER, tag=str(tag_id)))
    advance(db)
    with db.transaction() as session:
        assert worn_by(session, hana, now=START) == []
        service.followed(session, broadcast_id=broadcast_id, member_id=hana, now=START)
        (worn,) = worn_by(session, hana, now=START)
        assert (worn.name, worn.source) == ("愛喝夏茶", "letter")
    with db.transaction() as session:  # a tag that is gone stops neither presses nor drafts
        ken = person(session)
        session.execute(
            sa.insert(RECIPIENTS),
            {
                "broadcast_id": broadcast_id,
                "member_id": ken,
                "status": rules.QUEUED,
                "due_at": START,
            },
        )
        tags.remove(session, tag_id=tag_id)
        assert service.followed(session, broadcast_id=broadcast_id, member_id=ken, now=START)
        number = drafted(session, replace(LETTER, tag=str(tag_id)))
        with pytest.raises(Invalid) as refused:
            service.plan(session, broadcast_id=number, send_at=START, now=START)
        assert refused.value.field == "tag"


# At once ------------------------------------------------------------------------------------------


def test_several_senders_at_once_write_each_letter_once(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        draft = KindDraft("few", "限量券", "amount_off", 50, issue_limit=25, valid_days=9)
        coupons.create_kind(session, draft=draft, now=START)
        people = [person(session) for _ in range(40)]
        broadcast_id = planned(session, but(WITH_COUPON, coupon="few"))
    with db.transaction() as session:
        work = freezing.begin(session, now=START)
        assert work is not None
        freezing.write(session, work, people)
        freezing.close(session, work, members=40)
        going = queries.broadcast(session, broadcast_id)

    def send() -> int:
        done = 0
        while True:
            with db.transaction() as session:
                decided = composing.compose(session, going, brand=BRAND, now=START, limit=7)
            if not decided:
                return done
            done += decided

    found = at_once(*[send] * 4)
    assert sum(number for number in found if isinstance(number, int)) == 40
    with db.reading() as session:
        counted = queries.counts(session, broadcast_id)
        assert counted.by_status == {"queued": 25, "dropped": 15}
        assert len(letters(session)) == 25
        assert session.scalar(sa.select(KINDS.c.issued).where(KINDS.c.code == "few")) == 25
        days = session.scalar(sa.select(sa.func.count()).select_from(MARKETING_DAYS))
        assert days == 25


def test_two_who_press_at_once_plan_it_once(db: Database) -> None:
    with db.transaction() as session:
        broadcast_id = drafted(session)

    def plan() -> str:
        with db.transaction() as session:
            service.plan(session, broadcast_id=broadcast_id, send_at=START, now=START)
        return "planned"

    found = at_once(plan, plan, plan)
    assert found.count("planned") == 1
    assert sum(isinstance(refusal, NotNow) for refusal in found) == 2


def test_several_processes_freeze_one_list(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        people = [person(session) for _ in range(5)]
        broadcast_id = planned(session)
    at_once(*[lambda: advance(db)] * 4)
    advance(db)
    with db.reading() as session:
        assert [member for member, *_ in verdicts(session)] == people
        assert len(letters(session)) == 5
        assert queries.broadcast(session, broadcast_id).frozen == 5


# Any calendar -------------------------------------------------------------------------------------

plans = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 23)), min_size=1, max_size=6
)  # day and hour of each broadcast
ticks = st.lists(st.integers(3, 30), min_size=1, max_size=6)  # hours from one look to the next


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(plans, ticks)
def test_no_member_gets_more_than_the_caps_or_one_letter_twice(
    sqlite_db: Database, when: list[tuple[int, int]], hours: list[int]
) -> None:
    db = sqlite_db
    with db.transaction() as session:
        for table in (RECIPIENTS, MARKETING_DAYS, OutboxRow.__table__):
            session.execute(sa.delete(table))  # type: ignore[arg-type]  # a table it is
        if not session.scalar(sa.select(sa.func.count()).select_from(Member)):
            open_brand(session)
            for _ in range(3):
                person(session)
        ids = [planned(session, send_at=at(D + day * DAY, hour)) for day, hour in when]
    now = START
    for step in range(40):
        advance(db, now)
        now += timedelta(hours=hours[step % len(hours)])
    for day in range(-1, 16):  # whatever was looked at only by night
        advance(db, at(D + day * DAY, 10))
        advance(db, at(D + day * DAY, 10))
    with db.reading() as session:
        assert {status(session, number) for number in ids} == {rules.DONE}
        assert len(letters(session)) == sum(row[1] == "queued" for row in verdicts(session))
        days: dict[int, list[Any]] = {}
        for row in session.execute(sa.select(MARKETING_DAYS.c.member_id, MARKETING_DAYS.c.day)):
            days.setdefault(row[0], []).append(row[1])
        for taken in days.values():
            assert len(taken) == len(set(taken))
            for day in taken:
                inside = [held for held in taken if day - attention.WEEK * DAY < held <= day]
                assert len(inside) <= attention.PER_WEEK
        sent_at = session.scalars(sa.select(OutboxRow.created_at))
        assert not any(attention.is_quiet(moment) for moment in sent_at)

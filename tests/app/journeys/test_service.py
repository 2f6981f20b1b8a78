"""A journey from its draft to its end: who enters, what they get, why they leave."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.campaigns import messages as letter_messages
from app.core.db import Database, switch
from app.core.errors import Invalid, NotFound
from app.coupons.models import COUPONS, KINDS
from app.hooks import queries as hook_queries
from app.hooks import service as hooks
from app.hooks.rules import HookDraft
from app.jobs import broadcasts
from app.journeys import messages, queries, rules, service
from app.journeys.models import JOURNEYS, MARKS, RUNS
from app.journeys.rules import Audience, Entry, Place, Plan, Step
from app.journeys.service import NotNow, Unfinished, entering, pressing, walking
from app.members.models import Member
from app.outbox import service as outbox
from app.outbox.models import OutboxRow
from app.points import queries as points
from app.points.models import OPERATIONS
from app.segments import service as segments
from app.segments.rules import Condition, Group
from app.tags import service as tags
from app.tags.queries import worn_by
from app.timeline import service as timeline
from tests.app.campaigns.brand import BRAND, HELD_OUT, but, planned
from tests.app.journeys.brand import (
    LETTER,
    ON_PURCHASE,
    START,
    D,
    audience,
    letters,
    marks,
    passed,
    started,
    tick,
    ways,
)
from tests.app.journeys.test_rules import GOOD_LETTER, letter, split, until, wait
from tests.app.lifecycle.brand import DAY, at, buy, open_brand, person
from tests.support.at_once import at_once

GIFT = Step("s1", "coupon", coupon="autumn")
GIFT_AFTER = replace(GIFT, code="s2")
LETTER_AFTER = letter("s2")
HOUR = timedelta(hours=1)
BUYERS = Group("all", (Condition("purchases", at_least=1),))


def bought(db: Database, member_id: int, now: datetime = START) -> None:
    with db.transaction() as session:
        buy(session, member_id, now.date(), hour=now.hour, minute=now.minute)


# Writing and publishing ---------------------------------------------------------------------------


def test_a_draft_may_be_unfinished_but_does_not_start(session: Session) -> None:
    open_brand(session)
    journey_id = service.create(session, name=" 回 訪 ", plan=Plan(), staff_id=None, now=START)
    found = queries.journey(session, journey_id)
    assert (found.name, found.status, found.version) == ("回 訪", "draft", 0)
    with pytest.raises(Unfinished) as unfinished:
        service.publish(session, journey_id=journey_id, staff_id=None, now=START)
    assert [fault.field for fault in unfinished.value.faults] == ["who", "steps"]
    with pytest.raises(Invalid):
        service.create(session, name=" ", plan=Plan(), staff_id=None, now=START)
    service.remove(session, journey_id=journey_id)
    with pytest.raises(NotFound):
        queries.journey(session, journey_id)


def test_what_is_named_must_be_there(session: Session) -> None:
    open_brand(session)
    gone = audience(session, "沒有了", BUYERS)
    segments.remove(session, segment_id=gone.segment_id, now=START)
    ended = replace(GIFT, code="s3", coupon="none")
    plan = Plan(
        Entry("purchase.recorded", gone),
        (
            Step("s1", "letter", letter=but(GOOD_LETTER, coupon="none")),
            Step("s2", "tag", tag="9"),
            ended,
            Step("s4", "check", who=Audience(99), branches=((), ())),
            Step("s5", "hook", hook="9"),
        ),
        leave=Audience(98),
    )
    assert {(fault.step, fault.field) for fault in service.faults(session, plan)} == {
        ("", "who"),
        ("", "leave"),
        ("s1", "m0-coupon"),
        ("s2", "tag"),
        ("s3", "coupon"),
        ("s4", "who"),
        ("s5", "hook"),
    }


def test_two_people_change_a_plan_one_after_the_other(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        journey_id = service.create(
            session, name="回訪", plan=Plan(ON_PURCHASE), staff_id=None, now=START
        )

    def adding() -> None:
        with db.transaction() as session:
            service.redraft(
                session,
                journey_id=journey_id,
                edit=lambda plan: rules.put(plan, letter(rules.new_code(plan)), Place()),
                now=START,
            )

    assert at_once(*[adding] * 6) == [None] * 6
    with db.reading() as session:
        plan = queries.journey(session, journey_id).draft
    assert sorted(step.code for step in plan.steps) == [f"s{n}" for n in range(1, 7)]


def test_who_is_inside_keeps_their_version(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, ken = person(session), person(session)
        journey_id = started(session, wait("s1", 1, 12), letter("s2"))
    bought(db, hana)
    tick(db)
    with db.transaction() as session:
        service.redraft(
            session, journey_id=journey_id, edit=lambda plan: rules.drop(plan, "s1"), now=START
        )
        number = service.publish(session, journey_id=journey_id, staff_id=None, now=START)
        assert number == 2
        assert [version.number for version in queries.versions(session, journey_id)] == [2, 1]
    bought(db, ken)
    tick(db)
    with db.reading() as session:
        assert passed(session, ken) == [("s2", "done")]
        assert passed(session, hana) == []
    tick(db, START + DAY)
    with db.reading() as session:
        assert passed(session, hana) == [("s1", "done"), ("s2", "done")]
        assert queries.broken(session) == []


def test_a_segment_is_copied_when_it_is_published(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        who = audience(session, "買過的人", BUYERS)
        check = Step("s1", "check", who=who, branches=((), ()))
        started(session, check)
        nobody = Group("all", (Condition("purchases", at_least=99),))
        segments.revise(session, segment_id=who.segment_id, name="買過的人", tree=nobody, now=START)
    bought(db, hana)
    tick(db)
    with db.reading() as session:
        assert passed(session, hana) == [("s1", "0")]


def test_publishing_twice_at_once_makes_one_version_each(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        journey_id = started(session, LETTER)

    def publish() -> int:
        with db.transaction() as session:
            return service.publish(session, journey_id=journey_id, staff_id=None, now=START)

    found = at_once(publish, publish, publish)
    numbers = [number for number in found if isinstance(number, int)]
    assert len(set(numbers)) == len(numbers) >= 1
    assert all(isinstance(one, int | NotNow) for one in found)
    with db.reading() as session:
        assert queries.journey(session, journey_id).version == max(numbers)
        assert len(queries.versions(session, journey_id)) == max(numbers)


# Entering -----------------------------------------------------------------------------------------


def test_only_members_and_only_what_happens_from_now_on(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        early, hana, tester = person(session), person(session), person(session, is_test=True)
        guest = person(session, joined=None)
        buy(session, early, D, hour=11)
        started(session, LETTER)
        timeline.record(session, member_id=guest, kind="purchase.recorded", at=START, facts={})
    bought(db, hana)
    bought(db, tester)
    tick(db)
    tick(db)
    with db.reading() as session:
        assert ways(session) == [(hana, "done", None, None)]


@pytest.mark.parametrize(
    ("again", "entered_on"),
    [(None, [0]), (0, [0, 0, 1, 3, 10]), (1, [0, 1, 3, 10]), (3, [0, 3, 10]), (7, [0, 10])],
)
def test_how_often_a_member_enters(db: Database, again: int | None, entered_on: list[int]) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        entry = replace(ON_PURCHASE, again=again)
        started(session, Step("s1", "points", points=1), entry=entry)
    for day, hour in ((0, 12), (0, 20), (1, 8), (3, 8), (10, 23)):
        moment = at(D + day * DAY, hour)
        bought(db, hana, moment)
        tick(db, moment + timedelta(minutes=1))
        tick(db, moment + timedelta(minutes=2))
    with db.reading() as session:
        rounds = session.execute(
            sa.select(RUNS.c.round, RUNS.c.entered_at).order_by(RUNS.c.id)
        ).all()
        assert [row.round for row in rounds] == list(range(1, len(entered_on) + 1))
        assert [(row.entered_at - at(D, 0)) // DAY for row in rounds] == entered_on
        gifts = sa.select(sa.func.count()).where(OPERATIONS.c.source == "journey")
        assert session.scalar(gifts) == len(entered_on)


def test_nobody_enters_who_is_on_the_way(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        started(session, wait("s1", 2), entry=replace(ON_PURCHASE, again=0))
    for hour in (12, 14, 18):
        bought(db, hana, at(D, hour))
        tick(db, at(D, hour, 5))
    with db.reading() as session:
        assert ways(session) == [(hana, "going", "s1", None)]


def test_a_fact_that_becomes_visible_late_is_not_missed(postgres_db: Database) -> None:
    """A transaction that began first may end last: its facts have smaller ids."""
    db = postgres_db
    with db.transaction() as session:
        open_brand(session)
        hana, ken = person(session), person(session)
        started(session, LETTER, entry=Entry("member.joined"))
    with db.transaction() as slow:
        timeline.record(slow, member_id=hana, kind="member.joined", at=START, facts={})
        with db.transaction() as session:
            timeline.record(session, member_id=ken, kind="member.joined", at=START, facts={})
        tick(db)
    with db.reading() as session:
        assert [way[0] for way in ways(session)] == [ken]
    for minutes in (1, 5):
        tick(db, START + timedelta(minutes=minutes))
    for minutes in (10, 15, 20):  # and while more comes all the time
        with db.transaction() as session:
            timeline.record(session, member_id=ken, kind="points.earned", at=START, facts={})
        tick(db, START + timedelta(minutes=minutes))
    with db.reading() as session:
        assert sorted(way[0] for way in ways(session)) == sorted([hana, ken])
        row = session.execute(sa.select(JOURNEYS.c.read_to, JOURNEYS.c.seen)).one()
        assert row.read_to <= row.seen


def test_facts_are_read_in_portions(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entering, "FACTS_AT_ONCE", 3)
    with db.transaction() as session:
        open_brand(session)
        people = [person(session) for _ in range(10)]
        started(session, Step("s1", "points", points=1), entry=Entry("member.joined"))
        for member_id in people:
            timeline.record(session, member_id=member_id, kind="member.joined", at=START, facts={})
    tick(db)
    with db.reading() as session:
        assert sorted(way[0] for way in ways(session)) == people


def test_a_segment_is_asked_once_a_day_at_its_hour(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, ken = person(session), person(session)
        entry = Entry("", audience(session, "買過的人", BUYERS), 15, again=2)
        started(session, Step("s1", "points", points=1), entry=entry, now=at(D, 9))
    bought(db, hana, at(D, 10))
    tick(db, at(D, 14, 59))
    with db.reading() as session:
        assert ways(session) == []
    tick(db, at(D, 15))
    bought(db, ken, at(D, 16))
    tick(db, at(D, 17))
    with db.reading() as session:
        assert [way[0] for way in ways(session)] == [hana]
    tick(db, at(D + DAY, 15))
    tick(db, at(D + 2 * DAY, 18))
    with db.reading() as session:
        assert [way[0] for way in ways(session)] == [hana, ken, hana]


def test_a_segment_whose_hour_is_gone_is_asked_tomorrow(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        buy(session, hana, D - DAY)
        entry = Entry("", audience(session, "買過的人", BUYERS), 11)
        started(session, Step("s1", "points", points=1), entry=entry, now=at(D, 11))
    tick(db, at(D, 12))
    with db.reading() as session:
        assert ways(session) == []
    tick(db, at(D + DAY, 11))
    with db.reading() as session:
        assert [way[0] for way in ways(session)] == [hana]


def test_stopped_half_way_a_segment_is_asked_again(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entering, "AT_ONCE", 2)
    with db.transaction() as session:
        open_brand(session)
        people = [person(session) for _ in range(5)]
        for member_id in people:
            buy(session, member_id, D - DAY)
        entry = Entry("", audience(session, "買過的人", BUYERS), 15)
        started(session, Step("s1", "points", points=1), entry=entry, now=at(D, 9))
    asked = iter([False, False, True, True, True, True])
    tick(db, at(D, 15), is_stopping=lambda: next(asked))
    with db.reading() as session:
        assert 0 < len(ways(session)) < 5
    tick(db, at(D, 15, 1))
    with db.reading() as session:
        assert sorted(way[0] for way in ways(session)) == people
        assert [len(marks(session, member_id)) for member_id in people] == [1] * 5


def test_who_is_held_out_gets_nothing_and_is_counted(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        everybody = [person(session) for _ in range(60)]
        held_out = person(session, id=HELD_OUT)
        journey_id = started(session, LETTER, hold_out=50)
        for member_id in (*everybody, held_out):
            buy(session, member_id, D)
    tick(db)
    with db.reading() as session:
        found = {member: (status, reason) for member, status, _step, reason in ways(session)}
        control = {member for member, (status, _why) in found.items() if status == "control"}
        plan = queries.version(session, journey_id, 1).plan
        assert found[held_out] == ("control", "對照組")
        assert control == {
            member
            for member in found
            if rules.is_held_out(plan, journey_id, member) or attention.is_held_out(member)
        }
        assert {member for member, _key in letters(session, journey_id)} == set(found) - control
        assert 10 < len(control) < 50


def test_what_is_told_late_lets_nobody_in(db: Database) -> None:
    """A file of last year's sales is no reason to write today."""
    with db.transaction() as session:
        open_brand(session)
        hana, ken = person(session), person(session)
        started(session, LETTER)
        for member_id, days in ((hana, 200), (ken, 1)):
            sold_at = START - days * DAY
            timeline.record(
                session, member_id=member_id, kind="purchase.recorded", at=sold_at, facts={}
            )
    tick(db)
    with db.reading() as session:
        assert [way[0] for way in ways(session)] == [ken]


def test_who_lets_in_does_not_throw_out(db: Database) -> None:
    """A call that took long has an old look at the clock; the sale was after it."""
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        journey_id = started(
            session, wait("s1", 1), LETTER_AFTER, stops_on_purchase=True, now=at(D, 11)
        )
    bought(db, hana, START)
    tick(db, START - timedelta(minutes=2))
    tick(db, START + DAY)
    with db.reading() as session:
        assert ways(session) == [(hana, "done", None, None)]
        found = queries.outcome(session, journey_id)
        assert (found.treated.buyers, found.treated.members) == (0, 1)


def test_of_two_facts_at_once_one_lets_in(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        entry = Entry("referral.joined", again=0)
        started(session, Step("s1", "points", points=1), entry=entry)
        for _friend in range(2):
            timeline.record(session, member_id=hana, kind="referral.joined", at=START, facts={})
    for minutes in range(0, 30, 3):
        tick(db, START + timedelta(minutes=minutes))
    with db.reading() as session:
        assert len(ways(session)) == 1


# Steps --------------------------------------------------------------------------------------------


def test_a_letter_is_written_for_its_reader(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session, name="陳花")
        journey_id = started(session, LETTER)
    bought(db, hana)
    tick(db)
    with db.reading() as session:
        assert letters(session, journey_id) == [(hana, f"journey:{journey_id}:1:s1:{hana}")]
        row = session.execute(
            sa.select(OutboxRow.payload, OutboxRow.klass).where(OutboxRow.kind.like("journey:%"))
        ).one()
        assert "陳花您好" in row.payload
        assert row.klass == "lifecycle"


def test_at_night_a_letter_waits_for_the_morning(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        journey_id = started(session, LETTER)
    bought(db, hana, at(D, 22))
    tick(db, at(D, 22, 1))
    with db.reading() as session:
        (found,) = queries.runs_of(session, hana)
        assert (found.run.step, found.run.due_at) == ("s1", at(D + DAY, 9))
        assert "夜間" in (found.run.reason or "")
    tick(db, at(D + DAY, 8, 59))
    with db.reading() as session:
        assert letters(session, journey_id) == []
    tick(db, at(D + DAY, 9))
    with db.reading() as session:
        assert len(letters(session, journey_id)) == 1


def test_one_a_day_whoever_sends(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        first = started(session, LETTER, name="一")
        second = started(session, LETTER, name="二")
    bought(db, hana)
    tick(db)
    with db.reading() as session:
        assert (len(letters(session, first)), len(letters(session, second))) == (1, 0)
        held = ways(session)[1]
        assert held[1:3] == ("going", "s1")
        assert "一天一則" in (held[3] or "")
    with db.transaction() as session:
        planned(session, send_at=START)
    broadcasts.advance(db, brand=BRAND, is_stopping=lambda: False, now=START)
    tick(db, START + DAY)
    with db.reading() as session:
        assert (len(letters(session, first)), len(letters(session, second))) == (1, 1)


def test_who_waits_too_long_for_a_day_goes_on_without(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        names = [f"第{n}" for n in range(5)]
        ids = [started(session, LETTER, name=name) for name in names]
    bought(db, hana)
    for n in range(6):
        tick(db, START + n * DAY)
    with db.reading() as session:
        assert [len(letters(session, journey_id)) for journey_id in ids] == [1, 1, 1, 0, 0]
        assert [passed(session, hana)[n] for n in range(5)].count(("s1", "skipped")) == 2
        assert {way[1] for way in ways(session)} == {"done"}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"is_friend": False}, "已封鎖或不再是好友"),
        ({"line_user_id": None}, "已封鎖或不再是好友"),
        ({"marketing_ok": False}, "已停止接收行銷訊息"),
    ],
)
def test_who_gets_no_letter_still_goes_on(db: Database, more: dict[str, Any], why: str) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session, **more)
        journey_id = started(session, LETTER, replace(GIFT, code="s2"))
    bought(db, hana)
    tick(db)
    with db.reading() as session:
        assert passed(session, hana) == [("s1", "skipped"), ("s2", "done")]
        counts = queries.counts(session, journey_id)
        assert counts.reasons["s1"] == [(why, 1)]
        assert counts.coupons["s2"] == (1, 0)


def test_a_coupon_is_given_once_a_round(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        journey_id = started(session, GIFT, entry=replace(ON_PURCHASE, again=0))
    for hour in (12, 14):
        bought(db, hana, at(D, hour))
        tick(db, at(D, hour, 5))
        tick(db, at(D, hour, 6))
    with db.reading() as session:
        sources = session.scalars(sa.select(COUPONS.c.source)).all()
        assert sources == [f"journey:{journey_id}"] * 2
        assert passed(session, hana) == [("s1", "done"), ("s1", "done")]


def test_a_coupon_that_cannot_be_given_is_skipped_with_its_reason(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        journey_id = started(session, GIFT, replace(GIFT, code="s2"))
        switch(session, KINDS, code="autumn", is_active=False)
    bought(db, hana)
    tick(db)
    with db.reading() as session:
        assert passed(session, hana) == [("s1", "skipped"), ("s2", "skipped")]
        assert queries.counts(session, journey_id).reasons["s1"] == [("優惠券已發完或停止發放", 1)]


def test_points_and_tags(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        vip, lost = (
            tags.make(session, name="常客", now=START),
            tags.make(session, name="流失", now=START),
        )
        tags.put(session, tag_id=lost, member_ids=[hana], source="staff", now=START)
        buy(session, hana, D - DAY)
        before = points.standing(session, hana, now=START).balance
        started(
            session,
            Step("s1", "points", points=25),
            Step("s2", "tag", tag=str(vip)),
            Step("s3", "tag", tag=str(lost), takes_off=True),
            entry=Entry("member.joined"),
        )
        timeline.record(session, member_id=hana, kind="member.joined", at=START, facts={})
    tick(db)
    tick(db)
    with db.reading() as session:
        assert points.standing(session, hana, now=START).balance == before + 25
        assert [(tag.name, tag.source) for tag in worn_by(session, hana, now=START)] == [
            ("常客", "journey")
        ]


def test_another_system_is_told_once_of_each_member_who_comes_by(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, ken = person(session), person(session)
        draft = HookDraft("ERP", "https://erp.example.tw/in", ())
        made, gone = (
            hooks.create(
                session, draft=draft, form_id=form, key="k", allows_private=False, now=START
            )
            for form in ("made", "gone")
        )
        started(
            session,
            Step("s1", "hook", hook=str(made.hook_id)),
            Step("s2", "hook", hook=str(gone.hook_id)),
            entry=Entry("member.joined"),
        )
        hooks.remove(session, hook_id=gone.hook_id)
        for member_id in (hana, ken):
            timeline.record(session, member_id=member_id, kind="member.joined", at=START, facts={})
    tick(db)
    tick(db)
    with db.reading() as session:
        lines = hook_queries.deliveries(session, made.hook_id)
        assert {one.member_id for one in lines} == {hana, ken}
        assert len(lines) == 2
        assert json.loads(lines[0].body)["data"]["step"] == "s1"
        assert passed(session, hana)[1] == ("s2", "skipped")


def test_a_wait_ends_when_the_member_does_it(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, ken = person(session), person(session)
        started(session, until("s1", [letter("s2")], [letter("s3")]), letter("s4"))
        for member_id in (hana, ken):
            buy(session, member_id, D, hour=11)
    tick(db)
    bought(db, hana, START + 3 * HOUR)
    tick(db, START + 3 * HOUR)
    with db.reading() as session:
        assert passed(session, hana)[:2] == [("s1", "0"), ("s2", "done")]
        assert passed(session, ken) == []
    tick(db, START + 7 * DAY - HOUR)
    with db.reading() as session:
        assert passed(session, ken) == []
    tick(db, START + 7 * DAY)
    with db.reading() as session:
        assert passed(session, ken)[:2] == [("s1", "1"), ("s3", "done")]


def test_a_split_and_a_check_part_members(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        people = [person(session) for _ in range(30)]
        rich = audience(session, "大戶", Group("all", (Condition("spend", at_least=1_000),)))
        parting = Step("s2", "check", who=rich, branches=((), ()))
        journey_id = started(session, split("s1"), parting)
        for n, member_id in enumerate(people):
            buy(session, member_id, D, amount=2_000 if n % 2 else 500)
    tick(db)
    with db.reading() as session:
        counts = queries.counts(session, journey_id)
        assert counts.passed["s2"] == {"0": 15, "1": 15}
        assert sum(counts.passed["s1"].values()) == 30
        assert min(counts.passed["s1"].values()) > 5


# Leaving ------------------------------------------------------------------------------------------


def test_who_buys_leaves_when_the_plan_says_so(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, ken = person(session), person(session)
        started(session, wait("s1", 2), LETTER_AFTER, stops_on_purchase=True)
        for member_id in (hana, ken):
            buy(session, member_id, D, hour=11)
    tick(db)
    bought(db, hana, START + DAY)
    tick(db, START + 2 * DAY)
    with db.reading() as session:
        assert ways(session) == [
            (hana, "left", None, "已經消費"),
            (ken, "done", None, None),
        ]


def test_who_is_no_member_any_more_leaves(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        started(session, wait("s1", 2), LETTER_AFTER)
    bought(db, hana)
    tick(db)
    with db.transaction() as session:
        session.execute(sa.update(Member).where(Member.id == hana).values(status="closed"))
    tick(db, START + 2 * DAY)
    with db.reading() as session:
        assert ways(session) == [(hana, "left", None, "已不是會員")]


def test_who_comes_to_be_in_the_leaving_segment_leaves(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        vip = tags.make(session, name="常客", now=START)
        who = audience(session, "常客", Group("all", (Condition("tag", any_of=(str(vip),)),)))
        started(session, wait("s1", 1), LETTER_AFTER, leave=who)
    bought(db, hana)
    tick(db)
    with db.transaction() as session:
        tags.put(session, tag_id=vip, member_ids=[hana], source="staff", now=START + HOUR)
    tick(db, START + DAY)
    with db.reading() as session:
        assert ways(session) == [(hana, "left", None, "符合離開條件")]


# Stopping -----------------------------------------------------------------------------------------


def test_a_pause_keeps_everybody_where_they_are(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, ken = person(session), person(session)
        journey_id = started(session, wait("s1", 1), LETTER_AFTER)
    bought(db, hana)
    tick(db)
    with db.transaction() as session:
        service.pause(session, journey_id=journey_id, now=START)
        with pytest.raises(NotNow):
            service.pause(session, journey_id=journey_id, now=START)
    bought(db, ken, START + HOUR)
    tick(db, START + 2 * DAY)
    with db.reading() as session:
        assert ways(session) == [(hana, "going", "s1", None)]
        assert queries.overdue(session, before=START + 2 * DAY) == 0
    with db.transaction() as session:
        service.resume(session, journey_id=journey_id, now=START + 2 * DAY)
    tick(db, START + 2 * DAY)
    with db.reading() as session:
        assert ways(session) == [(hana, "done", None, None)], "what happened meanwhile is old news"


def test_what_happened_during_a_pause_ends_a_wait(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        journey_id = started(session, until("s1", [letter("s2")], [letter("s3")]))
    bought(db, hana)
    tick(db)
    with db.transaction() as session:
        service.pause(session, journey_id=journey_id, now=START + HOUR)
    bought(db, hana, START + 2 * HOUR)
    with db.transaction() as session:
        service.resume(session, journey_id=journey_id, now=START + 3 * HOUR)
    tick(db, START + 3 * HOUR)
    with db.reading() as session:
        assert passed(session, hana)[0] == ("s1", "0")


def test_publishing_does_not_end_a_pause(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        journey_id = started(session, LETTER)
        service.pause(session, journey_id=journey_id, now=START)
        assert service.publish(session, journey_id=journey_id, staff_id=None, now=START) == 2
        assert queries.journey(session, journey_id).status == "paused"
    bought(db, hana)
    tick(db)
    with db.reading() as session:
        assert ways(session) == []


def test_what_is_published_anew_asks_its_segment_the_next_day(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        buy(session, person(session), D - DAY)
        journey_id = started(session, LETTER, now=at(D, 9))
        who = audience(session, "買過的人", BUYERS)
        service.redraft(
            session,
            journey_id=journey_id,
            edit=lambda plan: replace(plan, entry=Entry("", who, 11)),
            now=at(D, 15),
        )
        service.publish(session, journey_id=journey_id, staff_id=None, now=at(D, 15))
    tick(db, at(D, 15, 1))
    with db.reading() as session:
        assert ways(session) == []
    tick(db, at(D + DAY, 11))
    with db.reading() as session:
        assert len(ways(session)) == 1


def test_what_waits_for_line_is_called_back_with_the_end(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        journey_id = started(session, LETTER)
    bought(db, hana)
    tick(db)
    with db.transaction() as session:
        service.end(session, journey_id=journey_id, now=START)
        kinds = sa.select(OutboxRow.status).where(OutboxRow.kind == f"journey:{journey_id}")
        assert session.scalars(kinds).all() == ["cancelled"]


def test_a_journey_that_fails_holds_up_no_other(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        first, second = started(session, LETTER, name="一"), started(session, LETTER, name="二")
    bought(db, hana)
    walk = walking.walk

    def failing(session: Session, journey: queries.JourneyShown, **more: Any) -> int:
        if journey.id == first:
            raise RuntimeError("broken")
        return walk(session, journey, **more)

    monkeypatch.setattr(walking, "walk", failing)
    with pytest.raises(RuntimeError, match="broken"):
        tick(db)
    with db.reading() as session:
        assert len(letters(session, second)) == 1


def test_the_end_lets_everybody_go(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        journey_id = started(session, wait("s1", 1), LETTER_AFTER)
    bought(db, hana)
    tick(db)
    with db.transaction() as session:
        assert service.end(session, journey_id=journey_id, now=START) == 1
        for verb in (service.pause, service.resume, service.end):
            with pytest.raises(NotNow):
                verb(session, journey_id=journey_id, now=START)
        with pytest.raises(NotNow):
            service.publish(session, journey_id=journey_id, staff_id=None, now=START)
        with pytest.raises(NotNow):
            service.redraft(session, journey_id=journey_id, edit=lambda plan: plan, now=START)
        with pytest.raises(NotNow):
            service.remove(session, journey_id=journey_id)
    tick(db, START + 2 * DAY)
    with db.reading() as session:
        assert ways(session) == [(hana, "left", None, "旅程已結束")]
        assert queries.broken(session) == []


def test_nobody_enters_what_ends_at_the_same_moment(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        people = [person(session) for _ in range(20)]
        journey_id = started(session, wait("s1", 1))
        for member_id in people:
            buy(session, member_id, D)

    def ending() -> int:
        with db.transaction() as session:
            return service.end(session, journey_id=journey_id, now=START)

    found = at_once(lambda: tick(db), ending, lambda: tick(db))
    with db.reading() as session:
        assert queries.broken(session) == []
        assert [way[1] for way in ways(session)].count("going") == 0
        assert found[1] == [way[1] for way in ways(session)].count("left")


def test_two_clocks_at_once_do_everything_once(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        people = [person(session) for _ in range(40)]
        journey_id = started(
            session, Step("s1", "points", points=3), GIFT_AFTER, letter("s3"), wait("s4", 1)
        )
        for member_id in people:
            buy(session, member_id, D)
        before = {m: points.standing(session, m, now=START).balance for m in people}
    found = at_once(*[lambda: tick(db)] * 4)
    assert all(isinstance(one, int) for one in found), found
    tick(db)
    with db.reading() as session:
        assert len(letters(session, journey_id)) == 40
        for member_id in people:
            assert passed(session, member_id) == [(f"s{n}", "done") for n in (1, 2, 3)]
            assert points.standing(session, member_id, now=START).balance == before[member_id] + 3
        assert session.scalar(sa.select(sa.func.count()).select_from(COUPONS)) == 40
        assert queries.broken(session) == []


def test_when_the_months_messages_are_used_up_everybody_stands(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        started(session, LETTER)
        outbox.note_quota(session, is_used_up=True, now=START)
    bought(db, hana)
    assert tick(db) == 0
    with db.transaction() as session:
        assert [way[1] for way in ways(session)] == ["going"]
        outbox.note_quota(session, is_used_up=False, now=START)
    assert tick(db) == 1


# Readers ------------------------------------------------------------------------------------------


def test_the_first_press_counts_and_brings_its_tag(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, ken = person(session), person(session)
        vip = tags.make(session, name="有興趣", now=START)
        tagging = Step("s1", "letter", letter=replace(GOOD_LETTER, tag=str(vip)))
        journey_id = started(session, tagging)
    bought(db, hana)
    tick(db)
    with db.transaction() as session:
        run_id = session.execute(sa.select(RUNS.c.id)).scalar_one()
        ref = messages.ref_of(run_id, "s1")
        assert pressing.letter_of(session, ref) == replace(GOOD_LETTER, tag=str(vip))
        assert not pressing.pressed(session, ref, member_id=ken, now=START)
        assert pressing.pressed(session, ref, member_id=hana, now=START)
        assert not pressing.pressed(session, ref, member_id=hana, now=START + DAY)
        assert [tag.name for tag in worn_by(session, hana, now=START)] == ["有興趣"]
        assert queries.counts(session, journey_id).pressed == {"s1": 1}
        assert session.scalars(sa.select(MARKS.c.pressed_at)).all() == [START]
        for other in ("", "0", "j0-s1", f"j{run_id}-s2", f"j{run_id}-", "j-s1", "x"):
            assert not pressing.pressed(session, other, member_id=hana, now=START)
            with pytest.raises(NotFound):
                pressing.letter_of(session, other)


def test_a_link_of_a_letter_names_its_way(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        link = but(GOOD_LETTER, place="url", url="https://tea.example.tw/a")
        started(session, Step("s1", "letter", letter=link))
    bought(db, hana)
    tick(db)
    with db.reading() as session:
        run_id = session.execute(sa.select(RUNS.c.id)).scalar_one()
        payload = session.scalar(
            sa.select(OutboxRow.payload).where(OutboxRow.kind.like("journey:%"))
        )
    token = letter_messages.token(BRAND.key, messages.ref_of(run_id, "s1"), hana)
    assert f"/b/{token}" in str(payload)


# What came of it ----------------------------------------------------------------------------------


def test_purchases_after_entering_are_counted_by_arm(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        people = [person(session) for _ in range(40)]
        journey_id = started(session, Step("s1", "points", points=1), hold_out=50)
        for member_id in people:
            buy(session, member_id, D, hour=11)
    tick(db)
    with db.transaction() as session:
        control = [way[0] for way in ways(session) if way[1] == "control"]
        treated = [member_id for member_id in people if member_id not in control]
        for member_id in treated[:3]:
            buy(session, member_id, D + 2 * DAY, amount=700)
        buy(session, control[0], D + 29 * DAY, amount=400)
        buy(session, control[1], D + 31 * DAY, amount=999)
        found = queries.outcome(session, journey_id)
        assert (found.treated.members, found.treated.buyers, found.treated.spent) == (
            len(treated),
            3,
            2_100,
        )
        assert (found.control.members, found.control.buyers, found.control.spent) == (
            len(control),
            1,
            400,
        )


def test_a_purchase_counts_once_however_often_its_member_entered(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        entry = Entry("referral.joined", again=0)
        journey_id = started(session, Step("s1", "points", points=1), entry=entry)
    for days in (0, 2, 4):
        with db.transaction() as session:
            at_ = START + days * DAY
            timeline.record(session, member_id=hana, kind="referral.joined", at=at_, facts={})
        tick(db, START + days * DAY)
    with db.transaction() as session:
        buy(session, hana, D + 5 * DAY, amount=700)
        found = queries.outcome(session, journey_id).treated
        assert (found.members, found.buyers, found.spent) == (3, 1, 700)


def test_who_stands_where_and_how_they_passed(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, ken, mei = person(session), person(session), person(session)
        journey_id = started(session, LETTER, wait("s2", 3), letter("s3"))
    bought(db, hana)
    tick(db)
    bought(db, ken, START + DAY)
    tick(db, START + DAY)
    with db.reading() as session:
        counts = queries.counts(session, journey_id)
        assert counts.by_status == {"going": 2}
        assert counts.entered == 2
        assert counts.at_step == {"s2": 2}
        assert counts.passed == {"s1": {"done": 2}}
        assert queries.inside(session) == {journey_id: {"going": 2}}
        runs = queries.runs(session, journey_id, status="going", step="s2", limit=1)
        assert [run.member_id for run in runs] == [ken]
        more = queries.runs(session, journey_id, status="going", before=runs[0].id, limit=5)
        assert [run.member_id for run in more] == [hana]
        assert queries.runs(session, journey_id, status="going", step="s3", limit=5) == []
        (found,) = queries.runs_of(session, hana)
        assert (found.name, found.journey_id) == ("回訪", journey_id)
        assert queries.runs_of(session, mei) == []
        seen = queries.marks(session, [found.run.id])[found.run.id]
        assert [(mark.step, mark.outcome) for mark in seen] == [("s1", "done")]


def test_the_nightly_check_sees_what_does_not_fit(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana = person(session)
        journey_id = started(session, LETTER)
    bought(db, hana)
    tick(db)
    with db.transaction() as session:
        assert queries.broken(session) == []
        session.execute(sa.delete(OutboxRow).where(OutboxRow.kind == f"journey:{journey_id}"))
        assert queries.broken(session) == [
            f"journey {journey_id}: 1 letters are marked, 0 were queued"
        ]

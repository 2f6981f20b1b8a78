"""Who meets which arm, once; and when a result is written."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.attention import service as topics
from app.campaigns import queries as campaigns
from app.campaigns import service as campaign_service
from app.campaigns.models import BROADCASTS, RECIPIENTS
from app.campaigns.service import NotNow as LetterNotNow
from app.core import statistics
from app.core.db import Database
from app.core.errors import Invalid
from app.experiments import queries, rules, service
from app.experiments.models import EXPOSURES
from app.experiments.rules import ArmPlan, Design
from app.experiments.service import NotNow
from app.jobs import experiments as job
from app.journeys import service as journey_service
from app.journeys.rules import Plan, Step
from app.mergers import service as mergers
from app.outbox.models import OutboxRow
from app.staff.models import Store
from tests.app.campaigns.brand import LETTER, START, advance, but, drafted
from tests.app.journeys import brand as journey_brand
from tests.support.at_once import at_once
from tests.support.loyalty import new_member, new_store, publish
from tests.support.people import bought

DAY = timedelta(days=1)


def _buy(session: Session, member_id: int, amount: int, sold_at: datetime) -> None:
    store_id = session.scalar(sa.select(Store.id))
    assert store_id is not None
    bought(session, member_id, amount, store_id=store_id, sold_at=sold_at, now=sold_at)


def _people(session: Session, count: int) -> list[int]:
    publish(session)
    new_store(session)
    return [new_member(session) for _ in range(count)]


def _design(session: Session, **more: object) -> Design:
    arms = tuple(
        ArmPlan(code, name, percent, drafted(session, but(title=name), name=name))
        for code, name, percent in (("A", "直接說", 40), ("B", "問一句", 40))
    )
    design = Design("標題", "broadcast", arms, 20, 7, 1_000, 500, "fixed")
    return replace(design, **more)  # type: ignore[arg-type]  # as a test says


def _started(session: Session, **more: object) -> int:
    design = _design(session, **more)
    found = service.create(session, design=design, staff_id=None, now=START)
    service.start(session, experiment_id=found, send_at=START, ends_at=START + 30 * DAY, now=START)
    return found


def _tick(db: Database, now: datetime = START) -> dict[str, int]:
    return job.advance(db, is_stopping=lambda: False, now=now)


def _arms(session: Session) -> dict[int, str]:
    rows = session.execute(sa.select(EXPOSURES.c.member_id, EXPOSURES.c.arm))
    return {row[0]: row[1] for row in rows}


def test_everybody_gets_one_letter_or_none_as_the_hash_says(db: Database) -> None:
    with db.transaction() as session:
        people = _people(session, 60)
        experiment = _started(session)
    advance(db)
    _tick(db)
    with db.reading() as session:
        found = queries.experiment(session, experiment)
        arms, shares = _arms(session), dict(service.places(found))
        lists = {
            arm.code: set(
                session.scalars(
                    sa.select(RECIPIENTS.c.member_id).where(
                        RECIPIENTS.c.broadcast_id == arm.broadcast,
                        RECIPIENTS.c.status != "control",
                    )
                )
            )
            for arm in found.design.arms
        }
        first = campaigns.broadcast(session, found.design.arms[0].broadcast or 0)
    tried = [member for member in people if not attention.is_held_out(member)]
    assert sorted(arms) == tried
    assert found.is_listed
    for member in tried:
        held = {code for code, members in lists.items() if member in members}
        assert held == {arms[member]} - {rules.HOLD_OUT}
        share = shares[found.design.arms[0].broadcast or 0]
        assert share.is_control(member) == (arms[member] == rules.HOLD_OUT)
    assert first.members == first.frozen
    assert _tick(db) == {}


def test_whoever_looks_at_once_writes_everybody_down_once(db: Database) -> None:
    with db.transaction() as session:
        people = _people(session, 20)
        _started(session)
    advance(db)
    at_once(*[lambda: _tick(db)] * 3)
    with db.reading() as session:
        rows = session.scalars(sa.select(EXPOSURES.c.member_id)).all()
    assert sorted(rows) == [one for one in people if not attention.is_held_out(one)]


def test_a_result_is_written_when_the_days_are_over_and_stays(db: Database) -> None:
    with db.transaction() as session:
        _people(session, 30)
        experiment = _started(session)
    advance(db)
    _tick(db)
    with db.transaction() as session:
        arms = _arms(session)
        buyer = next(member for member, arm in arms.items() if arm == "B")
        late = next(member for member, arm in arms.items() if arm == "A")
        _buy(session, buyer, 700, sold_at=START + 2 * DAY)
        _buy(session, buyer, 300, sold_at=START + 3 * DAY)
        _buy(session, late, 900, sold_at=START + 7 * DAY)
    assert _tick(db, START + 6 * DAY) == {}
    assert _tick(db, START + 7 * DAY) == {"ended": 1}
    with db.transaction() as session:
        found = queries.experiment(session, experiment)
        assert found.result is not None
        seen = found.result["B"]
        assert (seen.buyers, seen.spent, seen.squares) == (1, 1_000, 1_000_000.0)
        assert found.result["A"].buyers == 0
        assert found.status == rules.DONE
        with pytest.raises(NotNow):
            service.stop(session, experiment_id=experiment, now=START + 8 * DAY)


def test_an_arm_that_was_cancelled_gives_no_winner(db: Database) -> None:
    with db.transaction() as session:
        _people(session, 30)
        experiment = _started(session)
    advance(db)
    with db.transaction() as session:
        arm = queries.experiment(session, experiment).design.arms[1].broadcast or 0
        kinds = campaigns.kind_of(arm)
        session.execute(sa.update(OutboxRow).where(OutboxRow.kind != kinds).values(status="sent"))
        still = sa.update(BROADCASTS).where(BROADCASTS.c.id == arm)
        session.execute(still.values(status="sending"))
        campaign_service.cancel(session, broadcast_id=arm, now=START)
    _tick(db)
    assert _tick(db, START + 7 * DAY) == {"ended": 1}
    with db.reading() as session:
        found = queries.experiment(session, experiment)
    assert found.result is not None
    one, other = found.result["A"], found.result["B"]
    assert (one.sent, one.was_cancelled) == (one.letters, False)
    assert (other.sent, other.was_cancelled) == (0, True)
    assert one.letters > 0
    assert rules.verdict(found.design, found.result).headline.startswith("各版本沒有都寄到")


def test_arms_must_be_drafts_to_the_same_people(session: Session) -> None:
    _people(session, 3)
    design = _design(session)
    same = (design.arms[0], replace(design.arms[1], broadcast=design.arms[0].broadcast))
    with pytest.raises(Invalid):
        service.create(session, design=replace(design, arms=same), staff_id=None, now=START)
    campaign_service.plan(
        session, broadcast_id=design.arms[0].broadcast or 0, send_at=START, now=START
    )
    with pytest.raises(Invalid):
        service.create(session, design=design, staff_id=None, now=START)


def test_arms_must_be_of_one_topic(session: Session) -> None:
    _people(session, 3)
    design = _design(session)
    other = drafted(session, replace(LETTER, topic=attention.NEWS), name="別的主題")
    arms = (design.arms[0], replace(design.arms[1], broadcast=other))
    with pytest.raises(Invalid):
        service.create(session, design=replace(design, arms=arms), staff_id=None, now=START)


def test_who_turned_the_topic_off_is_in_no_arm(db: Database) -> None:
    with db.transaction() as session:
        people = [one for one in _people(session, 30) if not attention.is_held_out(one)]
        _started(session)
        for member in people[::3]:
            topics.stop_topic(
                session, member_id=member, topic=LETTER.topic, channel="chat", now=START
            )
    advance(db)
    _tick(db)
    with db.reading() as session:
        assert sorted(_arms(session)) == sorted(set(people) - set(people[::3]))


def test_a_letter_that_cannot_go_out_keeps_all_from_starting(db: Database) -> None:
    with db.transaction() as session:
        _people(session, 3)
        design = _design(session)
        empty = drafted(session, but(body=""), name="空的")
        arms = (design.arms[0], replace(design.arms[1], broadcast=empty))
        found = service.create(session, design=replace(design, arms=arms), staff_id=None, now=START)
    with pytest.raises(Invalid), db.transaction() as session:
        service.start(
            session, experiment_id=found, send_at=START, ends_at=START + 30 * DAY, now=START
        )
    with db.reading() as session:
        assert queries.experiment(session, found).status == rules.DRAFT
        assert campaigns.broadcast(session, design.arms[0].broadcast or 0).status == "draft"


def test_an_arm_is_never_a_draft_again(db: Database) -> None:
    """Planned again it would have no share, and go to everybody."""
    with db.transaction() as session:
        _people(session, 3)
        found = queries.experiment(session, _started(session))
        arm = found.design.arms[0].broadcast or 0
        with pytest.raises(LetterNotNow):
            campaign_service.unplan(session, broadcast_id=arm, now=START)
        shown = campaigns.broadcast(session, arm)
        assert (shown.status, shown.share) == ("due", dict(service.places(found))[arm].document())
        campaign_service.cancel(session, broadcast_id=arm, now=START)


def test_starting_twice_at_once_starts_once(db: Database) -> None:
    with db.transaction() as session:
        _people(session, 3)
        found = service.create(session, design=_design(session), staff_id=None, now=START)

    def start() -> None:
        with db.transaction() as session:
            service.start(
                session, experiment_id=found, send_at=START, ends_at=START + 30 * DAY, now=START
            )

    results = at_once(start, start)
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "NotNow"]


def test_only_a_draft_is_thrown_away(session: Session) -> None:
    _people(session, 3)
    found = service.create(session, design=_design(session), staff_id=None, now=START)
    service.remove(session, experiment_id=found)
    running = _started(session)
    with pytest.raises(NotNow):
        service.remove(session, experiment_id=running)


def test_a_lead_ends_a_sequential_one_at_once(db: Database) -> None:
    with db.transaction() as session:
        people = _people(session, 90)
        experiment = _started(session, stop="sequential", baseline=3_000, effect=5_000)
        lead = statistics.ahead(queries.experiment(session, experiment).design.successes)
    advance(db)
    _tick(db)
    with db.transaction() as session:
        mine = [member for member in people if _arms(session).get(member) == "A"]
        assert len(mine) >= lead
        for member in mine[:lead]:
            _buy(session, member, 100, sold_at=START + DAY)
    assert _tick(db, START + 2 * DAY) == {"ended": 1}


# Journeys -----------------------------------------------------------------------------------------

SPLIT = Step("s1", "split", percent=50, branches=((journey_brand.LETTER,), ()))


def _by_journey(session: Session, hold_out: int = 30) -> int:
    letter = replace(journey_brand.LETTER, code="s2")
    split = replace(SPLIT, branches=((letter,), ()))
    journey = journey_brand.started(session, split, hold_out=hold_out)
    design = Design("回訪", "journey", (), 0, 7, 1_000, 500, "fixed", journey, "s1")
    design = service.of_journey(session, design)
    assert (design.hold_out, [arm.percent for arm in design.arms]) == (hold_out, [50, 50])
    found = service.create(session, design=design, staff_id=None, now=START)
    service.start(session, experiment_id=found, send_at=START, ends_at=START + 30 * DAY, now=START)
    return found


def test_who_comes_to_the_split_is_in_the_branch_they_took(db: Database) -> None:
    with db.transaction() as session:
        people = _people(session, 40)
        _by_journey(session)
        for member in people:
            _buy(session, member, 100, sold_at=START + timedelta(minutes=1))
    journey_brand.tick(db, START + timedelta(minutes=5))
    _tick(db, START + timedelta(minutes=6))
    with db.reading() as session:
        arms = _arms(session)
        went = {
            member: [how for step, how in journey_brand.passed(session, member) if step == "s1"]
            for member in people
        }
    tried = [member for member in people if not attention.is_held_out(member)]
    assert sorted(arms) == tried
    assert set(arms.values()) == {"A", "B", rules.HOLD_OUT}
    for member in tried:
        assert went[member] == {"A": ["0"], "B": ["1"], rules.HOLD_OUT: []}[arms[member]]


def _published_anew(session: Session, experiment: int, percent: int) -> None:
    design = queries.experiment(session, experiment).design
    assert design.journey is not None

    def edited(plan: Plan) -> Plan:
        return replace(plan, steps=(replace(plan.steps[0], percent=percent),))

    journey_service.redraft(session, journey_id=design.journey, edit=edited, now=START + DAY)
    journey_service.publish(session, journey_id=design.journey, staff_id=None, now=START + DAY)


def test_a_journey_that_was_published_anew_ends_its_experiment(db: Database) -> None:
    with db.transaction() as session:
        _people(session, 2)
        experiment = _by_journey(session)
    assert _tick(db) == {}
    with db.transaction() as session:
        _published_anew(session, experiment, 20)
    assert _tick(db, START + DAY) == {"ended": 1}
    with db.reading() as session:
        assert queries.experiment(session, experiment).status == rules.STOPPED


def test_a_draft_of_an_older_version_does_not_start(session: Session) -> None:
    _people(session, 2)
    running = _by_journey(session)
    design = queries.experiment(session, running).design
    draft = service.create(session, design=design, staff_id=None, now=START)
    _published_anew(session, running, 20)
    with pytest.raises(Invalid, match="旅程在這份草稿之後改過"):
        service.start(
            session, experiment_id=draft, send_at=START, ends_at=START + 30 * DAY, now=START
        )


def test_who_is_held_out_counts_from_when_they_would_have_come_to_the_split(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when as many of the brand's own hold-out as are looked at at once came before them."""
    monkeypatch.setattr(service, "AT_ONCE", 1)
    with db.transaction() as session:
        people = _people(session, 40)
        _by_journey(session)
        for member in people:
            _buy(session, member, 100, sold_at=START + timedelta(minutes=1))
    walked = START + timedelta(minutes=5)
    journey_brand.tick(db, walked)
    _tick(db, START + timedelta(minutes=6))
    with db.reading() as session:
        rows = session.execute(sa.select(EXPOSURES.c.member_id, EXPOSURES.c.at)).all()
    assert sorted(row.member_id for row in rows) == [
        one for one in people if not attention.is_held_out(one)
    ]
    assert {row.at for row in rows} == {walked}


def test_who_stops_ends_nothing_more(db: Database) -> None:
    with db.transaction() as session:
        _people(session, 5)
        _started(session)
    advance(db)
    _tick(db)
    assert job.advance(db, is_stopping=lambda: True, now=START + 30 * DAY) == {}
    assert _tick(db, START + 30 * DAY) == {"ended": 1}


def test_a_step_that_parts_nobody_is_refused(session: Session) -> None:
    _people(session, 1)
    journey = journey_brand.started(session, journey_brand.LETTER)
    design = Design("回訪", "journey", (), 0, 7, 1_000, 500, "fixed", journey, "s1")
    with pytest.raises(Invalid):
        service.create(
            session,
            design=service.of_journey(session, design),
            staff_id=None,
            now=START,
        )


def test_after_a_merger_the_member_keeps_the_earlier_arm(db: Database) -> None:
    with db.transaction() as session:
        _people(session, 20)
        _started(session)
    advance(db)
    _tick(db)
    with db.transaction() as session:
        arms = _arms(session)
        absorbed, kept = list(arms)[:2]
        alone = new_member(session)
        mergers.merge(
            session, kept_id=kept, absorbed_id=absorbed, staff_id=None, reason="同一人", now=START
        )
        other = list(arms)[2]
        mergers.merge(
            session, kept_id=alone, absorbed_id=other, staff_id=None, reason="同一人", now=START
        )
        after = _arms(session)
    assert after[kept] == arms[kept]
    assert after[alone] == arms[other]

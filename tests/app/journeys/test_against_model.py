"""Random plans over random histories: the engine and a plain interpreter say the same."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.core.clock import TAIPEI
from app.core.db import Database, Table
from app.journeys import rules
from app.journeys.rules import Audience, Entry, Plan, Step
from app.segments.rules import Condition, Group
from app.tags import service as tags
from tests.app.journeys.brand import START, D, audience, marks, started, tick, ways
from tests.app.journeys.test_rules import GOOD_LETTER, coded
from tests.app.lifecycle.brand import DAY, at, buy, open_brand, person

DAYS = 10
TICKS = tuple(at(D + n * DAY, hour) for n in range(DAYS) for hour in (8, 11, 15, 22))
BUY, TAG = "purchase.recorded", "tag"


# Stops to wait until an instant, or for a fact; returns what came of a step.
Result = TypeVar("Result")
Waiting = Generator[tuple[datetime, str | None], None, Result]


@dataclass
class Human:
    """A member as the interpreter sees them: what they did when, and what became of them."""

    id: int
    bought: list[datetime] = field(default_factory=list)
    tagged_at: datetime | None = None
    booked: set[date] = field(default_factory=set)
    way: Waiting[None] | None = None
    due: datetime = START
    awaits: str | None = None
    waits_since: datetime = START
    entered: list[datetime] = field(default_factory=list)
    log: list[tuple[int, str, str, datetime]] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)

    def is_tagged(self, now: datetime) -> bool:
        return self.tagged_at is not None and self.tagged_at <= now


class Model:
    """The rules of the guide, for one member after the other, in the words of a programme."""

    def __init__(self, plan: Plan, journey_id: int) -> None:
        self.plan, self.journey_id = plan, journey_id
        self.now = START

    def tick(self, human: Human, now: datetime, before: datetime) -> None:
        self.now = now
        self._enter(human, before)
        if human.way is None:
            return
        came = human.awaits is not None and any(
            human.waits_since <= moment <= now and before < moment for moment in human.bought
        )
        if now < human.due and not came:
            return
        if self._leaves(human):
            human.way = None
            human.ends.append("left")
            return
        try:
            human.due, human.awaits = next(human.way)
        except StopIteration:
            human.way = None
            human.ends.append("done")

    def _enter(self, human: Human, before: datetime) -> None:
        entry = self.plan.entry
        if entry.fact:
            occasions = sum(before < moment <= self.now for moment in human.bought)
        else:
            is_hour = before.astimezone(TAIPEI).date() != self.now.astimezone(TAIPEI).date() or (
                before.astimezone(TAIPEI).hour < entry.hour
            )
            is_hour &= self.now.astimezone(TAIPEI).hour >= entry.hour
            occasions = int(is_hour and human.is_tagged(self.now))
        for _ in range(occasions):
            if human.way is None and self._may(human):
                human.entered.append(self.now)
                human.way = self._way(self.plan.steps, human, len(human.entered))
                human.due, human.awaits = self.now, None

    def _may(self, human: Human) -> bool:
        again = self.plan.entry.again
        if not human.entered:
            return True
        if again is None:
            return False
        last = human.entered[-1].astimezone(TAIPEI).date()
        return (self.now.astimezone(TAIPEI).date() - last).days >= again

    def _leaves(self, human: Human) -> bool:
        since = human.entered[-1]
        bought = any(since < moment <= self.now for moment in human.bought)
        return (self.plan.stops_on_purchase and bought) or (
            self.plan.leave is not None and human.is_tagged(self.now)
        )

    def _way(self, steps: Sequence[Step], human: Human, times: int) -> Waiting[None]:
        for step in steps:
            branch: int | None = None
            if step.kind == "letter":
                outcome = yield from self._letter(human)
            elif step.kind == "wait":
                end = rules.wait_ends(step, self.now)
                while self.now < end:
                    yield end, None
                outcome = "done"
            elif step.kind == "until":
                branch = yield from self._until(step, human)
            elif step.kind == "check":
                branch = 0 if human.is_tagged(self.now) else 1
            elif step.kind == "split":
                branch = int(not rules.is_first_branch(step, self.journey_id, human.id))
            else:
                outcome = "done"
            how = outcome if branch is None else str(branch)
            human.log.append((times, step.code, how, self.now))
            if branch is not None:
                yield from self._way(step.branches[branch], human, times)

    def _letter(self, human: Human) -> Waiting[str]:
        last = self.now + rules.HELD_FOR
        while True:
            if attention.is_quiet(self.now):
                yield attention.quiet_until(self.now), None
                continue
            today = self.now.astimezone(TAIPEI).date()
            if attention.free_day(human.booked, today) == today:
                human.booked.add(today)
                return "done"
            day = attention.free_day(human.booked, today + DAY)
            if day is None or attention.send_time(day) > last:
                return "skipped"
            yield attention.send_time(day), None

    def _until(self, step: Step, human: Human) -> Waiting[int]:
        since = human.waits_since = self.now
        end = since + timedelta(days=step.days)
        while True:
            if any(since < moment <= self.now for moment in human.bought):
                return 0
            if end <= self.now:
                return 1
            yield end, BUY


# Any plan, any history ----------------------------------------------------------------------------


def _shapes(tagged: Audience) -> st.SearchStrategy[Step]:
    leaves = st.sampled_from(
        [
            Step("", "letter", letter=GOOD_LETTER),
            Step("", "letter", letter=GOOD_LETTER),
            Step("", "points", points=5),
            Step("", "wait", days=1),
            Step("", "wait", days=2, hour=15),
            Step("", "wait", hour=11),
        ]
    )
    parting = st.sampled_from(
        [
            Step("", "until", fact=BUY, days=2),
            Step("", "check", who=tagged),
            Step("", "split", percent=50),
        ]
    )
    return st.recursive(
        leaves,
        lambda inner: st.builds(
            lambda step, a, b: replace(step, branches=(tuple(a), tuple(b))),
            parting,
            st.lists(inner, max_size=2),
            st.lists(inner, max_size=2),
        ),
        max_leaves=6,
    )


ENTRIES = st.one_of(
    st.builds(Entry, st.just(BUY), again=st.sampled_from([None, 0, 2])),
    st.builds(
        lambda again, hour: Entry("", Audience(1), hour, again),
        st.sampled_from([None, 1, 3]),
        st.sampled_from([11, 15]),
    ),
)
EVENTS = st.lists(
    st.tuples(st.integers(0, DAYS * 24 - 1), st.integers(0, 2), st.sampled_from([BUY, BUY, TAG])),
    min_size=6,
    max_size=24,
    unique_by=lambda event: (event[0], event[1]),
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(data=st.data())
def _one_history(db: Database, data: st.DataObject) -> None:
    with db.transaction() as session:
        _emptied(session)
        open_brand(session)
        vip = tags.make(session, name="常客", now=START)
        tagged = audience(session, "常客", Group("all", (Condition("tag", any_of=(str(vip),)),)))
        steps = coded(data.draw(st.lists(_shapes(tagged), min_size=1, max_size=4)))
        entry = data.draw(ENTRIES)
        entry = Entry(entry.fact, None if entry.fact else tagged, entry.hour, entry.again)
        waits = any(step.kind == "until" and step.branches[0] for step in rules.each(steps))
        stops = data.draw(st.booleans()) and not waits
        leave = tagged if entry.fact and data.draw(st.booleans()) else None
        plan = Plan(entry, steps, hold_out=0, stops_on_purchase=stops, leave=leave)
        humans = [Human(person(session)) for _ in range(3)]
        journey_id = started(
            session, *steps, entry=entry, stops_on_purchase=stops, leave=leave, now=at(D, 7)
        )
    model = Model(plan, journey_id)
    events = sorted(data.draw(EVENTS))
    before = at(D, 7)
    for now in TICKS:
        for hour, who, what in events:
            moment = at(D) - timedelta(hours=10) + timedelta(hours=hour, minutes=30)
            if before < moment <= now:
                _happens(db, humans[who], what, vip, moment)
        tick(db, now)
        for human in humans:
            model.tick(human, now, before)
        before = now
    with db.reading() as session:
        for human in humans:
            assert sorted(marks(session, human.id)) == sorted(human.log), (plan, human)
            ended = [way[1] for way in ways(session) if way[0] == human.id and way[1] != "going"]
            assert ended == human.ends, plan


def _happens(db: Database, human: Human, what: str, vip: int, moment: datetime) -> None:
    with db.transaction() as session:
        if what == BUY:
            local = moment.astimezone(TAIPEI)
            buy(session, human.id, local.date(), hour=local.hour, minute=local.minute)
            human.bought.append(moment)
        elif human.tagged_at is None:
            tags.put(session, tag_id=vip, member_ids=[human.id], source="staff", now=moment)
            human.tagged_at = moment


def _emptied(session: Session) -> None:
    for table in reversed(Table.metadata.sorted_tables):
        session.execute(table.delete())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_engine_and_a_plain_interpreter_agree(sqlite_db: Database) -> None:
    _one_history(sqlite_db)

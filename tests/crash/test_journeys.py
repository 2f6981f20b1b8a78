"""kill -9 while members walk through a journey, and LINE that answers 500, loses its answer or
hangs up: everybody passes each step once, and the product counts what LINE counted."""

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.attention.rules import is_held_out
from app.campaigns.rules.letters import of_card
from app.core.db import Database
from app.coupons.models import COUPONS
from app.insights import checks
from app.journeys import queries, rules, service
from app.journeys.models import MARKS, RUNS
from app.journeys.rules import Audience, Entry, Plan, Step
from app.points.models import OPERATIONS
from app.segments import service as segments
from app.segments.rules import EVERYBODY
from tests.crash.test_broadcast import FAULTS, MEMBERS, NUMBERS, Clock, people
from tests.crash.test_broadcast import clock as clock
from tests.crash.test_broadcast import place as place
from tests.support.product import House, until, words_of
from tests.support.times import NOW

KILLS = 5  # on each of the two days
POINTS = 30
FIRST, SECOND = "夏茶上市", "秋茶預告"
STEPS = (
    Step("s1", "points", points=POINTS),
    Step("s2", "coupon", coupon="welcome"),
    Step("s3", "letter", letter=of_card(FIRST, "{姓名}，今年的夏茶到了。", label="看")),
    Step("s4", "wait", days=1, hour=11),
    Step("s5", "letter", letter=of_card(SECOND, "{姓名}，再等一週。", label="看")),
)
PLAN = Plan(steps=STEPS, hold_out=10, stops_on_purchase=False)
A_DAY = int(timedelta(days=1).total_seconds())


def begun(db: Database) -> int:
    """Everybody enters at eleven the next day."""
    with db.transaction() as session:
        who = Audience(segments.create(session, name="全部會員", tree=EVERYBODY, now=NOW))
        plan = replace(PLAN, entry=Entry(who=who))
        journey_id = service.create(session, name="夏茶", plan=plan, staff_id=None, now=NOW)
        service.publish(session, journey_id=journey_id, staff_id=None, now=NOW)
    return journey_id


def arrived(place: House, title: str) -> Counter[str]:
    """Letters of that title by who got them."""
    received = place.line.get("/control/received", limit=100_000)["received"]
    return Counter(entry["userId"] for entry in received if title in words_of(entry["message"]))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_everybody_passes_each_step_once_whatever_dies(place: House, clock: Clock) -> None:
    rng = random.Random(20261128)
    db = Database(place.database_url)
    people(place, db)
    journey_id = begun(db)
    meant = {
        number
        for number in NUMBERS
        if not (is_held_out(number) or rules.is_held_out(PLAN, journey_id, number))
    }
    for fault in FAULTS:
        place.line.post("/control/faults", {"path": "/v2/bot/message/push"} | fault)
    for title in (FIRST, SECOND):
        clock.forward(A_DAY)
        for kill in range(KILLS):
            goal = kill * len(meant) // (KILLS + 1) + rng.randrange(60)
            until(lambda: have_come(place, clock, title, goal), "nothing arrives any more")  # noqa: B023
            place.product.kill()
            place.product.start()
        until(lambda: have_come(place, clock, title, len(meant)), "not all arrive", seconds=180)  # noqa: B023
    place.line.http.delete("/control/faults")
    until(lambda: is_over(db, journey_id, clock), "it does not end", seconds=180)
    users = {f"U{number:032x}": 1 for number in meant}
    assert arrived(place, FIRST) == users
    assert arrived(place, SECOND) == users
    with db.reading() as session:
        ways = session.execute(sa.select(RUNS.c.member_id, RUNS.c.status)).all()
        assert dict(tuple(row) for row in ways) == {
            number: rules.DONE if number in meant else rules.CONTROL for number in NUMBERS
        }
        assert len(ways) == MEMBERS
        outcomes = session.execute(sa.select(MARKS.c.step, MARKS.c.outcome)).all()
        assert Counter(tuple(row) for row in outcomes) == {
            (step.code, "done"): len(meant) for step in STEPS
        }
        assert sorted(session.scalars(sa.select(COUPONS.c.member_id))) == sorted(meant)
        given = session.scalars(
            sa.select(OPERATIONS.c.member_id).where(OPERATIONS.c.amount == POINTS)
        )
        assert sorted(given) == sorted(meant)
        assert checks.broken_invariants(session, now=clock.now) == []
    db.dispose()


def have_come(place: House, clock: Clock, title: str, letters: int) -> bool:
    clock.forward(2)
    return arrived(place, title).total() >= letters


def is_over(db: Database, journey_id: int, clock: Clock) -> bool:
    clock.forward(2)
    with db.reading() as session:
        return not queries.counts(session, journey_id).by_status.get(rules.GOING)

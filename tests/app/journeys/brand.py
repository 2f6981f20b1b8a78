"""A brand with a journey, for tests."""

from collections.abc import Callable
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.jobs import journeys as job
from app.journeys import queries, service
from app.journeys.models import MARKS, RUNS
from app.journeys.rules import Audience, Entry, Plan, Step
from app.outbox.models import OutboxRow
from app.segments import service as segments
from app.segments.rules import Group
from tests.app.campaigns.brand import BRAND
from tests.app.journeys.test_rules import GOOD_LETTER
from tests.app.lifecycle.brand import at

D = date(2026, 7, 10)
START = at(D, 12)
LETTER = Step("s1", "letter", letter=GOOD_LETTER)
ON_PURCHASE = Entry("purchase.recorded")


def started(
    session: Session,
    *steps: Step,
    entry: Entry = ON_PURCHASE,
    now: datetime = START,
    hold_out: int = 0,
    stops_on_purchase: bool = False,
    leave: Audience | None = None,
    name: str = "回訪",
) -> int:
    plan = Plan(entry, steps, hold_out=hold_out, stops_on_purchase=stops_on_purchase, leave=leave)
    journey_id = service.create(session, name=name, plan=plan, staff_id=None, now=now)
    service.publish(session, journey_id=journey_id, staff_id=None, now=now)
    return journey_id


def audience(session: Session, name: str, tree: Group) -> Audience:
    return Audience(segments.create(session, name=name, tree=tree, now=START))


def tick(
    db: Database, now: datetime = START, *, is_stopping: Callable[[], bool] = lambda: False
) -> int:
    return job.advance(db, brand=BRAND, is_stopping=is_stopping, now=now)


def ways(session: Session) -> list[tuple[int, str, str | None, str | None]]:
    """(member, status, step, why) of everybody who entered, in order."""
    columns = (RUNS.c.member_id, RUNS.c.status, RUNS.c.step, RUNS.c.reason)
    rows = session.execute(sa.select(*columns).order_by(RUNS.c.id))
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def marks(session: Session, member_id: int) -> list[tuple[int, str, str, datetime]]:
    """(round, step, how, when) of everything a member passed."""
    rows = session.execute(
        sa.select(RUNS.c.round, MARKS.c.step, MARKS.c.outcome, MARKS.c.at)
        .join_from(MARKS, RUNS, RUNS.c.id == MARKS.c.run_id)
        .where(RUNS.c.member_id == member_id)
        .order_by(RUNS.c.id, MARKS.c.at)
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def letters(session: Session, journey_id: int) -> list[tuple[int | None, str | None]]:
    """(member, key) of every letter, by member."""
    rows = session.execute(
        sa.select(OutboxRow.member_id, OutboxRow.dedup_key)
        .where(OutboxRow.kind == queries.kind_of(journey_id))
        .order_by(OutboxRow.member_id, OutboxRow.id)
    )
    return [(row[0], row[1]) for row in rows]


def passed(session: Session, member_id: int) -> list[tuple[str, str]]:
    """(step, how) of everything a member passed."""
    return [(step, how) for _round, step, how, _at in marks(session, member_id)]

"""Journeys that run: let members in, take those on who are due, a portion at a time."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from app.campaigns.messages import Brand
from app.core.db import Database
from app.journeys import queries
from app.journeys.queries import JourneyShown
from app.journeys.rules import Plan
from app.journeys.service import entering, walking
from app.lifecycle import queries as lifecycle
from app.outbox import queries as outbox

AT_ONCE: Final = 200  # members a transaction
MOST: Final = 4_000  # members a journey and call, so that the others have their turn

Stopping = Callable[[], bool]


def advance(db: Database, *, brand: Brand, is_stopping: Stopping, now: datetime) -> int:
    """Return how many members were taken on. When the month's messages are used up everybody
    stands where they are until LINE takes some again."""
    with db.reading() as session:
        running = queries.running(session)
        is_used_up = outbox.used_up_until(session, now=now) is not None
    for journey in running:
        _let_in(db, journey, is_stopping, now)
    if is_used_up:
        return 0
    return sum(_take_on(db, journey, brand, is_stopping, now) for journey in running)


def _let_in(db: Database, journey: JourneyShown, is_stopping: Stopping, now: datetime) -> None:
    with db.reading() as session:
        plan = queries.version(session, journey.id, journey.version).plan
        asked_on = entering.asked_on(session, journey.id)
        has_more = entering.has_news(session, journey, now=now)
    while has_more and not is_stopping():
        with db.transaction() as session:
            has_more = entering.by_facts(session, journey, plan, now=now)
    if entering.is_asking(plan, asked_on, now):
        _ask(db, journey, plan, is_stopping, now)


def _ask(
    db: Database, journey: JourneyShown, plan: Plan, is_stopping: Stopping, now: datetime
) -> None:
    with db.reading() as session:
        ids = entering.in_segment(session, journey, plan, now=now)
    for start in range(0, len(ids), entering.AT_ONCE):
        with db.transaction() as session:
            portion = ids[start : start + entering.AT_ONCE]
            if is_stopping() or not entering.write(session, journey, plan, portion, now=now):
                return
    with db.transaction() as session:
        entering.close(session, journey, now=now)


def _take_on(
    db: Database, journey: JourneyShown, brand: Brand, is_stopping: Stopping, now: datetime
) -> int:
    with db.reading() as session:  # nearly always there is nothing to do, and no writer waits
        if not queries.has_due(session, journey.id, now=now):
            return 0
    done = 0
    while done < MOST and not is_stopping():
        with db.transaction() as session:
            found = walking.walk(
                session, journey, brand=brand, now=now, limit=AT_ONCE, awaiting=lifecycle.awaiting
            )
        if not found:
            break
        done += found
    return done

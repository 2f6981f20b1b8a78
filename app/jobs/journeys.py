"""Journeys that run: let members in, take those on who are due, a portion at a time."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

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
SECONDS: Final = 20  # of a call
log = structlog.get_logger(__name__)

Stopping = Callable[[], bool]


def advance(db: Database, *, brand: Brand, is_stopping: Stopping, now: datetime) -> int:
    """Return how many members were taken on. It returns before long, so that the next call has the
    time of day right. When the month's messages are used up everybody stands where they are until
    LINE takes some again. A journey that fails holds up no other; its error is raised at the end.
    """
    with db.reading() as session:
        running = queries.running(session)
        is_used_up = outbox.used_up_until(session, now=now) is not None
    until = time.monotonic() + SECONDS
    done, failure = 0, None

    def is_over() -> bool:
        return is_stopping() or time.monotonic() > until

    for journey in running:
        try:
            _let_in(db, journey, is_over, now)
            if not is_used_up:
                done += _take_on(db, journey, brand, is_over, now)
        except Exception as error:  # noqa: BLE001  # told below, when the others had their turn
            log.warning("journey.failed", journey=journey.id, error=type(error).__name__)
            failure = error
    if failure is not None:
        raise failure
    return done


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

"""Broadcasts whose time has come: freeze the list, then write the letters, a portion at a time."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from app.campaigns import queries, rules, service
from app.campaigns.messages import Brand
from app.campaigns.queries import BroadcastShown
from app.campaigns.service import NotNow, composing, freezing
from app.core.db import Database
from app.lifecycle import queries as lifecycle
from app.outbox import queries as outbox

AT_ONCE: Final = 200  # letters a transaction
# Letters that may wait for LINE: what a member is owed at the till never stands behind more, and a
# pause counts within seconds. LINE takes 2,000 pushes a second.
BACKLOG: Final = 4_000

Stopping = Callable[[], bool]


def advance(db: Database, *, brand: Brand, is_stopping: Stopping, now: datetime) -> int:
    """Go on with everything that is due; return how many recipients were decided. It returns
    before long, so that the next call has the time of day right."""
    _freeze_all(db, is_stopping, now)
    with db.reading() as session:
        going = queries.going_out(session)
        is_used_up = outbox.used_up_until(session, now=now) is not None
    if is_used_up and going:
        _pause_all(db, going, now)
        return 0
    return sum(_send(db, broadcast, brand, is_stopping, now) for broadcast in going)


def _freeze_all(db: Database, is_stopping: Stopping, now: datetime) -> None:
    while not is_stopping():
        with db.transaction() as session:
            work = freezing.begin(session, now=now)
        if work is None:
            return
        with db.reading() as session:
            members, ids = freezing.meant(session, work)
            turns = freezing.turns(session, work, ids)
        ids.sort(key=lambda member_id: (turns.get(member_id, now), member_id))
        for start in range(0, len(ids), freezing.AT_ONCE):
            with db.transaction() as session:
                portion = ids[start : start + freezing.AT_ONCE]
                if not freezing.write(session, work, portion, turns):
                    return
            if is_stopping():
                return
        with db.transaction() as session:
            freezing.close(session, work, members=members)


def _pause_all(db: Database, going: Sequence[BroadcastShown], now: datetime) -> None:
    """The month's messages are used up. What waits for LINE tries again by the hour; the rest waits
    for a person, so that nothing goes out weeks late by itself."""
    with db.transaction() as session:
        for broadcast in going:
            with suppress(NotNow):
                service.pause(session, broadcast_id=broadcast.id, now=now, because=rules.QUOTA)


def _send(
    db: Database, broadcast: BroadcastShown, brand: Brand, is_stopping: Stopping, now: datetime
) -> int:
    done, at_once = 0, composing.portion(broadcast, usual=AT_ONCE)
    while done < BACKLOG and not is_stopping():
        with db.reading() as session:
            if queries.waiting(session, broadcast.id, most=BACKLOG) >= BACKLOG:
                return done
        with db.transaction() as session:
            decided = composing.compose(
                session, broadcast, brand=brand, now=now, limit=at_once, awaiting=lifecycle.awaiting
            )
            if not decided:
                service.finish(session, broadcast_id=broadcast.id, now=now)
        if not decided:
            return done
        done += decided
    return done

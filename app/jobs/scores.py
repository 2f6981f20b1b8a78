"""A night's scores: portion by portion, each in a transaction of its own."""

from collections.abc import Callable
from datetime import datetime

from app.core.db import Database
from app.scores import service


def advance(db: Database, *, is_stopping: Callable[[], bool], now: datetime) -> dict[str, int]:
    """Measure everybody as of today, or go on where it was left; nothing when today is done."""
    with db.transaction() as session:
        work = service.begin(session, now=now)
    portions = 0
    while work.phase != service.DONE and not is_stopping():
        if work.phase == service.BASIS:
            with db.reading() as session:
                found = service.measure(session, work)
            with db.transaction() as session:
                work = service.settle(session, work, found)
        else:
            with db.transaction() as session:
                work = service.advance(session, work, now=now)
        portions += 1
    return {"portions": portions} if portions else {}

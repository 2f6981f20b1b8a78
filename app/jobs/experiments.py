"""Experiments that run: write down who met which arm, and end those that may be read."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from app.core.db import Database
from app.experiments import queries, service
from app.experiments.rules import RUNNING
from app.experiments.service import NotNow


def advance(db: Database, *, is_stopping: Callable[[], bool], now: datetime) -> dict[str, int]:
    """Nearly always there is nothing to do, and one look says so."""
    with db.reading() as session:
        running = [one.id for one in queries.running(session)]
    noted = ended = 0
    for experiment_id in running:
        while not is_stopping():
            with db.transaction() as session:
                found = queries.experiment(session, experiment_id)
                portion = service.note(session, found, now=now)
            noted += portion
            if not portion:
                break
        if is_stopping():
            break
        with db.reading() as session:  # all that came to an arm: no reason to hold others up
            found = queries.experiment(session, experiment_id)
            is_over = found.status == RUNNING and service.ending(session, found, now=now)
        if not is_over:
            continue
        with suppress(NotNow), db.transaction() as session:
            found = queries.experiment(session, experiment_id)
            ended += service.end_due(session, found, now=now)
    told = {"noted": noted, "ended": ended}
    return {name: number for name, number in told.items() if number}

"""Web, workers and clocks as processes of their own over one PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.firings.models import JobRun
from app.inbox.models import InboxEvent
from app.outbox.models import SENDING, OutboxRow
from tests.support.pouring import Pouring, all_is_well
from tests.support.product import House, house, until
from tests.support.shop import join, open_shop, pos_token

ROLES = ("web", "worker", "worker", "clock", "clock")
MEMBERS, LOAD = 6, 150


@pytest.fixture
def place(tmp_path: Path, postgres_database_url: str) -> Iterator[House]:
    with house(tmp_path, postgres_database_url, roles=ROLES) as running:
        open_shop(running)
        yield running


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_workers_and_two_clocks_share_the_work(place: House) -> None:
    members = [join(place, f"會員{index}", f"09120000{index:02d}") for index in range(MEMBERS)]
    pouring = Pouring(
        place,
        [member.user for member in members],
        [member.number for member in members],
        pos_token(place),
    )
    pouring.start()
    until(lambda: pouring.accepted() >= LOAD, "nothing is accepted any more")
    workers = [helper for helper in place.helpers if "worker" in helper.command]
    assert [worker.stop() for worker in workers] == [0, 0]
    db = Database(place.database_url)
    assert _claimed(db) == (0, 0), "a worker left without finishing what it had claimed"
    until(lambda: pouring.accepted() >= 2 * LOAD, "the web process needs no worker to take things")
    pouring.stop()
    for worker in workers:
        worker.start()
    all_is_well(place, pouring)
    assert _doubled_firings(db) == []
    db.dispose()


def _claimed(db: Database) -> tuple[int, int]:
    """Events and messages somebody says to be working on."""
    with db.reading() as session:
        events = session.scalar(sa.select(sa.func.count()).where(InboxEvent.lease.is_not(None)))
        messages = session.scalar(sa.select(sa.func.count()).where(OutboxRow.status == SENDING))
    return events or 0, messages or 0


def _doubled_firings(db: Database) -> list[str]:
    """Jobs that were begun more than once for one time."""
    with db.reading() as session:
        return list(session.scalars(sa.select(JobRun.job).where(JobRun.attempts > 1)))

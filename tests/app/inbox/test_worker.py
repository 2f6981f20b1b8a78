"""Events are handled in order, once, and a failing one takes nobody down."""

import itertools
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.inbox import queries, service
from app.inbox.models import InboxEvent
from app.inbox.rules import LEASE, MAX_ATTEMPTS, retry_after
from app.inbox.service import Claimed
from app.inbox.worker import Worker
from app.timeline import service as timeline
from app.timeline.models import Fact
from tests.support.times import NOW

HANA, KEN = "U" + "a" * 32, "U" + "b" * 32
_ids = itertools.count()


def keep(db: Database, *events: tuple[str, int, str]) -> None:
    """(user, milliseconds, text) each."""
    rows = [
        service.row_of(
            {
                "type": "message",
                "mode": "active",
                "timestamp": 1_783_000_000_000 + at,
                "source": {"type": "user", "userId": user},
                "webhookEventId": f"e{next(_ids)}",
                "message": {"type": "text", "text": text},
            },
            received_at=NOW,
        )
        for user, at, text in events
    ]
    with db.transaction() as session:
        service.keep(session, rows, received_at=NOW)


class Notes:
    """Writes each text down in the database; `bad` raises after having written."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], None] = lambda: None

    def begin(self, session: Session, events: Sequence[Claimed], now: datetime) -> None:
        self.meanwhile()

    def handle(self, session: Session, claimed: Claimed, now: datetime) -> str:
        text = claimed.event.text
        timeline.record(session, member_id=1, kind="note", at=now, facts={"text": text})
        if text.startswith("bad"):
            raise ValueError("wanted by the test")
        return "notes"

    def end(self, session: Session, now: datetime) -> None:
        return None


def noted(db: Database) -> list[str]:
    with db.reading() as session:
        return [facts["text"] for facts in session.scalars(sa.select(Fact.facts).order_by(Fact.id))]


def worker(db: Database, *, at: datetime = NOW, notes: Notes | None = None) -> Worker:
    return Worker(db, notes or Notes(), lambda: at)


def test_one_persons_events_are_handled_oldest_first(db: Database) -> None:
    keep(db, (HANA, 3, "third"), (HANA, 1, "first"), (HANA, 2, "second"))
    assert worker(db).work_once() == 3
    assert noted(db) == ["first", "second", "third"]
    assert worker(db).work_once() == 0


def test_a_failing_event_takes_nobody_down(db: Database) -> None:
    keep(db, (HANA, 1, "one"), (HANA, 2, "bad"), (KEN, 3, "two"), (HANA, 4, "three"))
    worker(db).work_once()
    assert sorted(noted(db)) == ["one", "three", "two"]
    with db.reading() as session:
        assert queries.state(session).waiting == 1


def test_a_failing_event_is_tried_a_bounded_number_of_times_then_waits_for_a_person(
    db: Database,
) -> None:
    keep(db, (HANA, 1, "bad"))
    now = NOW
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert worker(db, at=now).work_once() == 1, attempt
        assert worker(db, at=now).work_once() == 0
        now += retry_after(attempt)
    with db.reading() as session:
        assert queries.state(session).waiting == 0
        [parked] = queries.parked_events(session)
        assert "wanted by the test" in (parked.error or "")
    with db.transaction() as session:
        assert service.retry(session, parked.id, now=now)
        assert not service.retry(session, parked.id, now=now)
    assert worker(db, at=now).work_once() == 1


def test_a_failed_event_that_waits_does_not_hold_up_later_ones(db: Database) -> None:
    keep(db, (HANA, 1, "bad"))
    worker(db).work_once()
    keep(db, (HANA, 2, "later"))
    assert worker(db).work_once() == 1
    assert noted(db) == ["later"]


def test_a_dead_workers_events_are_taken_when_its_lease_ends(db: Database) -> None:
    keep(db, (HANA, 1, "one"))
    with db.transaction() as session:
        assert len(service.claim(session, lease="dead", now=NOW)) == 1
    assert worker(db).work_once() == 0
    assert worker(db, at=NOW + LEASE).work_once() == 1
    assert noted(db) == ["one"]


def test_a_worker_that_lost_its_lease_leaves_nothing_behind(postgres_db: Database) -> None:
    keep(postgres_db, (HANA, 1, "one"))
    slow = Notes()
    late = NOW + LEASE + timedelta(seconds=1)

    def taken_over() -> None:
        slow.meanwhile = lambda: None
        worker(postgres_db, at=late).work_once()

    slow.meanwhile = taken_over
    worker(postgres_db, notes=slow).work_once()
    assert noted(postgres_db) == ["one"]


def test_a_worker_that_lost_its_lease_in_the_second_pass_leaves_nothing_behind(
    postgres_db: Database,
) -> None:
    keep(postgres_db, (HANA, 1, "one"))
    slow = Notes()
    late = NOW + LEASE + timedelta(seconds=1)

    def taken_over() -> None:
        slow.meanwhile = lambda: None
        worker(postgres_db, at=late).work_once()

    def fail() -> None:
        slow.meanwhile = taken_over
        raise ValueError("wanted by the test")

    slow.meanwhile = fail
    worker(postgres_db, notes=slow).work_once()
    assert noted(postgres_db) == ["one"]


class Killed(BaseException):
    """As kill -9 is: nothing in the product catches it."""


def test_a_batch_cut_off_by_a_kill_is_ready_again_at_once(db: Database) -> None:
    keep(db, (HANA, 1, "one"), (HANA, 2, "two"), (KEN, 3, "three"))
    dying = Notes()

    def die(session: Session, now: datetime) -> None:
        raise Killed

    dying.end = die  # type: ignore[method-assign]
    with pytest.raises(Killed):
        worker(db, notes=dying).work_once()
    assert noted(db) == []
    assert worker(db).work_once() == 3
    assert sorted(noted(db)) == ["one", "three", "two"]


def test_what_another_worker_claimed_meanwhile_is_left_to_it(postgres_db: Database) -> None:
    """Only a person's first event is locked: one that follows may be claimed by somebody else."""
    keep(postgres_db, (HANA, 1, "one"), (HANA, 2, "two"))
    slow = Notes()

    def claimed() -> None:
        slow.meanwhile = lambda: None
        with postgres_db.transaction() as session:
            session.execute(
                sa.update(InboxEvent)
                .where(InboxEvent.occurred_ms == 1_783_000_000_002)
                .values(lease="other", due_at=NOW + LEASE)
            )

    slow.meanwhile = claimed
    worker(postgres_db, notes=slow).work_once()
    assert noted(postgres_db) == []
    assert worker(postgres_db).work_once() == 1
    assert noted(postgres_db) == ["one"]


def test_many_events_are_kept_once_each_however_often_they_come(db: Database) -> None:
    rows = [
        service.row_of({"type": "message", "webhookEventId": f"many{n}"}, received_at=NOW)
        for n in range(61)
    ]
    for kept in (rows[:3], rows, rows[30:]):
        with db.transaction() as session:
            service.keep(session, kept, received_at=NOW)
    with db.reading() as session:
        ids = session.scalars(
            sa.select(InboxEvent.webhook_event_id).where(InboxEvent.webhook_event_id.like("many%"))
        ).all()
    assert sorted(ids) == sorted(f"many{n}" for n in range(61))


def test_two_workers_handle_each_event_once_and_in_order(db: Database) -> None:
    people = ["U" + f"{n:032x}" for n in range(12)]
    keep(db, *((user, at, f"{user[-2:]}:{at:02d}") for at in range(15) for user in people))
    workers = [
        threading.Thread(target=lambda: _until_idle(worker(db)), daemon=True) for _ in range(3)
    ]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join(60)
    _until_idle(worker(db))
    notes = noted(db)
    assert len(notes) == len(set(notes)) == 180
    for user in people:
        mine = [note for note in notes if note.startswith(user[-2:])]
        assert mine == sorted(mine)


def _until_idle(one: Worker) -> None:
    while one.work_once(limit=7):
        pass


def test_a_broken_transaction_does_not_lose_the_batch(db: Database) -> None:
    """The first pass dies at commit: each event is handled on its own."""
    keep(db, (HANA, 1, "one"), (KEN, 2, "two"))
    notes = Notes()

    def break_once(session: Session, now: datetime) -> None:
        notes.end = lambda session, now: None  # type: ignore[method-assign]
        session.execute(sa.text("SELECT no_such_column FROM inbox"))

    notes.end = break_once  # type: ignore[method-assign]
    worker(db, notes=notes).work_once()
    assert sorted(noted(db)) == ["one", "two"]
    with db.reading() as session:
        statuses = set(session.scalars(sa.select(InboxEvent.status)))
    assert statuses == {"handled"}

"""Handle what the inbox holds: claim a batch, then all of it in one transaction.

The first pass goes without savepoints, because nearly every batch is sound and savepoints cost as
much as the work. When an event fails, everything is rolled back and the batch is handled again
with each event in a savepoint of its own, so that the failing one takes nobody down."""

import traceback
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core import ids
from app.core.clock import Clock
from app.core.db import Database
from app.inbox import service
from app.inbox.service import Claimed, Outcome

log = structlog.get_logger(__name__)
BATCH, TRACE_LENGTH = 100, 8000


class Conversation(Protocol):
    """What answers events; the worker knows nothing about membership."""

    def begin(self, session: Session, events: Sequence[Claimed], now: datetime) -> None:
        """Read what the whole batch needs at once."""

    def handle(self, session: Session, claimed: Claimed, now: datetime) -> str:
        """Answer one event; return the handler's name."""

    def end(self, session: Session, now: datetime) -> None:
        """Write down at once what the batch is to be answered."""


class LeaseLost(Exception):
    """Another worker took the batch over; what was done here is rolled back."""


class Worker:
    def __init__(self, db: Database, conversation: Conversation, clock: Clock) -> None:
        self._db, self._conversation, self._clock = db, conversation, clock

    def work_once(self, *, limit: int = BATCH) -> int:
        """Handle one batch; return how many events were in it."""
        lease = ids.retry_key()
        with self._db.transaction() as session:
            batch = service.claim(session, lease=lease, now=self._clock(), limit=limit)
        if not batch:
            return 0
        try:
            self._handle(batch, lease)
        except LeaseLost:
            log.warning("inbox.lease_lost", events=len(batch))
        except Exception as error:  # noqa: BLE001  # handled again, each event apart
            log.warning("inbox.batch_failed", error=type(error).__name__, events=len(batch))
            self._handle_apart(batch, lease)
        return len(batch)

    def _handle(self, batch: Sequence[Claimed], lease: str) -> None:
        now = self._clock()
        with self._db.transaction() as session:
            self._conversation.begin(session, batch, now)
            outcomes = [
                Outcome(claimed.id, self._conversation.handle(session, claimed, now))
                for claimed in batch
            ]
            self._finish(session, outcomes, lease, now)

    def _handle_apart(self, batch: Sequence[Claimed], lease: str) -> None:
        now = self._clock()
        try:
            with self._db.transaction() as session:
                self._conversation.begin(session, batch, now)
                outcomes = [self._attempt(session, claimed, now) for claimed in batch]
                self._finish(session, outcomes, lease, now)
        except LeaseLost:
            log.warning("inbox.lease_lost", events=len(batch))
        except DBAPIError as error:
            # A deadlock or a broken commit took all of them down: each in its own transaction.
            log.warning("inbox.batch_failed", error=type(error).__name__, events=len(batch))
            self._one_by_one(batch, lease)

    def _finish(
        self, session: Session, outcomes: Sequence[Outcome], lease: str, now: datetime
    ) -> None:
        self._conversation.end(session, now)
        if not service.settle(session, outcomes, lease=lease, now=now):
            raise LeaseLost

    def _attempt(self, session: Session, claimed: Claimed, now: datetime) -> Outcome:
        try:
            with session.begin_nested():
                handler = self._conversation.handle(session, claimed, now)
        except Exception as error:  # noqa: BLE001  # recorded on the event's row, logged once
            log.error(
                "inbox.event_failed",
                inbox_id=claimed.id,
                event_type=claimed.event.type,
                attempts=claimed.attempts,
                error=type(error).__name__,
            )
            trace = traceback.format_exc()[-TRACE_LENGTH:].replace("\x00", "")
            return Outcome(claimed.id, None, trace, claimed.attempts)
        return Outcome(claimed.id, handler)

    def _one_by_one(self, batch: Sequence[Claimed], lease: str) -> None:
        for claimed in batch:
            try:
                self._handle([claimed], lease)
            except LeaseLost:
                continue
            except Exception as error:  # noqa: BLE001  # recorded on the event's row
                self._record_failure(claimed, lease, error)

    def _record_failure(self, claimed: Claimed, lease: str, error: Exception) -> None:
        outcome = Outcome(claimed.id, None, type(error).__name__, claimed.attempts)
        with self._db.transaction() as session:
            service.settle(session, [outcome], lease=lease, now=self._clock())

"""Handle what the inbox holds: a batch, all of it in one transaction.

The first pass reads, handles and settles in that one transaction, without claims and savepoints:
nearly every batch is sound, and they cost as much as the work. When an event fails, everything is
rolled back; a batch is claimed and handled with each event in a savepoint of its own, so that the
failing one takes nobody down."""

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
        batch: list[Claimed] = []
        try:
            self._handle_ready(batch, limit)
        except LeaseLost:
            log.warning("inbox.lease_lost", events=len(batch))
        except Exception as error:  # noqa: BLE001  # handled again, each event apart
            log.warning("inbox.batch_failed", error=type(error).__name__, events=len(batch))
            return self._claim_and_handle(limit)
        return len(batch)

    def _handle_ready(self, batch: list[Claimed], limit: int) -> None:
        now = self._clock()
        with self._db.transaction() as session:
            batch += service.ready(session, now=now, limit=limit)
            if batch and not service.handled(session, self._handled(session, batch, now), now=now):
                raise LeaseLost

    def _claim_and_handle(self, limit: int) -> int:
        lease = ids.retry_key()
        with self._db.transaction() as session:
            batch = service.claim(session, lease=lease, now=self._clock(), limit=limit)
        if batch:
            self._handle_apart(batch, lease)
        return len(batch)

    def _handled(
        self, session: Session, batch: Sequence[Claimed], now: datetime
    ) -> Sequence[Outcome]:
        self._conversation.begin(session, batch, now)
        outcomes = [
            Outcome(claimed.id, self._conversation.handle(session, claimed, now))
            for claimed in batch
        ]
        self._conversation.end(session, now)
        return outcomes

    def _handle_apart(self, batch: Sequence[Claimed], lease: str) -> None:
        now = self._clock()
        try:
            with self._db.transaction() as session:
                self._conversation.begin(session, batch, now)
                outcomes = [self._attempt(session, claimed, now) for claimed in batch]
                self._conversation.end(session, now)
                self._settle(session, outcomes, lease, now)
        except LeaseLost:
            log.warning("inbox.lease_lost", events=len(batch))
        except DBAPIError as error:
            # A deadlock or a broken commit took all of them down: each in its own transaction.
            log.warning("inbox.batch_failed", error=type(error).__name__, events=len(batch))
            self._one_by_one(batch, lease)

    def _settle(
        self, session: Session, outcomes: Sequence[Outcome], lease: str, now: datetime
    ) -> None:
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
                self._handle_alone(claimed, lease)
            except LeaseLost:
                continue
            except Exception as error:  # noqa: BLE001  # recorded on the event's row
                self._record_failure(claimed, lease, error)

    def _handle_alone(self, claimed: Claimed, lease: str) -> None:
        now = self._clock()
        with self._db.transaction() as session:
            self._settle(session, self._handled(session, [claimed], now), lease, now)

    def _record_failure(self, claimed: Claimed, lease: str, error: Exception) -> None:
        outcome = Outcome(claimed.id, None, type(error).__name__, claimed.attempts)
        with self._db.transaction() as session:
            service.settle(session, [outcome], lease=lease, now=self._clock())

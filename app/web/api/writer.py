"""Many tills, one writer: postings that arrive together share one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core.batch import GroupCommit
from app.core.db import Database

log = structlog.get_logger(__name__)
BATCH = 50  # postings; the transaction stays short enough for the others on this database
TRIES = 4  # of a posting alone, against a deadlock or a locked database


@dataclass(frozen=True, slots=True)
class Posting:
    """One call. `key` orders a batch, so that two processes lock members in the same order."""

    key: str
    run: Callable[[Session], Any]


class Writer:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._commits: GroupCommit[Posting, Any] = GroupCommit(
            self._write, limit=BATCH, name="till-writer"
        )

    async def submit(self, posting: Posting) -> Any:
        """Return what `run` returned, once it is committed; raise what it raised, undone."""
        return await self._commits.submit(posting)

    async def close(self) -> None:
        await self._commits.close()

    def _write(self, batch: Sequence[Posting]) -> list[Any]:
        """Without savepoints first: nearly every batch is sound, and they cost as much as work."""
        order = sorted(range(len(batch)), key=lambda index: batch[index].key)
        try:
            found = self._together(batch, order)
        except Exception:  # noqa: BLE001  # done again, each posting apart; each learns its own
            found = self._apart(batch, order)
        return [found[index] for index in range(len(batch))]

    def _together(self, batch: Sequence[Posting], order: Sequence[int]) -> dict[int, Any]:
        with self._db.transaction() as session:
            return {index: batch[index].run(session) for index in order}

    def _apart(self, batch: Sequence[Posting], order: Sequence[int]) -> dict[int, Any]:
        found: dict[int, Any] = {}
        try:
            with self._db.transaction() as session:
                for index in order:
                    found[index] = _in_savepoint(session, batch[index])
        except DBAPIError as error:
            log.warning("till.batch_failed", error=type(error).__name__, postings=len(batch))
            return {index: self._alone(batch[index]) for index in order}
        return found

    def _alone(self, posting: Posting) -> Any:
        try:
            return self._db.carried_out(
                lambda session: _in_savepoint(session, posting), tries=TRIES
            )
        except DBAPIError as error:
            return error


def _in_savepoint(session: Session, posting: Posting) -> Any:
    """What it returned or raised; a broken database is the batch's affair."""
    try:
        with session.begin_nested():
            return posting.run(session)
    except DBAPIError:
        raise
    except Exception as error:  # noqa: BLE001  # goes to its caller, who knows what to answer
        return error

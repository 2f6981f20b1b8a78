"""Of several clocks one leads. The lock is the operating system's or the database's: it is gone the
moment its holder is, and no clock has to be told so."""

import fcntl
import os
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from app.core.db import Database

_KEY = 7_264_532  # any number of our own; migrations hold the one before


class Leader(Protocol):
    def leads(self) -> bool:
        """Whether this process leads now; takes the lead when nobody has it."""
        ...

    def resign(self) -> None: ...


def leader_of(db: Database) -> Leader:
    if not db.is_sqlite:
        return SessionLock(db)
    if db.url.database in (None, "", ":memory:"):
        return Alone()
    return FileLock(Path(f"{db.url.database}.clock"))


class Alone:
    """A database in memory has one process."""

    def leads(self) -> bool:
        return True

    def resign(self) -> None:
        return None


class FileLock:
    """A lock on a file beside the SQLite database."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, -1

    def leads(self) -> bool:
        if self._file >= 0:
            return True
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        self._file = file
        return True

    def resign(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class SessionLock:
    """An advisory lock of PostgreSQL on a connection of its own; both end together."""

    def __init__(self, db: Database) -> None:
        self._engine = sa.create_engine(
            db.engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        self._connection: sa.Connection | None = None

    def leads(self) -> bool:
        try:
            return self._still_leads() if self._connection else self._try()
        except SQLAlchemyError:
            self.resign()
            return False

    def _still_leads(self) -> bool:
        """The connection lives, so its lock does."""
        assert self._connection is not None
        self._connection.exec_driver_sql("SELECT 1")
        return True

    def _try(self) -> bool:
        connection = self._engine.connect()
        if connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_KEY})").scalar_one():
            self._connection = connection
            return True
        connection.close()
        return False

    def resign(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

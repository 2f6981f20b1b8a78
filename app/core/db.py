"""Engines, transactions and the column types both databases share.

SQLite is run so that a rollback is real and a writer never starves: the driver's own transaction
handling is off, `transaction()` begins with BEGIN IMMEDIATE behind one in-process lock (waiting on
a lock is fair; SQLite's busy handler polls and is not), `reading()` begins with a plain BEGIN.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar, cast

import orjson
import sqlalchemy as sa
import structlog
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import QueuePool

from app.core.errors import Invalid
from app.core.prepared import driver_cursor

log = structlog.get_logger(__name__)
Result = TypeVar("Result")
BUSY_TIMEOUT_MS = 15_000
_DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An instant: aware UTC in Python, timestamptz on PostgreSQL, sortable ISO text on SQLite."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def bind_processor(self, dialect: Dialect) -> Any:
        """On SQLite written here: the dialect's own way costs four times as much, for every row."""
        if dialect.name != "sqlite":
            return super().bind_processor(dialect)

        def write(value: datetime | None) -> str | None:
            stored = self.process_bind_param(value, dialect)
            return None if stored is None else stored.isoformat(" ", "microseconds")

        return write


class Utf8(sa.types.TypeDecorator[str]):
    """Text that may be given as UTF-8 bytes, and read so through `utf8_bytes`. On SQLite they go in
    and out as they are: Python needs as long to decode and encode a message as to build it."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | bytes | None, dialect: Dialect) -> Any:
        if dialect.name == "sqlite":
            return value.encode() if isinstance(value, str) else value
        return value.decode() if isinstance(value, bytes) else value

    def bind_expression(self, bindparam: sa.BindParameter[Any]) -> sa.ColumnElement[Any]:
        return _text_of(bindparam)


class _text_of(sa.sql.functions.FunctionElement[str]):  # noqa: N801  # reads as the words it is
    inherit_cache = True
    type = sa.Text()


class _Encoded(sa.types.TypeDecorator[bytes]):
    impl = sa.LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.LargeBinary() if dialect.name == "sqlite" else sa.Text()

    def process_result_value(self, value: str | bytes | None, dialect: Dialect) -> bytes | None:
        return value.encode() if isinstance(value, str) else value


class utf8_bytes(sa.sql.functions.FunctionElement[bytes]):  # noqa: N801  # reads as the words it is
    """A column of text, read as the bytes it is kept as."""

    inherit_cache = True
    type = _Encoded()


@compiles(_text_of, "sqlite")
def _blob_as_text(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS TEXT)"


@compiles(utf8_bytes, "sqlite")
def _text_as_blob(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS BLOB)"


@compiles(_text_of, "postgresql")
@compiles(utf8_bytes, "postgresql")
def _as_it_is(element: Any, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


class begins_with(sa.sql.functions.FunctionElement[Any]):  # noqa: N801  # reads as the words it is
    """Whether a text column begins with these letters, as two comparisons that an index answers on
    either database (on PostgreSQL one of `text_pattern_ops`). Capital letters count."""

    inherit_cache = True
    type = sa.types.NullType()  # as a Boolean it would be compared with 1 on SQLite: no index

    def __init__(self, column: sa.SQLColumnExpression[Any], letters: str) -> None:
        super().__init__(column, sa.literal(letters), sa.literal(letters + _LAST_SIGN))


_LAST_SIGN = "\U0010ffff"


@compiles(begins_with, "sqlite")
def _begins_on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    column, low, high = (compiler.process(one, **options) for one in element.clauses)
    return f"({column} >= {low} AND {column} < {high})"


@compiles(begins_with, "postgresql")
def _begins_on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    column, low, high = (compiler.process(one, **options) for one in element.clauses)
    return f"({column} ~>=~ {low} AND {column} ~<~ {high})"


class day_number(sa.sql.functions.FunctionElement[int]):  # noqa: N801  # reads as the word it is
    """A date as a whole number of days, so that two can be subtracted on either database."""

    inherit_cache = True
    type = sa.Integer()


@compiles(day_number, "sqlite")
def _days_on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    # Julian days begin at noon: midnight is a half, and CAST cuts it off everywhere alike.
    return f"CAST(julianday({compiler.process(element.clauses, **options)}) AS INTEGER)"


@compiles(day_number, "postgresql")
def _days_on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)} - DATE '2000-01-01')"


def taipei_day(instant: sa.SQLColumnExpression[Any], dialect: str) -> sa.ColumnElement[str]:
    """The Taipei day of an instant, as text: `2026-03-10`. A shift of eight hours on SQLite, which
    knows no zones: Taipei has had no daylight saving since 1979."""
    if dialect == "sqlite":
        return sa.func.date(instant, "+8 hours")
    return sa.func.to_char(sa.func.timezone("Asia/Taipei", instant), "YYYY-MM-DD")


def driver_instant(value: datetime, dialect: str) -> datetime | str:
    """An instant as `UtcDateTime` stores it, for SQL that goes to the driver as it is."""
    utc = value.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(" ", "microseconds") if dialect == "sqlite" else utc


class Json(sa.types.TypeDecorator[Any]):
    """A JSON document kept as text: the same bytes on both databases, sorted keys."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else dump_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def dump_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


class Table(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMING)


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername not in _DRIVERS:
        raise Invalid("DATABASE_URL", "must be sqlite:///… or postgresql+psycopg://…")
    return parsed


class Database:
    """One engine with its two ways in: `transaction()` to write, `reading()` to read. Raises
    Invalid for an address of neither SQLite nor PostgreSQL."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = _parsed(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writer = threading.RLock() if self.is_sqlite else None
        self.engine = (
            _sqlite_engine(self.url) if self.is_sqlite else _postgres_engine(self.url, pool_size)
        )

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Commit at the end of the block, roll back on any error."""
        if self._writer is None:
            with Session(self.engine, expire_on_commit=False) as session, session.begin():
                yield session
            return
        with self._writer, Session(self.engine, expire_on_commit=False) as session:
            session.connection(execution_options={"regulars_begin": "BEGIN IMMEDIATE"})
            yield session
            session.commit()

    def carried_out(self, work: Callable[[Session], Result], *, tries: int = 2) -> Result:
        """What `work` returns, in a transaction of its own; begun anew when the database ends it (a
        deadlock, a locked file), `tries` times in all. `work` may run more than once."""
        for _ in range(tries - 1):
            try:
                with self.transaction() as session:
                    return work(session)
            except DBAPIError as error:
                log.warning("db.transaction_failed", error=type(error).__name__)
        with self.transaction() as session:
            return work(session)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent snapshot; nothing written in it is kept."""
        with Session(self.engine, expire_on_commit=False) as session:
            if not self.is_sqlite:
                session.connection(
                    execution_options={
                        "isolation_level": "REPEATABLE READ",
                        "postgresql_readonly": True,
                    }
                )
            yield session

    def dispose(self) -> None:
        self.engine.dispose()


def _sqlite_engine(url: sa.URL) -> Engine:
    engine = sa.create_engine(
        url,
        poolclass=QueuePool,
        pool_size=20,
        max_overflow=20,
        pool_use_lifo=True,  # the connection that wrote last still has its pages in its cache
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-65536",
            "temp_store=MEMORY",
            "wal_autocheckpoint=8000",  # pages: a row queued, sent and settled is copied home once
        ):
            cursor.execute(f"PRAGMA {pragma}")
        _write_ahead(cursor)
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        begin = connection.get_execution_options().get("regulars_begin", "BEGIN")
        with driver_cursor(connection, begin) as cursor:
            cursor.execute(begin)

    return engine


def _write_ahead(cursor: Any) -> None:
    """Switch a new file to the write-ahead log. Of two processes that do it at the same moment one
    is told at once that the file is locked, whatever its time-out: it waits for a lock that is
    waited for, and looks again."""
    for _ in range(_SWITCH_TRIES):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("COMMIT")
        else:
            return
    cursor.execute("PRAGMA journal_mode=WAL")


_SWITCH_TRIES = 20


def _postgres_engine(url: sa.URL, pool_size: int) -> Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return sa.create_engine(url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True)


def table_of(model: type[Table]) -> sa.Table:
    """The bare table: its statements skip the ORM's machinery."""
    return cast(sa.Table, model.__table__)


def inserted(session: Session, statement: sa.Insert, values: Mapping[str, Any]) -> int:
    """Run an INSERT that a conflict may turn away; return how many rows it touched.

    Asked for by name: on PostgreSQL the ORM fetches the new key and forgets the count."""
    result = session.execute(statement, values, execution_options={"preserve_rowcount": True})
    return int(result.rowcount)  # type: ignore[attr-defined]  # CursorResult


def insert_ignore(session: Session, table: type[Table], values: Mapping[str, Any]) -> int:
    """Insert what no unique constraint forbids; return how many rows went in."""
    dialect = session.get_bind().dialect.name
    return inserted(session, insert_or_ignore(table, dialect), values)


def insert_for(session: Session, table: type[Table]) -> sqlite.Insert | postgresql.Insert:
    """The dialect's own INSERT, for ON CONFLICT. On the bare table: an INSERT of the mapped class
    takes the ORM's bulk path, at five times the cost."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table_of(table))
    return postgresql.insert(table_of(table))


@lru_cache(maxsize=256)
def insert_or_ignore(table: type[Table], dialect: str) -> sqlite.Insert | postgresql.Insert:
    """INSERT … ON CONFLICT DO NOTHING, built once: building costs more than running it."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(table_of(table)).on_conflict_do_nothing()


def insert_many_ignore(
    session: Session, table: type[Table], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert in one round what no unique constraint forbids. Rows name every column without a
    database default."""
    if rows:
        connection = session.connection()
        connection.execute(insert_or_ignore(table, connection.dialect.name), rows)


def switch(session: Session, table: sa.Table, *, code: str, is_active: bool) -> bool:
    """Begin or stop what has this code. False when it was so already."""
    other = sa.update(table).where(table.c.code == code, table.c.is_active.is_not(is_active))
    return bool(changed(session, other.values(is_active=is_active)))


def changed(session: Session, statement: sa.Update | sa.Delete) -> int:
    """Run a conditional UPDATE or DELETE; return how many rows it touched."""
    result = session.execute(statement.execution_options(synchronize_session=False))
    return int(result.rowcount)  # type: ignore[attr-defined]  # CursorResult

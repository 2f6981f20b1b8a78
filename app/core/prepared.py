"""Statements of the hot paths: written in the expression language like any other, so that names and
types are said once, but compiled only once and sent to the driver as text with plain values.

What this saves is SQLAlchemy's work at every execution, which on an indexed read or a small batch
costs several times the database's own."""

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import replacement_traverse

Convert = Callable[[Any], Any]
Values = Mapping[str, Any]
_DIALECTS: dict[str, Dialect] = {
    "sqlite": sqlite.dialect(),
    "postgresql": psycopg.dialect(paramstyle="format"),  # type: ignore[no-untyped-call]  # its stubs
}


class Prepared:
    """`Prepared(statement)` is made once, beside the statement; every bind has a name. Where the
    databases word it differently there is one statement for each. Lists go in through `among`,
    never through an expanding `in_`; an INSERT names every column that has a default in Python.

    It runs in the session's transaction, on the driver's own cursor. Nothing is flushed first: the
    hot paths keep no objects in a session."""

    def __init__(self, statement: sa.ClauseElement | Mapping[str, sa.ClauseElement]) -> None:
        self._statements: Mapping[str, sa.ClauseElement] = (
            statement if isinstance(statement, Mapping) else dict.fromkeys(_DIALECTS, statement)
        )
        # What an INSERT or UPDATE sets may be said by the values it gets.
        self._is_open = isinstance(self._statements["sqlite"], (sa.Insert, sa.Update))
        self._texts: dict[tuple[str, ...], _Text] = {}

    def rows(self, session: Session, values: Values) -> list[Any]:
        """What a SELECT or a RETURNING gives, as named tuples."""
        with self._running(session, values) as (cursor, text):
            cursor.execute(text.sql, text.given(values))
            return [text.read(row) for row in cursor.fetchall()]

    def row(self, session: Session, values: Values) -> Any:
        """The one row there is, or None."""
        found = self.rows(session, values)
        return found[0] if found else None

    def value(self, session: Session, values: Values) -> Any:
        """The first column of the one row there is, or None."""
        found = self.rows(session, values)
        return found[0][0] if found else None

    def changed(self, session: Session, values: Values) -> int:
        """Run an INSERT, UPDATE or DELETE; return how many rows it touched."""
        with self._running(session, values) as (cursor, text):
            cursor.execute(text.sql, text.given(values))
            return int(cursor.rowcount)

    def many(self, session: Session, rows: Sequence[Values]) -> None:
        """Run it once for each of `rows`."""
        if len(rows) == 1:  # psycopg sends many in a pipeline, which one alone does not repay
            self.changed(session, rows[0])
        elif rows:
            with self._running(session, rows[0]) as (cursor, text):
                cursor.executemany(text.sql, [text.given(values) for values in rows])

    @contextmanager
    def _running(self, session: Session, values: Values) -> Iterator[tuple[Any, "_Text"]]:
        """A cursor and the text for it. Raises what SQLAlchemy raises."""
        connection = session.connection()
        dialect = connection.dialect
        key = (dialect.name, *values) if self._is_open else (dialect.name,)
        text = self._texts.get(key)
        if text is None:
            statement = self._statements[dialect.name]
            text = self._texts[key] = _compiled(statement, _DIALECTS[dialect.name], key[1:])
        with driver_cursor(connection, text.sql) as cursor:
            yield cursor, text


@contextmanager
def driver_cursor(connection: sa.Connection, sql: str) -> Iterator[Any]:
    """The driver's own cursor for `sql`. Raises what SQLAlchemy raises."""
    dialect = connection.dialect
    driver = dialect.loaded_dbapi
    cursor = connection.connection.cursor()
    try:
        yield cursor
    except driver.Error as error:
        raise DBAPIError.instance(
            sql, None, error, driver.Error, hide_parameters=True, dialect=dialect
        ) from error
    finally:
        cursor.close()


@dataclass(frozen=True, slots=True)
class _Text:
    """SQL for one driver. `binds` in the driver's order; `reads` by column, None as it comes."""

    sql: str
    binds: tuple[tuple[str, Convert | None], ...]
    constants: Values  # what the dialect itself binds, such as OFFSET 0
    row: Callable[[Iterable[Any]], Any]
    reads: tuple[Convert | None, ...]  # empty when no column needs converting

    def given(self, values: Values) -> tuple[Any, ...]:
        if self.constants:
            values = {**self.constants, **values}
        return tuple(
            [
                values[name] if convert is None else convert(values[name])
                for name, convert in self.binds
            ]
        )

    def read(self, row: Sequence[Any]) -> Any:
        if not self.reads:
            return self.row(row)
        return self.row(
            [
                value if convert is None else convert(value)
                for value, convert in zip(row, self.reads, strict=True)
            ]
        )


def _compiled(statement: sa.ClauseElement, dialect: Dialect, names: Sequence[str]) -> _Text:
    """`names` are those of the values, for a statement whose columns they say."""
    compiled = _with_constants(statement, dialect).compile(
        dialect=dialect, column_keys=list(names) or None
    )
    assert isinstance(compiled, SQLCompiler)
    if compiled.insert_prefetch or compiled.update_prefetch:
        missing = [column.key for column in (*compiled.insert_prefetch, *compiled.update_prefetch)]
        raise TypeError(f"a prepared statement gives no defaults: {missing}")
    types = {name: bind.type for bind, name in compiled.bind_names.items()}
    columns: Sequence[Any] = tuple(getattr(statement, "exported_columns", ()))
    reads = tuple(_reader(column.type, dialect) for column in columns)
    row = namedtuple("Row", [column.key for column in columns], rename=True)  # type: ignore[misc]
    return _Text(
        compiled.string,
        tuple((name, _writer(types[name], dialect)) for name in compiled.positiontup or ()),
        {name: bind.value for bind, name in compiled.bind_names.items() if not bind.required},
        row._make,
        reads if any(reads) else (),
    )


def _with_constants(statement: sa.ClauseElement, dialect: Dialect) -> sa.ClauseElement:
    """Values known when the statement was written stand in its text: only then can a database see
    that a partial index (`WHERE status = 'waiting'`) serves it."""

    def constant(element: Any, **_options: Any) -> sa.ColumnElement[Any] | None:
        if not isinstance(element, sa.BindParameter) or element.required:
            return None
        if element.value is None:
            return sa.null()
        is_typed = not isinstance(element.type, sa.types.NullType)
        type_ = element.type if is_typed else sa.literal(element.value).type
        write = type_.dialect_impl(dialect).literal_processor(dialect)
        return sa.literal_column(str(element.value) if write is None else write(element.value))

    return cast(sa.ClauseElement, replacement_traverse(statement, {}, constant))


def _writer(type_: sa.types.TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return type_.dialect_impl(dialect).bind_processor(dialect)


def _reader(type_: sa.types.TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return type_.dialect_impl(dialect).result_processor(dialect, None)


class among(sa.sql.functions.FunctionElement[Any]):  # noqa: N801  # reads as the word it is
    """`among(column, "ids")`: the column's value is in the list given as `ids`."""

    inherit_cache = True
    type = sa.types.NULLTYPE  # as Boolean it would read `(…) = 1` on SQLite, which no index serves

    def __init__(self, column: sa.ColumnElement[Any], name: str) -> None:
        super().__init__(column, sa.bindparam(name, type_=_List(column.type)))


class _List(sa.types.TypeDecorator[Any]):
    """A list as one value: a JSON array on SQLite, an array on PostgreSQL."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, item: sa.types.TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.Text() if dialect.name == "sqlite" else sa.ARRAY(self.item)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return orjson.dumps(value).decode() if dialect.name == "sqlite" else value


@compiles(among, "sqlite")
def _among_json(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, given = element.clauses
    values = f"json_each({compiler.process(given, **options)})"
    return f"{compiler.process(column, **options)} IN (SELECT value FROM {values})"  # noqa: S608  # compiled, never given


@compiles(among, "postgresql")
def _among_array(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, given = element.clauses
    return f"{compiler.process(column, **options)} = ANY({compiler.process(given, **options)})"

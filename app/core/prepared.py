"""Statements of the hot paths: written in the expression language like any other, so that names and
types are said once, but compiled only once and sent to the driver as text with plain values.

What this saves is SQLAlchemy's work at every execution, which on an indexed read or a small batch
costs several times the database's own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.engine import Connection, Dialect
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
    """`Prepared(statement)` is made once, beside the statement; every bind has a name. Lists go in
    through `among`, never through an expanding `in_`."""

    def __init__(self, statement: sa.ClauseElement) -> None:
        self._statement = statement
        self._texts: dict[str, _Text] = {}

    def rows(self, session: Session, values: Values) -> list[tuple[Any, ...]]:
        """What a SELECT or a RETURNING gives, as plain tuples."""
        connection = session.connection()
        text = self._text(connection)
        found = connection.exec_driver_sql(text.sql, text.given(values)).all()
        return [text.read(row) for row in found] if text.reads else [tuple(row) for row in found]

    def changed(self, session: Session, values: Values) -> int:
        """Run an UPDATE or DELETE; return how many rows it touched."""
        connection = session.connection()
        text = self._text(connection)
        return connection.exec_driver_sql(text.sql, text.given(values)).rowcount

    def many(self, session: Session, rows: Sequence[Values]) -> None:
        """Run it once for each of `rows`."""
        if rows:
            connection = session.connection()
            text = self._text(connection)
            connection.exec_driver_sql(text.sql, [text.given(values) for values in rows])

    def _text(self, connection: Connection) -> "_Text":
        name = connection.dialect.name
        text = self._texts.get(name)
        if text is None:
            text = self._texts[name] = _compiled(self._statement, _DIALECTS[name])
        return text


@dataclass(frozen=True, slots=True)
class _Text:
    """SQL for one driver. `binds` in the driver's order; `reads` by column, None as it comes."""

    sql: str
    binds: tuple[tuple[str, Convert | None], ...]
    constants: Values  # what the dialect itself binds, such as OFFSET 0
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

    def read(self, row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(
            [
                value if convert is None else convert(value)
                for value, convert in zip(row, self.reads, strict=True)
            ]
        )


def _compiled(statement: sa.ClauseElement, dialect: Dialect) -> _Text:
    compiled = _with_constants(statement, dialect).compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    types = {name: bind.type for bind, name in compiled.bind_names.items()}
    columns: Sequence[Any] = tuple(getattr(statement, "exported_columns", ()))
    reads = tuple(_reader(column.type, dialect) for column in columns)
    return _Text(
        compiled.string,
        tuple((name, _writer(types[name], dialect)) for name in compiled.positiontup or ()),
        {name: bind.value for bind, name in compiled.bind_names.items() if not bind.required},
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

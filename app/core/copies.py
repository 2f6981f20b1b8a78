"""A copy of a whole database as a SQLite file, to try things on."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event

from app.core.db import Database, Table

AT_ONCE: Final = 5_000  # rows


def copy_to(db: Database, path: Path, *, without: Collection[str] = ()) -> Database:
    """As of one instant, whoever writes meanwhile; tables named in `without` stay empty. The copy
    does not wait for its disk: it is to be thrown away."""
    if db.is_sqlite:
        with db.engine.connect() as connection:
            # Not inside a transaction, which the engine would begin.
            connection.connection.cursor().execute("VACUUM INTO ?", (str(path),))
        copy = _opened(path)
        with copy.transaction() as session:
            for name in without:
                session.execute(sa.delete(Table.metadata.tables[name]))
        return copy
    copy = _opened(path)
    Table.metadata.create_all(copy.engine)
    with db.reading() as source, copy.transaction() as target:
        for table in Table.metadata.sorted_tables:
            if table.name in without:
                continue
            rows = source.execute(sa.select(table).execution_options(yield_per=AT_ONCE))
            for portion in rows.mappings().partitions(AT_ONCE):
                target.connection().execute(sa.insert(table), [dict(row) for row in portion])
    return copy


def _opened(path: Path) -> Database:
    copy = Database(f"sqlite:///{path}")

    @event.listens_for(copy.engine, "connect")
    def _carefree(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=OFF")
        cursor.execute("PRAGMA foreign_keys=OFF")  # rows come table by table
        cursor.close()

    return copy

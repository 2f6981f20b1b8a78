"""PostgreSQL databases made for one test and dropped after it."""

import os
import uuid
from collections.abc import Iterable
from functools import lru_cache

import sqlalchemy as sa

DEFAULT = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"


@lru_cache
def postgres_url() -> str | None:
    """The server's URL, or None when nobody answers there."""
    url = os.environ.get("TEST_POSTGRES_URL", DEFAULT)
    engine = sa.create_engine(url, connect_args={"connect_timeout": 3})
    try:
        with engine.connect():
            return url
    except sa.exc.OperationalError:
        return None
    finally:
        engine.dispose()


def fresh_postgres(server: str) -> str:
    name = f"regulars_test_{uuid.uuid4().hex[:12]}"
    _run(server, f'CREATE DATABASE "{name}"')
    # The server itself never dies in a test: waiting for its disk would prove nothing.
    _run(server, f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def dropped(server: str, url: str) -> None:
    _run(server, f'DROP DATABASE IF EXISTS "{sa.make_url(url).database}" WITH (FORCE)')


_EMPTY = """
SET session_replication_role = replica;  -- no foreign keys: any order will do
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid();
{deletes}
SELECT setval(format('%I.%I', schemaname, sequencename), 1, false) FROM pg_sequences
 WHERE last_value IS NOT NULL;
"""


def emptied(url: str, tables: Iterable[str]) -> None:
    """As if just made: no row, every key begins at 1, nobody connected."""
    deletes = "\n".join(f'DELETE FROM "{table}";' for table in tables)
    _run(url, _EMPTY.format(deletes=deletes))


def _run(server: str, statement: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()

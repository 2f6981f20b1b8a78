"""Databases to measure on: a SQLite file, and PostgreSQL where it answers. Gone afterwards."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from tests.support.databases import dropped, fresh_postgres, postgres_url


def tidied(url: str) -> None:
    """After the warm-up: what autovacuum does within a minute, should the server have it off."""
    _run(url, "ANALYZE" if url.startswith("sqlite") else "VACUUM ANALYZE")


def _wait_for_the_disk(url: str) -> None:
    """Tests do without; here every figure is of durable commits."""
    _run(url, f'ALTER DATABASE "{sa.make_url(url).database}" SET synchronous_commit = on')


def _run(url: str, statement: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def databases() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        yield "SQLite", f"sqlite:///{Path(folder) / 'bench.db'}"
    server = postgres_url()
    if server is None:
        print("    PostgreSQL does not answer: left out")
        return
    url = fresh_postgres(server)
    try:
        _wait_for_the_disk(url)
        yield "PostgreSQL", url
    finally:
        dropped(server, url)

"""Databases for tests: SQLite always, PostgreSQL where TEST_POSTGRES_URL (or a local server) is."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import tables
from app.core.db import Database, Table
from tests.support.databases import dropped, fresh_postgres, postgres_url

assert tables is not None  # imported so that every table is in the metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind, without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'regulars.db'}"
        return
    yield from _postgres()


def _postgres() -> Iterator[str]:
    server = postgres_url()
    if server is None:
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail("REQUIRE_ALL is set and no PostgreSQL answers on TEST_POSTGRES_URL")
        pytest.skip("no PostgreSQL on TEST_POSTGRES_URL")
    url = fresh_postgres(server)
    yield url
    dropped(server, url)


@pytest.fixture
def postgres_database_url() -> Iterator[str]:
    yield from _postgres()


@pytest.fixture
def postgres_db(postgres_database_url: str) -> Iterator[Database]:
    """PostgreSQL alone: for what needs several writers at once."""
    yield from _with_tables(postgres_database_url)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A database with all tables and no rows."""
    yield from _with_tables(database_url)


def _with_tables(url: str) -> Iterator[Database]:
    database = Database(url, pool_size=30)
    Table.metadata.create_all(database.engine)
    yield database
    database.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    database = Database(f"sqlite:///{path}")
    Table.metadata.create_all(database.engine)
    with database.engine.connect() as connection:
        connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
    database.dispose()
    return path


@pytest.fixture
def sqlite_db(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """SQLite alone, copied from a ready file: for what no database can tell apart."""
    path = tmp_path / "regulars.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture
def session(sqlite_db: Database) -> Iterator[Session]:
    """One open transaction on SQLite."""
    with sqlite_db.transaction() as open_session:
        yield open_session

"""Databases for tests: SQLite always, PostgreSQL where TEST_POSTGRES_URL (or a local server) is."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.orm import Session

from app import tables
from app.core.db import Database, Table
from app.staff import rules as staff_rules
from tests.support.databases import dropped, emptied, fresh_postgres, postgres_url

assert tables is not None  # imported so that every table is in the metadata

# How long an example takes says something of the machine, nothing of the product.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """A password is slow to prove on purpose; hundreds of log-ins need not be. What the product
    itself uses, tests/app/staff/test_rules.py holds."""
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staff_rules, "_hasher", lambda: quick)
        yield


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind, without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('tmp_path') / 'regulars.db'}"
    return str(request.getfixturevalue("postgres_database_url"))


@pytest.fixture
def postgres_database_url() -> Iterator[str]:
    server = _server()
    url = fresh_postgres(server)
    yield url
    dropped(server, url)


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest) -> Database:
    """A database of each kind with all tables and no rows."""
    name = "sqlite_db" if request.param == "sqlite" else "postgres_db"
    database: Database = request.getfixturevalue(name)
    return database


@pytest.fixture
def postgres_db(postgres_with_tables: str) -> Iterator[Database]:
    """PostgreSQL alone: for what needs several writers at once."""
    emptied(postgres_with_tables, Table.metadata.tables)
    database = Database(postgres_with_tables, pool_size=30)
    yield database
    database.dispose()


@pytest.fixture
def sqlite_db(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """SQLite alone: for what no database can tell apart."""
    path = tmp_path / "regulars.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}", pool_size=30)
    yield database
    database.dispose()


@pytest.fixture(scope="session")
def postgres_with_tables() -> Iterator[str]:
    """Emptying one database before each test is a hundred times faster than making one."""
    server = _server()
    url = fresh_postgres(server)
    _make_tables(url)
    yield url
    dropped(server, url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    _make_tables(f"sqlite:///{path}")
    return path


def _make_tables(url: str) -> None:
    database = Database(url)
    Table.metadata.create_all(database.engine)
    if database.is_sqlite:
        with database.engine.connect() as connection:
            connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
    database.dispose()


def _server() -> str:
    server = postgres_url()
    if server is not None:
        return server
    if os.environ.get("REQUIRE_ALL"):
        pytest.fail("REQUIRE_ALL is set and no PostgreSQL answers on TEST_POSTGRES_URL")
    pytest.skip("no PostgreSQL on TEST_POSTGRES_URL")


@pytest.fixture
def session(sqlite_db: Database) -> Iterator[Session]:
    """One open transaction on SQLite."""
    with sqlite_db.transaction() as open_session:
        yield open_session

"""The migrations make exactly the tables that the models describe, and start over cleanly."""

import threading

import pytest
import sqlalchemy as sa

from app.core import migrate
from app.core.db import Database, Table


def test_migrations_and_models_agree(database_url: str) -> None:
    database = Database(database_url)
    assert not migrate.is_current(database)
    migrate.upgrade(database)
    assert migrate.is_current(database)
    migrate.check(database)
    database.dispose()


def test_migrating_twice_changes_nothing(database_url: str) -> None:
    database = Database(database_url)
    migrate.upgrade(database)
    tables = set(sa.inspect(database.engine).get_table_names())
    migrate.upgrade(database)
    assert set(sa.inspect(database.engine).get_table_names()) == tables
    assert tables - {"alembic_version"} == set(Table.metadata.tables)
    database.dispose()


def test_two_processes_starting_at_once_both_come_up(database_url: str) -> None:
    errors: list[BaseException] = []

    def start() -> None:
        database = Database(database_url)
        try:
            migrate.upgrade(database)
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test must show it
            errors.append(error)
        finally:
            database.dispose()

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        pytest.fail(repr(errors))

"""Alembic's way in: the URL comes from the caller or from DATABASE_URL."""

import sqlalchemy as sa
from alembic import context

from app import tables
from app.core.config import settings
from app.core.db import Database, Table

assert tables is not None  # imported so that every table is in the metadata


def run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        render_as_batch=True,
        compare_type=True,
        user_module_prefix="db.",  # our column types, imported so by script.py.mako
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


given: sa.Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    database = Database(settings().database_url)
    with database.engine.connect() as connection:
        run(connection)
        connection.commit()
    database.dispose()

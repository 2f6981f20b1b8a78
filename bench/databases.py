"""Databases to measure on: a SQLite file, and PostgreSQL where it answers. Gone afterwards."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.databases import dropped, fresh_postgres, postgres_url


def databases() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        yield "SQLite", f"sqlite:///{Path(folder) / 'bench.db'}"
    server = postgres_url()
    if server is None:
        print("    PostgreSQL does not answer: left out")
        return
    url = fresh_postgres(server)
    try:
        yield "PostgreSQL", url
    finally:
        dropped(server, url)

"""Who is meant, counted among a million members and twelve million days of sales: the ready
segments and one of several groups, against DuckDB in memory over the same columns, where it is
installed."""

import statistics
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from app.core.clock import system
from app.core.db import Database
from app.segments import compiling, queries, rules
from app.segments.rules import Condition, Group
from bench import crowd
from bench.databases import databases

MEMBERS = 1_000_000
TIMES = 3
MIXED = Group(
    "all",
    (
        Group("all", (Condition("spend", at_least=900, days=120),)),
        Group("any", (Condition("birth_month", any_of=("1", "2")), Condition("tier_ends"))),
        Group("none", (Condition("marketing", at_least=3, days=7), Condition("points", at_most=9))),
    ),
)
SEGMENTS: Mapping[str, Group] = dict(rules.READY.values()) | {"三組條件": MIXED}
_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]  # its stubs


def milliseconds(count: Callable[[], object]) -> float:
    """The median of a few, after one that warms up."""
    count()
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        count()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1_000


def measured(url: str, now: datetime) -> dict[str, tuple[int, float]]:
    """(members, ms) of each segment."""
    db = Database(url)
    found = {}
    with db.reading() as session:
        for name, tree in SEGMENTS.items():
            size = queries.size(session, tree, now=now)
            took = milliseconds(lambda tree=tree: queries.size(session, tree, now=now))  # type: ignore[misc]
            found[name] = (size.members, took)
    db.dispose()
    return found


def in_duckdb(members: int, now: datetime) -> dict[str, tuple[int, float]]:
    """The same statements over the same rows, in columns."""
    if find_spec("duckdb") is None:
        return {}
    duck: Any = import_module("duckdb").connect()
    for statement in crowd.duckdb_statements(members):
        duck.execute(statement)
    found = {}
    for name, tree in SEGMENTS.items():
        counted = sa.select(sa.func.count()).select_from(
            compiling.members(tree, now=now).subquery()
        )
        text = str(counted.compile(dialect=_POSTGRESQL, compile_kwargs={"literal_binds": True}))
        size = duck.execute(text).fetchone()[0]
        found[name] = (size, milliseconds(lambda text=text: duck.execute(text).fetchone()))  # type: ignore[misc]
    return found


def main(members: int = MEMBERS) -> None:
    now = system()
    print(f"\nsegments counted, {members:,} members, {members * crowd.DAYS:,} days of sales")
    columns = in_duckdb(members, now)
    if not columns:
        print("    DuckDB is not installed: no baseline")
    for name, url in databases():
        crowd.fill(url, members)
        for segment, (size, took) in measured(url, now).items():
            ratio = f"{took / columns[segment][1]:6.1f}×" if segment in columns else ""
            if segment in columns and columns[segment][0] != size:
                raise RuntimeError(f"{segment}: {size} here, {columns[segment][0]} in DuckDB")
            print(f"    {name:<10} {segment:<16} {size:>9,} members {took:8.0f} ms {ratio}")

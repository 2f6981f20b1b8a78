"""The two jobs that touch everybody, on the worst night there can be: the tier of every member has
ended, and points of every member lapse. Seconds for all of them, in the jobs' own batches."""

import time
from collections.abc import Callable, Sized
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.points import queries as points_queries
from app.points import service as points
from app.tiers import service as tiers
from bench import crowd
from bench.databases import databases, tidied

MEMBERS = 1_000_000
NOW = datetime(2026, 7, 1, tzinfo=UTC)
EARNED, LAPSED = "'2025-06-01 00:00:00.000000'", "'2026-06-30 16:00:00.000000'"
_WORST_NIGHT = (
    f"UPDATE tier_periods SET tier_code = 'silver', ends_at = {LAPSED}",
    f"""INSERT INTO point_operations (id, member_id, kind, external_id, content_hash, amount, actor,
          reason, at, created_at)
        SELECT member_id, member_id, 'earn', 'night:' || member_id, '', 100, 'system', '',
          {EARNED}, {EARNED} FROM point_accounts""",
    f"""INSERT INTO point_lots (id, member_id, operation_id, quantity, remaining, earned_at,
          usable_from, expires_at, is_active)
        SELECT member_id, member_id, member_id, 100, 100, {EARNED}, {EARNED}, {LAPSED}, true
        FROM point_accounts""",
    f"""INSERT INTO point_entries (operation_id, member_id, lot_id, bucket, amount, at)
        SELECT member_id, member_id, member_id, 'usable', 100, {EARNED} FROM point_accounts""",
    f"""UPDATE point_accounts SET balance = 100, next_expiry_points = 100,
          next_expiry_at = {LAPSED}, next_change_at = {LAPSED}""",
)
_COUNTERS = "SELECT setval(pg_get_serial_sequence('{0}', 'id'), (SELECT max(id) FROM {0}))"


def prepare(url: str, members: int) -> None:
    crowd.fill(url, members)
    db = Database(url)
    with db.transaction() as session:
        for statement in _WORST_NIGHT:
            session.execute(sa.text(statement))
        for table in () if db.is_sqlite else ("tier_periods", "point_operations", "point_lots"):
            session.execute(sa.text(_COUNTERS.format(table)))
    db.dispose()
    tidied(url)


def seconds(db: Database, step: Callable[[Session], int | Sized], *, members: int) -> float:
    """Raises RuntimeError unless everybody was done."""
    began, done = time.perf_counter(), 0
    while True:
        with db.transaction() as session:
            found = step(session)
        number = found if isinstance(found, int) else len(found)
        if not number:
            break
        done += number
    if done != members:
        raise RuntimeError(f"{done} of {members} were done")
    return time.perf_counter() - began


def main(members: int = MEMBERS) -> None:
    print(f"\nnightly jobs, {members:,} members due at once, durable")
    for name, url in databases():
        prepare(url, members)
        db = Database(url)
        reviewed = seconds(db, lambda s: tiers.review_at_expiry(s, now=NOW), members=members)
        settled = seconds(db, lambda s: points.settle_due(s, now=NOW), members=members)
        with db.reading() as session:
            if points_queries.unbalanced(session, limit=1):
                raise RuntimeError("the books do not balance")
        db.dispose()
        print(f"    {name:<10} tier review {reviewed:5.0f} s, points expiry {settled:5.0f} s")

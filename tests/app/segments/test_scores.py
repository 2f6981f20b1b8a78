"""Conditions on the last night's scores, against the rows one by one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.clock import taipei_date
from app.core.db import Database
from app.purchases.models import DAYS
from app.scores import rules as score_rules
from app.scores import service as scores
from app.scores.models import SCORES
from app.segments import compiling, rules
from app.segments.rules import Condition, Group
from tests.support.loyalty import new_member
from tests.support.times import NOW

HISTORIES: tuple[dict[int, int], ...] = (
    {},
    {1: 500},
    {2: 900, 12: 900, 22: 900},
    {40: 300, 50: 300},
    {26: 200, 38: 100, 50: 100},
    {400: 9_000, 410: 9_000},
    {3: 20_000, 33: 100, 63: 100, 93: 100},
)
TODAY = taipei_date(NOW)


def _until(row: Any) -> int | None:
    if row.cycle is None:
        return None
    days: int = (score_rules.next_day(row.last_day, row.cycle) - TODAY).days
    return max(0, days)


VALUES: dict[str, Callable[[Any], int | None]] = {
    "r": lambda row: row.r,
    "f": lambda row: row.f,
    "m": lambda row: row.m,
    "fm": lambda row: score_rules.worth_score(row.f, row.m),
    "gap": lambda row: None if row.cycle is None else (row.cycle + 50) // 100,
    "next": _until,
    "ltv": lambda row: row.ltv,
    "alive": lambda row: row.alive,
}


@pytest.fixture
def rows(db: Database) -> dict[int, Any]:
    with db.transaction() as session:
        for history in HISTORIES:
            member_id = new_member(session)
            for ago, net in history.items():
                day = TODAY - timedelta(days=ago)
                row = {"member_id": member_id, "day": day, "count": 1, "net": net}
                session.execute(sa.insert(DAYS), row | {"qualifying": net})
        scores.night(session, now=NOW)
        return {row.member_id: row for row in session.execute(sa.select(SCORES))}


def _meant(db: Database, condition: Condition) -> set[int]:
    tree = Group("all", (condition,))
    assert list(rules.faults(tree)) == []
    with db.reading() as session:
        return set(session.scalars(compiling.members(tree, now=NOW)))


def test_a_range_of_a_score_means_whom_it_says(db: Database, rows: dict[int, Any]) -> None:
    for name, value in VALUES.items():
        seen = {found for row in rows.values() if (found := value(row)) is not None}
        for edge in {*seen, 0, 3}:
            least = {m for m, row in rows.items() if (v := value(row)) is not None and v >= edge}
            most = {m for m, row in rows.items() if (v := value(row)) is not None and v <= edge}
            assert _meant(db, Condition(name, at_least=edge)) == least, (name, edge)
            assert _meant(db, Condition(name, at_most=edge)) == most, (name, edge)


def test_groups_and_states_mean_their_members(db: Database, rows: dict[int, Any]) -> None:
    for name, codes in (("rfm", score_rules.GROUPS), ("nes", score_rules.NES)):
        for code in codes:
            of = {member for member, row in rows.items() if getattr(row, name) == code}
            assert _meant(db, Condition(name, any_of=(code,))) == of
            _, tree = rules.ready(f"{name}-{code}")
            assert tree == Group("all", (Condition(name, any_of=(code,)),))


def test_every_cell_of_the_grid_means_its_members(db: Database, rows: dict[int, Any]) -> None:
    found: list[int] = []
    with db.reading() as session:
        for r in score_rules.SCORES:
            for fm in score_rules.SCORES:
                _, tree = rules.ready(f"cell-{r}{fm}")
                found += session.scalars(compiling.members(tree, now=NOW))
    assert sorted(found) == sorted(rows)


@pytest.mark.parametrize("code", ["cell-60", "cell-5", "cell-abc", "rfm-", "nonsense", ""])
def test_an_odd_code_means_everybody(code: str) -> None:
    assert rules.ready(code) == ("", rules.EVERYBODY)


def test_who_was_never_measured_is_left_in_where_a_score_is_left_out(
    db: Database, rows: dict[int, Any]
) -> None:
    asleep = Group("none", (Condition("nes", any_of=("S3",)),))
    with db.reading() as session:
        found = set(session.scalars(compiling.members(asleep, now=NOW)))
    assert found == {m for m, row in rows.items() if row.nes != "S3"} | {min(rows) - 1}

"""The night's scores against the same sums by hand, member by member."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import Database, table_of
from app.jobs import scores as job
from app.members.models import Member
from app.purchases.models import DAYS
from app.scores import queries, rules, service
from app.scores.models import CELLS, RUNS, SCORES
from app.scores.rules import Cuts, lifetime
from app.timeline.models import Fact
from tests.support.at_once import at_once
from tests.support.loyalty import new_member
from tests.support.times import NOW

DAY = timedelta(days=1)
TODAY = taipei_date(NOW)
_FACTS = table_of(Fact)

History = Mapping[int, int]  # NT$ by how many days ago


def bought(session: Session, member_id: int, history: History, today: date = TODAY) -> None:
    for ago, net in history.items():
        row = {"member_id": member_id, "day": today - ago * DAY, "count": 1, "net": net}
        session.execute(sa.insert(DAYS), row | {"qualifying": net})


def fresh(db: Database, histories: Sequence[History]) -> list[int]:
    """Members with these histories and nothing else; their ids."""
    with db.transaction() as session:
        for table in (DAYS, SCORES, CELLS, RUNS, _FACTS):
            session.execute(sa.delete(table))
        ids = list(session.scalars(sa.select(Member.id).order_by(Member.id)))
        ids += [new_member(session) for _ in range(len(histories) - len(ids))]
        for member_id, history in zip(ids, histories, strict=False):
            bought(session, member_id, history)
    return ids[: len(histories)]


def measured(db: Database, now: datetime = NOW) -> dict[int, dict[str, object]]:
    job.advance(db, is_stopping=lambda: False, now=now)
    with db.reading() as session:
        rows = session.execute(sa.select(SCORES)).mappings()
        return {row["member_id"]: dict(row) for row in rows}


def by_hand(histories: Mapping[int, History]) -> dict[int, tuple[object, ...]]:
    """(r, f, m, group, state, gap) of each member with a purchase day."""
    days = {
        member: {ago: net for ago, net in history.items() if net > 0 and ago >= 0}
        for member, history in histories.items()
    }
    days = {member: history for member, history in days.items() if history}
    year = {
        member: {ago: net for ago, net in history.items() if ago < 365}
        for member, history in days.items()
    }
    active = [member for member in days if year[member]]
    of = {
        "r": _cuts("r", [min(days[member]) for member in active]),
        "f": _cuts("f", [len(year[member]) for member in active]),
        "m": _cuts("m", [sum(year[member].values()) for member in active]),
    }
    often = sorted(
        ((max(one) - min(one), len(one)) for one in days.values() if len(one) > 1),
        key=lambda one: one[0] / (one[1] - 1),
    )
    brand = rules.median(often[(len(often) - 1) // 2 : len(often) // 2 + 1])
    found: dict[int, tuple[object, ...]] = {}
    for member, history in days.items():
        span, since = max(history) - min(history), min(history)
        r = rules.recency_score(since, of["r"])
        f = rules.score(len(year[member]), of["f"])
        m = rules.score(sum(year[member].values()), of["m"])
        found[member] = (
            r,
            f,
            m,
            rules.group(r, rules.worth_score(f, m)),
            rules.state(since, span, len(history), brand),
            rules.cycle(span, len(history)),
        )
    return found


def _cuts(axis: str, values: list[int]) -> Cuts:
    if len(set(values)) < 5:
        return rules.fixed(axis)
    return rules.cuts(len(values), dict(enumerate(sorted(values))))


histories = st.dictionaries(st.integers(0, 800), st.integers(0, 9_000), max_size=6)


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(st.lists(histories, min_size=1, max_size=14))
def test_any_histories_come_to_the_same_as_by_hand(db: Database, given_: list[History]) -> None:
    ids = fresh(db, given_)
    found = {
        member: tuple(row[name] for name in ("r", "f", "m", "rfm", "nes", "cycle"))
        for member, row in measured(db).items()
    }
    assert found == by_hand(dict(zip(ids, given_, strict=True)))
    with db.reading() as session:
        assert queries.broken(session) == []


def test_without_any_purchase_the_night_is_through_and_empty(db: Database) -> None:
    assert measured(db) == {}
    with db.reading() as session:
        night = queries.night(session)
    assert night is not None
    assert (night.day, night.buyers) == (TODAY, 0)
    assert night.basis.cycle == rules.UNKNOWN_CYCLE


def test_one_member_alone_is_measured_by_fixed_cuts(db: Database) -> None:
    [member] = fresh(db, [{3: 500}])
    row = measured(db)[member]
    assert (row["r"], row["f"], row["m"], row["rfm"], row["nes"]) == (5, 1, 1, "new", "N0")


def test_a_day_refunded_wholly_is_no_purchase_day(db: Database) -> None:
    fresh(db, [{3: 0}])
    assert measured(db) == {}


def test_a_sale_dated_tomorrow_is_not_counted_yet(db: Database) -> None:
    [member] = fresh(db, [{-1: 500, 9: 100}])
    assert measured(db)[member]["last_day"] == TODAY - 9 * DAY
    assert measured(db, NOW + DAY)[member]["last_day"] == TODAY + DAY


def test_the_day_is_that_of_taipei(db: Database) -> None:
    """23:30 and 00:30 in Taipei are two days, whatever the day is in London."""
    fresh(db, [{0: 500}])
    measured(db, datetime(2026, 7, 4, 15, 30, tzinfo=UTC))
    measured(db, datetime(2026, 7, 4, 16, 30, tzinfo=UTC))
    with db.reading() as session:
        days = list(session.scalars(sa.select(RUNS.c.day).order_by(RUNS.c.day)))
    assert days == [date(2026, 7, 4), date(2026, 7, 5)]


def test_measuring_again_the_same_day_changes_nothing(db: Database) -> None:
    fresh(db, [{3: 500, 40: 100}, {90: 900}])
    first = measured(db)
    assert job.advance(db, is_stopping=lambda: False, now=NOW + timedelta(hours=3)) == {}
    assert measured(db) == first


def test_test_members_and_who_left_are_not_measured(db: Database) -> None:
    ids = fresh(db, [{3: 500}, {4: 500}, {5: 500}])
    measured(db)
    with db.transaction() as session:
        session.execute(sa.update(Member).where(Member.id == ids[0]).values(is_test=True))
        session.execute(sa.update(Member).where(Member.id == ids[1]).values(status="closed"))
    assert set(measured(db, NOW + DAY)) == {ids[2]}


def test_a_night_that_broke_off_is_taken_up_where_it_was(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_ = [{ago: 300, 2 * ago + 1: 700} for ago in range(1, 13)]
    ids = fresh(db, given_)
    monkeypatch.setattr(service, "AT_ONCE", 3)
    looks = iter([False] * 3)
    job.advance(db, is_stopping=lambda: next(looks, True), now=NOW)
    with db.reading() as session:
        assert session.scalar(sa.select(RUNS.c.phase)) != "done"
    found = {
        member: tuple(row[name] for name in ("r", "f", "m", "rfm", "nes", "cycle"))
        for member, row in measured(db).items()
    }
    assert found == by_hand(dict(zip(ids, given_, strict=True)))


def test_two_that_measure_at_once_do_it_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = fresh(db, [{20: 300, 30: 700}] * 10)
    measured(db)
    monkeypatch.setattr(service, "AT_ONCE", 3)
    later = NOW + 20 * DAY
    at_once(*[lambda: job.advance(db, is_stopping=lambda: False, now=later)] * 3)
    with db.reading() as session:
        phase = session.scalar(sa.select(RUNS.c.phase).where(RUNS.c.day == taipei_date(later)))
    assert phase == "done"
    assert sorted(member for member, _, _ in told(db)) == sorted(ids)


# Who moved ----------------------------------------------------------------------------------------


def told(db: Database) -> list[tuple[int, str, dict[str, str]]]:
    with db.reading() as session:
        rows = session.execute(
            sa.select(_FACTS.c.member_id, _FACTS.c.kind, _FACTS.c.facts)
            .where(_FACTS.c.kind.like("nes.%"))
            .order_by(_FACTS.c.id)
        )
        return [(row[0], row[1], row[2]) for row in rows]


def test_the_first_night_of_all_tells_nothing(db: Database) -> None:
    fresh(db, [{1: 500}, {400: 500, 401: 100}])
    measured(db)
    assert told(db) == []


def test_falling_asleep_and_waking_up_are_facts(db: Database) -> None:
    [member] = fresh(db, [{10: 100, 20: 100}])
    measured(db)
    for days in (10, 11, 16, 21):
        measured(db, NOW + days * DAY)
    with db.transaction() as session:
        bought(session, member, {0: 100}, TODAY + 22 * DAY)
    row = measured(db, NOW + 22 * DAY)[member]
    assert [(kind, facts) for _, kind, facts in told(db)] == [
        ("nes.s1", {"from": "E0", "to": "S1"}),
        ("nes.s2", {"from": "S1", "to": "S2"}),
        ("nes.s3", {"from": "S2", "to": "S3"}),
        ("nes.e0", {"from": "S3", "to": "E0"}),
    ]
    assert row["nes_since"] == TODAY + 22 * DAY


def test_who_is_new_is_told_of_and_old_sales_from_a_file_are_not(db: Database) -> None:
    fresh(db, [{10: 100, 20: 100}])
    measured(db)
    with db.transaction() as session:
        new, old = new_member(session), new_member(session)
        bought(session, new, {0: 100})
        bought(session, old, {700: 100, 710: 100})
    measured(db, NOW + DAY)
    assert [(member, kind) for member, kind, _ in told(db)] == [(new, "nes.n0")]


def test_a_month_counts_who_slept_at_its_start_and_came(db: Database) -> None:
    """Two slept on the last day of June, one of them bought in July."""
    june = datetime(2026, 6, 30, 4, tzinfo=UTC)
    ids = fresh(db, [{44: 100, 54: 100}, {44: 100, 54: 100}, {5: 100, 35: 100}])
    measured(db, june)
    measured(db, june + DAY)
    with db.transaction() as session:
        bought(session, ids[0], {0: 100}, date(2026, 7, 3))
    measured(db, june + 3 * DAY)
    with db.reading() as session:
        night = queries.night(session)
    assert night is not None
    assert night.counts["woken"] == {"S3": [1, 2], "E0": [0, 1]}


def test_counts_are_members_and_their_sales_of_the_year(db: Database) -> None:
    fresh(db, [{1: 500}, {2: 300}, {500: 900}])
    measured(db)
    with db.reading() as session:
        night = queries.night(session)
    assert night is not None
    assert (night.members("rfm", "new"), night.members("rfm", "lost")) == (2, 1)
    assert night.counts["rfm"]["new"] == [2, 800]
    assert night.share_of_sales("rfm", "new") == 1.0
    assert night.share_of_sales("rfm", "nobody") == 0.0


# Lifetime value -----------------------------------------------------------------------------------


def test_with_little_history_the_value_is_the_simple_one(db: Database) -> None:
    """Two members, three days in 400 and 200 days: 1.825 days a year; one day of theirs is 400."""
    first, _ = fresh(db, [{400: 300, 100: 500}, {200: 50}])
    row = measured(db)[first]
    assert row["ltv"] == 730
    assert (row["orders"], row["alive"]) == (182, None)


def test_with_history_the_value_is_that_of_the_models(db: Database) -> None:
    chance = Random(3)
    given_ = []
    for _ in range(205):
        gap, start = chance.randint(15, 60), chance.randint(90, 600)
        last = chance.choice((0, 0, 60))
        given_.append({ago: chance.randint(100, 900) for ago in range(start, last, -gap)})
    ids = fresh(db, given_)
    found = measured(db)
    with db.reading() as session:
        night = queries.night(session)
    assert night is not None
    estimate = night.estimate
    assert (estimate.model, estimate.buyers) == ("bgnbd", 205)
    assert estimate.visits is not None
    assert estimate.spend is not None
    for member, history in zip(ids, given_, strict=True):
        row, repeats = found[member], len(history) - 1
        age, last = max(history) // 14, (max(history) - min(history)) // 14
        of = lifetime.History(repeats, 2 * last + 1 if repeats else 0, 2 * age + 1)
        orders = round(100 * estimate.visits.expected(of, lifetime.HORIZON))
        mean = (sum(history.values()) - history[max(history)]) / repeats if repeats else 0
        assert row["orders"] == orders
        assert row["alive"] == round(100 * estimate.visits.alive(of))
        assert row["ltv"] == pytest.approx(
            orders * estimate.spend.expected(repeats, mean) / 100, abs=1
        )


# People's rights ----------------------------------------------------------------------------------


def test_nothing_is_kept_of_who_is_wiped(db: Database) -> None:
    [member, other] = fresh(db, [{10: 100, 20: 100}, {10: 100, 20: 100}])
    measured(db)
    measured(db, NOW + 30 * DAY)
    with db.transaction() as session:
        service.forget(session, member_id=member)
        assert queries.score(session, member) is None
        assert queries.score(session, other) is not None
    assert {who for who, _, _ in told(db)} == {other}


def test_a_member_shown_says_why(db: Database) -> None:
    [member] = fresh(db, [{42: 100, 70: 100, 98: 100}])
    measured(db)
    with db.reading() as session:
        shown = queries.score(session, member)
    assert shown is not None
    assert shown.since == 42
    assert shown.next_day == TODAY - 14 * DAY
    assert "上次消費 42 天前，平均每 28 天來一次" in shown.why

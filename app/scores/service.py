"""Measure every buyer once a night, in portions, so that nobody at a till waits for it.

A night goes through three phases: count what each member bought (`facts`); find the cuts, the
brand's usual gap and the likeliest models (`basis`); work out every member's scores (`scores`). The
night's row is changed first in each transaction, from where it stood: of two that measure at once
one finds it moved, and who takes a broken-off night up goes on where it was left. Rows that stay as
they are are not written."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import changed, day_number, insert_for, insert_ignore, table_of
from app.members import models as members
from app.members.models import Member
from app.purchases.models import DAYS
from app.scores import rules
from app.scores.models import CELLS, RUNS, SCORES, Score, ScoreCell, ScoreRun
from app.scores.rules import Basis, Cuts, lifetime
from app.scores.rules.lifetime import Estimate, History
from app.timeline import service as timeline
from app.timeline.models import Fact

FACTS, BASIS, SCORING, DONE = "facts", "basis", "scores", "done"
AT_ONCE: Final = 5_000  # ids of members a transaction
SAMPLE: Final = 3_000  # members whose histories the models are fitted to
FORTNIGHT: Final = 14
LEAST_AGE: Final = 28  # days; who came yesterday says little of a year
_MEMBERS, _TIMELINE = table_of(Member), table_of(Fact)
Expression = sa.ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Work:
    """A night as it stands."""

    day: date
    phase: str
    reached: int
    is_first: bool
    opens_month: bool
    basis: Basis | None
    moves: Mapping[str, int]


_WORK = sa.select(*(RUNS.c[name] for name in Work.__slots__))


def begin(session: Session, *, now: datetime) -> Work:
    """Today's night, begun or as far as it came."""
    day = taipei_date(now)
    last = session.scalar(sa.select(sa.func.max(RUNS.c.day)).where(RUNS.c.day < day))
    insert_ignore(
        session,
        ScoreRun,
        {
            "day": day,
            "phase": FACTS,
            "reached": 0,
            "is_first": last is None,
            "opens_month": last is not None and (last.year, last.month) != (day.year, day.month),
            "moves": {},
            "started_at": now,
        },
    )
    return _work(session, day)


def _work(session: Session, day: date) -> Work:
    row = session.execute(_WORK.where(RUNS.c.day == day)).one()
    values = dict(row._mapping)
    if values["basis"] is not None:
        values["basis"] = rules.basis_of(values["basis"])
    return Work(**values)


def night(session: Session, *, now: datetime, with_models: bool = True) -> None:
    """All of a night in one transaction, for where nobody waits."""
    work = begin(session, now=now)
    while work.phase != DONE:
        if work.phase == BASIS:
            found = measure(session, work, with_models=with_models)
            work = settle(session, work, found)
        else:
            work = advance(session, work, now=now)


def advance(session: Session, work: Work, *, now: datetime) -> Work:
    """Do a portion of what is next; return how the night stands then. `BASIS` is not done here:
    see `measure` and `settle`."""
    if work.phase == FACTS:
        return _next(session, work, now, _count_portion, BASIS)
    assert work.phase == SCORING
    return _next(session, work, now, _score_portion, DONE)


def _next(session: Session, work: Work, now: datetime, do: Any, then: str) -> Work:
    top = session.scalar(sa.select(sa.func.max(SCORES.c.member_id)))
    bought = session.scalar(sa.select(sa.func.max(DAYS.c.member_id)))
    until = work.reached + AT_ONCE
    is_last = until >= max(top or 0, bought or 0)
    values: dict[str, Any] = {"reached": 0 if is_last else until}
    if is_last:
        values["phase"] = then
    if not _hold(session, work, **values):
        return _work(session, work.day)
    do(session, work, work.reached, until, now)
    if is_last and then == DONE:
        _finish(session, work, now)
    return _work(session, work.day)


def _hold(session: Session, work: Work, **values: object) -> bool:
    mine = sa.update(RUNS).where(
        RUNS.c.day == work.day, RUNS.c.phase == work.phase, RUNS.c.reached == work.reached
    )
    return bool(changed(session, mine.values(**values)))


# Facts --------------------------------------------------------------------------------------------


def _is_measured(member_id: Expression) -> Expression:
    return sa.exists().where(
        _MEMBERS.c.id == member_id,
        _MEMBERS.c.status == members.MEMBER,
        _MEMBERS.c.is_test.is_(False),
    )


def _count_portion(session: Session, work: Work, after: int, until: int, now: datetime) -> None:
    mine = sa.and_(SCORES.c.member_id > after, SCORES.c.member_id <= until)
    bought = sa.exists().where(
        DAYS.c.member_id == SCORES.c.member_id, DAYS.c.net > 0, DAYS.c.day <= work.day
    )
    gone = sa.not_(sa.and_(bought, _is_measured(SCORES.c.member_id)))
    changed(session, sa.delete(SCORES).where(mine, gone))
    counted = _counted(work.day, after, until)
    names = [column.name for column in counted.selected_columns]
    _put(session, names, counted)


def _counted(day: date, after: int, until: int) -> sa.Select[Any]:
    """What each member bought up to that day."""
    counts = DAYS.c.net > 0
    in_year = sa.and_(counts, DAYS.c.day > day - timedelta(days=rules.WINDOW))
    found = (
        sa.select(
            DAYS.c.member_id,
            sa.func.min(DAYS.c.day).label("first_day"),
            sa.func.max(DAYS.c.day).label("last_day"),
            sa.func.count().label("days"),
            sa.func.sum(DAYS.c.net).label("net"),
            sa.func.sum(sa.case((in_year, 1), else_=0)).label("year_days"),
            sa.func.sum(sa.case((in_year, DAYS.c.net), else_=0)).label("year_net"),
        )
        .where(counts, DAYS.c.day <= day, DAYS.c.member_id > after, DAYS.c.member_id <= until)
        .group_by(DAYS.c.member_id)
        .subquery()
    )
    first = DAYS.alias("first")
    return (
        sa.select(*found.c, (found.c.net - first.c.net).label("repeat_net"))
        .join_from(
            found,
            first,
            sa.and_(first.c.member_id == found.c.member_id, first.c.day == found.c.first_day),
        )
        .where(_is_measured(found.c.member_id))
    )


def _put(session: Session, names: list[str], rows: sa.Select[Any]) -> None:
    """Insert or change scores; what is as it was is left alone."""
    insert: sqlite.Insert | postgresql.Insert = insert_for(session, Score)
    putting = insert.from_select(names, rows)
    others = [name for name in names if name != "member_id"]
    statement = putting.on_conflict_do_update(
        index_elements=["member_id"],
        set_={name: putting.excluded[name] for name in others},
        where=sa.or_(*(SCORES.c[name].is_distinct_from(putting.excluded[name]) for name in others)),
    )
    session.execute(statement)


# Basis --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measured:
    """A basis, and what each kind of history comes to: (orders in 1/100, alive in percent)."""

    basis: Basis
    cells: Mapping[tuple[int, int, int], tuple[int, int]]


def measure(session: Session, work: Work, *, with_models: bool = True) -> Measured:
    """Read by what everybody is to be measured. It writes nothing and takes a while; without the
    models lifetime values are the simple ones."""
    in_year = SCORES.c.year_days > 0
    since = _since(work.day)
    estimate = _estimate(session, work.day, with_models)
    return Measured(
        Basis(
            r=_cuts(session, "r", since, in_year),
            f=_cuts(session, "f", SCORES.c.year_days, in_year),
            m=_cuts(session, "m", SCORES.c.year_net, in_year),
            cycle=_brand_cycle(session),
            lifetime=estimate.document(),
        ),
        _cells(session, work.day, estimate),
    )


def settle(session: Session, work: Work, found: Measured) -> Work:
    """Measure by this from now on."""
    if _hold(session, work, phase=SCORING, reached=0, basis=found.basis.document()):
        session.execute(sa.delete(CELLS))
        rows = [
            {"repeats": x, "last": last, "age": age, "orders": orders, "alive": alive}
            for (x, last, age), (orders, alive) in found.cells.items()
        ]
        if rows:
            session.execute(sa.insert(table_of(ScoreCell)), rows)
    return _work(session, work.day)


def _since(day: date) -> Expression:
    today = day_number(sa.literal(day, sa.Date))
    return sa.cast(today - day_number(SCORES.c.last_day), sa.Integer)


def _span() -> Expression:
    return sa.cast(day_number(SCORES.c.last_day) - day_number(SCORES.c.first_day), sa.Integer)


def _age(day: date) -> Expression:
    today = day_number(sa.literal(day, sa.Date))
    return sa.cast(today - day_number(SCORES.c.first_day), sa.Integer)


def _cuts(session: Session, axis: str, value: Expression, who: Expression) -> Cuts:
    count, different = session.execute(
        sa.select(sa.func.count(), sa.func.count(value.distinct())).where(who)
    ).one()
    if different < rules.LEAST_VALUES:
        return rules.fixed(axis)
    rank = sa.func.row_number().over(order_by=value) - 1
    ranked = sa.select(rank.label("rank"), value.label("value")).where(who).subquery()
    rows = session.execute(
        sa.select(ranked.c.rank, ranked.c.value).where(ranked.c.rank.in_(set(rules.places(count))))
    )
    return rules.cuts(count, {row.rank: int(row.value) for row in rows})


def _brand_cycle(session: Session) -> int:
    often = SCORES.c.days >= 2
    count = session.scalar(sa.select(sa.func.count()).where(often)) or 0
    gap = sa.cast(_span(), sa.Float) / (SCORES.c.days - 1)
    middle = session.execute(
        sa.select(_span(), SCORES.c.days)
        .where(often)
        .order_by(gap)
        .offset(max(0, (count - 1) // 2))
        .limit(2 - count % 2)
    ).all()
    return rules.median([(int(row[0]), int(row[1])) for row in middle])


def _estimate(session: Session, day: date, with_models: bool) -> Estimate:
    age = _age(day)
    lived = sa.case((age < LEAST_AGE, LEAST_AGE), else_=age)
    buyers, first, days, total = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.min(SCORES.c.first_day),
            sa.func.coalesce(sa.func.sum(SCORES.c.days), 0),
            sa.func.coalesce(sa.func.sum(lived), 0),
        )
    ).one()
    weeks = 0 if first is None else (day - first).days // 7
    yearly = round(int(days) * rules.WINDOW / int(total), 4) if total else 0.0
    simple = Estimate("simple", buyers, weeks, yearly)
    if not with_models or buyers < lifetime.LEAST_BUYERS or weeks < lifetime.LEAST_WEEKS:
        return simple
    sample = _sample(session, day, buyers)
    spent = [(x, net / x) for x, _, _, net in sample if x and net > 0]
    if len(spent) < lifetime.LEAST_BUYERS // 4:
        return simple
    visits = lifetime.fit_visits([History(x, last / 7, age / 7) for x, last, age, _ in sample])
    return Estimate(
        "bgnbd",
        buyers,
        weeks,
        yearly,
        visits,
        lifetime.fit_spend(spent),
        lifetime.correlation(spent),
    )


def _sample(session: Session, day: date, buyers: int) -> list[tuple[int, int, int, int]]:
    """(repeats, last, age, NT$ of the repeats) of about `SAMPLE` members, the same each night."""
    stirred = SCORES.c.member_id * 48_271 % 2_147_483_647 % 100_000
    share = min(100_000, 100_000 * SAMPLE // buyers)
    rows = session.execute(
        sa.select(SCORES.c.days - 1, _span(), _age(day), SCORES.c.repeat_net)
        .where(stirred < share)
        .order_by(SCORES.c.member_id)
    )
    return [(row[0], int(row[1]), int(row[2]), int(row[3])) for row in rows]


def _cell(day: date) -> tuple[Expression, Expression, Expression]:
    """What makes histories alike."""
    repeats = sa.case(
        (SCORES.c.days > lifetime.MOST_REPEATS, lifetime.MOST_REPEATS), else_=SCORES.c.days - 1
    )
    return repeats, _span() // FORTNIGHT, _age(day) // FORTNIGHT


def _cells(
    session: Session, day: date, estimate: Estimate
) -> dict[tuple[int, int, int], tuple[int, int]]:
    if estimate.visits is None:
        return {}
    kinds = [column.label(name) for column, name in zip(_cell(day), "xla", strict=True)]
    found = sa.select(*kinds).distinct().subquery()
    rows = session.execute(sa.select(found))
    return {
        (x, last, age): _of_kind(estimate.visits, x, int(last), int(age)) for x, last, age in rows
    }


def _of_kind(visits: lifetime.Visits, repeats: int, last: int, age: int) -> tuple[int, int]:
    """A fortnight counts by its middle."""
    weeks = FORTNIGHT / 7
    of = History(repeats, (last + 0.5) * weeks if repeats else 0.0, (age + 0.5) * weeks)
    orders = visits.expected(of, lifetime.HORIZON)
    return round(100 * orders), round(100 * visits.alive(of))


# Scores -------------------------------------------------------------------------------------------


def _score_portion(session: Session, work: Work, after: int, until: int, now: datetime) -> None:
    assert work.basis is not None  # the phase before found it
    found = _scored(work, work.basis, after, until).subquery("found")
    if not work.is_first:
        _tell(session, work, found, now)
    names = [column.name for column in found.c if not column.name.startswith("was_")]
    _put(session, names, sa.select(*(found.c[name] for name in names)).where(sa.true()))


def _scored(work: Work, basis: Basis, after: int, until: int) -> sa.Select[Any]:
    """Everybody's scores by that basis, and the state and group they had before."""
    since = _since(work.day)
    repeats, last, age = _cell(work.day)
    with_scores = (
        sa.select(
            *(SCORES.c[name] for name in _COUNTED),
            SCORES.c.nes.label("was_nes"),
            SCORES.c.rfm.label("was_rfm"),
            SCORES.c.nes_since.label("was_since"),
            SCORES.c.month_nes.label("was_month"),
            (5 - _over(since, basis.r)).label("r"),
            _worth(SCORES.c.year_days, basis.f).label("f"),
            _worth(SCORES.c.year_net, basis.m).label("m"),
            _nes(since, basis.cycle).label("nes"),
            _own_cycle().label("cycle"),
            CELLS.c.orders.label("cell_orders"),
            CELLS.c.alive.label("cell_alive"),
        )
        .outerjoin_from(
            SCORES,
            CELLS,
            sa.and_(CELLS.c.repeats == repeats, CELLS.c.last == last, CELLS.c.age == age),
        )
        .where(SCORES.c.member_id > after, SCORES.c.member_id <= until)
        .subquery("scored")
    ).c
    orders, alive, ltv = _lifetime(with_scores, lifetime.estimate_of(basis.lifetime))
    stays = with_scores.was_nes == with_scores.nes
    month = with_scores.was_nes if work.opens_month else with_scores.was_month
    return sa.select(
        *(with_scores[name] for name in (*_COUNTED, "r", "f", "m", "nes", "cycle")),
        with_scores.was_nes,
        with_scores.was_rfm,
        _group(with_scores.r, (with_scores.f + with_scores.m + 1) // 2).label("rfm"),
        sa.case(
            (stays, with_scores.was_since), else_=sa.literal(work.day, sa.Date)
        ).label("nes_since"),
        month.label("month_nes"),
        orders.label("orders"),
        alive.label("alive"),
        ltv.label("ltv"),
    )  # fmt: skip


_COUNTED: Final = (
    "member_id", "first_day", "last_day", "days", "net", "repeat_net", "year_days", "year_net"
)  # fmt: skip


def _over(value: Expression, of: Cuts) -> Expression:
    over = zip((4, 3, 2, 1), reversed(of.fifths), strict=True)
    return sa.case(*((value * rules.FIFTHS > cut, number) for number, cut in over), else_=0)


def _worth(value: Expression, of: Cuts) -> Expression:
    return sa.case((value > 0, 1 + _over(value, of)), else_=1)


def _group(r: Expression, fm: Expression) -> Expression:
    cells = [(a, b) for a in rules.SCORES for b in rules.SCORES]
    return sa.case({10 * a + b: rules.group(a, b) for a, b in cells}, value=r * 10 + fm)


def _nes(since: Expression, brand: int) -> Expression:
    big = sa.BigInteger
    once = SCORES.c.days < 2
    passed = sa.cast(
        sa.case((once, since * rules.HUNDRED), else_=since * (SCORES.c.days - 1)), big
    )  # fmt: skip
    gap = sa.cast(sa.case((once, brand), else_=_span()), big)
    first, second, third = (passed * rules.HUNDRED <= bound * gap for bound in rules.BOUNDS)
    return sa.case(
        (sa.and_(first, once), rules.N0),
        (first, rules.E0),
        (second, rules.S1),
        (third, rules.S2),
        else_=rules.S3,
    )


def _own_cycle() -> Expression:
    gaps = SCORES.c.days - 1
    return sa.case(
        (SCORES.c.days >= 2, (2 * rules.HUNDRED * _span() + gaps) // (2 * gaps)), else_=sa.null()
    )


def _lifetime(of: Any, estimate: Estimate) -> tuple[Expression, Expression, Expression]:
    """Purchase days in the year to come (1/100), the chance of any (percent), and NT$."""
    if estimate.visits is None or estimate.spend is None:
        same = sa.literal(round(100 * estimate.yearly), sa.Integer)
        day = sa.cast(of.net, sa.Float) / of.days
        return same, sa.cast(sa.null(), sa.SmallInteger), _whole(day * estimate.yearly)
    p, q, v = estimate.spend.p, estimate.spend.q, estimate.spend.v
    repeats = of.days - 1
    spend = p * (v + sa.cast(of.repeat_net, sa.Float)) / (p * repeats + q - 1)
    orders = sa.func.coalesce(of.cell_orders, 0)
    return orders, sa.func.coalesce(of.cell_alive, 0), _whole(orders * spend / 100)


def _whole(amount: Expression) -> Expression:
    return sa.cast(sa.func.round(amount), sa.BigInteger)


# Facts about who moved ----------------------------------------------------------------------------


def _tell(session: Session, work: Work, found: sa.Subquery, now: datetime) -> None:
    """On the time line: which state and which group members came to. Who was never measured before
    is told of only while they are new: a file of old sales makes nobody fall asleep today."""
    columns = ("member_id", "was_nes", "nes", "was_rfm", "rfm")
    rows = session.execute(
        sa.select(*(found.c[name] for name in columns))
        .where(
            sa.or_(
                found.c.was_nes.is_distinct_from(found.c.nes),
                found.c.was_rfm.is_distinct_from(found.c.rfm),
            )
        )
        .order_by(found.c.member_id)
    ).all()
    moves, told = Counter(work.moves), defaultdict[str, dict[int, dict[str, str]]](dict)
    for member_id, was_nes, nes, was_rfm, rfm in rows:
        if was_nes != nes:
            moves[f"{was_nes or ''}>{nes}"] += 1
            if was_nes or nes == rules.N0:
                told[f"nes.{nes.lower()}"][member_id] = {"from": was_nes or "", "to": nes}
        if was_rfm and was_rfm != rfm:
            told["rfm.moved"][member_id] = {"from": was_rfm, "to": rfm}
    for kind, facts in sorted(told.items()):
        timeline.record_all(session, kind=kind, at=now, facts=facts)
    mine = sa.update(RUNS).where(RUNS.c.day == work.day)
    changed(session, mine.values(moves=dict(moves)))


def _finish(session: Session, work: Work, now: datetime) -> None:
    """Count everybody by where they stand: members and NT$ of the year."""
    number, net = sa.func.count(), sa.func.coalesce(sa.func.sum(SCORES.c.year_net), 0)
    fm = (SCORES.c.f + SCORES.c.m + 1) // 2
    counts: dict[str, Any] = {}
    by: dict[str, Expression] = {
        "rfm": SCORES.c.rfm,
        "nes": SCORES.c.nes,
        "cell": SCORES.c.r * 10 + fm,
    }
    for what, column in by.items():
        rows = session.execute(sa.select(column, number, net).group_by(column))
        counts[what] = {str(row[0]): [row[1], int(row[2])] for row in rows}
    first = work.day.replace(day=1)
    woke = sa.func.coalesce(sa.func.sum(sa.case((SCORES.c.last_day >= first, 1), else_=0)), 0)
    rows = session.execute(
        sa.select(SCORES.c.month_nes, woke, number)
        .where(SCORES.c.month_nes.is_not(None))
        .group_by(SCORES.c.month_nes)
    )
    counts["woken"] = {row[0]: [int(row[1]), row[2]] for row in rows}
    total = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(SCORES.c.ltv), 0),
            sa.func.coalesce(sa.func.sum(SCORES.c.net), 0),
        )
    ).one()
    counts["value"] = {"to_come": [0, int(total[0])], "so_far": [0, int(total[1])]}
    counts["members"] = session.scalar(
        sa.select(sa.func.count()).where(
            _MEMBERS.c.status == members.MEMBER, _MEMBERS.c.is_test.is_(False)
        )
    )
    changed(
        session,
        sa.update(RUNS).where(RUNS.c.day == work.day).values(counts=counts, done_at=now),
    )


def forget(session: Session, *, member_id: int) -> None:
    """Somebody is wiped: nothing is known of how they buy any more, nor how they did."""
    changed(session, sa.delete(SCORES).where(SCORES.c.member_id == member_id))
    changed(
        session,
        sa.delete(_TIMELINE).where(
            _TIMELINE.c.member_id == member_id,
            sa.or_(_TIMELINE.c.kind.like("nes.%"), _TIMELINE.c.kind == "rfm.moved"),
        ),
    )

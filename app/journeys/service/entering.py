"""Let members into a journey: whom a fact happened to, or who is in its segment today; and wake
those whose wait a fact has ended.

Everything here may run any number of times: a member enters once an occasion, and is on the way
once at a time, because unique keys say so. The journey's row is changed first in each transaction,
so that nobody enters what is stopped at the same moment."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import TAIPEI, taipei_date, taipei_midnight
from app.core.db import changed, insert_or_ignore, inserted, table_of
from app.journeys import rules
from app.journeys.models import JOURNEYS, RUNS, JourneyRun
from app.journeys.queries import JourneyShown
from app.journeys.rules import Entry, Plan
from app.members import models as members
from app.members.models import Member
from app.segments import compiling
from app.segments import queries as segments
from app.segments.rules import EVERYBODY, Group
from app.timeline import queries as timeline
from app.timeline.models import Fact
from app.timeline.queries import Mark, Portion

AT_ONCE: Final = 5_000  # members a transaction
FACTS_AT_ONCE: Final = 500  # their members are asked about by id, in every condition of a segment
# A sale that a till tells of later lets nobody in any more, nor does last year's file.
LATE: Final = timedelta(days=2)
DAY: Final = timedelta(days=1)
_MEMBERS, _FACTS = table_of(Member), table_of(Fact)
_ONCE: Final = "once"

# Facts --------------------------------------------------------------------------------------------


def has_news(session: Session, journey: JourneyShown, *, now: datetime) -> bool:
    """Facts were written since they were last looked at, or are to be looked at once more."""
    return _portion(session, journey, now) is not None


def _portion(session: Session, journey: JourneyShown, now: datetime) -> Portion | None:
    names = ("read_to", "marked", "seen", "marked_at")
    row = session.execute(
        sa.select(*(JOURNEYS.c[name] for name in names)).where(JOURNEYS.c.id == journey.id)
    ).one()
    return timeline.portion(session, Mark(*row), now=now, limit=FACTS_AT_ONCE)


def by_facts(session: Session, journey: JourneyShown, plan: Plan, *, now: datetime) -> bool:
    """Look at a portion of the facts that are new, or once more at some that were seen a while ago.
    True when there are more."""
    portion = _portion(session, journey, now)
    if portion is None:
        return False
    if not _hold(session, journey, **portion.remembered):
        return False
    if plan.entry.fact:
        _let_in(session, journey, plan, portion.after, portion.until, now)
    _wake(session, journey, portion.after, portion.until, now)
    return True


def _let_in(
    session: Session, journey: JourneyShown, plan: Plan, after: int, until: int, now: datetime
) -> None:
    whom = _whom_it_happened_to(plan.entry, after, until, now)
    ids = sorted(set(session.scalars(whom.with_only_columns(_MEMBERS.c.id).order_by(None))))
    if not ids:
        return
    whom = whom.where(compiling.where(_tree(plan), now=now, among=ids))
    # Who could have entered by it before, and did not, does not enter by it now.
    since = RUNS.alias("since")
    entered = sa.exists().where(
        since.c.journey_id == journey.id,
        since.c.member_id == _MEMBERS.c.id,
        since.c.entered_at >= _FACTS.c.at,
    )
    # The look at the clock may be older than the fact: nobody enters before what lets them in.
    at = sa.literal(now, RUNS.c.entered_at.type)
    _enter(
        session,
        journey,
        plan,
        whom.where(~entered),
        now,
        sa.case((_FACTS.c.at > at, _FACTS.c.at), else_=at),
    )


def _whom_it_happened_to(entry: Entry, after: int, until: int, now: datetime) -> sa.Select[Any]:
    occasion = (
        sa.literal(_ONCE)
        if entry.again is None
        else sa.literal("f") + sa.cast(_FACTS.c.id, sa.String)
    )
    return (
        sa.select(_MEMBERS.c.id.label("member_id"), occasion.label("occasion"))
        .join_from(_FACTS, _MEMBERS, _MEMBERS.c.id == _FACTS.c.member_id)
        .where(
            _FACTS.c.kind == entry.fact,
            _FACTS.c.id > after,
            _FACTS.c.id <= until,
            _FACTS.c.at >= now - LATE,
        )
        .order_by(_FACTS.c.id)
    )


def _wake(session: Session, journey: JourneyShown, after: int, until: int, now: datetime) -> None:
    """Who waits for one of these facts is looked at now; whether it ends the wait is decided
    there."""
    new = sa.and_(_FACTS.c.id > after, _FACTS.c.id <= until)
    happened = sa.exists().where(
        _FACTS.c.member_id == RUNS.c.member_id,
        _FACTS.c.kind == RUNS.c.awaits,
        _FACTS.c.at >= RUNS.c.since,
        new,
    )
    woken = (
        sa.update(RUNS)
        .where(
            RUNS.c.journey_id == journey.id,
            RUNS.c.status == rules.GOING,
            RUNS.c.awaits.is_not(None),
            RUNS.c.due_at > now,
            RUNS.c.member_id.in_(sa.select(_FACTS.c.member_id).where(new)),
            happened,
        )
        .values(due_at=now)
    )
    changed(session, woken)


# Segments -----------------------------------------------------------------------------------------


def is_asking(plan: Plan, asked_on: str | None, now: datetime) -> bool:
    """Once a day, from the plan's hour on."""
    is_time = now.astimezone(TAIPEI).hour >= plan.entry.hour
    return not plan.entry.fact and is_time and asked_on != f"{taipei_date(now)}"


def asked_on(session: Session, journey_id: int) -> str | None:
    return session.scalar(sa.select(JOURNEYS.c.asked_on).where(JOURNEYS.c.id == journey_id))


def in_segment(session: Session, journey: JourneyShown, plan: Plan, *, now: datetime) -> list[int]:
    """Ids of the members who are to enter today, of one snapshot."""
    query = compiling.members(_tree(plan), now=now).where(
        *_may_enter(journey.id, plan.entry, now, _MEMBERS.c.id)
    )
    return segments.ids(session, query.order_by(_MEMBERS.c.id))


def write(
    session: Session, journey: JourneyShown, plan: Plan, member_ids: Sequence[int], *, now: datetime
) -> bool:
    """Let a portion of them in. False when the journey was stopped or changed meanwhile."""
    if not _hold(session, journey, status=rules.RUNNING):
        return False
    occasion = _ONCE if plan.entry.again is None else f"{taipei_date(now)}"
    chosen = sa.select(
        _MEMBERS.c.id.label("member_id"), sa.literal(occasion).label("occasion")
    ).where(_MEMBERS.c.id.in_(member_ids))
    _enter(session, journey, plan, chosen, now, sa.literal(now, RUNS.c.entered_at.type))
    return True


def close(session: Session, journey: JourneyShown, *, now: datetime) -> None:
    """Everybody of today is in."""
    _hold(session, journey, asked_on=f"{taipei_date(now)}")


# Both ---------------------------------------------------------------------------------------------


def _hold(session: Session, journey: JourneyShown, **values: object) -> bool:
    """Until the transaction ends nobody stops the journey or publishes another plan."""
    mine = sa.update(JOURNEYS).where(
        JOURNEYS.c.id == journey.id,
        JOURNEYS.c.status == rules.RUNNING,
        JOURNEYS.c.version == journey.version,
    )
    return bool(changed(session, mine.values(**values)))


def _tree(plan: Plan) -> Group:
    who = plan.entry.who
    return EVERYBODY if who is None or who.tree is None else who.tree


def _may_enter(
    journey_id: int, entry: Entry, now: datetime, member: sa.ColumnElement[Any]
) -> list[sa.ColumnElement[bool]]:
    """Not on the way, and not too soon again. Days are counted from calendar day to calendar
    day."""
    before = RUNS.alias("before")
    mine = sa.and_(before.c.journey_id == journey_id, before.c.member_id == member)
    found = [~sa.exists().where(mine, before.c.status == rules.GOING)]
    if entry.again is None:
        found.append(~sa.exists().where(mine))
    elif entry.again:
        since = taipei_midnight(taipei_date(now) - (entry.again - 1) * DAY)
        found.append(~sa.exists().where(mine, before.c.entered_at >= since))
    return found


def _enter(
    session: Session,
    journey: JourneyShown,
    plan: Plan,
    chosen: sa.Select[Any],
    now: datetime,
    entered_at: sa.ColumnElement[datetime],
) -> None:
    """`chosen` gives `member_id` and `occasion`. Members only, no test members, each as
    `_may_enter` says; of several occasions of one member the first that may."""
    member = _MEMBERS.c.id
    before = RUNS.alias("passed")
    times = (
        sa.select(sa.func.count() + 1)
        .where(before.c.journey_id == journey.id, before.c.member_id == member)
        .correlate(_MEMBERS)
        .scalar_subquery()
    )
    fixed = {
        "journey_id": journey.id,
        "version": journey.version,
        "status": rules.GOING,
        "due_at": now,
        "counted_until": now + plan.goal_days * DAY,
    }
    rows = chosen.add_columns(
        times,
        entered_at,
        *(sa.literal(value, RUNS.c[name].type) for name, value in fixed.items()),
    ).where(
        _MEMBERS.c.status == members.MEMBER,
        _MEMBERS.c.is_test.is_(False),
        *_may_enter(journey.id, plan.entry, now, member),
    )
    dialect = session.get_bind().dialect.name
    entering = insert_or_ignore(JourneyRun, dialect).from_select(
        ["member_id", "occasion", "round", "entered_at", *fixed], rows
    )
    inserted(session, entering, {})

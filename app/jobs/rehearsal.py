"""Rehearse the days to come: the real jobs on a copy of the brand, with the clock run ahead. Nobody
is sent anything; what would have been is counted.

It shows what happens when no member does anything from now on: no purchase, no press."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NoReturn, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.campaigns import queries as campaigns
from app.core.clock import taipei_date, taipei_midnight
from app.core.config import Settings
from app.core.copies import copy_to
from app.core.db import Database, table_of
from app.jobs.schedule import JOBS, Desk
from app.journeys import queries as journeys
from app.journeys import rules as journey_rules
from app.journeys import service as journey_service
from app.journeys.models import RUNS
from app.journeys.service import NotNow, Unfinished
from app.lifecycle import rules as lifecycle
from app.lifecycle.models import DROPPED, SENDS
from app.line.gateway import Gateway
from app.outbox.models import CANCELLED, PUSH, SENT, WAITING, OutboxRow
from app.points.models import LOTS

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MOST_DAYS: Final = 400
# At these hours something may be due that members notice; nothing is said at night.
AWAKE: Final = tuple(range(9, 21))
AT_DAWN: Final = ("points", "coupons", "rewards", "tiers", "referrals", "draws", "triggers")
BY_DAY: Final = ("compose", "journeys", "broadcasts")
IN_PORTIONS: Final = ("journeys", "broadcasts")  # called again within seconds while there is more
# What no job of these reads, or would be told twice.
LEFT_OUT: Final = ("inbox", "audit_log", "staff_sessions", "job_runs", "card_tokens")
_OUTBOX = table_of(OutboxRow)
_JOBS: Final = {job.name: job for job in JOBS}


@dataclass(frozen=True, slots=True)
class Letter:
    """What a chosen member would get."""

    at: datetime
    kind: str
    says: str  # as a phone's lock screen shows it


@dataclass(slots=True)
class Rehearsal:
    """Messages by day and kind; why others did not go; what never happened; what ends on a day."""

    first: date
    days: int
    sent: dict[date, Counter[str]] = field(default_factory=dict)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    never: list[str] = field(default_factory=list)  # life-cycle rules by name
    entered: dict[str, int] = field(default_factory=dict)  # by journey
    idle: list[str] = field(default_factory=list)  # journeys that nobody entered
    unfinished: list[str] = field(default_factory=list)  # drafts that cannot start, with the reason
    points_end: Counter[date] = field(default_factory=Counter)
    letters: list[Letter] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)  # of journeys' and broadcasts' messages

    @property
    def by_kind(self) -> Counter[str]:
        return sum(self.sent.values(), Counter())

    @property
    def by_month(self) -> Counter[str]:
        months: Counter[str] = Counter()
        for day, kinds in self.sent.items():
            months[f"{day:%Y/%m}"] += kinds.total()
        return months

    @property
    def busiest(self) -> list[tuple[date, int]]:
        """The five days with most messages."""
        days = [(day, kinds.total()) for day, kinds in self.sent.items() if kinds]
        return sorted(days, key=lambda found: (-found[1], found[0]))[:5]


def rehearse(
    db: Database,
    config: Settings,
    *,
    folder: Path,
    days: int,
    now: datetime,
    with_drafts: bool = False,
    member_id: int | None = None,
    told: Callable[[int], object] = lambda _day: None,
) -> Rehearsal:
    """`folder` takes the copy, with everything personal in it: throw it away. `told` hears how many
    days are done. `with_drafts` starts the drafts of journeys first."""
    copy = copy_to(db, folder / "rehearsal.db", without=LEFT_OUT)
    try:
        return _rehearsed(copy, config, days, now, with_drafts, member_id, told)
    finally:
        copy.dispose()


def _rehearsed(
    copy: Database,
    config: Settings,
    days: int,
    now: datetime,
    with_drafts: bool,
    member_id: int | None,
    told: Callable[[int], object],
) -> Rehearsal:
    found = Rehearsal(taipei_date(now), days)
    with copy.transaction() as session:
        session.execute(sa.update(_OUTBOX).where(_OUTBOX.c.status != SENT).values(status=CANCELLED))
        after = session.scalar(sa.select(sa.func.max(_OUTBOX.c.id))) or 0
        if with_drafts:
            found.unfinished = _start_drafts(session, now)
        found.points_end = _points_end(session, now, days)
    with asyncio.Runner() as runner:
        desk = Desk(copy, cast(Gateway, _NoLine()), runner.run, config, threading.Event())
        for ahead in range(days):
            _one_day(desk, found.first + ahead * DAY, now)
            with copy.transaction() as session:
                after = _count(session, found, after, member_id)
            told(ahead + 1)
    with copy.reading() as session:
        _close(session, found, now)
    return found


class _NoLine:
    """None of the jobs that are rehearsed speaks to LINE."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(f"a rehearsal asked LINE for {name}")


def _start_drafts(session: Session, now: datetime) -> list[str]:
    wrong = []
    for journey in journeys.journeys(session):
        if journey.status not in (journey_rules.DRAFT, journey_rules.RUNNING):
            continue
        if not journey_service.has_changes(session, journey):
            continue
        try:
            journey_service.publish(session, journey_id=journey.id, staff_id=None, now=now)
        except Unfinished as unfinished:
            wrong.append(f"{journey.name}：{unfinished}")
        except NotNow:
            pass
    return wrong


def _points_end(session: Session, now: datetime, days: int) -> Counter[date]:
    until = taipei_midnight(taipei_date(now) + days * DAY)
    rows = session.execute(
        sa.select(LOTS.c.expires_at, sa.func.sum(LOTS.c.remaining))
        .where(LOTS.c.remaining > 0, LOTS.c.expires_at > now, LOTS.c.expires_at <= until)
        .group_by(LOTS.c.expires_at)
    )
    ends: Counter[date] = Counter()
    for at, points in rows:
        ends[taipei_date(at - timedelta(seconds=1))] += int(points)
    return ends


def _one_day(desk: Desk, day: date, now: datetime) -> None:
    """On the first day what comes at dawn is made up for; the hours that are past are not."""
    moments: list[tuple[datetime, tuple[str, ...]]]
    moments = [(max(now, taipei_midnight(day) + timedelta(minutes=10)), AT_DAWN)]
    begins = taipei_midnight(day) + timedelta(minutes=6)
    moments += [(begins + hour * HOUR, BY_DAY) for hour in AWAKE]
    for moment, names in moments:
        if moment < now:
            continue
        for name in names:
            _JOBS[name].work(desk, moment)
            _taken(desk.db, moment)
            while name in IN_PORTIONS and _JOBS[name].work(desk, moment):
                _taken(desk.db, moment)


def _taken(db: Database, moment: datetime) -> None:
    """LINE takes everything at once."""
    waiting = sa.update(_OUTBOX).where(_OUTBOX.c.status == WAITING)
    with db.transaction() as session:
        session.execute(waiting.values(status=SENT, sent_at=moment))


def _count(session: Session, found: Rehearsal, after: int, member_id: int | None) -> int:
    """Add up what was written since; return the newest id."""
    mine = (_OUTBOX.c.id > after, _OUTBOX.c.channel == PUSH)
    rows = session.execute(
        sa.select(_OUTBOX.c.kind, _OUTBOX.c.sent_at, sa.func.count())
        .where(*mine, _OUTBOX.c.sent_at.is_not(None))
        .group_by(_OUTBOX.c.kind, _OUTBOX.c.sent_at)
    )
    for kind, at, number in rows:
        found.sent.setdefault(taipei_date(at), Counter())[kind] += number
    if member_id is not None:
        letters = session.execute(
            sa.select(_OUTBOX.c.sent_at, _OUTBOX.c.kind, _OUTBOX.c.payload)
            .where(*mine, _OUTBOX.c.member_id == member_id, _OUTBOX.c.sent_at.is_not(None))
            .order_by(_OUTBOX.c.id)
        )
        found.letters += [Letter(row[0], row[1], _says(row[2])) for row in letters]
    newest = session.scalar(sa.select(sa.func.max(_OUTBOX.c.id)))
    return max(after, newest or 0)


def _says(payload: Any) -> str:
    messages = orjson.loads(payload)
    with suppress(LookupError, TypeError):
        first = messages[0]
        return str(first.get("altText") or first.get("text") or first["type"])
    return ""


def _close(session: Session, found: Rehearsal, now: datetime) -> None:
    number = sa.func.count()
    rows = session.execute(
        sa.select(SENDS.c.rule, sa.func.coalesce(SENDS.c.reason, ""), number)
        .where(SENDS.c.decided_at >= now, SENDS.c.status == DROPPED)
        .group_by(SENDS.c.rule, SENDS.c.reason)
    )
    for rule, reason, times in rows:
        found.dropped[(lifecycle.rule_of(rule).name, reason)] += times
    looked_at = session.scalars(sa.select(SENDS.c.rule).distinct().where(SENDS.c.decided_at >= now))
    seen = set(found.by_kind) | set(looked_at)
    found.never = [rule.name for rule in lifecycle.RULES if rule.code not in seen]
    inside = session.execute(
        sa.select(RUNS.c.journey_id, number)
        .where(RUNS.c.entered_at >= now)
        .group_by(RUNS.c.journey_id)
    )
    entered: dict[int, int] = {row[0]: row[1] for row in inside}
    for journey in journeys.running(session):
        called = f"{journey.name}（{journey.id}）"  # names need not differ
        found.names[journeys.kind_of(journey.id)] = f"旅程「{called}」"
        times = entered.get(journey.id, 0)
        if times:
            found.entered[called] = times
        else:
            found.idle.append(called)
    for broadcast in campaigns.broadcasts(session, limit=100):
        found.names[campaigns.kind_of(broadcast.id)] = f"群發「{broadcast.name}（{broadcast.id}）」"

"""Journeys as they stand; who is on the way; what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.campaigns.rules import Arm
from app.campaigns.rules.letters import Letter
from app.core.errors import NotFound
from app.coupons.models import COUPONS, REDEEMED
from app.journeys import rules
from app.journeys.models import JOURNEYS, MARKS, RUNS, VERSIONS
from app.journeys.rules import Plan
from app.outbox.models import OutboxRow
from app.purchases.models import PURCHASES

KIND: Final = "journey"
QUEUED: Final = "done"  # how a letter's mark calls it


def kind_of(journey_id: int) -> str:
    """What the outbox calls the messages of one journey."""
    return f"{KIND}:{journey_id}"


def key_prefix(journey_id: int, round_: int, step: str) -> str:
    """With a member's id: what they get at this step, this time round, once."""
    return f"{kind_of(journey_id)}:{round_}:{step}:"


@dataclass(frozen=True, slots=True)
class JourneyShown:
    """`version` 0: never published. `draft` is the plan as it is being written."""

    id: int
    name: str
    status: str
    draft: Plan
    version: int
    created_at: datetime
    changed_at: datetime


_SHOWN = sa.select(*(JOURNEYS.c[name] for name in JourneyShown.__slots__))


def journeys(session: Session) -> list[JourneyShown]:
    """Newest first; a brand has a few dozen."""
    return [_shown(row) for row in session.execute(_SHOWN.order_by(JOURNEYS.c.id.desc()))]


def journey(session: Session, journey_id: int) -> JourneyShown:
    """Raises NotFound."""
    row = session.execute(_SHOWN.where(JOURNEYS.c.id == journey_id)).one_or_none()
    if row is None:
        raise NotFound("journey", journey_id)
    return _shown(row)


def running(session: Session) -> list[JourneyShown]:
    """Those that let members in and take them on, the oldest first."""
    query = _SHOWN.where(JOURNEYS.c.status == rules.RUNNING).order_by(JOURNEYS.c.id)
    return [_shown(row) for row in session.execute(query)]


def _shown(row: Any) -> JourneyShown:
    values = dict(row._mapping)
    return JourneyShown(**values | {"draft": rules.from_document(values["draft"])})


@dataclass(frozen=True, slots=True)
class Version:
    number: int
    plan: Plan
    published_at: datetime


def version(session: Session, journey_id: int, number: int) -> Version:
    """Raises NotFound."""
    row = session.execute(
        sa.select(VERSIONS.c.number, VERSIONS.c.plan, VERSIONS.c.published_at).where(
            VERSIONS.c.journey_id == journey_id, VERSIONS.c.number == number
        )
    ).one_or_none()
    if row is None:
        raise NotFound("journey version", number)
    return Version(row.number, rules.from_document(row.plan), row.published_at)


def versions(session: Session, journey_id: int) -> list[Version]:
    """Newest first."""
    rows = session.execute(
        sa.select(VERSIONS.c.number, VERSIONS.c.plan, VERSIONS.c.published_at)
        .where(VERSIONS.c.journey_id == journey_id)
        .order_by(VERSIONS.c.number.desc())
    )
    return [Version(row.number, rules.from_document(row.plan), row.published_at) for row in rows]


def letter_of(session: Session, run_id: int, step: str) -> tuple[int, Letter]:
    """The letter that was sent at a step of somebody's way, and its journey. Raises NotFound."""
    row = session.execute(
        sa.select(RUNS.c.journey_id, RUNS.c.version)
        .join_from(MARKS, RUNS, RUNS.c.id == MARKS.c.run_id)
        .where(MARKS.c.run_id == run_id, MARKS.c.step == step)
    ).one_or_none()
    if row is None:
        raise NotFound("letter", f"{run_id}-{step}")
    found = rules.find(version(session, row.journey_id, row.version).plan, step)
    assert found is not None  # a mark names a step of its version
    return row.journey_id, found.letter


# How it goes --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counts:
    """Members by what became of them; those standing at a step; those who passed it, by how; why
    it did nothing for some, most first; and what the steps' letters and coupons came to."""

    by_status: Mapping[str, int] = field(default_factory=dict)
    at_step: Mapping[str, int] = field(default_factory=dict)
    passed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    reasons: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)
    pressed: Mapping[str, int] = field(default_factory=dict)
    coupons: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # given, used

    @property
    def entered(self) -> int:
        """Everybody, the hold-out too."""
        return sum(self.by_status.values())


def counts(session: Session, journey_id: int) -> Counts:
    """A pass over the members and one over their steps, by index."""
    number = sa.func.count()
    standing = session.execute(
        sa.select(RUNS.c.status, RUNS.c.step, number)
        .where(RUNS.c.journey_id == journey_id)
        .group_by(RUNS.c.status, RUNS.c.step)
    ).all()
    by_status: dict[str, int] = {}
    for status, _step, members in standing:
        by_status[status] = by_status.get(status, 0) + members
    is_used = sa.case((COUPONS.c.status == REDEEMED, 1), else_=0)
    rows = session.execute(
        sa.select(
            MARKS.c.step,
            MARKS.c.outcome,
            MARKS.c.reason,
            number,
            sa.func.count(MARKS.c.pressed_at),
            sa.func.count(MARKS.c.coupon_id),
            sa.func.coalesce(sa.func.sum(is_used), 0),
        )
        .select_from(MARKS)
        .outerjoin(COUPONS, COUPONS.c.id == MARKS.c.coupon_id)
        .where(MARKS.c.journey_id == journey_id)
        .group_by(MARKS.c.step, MARKS.c.outcome, MARKS.c.reason)
        .order_by(number.desc(), MARKS.c.reason)
    ).all()
    passed: dict[str, dict[str, int]] = {}
    reasons: dict[str, list[tuple[str, int]]] = {}
    pressed: dict[str, int] = {}
    coupons: dict[str, tuple[int, int]] = {}
    for step, outcome, reason, members, presses, given, used in rows:
        by_outcome = passed.setdefault(step, {})
        by_outcome[outcome] = by_outcome.get(outcome, 0) + members
        if reason:
            reasons.setdefault(step, []).append((reason, members))
        pressed[step] = pressed.get(step, 0) + presses
        before = coupons.get(step, (0, 0))
        coupons[step] = (before[0] + given, before[1] + int(used))
    at_step = {
        step: members for status, step, members in standing if status == rules.GOING and step
    }
    return Counts(by_status, at_step, passed, reasons, pressed, coupons)


def inside(session: Session) -> Mapping[int, Mapping[str, int]]:
    """By journey: members by what became of them."""
    rows = session.execute(
        sa.select(RUNS.c.journey_id, RUNS.c.status, sa.func.count()).group_by(
            RUNS.c.journey_id, RUNS.c.status
        )
    )
    found: dict[int, dict[str, int]] = {}
    for journey_id, status, members in rows:
        found.setdefault(journey_id, {})[status] = members
    return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """What those did who were to go through it, and what the hold-out did."""

    treated: Arm
    control: Arm


def outcome(session: Session, journey_id: int) -> Outcome:
    """Purchases from entering to `counted_until`, by arm; each counts once, for the last time that
    its member had entered."""
    later = RUNS.alias("later")
    entered_again = sa.exists().where(
        later.c.journey_id == journey_id,
        later.c.member_id == RUNS.c.member_id,
        later.c.entered_at > RUNS.c.entered_at,
        later.c.entered_at < PURCHASES.c.sold_at,
    )
    net = PURCHASES.c.amount - PURCHASES.c.refunded
    spent = (
        sa.select(RUNS.c.id, sa.func.sum(net).label("spent"))
        .join_from(
            RUNS,
            PURCHASES,
            sa.and_(
                PURCHASES.c.member_id == RUNS.c.member_id,
                PURCHASES.c.sold_at > RUNS.c.entered_at,
                PURCHASES.c.sold_at < RUNS.c.counted_until,
            ),
        )
        .where(RUNS.c.journey_id == journey_id, ~entered_again)
        .group_by(RUNS.c.id)
        .having(sa.func.sum(net) > 0)
        .subquery()
    )
    is_control = sa.case((RUNS.c.status == rules.CONTROL, 1), else_=0)
    rows = session.execute(
        sa.select(
            is_control,
            sa.func.count(),
            sa.func.count(spent.c.id),
            sa.func.coalesce(sa.func.sum(spent.c.spent), 0),
        )
        .select_from(RUNS)
        .outerjoin(spent, spent.c.id == RUNS.c.id)
        .where(RUNS.c.journey_id == journey_id, RUNS.c.step.is_not(None) | _HAS_BEGUN)
        .group_by(is_control)
    )
    arms = {row[0]: Arm(int(row[1]), int(row[2]), int(row[3])) for row in rows}
    nobody = Arm(0, 0, 0)
    return Outcome(arms.get(0, nobody), arms.get(1, nobody))


_HAS_BEGUN = RUNS.c.status != rules.GOING  # who just entered belongs to no arm yet


@dataclass(frozen=True, slots=True)
class RunShown:
    id: int
    member_id: int
    version: int
    status: str
    step: str | None
    due_at: datetime
    reason: str | None
    entered_at: datetime
    ended_at: datetime | None


_RUN = sa.select(*(RUNS.c[name] for name in RunShown.__slots__))


def runs(
    session: Session,
    journey_id: int,
    *,
    status: str,
    step: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[RunShown]:
    """Newest first; `step` only those who stand there; `before` an id, for the next page."""
    query = _RUN.where(RUNS.c.journey_id == journey_id, RUNS.c.status == status)
    if step is not None:
        query = query.where(RUNS.c.step == step)
    if before is not None:
        query = query.where(RUNS.c.id < before)
    rows = session.execute(query.order_by(RUNS.c.id.desc()).limit(limit))
    return [RunShown(*tuple(row)) for row in rows]


@dataclass(frozen=True, slots=True)
class RunOfMember:
    """`name` is the journey's."""

    run: RunShown
    journey_id: int
    name: str


def runs_of(session: Session, member_id: int, *, limit: int = 20) -> list[RunOfMember]:
    """A member's ways, newest first."""
    rows = session.execute(
        _RUN.add_columns(RUNS.c.journey_id, JOURNEYS.c.name)
        .join_from(RUNS, JOURNEYS, JOURNEYS.c.id == RUNS.c.journey_id)
        .where(RUNS.c.member_id == member_id)
        .order_by(RUNS.c.id.desc())
        .limit(limit)
    )
    return [RunOfMember(RunShown(*tuple(row)[:-2]), row[-2], row[-1]) for row in rows]


@dataclass(frozen=True, slots=True)
class MarkShown:
    step: str
    outcome: str
    reason: str | None
    at: datetime
    pressed_at: datetime | None


def marks(session: Session, run_ids: Sequence[int]) -> Mapping[int, Sequence[MarkShown]]:
    """The steps passed on some ways, in order."""
    rows = session.execute(
        sa.select(
            MARKS.c.run_id,
            *(MARKS.c[name] for name in MarkShown.__slots__),
        )
        .where(MARKS.c.run_id.in_(run_ids))
        .order_by(MARKS.c.run_id, MARKS.c.at, MARKS.c.step)
    )
    found: dict[int, list[MarkShown]] = {}
    for run_id, *values in rows:
        found.setdefault(run_id, []).append(MarkShown(*values))
    return found


def overdue(session: Session, *, before: datetime) -> int:
    """Members of running journeys who should have been looked at before that instant."""
    found = session.scalar(
        sa.select(sa.func.count())
        .select_from(RUNS)
        .join(JOURNEYS, JOURNEYS.c.id == RUNS.c.journey_id)
        .where(
            JOURNEYS.c.status == rules.RUNNING,
            RUNS.c.status == rules.GOING,
            RUNS.c.due_at < before,
        )
    )
    return int(found or 0)


def has_due(session: Session, journey_id: int, *, now: datetime) -> bool:
    """Somebody on the way is to be looked at."""
    due = sa.exists().where(
        RUNS.c.journey_id == journey_id, RUNS.c.status == rules.GOING, RUNS.c.due_at <= now
    )
    return bool(session.scalar(sa.select(due)))


def broken(session: Session, *, limit: int = 20) -> list[str]:
    """Journeys whose members, steps and letters contradict each other."""
    found = [
        f"journey {journey_id}: {sent} letters are marked, {queued} were queued"
        for journey_id, (sent, queued) in _letters(session).items()
        if sent != queued
    ]
    over = sa.and_(JOURNEYS.c.status == rules.ENDED, RUNS.c.status == rules.GOING)
    half_ended = sa.and_(
        RUNS.c.status != rules.GOING, sa.or_(RUNS.c.step.is_not(None), RUNS.c.ended_at.is_(None))
    )
    lost = session.execute(
        sa.select(RUNS.c.journey_id, sa.func.count())
        .join_from(RUNS, JOURNEYS, JOURNEYS.c.id == RUNS.c.journey_id)
        .where(sa.or_(over, half_ended))
        .group_by(RUNS.c.journey_id)
        .order_by(RUNS.c.journey_id)
    )
    found += [f"journey {row[0]}: {row[1]} members are neither on the way nor out" for row in lost]
    return found[:limit]


def _letters(session: Session) -> dict[int, tuple[int, int]]:
    """By journey: the letters that its members' marks tell of, and those that were queued."""
    letters: set[tuple[int, str]] = set()
    for journey_id, plan in session.execute(sa.select(VERSIONS.c.journey_id, VERSIONS.c.plan)):
        steps = rules.each(rules.from_document(plan).steps)
        letters |= {(journey_id, step.code) for step in steps if step.kind == "letter"}
    marked = session.execute(
        sa.select(MARKS.c.journey_id, MARKS.c.step, sa.func.count())
        .where(MARKS.c.outcome == QUEUED)
        .group_by(MARKS.c.journey_id, MARKS.c.step)
    )
    sent: dict[int, int] = {journey_id: 0 for journey_id, _step in letters}
    for journey_id, step, number in marked:
        if (journey_id, step) in letters:
            sent[journey_id] += number
    kind = OutboxRow.kind
    rows = session.execute(
        sa.select(kind, sa.func.count()).where(kind.startswith(f"{KIND}:")).group_by(kind)
    )
    queued = {row[0]: row[1] for row in rows}
    return {
        journey_id: (sent[journey_id], queued.get(kind_of(journey_id), 0)) for journey_id in sent
    }

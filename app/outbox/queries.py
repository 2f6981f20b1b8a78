"""What stands in the outbox."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.outbox import models
from app.outbox.models import IS_PROMOTION, READERS, OutboxRow, Quota


@dataclass(frozen=True, slots=True)
class OutboxState:
    waiting: int
    parked: int
    sent_since: int
    oldest_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sending:
    """One request to LINE as evidence: what, when, how it ended."""

    id: int
    channel: str
    klass: str
    kind: str
    member_id: int | None
    status: str
    created_at: datetime
    sent_at: datetime | None
    attempts: int
    request_id: str | None
    reason: str | None
    payload: str


def state(session: Session, *, since: datetime, now: datetime) -> OutboxState:
    """`oldest_due_at` is of rows due by `now` and not sent: the lag."""
    open_rows = OutboxRow.status.in_((models.WAITING, models.SENDING))
    waiting, oldest = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.min(sa.case((OutboxRow.due_at <= now, OutboxRow.due_at))),
        ).where(open_rows)
    ).one()
    parked = session.scalar(sa.select(sa.func.count()).where(OutboxRow.status == models.PARKED))
    sent = session.scalar(
        sa.select(sa.func.count()).where(
            OutboxRow.sent_at >= since, OutboxRow.status == models.SENT
        )
    )
    return OutboxState(waiting, parked or 0, sent or 0, oldest)


def used_up_until(session: Session, *, now: datetime) -> datetime | None:
    """Until when LINE takes no counted messages; None while it does."""
    return session.scalar(sa.select(Quota.used_up_until).where(Quota.used_up_until > now))


def pushed_since(session: Session, since: datetime) -> int:
    """Messages that LINE took from then on, one a person: what its monthly quota counts. Replies
    are free."""
    taken = (OutboxRow.sent_at >= since, OutboxRow.channel == models.PUSH)
    pushed = session.scalar(sa.select(sa.func.count()).where(*taken)) or 0
    many = (
        sa.select(sa.func.count())
        .join_from(OutboxRow, READERS, READERS.c.outbox_id == OutboxRow.id)
        .where(
            OutboxRow.sent_at >= since,
            OutboxRow.channel == models.MULTICAST,
            READERS.c.status == models.READING,
        )
    )
    return pushed + (session.scalar(many) or 0)


# Of one kind, alone or with others ----------------------------------------------------------------

_IS_SINGLE = OutboxRow.channel != models.MULTICAST


def _of_kind(kind: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (IS_PROMOTION, OutboxRow.kind == kind)


def letters_by_status(session: Session, kind: str) -> Mapping[str, int]:
    """How many people's promotions of this kind stand how. Two passes, however many."""
    found: Counter[str] = Counter()
    singles = (
        sa.select(OutboxRow.status, sa.func.count())
        .where(*_of_kind(kind), _IS_SINGLE)
        .group_by(OutboxRow.status)
    )
    status = sa.case(
        (READERS.c.status == models.LEFT, sa.literal(models.CANCELLED)), else_=OutboxRow.status
    )
    shared = (
        sa.select(status, sa.func.count())
        .join_from(READERS, OutboxRow, OutboxRow.id == READERS.c.outbox_id)
        .where(READERS.c.kind == kind)
        .group_by(status)
    )
    for query in (singles, shared):
        for named, number in session.execute(query):
            found[named] += number
    return found


def waiting_of(session: Session, kind: str, *, most: int) -> int:
    """How many people's promotions of this kind LINE was not given yet, counted up to `most`."""
    waiting = (*_of_kind(kind), OutboxRow.status == models.WAITING)
    singles = sa.select(sa.literal(1)).where(*waiting, _IS_SINGLE).limit(most).subquery()
    shared = (
        sa.select(sa.literal(1))
        .join_from(OutboxRow, READERS, READERS.c.outbox_id == OutboxRow.id)
        .where(*waiting, OutboxRow.channel == models.MULTICAST)
        .limit(most)
        .subquery()
    )
    counted = [
        session.scalar(sa.select(sa.func.count()).select_from(rows)) or 0
        for rows in (singles, shared)
    ]
    return min(most, sum(counted))


@dataclass(frozen=True, slots=True)
class LetterState:
    """`reason` says why LINE has not taken it."""

    status: str | None
    sent_at: datetime | None
    reason: str | None


def letters_to(
    session: Session, kind: str, member_ids: Sequence[int]
) -> dict[int | None, LetterState]:
    """By member, what became of their letter of this kind."""
    shown = (OutboxRow.status, OutboxRow.sent_at, OutboxRow.reason)
    singles = sa.select(OutboxRow.member_id, *shown).where(
        *_of_kind(kind), _IS_SINGLE, OutboxRow.member_id.in_(member_ids)
    )
    found = {
        member_id: LetterState(status, sent_at, reason)
        for member_id, status, sent_at, reason in session.execute(singles)
    }
    shared = (
        sa.select(READERS.c.member_id, READERS.c.status, READERS.c.reason, *shown)
        .join_from(READERS, OutboxRow, OutboxRow.id == READERS.c.outbox_id)
        .where(READERS.c.kind == kind, READERS.c.member_id.in_(member_ids))
    )
    for member_id, reading, left, *state in session.execute(shared):
        if reading == models.LEFT:
            found[member_id] = LetterState(models.CANCELLED, None, left)
        else:
            found[member_id] = LetterState(*state)
    return found


def readers_of(session: Session, outbox_ids: Sequence[int]) -> dict[int, int]:
    """Of multicasts, how many people each is for."""
    rows = session.execute(
        sa.select(READERS.c.outbox_id, sa.func.count())
        .where(READERS.c.outbox_id.in_(outbox_ids), READERS.c.status == models.READING)
        .group_by(READERS.c.outbox_id)
    )
    return {row[0]: row[1] for row in rows}


_SENDING = sa.select(
    OutboxRow.id,
    OutboxRow.channel,
    OutboxRow.klass,
    OutboxRow.kind,
    OutboxRow.member_id,
    OutboxRow.status,
    OutboxRow.created_at,
    OutboxRow.sent_at,
    OutboxRow.attempts,
    OutboxRow.request_id,
    OutboxRow.reason,
    OutboxRow.payload,
)


def parked_rows(session: Session, *, limit: int = 100) -> list[Sending]:
    rows = session.execute(
        _SENDING.where(OutboxRow.status == models.PARKED).order_by(OutboxRow.id.desc()).limit(limit)
    )
    return [Sending(*tuple(row)) for row in rows]


def sendings_to(session: Session, member_id: int, *, limit: int = 50) -> list[Sending]:
    """Newest first, what went to them alone and what went to them with others."""
    newest: Any = OutboxRow.id.desc()
    alone = session.execute(
        _SENDING.where(OutboxRow.member_id == member_id).order_by(newest).limit(limit)
    )
    shared = session.execute(
        _SENDING.add_columns(READERS.c.status, READERS.c.reason)
        .join(READERS, READERS.c.outbox_id == OutboxRow.id)
        .where(READERS.c.member_id == member_id)
        .order_by(newest)
        .limit(limit)
    )
    found = [Sending(*tuple(row)) for row in alone]
    for *row, reading, left in shared:
        sending = replace(Sending(*row), member_id=member_id)
        if reading == models.LEFT:
            sending = replace(sending, status=models.CANCELLED, sent_at=None, reason=left)
        found.append(sending)
    return sorted(found, key=lambda sending: -sending.id)[:limit]

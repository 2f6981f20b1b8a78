"""What the timed jobs did last."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.firings.models import DONE, FAILED, JobRun


@dataclass(frozen=True, slots=True)
class Firing:
    id: int
    job: str
    due_at: datetime
    status: str
    attempts: int
    started_at: datetime
    finished_at: datetime | None
    result: Any
    error: str | None


_FIRING = sa.select(
    JobRun.id,
    JobRun.job,
    JobRun.due_at,
    JobRun.status,
    JobRun.attempts,
    JobRun.started_at,
    JobRun.finished_at,
    JobRun.result,
    JobRun.error,
)


def latest(session: Session, job: str, *, status: str | None = None) -> Firing | None:
    query = _FIRING.where(JobRun.job == job)
    if status is not None:
        query = query.where(JobRun.status == status)
    row = session.execute(query.order_by(JobRun.due_at.desc()).limit(1)).one_or_none()
    return None if row is None else Firing(*tuple(row))


def latest_of_each(session: Session) -> list[Firing]:
    newest = (
        sa.select(JobRun.job, sa.func.max(JobRun.due_at).label("due_at"))
        .group_by(JobRun.job)
        .subquery()
    )
    rows = session.execute(
        _FIRING.join(
            newest, sa.and_(newest.c.job == JobRun.job, newest.c.due_at == JobRun.due_at)
        ).order_by(JobRun.job)
    )
    return [Firing(*tuple(row)) for row in rows]


@dataclass(frozen=True, slots=True)
class JobState:
    job: str
    done_at: datetime | None  # when it last finished well
    is_failing: bool


def states(session: Session) -> list[JobState]:
    rows = session.execute(
        sa.select(JobRun.job, sa.func.max(JobRun.finished_at).label("done_at"))
        .where(JobRun.status == DONE)
        .group_by(JobRun.job)
    )
    done = {row.job: row.done_at for row in rows}
    return [
        JobState(firing.job, done.get(firing.job), firing.status == FAILED)
        for firing in latest_of_each(session)
    ]

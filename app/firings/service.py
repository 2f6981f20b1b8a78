"""Take a firing, write down how it ended. Whoever comes second gets nothing."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed, insert_for
from app.firings.models import DONE, FAILED, RUNNING, JobRun

MOST_ATTEMPTS = 3
AGAIN_AFTER = timedelta(minutes=5)
KEPT = timedelta(days=30)
LOST = "the process ended while the job ran"


def take(session: Session, *, job: str, due_at: datetime, now: datetime) -> int | None:
    """The id of the firing, now ours; None when somebody has it, had it, or may try it later."""
    insert = insert_for(session, JobRun).on_conflict_do_nothing().returning(JobRun.id)
    values = {"job": job, "due_at": due_at, "status": RUNNING, "attempts": 1, "started_at": now}
    mine = session.scalars(insert, values).one_or_none()
    return _take_again(session, job, due_at, now) if mine is None else int(mine)


def _take_again(session: Session, job: str, due_at: datetime, now: datetime) -> int | None:
    mine = session.scalars(
        sa.update(JobRun)
        .where(
            JobRun.job == job,
            JobRun.due_at == due_at,
            JobRun.status == FAILED,
            JobRun.attempts < MOST_ATTEMPTS,
            JobRun.finished_at <= now - AGAIN_AFTER,
        )
        .values(
            status=RUNNING,
            attempts=JobRun.attempts + 1,
            started_at=now,
            finished_at=None,
            error=None,
        )
        .returning(JobRun.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if mine is None else int(mine)


def finish(session: Session, run_id: int, *, result: Any, now: datetime) -> None:
    _end(session, run_id, status=DONE, finished_at=now, result=result)


def fail(session: Session, run_id: int, *, error: str, now: datetime) -> None:
    _end(session, run_id, status=FAILED, finished_at=now, error=error.replace("\x00", ""))


def _end(session: Session, run_id: int, **values: Any) -> None:
    changed(
        session,
        sa.update(JobRun).where(JobRun.id == run_id, JobRun.status == RUNNING).values(**values),
    )


def release_lost(session: Session, *, now: datetime) -> int:
    """Only for the leader, who knows that nobody else runs jobs: what still stands as running
    belonged to a process that ended. It is tried again at once."""
    return changed(
        session,
        sa.update(JobRun)
        .where(JobRun.status == RUNNING)
        .values(status=FAILED, finished_at=now - AGAIN_AFTER, error=LOST),
    )


def forget_old(session: Session, *, now: datetime) -> int:
    """Firings older than a month, but never a job's newest."""
    newest = sa.select(sa.func.max(JobRun.due_at)).group_by(JobRun.job)
    return changed(
        session,
        sa.delete(JobRun).where(
            JobRun.finished_at < now - KEPT, JobRun.due_at.not_in(newest.scalar_subquery())
        ),
    )

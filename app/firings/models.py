"""When which timed job ran: one row a job and due time, which lets only one process do it."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime

RUNNING, DONE, FAILED = "running", "done", "failed"


class JobRun(Table):
    __tablename__ = "job_runs"
    __table_args__ = (
        sa.UniqueConstraint("job", "due_at"),
        sa.CheckConstraint("status IN ('running', 'done', 'failed')", name="status"),
        sa.Index("ix_job_runs_finished_at", "finished_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    job: Mapped[str] = mapped_column(sa.String(40))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(sa.String(10), default=RUNNING)
    attempts: Mapped[int] = mapped_column(sa.Integer, default=1)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[Any] = mapped_column(Json, nullable=True)  # what the job found or did
    error: Mapped[str | None] = mapped_column(sa.Text)

"""Changes of the programme on their way: written, waiting for a second person, decided."""

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Json, Table, UtcDateTime


class ProgrammeDraft(Table):
    __tablename__ = "programme_drafts"
    __table_args__ = (
        sa.CheckConstraint(
            "status IN ('open', 'waiting', 'approved', 'rejected', 'withdrawn')", name="status"
        ),
        sa.CheckConstraint("(version IS NULL) = (status <> 'approved')", name="version"),
        sa.Index("ix_programme_drafts_status", "status", "id"),
    )

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)
    form_id: Mapped[str] = mapped_column(sa.String(80), unique=True)  # made on the page
    based_on: Mapped[int] = mapped_column(sa.Integer)  # the newest version then; 0: none
    terms: Mapped[Any] = mapped_column(Json)
    starts_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # NULL: when it is approved
    note: Mapped[str] = mapped_column(sa.String(200))  # why
    author: Mapped[int] = mapped_column(sa.ForeignKey("staff.id"))
    edition: Mapped[int] = mapped_column(sa.Integer, default=1)  # counts its author's changes
    status: Mapped[str] = mapped_column(sa.String(10), default="open")
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(sa.String(200), default="")  # of a rejection
    version: Mapped[int | None] = mapped_column(sa.ForeignKey("programmes.id"))  # it became


DRAFTS = cast(sa.Table, ProgrammeDraft.__table__)

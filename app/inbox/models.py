"""Events received from LINE, one row each, kept as evidence."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime

WAITING, HANDLED, PARKED = "waiting", "handled", "parked"


class InboxEvent(Table):
    __tablename__ = "inbox"
    __table_args__ = (
        sa.Index(
            "ix_inbox_waiting",
            "person",
            "occurred_ms",
            "id",
            sqlite_where=sa.text("status = 'waiting'"),
            postgresql_where=sa.text("status = 'waiting'"),
        ),
        sa.Index(
            "ix_inbox_due",
            "id",
            sqlite_where=sa.text("status = 'waiting'"),
            postgresql_where=sa.text("status = 'waiting'"),
        ),
        sa.Index(
            "ix_inbox_parked",
            "id",
            sqlite_where=sa.text("status = 'parked'"),
            postgresql_where=sa.text("status = 'parked'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    webhook_event_id: Mapped[str] = mapped_column(sa.String(64), unique=True)
    # Whose queue it stands in: the LINE user, else the group or room, else the event itself.
    person: Mapped[str] = mapped_column(sa.String(64))
    type: Mapped[str] = mapped_column(sa.String(40))
    occurred_ms: Mapped[int] = mapped_column(sa.BigInteger)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    body: Mapped[str] = mapped_column(sa.Text)
    status: Mapped[str] = mapped_column(sa.String(10), default=WAITING)
    # When it may be taken next: now, after a back-off, or when the lease of a dead worker ends.
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(sa.Integer, default=0)
    lease: Mapped[str | None] = mapped_column(sa.String(40))
    handled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(sa.String(40))  # the handler's name, or why ignored
    error: Mapped[str | None] = mapped_column(sa.Text)

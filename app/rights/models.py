"""Closed memberships on their way to being wiped, and phones known only by a keyed hash."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime


class Closing(Table):
    """One wish to leave. At most one is under way for a member."""

    __tablename__ = "closings"
    __table_args__ = (
        sa.Index(
            "uq_closings_open",
            "member_id",
            unique=True,
            sqlite_where=sa.text("undone_at IS NULL AND wiped_at IS NULL"),
            postgresql_where=sa.text("undone_at IS NULL AND wiped_at IS NULL"),
        ),
        sa.Index(
            "ix_closings_wipe_at",
            "wipe_at",
            sqlite_where=sa.text("undone_at IS NULL AND wiped_at IS NULL"),
            postgresql_where=sa.text("undone_at IS NULL AND wiped_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    channel: Mapped[str] = mapped_column(sa.String(20))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    wipe_at: Mapped[datetime] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    wiped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ForgottenPhone(Table):
    """A phone that was a member's: no second welcome gift until `until`."""

    __tablename__ = "forgotten_phones"

    phone_hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    until: Mapped[datetime] = mapped_column(UtcDateTime)

"""Closed memberships on their way to being wiped, and phones known only by a keyed hash."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime, table_of


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


class PrivacyRequest(Table):
    """What somebody asked of a person of the shop about their data, and by when it is decided."""

    __tablename__ = "privacy_requests"
    __table_args__ = (
        sa.CheckConstraint("status IN ('open', 'done', 'refused', 'withdrawn')", name="status"),
        sa.Index("ix_privacy_requests_status", "status", "due_on", "id"),
        sa.Index("ix_privacy_requests_member_id", "member_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(sa.String(64), unique=True)  # of the form it came with
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    kind: Mapped[str] = mapped_column(sa.String(10))
    channel: Mapped[str] = mapped_column(sa.String(10))
    asked_on: Mapped[date] = mapped_column(sa.Date)  # Taipei
    due_on: Mapped[date] = mapped_column(sa.Date)
    is_prolonged: Mapped[bool] = mapped_column(sa.Boolean)
    status: Mapped[str] = mapped_column(sa.String(10))
    note: Mapped[str] = mapped_column(sa.String(300))
    staff_id: Mapped[int] = mapped_column(sa.ForeignKey("staff.id"))  # who touched it last
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


REQUESTS = table_of(PrivacyRequest)

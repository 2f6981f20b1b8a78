"""Which tier a member held when, and why. One open row per member."""

from datetime import datetime
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime


class TierPeriod(Table):
    __tablename__ = "tier_periods"
    __table_args__ = (
        sa.Index(
            "uq_tier_periods_open",
            "member_id",
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        ),
        sa.Index("ix_tier_periods_member_id", "member_id", "id"),
        sa.Index(
            "ix_tier_periods_ends_at",
            "ends_at",
            "member_id",
            sqlite_where=sa.text("closed_at IS NULL AND ends_at IS NOT NULL"),
            postgresql_where=sa.text("closed_at IS NULL AND ends_at IS NOT NULL"),
        ),
        sa.Index("ix_tier_periods_tier_code", "tier_code", "member_id"),
        sa.CheckConstraint("ends_at IS NULL OR ends_at > starts_at", name="ends_at"),
        sa.CheckConstraint("closed_at IS NULL OR closed_at >= starts_at", name="closed_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    tier_code: Mapped[str] = mapped_column(sa.String(20))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # NULL: until something better
    reason: Mapped[str] = mapped_column(sa.String(10))
    programme_version: Mapped[int] = mapped_column(sa.ForeignKey("programmes.id"))
    purchase_id: Mapped[int | None] = mapped_column(sa.ForeignKey("purchases.id"))  # that lifted
    qualifying: Mapped[int] = mapped_column(sa.Integer, default=0)  # NT$ that earned the tier
    actor: Mapped[str] = mapped_column(sa.String(80), default="system")
    note: Mapped[str] = mapped_column(sa.String(200), default="")  # staff must say why
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when the tier stopped
    closed_reason: Mapped[str | None] = mapped_column(sa.String(10))


# The same tables for Core statements, which the hot paths use.
PERIODS = cast(sa.Table, TierPeriod.__table__)

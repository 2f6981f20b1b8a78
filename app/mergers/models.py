"""Two memberships that turned out to be one person, and every row that changed hands for it."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime


class Merger(Table):
    __tablename__ = "mergers"
    __table_args__ = (
        sa.CheckConstraint("kept_id <> absorbed_id", name="two_members"),
        sa.Index("ix_mergers_kept_id", "kept_id", "id"),
        sa.Index(
            "uq_mergers_absorbed_id",
            "absorbed_id",
            unique=True,
            sqlite_where=sa.text("undone_at IS NULL"),
            postgresql_where=sa.text("undone_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    kept_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    absorbed_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    staff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    reason: Mapped[str] = mapped_column(sa.String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    took_line: Mapped[bool] = mapped_column(sa.Boolean)  # the LINE account moved, too
    took_phone: Mapped[bool] = mapped_column(sa.Boolean)
    period_id: Mapped[int | None] = mapped_column(sa.ForeignKey("tier_periods.id"))  # it opened
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_by: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))


class MovedRow(Table):
    """A row that the merger gave to the kept member, so that it can be given back."""

    __tablename__ = "merger_rows"

    merger_id: Mapped[int] = mapped_column(sa.ForeignKey("mergers.id"), primary_key=True)
    owner: Mapped[str] = mapped_column(sa.String(60), primary_key=True)  # `coupons.member_id`
    row_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)

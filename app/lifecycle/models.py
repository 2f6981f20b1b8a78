"""Life-cycle messages: which are due, what became of each and why."""

from datetime import datetime
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime

DUE, HELD, QUEUED, DROPPED = "due", "held", "queued", "dropped"
OPEN = (DUE, HELD)


class LifecycleSend(Table):
    """One row a member, rule and occasion: an occasion comes once, however often it is looked for.

    `reason` says in a marketer's words why it is held or was dropped."""

    __tablename__ = "lifecycle_sends"
    __table_args__ = (
        sa.UniqueConstraint("member_id", "rule", "occasion"),
        sa.CheckConstraint("status IN ('due', 'held', 'queued', 'dropped')", name="status"),
        sa.Index(
            "ix_lifecycle_sends_open",
            "priority",
            "due_at",
            sqlite_where=sa.text("status IN ('due', 'held')"),
            postgresql_where=sa.text("status IN ('due', 'held')"),
        ),
        sa.Index("ix_lifecycle_sends_rule", "rule", "decided_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    rule: Mapped[str] = mapped_column(sa.String(30))
    occasion: Mapped[str] = mapped_column(sa.String(40))
    step: Mapped[int] = mapped_column(sa.Integer)  # days of the rule's step: 30, 7, 1
    subject_id: Mapped[int | None] = mapped_column(sa.BigInteger)  # coupon, purchase, tier period
    klass: Mapped[str] = mapped_column(sa.String(10))  # service | expiry | lifecycle
    priority: Mapped[int] = mapped_column(sa.Integer)  # the smaller goes first
    status: Mapped[str] = mapped_column(sa.String(10))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stale_at: Mapped[datetime] = mapped_column(UtcDateTime)  # from here on it makes no sense
    reason: Mapped[str | None] = mapped_column(sa.String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


SENDS = cast(sa.Table, LifecycleSend.__table__)

"""Addresses that are told of facts, and one row for each fact and address."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime, table_of

# Of the partial indexes.
WAITS = "status = 'waiting'"
FAILS = "status = 'failed'"
TRIED = "tried_at IS NOT NULL"


class Hook(Table):
    """`secret` and `old_secret` are sealed. `seen`, `read_to`, `marked` and `marked_at` say how far
    in the time line it has read: see `timeline.queries.portion`."""

    __tablename__ = "hooks"
    __table_args__ = (sa.CheckConstraint("status IN ('on', 'paused', 'removed')", name="status"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    code: Mapped[str] = mapped_column(sa.String(12), unique=True)  # part of the ids it sends
    name: Mapped[str] = mapped_column(sa.String(40))
    url: Mapped[str] = mapped_column(sa.String(500))
    kinds: Mapped[Any] = mapped_column(Json)  # of facts
    with_person: Mapped[bool] = mapped_column(sa.Boolean)  # name, phone and e-mail go along
    status: Mapped[str] = mapped_column(sa.String(10))
    reason: Mapped[str | None] = mapped_column(sa.String(20))  # why it is paused, see rules.py
    secret: Mapped[str] = mapped_column(sa.Text)
    old_secret: Mapped[str | None] = mapped_column(sa.Text)
    old_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    read_to: Mapped[int] = mapped_column(sa.BigInteger)
    marked: Mapped[int] = mapped_column(sa.BigInteger)
    seen: Mapped[int] = mapped_column(sa.BigInteger)
    marked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Delivery(Table):
    """What one address is owed. `body` is the JSON exactly as it is sent, each time the same."""

    __tablename__ = "hook_deliveries"
    __table_args__ = (
        sa.CheckConstraint(
            "status IN ('waiting', 'delivered', 'failed', 'cancelled')", name="status"
        ),
        sa.UniqueConstraint("hook_id", "key"),
        sa.Index("ix_hook_deliveries_hook_id", "hook_id", "id"),
        sa.Index("ix_hook_deliveries_member_id", "member_id"),
        sa.Index("ix_hook_deliveries_created_at", "created_at"),
        sa.Index(
            "ix_hook_deliveries_due_at",
            "hook_id",
            "due_at",
            sqlite_where=sa.text(WAITS),
            postgresql_where=sa.text(WAITS),
        ),
        sa.Index(
            "ix_hook_deliveries_failed",
            "hook_id",
            sqlite_where=sa.text(FAILS),
            postgresql_where=sa.text(FAILS),
        ),
        sa.Index(
            "ix_hook_deliveries_tried_at",
            "hook_id",
            "tried_at",
            sqlite_where=sa.text(TRIED),
            postgresql_where=sa.text(TRIED),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    hook_id: Mapped[int] = mapped_column(sa.ForeignKey("hooks.id"))
    key: Mapped[str] = mapped_column(sa.String(80))  # fact:12, journey:3:1:s2:78, test:…
    event_id: Mapped[str] = mapped_column(sa.String(100))  # as the receiver sees it
    kind: Mapped[str] = mapped_column(sa.String(40))
    member_id: Mapped[int | None] = mapped_column(sa.ForeignKey("members.id"))
    body: Mapped[str] = mapped_column(sa.Text)
    status: Mapped[str] = mapped_column(sa.String(10))
    attempts: Mapped[int] = mapped_column(sa.Integer)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease: Mapped[str | None] = mapped_column(sa.String(36))
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answer: Mapped[int | None] = mapped_column(sa.Integer)  # HTTP status of the last try
    trouble: Mapped[str | None] = mapped_column(sa.String(20))  # see rules.py
    tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


HOOKS, DELIVERIES = table_of(Hook), table_of(Delivery)

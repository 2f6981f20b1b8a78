"""The points ledger. Operations and entries are append-only; lots carry what is left of each grant;
the account is a cache of the fold and the row that serialises a member's changes.

An entry moves points of one bucket: `pending` (not usable yet), `usable`, `debt`. Always:
balance = Σ usable + Σ debt, pending = Σ pending, debt = −Σ debt, and a lot's remaining = the sum of
its entries."""

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime

PENDING, USABLE, DEBT = "pending", "usable", "debt"


class PointAccount(Table):
    __tablename__ = "point_accounts"
    __table_args__ = (
        sa.CheckConstraint("pending >= 0", name="pending"),
        sa.CheckConstraint("debt >= 0", name="debt"),
        sa.CheckConstraint("balance >= 0 - debt", name="balance"),
        sa.Index(
            "ix_point_accounts_next_change_at",
            "next_change_at",
            "member_id",
            sqlite_where=sa.text("next_change_at IS NOT NULL"),
            postgresql_where=sa.text("next_change_at IS NOT NULL"),
        ),
        sa.Index(
            "ix_point_accounts_next_expiry_at",
            "next_expiry_at",
            "member_id",
            sqlite_where=sa.text("next_expiry_at IS NOT NULL"),
            postgresql_where=sa.text("next_expiry_at IS NOT NULL"),
        ),
    )

    member_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("members.id"), primary_key=True, autoincrement=False
    )
    balance: Mapped[int] = mapped_column(sa.Integer, default=0)  # usable points less debt
    pending: Mapped[int] = mapped_column(sa.Integer, default=0)
    debt: Mapped[int] = mapped_column(sa.Integer, default=0)
    # First activation or expiry to come. Before it the stored numbers are exact; from it on a
    # read folds the lots and a write settles first.
    next_change_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_expiry_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # of usable points
    next_expiry_points: Mapped[int] = mapped_column(sa.Integer, default=0)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PointOperation(Table):
    __tablename__ = "point_operations"
    __table_args__ = (
        sa.Index("ix_point_operations_member_id", "member_id", "id"),
        sa.Index("ix_point_operations_source", "source", "source_id"),
        sa.Index("ix_point_operations_kind_at", "kind", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    kind: Mapped[str] = mapped_column(sa.String(10))
    external_id: Mapped[str] = mapped_column(sa.String(120), unique=True)
    content_hash: Mapped[str] = mapped_column(sa.String(64))
    amount: Mapped[int] = mapped_column(sa.Integer)  # points, signed, as the member sees it
    actor: Mapped[str] = mapped_column(sa.String(80))
    reason: Mapped[str] = mapped_column(sa.String(200))
    source: Mapped[str | None] = mapped_column(sa.String(20))  # purchase | refund | lot | operation
    source_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    programme_version: Mapped[int | None] = mapped_column(sa.ForeignKey("programmes.id"))
    facts: Mapped[Any] = mapped_column(Json, nullable=True)  # how the number came about
    at: Mapped[datetime] = mapped_column(UtcDateTime)  # when it took effect
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PointLot(Table):
    __tablename__ = "point_lots"
    __table_args__ = (
        sa.CheckConstraint("remaining >= 0 AND remaining <= quantity", name="remaining"),
        sa.Index(
            "ix_point_lots_member_id",
            "member_id",
            "expires_at",
            sqlite_where=sa.text("remaining > 0"),
            postgresql_where=sa.text("remaining > 0"),
        ),
        sa.Index("ix_point_lots_operation_id", "operation_id"),
        sa.Index(
            "ix_point_lots_expires_at",
            "expires_at",
            sqlite_where=sa.text("remaining > 0"),
            postgresql_where=sa.text("remaining > 0"),
        ),
        sa.Index(
            "ix_point_lots_usable_from",
            "usable_from",
            sqlite_where=sa.text("remaining > 0 AND NOT is_active"),
            postgresql_where=sa.text("remaining > 0 AND NOT is_active"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    member_id: Mapped[int] = mapped_column(sa.BigInteger)
    operation_id: Mapped[int] = mapped_column(sa.ForeignKey("point_operations.id"))
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("point_lots.id"))  # restored from
    quantity: Mapped[int] = mapped_column(sa.Integer)
    remaining: Mapped[int] = mapped_column(sa.Integer)
    earned_at: Mapped[datetime] = mapped_column(UtcDateTime)
    usable_from: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # NULL: never
    is_active: Mapped[bool] = mapped_column(sa.Boolean)  # moved from pending to usable


class PointEntry(Table):
    __tablename__ = "point_entries"
    __table_args__ = (
        sa.CheckConstraint("(bucket = 'debt') = (lot_id IS NULL)", name="lot"),
        sa.Index("ix_point_entries_operation_id", "operation_id"),
        sa.Index("ix_point_entries_member_id", "member_id", "id"),
        sa.Index("ix_point_entries_lot_id", "lot_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    operation_id: Mapped[int] = mapped_column(sa.ForeignKey("point_operations.id"))
    member_id: Mapped[int] = mapped_column(sa.BigInteger)
    lot_id: Mapped[int | None] = mapped_column(sa.ForeignKey("point_lots.id"))  # NULL: debt
    bucket: Mapped[str] = mapped_column(sa.String(7))
    amount: Mapped[int] = mapped_column(sa.Integer)  # points, signed
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class PointCorrection(Table):
    """A correction larger than who asked for it may make alone: waits for a second person."""

    __tablename__ = "point_corrections"
    __table_args__ = (
        sa.CheckConstraint("points <> 0", name="points"),
        sa.CheckConstraint("status IN ('waiting', 'approved', 'rejected')", name="status"),
        sa.Index("ix_point_corrections_member_id", "member_id"),
        sa.Index("ix_point_corrections_status", "status", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    external_id: Mapped[str] = mapped_column(sa.String(80), unique=True)  # made on the page
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    points: Mapped[int] = mapped_column(sa.Integer)  # signed
    reason: Mapped[str] = mapped_column(sa.String(200))
    asked_by: Mapped[int] = mapped_column(sa.ForeignKey("staff.id"))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(sa.String(8), default="waiting")
    decided_by: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


# The same tables for Core statements, which the hot paths use.
ACCOUNTS = cast(sa.Table, PointAccount.__table__)
OPERATIONS = cast(sa.Table, PointOperation.__table__)
LOTS = cast(sa.Table, PointLot.__table__)
ENTRIES = cast(sa.Table, PointEntry.__table__)
CORRECTIONS = cast(sa.Table, PointCorrection.__table__)

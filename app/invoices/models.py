"""Invoices that members registered, once each, and the photos that wait to be read."""

from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime

PENDING, MATCHED, ACCEPTED, REVIEW, REJECTED = (
    "pending",  # no till has told of the sale yet: points wait
    "matched",  # a till told of the same number and amount
    "accepted",  # the waiting time passed, or staff looked
    "review",  # a till told something else: waits for a person
    "rejected",
)
STATUSES: Final = (PENDING, MATCHED, ACCEPTED, REVIEW, REJECTED)
WAITING, READ, FAILED = "waiting", "read", "failed"


class InvoiceClaim(Table):
    """One invoice of the brand, registered by one member: once per period and number."""

    __tablename__ = "invoice_claims"
    __table_args__ = (
        sa.CheckConstraint(
            "status IN ('pending', 'matched', 'accepted', 'review', 'rejected')", name="status"
        ),
        sa.UniqueConstraint("period", "number"),
        sa.Index("ix_invoice_claims_member_id", "member_id", "id"),
        sa.Index("ix_invoice_claims_status", "status", "hold_until"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    period: Mapped[str] = mapped_column(sa.String(5))
    number: Mapped[str] = mapped_column(sa.String(10))
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    purchase_id: Mapped[int | None] = mapped_column(sa.ForeignKey("purchases.id"))
    status: Mapped[str] = mapped_column(sa.String(10))
    source: Mapped[str] = mapped_column(sa.String(10))  # chat | liff | clerk
    total: Mapped[int] = mapped_column(sa.Integer)  # NT$
    sold_on: Mapped[date] = mapped_column(sa.Date)
    seller: Mapped[str] = mapped_column(sa.String(8))
    random_code: Mapped[str] = mapped_column(sa.String(4))
    claimed_on: Mapped[date] = mapped_column(sa.Date)  # Taipei
    claimed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    hold_until: Mapped[date] = mapped_column(sa.Date)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    staff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    reason: Mapped[str | None] = mapped_column(sa.String(200))


class InvoicePhoto(Table):
    """A picture that a member sent: fetched from LINE and read outside of any transaction."""

    __tablename__ = "invoice_photos"
    __table_args__ = (
        sa.CheckConstraint("status IN ('waiting', 'read', 'failed')", name="status"),
        sa.Index(
            "ix_invoice_photos_due_at",
            "due_at",
            sqlite_where=sa.text("status = 'waiting'"),
            postgresql_where=sa.text("status = 'waiting'"),
        ),
        sa.Index("ix_invoice_photos_member_id", "member_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    message_id: Mapped[str] = mapped_column(sa.String(64), unique=True)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    reply_token: Mapped[str | None] = mapped_column(sa.String(64))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(sa.String(10))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(sa.Integer, default=0)
    codes: Mapped[Any] = mapped_column(Json, nullable=True)  # a lone code, until the other comes

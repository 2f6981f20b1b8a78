"""What was sold and given back, and the running totals per member and Taipei day."""

from datetime import date, datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime


class Purchase(Table):
    """A sale. Only the refund totals, the owner (claimed later) and the receipt ever change."""

    __tablename__ = "purchases"
    __table_args__ = (
        sa.CheckConstraint("amount >= 0", name="amount"),
        sa.CheckConstraint("refunded >= 0 AND refunded <= amount", name="refunded"),
        sa.CheckConstraint("qualifying >= 0 AND qualifying <= amount", name="qualifying"),
        sa.CheckConstraint("earning >= 0 AND earning <= amount", name="earning"),
        sa.CheckConstraint(
            "qualifying_refunded >= 0 AND qualifying_refunded <= qualifying",
            name="qualifying_refunded",
        ),
        sa.CheckConstraint(
            "earning_refunded >= 0 AND earning_refunded <= earning", name="earning_refunded"
        ),
        sa.Index("ix_purchases_member_id", "member_id", "sold_at", "id"),
        sa.Index("ix_purchases_store_id", "store_id", "sold_at"),
        sa.Index("ix_purchases_sold_at", "sold_at"),
        sa.Index(
            "uq_purchases_invoice",
            "invoice_period",
            "invoice_number",
            unique=True,
            sqlite_where=sa.text("invoice_number IS NOT NULL"),
            postgresql_where=sa.text("invoice_number IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    external_id: Mapped[str] = mapped_column(sa.String(80), unique=True)
    content_hash: Mapped[str] = mapped_column(sa.String(64))
    member_id: Mapped[int | None] = mapped_column(sa.ForeignKey("members.id"))  # NULL: unidentified
    store_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stores.id"))
    staff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    channel: Mapped[str] = mapped_column(sa.String(10))  # one of rules.CHANNELS
    sold_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sold_on: Mapped[date] = mapped_column(sa.Date)  # Taipei
    amount: Mapped[int] = mapped_column(sa.Integer)  # NT$ paid, tax included
    qualifying: Mapped[int] = mapped_column(sa.Integer)  # the part that counts towards a tier
    earning: Mapped[int] = mapped_column(sa.Integer)  # the part that earns points
    refunded: Mapped[int] = mapped_column(sa.Integer, default=0)
    qualifying_refunded: Mapped[int] = mapped_column(sa.Integer, default=0)
    earning_refunded: Mapped[int] = mapped_column(sa.Integer, default=0)
    invoice_number: Mapped[str | None] = mapped_column(sa.String(10))
    invoice_period: Mapped[str | None] = mapped_column(sa.String(5))  # ROC year + even month: 11504
    receipt: Mapped[Any] = mapped_column(Json, nullable=True)  # what was answered, for a replay
    programme_version: Mapped[int] = mapped_column(sa.ForeignKey("programmes.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PurchaseItem(Table):
    __tablename__ = "purchase_items"

    purchase_id: Mapped[int] = mapped_column(sa.ForeignKey("purchases.id"), primary_key=True)
    line: Mapped[int] = mapped_column(sa.Integer, primary_key=True)  # from 1
    sku: Mapped[str | None] = mapped_column(sa.String(64), index=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    category: Mapped[str | None] = mapped_column(sa.String(64))
    quantity: Mapped[int] = mapped_column(sa.Integer)
    unit_price: Mapped[int] = mapped_column(sa.Integer)  # NT$


class Refund(Table):
    __tablename__ = "refunds"
    __table_args__ = (
        sa.CheckConstraint("amount >= 0", name="amount"),
        sa.Index("ix_refunds_purchase_id", "purchase_id"),
        sa.Index("ix_refunds_refunded_at", "refunded_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    external_id: Mapped[str] = mapped_column(sa.String(80), unique=True)
    content_hash: Mapped[str] = mapped_column(sa.String(64))
    # NULL while it waits for a sale that a till has not uploaded yet.
    purchase_id: Mapped[int | None] = mapped_column(sa.ForeignKey("purchases.id"))
    purchase_external_id: Mapped[str] = mapped_column(sa.String(80))
    amount: Mapped[int] = mapped_column(sa.Integer)
    qualifying: Mapped[int] = mapped_column(sa.Integer, default=0)  # taken from the tier's sum
    earning: Mapped[int] = mapped_column(sa.Integer, default=0)  # taken from the points' base
    items: Mapped[Any] = mapped_column(Json)
    store_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stores.id"))
    staff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    receipt: Mapped[Any] = mapped_column(Json, nullable=True)
    refunded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PurchaseDay(Table):
    """Sums of a member's sales of one Taipei day; a refund lowers the day of its sale."""

    __tablename__ = "purchase_days"
    # The key is the row on SQLite: sums over a member's days read one tree instead of two.
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012  # as SQLAlchemy wants it

    member_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    count: Mapped[int] = mapped_column(sa.Integer)  # sales not wholly refunded
    net: Mapped[int] = mapped_column(sa.Integer)  # NT$ less refunds
    qualifying: Mapped[int] = mapped_column(sa.Integer)  # the part of `net` that counts for tiers


class PurchaseTotals(Table):
    """What a member ever bought, as running totals over their days. Days with nothing left of them
    are not counted; `first_day` and `last_day` are NULL without any."""

    __tablename__ = "purchase_totals"

    member_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    first_day: Mapped[date | None] = mapped_column(sa.Date)
    last_day: Mapped[date | None] = mapped_column(sa.Date)
    days: Mapped[int] = mapped_column(sa.Integer)
    count: Mapped[int] = mapped_column(sa.Integer)  # sales not wholly refunded
    net: Mapped[int] = mapped_column(sa.BigInteger)  # NT$ less refunds


# The same tables for Core statements, which the hot paths use.
PURCHASES = cast(sa.Table, Purchase.__table__)
ITEMS = cast(sa.Table, PurchaseItem.__table__)
REFUNDS = cast(sa.Table, Refund.__table__)
DAYS = cast(sa.Table, PurchaseDay.__table__)
TOTALS = cast(sa.Table, PurchaseTotals.__table__)

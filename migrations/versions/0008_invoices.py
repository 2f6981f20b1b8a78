"""invoices"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invoice_photos",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column(
            "member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("reply_token", sa.String(length=64), nullable=True),
        sa.Column("received_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("due_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("codes", db.Json(), nullable=True),
        sa.CheckConstraint(
            "status IN ('waiting', 'read', 'failed')", name=op.f("ck_invoice_photos_status")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_invoice_photos_member_id_members")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_photos")),
        sa.UniqueConstraint("message_id", name=op.f("uq_invoice_photos_message_id")),
    )
    with op.batch_alter_table("invoice_photos", schema=None) as batch_op:
        batch_op.create_index(
            "ix_invoice_photos_due_at",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("status = 'waiting'"),
            postgresql_where=sa.text("status = 'waiting'"),
        )
        batch_op.create_index("ix_invoice_photos_member_id", ["member_id", "id"], unique=False)

    op.create_table(
        "invoice_claims",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("period", sa.String(length=5), nullable=False),
        sa.Column("number", sa.String(length=10), nullable=False),
        sa.Column(
            "member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "purchase_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("sold_on", sa.Date(), nullable=False),
        sa.Column("seller", sa.String(length=8), nullable=False),
        sa.Column("random_code", sa.String(length=4), nullable=False),
        sa.Column("claimed_on", sa.Date(), nullable=False),
        sa.Column("claimed_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("hold_until", sa.Date(), nullable=False),
        sa.Column("settled_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'matched', 'accepted', 'review', 'rejected')",
            name=op.f("ck_invoice_claims_status"),
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_invoice_claims_member_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["purchase_id"], ["purchases.id"], name=op.f("fk_invoice_claims_purchase_id_purchases")
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_invoice_claims_staff_id_staff")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_claims")),
        sa.UniqueConstraint("period", "number", name=op.f("uq_invoice_claims_period_number")),
    )
    with op.batch_alter_table("invoice_claims", schema=None) as batch_op:
        batch_op.create_index("ix_invoice_claims_member_id", ["member_id", "id"], unique=False)
        batch_op.create_index("ix_invoice_claims_status", ["status", "hold_until"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("invoice_claims", schema=None) as batch_op:
        batch_op.drop_index("ix_invoice_claims_status")
        batch_op.drop_index("ix_invoice_claims_member_id")

    op.drop_table("invoice_claims")
    with op.batch_alter_table("invoice_photos", schema=None) as batch_op:
        batch_op.drop_index("ix_invoice_photos_member_id")
        batch_op.drop_index(
            "ix_invoice_photos_due_at",
            sqlite_where=sa.text("status = 'waiting'"),
            postgresql_where=sa.text("status = 'waiting'"),
        )

    op.drop_table("invoice_photos")

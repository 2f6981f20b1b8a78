"""Broadcasts"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "broadcasts",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column(
            "segment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column(
            "unpressed_of", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("segment_name", sa.String(length=60), nullable=False),
        sa.Column("segment_version", sa.Integer(), nullable=True),
        sa.Column("tree", db.Json(), nullable=True),
        sa.Column("letter", db.Json(), nullable=False),
        sa.Column("send_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease", sa.String(length=40), nullable=True),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("frozen", sa.Integer(), nullable=False),
        sa.Column("made_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("started_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('draft', 'due', 'freezing', 'sending', 'paused', 'done', 'cancelled')",
            name=op.f("ck_broadcasts_status"),
        ),
        sa.ForeignKeyConstraint(
            ["made_by"], ["staff.id"], name=op.f("fk_broadcasts_made_by_staff")
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segments.id"], name=op.f("fk_broadcasts_segment_id_segments")
        ),
        sa.ForeignKeyConstraint(
            ["unpressed_of"], ["broadcasts.id"], name=op.f("fk_broadcasts_unpressed_of_broadcasts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broadcasts")),
    )
    op.create_table(
        "broadcast_recipients",
        sa.Column(
            "broadcast_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column(
            "member_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("due_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("coupon_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("clicked_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('due', 'held', 'queued', 'dropped', 'control')",
            name=op.f("ck_broadcast_recipients_status"),
        ),
        sa.ForeignKeyConstraint(
            ["broadcast_id"],
            ["broadcasts.id"],
            name=op.f("fk_broadcast_recipients_broadcast_id_broadcasts"),
        ),
        sa.ForeignKeyConstraint(
            ["coupon_id"], ["coupons.id"], name=op.f("fk_broadcast_recipients_coupon_id_coupons")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_broadcast_recipients_member_id_members")
        ),
        sa.PrimaryKeyConstraint("broadcast_id", "member_id", name=op.f("pk_broadcast_recipients")),
    )
    with op.batch_alter_table("broadcast_recipients", schema=None) as batch_op:
        batch_op.create_index(
            "ix_broadcast_recipients_member_id", ["member_id", "broadcast_id"], unique=False
        )
        batch_op.create_index(
            "ix_broadcast_recipients_open",
            ["broadcast_id", "due_at", "member_id"],
            unique=False,
            sqlite_where=sa.text("status IN ('due', 'held')"),
            postgresql_where=sa.text("status IN ('due', 'held')"),
        )

    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_promotion",
            ["kind", "status"],
            unique=False,
            sqlite_where=sa.text("klass = 'promotion'"),
            postgresql_where=sa.text("klass = 'promotion'"),
        )


def downgrade() -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_outbox_promotion",
            sqlite_where=sa.text("klass = 'promotion'"),
            postgresql_where=sa.text("klass = 'promotion'"),
        )

    with op.batch_alter_table("broadcast_recipients", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_broadcast_recipients_open",
            sqlite_where=sa.text("status IN ('due', 'held')"),
            postgresql_where=sa.text("status IN ('due', 'held')"),
        )
        batch_op.drop_index("ix_broadcast_recipients_member_id")

    op.drop_table("broadcast_recipients")
    op.drop_table("broadcasts")

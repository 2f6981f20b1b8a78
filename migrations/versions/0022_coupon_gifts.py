"""coupon gifts"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coupon_gifts",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "coupon_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("giver_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("friend_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'accepted') = (friend_id IS NOT NULL)", name=op.f("ck_coupon_gifts_friend")
        ),
        sa.CheckConstraint(
            "status IN ('open', 'accepted', 'taken_back', 'lapsed')",
            name=op.f("ck_coupon_gifts_status"),
        ),
        sa.CheckConstraint("friend_id <> giver_id", name=op.f("ck_coupon_gifts_own")),
        sa.ForeignKeyConstraint(
            ["coupon_id"], ["coupons.id"], name=op.f("fk_coupon_gifts_coupon_id_coupons")
        ),
        sa.ForeignKeyConstraint(
            ["friend_id"], ["members.id"], name=op.f("fk_coupon_gifts_friend_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["giver_id"], ["members.id"], name=op.f("fk_coupon_gifts_giver_id_members")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_gifts")),
        sa.UniqueConstraint("digest", name=op.f("uq_coupon_gifts_digest")),
    )
    with op.batch_alter_table("coupon_gifts", schema=None) as batch_op:
        batch_op.create_index("ix_coupon_gifts_coupon_id", ["coupon_id", "status"], unique=False)
        batch_op.create_index(
            "ix_coupon_gifts_expires_at",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )
        batch_op.create_index("ix_coupon_gifts_friend_id", ["friend_id"], unique=False)
        batch_op.create_index("ix_coupon_gifts_giver_id", ["giver_id", "id"], unique=False)
        batch_op.create_index(
            "uq_coupon_gifts_open",
            ["coupon_id"],
            unique=True,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )

    with op.batch_alter_table("coupon_offers", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("giving", sa.String(length=4), server_default="own", nullable=False)
        )

    with op.batch_alter_table("coupons", schema=None) as batch_op:
        batch_op.add_column(sa.Column("given", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("coupons", schema=None) as batch_op:
        batch_op.drop_column("given")

    with op.batch_alter_table("coupon_offers", schema=None) as batch_op:
        batch_op.drop_column("giving")

    with op.batch_alter_table("coupon_gifts", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_coupon_gifts_open",
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )
        batch_op.drop_index("ix_coupon_gifts_giver_id")
        batch_op.drop_index("ix_coupon_gifts_friend_id")
        batch_op.drop_index(
            "ix_coupon_gifts_expires_at",
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )
        batch_op.drop_index("ix_coupon_gifts_coupon_id")

    op.drop_table("coupon_gifts")

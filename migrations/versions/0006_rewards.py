"""rewards"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rewards",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=True),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("per_member_limit", sa.Integer(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("stock IS NULL OR taken <= stock", name=op.f("ck_rewards_stock")),
        sa.CheckConstraint("taken >= 0", name=op.f("ck_rewards_taken")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rewards")),
        sa.UniqueConstraint("code", name=op.f("uq_rewards_code")),
    )
    op.create_table(
        "reward_holdings",
        sa.Column(
            "reward_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_reward_holdings_member_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["reward_id"], ["rewards.id"], name=op.f("fk_reward_holdings_reward_id_rewards")
        ),
        sa.PrimaryKeyConstraint("reward_id", "member_id", name=op.f("pk_reward_holdings")),
    )
    op.create_table(
        "reward_offers",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "reward_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("coupon", sa.String(length=40), nullable=False),
        sa.Column("colour", sa.String(length=10), nullable=False),
        sa.Column("icon", sa.String(length=2), nullable=False),
        sa.Column("tiers", db.Json(), nullable=False),
        sa.Column("starts_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ends_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("pickup_days", sa.Integer(), nullable=False),
        sa.Column("cancel_hours", sa.Integer(), nullable=False),
        sa.Column("unclaimed", sa.String(length=8), nullable=False),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "unclaimed IN ('lost', 'returned')", name=op.f("ck_reward_offers_unclaimed")
        ),
        sa.CheckConstraint("points > 0", name=op.f("ck_reward_offers_points")),
        sa.ForeignKeyConstraint(
            ["reward_id"], ["rewards.id"], name=op.f("fk_reward_offers_reward_id_rewards")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reward_offers")),
        sa.UniqueConstraint(
            "reward_id", "version", name=op.f("uq_reward_offers_reward_id_version")
        ),
    )
    op.create_table(
        "reward_exchanges",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("external_id", sa.String(length=80), nullable=False),
        sa.Column(
            "reward_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("offer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("status", sa.String(length=9), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column(
            "operation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("coupon_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('open', 'cancelled', 'lapsed', 'returned')",
            name=op.f("ck_reward_exchanges_status"),
        ),
        sa.ForeignKeyConstraint(
            ["coupon_id"], ["coupons.id"], name=op.f("fk_reward_exchanges_coupon_id_coupons")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_reward_exchanges_member_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["offer_id"],
            ["reward_offers.id"],
            name=op.f("fk_reward_exchanges_offer_id_reward_offers"),
        ),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["point_operations.id"],
            name=op.f("fk_reward_exchanges_operation_id_point_operations"),
        ),
        sa.ForeignKeyConstraint(
            ["reward_id"], ["rewards.id"], name=op.f("fk_reward_exchanges_reward_id_rewards")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reward_exchanges")),
        sa.UniqueConstraint("coupon_id", name=op.f("uq_reward_exchanges_coupon_id")),
        sa.UniqueConstraint("external_id", name=op.f("uq_reward_exchanges_external_id")),
    )
    with op.batch_alter_table("reward_exchanges", schema=None) as batch_op:
        batch_op.create_index("ix_reward_exchanges_member_id", ["member_id", "id"], unique=False)
        batch_op.create_index(
            "ix_reward_exchanges_open",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )
        batch_op.create_index(
            "ix_reward_exchanges_reward_id", ["reward_id", "status"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("reward_exchanges", schema=None) as batch_op:
        batch_op.drop_index("ix_reward_exchanges_reward_id")
        batch_op.drop_index(
            "ix_reward_exchanges_open",
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )
        batch_op.drop_index("ix_reward_exchanges_member_id")

    op.drop_table("reward_exchanges")
    op.drop_table("reward_offers")
    op.drop_table("reward_holdings")
    op.drop_table("rewards")

"""Coupon limits and words"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coupon_days",
        sa.Column("kind_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("redeemed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["kind_id"], ["coupon_kinds.id"], name=op.f("fk_coupon_days_kind_id_coupon_kinds")
        ),
        sa.PrimaryKeyConstraint("kind_id", "day", name=op.f("pk_coupon_days")),
    )
    op.create_table(
        "coupon_word_tries",
        sa.Column(
            "member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_coupon_word_tries_member_id_members")
        ),
        sa.PrimaryKeyConstraint("member_id", "day", name=op.f("pk_coupon_word_tries")),
    )
    with op.batch_alter_table("coupon_kinds", schema=None) as batch_op:
        batch_op.add_column(sa.Column("per_day_limit", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("budget", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("spent", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("word", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("word_for_days", sa.Integer(), nullable=True))
        batch_op.create_unique_constraint(batch_op.f("uq_coupon_kinds_word"), ["word"])
        batch_op.create_check_constraint(batch_op.f("ck_coupon_kinds_spent"), "spent >= 0")
        batch_op.create_check_constraint(
            batch_op.f("ck_coupon_kinds_budget"), "budget IS NULL OR spent <= budget"
        )
    op.execute(
        """UPDATE coupon_kinds SET spent = coalesce(
            (SELECT sum(coupons.discount) FROM coupons
             WHERE coupons.kind_id = coupon_kinds.id AND coupons.status = 'redeemed'), 0)"""
    )

    with op.batch_alter_table("coupons", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reserved_for", sa.String(length=80), nullable=True))
        batch_op.add_column(
            sa.Column("reserved_until", db.UtcDateTime(timezone=True), nullable=True)
        )
        batch_op.create_index(
            "ix_coupons_reserved_for",
            ["reserved_for"],
            sqlite_where=sa.text("status = 'reserved'"),
            postgresql_where=sa.text("status = 'reserved'"),
        )
    with op.batch_alter_table("coupon_offers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("buys", sa.Integer(), server_default="1", nullable=False))


def downgrade() -> None:
    op.execute("UPDATE coupons SET status = 'issued' WHERE status = 'reserved'")
    with op.batch_alter_table("coupons", schema=None) as batch_op:
        batch_op.drop_index("ix_coupons_reserved_for")
        batch_op.drop_column("reserved_until")
        batch_op.drop_column("reserved_for")
    with op.batch_alter_table("coupon_offers", schema=None) as batch_op:
        batch_op.drop_column("buys")

    with op.batch_alter_table("coupon_kinds", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_coupon_kinds_budget"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_coupon_kinds_spent"), type_="check")
        batch_op.drop_constraint(batch_op.f("uq_coupon_kinds_word"), type_="unique")
        batch_op.drop_column("word_for_days")
        batch_op.drop_column("word")
        batch_op.drop_column("spent")
        batch_op.drop_column("budget")
        batch_op.drop_column("per_day_limit")

    op.drop_table("coupon_word_tries")
    op.drop_table("coupon_days")

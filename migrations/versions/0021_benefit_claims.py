"""Benefits that members chose"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "benefit_claims",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("choice", sa.String(length=40), nullable=False),
        sa.Column("period", sa.String(length=30), nullable=False),
        sa.Column("option", sa.String(length=40), nullable=False),
        sa.Column("choice_name", sa.String(length=60), nullable=False),
        sa.Column("option_name", sa.String(length=60), nullable=False),
        sa.Column("tier_code", sa.String(length=20), nullable=False),
        sa.Column(
            "tier_period_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("programme_version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("coupon_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('given', 'taken_back', 'kept')", name=op.f("ck_benefit_claims_status")
        ),
        sa.CheckConstraint("points >= 0", name=op.f("ck_benefit_claims_points")),
        sa.ForeignKeyConstraint(
            ["coupon_id"], ["coupons.id"], name=op.f("fk_benefit_claims_coupon_id_coupons")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_benefit_claims_member_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["programme_version"],
            ["programmes.id"],
            name=op.f("fk_benefit_claims_programme_version_programmes"),
        ),
        sa.ForeignKeyConstraint(
            ["tier_period_id"],
            ["tier_periods.id"],
            name=op.f("fk_benefit_claims_tier_period_id_tier_periods"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_benefit_claims")),
        sa.UniqueConstraint("coupon_id", name=op.f("uq_benefit_claims_coupon_id")),
        sa.UniqueConstraint(
            "member_id", "choice", "period", name=op.f("uq_benefit_claims_member_id_choice_period")
        ),
    )
    with op.batch_alter_table("benefit_claims", schema=None) as batch_op:
        batch_op.create_index("ix_benefit_claims_choice", ["choice", "period"], unique=False)
        batch_op.create_index("ix_benefit_claims_tier_period_id", ["tier_period_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("benefit_claims", schema=None) as batch_op:
        batch_op.drop_index("ix_benefit_claims_tier_period_id")
        batch_op.drop_index("ix_benefit_claims_choice")

    op.drop_table("benefit_claims")

"""Coupons that staff may give as goodwill"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coupon_goodwill",
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("given", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_coupon_goodwill_staff_id_staff")
        ),
        sa.PrimaryKeyConstraint("staff_id", "period", name=op.f("pk_coupon_goodwill")),
    )
    with op.batch_alter_table("coupon_kinds", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("goodwill", sa.Boolean(), server_default="0", nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("coupon_kinds", schema=None) as batch_op:
        batch_op.drop_column("goodwill")
    op.drop_table("coupon_goodwill")

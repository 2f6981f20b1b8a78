"""What clerks brought in that was typed without network"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "offline_days",
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sales", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_offline_days_staff_id_staff")
        ),
        sa.PrimaryKeyConstraint("staff_id", "day", name=op.f("pk_offline_days")),
    )


def downgrade() -> None:
    op.drop_table("offline_days")

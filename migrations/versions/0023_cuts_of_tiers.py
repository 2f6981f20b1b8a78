"""cuts of tiers"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tier_cuts",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("tier_code", sa.String(length=20), nullable=False),
        sa.Column("top_percent", sa.Integer(), nullable=False),
        sa.Column("ranked", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_tier_cuts_amount")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier_cuts")),
        sa.UniqueConstraint(
            "starts_on",
            "tier_code",
            "top_percent",
            name=op.f("uq_tier_cuts_starts_on_tier_code_top_percent"),
        ),
    )


def downgrade() -> None:
    op.drop_table("tier_cuts")

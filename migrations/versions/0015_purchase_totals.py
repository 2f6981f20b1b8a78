"""Purchase totals"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":  # the key is the row from now on
        with op.batch_alter_table(
            "purchase_days", recreate="always", table_kwargs={"sqlite_with_rowid": False}
        ):
            pass
    op.create_table(
        "purchase_totals",
        sa.Column(
            "member_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_purchase_totals")),
    )
    op.execute(
        """INSERT INTO purchase_totals (member_id, first_day, last_day, days, count, net)
        SELECT member_id, min(CASE WHEN net > 0 THEN day END), max(CASE WHEN net > 0 THEN day END),
               sum(CASE WHEN net > 0 THEN 1 ELSE 0 END), sum(count), sum(net)
        FROM purchase_days GROUP BY member_id"""
    )


def downgrade() -> None:
    op.drop_table("purchase_totals")
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("purchase_days", recreate="always"):
            pass

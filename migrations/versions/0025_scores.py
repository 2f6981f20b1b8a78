"""Scores of how members buy"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "score_cells",
        sa.Column("repeats", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("age", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("alive", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("repeats", "last", "age", name=op.f("pk_score_cells")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "score_runs",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("phase", sa.String(length=10), nullable=False),
        sa.Column("reached", sa.BigInteger(), nullable=False),
        sa.Column("is_first", sa.Boolean(), nullable=False),
        sa.Column("opens_month", sa.Boolean(), nullable=False),
        sa.Column("basis", db.Json(), nullable=True),
        sa.Column("moves", db.Json(), nullable=False),
        sa.Column("counts", db.Json(), nullable=True),
        sa.Column("started_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("done_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_score_runs")),
    )
    op.create_table(
        "scores",
        sa.Column(
            "member_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.Column("repeat_net", sa.BigInteger(), nullable=False),
        sa.Column("year_days", sa.Integer(), nullable=False),
        sa.Column("year_net", sa.BigInteger(), nullable=False),
        sa.Column("r", sa.SmallInteger(), nullable=True),
        sa.Column("f", sa.SmallInteger(), nullable=True),
        sa.Column("m", sa.SmallInteger(), nullable=True),
        sa.Column("rfm", sa.String(length=20), nullable=True),
        sa.Column("cycle", sa.Integer(), nullable=True),
        sa.Column("nes", sa.String(length=2), nullable=True),
        sa.Column("nes_since", sa.Date(), nullable=True),
        sa.Column("month_nes", sa.String(length=2), nullable=True),
        sa.Column("orders", sa.Integer(), nullable=True),
        sa.Column("alive", sa.SmallInteger(), nullable=True),
        sa.Column("ltv", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_scores")),
    )
    with op.batch_alter_table("scores", schema=None) as batch_op:
        batch_op.create_index("ix_scores_nes", ["nes"], unique=False)
        batch_op.create_index("ix_scores_rfm", ["rfm"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("scores", schema=None) as batch_op:
        batch_op.drop_index("ix_scores_rfm")
        batch_op.drop_index("ix_scores_nes")

    op.drop_table("scores")
    op.drop_table("score_runs")
    op.drop_table("score_cells")

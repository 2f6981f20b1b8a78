"""mergers"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mergers",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("kept_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "absorbed_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("took_line", sa.Boolean(), nullable=False),
        sa.Column("took_phone", sa.Boolean(), nullable=False),
        sa.Column("period_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("undone_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("kept_id <> absorbed_id", name=op.f("ck_mergers_two_members")),
        sa.ForeignKeyConstraint(
            ["absorbed_id"], ["members.id"], name=op.f("fk_mergers_absorbed_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["kept_id"], ["members.id"], name=op.f("fk_mergers_kept_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["period_id"], ["tier_periods.id"], name=op.f("fk_mergers_period_id_tier_periods")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_mergers_staff_id_staff")),
        sa.ForeignKeyConstraint(
            ["undone_by"], ["staff.id"], name=op.f("fk_mergers_undone_by_staff")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mergers")),
    )
    with op.batch_alter_table("mergers", schema=None) as batch_op:
        batch_op.create_index("ix_mergers_kept_id", ["kept_id", "id"], unique=False)
        batch_op.create_index(
            "uq_mergers_absorbed_id",
            ["absorbed_id"],
            unique=True,
            sqlite_where=sa.text("undone_at IS NULL"),
            postgresql_where=sa.text("undone_at IS NULL"),
        )

    op.create_table(
        "merger_rows",
        sa.Column(
            "merger_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("owner", sa.String(length=60), nullable=False),
        sa.Column(
            "row_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["merger_id"], ["mergers.id"], name=op.f("fk_merger_rows_merger_id_mergers")
        ),
        sa.PrimaryKeyConstraint("merger_id", "owner", "row_id", name=op.f("pk_merger_rows")),
    )
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "merged_into_id",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                nullable=True,
            )
        )
        batch_op.create_index(
            "ix_members_merged_into_id",
            ["merged_into_id"],
            unique=False,
            sqlite_where=sa.text("merged_into_id IS NOT NULL"),
            postgresql_where=sa.text("merged_into_id IS NOT NULL"),
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_members_merged_into_id_members"), "members", ["merged_into_id"], ["id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.drop_constraint(
            batch_op.f("fk_members_merged_into_id_members"), type_="foreignkey"
        )
        batch_op.drop_index(
            "ix_members_merged_into_id",
            sqlite_where=sa.text("merged_into_id IS NOT NULL"),
            postgresql_where=sa.text("merged_into_id IS NOT NULL"),
        )
        batch_op.drop_column("merged_into_id")

    op.drop_table("merger_rows")
    with op.batch_alter_table("mergers", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_mergers_absorbed_id",
            sqlite_where=sa.text("undone_at IS NULL"),
            postgresql_where=sa.text("undone_at IS NULL"),
        )
        batch_op.drop_index("ix_mergers_kept_id")

    op.drop_table("mergers")

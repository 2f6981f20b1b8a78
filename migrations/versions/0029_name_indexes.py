"""Indexes for finding people by how their name begins"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("name", "display_name"):
        op.create_index(
            f"ix_members_{column}",
            "members",
            [column],
            unique=False,
            postgresql_ops={column: "text_pattern_ops"},
        )


def downgrade() -> None:
    for column in ("display_name", "name"):
        op.drop_index(f"ix_members_{column}", table_name="members")

"""What an address is owed is counted without reading all it was sent"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_FAILED = sa.text("status = 'failed'")
_TRIED = sa.text("tried_at IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("hook_deliveries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_hook_deliveries_failed",
            ["hook_id"],
            unique=False,
            sqlite_where=_FAILED,
            postgresql_where=_FAILED,
        )
        batch_op.create_index(
            "ix_hook_deliveries_tried_at",
            ["hook_id", "tried_at"],
            unique=False,
            sqlite_where=_TRIED,
            postgresql_where=_TRIED,
        )


def downgrade() -> None:
    with op.batch_alter_table("hook_deliveries", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_hook_deliveries_tried_at", sqlite_where=_TRIED, postgresql_where=_TRIED
        )
        batch_op.drop_index(
            "ix_hook_deliveries_failed", sqlite_where=_FAILED, postgresql_where=_FAILED
        )

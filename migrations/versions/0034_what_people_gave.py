"""Indexes of what people did with coupons and gave in a store"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_coupon_events_of_staff", ["at"], "staff_id IS NOT NULL"),
    ("ix_coupon_events_given", ["store_id", "at"], "kind = 'issued' AND store_id IS NOT NULL"),
)


def upgrade() -> None:
    for name, columns, which in INDEXES:
        op.create_index(
            name,
            "coupon_events",
            columns,
            unique=False,
            sqlite_where=sa.text(which),
            postgresql_where=sa.text(which),
        )


def downgrade() -> None:
    for name, _, which in reversed(INDEXES):
        op.drop_index(
            name,
            table_name="coupon_events",
            sqlite_where=sa.text(which),
            postgresql_where=sa.text(which),
        )

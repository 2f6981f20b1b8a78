"""a sale that points paid for wholly is given back for nothing"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _allow("amount >= 0")


def downgrade() -> None:
    _allow("amount > 0")


def _allow(condition: str) -> None:
    with op.batch_alter_table("refunds") as batch:
        batch.drop_constraint(op.f("ck_refunds_amount"), type_="check")
        batch.create_check_constraint(op.f("ck_refunds_amount"), condition)

"""corrections"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "point_corrections",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("external_id", sa.String(length=80), nullable=False),
        sa.Column(
            "member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("asked_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asked_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column(
            "decided_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("decided_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('waiting', 'approved', 'rejected')",
            name=op.f("ck_point_corrections_status"),
        ),
        sa.CheckConstraint("points <> 0", name=op.f("ck_point_corrections_points")),
        sa.ForeignKeyConstraint(
            ["asked_by"], ["staff.id"], name=op.f("fk_point_corrections_asked_by_staff")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["staff.id"], name=op.f("fk_point_corrections_decided_by_staff")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_point_corrections_member_id_members")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_point_corrections")),
        sa.UniqueConstraint("external_id", name=op.f("uq_point_corrections_external_id")),
    )
    with op.batch_alter_table("point_corrections", schema=None) as batch_op:
        batch_op.create_index("ix_point_corrections_member_id", ["member_id"], unique=False)
        batch_op.create_index("ix_point_corrections_status", ["status", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("point_corrections", schema=None) as batch_op:
        batch_op.drop_index("ix_point_corrections_status")
        batch_op.drop_index("ix_point_corrections_member_id")

    op.drop_table("point_corrections")

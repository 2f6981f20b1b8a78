"""Changes of the programme that a second person approves"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "programme_drafts",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("form_id", sa.String(length=80), nullable=False),
        sa.Column("based_on", sa.Integer(), nullable=False),
        sa.Column("terms", db.Json(), nullable=False),
        sa.Column("starts_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("author", db.BigId, nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("made_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("decided_by", db.BigId, nullable=True),
        sa.Column("decided_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(version IS NULL) = (status <> 'approved')",
            name=op.f("ck_programme_drafts_version"),
        ),
        sa.CheckConstraint(
            "status IN ('open', 'waiting', 'approved', 'rejected', 'withdrawn')",
            name=op.f("ck_programme_drafts_status"),
        ),
        sa.ForeignKeyConstraint(
            ["author"], ["staff.id"], name=op.f("fk_programme_drafts_author_staff")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["staff.id"], name=op.f("fk_programme_drafts_decided_by_staff")
        ),
        sa.ForeignKeyConstraint(
            ["version"], ["programmes.id"], name=op.f("fk_programme_drafts_version_programmes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programme_drafts")),
        sa.UniqueConstraint("form_id", name=op.f("uq_programme_drafts_form_id")),
    )
    op.create_index("ix_programme_drafts_status", "programme_drafts", ["status", "id"])
    op.add_column("programmes", sa.Column("follows", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE programmes SET follows = coalesce("
        "(SELECT max(earlier.id) FROM programmes AS earlier WHERE earlier.id < programmes.id), 0)"
    )
    with op.batch_alter_table("programmes", schema=None) as batch_op:
        batch_op.alter_column("follows", existing_type=sa.Integer(), nullable=False)
        batch_op.create_unique_constraint(batch_op.f("uq_programmes_follows"), ["follows"])


def downgrade() -> None:
    with op.batch_alter_table("programmes", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_programmes_follows"), type_="unique")
        batch_op.drop_column("follows")
    op.drop_index("ix_programme_drafts_status", "programme_drafts")
    op.drop_table("programme_drafts")

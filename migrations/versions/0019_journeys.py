"""journeys"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "journeys",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("draft", db.Json(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("read_to", sa.BigInteger(), nullable=False),
        sa.Column("marked", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("marked_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("asked_on", sa.String(length=10), nullable=True),
        sa.Column("made_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'running', 'paused', 'ended')", name=op.f("ck_journeys_status")
        ),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name=op.f("fk_journeys_made_by_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journeys")),
    )
    op.create_table(
        "journey_runs",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "journey_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("occasion", sa.String(length=30), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("step", sa.String(length=5), nullable=True),
        sa.Column("due_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("since", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("awaits", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("entered_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("counted_until", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('going', 'done', 'left', 'control')", name=op.f("ck_journey_runs_status")
        ),
        sa.ForeignKeyConstraint(
            ["journey_id"], ["journeys.id"], name=op.f("fk_journey_runs_journey_id_journeys")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_journey_runs_member_id_members")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journey_runs")),
        sa.UniqueConstraint(
            "journey_id",
            "member_id",
            "occasion",
            name=op.f("uq_journey_runs_journey_id_member_id_occasion"),
        ),
    )
    with op.batch_alter_table("journey_runs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_journey_runs_due",
            ["journey_id", "due_at", "id"],
            unique=False,
            sqlite_where=sa.text("status = 'going'"),
            postgresql_where=sa.text("status = 'going'"),
        )
        batch_op.create_index(
            "ix_journey_runs_going",
            ["member_id", "journey_id"],
            unique=True,
            sqlite_where=sa.text("status = 'going'"),
            postgresql_where=sa.text("status = 'going'"),
        )
        batch_op.create_index("ix_journey_runs_member_id", ["member_id", "id"], unique=False)

    op.create_table(
        "journey_versions",
        sa.Column(
            "journey_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("plan", db.Json(), nullable=False),
        sa.Column(
            "published_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("published_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["journey_id"], ["journeys.id"], name=op.f("fk_journey_versions_journey_id_journeys")
        ),
        sa.ForeignKeyConstraint(
            ["published_by"], ["staff.id"], name=op.f("fk_journey_versions_published_by_staff")
        ),
        sa.PrimaryKeyConstraint("journey_id", "number", name=op.f("pk_journey_versions")),
    )
    op.create_table(
        "journey_marks",
        sa.Column(
            "run_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("step", sa.String(length=5), nullable=False),
        sa.Column(
            "journey_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("coupon_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("pressed_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["coupon_id"], ["coupons.id"], name=op.f("fk_journey_marks_coupon_id_coupons")
        ),
        sa.ForeignKeyConstraint(
            ["journey_id"], ["journeys.id"], name=op.f("fk_journey_marks_journey_id_journeys")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["journey_runs.id"], name=op.f("fk_journey_marks_run_id_journey_runs")
        ),
        sa.PrimaryKeyConstraint("run_id", "step", name=op.f("pk_journey_marks")),
    )
    with op.batch_alter_table("journey_marks", schema=None) as batch_op:
        batch_op.create_index(
            "ix_journey_marks_step", ["journey_id", "step", "outcome"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("journey_marks", schema=None) as batch_op:
        batch_op.drop_index("ix_journey_marks_step")

    op.drop_table("journey_marks")
    op.drop_table("journey_versions")
    with op.batch_alter_table("journey_runs", schema=None) as batch_op:
        batch_op.drop_index("ix_journey_runs_member_id")
        batch_op.drop_index(
            "ix_journey_runs_going",
            sqlite_where=sa.text("status = 'going'"),
            postgresql_where=sa.text("status = 'going'"),
        )
        batch_op.drop_index(
            "ix_journey_runs_due",
            sqlite_where=sa.text("status = 'going'"),
            postgresql_where=sa.text("status = 'going'"),
        )

    op.drop_table("journey_runs")
    op.drop_table("journeys")

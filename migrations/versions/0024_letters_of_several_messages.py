"""Letters of several messages, topics, multicasts, the pace and the limit of a broadcast"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_STATES = "'due', 'held', 'queued', 'dropped', 'control'"


def upgrade() -> None:
    op.create_table(
        "letter_pictures",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("small", sa.LargeBinary(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("made_by", db.BigId, nullable=True),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["made_by"], ["staff.id"], name=op.f("fk_letter_pictures_made_by_staff")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_letter_pictures")),
    )
    op.create_table(
        "marketing_topics",
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("about", sa.String(length=60), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_marketing_topics")),
        sa.UniqueConstraint("name", name=op.f("uq_marketing_topics_name")),
    )
    op.create_table(
        "topic_stops",
        sa.Column("member_id", db.BigId, autoincrement=False, nullable=False),
        sa.Column("topic", sa.String(length=20), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("stopped_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_topic_stops_member_id_members")
        ),
        sa.PrimaryKeyConstraint("member_id", "topic", name=op.f("pk_topic_stops")),
    )
    op.create_index("ix_topic_stops_topic", "topic_stops", ["topic", "member_id"])
    op.create_table(
        "outbox_readers",
        sa.Column("outbox_id", db.BigId, autoincrement=False, nullable=False),
        sa.Column("member_id", db.BigId, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "status IN ('reading', 'left')", name=op.f("ck_outbox_readers_status")
        ),
        sa.ForeignKeyConstraint(
            ["outbox_id"], ["outbox.id"], name=op.f("fk_outbox_readers_outbox_id_outbox")
        ),
        sa.PrimaryKeyConstraint("outbox_id", "member_id", name=op.f("pk_outbox_readers")),
        sa.UniqueConstraint("member_id", "kind", name=op.f("uq_outbox_readers_member_id_kind")),
    )
    op.create_index("ix_outbox_readers_kind", "outbox_readers", ["kind"])
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("topic", sa.String(length=20), nullable=True))
    with op.batch_alter_table("broadcasts", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("pace", sa.String(length=10), nullable=False, server_default="at_once")
        )
        batch_op.add_column(sa.Column("hours", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("most", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("written", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("paused_for", sa.String(length=10), nullable=True))
        batch_op.create_check_constraint(
            op.f("ck_broadcasts_pace"), "pace IN ('at_once', 'staggered', 'best_hour')"
        )
    with op.batch_alter_table("broadcasts", schema=None) as batch_op:
        for name in ("pace", "hours", "written"):
            batch_op.alter_column(name, server_default=None)
    _states(f"{_STATES}, 'declined'")


def downgrade() -> None:
    op.execute("UPDATE broadcast_recipients SET status = 'dropped' WHERE status = 'declined'")
    _states(_STATES)
    with op.batch_alter_table("broadcasts", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_broadcasts_pace"), type_="check")
        for name in ("paused_for", "written", "most", "hours", "pace"):
            batch_op.drop_column(name)
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_column("topic")
    for table in ("outbox_readers", "topic_stops", "marketing_topics", "letter_pictures"):
        op.drop_table(table)


def _states(allowed: str) -> None:
    with op.batch_alter_table("broadcast_recipients", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_broadcast_recipients_status"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_broadcast_recipients_status"), f"status IN ({allowed})"
        )

"""Rich menus"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "richmenu_pictures",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_richmenu_pictures")),
    )
    op.create_table(
        "richmenus",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("code", sa.String(length=24), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("audience", sa.String(length=10), nullable=False),
        sa.Column("tier_code", sa.String(length=20), nullable=True),
        sa.Column(
            "segment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("draft", db.Json(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_unsettled", sa.Boolean(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "audience IN ('guest', 'member', 'tier', 'segment')", name=op.f("ck_richmenus_audience")
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segments.id"], name=op.f("fk_richmenus_segment_id_segments")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_richmenus")),
        sa.UniqueConstraint("code", name=op.f("uq_richmenus_code")),
    )
    op.create_table(
        "richmenu_versions",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("menu_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=12), nullable=False),
        sa.Column("design", db.Json(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("is_placed", sa.Boolean(), nullable=False),
        sa.Column("is_moved", sa.Boolean(), nullable=False),
        sa.Column("lease", sa.String(length=40), nullable=True),
        sa.Column("due_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.Column("made_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("live_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("retired_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('making', 'live', 'retired', 'failed')",
            name=op.f("ck_richmenu_versions_status"),
        ),
        sa.ForeignKeyConstraint(
            ["made_by"], ["staff.id"], name=op.f("fk_richmenu_versions_made_by_staff")
        ),
        sa.ForeignKeyConstraint(
            ["menu_id"], ["richmenus.id"], name=op.f("fk_richmenu_versions_menu_id_richmenus")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_richmenu_versions")),
        sa.UniqueConstraint("menu_id", "number", name=op.f("uq_richmenu_versions_menu_id_number")),
    )
    with op.batch_alter_table("richmenu_versions", schema=None) as batch_op:
        batch_op.create_index(
            "uq_richmenu_versions_live",
            ["menu_id"],
            unique=True,
            sqlite_where=sa.text("status = 'live'"),
            postgresql_where=sa.text("status = 'live'"),
        )
        batch_op.create_index(
            "uq_richmenu_versions_making",
            ["menu_id"],
            unique=True,
            sqlite_where=sa.text("status = 'making'"),
            postgresql_where=sa.text("status = 'making'"),
        )

    op.create_table(
        "richmenu_wearers",
        sa.Column(
            "member_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("menu_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("is_due", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_richmenu_wearers_member_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["menu_id"], ["richmenus.id"], name=op.f("fk_richmenu_wearers_menu_id_richmenus")
        ),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_richmenu_wearers")),
    )
    with op.batch_alter_table("richmenu_wearers", schema=None) as batch_op:
        batch_op.create_index(
            "ix_richmenu_wearers_due",
            ["menu_id", "member_id"],
            unique=False,
            sqlite_where=sa.text("is_due IS 1"),
            postgresql_where=sa.text("is_due IS true"),
        )
        batch_op.create_index("ix_richmenu_wearers_menu_id", ["menu_id"], unique=False)

    op.create_table(
        "richmenu_pages",
        sa.Column(
            "version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.String(length=64), nullable=False),
        sa.Column("has_picture", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["richmenu_versions.id"],
            name=op.f("fk_richmenu_pages_version_id_richmenu_versions"),
        ),
        sa.PrimaryKeyConstraint("version_id", "number", name=op.f("pk_richmenu_pages")),
        sa.UniqueConstraint("line_id", name=op.f("uq_richmenu_pages_line_id")),
    )


def downgrade() -> None:
    op.drop_table("richmenu_pages")
    with op.batch_alter_table("richmenu_wearers", schema=None) as batch_op:
        batch_op.drop_index("ix_richmenu_wearers_menu_id")
        batch_op.drop_index(
            "ix_richmenu_wearers_due",
            sqlite_where=sa.text("is_due IS 1"),
            postgresql_where=sa.text("is_due IS true"),
        )

    op.drop_table("richmenu_wearers")
    with op.batch_alter_table("richmenu_versions", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_richmenu_versions_making",
            sqlite_where=sa.text("status = 'making'"),
            postgresql_where=sa.text("status = 'making'"),
        )
        batch_op.drop_index(
            "uq_richmenu_versions_live",
            sqlite_where=sa.text("status = 'live'"),
            postgresql_where=sa.text("status = 'live'"),
        )

    op.drop_table("richmenu_versions")
    op.drop_table("richmenus")
    op.drop_table("richmenu_pictures")

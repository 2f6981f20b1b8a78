"""the walking house"""

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("prefix", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_tokens_digest")),
    )
    op.create_table(
        "coupon_kinds",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("issue_limit", sa.Integer(), nullable=True),
        sa.Column("issued", sa.Integer(), nullable=False),
        sa.Column("redeem_limit", sa.Integer(), nullable=True),
        sa.Column("redeemed", sa.Integer(), nullable=False),
        sa.Column("per_member_limit", sa.Integer(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "issue_limit IS NULL OR issued <= issue_limit", name=op.f("ck_coupon_kinds_issue_limit")
        ),
        sa.CheckConstraint("issued >= 0", name=op.f("ck_coupon_kinds_issued")),
        sa.CheckConstraint(
            "redeem_limit IS NULL OR redeemed <= redeem_limit",
            name=op.f("ck_coupon_kinds_redeem_limit"),
        ),
        sa.CheckConstraint("redeemed >= 0", name=op.f("ck_coupon_kinds_redeemed")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_kinds")),
        sa.UniqueConstraint("code", name=op.f("uq_coupon_kinds_code")),
    )
    op.create_table(
        "forgotten_phones",
        sa.Column("phone_hash", sa.String(length=64), nullable=False),
        sa.Column("until", db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("phone_hash", name=op.f("pk_forgotten_phones")),
    )
    op.create_table(
        "inbox",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("webhook_event_id", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("occurred_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("due_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease", sa.String(length=40), nullable=True),
        sa.Column("handled_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("webhook_event_id", name=op.f("uq_inbox_webhook_event_id")),
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_inbox_due",
            ["id"],
            unique=False,
            sqlite_where=sa.text("status = 'waiting'"),
            postgresql_where=sa.text("status = 'waiting'"),
        )
        batch_op.create_index(
            "ix_inbox_parked",
            ["id"],
            unique=False,
            sqlite_where=sa.text("status = 'parked'"),
            postgresql_where=sa.text("status = 'parked'"),
        )
        batch_op.create_index(
            "ix_inbox_waiting",
            ["person", "occurred_ms", "id"],
            unique=False,
            sqlite_where=sa.text("status = 'waiting'"),
            postgresql_where=sa.text("status = 'waiting'"),
        )

    op.create_table(
        "job_runs",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("job", sa.String(length=40), nullable=False),
        sa.Column("due_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("started_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("finished_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("result", db.Json(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('running', 'done', 'failed')", name=op.f("ck_job_runs_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_runs")),
        sa.UniqueConstraint("job", "due_at", name=op.f("uq_job_runs_job_due_at")),
    )
    with op.batch_alter_table("job_runs", schema=None) as batch_op:
        batch_op.create_index("ix_job_runs_finished_at", ["finished_at"], unique=False)

    op.create_table(
        "login_attempts",
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("blocked_until", db.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_attempts")),
    )
    op.create_table(
        "members",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("number", sa.String(length=10), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("line_user_id", sa.String(length=33), nullable=True),
        sa.Column("is_friend", sa.Boolean(), nullable=False),
        sa.Column("friended_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("unfriended_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("friendship_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("display_name", sa.String(length=100), nullable=True),
        sa.Column("picture_url", sa.String(length=1000), nullable=True),
        sa.Column("language", sa.String(length=20), nullable=True),
        sa.Column("profile_due_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("name", sa.String(length=50), nullable=True),
        sa.Column("phone", sa.String(length=16), nullable=True),
        sa.Column("birthday", sa.Date(), nullable=True),
        sa.Column("birth_month", sa.Integer(), nullable=True),
        sa.Column("birth_day", sa.Integer(), nullable=True),
        sa.Column("birthday_edits", sa.Integer(), nullable=False),
        sa.Column("gender", sa.String(length=10), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("city", sa.String(length=10), nullable=True),
        sa.Column("district", sa.String(length=10), nullable=True),
        sa.Column("joined_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("join_source", sa.String(length=50), nullable=True),
        sa.Column("closed_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("guardian_name", sa.String(length=50), nullable=True),
        sa.Column("guardian_phone", sa.String(length=16), nullable=True),
        sa.Column("marketing_ok", sa.Boolean(), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('guest', 'member', 'closed')", name=op.f("ck_members_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_members")),
        sa.UniqueConstraint("line_user_id", name=op.f("uq_members_line_user_id")),
        sa.UniqueConstraint("number", name=op.f("uq_members_number")),
    )
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.create_index("ix_members_birthday", ["birth_month", "birth_day"], unique=False)
        batch_op.create_index(
            "ix_members_profile_due_at",
            ["profile_due_at"],
            unique=False,
            sqlite_where=sa.text("profile_due_at IS NOT NULL"),
            postgresql_where=sa.text("profile_due_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_members_status_joined_at", ["status", "joined_at", "id"], unique=False
        )
        batch_op.create_index(
            "uq_members_phone",
            ["phone"],
            unique=True,
            sqlite_where=sa.text("phone IS NOT NULL"),
            postgresql_where=sa.text("phone IS NOT NULL"),
        )

    op.create_table(
        "outbox",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("klass", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=True),
        sa.Column("recipient", sa.String(length=64), nullable=False),
        sa.Column("reply_token", sa.String(length=64), nullable=True),
        sa.Column("reply_until", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("dedup_key", sa.String(length=120), nullable=True),
        sa.Column("retry_key", sa.String(length=36), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("due_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("lease", sa.String(length=40), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_tried_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("sent_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("dedup_key", name=op.f("uq_outbox_dedup_key")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_due",
            ["due_at", "id"],
            unique=False,
            sqlite_where=sa.text("status IN ('waiting', 'sending')"),
            postgresql_where=sa.text("status IN ('waiting', 'sending')"),
        )
        batch_op.create_index("ix_outbox_member_id", ["member_id", "id"], unique=False)
        batch_op.create_index(
            "ix_outbox_parked",
            ["id"],
            unique=False,
            sqlite_where=sa.text("status = 'parked'"),
            postgresql_where=sa.text("status = 'parked'"),
        )
        batch_op.create_index("ix_outbox_sent_at", ["sent_at"], unique=False)

    op.create_table(
        "outbox_quota",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("used_up_until", db.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_quota")),
    )
    op.create_table(
        "outbox_stops",
        sa.Column("recipient", sa.String(length=64), nullable=False),
        sa.Column("stopped_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("recipient", name=op.f("pk_outbox_stops")),
    )
    op.create_table(
        "programmes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("starts_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("terms", db.Json(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programmes")),
    )
    with op.batch_alter_table("programmes", schema=None) as batch_op:
        batch_op.create_index("ix_programmes_starts_at", ["starts_at", "id"], unique=False)

    op.create_table(
        "purchase_days",
        sa.Column(
            "member_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("net", sa.Integer(), nullable=False),
        sa.Column("qualifying", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("member_id", "day", name=op.f("pk_purchase_days")),
    )
    op.create_table(
        "stores",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("city", sa.String(length=10), nullable=True),
        sa.Column("address", sa.String(length=200), nullable=True),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("hours", sa.String(length=100), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stores")),
        sa.UniqueConstraint("code", name=op.f("uq_stores_code")),
    )
    op.create_table(
        "timeline",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("facts", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timeline")),
    )
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.create_index("ix_timeline_kind_at", ["kind", "at"], unique=False)
        batch_op.create_index("ix_timeline_member_id", ["member_id", "at", "id"], unique=False)

    op.create_table(
        "verification_gates",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("next_send_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("locked_until", db.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_verification_gates")),
    )
    op.create_table(
        "verifications",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("phone_hash", sa.String(length=64), nullable=False),
        sa.Column("line_user_id", sa.String(length=33), nullable=True),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.Column("sent_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("verified_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("used_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verifications")),
    )
    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.create_index("ix_verifications_expires_at", ["expires_at"], unique=False)
        batch_op.create_index(
            "ix_verifications_phone_hash", ["phone_hash", "purpose", "id"], unique=False
        )

    op.create_table(
        "visits",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("proof", sa.String(length=64), nullable=False),
        sa.Column("line_user_id", sa.String(length=33), nullable=False),
        sa.Column("opened_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visits")),
        sa.UniqueConstraint("digest", name=op.f("uq_visits_digest")),
    )
    with op.batch_alter_table("visits", schema=None) as batch_op:
        batch_op.create_index("ix_visits_expires_at", ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_visits_line_user_id"), ["line_user_id"], unique=False)

    op.create_table(
        "card_tokens",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column(
            "member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("issued_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("purpose", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_card_tokens_member_id_members")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_card_tokens_digest")),
    )
    with op.batch_alter_table("card_tokens", schema=None) as batch_op:
        batch_op.create_index("ix_card_tokens_expires_at", ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_card_tokens_member_id"), ["member_id"], unique=False)

    op.create_table(
        "closings",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("asked_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("wipe_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("undone_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("wiped_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_closings_member_id_members")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closings")),
    )
    with op.batch_alter_table("closings", schema=None) as batch_op:
        batch_op.create_index(
            "ix_closings_wipe_at",
            ["wipe_at"],
            unique=False,
            sqlite_where=sa.text("undone_at IS NULL AND wiped_at IS NULL"),
            postgresql_where=sa.text("undone_at IS NULL AND wiped_at IS NULL"),
        )
        batch_op.create_index(
            "uq_closings_open",
            ["member_id"],
            unique=True,
            sqlite_where=sa.text("undone_at IS NULL AND wiped_at IS NULL"),
            postgresql_where=sa.text("undone_at IS NULL AND wiped_at IS NULL"),
        )

    op.create_table(
        "consents",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("is_given", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("at", db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_consents_member_id_members")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consents_member_id"), ["member_id"], unique=False)

    op.create_table(
        "coupon_holdings",
        sa.Column("kind_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("issued", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["kind_id"], ["coupon_kinds.id"], name=op.f("fk_coupon_holdings_kind_id_coupon_kinds")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_coupon_holdings_member_id_members")
        ),
        sa.PrimaryKeyConstraint("kind_id", "member_id", name=op.f("pk_coupon_holdings")),
    )
    op.create_table(
        "coupon_offers",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("kind_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=4), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("cap", sa.Integer(), nullable=True),
        sa.Column("min_spend", sa.Integer(), nullable=False),
        sa.Column("conditions", db.Json(), nullable=False),
        sa.Column("stacking", sa.String(length=40), nullable=False),
        sa.Column("valid_days", sa.Integer(), nullable=True),
        sa.Column("starts_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ends_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("image", sa.String(length=500), nullable=True),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('free', 'paid')", name=op.f("ck_coupon_offers_kind")),
        sa.ForeignKeyConstraint(
            ["kind_id"], ["coupon_kinds.id"], name=op.f("fk_coupon_offers_kind_id_coupon_kinds")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_offers")),
        sa.UniqueConstraint("kind_id", "version", name=op.f("uq_coupon_offers_kind_id_version")),
    )
    op.create_table(
        "join_steps",
        sa.Column(
            "member_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("step", sa.String(length=10), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("terms", sa.Boolean(), nullable=False),
        sa.Column("marketing", sa.Boolean(), nullable=False),
        sa.Column("sharing", sa.Boolean(), nullable=False),
        sa.Column("phone", sa.String(length=16), nullable=True),
        sa.Column("again_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("verification_id", sa.BigInteger(), nullable=True),
        sa.Column("birthday", sa.Date(), nullable=True),
        sa.Column("source", sa.String(length=50), nullable=True),
        sa.Column("started_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("joined_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(
            ["joined_id"], ["members.id"], name=op.f("fk_join_steps_joined_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_join_steps_member_id_members")
        ),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_join_steps")),
    )
    op.create_table(
        "lifecycle_sends",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("rule", sa.String(length=30), nullable=False),
        sa.Column("occasion", sa.String(length=40), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=True),
        sa.Column("klass", sa.String(length=10), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("due_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("stale_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("decided_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('due', 'held', 'queued', 'dropped')", name=op.f("ck_lifecycle_sends_status")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_lifecycle_sends_member_id_members")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifecycle_sends")),
        sa.UniqueConstraint(
            "member_id", "rule", "occasion", name=op.f("uq_lifecycle_sends_member_id_rule_occasion")
        ),
    )
    with op.batch_alter_table("lifecycle_sends", schema=None) as batch_op:
        batch_op.create_index(
            "ix_lifecycle_sends_open",
            ["priority", "due_at"],
            unique=False,
            sqlite_where=sa.text("status IN ('due', 'held')"),
            postgresql_where=sa.text("status IN ('due', 'held')"),
        )
        batch_op.create_index("ix_lifecycle_sends_rule", ["rule", "decided_at"], unique=False)

    op.create_table(
        "marketing_days",
        sa.Column(
            "member_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("what", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_marketing_days_member_id_members")
        ),
        sa.PrimaryKeyConstraint("member_id", "day", name=op.f("pk_marketing_days")),
    )
    op.create_table(
        "point_accounts",
        sa.Column(
            "member_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("balance", sa.Integer(), nullable=False),
        sa.Column("pending", sa.Integer(), nullable=False),
        sa.Column("debt", sa.Integer(), nullable=False),
        sa.Column("next_change_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("next_expiry_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("next_expiry_points", sa.Integer(), nullable=False),
        sa.Column("changed_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("balance >= 0 - debt", name=op.f("ck_point_accounts_balance")),
        sa.CheckConstraint("debt >= 0", name=op.f("ck_point_accounts_debt")),
        sa.CheckConstraint("pending >= 0", name=op.f("ck_point_accounts_pending")),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_point_accounts_member_id_members")
        ),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_point_accounts")),
    )
    with op.batch_alter_table("point_accounts", schema=None) as batch_op:
        batch_op.create_index(
            "ix_point_accounts_next_change_at",
            ["next_change_at", "member_id"],
            unique=False,
            sqlite_where=sa.text("next_change_at IS NOT NULL"),
            postgresql_where=sa.text("next_change_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_point_accounts_next_expiry_at",
            ["next_expiry_at", "member_id"],
            unique=False,
            sqlite_where=sa.text("next_expiry_at IS NOT NULL"),
            postgresql_where=sa.text("next_expiry_at IS NOT NULL"),
        )

    op.create_table(
        "point_operations",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("external_id", sa.String(length=120), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=True),
        sa.Column("source_id", sa.BigInteger(), nullable=True),
        sa.Column("programme_version", sa.Integer(), nullable=True),
        sa.Column("facts", db.Json(), nullable=True),
        sa.Column("at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_point_operations_member_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["programme_version"],
            ["programmes.id"],
            name=op.f("fk_point_operations_programme_version_programmes"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_point_operations")),
        sa.UniqueConstraint("external_id", name=op.f("uq_point_operations_external_id")),
    )
    with op.batch_alter_table("point_operations", schema=None) as batch_op:
        batch_op.create_index("ix_point_operations_kind_at", ["kind", "at"], unique=False)
        batch_op.create_index("ix_point_operations_member_id", ["member_id", "id"], unique=False)
        batch_op.create_index("ix_point_operations_source", ["source", "source_id"], unique=False)

    op.create_table(
        "staff",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("login", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("totp_secret", sa.String(length=64), nullable=True),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_staff_store_id_stores")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("login", name=op.f("uq_staff_login")),
    )
    op.create_table(
        "audit_log",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("object", sa.String(length=100), nullable=False),
        sa.Column("before", db.Json(), nullable=True),
        sa.Column("after", db.Json(), nullable=True),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("device", sa.String(length=200), nullable=True),
        sa.Column("at", db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_audit_log_staff_id_staff")
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["stores.id"], name=op.f("fk_audit_log_store_id_stores")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    with op.batch_alter_table("audit_log", schema=None) as batch_op:
        batch_op.create_index("ix_audit_log_staff_id", ["staff_id", "id"], unique=False)

    op.create_table(
        "point_lots",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "operation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("parent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("remaining", sa.Integer(), nullable=False),
        sa.Column("earned_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("usable_from", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "remaining >= 0 AND remaining <= quantity", name=op.f("ck_point_lots_remaining")
        ),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["point_operations.id"],
            name=op.f("fk_point_lots_operation_id_point_operations"),
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["point_lots.id"], name=op.f("fk_point_lots_parent_id_point_lots")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_point_lots")),
    )
    with op.batch_alter_table("point_lots", schema=None) as batch_op:
        batch_op.create_index(
            "ix_point_lots_expires_at",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("remaining > 0"),
            postgresql_where=sa.text("remaining > 0"),
        )
        batch_op.create_index(
            "ix_point_lots_member_id",
            ["member_id", "expires_at"],
            unique=False,
            sqlite_where=sa.text("remaining > 0"),
            postgresql_where=sa.text("remaining > 0"),
        )
        batch_op.create_index("ix_point_lots_operation_id", ["operation_id"], unique=False)
        batch_op.create_index(
            "ix_point_lots_usable_from",
            ["usable_from"],
            unique=False,
            sqlite_where=sa.text("remaining > 0 AND NOT is_active"),
            postgresql_where=sa.text("remaining > 0 AND NOT is_active"),
        )

    op.create_table(
        "purchases",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("external_id", sa.String(length=80), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("sold_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("sold_on", sa.Date(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("qualifying", sa.Integer(), nullable=False),
        sa.Column("earning", sa.Integer(), nullable=False),
        sa.Column("refunded", sa.Integer(), nullable=False),
        sa.Column("qualifying_refunded", sa.Integer(), nullable=False),
        sa.Column("earning_refunded", sa.Integer(), nullable=False),
        sa.Column("invoice_number", sa.String(length=10), nullable=True),
        sa.Column("invoice_period", sa.String(length=5), nullable=True),
        sa.Column("receipt", db.Json(), nullable=True),
        sa.Column("programme_version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_purchases_amount")),
        sa.CheckConstraint("earning >= 0 AND earning <= amount", name=op.f("ck_purchases_earning")),
        sa.CheckConstraint(
            "earning_refunded >= 0 AND earning_refunded <= earning",
            name=op.f("ck_purchases_earning_refunded"),
        ),
        sa.CheckConstraint(
            "qualifying >= 0 AND qualifying <= amount", name=op.f("ck_purchases_qualifying")
        ),
        sa.CheckConstraint(
            "qualifying_refunded >= 0 AND qualifying_refunded <= qualifying",
            name=op.f("ck_purchases_qualifying_refunded"),
        ),
        sa.CheckConstraint(
            "refunded >= 0 AND refunded <= amount", name=op.f("ck_purchases_refunded")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_purchases_member_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["programme_version"],
            ["programmes.id"],
            name=op.f("fk_purchases_programme_version_programmes"),
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_purchases_staff_id_staff")
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["stores.id"], name=op.f("fk_purchases_store_id_stores")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchases")),
        sa.UniqueConstraint("external_id", name=op.f("uq_purchases_external_id")),
    )
    with op.batch_alter_table("purchases", schema=None) as batch_op:
        batch_op.create_index(
            "ix_purchases_member_id", ["member_id", "sold_at", "id"], unique=False
        )
        batch_op.create_index("ix_purchases_sold_at", ["sold_at"], unique=False)
        batch_op.create_index("ix_purchases_store_id", ["store_id", "sold_at"], unique=False)
        batch_op.create_index(
            "uq_purchases_invoice",
            ["invoice_period", "invoice_number"],
            unique=True,
            sqlite_where=sa.text("invoice_number IS NOT NULL"),
            postgresql_where=sa.text("invoice_number IS NOT NULL"),
        )

    op.create_table(
        "staff_sessions",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("device", sa.String(length=200), nullable=False),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_staff_sessions_staff_id_staff")
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["stores.id"], name=op.f("fk_staff_sessions_store_id_stores")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_staff_sessions_digest")),
    )
    with op.batch_alter_table("staff_sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_staff_sessions_staff_id"), ["staff_id"], unique=False)

    op.create_table(
        "coupons",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("kind_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("offer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("dedup_key", sa.String(length=120), nullable=False),
        sa.Column("issued_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("usable_from", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("redeemed_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "purchase_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("discount", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "status IN ('issued', 'reserved', 'redeemed', 'expired', 'revoked')",
            name=op.f("ck_coupons_status"),
        ),
        sa.ForeignKeyConstraint(
            ["kind_id"], ["coupon_kinds.id"], name=op.f("fk_coupons_kind_id_coupon_kinds")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_coupons_member_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["coupon_offers.id"], name=op.f("fk_coupons_offer_id_coupon_offers")
        ),
        sa.ForeignKeyConstraint(
            ["purchase_id"], ["purchases.id"], name=op.f("fk_coupons_purchase_id_purchases")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_coupons_staff_id_staff")),
        sa.ForeignKeyConstraint(
            ["store_id"], ["stores.id"], name=op.f("fk_coupons_store_id_stores")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupons")),
        sa.UniqueConstraint("code", name=op.f("uq_coupons_code")),
        sa.UniqueConstraint("dedup_key", name=op.f("uq_coupons_dedup_key")),
    )
    with op.batch_alter_table("coupons", schema=None) as batch_op:
        batch_op.create_index(
            "ix_coupons_expires_at",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("status = 'issued'"),
            postgresql_where=sa.text("status = 'issued'"),
        )
        batch_op.create_index("ix_coupons_kind_id", ["kind_id", "status"], unique=False)
        batch_op.create_index(
            "ix_coupons_member_id", ["member_id", "status", "expires_at"], unique=False
        )
        batch_op.create_index("ix_coupons_purchase_id", ["purchase_id"], unique=False)

    op.create_table(
        "point_entries",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "operation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("lot_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("bucket", sa.String(length=7), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("at", db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(bucket = 'debt') = (lot_id IS NULL)", name=op.f("ck_point_entries_lot")
        ),
        sa.ForeignKeyConstraint(
            ["lot_id"], ["point_lots.id"], name=op.f("fk_point_entries_lot_id_point_lots")
        ),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["point_operations.id"],
            name=op.f("fk_point_entries_operation_id_point_operations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_point_entries")),
    )
    with op.batch_alter_table("point_entries", schema=None) as batch_op:
        batch_op.create_index("ix_point_entries_lot_id", ["lot_id"], unique=False)
        batch_op.create_index("ix_point_entries_member_id", ["member_id", "id"], unique=False)
        batch_op.create_index("ix_point_entries_operation_id", ["operation_id"], unique=False)

    op.create_table(
        "purchase_items",
        sa.Column(
            "purchase_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["purchase_id"], ["purchases.id"], name=op.f("fk_purchase_items_purchase_id_purchases")
        ),
        sa.PrimaryKeyConstraint("purchase_id", "line", name=op.f("pk_purchase_items")),
    )
    with op.batch_alter_table("purchase_items", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_purchase_items_sku"), ["sku"], unique=False)

    op.create_table(
        "refunds",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("external_id", sa.String(length=80), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column(
            "purchase_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("purchase_external_id", sa.String(length=80), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("qualifying", sa.Integer(), nullable=False),
        sa.Column("earning", sa.Integer(), nullable=False),
        sa.Column("items", db.Json(), nullable=False),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("receipt", db.Json(), nullable=True),
        sa.Column("refunded_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount")),
        sa.ForeignKeyConstraint(
            ["purchase_id"], ["purchases.id"], name=op.f("fk_refunds_purchase_id_purchases")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_refunds_staff_id_staff")),
        sa.ForeignKeyConstraint(
            ["store_id"], ["stores.id"], name=op.f("fk_refunds_store_id_stores")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("external_id", name=op.f("uq_refunds_external_id")),
    )
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.create_index("ix_refunds_purchase_id", ["purchase_id"], unique=False)
        batch_op.create_index("ix_refunds_refunded_at", ["refunded_at"], unique=False)

    op.create_table(
        "tier_periods",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("tier_code", sa.String(length=20), nullable=False),
        sa.Column("starts_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ends_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=10), nullable=False),
        sa.Column("programme_version", sa.Integer(), nullable=False),
        sa.Column(
            "purchase_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("qualifying", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("created_at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("closed_at", db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("closed_reason", sa.String(length=10), nullable=True),
        sa.CheckConstraint(
            "closed_at IS NULL OR closed_at >= starts_at", name=op.f("ck_tier_periods_closed_at")
        ),
        sa.CheckConstraint(
            "ends_at IS NULL OR ends_at > starts_at", name=op.f("ck_tier_periods_ends_at")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_tier_periods_member_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["programme_version"],
            ["programmes.id"],
            name=op.f("fk_tier_periods_programme_version_programmes"),
        ),
        sa.ForeignKeyConstraint(
            ["purchase_id"], ["purchases.id"], name=op.f("fk_tier_periods_purchase_id_purchases")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier_periods")),
    )
    with op.batch_alter_table("tier_periods", schema=None) as batch_op:
        batch_op.create_index(
            "ix_tier_periods_ends_at",
            ["ends_at", "member_id"],
            unique=False,
            sqlite_where=sa.text("closed_at IS NULL AND ends_at IS NOT NULL"),
            postgresql_where=sa.text("closed_at IS NULL AND ends_at IS NOT NULL"),
        )
        batch_op.create_index("ix_tier_periods_member_id", ["member_id", "id"], unique=False)
        batch_op.create_index("ix_tier_periods_tier_code", ["tier_code", "member_id"], unique=False)
        batch_op.create_index(
            "uq_tier_periods_open",
            ["member_id"],
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )

    op.create_table(
        "coupon_events",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "coupon_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("at", db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("facts", db.Json(), nullable=False),
        sa.ForeignKeyConstraint(
            ["coupon_id"], ["coupons.id"], name=op.f("fk_coupon_events_coupon_id_coupons")
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_coupon_events_staff_id_staff")
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["stores.id"], name=op.f("fk_coupon_events_store_id_stores")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_events")),
    )
    with op.batch_alter_table("coupon_events", schema=None) as batch_op:
        batch_op.create_index("ix_coupon_events_at", ["at", "kind"], unique=False)
        batch_op.create_index("ix_coupon_events_coupon_id", ["coupon_id", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("coupon_events", schema=None) as batch_op:
        batch_op.drop_index("ix_coupon_events_coupon_id")
        batch_op.drop_index("ix_coupon_events_at")

    op.drop_table("coupon_events")
    with op.batch_alter_table("tier_periods", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_tier_periods_open",
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )
        batch_op.drop_index("ix_tier_periods_tier_code")
        batch_op.drop_index("ix_tier_periods_member_id")
        batch_op.drop_index(
            "ix_tier_periods_ends_at",
            sqlite_where=sa.text("closed_at IS NULL AND ends_at IS NOT NULL"),
            postgresql_where=sa.text("closed_at IS NULL AND ends_at IS NOT NULL"),
        )

    op.drop_table("tier_periods")
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.drop_index("ix_refunds_refunded_at")
        batch_op.drop_index("ix_refunds_purchase_id")

    op.drop_table("refunds")
    with op.batch_alter_table("purchase_items", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_purchase_items_sku"))

    op.drop_table("purchase_items")
    with op.batch_alter_table("point_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_point_entries_operation_id")
        batch_op.drop_index("ix_point_entries_member_id")
        batch_op.drop_index("ix_point_entries_lot_id")

    op.drop_table("point_entries")
    with op.batch_alter_table("coupons", schema=None) as batch_op:
        batch_op.drop_index("ix_coupons_purchase_id")
        batch_op.drop_index("ix_coupons_member_id")
        batch_op.drop_index("ix_coupons_kind_id")
        batch_op.drop_index(
            "ix_coupons_expires_at",
            sqlite_where=sa.text("status = 'issued'"),
            postgresql_where=sa.text("status = 'issued'"),
        )

    op.drop_table("coupons")
    with op.batch_alter_table("staff_sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_staff_sessions_staff_id"))

    op.drop_table("staff_sessions")
    with op.batch_alter_table("purchases", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_purchases_invoice",
            sqlite_where=sa.text("invoice_number IS NOT NULL"),
            postgresql_where=sa.text("invoice_number IS NOT NULL"),
        )
        batch_op.drop_index("ix_purchases_store_id")
        batch_op.drop_index("ix_purchases_sold_at")
        batch_op.drop_index("ix_purchases_member_id")

    op.drop_table("purchases")
    with op.batch_alter_table("point_lots", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_point_lots_usable_from",
            sqlite_where=sa.text("remaining > 0 AND NOT is_active"),
            postgresql_where=sa.text("remaining > 0 AND NOT is_active"),
        )
        batch_op.drop_index("ix_point_lots_operation_id")
        batch_op.drop_index(
            "ix_point_lots_member_id",
            sqlite_where=sa.text("remaining > 0"),
            postgresql_where=sa.text("remaining > 0"),
        )
        batch_op.drop_index(
            "ix_point_lots_expires_at",
            sqlite_where=sa.text("remaining > 0"),
            postgresql_where=sa.text("remaining > 0"),
        )

    op.drop_table("point_lots")
    with op.batch_alter_table("audit_log", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_log_staff_id")

    op.drop_table("audit_log")
    op.drop_table("staff")
    with op.batch_alter_table("point_operations", schema=None) as batch_op:
        batch_op.drop_index("ix_point_operations_source")
        batch_op.drop_index("ix_point_operations_member_id")
        batch_op.drop_index("ix_point_operations_kind_at")

    op.drop_table("point_operations")
    with op.batch_alter_table("point_accounts", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_point_accounts_next_expiry_at",
            sqlite_where=sa.text("next_expiry_at IS NOT NULL"),
            postgresql_where=sa.text("next_expiry_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_point_accounts_next_change_at",
            sqlite_where=sa.text("next_change_at IS NOT NULL"),
            postgresql_where=sa.text("next_change_at IS NOT NULL"),
        )

    op.drop_table("point_accounts")
    op.drop_table("marketing_days")
    with op.batch_alter_table("lifecycle_sends", schema=None) as batch_op:
        batch_op.drop_index("ix_lifecycle_sends_rule")
        batch_op.drop_index(
            "ix_lifecycle_sends_open",
            sqlite_where=sa.text("status IN ('due', 'held')"),
            postgresql_where=sa.text("status IN ('due', 'held')"),
        )

    op.drop_table("lifecycle_sends")
    op.drop_table("join_steps")
    op.drop_table("coupon_offers")
    op.drop_table("coupon_holdings")
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_consents_member_id"))

    op.drop_table("consents")
    with op.batch_alter_table("closings", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_closings_open",
            sqlite_where=sa.text("undone_at IS NULL AND wiped_at IS NULL"),
            postgresql_where=sa.text("undone_at IS NULL AND wiped_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_closings_wipe_at",
            sqlite_where=sa.text("undone_at IS NULL AND wiped_at IS NULL"),
            postgresql_where=sa.text("undone_at IS NULL AND wiped_at IS NULL"),
        )

    op.drop_table("closings")
    with op.batch_alter_table("card_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_card_tokens_member_id"))
        batch_op.drop_index("ix_card_tokens_expires_at")

    op.drop_table("card_tokens")
    with op.batch_alter_table("visits", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_visits_line_user_id"))
        batch_op.drop_index("ix_visits_expires_at")

    op.drop_table("visits")
    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.drop_index("ix_verifications_phone_hash")
        batch_op.drop_index("ix_verifications_expires_at")

    op.drop_table("verifications")
    op.drop_table("verification_gates")
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.drop_index("ix_timeline_member_id")
        batch_op.drop_index("ix_timeline_kind_at")

    op.drop_table("timeline")
    op.drop_table("stores")
    op.drop_table("purchase_days")
    with op.batch_alter_table("programmes", schema=None) as batch_op:
        batch_op.drop_index("ix_programmes_starts_at")

    op.drop_table("programmes")
    op.drop_table("outbox_stops")
    op.drop_table("outbox_quota")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_sent_at")
        batch_op.drop_index(
            "ix_outbox_parked",
            sqlite_where=sa.text("status = 'parked'"),
            postgresql_where=sa.text("status = 'parked'"),
        )
        batch_op.drop_index("ix_outbox_member_id")
        batch_op.drop_index(
            "ix_outbox_due",
            sqlite_where=sa.text("status IN ('waiting', 'sending')"),
            postgresql_where=sa.text("status IN ('waiting', 'sending')"),
        )

    op.drop_table("outbox")
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_members_phone",
            sqlite_where=sa.text("phone IS NOT NULL"),
            postgresql_where=sa.text("phone IS NOT NULL"),
        )
        batch_op.drop_index("ix_members_status_joined_at")
        batch_op.drop_index(
            "ix_members_profile_due_at",
            sqlite_where=sa.text("profile_due_at IS NOT NULL"),
            postgresql_where=sa.text("profile_due_at IS NOT NULL"),
        )
        batch_op.drop_index("ix_members_birthday")

    op.drop_table("members")
    op.drop_table("login_attempts")
    with op.batch_alter_table("job_runs", schema=None) as batch_op:
        batch_op.drop_index("ix_job_runs_finished_at")

    op.drop_table("job_runs")
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_inbox_waiting",
            sqlite_where=sa.text("status = 'waiting'"),
            postgresql_where=sa.text("status = 'waiting'"),
        )
        batch_op.drop_index(
            "ix_inbox_parked",
            sqlite_where=sa.text("status = 'parked'"),
            postgresql_where=sa.text("status = 'parked'"),
        )
        batch_op.drop_index(
            "ix_inbox_due",
            sqlite_where=sa.text("status = 'waiting'"),
            postgresql_where=sa.text("status = 'waiting'"),
        )

    op.drop_table("inbox")
    op.drop_table("forgotten_phones")
    op.drop_table("coupon_kinds")
    op.drop_table("api_tokens")

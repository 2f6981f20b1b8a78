"""People: everyone LINE told us of (guests), members who joined, members who left."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime

GUEST, MEMBER, CLOSED = "guest", "member", "closed"


class Member(Table):
    __tablename__ = "members"
    __table_args__ = (
        sa.CheckConstraint("status IN ('guest', 'member', 'closed')", name="status"),
        sa.Index("ix_members_status_joined_at", "status", "joined_at", "id"),
        sa.Index("ix_members_birthday", "birth_month", "birth_day"),
        sa.Index(
            "ix_members_profile_due_at",
            "profile_due_at",
            sqlite_where=sa.text("profile_due_at IS NOT NULL"),
            postgresql_where=sa.text("profile_due_at IS NOT NULL"),
        ),
        sa.Index(
            "ix_members_merged_into_id",
            "merged_into_id",
            sqlite_where=sa.text("merged_into_id IS NOT NULL"),
            postgresql_where=sa.text("merged_into_id IS NOT NULL"),
        ),
        # For `begins_with`: people are looked up by how their name begins.
        sa.Index("ix_members_name", "name", postgresql_ops={"name": "text_pattern_ops"}),
        sa.Index(
            "ix_members_display_name",
            "display_name",
            postgresql_ops={"display_name": "text_pattern_ops"},
        ),
        sa.Index(
            "uq_members_phone",
            "phone",
            unique=True,
            sqlite_where=sa.text("phone IS NOT NULL"),
            postgresql_where=sa.text("phone IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    number: Mapped[str | None] = mapped_column(sa.String(10), unique=True)
    status: Mapped[str] = mapped_column(sa.String(10), default=GUEST)
    line_user_id: Mapped[str | None] = mapped_column(sa.String(33), unique=True)
    is_friend: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    friended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    unfriended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    friendship_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # newest follow or unfollow
    display_name: Mapped[str | None] = mapped_column(sa.String(100))
    picture_url: Mapped[str | None] = mapped_column(sa.String(1000))
    language: Mapped[str | None] = mapped_column(sa.String(20))
    profile_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    name: Mapped[str | None] = mapped_column(sa.String(50))
    phone: Mapped[str | None] = mapped_column(sa.String(16))
    birthday: Mapped[date | None] = mapped_column(sa.Date)
    birth_month: Mapped[int | None] = mapped_column(sa.Integer)
    birth_day: Mapped[int | None] = mapped_column(sa.Integer)
    birthday_edits: Mapped[int] = mapped_column(sa.Integer, default=0)
    gender: Mapped[str | None] = mapped_column(sa.String(10))
    email: Mapped[str | None] = mapped_column(sa.String(254))
    city: Mapped[str | None] = mapped_column(sa.String(10))
    district: Mapped[str | None] = mapped_column(sa.String(10))
    joined_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    join_source: Mapped[str | None] = mapped_column(sa.String(50))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The member this one turned out to be: number and phone of the row lead there.
    merged_into_id: Mapped[int | None] = mapped_column(sa.ForeignKey("members.id"))
    guardian_name: Mapped[str | None] = mapped_column(sa.String(50))
    guardian_phone: Mapped[str | None] = mapped_column(sa.String(16))
    marketing_ok: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    is_test: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Consent(Table):
    """Proof of what was agreed or refused, when and through what. Append-only."""

    __tablename__ = "consents"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(20))  # notice | terms | marketing | sharing
    version: Mapped[str] = mapped_column(sa.String(40))
    is_given: Mapped[bool] = mapped_column(sa.Boolean)
    channel: Mapped[str] = mapped_column(sa.String(20))  # liff | chat | store | import
    at: Mapped[datetime] = mapped_column(UtcDateTime)

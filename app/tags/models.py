"""Tags: a word that staff, a rule or a press put on a member, for ever or until a day."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime, table_of


class Tag(Table):
    """A removed tag keeps its row, so that what put it on can still be explained."""

    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(sa.String(60), unique=True)
    is_active: Mapped[bool] = mapped_column(sa.Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MemberTag(Table):
    """`source` is staff, segment, list, letter or journey; `source_id` which one of these."""

    __tablename__ = "member_tags"
    __table_args__ = (
        sa.UniqueConstraint("tag_id", "member_id"),
        sa.Index("ix_member_tags_member_id", "member_id", "tag_id"),
        sa.Index(
            "ix_member_tags_expires_at",
            "expires_at",
            sqlite_where=sa.text("expires_at IS NOT NULL"),
            postgresql_where=sa.text("expires_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    tag_id: Mapped[int] = mapped_column(sa.ForeignKey("tags.id"))
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    source: Mapped[str] = mapped_column(sa.String(10))
    source_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    staff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)  # the first time
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # from here on it is gone


TAGS, MEMBER_TAGS = table_of(Tag), table_of(MemberTag)

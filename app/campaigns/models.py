"""Letters to many: what was written, to whom, and what became of it for each of them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.campaigns.rules import STATUSES
from app.campaigns.rules.timing import PACES
from app.core.db import BigId, Json, Table, UtcDateTime, table_of

_STATUS_LIST = ", ".join(f"'{status}'" for status in STATUSES)
_PACES = ", ".join(f"'{pace}'" for pace in PACES)
_OPEN = sa.text("status IN ('due', 'held')")


class Broadcast(Table):
    """`tree` and `letter` are copies, made when it was planned: later changes of the segment do
    not reach it. `tree` is NULL for all members. `most` messages go out before it stops for a
    person; NULL for no end. `written` are those that were queued; 0 where there is no end."""

    __tablename__ = "broadcasts"
    __table_args__ = (
        sa.CheckConstraint(f"status IN ({_STATUS_LIST})", name="status"),
        sa.CheckConstraint(f"pace IN ({_PACES})", name="pace"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    status: Mapped[str] = mapped_column(sa.String(10))
    segment_id: Mapped[int | None] = mapped_column(sa.ForeignKey("segments.id"))
    # Instead of a segment: who got that one and has not pressed its button.
    unpressed_of: Mapped[int | None] = mapped_column(sa.ForeignKey("broadcasts.id"))
    segment_name: Mapped[str] = mapped_column(sa.String(60))
    segment_version: Mapped[int | None] = mapped_column(sa.Integer)
    tree: Mapped[Any] = mapped_column(Json, nullable=True)
    letter: Mapped[Any] = mapped_column(Json)
    share: Mapped[Any] = mapped_column(Json, nullable=True)  # of the members, in an experiment
    send_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    pace: Mapped[str] = mapped_column(sa.String(10))
    hours: Mapped[int] = mapped_column(sa.Integer)  # over so many it is spread
    most: Mapped[int | None] = mapped_column(sa.Integer)
    written: Mapped[int] = mapped_column(sa.Integer)
    paused_for: Mapped[str | None] = mapped_column(sa.String(10))  # budget | quota; NULL: a person
    lease: Mapped[str | None] = mapped_column(sa.String(40))  # of who freezes the list
    members: Mapped[int] = mapped_column(sa.Integer)  # who were meant, reachable or not
    frozen: Mapped[int] = mapped_column(sa.Integer)  # rows on the list
    made_by: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the instant of the list
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BroadcastRecipient(Table):
    """One row a broadcast and member who could be reached when the list was frozen. The key is
    what makes a letter come once.

    `reason` says in a marketer's words why it is held or was dropped."""

    __tablename__ = "broadcast_recipients"
    __table_args__ = (
        sa.CheckConstraint(
            "status IN ('due', 'held', 'queued', 'dropped', 'control', 'declined')", name="status"
        ),
        sa.Index(
            "ix_broadcast_recipients_open",
            "broadcast_id",
            "due_at",
            "member_id",
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        sa.Index("ix_broadcast_recipients_member_id", "member_id", "broadcast_id"),
    )

    broadcast_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("broadcasts.id"), primary_key=True, autoincrement=False
    )
    member_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("members.id"), primary_key=True, autoincrement=False
    )
    status: Mapped[str] = mapped_column(sa.String(10))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(sa.String(200))
    coupon_id: Mapped[int | None] = mapped_column(sa.ForeignKey("coupons.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    clicked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the first time


class LetterPicture(Table):
    """An uploaded picture as LINE gets it, by the SHA-256 of its bytes."""

    __tablename__ = "letter_pictures"

    digest: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(10))  # PNG | JPEG
    content: Mapped[bytes] = mapped_column(sa.LargeBinary)
    small: Mapped[bytes] = mapped_column(sa.LargeBinary)  # a JPEG
    width: Mapped[int] = mapped_column(sa.Integer)
    height: Mapped[int] = mapped_column(sa.Integer)
    made_by: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


BROADCASTS, RECIPIENTS = table_of(Broadcast), table_of(BroadcastRecipient)
PICTURES = table_of(LetterPicture)

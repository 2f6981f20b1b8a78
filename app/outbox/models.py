"""Everything we ask LINE (or the SMS provider) to do, one row a request, kept as evidence."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime, Utf8, table_of

WAITING, SENDING, SENT, PARKED, CANCELLED = "waiting", "sending", "sent", "parked", "cancelled"
REPLY, PUSH, MULTICAST, SMS, MENU = "reply", "push", "multicast", "sms", "menu"
PROMOTION = "promotion"  # the class of what goes to many at once


class OutboxRow(Table):
    __tablename__ = "outbox"
    __table_args__ = (
        sa.Index(
            "ix_outbox_due",
            "due_at",
            "id",
            sqlite_where=sa.text("status IN ('waiting', 'sending')"),
            postgresql_where=sa.text("status IN ('waiting', 'sending')"),
        ),
        sa.Index("ix_outbox_member_id", "member_id", "id"),
        sa.Index(
            "ix_outbox_parked",
            "id",
            sqlite_where=sa.text("status = 'parked'"),
            postgresql_where=sa.text("status = 'parked'"),
        ),
        sa.Index("ix_outbox_sent_at", "sent_at"),
        sa.Index(
            "ix_outbox_promotion",
            "kind",
            "status",
            sqlite_where=sa.text("klass = 'promotion'"),
            postgresql_where=sa.text("klass = 'promotion'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    channel: Mapped[str] = mapped_column(sa.String(10))  # reply push multicast sms menu
    klass: Mapped[str] = mapped_column(sa.String(10))  # reply service expiry lifecycle promotion
    kind: Mapped[str] = mapped_column(sa.String(40))  # what the message is: card, receipt, birthday
    topic: Mapped[str | None] = mapped_column(sa.String(20))  # what marketing is about
    member_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    recipient: Mapped[str] = mapped_column(
        sa.String(64)
    )  # LINE user id, or the phone of an SMS; '' of a multicast
    reply_token: Mapped[str | None] = mapped_column(sa.String(64))
    reply_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    payload: Mapped[str] = mapped_column(Utf8)  # JSON array of messages; plain text for an SMS
    dedup_key: Mapped[str | None] = mapped_column(sa.String(120), unique=True)
    retry_key: Mapped[str] = mapped_column(sa.String(36))
    status: Mapped[str] = mapped_column(sa.String(10), default=WAITING)
    # When it may be taken next: as planned, after a back-off, or when a dead sender's lease ends.
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease: Mapped[str | None] = mapped_column(sa.String(40))
    attempts: Mapped[int] = mapped_column(sa.Integer, default=0)
    first_tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    request_id: Mapped[str | None] = mapped_column(sa.String(64))
    reason: Mapped[str | None] = mapped_column(sa.String(500))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


# Written out, not bound: only so does SQLite see that its partial index serves.
IS_OPEN = OutboxRow.status.in_(
    [sa.literal_column(f"'{WAITING}'"), sa.literal_column(f"'{SENDING}'")]
)
IS_PARKED = OutboxRow.status == sa.literal_column(f"'{PARKED}'")
IS_PROMOTION = OutboxRow.klass == sa.literal_column(f"'{PROMOTION}'")


READING, LEFT = "reading", "left"


class OutboxReader(Table):
    """One of those whom one multicast is for. Who leaves it before LINE was first asked is not in
    the request; from then on the list stays as it was, since a retry key stands for one request.
    When LINE took nothing of it, it counts as never asked.

    The second key is what makes a letter come once."""

    __tablename__ = "outbox_readers"
    __table_args__ = (
        sa.CheckConstraint(f"status IN ('{READING}', '{LEFT}')", name="status"),
        sa.UniqueConstraint("member_id", "kind"),
        sa.Index("ix_outbox_readers_kind", "kind"),
    )

    outbox_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("outbox.id"), primary_key=True, autoincrement=False
    )
    member_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(sa.String(40))  # as the row's
    recipient: Mapped[str] = mapped_column(sa.String(64))  # LINE user id; '' once forgotten
    status: Mapped[str] = mapped_column(sa.String(10))
    # Why they left; of who is still reading: why they want to, if LINE takes nothing.
    reason: Mapped[str | None] = mapped_column(sa.String(200))


class StoppedRecipient(Table):
    """Who blocked the account: nothing is queued for them until they come back."""

    __tablename__ = "outbox_stops"

    recipient: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    stopped_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Quota(Table):
    """One row: until when LINE said the month's messages are used up."""

    __tablename__ = "outbox_quota"

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    used_up_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


READERS = table_of(OutboxReader)

"""Who invited whom, how far it came, and everything that happened on the way."""

from datetime import datetime
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime

BOUND, JOINED, PENDING, REWARDED, REJECTED, CANCELLED, LAPSED = (
    "bound",  # came by an invitation, has not joined
    "joined",
    "pending",  # bought enough; the sale may still be given back
    "rewarded",
    "rejected",  # against the rules, or by staff
    "cancelled",  # the sale was given back
    "lapsed",  # too late, or another invitation took its place
)
STATUSES: Final = (BOUND, JOINED, PENDING, REWARDED, REJECTED, CANCELLED, LAPSED)
LIVE: Final = (BOUND, JOINED, PENDING, REWARDED)
_LIVE_SQL = sa.text("status IN ('bound', 'joined', 'pending', 'rewarded')")


class InviteCode(Table):
    """A member's own code, for as many friends as come. The row also makes the joinings of one
    inviter's friends queue, so that a burst is counted right."""

    __tablename__ = "invite_codes"

    member_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("members.id"), primary_key=True, autoincrement=False
    )
    code: Mapped[str] = mapped_column(sa.String(12), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    touched_at: Mapped[datetime] = mapped_column(UtcDateTime)


class InviteShare(Table):
    """One card sent to one friend. The card holds the token, the row only its digest."""

    __tablename__ = "invite_shares"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"), index=True)
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Referral(Table):
    """One friend of one inviter. At most one that counts for a friend, ever."""

    __tablename__ = "referrals"
    __table_args__ = (
        sa.CheckConstraint(
            "status IN ('bound', 'joined', 'pending', 'rewarded', 'rejected', 'cancelled', "
            "'lapsed')",
            name="status",
        ),
        sa.CheckConstraint("member_id <> inviter_id", name="self"),
        sa.CheckConstraint("status <> 'pending' OR due_at IS NOT NULL", name="due"),
        sa.Index(
            "uq_referrals_live",
            "member_id",
            unique=True,
            sqlite_where=_LIVE_SQL,
            postgresql_where=_LIVE_SQL,
        ),
        sa.Index("ix_referrals_inviter_id", "inviter_id", "status", "joined_at"),
        sa.Index("ix_referrals_status", "status", "due_at"),
        sa.Index("ix_referrals_purchase_id", "purchase_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))  # the friend
    inviter_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    share_id: Mapped[int | None] = mapped_column(sa.BigInteger)  # shares are forgotten on their own
    channel: Mapped[str] = mapped_column(sa.String(10))  # liff | chat
    status: Mapped[str] = mapped_column(sa.String(10))
    reason: Mapped[str | None] = mapped_column(sa.String(200))  # of an end without a reward
    # The terms of that day hold to the end.
    programme_version: Mapped[int] = mapped_column(sa.ForeignKey("programmes.id"))
    bound_at: Mapped[datetime] = mapped_column(UtcDateTime)
    join_by: Mapped[datetime] = mapped_column(UtcDateTime)
    joined_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    buy_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    purchase_id: Mapped[int | None] = mapped_column(sa.ForeignKey("purchases.id"))
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_flagged: Mapped[bool] = mapped_column(sa.Boolean)  # waits for a person
    rewarded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    inviter_is_paid: Mapped[bool] = mapped_column(sa.Boolean)  # False also beyond the cap


class ReferralEvent(Table):
    """Append-only: bound, joined, flagged, purchased, approved, rewarded, rejected, …"""

    __tablename__ = "referral_events"
    __table_args__ = (sa.Index("ix_referral_events_referral_id", "referral_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    referral_id: Mapped[int] = mapped_column(sa.ForeignKey("referrals.id"))
    kind: Mapped[str] = mapped_column(sa.String(12))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    staff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    facts: Mapped[Any] = mapped_column(Json)


class StaffMembership(Table):
    """The membership of somebody who works here: it invites nobody."""

    __tablename__ = "staff_memberships"

    staff_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("staff.id"), primary_key=True, autoincrement=False
    )
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"), index=True)


CODES = cast(sa.Table, InviteCode.__table__)
SHARES = cast(sa.Table, InviteShare.__table__)
REFERRALS = cast(sa.Table, Referral.__table__)
EVENTS = cast(sa.Table, ReferralEvent.__table__)
STAFF_MEMBERSHIPS = cast(sa.Table, StaffMembership.__table__)

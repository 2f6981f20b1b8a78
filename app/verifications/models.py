"""Codes sent by SMS and what limits them. Neither phones nor codes are kept, only keyed hashes."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime


class Verification(Table):
    """One code sent to one phone for one purpose."""

    __tablename__ = "verifications"
    __table_args__ = (
        sa.Index("ix_verifications_phone_hash", "phone_hash", "purpose", "id"),
        sa.Index("ix_verifications_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    phone_hash: Mapped[str] = mapped_column(sa.String(64))
    line_user_id: Mapped[str | None] = mapped_column(sa.String(33))  # NULL: asked for at a till
    purpose: Mapped[str] = mapped_column(sa.String(20))
    code_digest: Mapped[str] = mapped_column(sa.String(64))
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class VerificationGate(Table):
    """The row every send and every try must win: per phone, and per LINE user for sends."""

    __tablename__ = "verification_gates"

    key: Mapped[str] = mapped_column(sa.String(80), primary_key=True)  # phone:HASH or line:USER
    day: Mapped[date] = mapped_column(sa.Date)  # the Taipei day that `sent` counts
    sent: Mapped[int] = mapped_column(sa.Integer)
    next_send_at: Mapped[datetime] = mapped_column(UtcDateTime)
    wrong: Mapped[int] = mapped_column(sa.Integer)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)

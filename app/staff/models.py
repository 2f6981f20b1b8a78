"""Stores, the people who work in them, how they are let in, and what they did."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime


class Store(Table):
    __tablename__ = "stores"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    code: Mapped[str] = mapped_column(sa.String(20), unique=True)
    name: Mapped[str] = mapped_column(sa.String(50))
    city: Mapped[str | None] = mapped_column(sa.String(10))
    address: Mapped[str | None] = mapped_column(sa.String(200))
    phone: Mapped[str | None] = mapped_column(sa.String(20))
    hours: Mapped[str | None] = mapped_column(sa.String(100))
    is_active: Mapped[bool] = mapped_column(sa.Boolean, default=True)


class Staff(Table):
    __tablename__ = "staff"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    login: Mapped[str] = mapped_column(sa.String(50), unique=True)  # lower case
    name: Mapped[str] = mapped_column(sa.String(50))
    password_hash: Mapped[str] = mapped_column(sa.String(200))
    role: Mapped[str] = mapped_column(sa.String(20))
    store_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stores.id"))  # NULL: every store
    is_active: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    totp_secret: Mapped[str | None] = mapped_column(sa.String(64))  # sealed; NULL: no second factor
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    totp_offer: Mapped[str | None] = mapped_column(
        sa.String(64)
    )  # sealed; waits for its first code
    totp_offered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    totp_step: Mapped[int | None] = mapped_column(sa.BigInteger)  # of the last code that was used


class RecoveryCode(Table):
    """For who lost the phone; the row holds a keyed digest. Once each."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    staff_id: Mapped[int] = mapped_column(sa.ForeignKey("staff.id"), index=True)
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StaffLink(Table):
    """An address that is handed to a person and works once: to join, or to set a new password.
    The address holds the token, the row only its digest."""

    __tablename__ = "staff_links"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    staff_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("staff.id"), index=True
    )  # to join: NULL
    name: Mapped[str] = mapped_column(sa.String(50))
    role: Mapped[str] = mapped_column(sa.String(20))
    store_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stores.id"))
    made_by: Mapped[int] = mapped_column(sa.ForeignKey("staff.id"), index=True)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StaffSession(Table):
    """A browser that is logged in. The cookie holds the token, the row only its digest."""

    __tablename__ = "staff_sessions"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    staff_id: Mapped[int] = mapped_column(sa.ForeignKey("staff.id"), index=True)
    store_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stores.id"))  # chosen at the till
    device: Mapped[str] = mapped_column(sa.String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LoginAttempts(Table):
    """Wrong passwords in a row per login and per address, and how long to wait."""

    __tablename__ = "login_attempts"

    key: Mapped[str] = mapped_column(sa.String(100), primary_key=True)  # login:aoi, ip:192.0.2.1
    failures: Mapped[int] = mapped_column(sa.Integer)
    failed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    blocked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ApiToken(Table):
    """A key for a machine. `prefix` is its readable beginning, shown in lists."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(sa.String(50))
    role: Mapped[str] = mapped_column(sa.String(20))
    prefix: Mapped[str] = mapped_column(sa.String(20))
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditEntry(Table):
    """Who did what to which thing. Append-only; `before` and `after` hold what changed."""

    __tablename__ = "audit_log"
    __table_args__ = (sa.Index("ix_audit_log_staff_id", "staff_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    staff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))  # NULL: the machine
    action: Mapped[str] = mapped_column(sa.String(40))
    object: Mapped[str] = mapped_column(sa.String(100))
    before: Mapped[Any | None] = mapped_column(Json)
    after: Mapped[Any | None] = mapped_column(Json)
    store_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stores.id"))
    device: Mapped[str | None] = mapped_column(sa.String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime)

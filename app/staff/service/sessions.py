"""Browsers that are logged in."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids
from app.core.db import changed
from app.core.errors import DomainError, NotFound
from app.staff import rules
from app.staff.models import LoginAttempts, Staff, StaffSession, Store

DEVICE_LENGTH = 200


def open_session(
    session: Session, *, staff_id: int, device: str, now: datetime, store_id: int | None = None
) -> str:
    """Return the token for the cookie; it is kept nowhere else."""
    token = ids.secret_token()
    session.execute(
        sa.insert(StaffSession).values(
            digest=ids.digest(token),
            staff_id=staff_id,
            store_id=store_id,
            device=device[:DEVICE_LENGTH],
            created_at=now,
            seen_at=now,
            expires_at=now + rules.SESSION_LIFE,
        )
    )
    return token


def saw(session: Session, *, session_id: int, now: datetime) -> None:
    """Keep the session from going idle; writes at most every few minutes."""
    changed(
        session,
        sa.update(StaffSession)
        .where(StaffSession.id == session_id, StaffSession.seen_at <= now - rules.SEEN_EVERY)
        .values(seen_at=now),
    )


class WrongStore(DomainError):
    """The store is closed, unknown or not one this person works in."""

    def __init__(self, store_id: int) -> None:
        super().__init__(f"store {store_id} cannot be chosen")
        self.store_id = store_id


def choose_store(session: Session, *, session_id: int, staff_id: int, store_id: int) -> None:
    """Raises WrongStore."""
    open_store = sa.exists().where(Store.id == store_id, Store.is_active)
    own_store = sa.exists().where(
        Staff.id == staff_id, sa.or_(Staff.store_id.is_(None), Staff.store_id == store_id)
    )
    chosen = (
        sa.update(StaffSession)
        .where(
            StaffSession.id == session_id, StaffSession.staff_id == staff_id, open_store, own_store
        )
        .values(store_id=store_id)
    )
    if not changed(session, chosen):
        raise WrongStore(store_id)


def end_session(session: Session, *, session_id: int, now: datetime) -> None:
    changed(
        session,
        sa.update(StaffSession)
        .where(StaffSession.id == session_id, StaffSession.revoked_at.is_(None))
        .values(revoked_at=now),
    )


def end_own_session(session: Session, *, session_id: int, staff_id: int, now: datetime) -> None:
    """Log a person out of one browser. Raises NotFound when it is not theirs or over already."""
    ended = (
        sa.update(StaffSession)
        .where(
            StaffSession.id == session_id,
            StaffSession.staff_id == staff_id,
            StaffSession.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )
    if not changed(session, ended):
        raise NotFound("session", session_id)
    _take_back_offer(session, staff_id)


def _take_back_offer(session: Session, staff_id: int) -> None:
    changed(
        session,
        sa.update(Staff)
        .where(Staff.id == staff_id, Staff.totp_offer.is_not(None))
        .values(totp_offer=None, totp_offered_at=None),
    )


def end_sessions_of(
    session: Session, *, staff_id: int, now: datetime, but: int | None = None
) -> int:
    """Log a person out everywhere, or everywhere but in one browser; return from how many. A second
    factor that was offered and not switched on is no more: who was logged out may have seen it."""
    _take_back_offer(session, staff_id)
    return changed(
        session,
        sa.update(StaffSession)
        .where(
            StaffSession.staff_id == staff_id,
            StaffSession.id != but if but is not None else sa.true(),
            StaffSession.revoked_at.is_(None),
            StaffSession.expires_at > now,
        )
        .values(revoked_at=now),
    )


def forget_old(session: Session, *, now: datetime) -> int:
    """Drop sessions and counted failures that no longer mean anything (a nightly job)."""
    old = now - timedelta(days=30)
    return changed(session, sa.delete(StaffSession).where(StaffSession.expires_at < old)) + changed(
        session, sa.delete(LoginAttempts).where(LoginAttempts.failed_at < old)
    )

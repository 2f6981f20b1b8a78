"""Prove who somebody is, and count how often it failed.

A login takes three steps because a password check takes 0.1 s of processor time, which must not
pass inside a transaction: `begin_login` counts the try before anybody knows how it ends (so that a
hundred tries at once are a hundred tries), the caller checks the password, `finish_login` forgives.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed, insert_ignore
from app.core.errors import DomainError
from app.staff import rules
from app.staff.models import LoginAttempts, Staff
from app.staff.rules import PER_ADDRESS, PER_LOGIN, Throttle


class LoginBlocked(DomainError):
    """Too many wrong passwords; nothing is checked before `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"logins are refused until {until.isoformat()}")
        self.until = until


@dataclass(frozen=True, slots=True)
class Candidate:
    """Whoever asks to be let in, counted as one failure until proven right."""

    login: str
    address: str
    staff_id: int | None
    role: str | None
    password_hash: str | None
    has_factor: bool


def login_key(login: str) -> str:
    """One spelling of it, without what nobody can see: PostgreSQL keeps no NUL."""
    seen = "".join(sign for sign in login if sign.isprintable() or sign.isspace())
    return seen.strip().casefold()


def begin_login(session: Session, *, login: str, address: str, now: datetime) -> Candidate:
    """Raises LoginBlocked. Commit before the password is looked at."""
    login = login_key(login)[:50]
    _count_try(session, _login_key(login), PER_LOGIN, now=now)
    _count_try(session, _address_key(address), PER_ADDRESS, now=now)
    found = session.execute(
        sa.select(Staff.id, Staff.role, Staff.password_hash, Staff.totp_secret.is_not(None)).where(
            Staff.login == login, Staff.is_active
        )
    ).one_or_none()
    staff_id, role, password_hash, has_factor = found or (None, None, None, False)
    return Candidate(login, address, staff_id, role, password_hash, has_factor)


def finish_login(session: Session, *, candidate: Candidate) -> None:
    """The password was right: forget the failures of the login and this try of the address."""
    session.execute(
        sa.delete(LoginAttempts).where(LoginAttempts.key == _login_key(candidate.login))
    )
    _forgive(session, candidate.address)


def begin_code(session: Session, *, staff_id: int, address: str, now: datetime) -> None:
    """Count a code that is tried after the password, apart from passwords: who knows the password
    cannot win more tries with it. Raises LoginBlocked. Commit before the code is looked at."""
    _count_try(session, _code_key(staff_id), PER_LOGIN, now=now)
    _count_try(session, _address_key(address), PER_ADDRESS, now=now)


def finish_code(session: Session, *, staff_id: int, address: str) -> None:
    """The code was right: forget the failures and this try of the address."""
    session.execute(sa.delete(LoginAttempts).where(LoginAttempts.key == _code_key(staff_id)))
    _forgive(session, address)


def _forgive(session: Session, address: str) -> None:
    """Take back this one try. A block stays: it came of what others at the address tried."""
    changed(
        session,
        sa.update(LoginAttempts)
        .where(LoginAttempts.key == _address_key(address), LoginAttempts.failures > 0)
        .values(failures=LoginAttempts.failures - 1),
    )


def _code_key(staff_id: int) -> str:
    return f"code:{staff_id}"


def _login_key(login: str) -> str:
    return f"login:{login}"


def _address_key(address: str) -> str:
    return f"ip:{address}"[:100]


def _count_try(session: Session, key: str, throttle: Throttle, *, now: datetime) -> None:
    insert_ignore(session, LoginAttempts, {"key": key, "failures": 0, "failed_at": now})
    failures = session.scalar(
        sa.update(LoginAttempts)
        .where(
            LoginAttempts.key == key,
            sa.or_(LoginAttempts.blocked_until.is_(None), LoginAttempts.blocked_until <= now),
        )
        .values(
            failures=sa.case(
                (LoginAttempts.failed_at <= now - rules.FORGET_AFTER, 1),
                else_=LoginAttempts.failures + 1,
            ),
            failed_at=now,
        )
        .returning(LoginAttempts.failures)
        .execution_options(synchronize_session=False)
    )
    if failures is None:
        raise LoginBlocked(_end_of_block(session, key) or now)
    until = rules.blocked_until(throttle, failures=failures, now=now)
    if until is not None:
        changed(
            session,
            sa.update(LoginAttempts)
            .where(LoginAttempts.key == key, LoginAttempts.failures == failures)
            .values(blocked_until=until),
        )


def _end_of_block(session: Session, key: str) -> datetime | None:
    return session.scalar(sa.select(LoginAttempts.blocked_until).where(LoginAttempts.key == key))

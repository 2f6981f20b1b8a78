"""Let people and machines in, keep them out, write down what they did.

A login takes three steps because a password check takes 0.1 s of processor time, which must not
pass inside a transaction: `begin_login` counts the try before anybody knows how it ends (so that a
hundred tries at once are a hundred tries), the caller checks the password, `finish_login` forgives.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids
from app.core.db import changed, insert_ignore
from app.core.errors import Conflict, DomainError, Invalid, NotFound
from app.staff import rules
from app.staff.models import ApiToken, AuditEntry, LoginAttempts, Staff, StaffSession, Store
from app.staff.rules import PER_ADDRESS, PER_LOGIN, SCOPES, Role, Throttle

DEVICE_LENGTH = 200


# Stores and staff --------------------------------------------------------------------------------


def create_store(
    session: Session,
    *,
    code: str,
    name: str,
    city: str | None = None,
    address: str | None = None,
    phone: str | None = None,
    hours: str | None = None,
) -> int:
    """Return the store's id. Raises Invalid for an odd code or name, Conflict when the code is
    taken."""
    if not rules.is_store_code(code):
        raise Invalid("code", "must be 1 to 20 letters, digits and . _ : / -")
    name = _named(name)
    values = {
        "code": code,
        "name": name,
        "city": city,
        "address": address,
        "phone": phone,
        "hours": hours,
        "is_active": True,
    }
    if not insert_ignore(session, Store, values):
        raise Conflict("code", code)
    return session.scalars(sa.select(Store.id).where(Store.code == code)).one()


def create(
    session: Session,
    *,
    login: str,
    name: str,
    password: str,
    role: str,
    now: datetime,
    store_id: int | None = None,
) -> int:
    """Return the staff id. Raises Invalid for a bad role, login, name or password, Conflict for a
    taken login. Without a store they may work in every one."""
    if role not in set(Role):
        raise Invalid("role", f"is none of {', '.join(Role)}")
    login = login_key(login)
    if not 2 <= len(login) <= 50 or any(sign.isspace() for sign in login):
        raise Invalid("login", "must have 2 to 50 characters without spaces")
    values = {
        "login": login,
        "name": _named(name),
        "password_hash": rules.hash_password(password),
        "role": role,
        "store_id": store_id,
        "is_active": True,
        "created_at": now,
    }
    if not insert_ignore(session, Staff, values):
        raise Conflict("login", login)
    return session.scalars(sa.select(Staff.id).where(Staff.login == login)).one()


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= rules.LONGEST_NAME:
        raise Invalid("name", f"must have 1 to {rules.LONGEST_NAME} characters")
    return name


def set_password(session: Session, *, staff_id: int, password: str, now: datetime) -> None:
    """Also ends every session of theirs. Raises NotFound, Invalid."""
    password_hash = rules.hash_password(password)
    update = sa.update(Staff).where(Staff.id == staff_id).values(password_hash=password_hash)
    if not changed(session, update):
        raise NotFound("staff", staff_id)
    end_sessions_of(session, staff_id=staff_id, now=now)


def deactivate(session: Session, *, staff_id: int, now: datetime) -> None:
    """They left the shop. Raises NotFound when there is no such active person."""
    gone = sa.update(Staff).where(Staff.id == staff_id, Staff.is_active).values(is_active=False)
    if not changed(session, gone):
        raise NotFound("staff", staff_id)
    end_sessions_of(session, staff_id=staff_id, now=now)


# Logging in --------------------------------------------------------------------------------------


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


def login_key(login: str) -> str:
    return login.strip().casefold()


def begin_login(session: Session, *, login: str, address: str, now: datetime) -> Candidate:
    """Raises LoginBlocked. Commit before the password is looked at."""
    login = login_key(login)[:50]
    _count_try(session, _login_key(login), PER_LOGIN, now=now)
    _count_try(session, _address_key(address), PER_ADDRESS, now=now)
    found = session.execute(
        sa.select(Staff.id, Staff.role, Staff.password_hash).where(
            Staff.login == login, Staff.is_active
        )
    ).one_or_none()
    staff_id, role, password_hash = found or (None, None, None)
    return Candidate(login, address, staff_id, role, password_hash)


def finish_login(session: Session, *, candidate: Candidate) -> None:
    """The password was right: forget the failures of the login and this try of the address."""
    session.execute(
        sa.delete(LoginAttempts).where(LoginAttempts.key == _login_key(candidate.login))
    )
    changed(
        session,
        sa.update(LoginAttempts)
        .where(LoginAttempts.key == _address_key(candidate.address), LoginAttempts.failures > 0)
        .values(failures=LoginAttempts.failures - 1, blocked_until=None),
    )


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


# Sessions ----------------------------------------------------------------------------------------


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


def end_sessions_of(session: Session, *, staff_id: int, now: datetime) -> int:
    """Log a person out everywhere; return from how many browsers."""
    return changed(
        session,
        sa.update(StaffSession)
        .where(
            StaffSession.staff_id == staff_id,
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


# Machines ----------------------------------------------------------------------------------------


def create_token(session: Session, *, name: str, role: str, now: datetime) -> str:
    """Return the bearer token, shown this once. Raises Invalid for an unknown role."""
    if role not in SCOPES:
        raise Invalid("role", f"is none of {', '.join(SCOPES)}")
    token = rules.TOKEN_PREFIX + ids.secret_token()
    session.execute(
        sa.insert(ApiToken).values(
            name=name,
            role=role,
            prefix=token[: rules.SHOWN_OF_TOKEN],
            digest=ids.digest(token),
            created_at=now,
        )
    )
    return token


def token_used(session: Session, *, token_id: int, now: datetime) -> None:
    """Note when; at most once every few minutes."""
    changed(
        session,
        sa.update(ApiToken)
        .where(
            ApiToken.id == token_id,
            sa.or_(
                ApiToken.last_used_at.is_(None),
                ApiToken.last_used_at <= now - rules.SEEN_EVERY,
            ),
        )
        .values(last_used_at=now),
    )


def revoke_token(session: Session, *, token_id: int, now: datetime) -> None:
    """Raises NotFound when there is no such living token."""
    revoked = (
        sa.update(ApiToken)
        .where(ApiToken.id == token_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    if not changed(session, revoked):
        raise NotFound("token", token_id)


# Audit -------------------------------------------------------------------------------------------


def audit(
    session: Session,
    *,
    staff_id: int | None,
    action: str,
    object: str,
    now: datetime,
    before: Any = None,
    after: Any = None,
    store_id: int | None = None,
    device: str | None = None,
) -> None:
    """Write down who did what, in the transaction that did it. `action` is a dotted word, `object`
    names the thing: `purchase:41`. No personal data in `before` and `after`."""
    session.execute(
        sa.insert(AuditEntry).values(
            staff_id=staff_id,
            action=action,
            object=object[:100],
            before=before,
            after=after,
            store_id=store_id,
            device=None if device is None else device[:DEVICE_LENGTH],
            at=now,
        )
    )

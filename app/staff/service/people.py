"""Let people in, change what they may, let them go. Nobody locks out the last owner."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed, insert_ignore
from app.core.errors import Conflict, DomainError, Invalid, NotFound
from app.staff import rules
from app.staff.models import Staff, StaffLink, StaffSession
from app.staff.rules import Role
from app.staff.service.logins import login_key
from app.staff.service.sessions import end_sessions_of


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
    return create_with(
        session,
        login=login,
        name=name,
        password_hash=rules.hash_password(password),
        role=role,
        store_id=store_id,
        now=now,
    )


def create_with(
    session: Session,
    *,
    login: str,
    name: str,
    password_hash: str,
    role: str,
    store_id: int | None,
    now: datetime,
) -> int:
    """`create`, when the password was hashed before the transaction began."""
    check_role(role)
    login = login_key(login)
    if not 2 <= len(login) <= 50 or any(sign.isspace() for sign in login):
        raise Invalid("login", "must have 2 to 50 characters without spaces")
    values = {
        "login": login,
        "name": rules.named(name),
        "password_hash": password_hash,
        "role": role,
        "store_id": store_id,
        "is_active": True,
        "created_at": now,
    }
    if not insert_ignore(session, Staff, values):
        raise Conflict("login", login)
    return session.scalars(sa.select(Staff.id).where(Staff.login == login)).one()


def check_role(role: str) -> None:
    if role not in set(Role):
        raise Invalid("role", f"is none of {', '.join(Role)}")


# Passwords ---------------------------------------------------------------------------------------


def set_password(session: Session, *, staff_id: int, password: str, now: datetime) -> None:
    """Also ends every session of theirs. Raises NotFound, Invalid."""
    password_hash = rules.hash_password(password)
    set_password_hash(session, staff_id=staff_id, password_hash=password_hash, now=now)


def set_password_hash(
    session: Session,
    *,
    staff_id: int,
    password_hash: str,
    now: datetime,
    but_session: int | None = None,
) -> None:
    """Ends every session of theirs but the one in which they did it, and every link that was to set
    their password. Raises NotFound."""
    update = (
        sa.update(Staff)
        .where(Staff.id == staff_id, Staff.is_active)
        .values(password_hash=password_hash)
    )
    if not changed(session, update):
        raise NotFound("staff", staff_id)
    end_sessions_of(session, staff_id=staff_id, but=but_session, now=now)
    revoke_links_of(session, staff_id=staff_id, now=now)


def revoke_links_of(session: Session, *, staff_id: int, now: datetime) -> None:
    """What was to set their password and was not used does so no more."""
    changed(
        session,
        sa.update(StaffLink)
        .where(
            StaffLink.staff_id == staff_id,
            StaffLink.used_at.is_(None),
            StaffLink.revoked_at.is_(None),
        )
        .values(revoked_at=now),
    )


# What they may -----------------------------------------------------------------------------------


class OwnAccount(DomainError):
    """Nobody changes their own role or switches themselves off."""


class LastOwner(DomainError):
    """Without an owner nobody could let anybody in again."""


def change(
    session: Session,
    *,
    staff_id: int,
    role: str,
    store_id: int | None,
    by: int | None,
) -> None:
    """Another role or store from the next press on. Raises Invalid, NotFound, OwnAccount,
    LastOwner."""
    check_role(role)
    check_other(staff_id, by)
    if role != Role.OWNER:
        _keep_an_owner(session, staff_id)
    home = rules.home_store(role, store_id)
    update = sa.update(Staff).where(Staff.id == staff_id).values(role=role, store_id=home)
    if not changed(session, update):
        raise NotFound("staff", staff_id)
    if home is not None:  # a till that stands in another store is theirs no more
        changed(
            session,
            sa.update(StaffSession)
            .where(StaffSession.staff_id == staff_id, StaffSession.store_id != home)
            .values(store_id=None),
        )


def deactivate(session: Session, *, staff_id: int, now: datetime, by: int | None = None) -> None:
    """They left the shop. Raises NotFound when there is no such active person, OwnAccount,
    LastOwner."""
    check_other(staff_id, by)
    _keep_an_owner(session, staff_id)
    gone = sa.update(Staff).where(Staff.id == staff_id, Staff.is_active).values(is_active=False)
    if not changed(session, gone):
        raise NotFound("staff", staff_id)
    end_sessions_of(session, staff_id=staff_id, now=now)


def activate(session: Session, *, staff_id: int) -> None:
    """They are back, with the password they had. Raises NotFound when they never left."""
    back = (
        sa.update(Staff)
        .where(Staff.id == staff_id, Staff.is_active.is_(False))
        .values(is_active=True)
    )
    if not changed(session, back):
        raise NotFound("staff", staff_id)


def check_other(staff_id: int, by: int | None) -> None:
    if staff_id == by:
        raise OwnAccount(staff_id)


def _keep_an_owner(session: Session, staff_id: int) -> None:
    """Raises LastOwner when this is the only one. Each owner's row is written, in one order: of two
    such changes at the same moment the second waits here and counts what the first has left."""
    owners = session.scalars(
        sa.select(Staff.id).where(Staff.role == Role.OWNER, Staff.is_active).order_by(Staff.id)
    ).all()
    living = [owner_id for owner_id in owners if _is_still_owner(session, owner_id)]
    if living == [staff_id]:
        raise LastOwner(staff_id)


def _is_still_owner(session: Session, staff_id: int) -> bool:
    held = (
        sa.update(Staff)
        .where(Staff.id == staff_id, Staff.role == Role.OWNER, Staff.is_active)
        .values(role=Role.OWNER)
    )
    return bool(changed(session, held))

"""Addresses handed to a person that work once: to join, or to set a new password.

No mail server is needed: who made the link hands it over. It is not signed, because it is kept: 256
random bits, of which the database holds the digest. It dies with the owner who made it: somebody
who was let go opens no back door with a link made before.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids
from app.core.db import changed
from app.core.errors import DomainError, NotFound
from app.staff import queries, rules
from app.staff.models import Staff, StaffLink
from app.staff.service import people


class LinkDead(DomainError):
    """Unknown, used, taken back or too old; which of them is nobody's business."""


def invite(
    session: Session, *, name: str, role: str, store_id: int | None, made_by: int, now: datetime
) -> str:
    """Return the token of an address with which a person joins. `name` says for whom it is. Raises
    Invalid."""
    people.check_role(role)
    return _make(
        session,
        staff_id=None,
        name=rules.named(name),
        role=role,
        store_id=rules.home_store(role, store_id),
        made_by=made_by,
        lives=rules.INVITED_FOR,
        now=now,
    )


def offer_password(session: Session, *, staff_id: int, made_by: int, now: datetime) -> str:
    """Return the token of an address with which this person sets a new password; earlier ones stop.
    Raises NotFound for who is not active, OwnAccount."""
    people.check_other(staff_id, made_by)
    found = _hold(session, staff_id)
    people.revoke_links_of(session, staff_id=staff_id, now=now)
    return _make(
        session,
        staff_id=staff_id,
        name=found.name,
        role=found.role,
        store_id=None,
        made_by=made_by,
        lives=rules.RESET_FOR,
        now=now,
    )


def _hold(session: Session, staff_id: int) -> sa.Row[str, str]:
    """Whoever makes or uses a link for a password writes the person's row first, unchanged, so that
    of two at the same moment the second sees what the first has done. Raises NotFound."""
    found = session.execute(
        sa.update(Staff)
        .where(Staff.id == staff_id, Staff.is_active)
        .values(name=Staff.name)
        .returning(Staff.name, Staff.role)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if found is None:
        raise NotFound("staff", staff_id)
    return found


def _make(
    session: Session,
    *,
    staff_id: int | None,
    name: str,
    role: str,
    store_id: int | None,
    made_by: int,
    lives: timedelta,
    now: datetime,
) -> str:
    token = ids.secret_token()
    session.execute(
        sa.insert(StaffLink).values(
            digest=ids.digest(token),
            staff_id=staff_id,
            name=name,
            role=role,
            store_id=store_id,
            made_by=made_by,
            made_at=now,
            expires_at=now + lives,
        )
    )
    return token


def revoke_link(session: Session, *, link_id: int, now: datetime) -> None:
    """Raises NotFound when it does not open anything any more."""
    revoked = (
        sa.update(StaffLink)
        .where(StaffLink.id == link_id, *queries.link_lives(now))
        .values(revoked_at=now)
    )
    if not changed(session, revoked):
        raise NotFound("link", link_id)


def join(
    session: Session, *, token: str, login: str, name: str, password_hash: str, now: datetime
) -> int:
    """Return the new person's staff id. Raises LinkDead, Conflict for a taken login (the link lives
    on), Invalid."""
    used = _use(session, token, StaffLink.staff_id.is_(None), now)
    return people.create_with(
        session,
        login=login,
        name=name,
        password_hash=password_hash,
        role=used.role,
        store_id=used.store_id,
        now=now,
    )


def set_password_by_link(session: Session, *, token: str, password_hash: str, now: datetime) -> int:
    """Return whose password it is; they are logged out everywhere. Raises LinkDead."""
    staff_id = session.scalar(
        sa.select(StaffLink.staff_id).where(StaffLink.digest == ids.digest(token))
    )
    if staff_id is None:
        raise LinkDead
    try:
        _hold(session, staff_id)
        _use(session, token, StaffLink.staff_id.is_not(None), now)
        people.set_password_hash(session, staff_id=staff_id, password_hash=password_hash, now=now)
    except NotFound as gone:
        raise LinkDead(staff_id) from gone
    return staff_id


def _use(
    session: Session, token: str, kind: sa.ColumnElement[bool], now: datetime
) -> sa.Row[int | None, str, int | None]:
    """Of two that use it at the same moment one wins. Raises LinkDead."""
    used = session.execute(
        sa.update(StaffLink)
        .where(StaffLink.digest == ids.digest(token), kind, *queries.link_lives(now))
        .values(used_at=now)
        .returning(StaffLink.staff_id, StaffLink.role, StaffLink.store_id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if used is None:
        raise LinkDead
    return used


def forget_links(session: Session, *, now: datetime) -> int:
    """Drop what opened nothing for a month (a nightly job)."""
    return changed(
        session, sa.delete(StaffLink).where(StaffLink.expires_at < now - timedelta(days=30))
    )

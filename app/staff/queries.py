"""Who is logged in, which stores there are, what was done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids
from app.core.errors import NotFound
from app.staff import rules
from app.staff.models import (
    ApiToken,
    AuditEntry,
    RecoveryCode,
    Staff,
    StaffLink,
    StaffSession,
    Store,
)
from app.staff.rules import PERMISSIONS, SCOPES, Permission, Scope


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person with a living session."""

    session_id: int
    staff_id: int
    login: str
    name: str
    role: str
    home_store_id: int | None  # the only store they work in; None for all
    store_id: int | None  # the one chosen at the till
    store_code: str | None
    store_name: str | None
    seen_at: datetime

    def may(self, permission: Permission) -> bool:
        return rules.is_allowed(self.role, permission)


_CHOSEN = sa.orm.aliased(Store)
_VISITOR = (
    sa.select(
        StaffSession.id,
        Staff.id,
        Staff.login,
        Staff.name,
        Staff.role,
        Staff.store_id,
        _CHOSEN.id,
        _CHOSEN.code,
        _CHOSEN.name,
        StaffSession.seen_at,
    )
    .join(Staff, Staff.id == StaffSession.staff_id)
    .outerjoin(_CHOSEN, sa.and_(_CHOSEN.id == StaffSession.store_id, _CHOSEN.is_active))
    .where(
        StaffSession.digest == sa.bindparam("digest"),
        StaffSession.revoked_at.is_(None),
        StaffSession.expires_at > sa.bindparam("now"),
        StaffSession.seen_at > sa.bindparam("idle_since"),
        Staff.is_active,
    )
)


def visitor(session: Session, token: str, *, now: datetime) -> Visitor | None:
    """Who the cookie belongs to; None when it is unknown, too old, idle too long or revoked."""
    row = session.execute(
        _VISITOR,
        {"digest": ids.digest(token), "now": now, "idle_since": now - rules.SESSION_IDLE},
    ).one_or_none()
    return None if row is None else Visitor(*tuple(row))


@dataclass(frozen=True, slots=True)
class Machine:
    """A program that showed a living API token."""

    id: int
    name: str
    role: str
    last_used_at: datetime | None

    def may(self, scope: Scope) -> bool:
        return scope in SCOPES.get(self.role, frozenset())


def machine(session: Session, token: str) -> Machine | None:
    row = session.execute(
        sa.select(ApiToken.id, ApiToken.name, ApiToken.role, ApiToken.last_used_at).where(
            ApiToken.digest == ids.digest(token), ApiToken.revoked_at.is_(None)
        )
    ).one_or_none()
    return None if row is None else Machine(*row)


@dataclass(frozen=True, slots=True)
class TokenShown:
    id: int
    name: str
    role: str
    prefix: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def tokens(session: Session) -> list[TokenShown]:
    rows = session.execute(
        sa.select(
            ApiToken.id,
            ApiToken.name,
            ApiToken.role,
            ApiToken.prefix,
            ApiToken.created_at,
            ApiToken.last_used_at,
            ApiToken.revoked_at,
        ).order_by(ApiToken.id)
    )
    return [TokenShown(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class StoreShown:
    id: int
    code: str
    name: str
    city: str | None
    address: str | None
    phone: str | None
    hours: str | None


_STORES = (
    sa.select(Store.id, Store.code, Store.name, Store.city, Store.address, Store.phone, Store.hours)
    .where(Store.is_active)
    .order_by(Store.code)
)


def open_stores(session: Session) -> list[StoreShown]:
    return [StoreShown(*row) for row in session.execute(_STORES)]


def stores_of(session: Session, staff_id: int) -> list[StoreShown]:
    """The stores a person may choose at the till."""
    home = sa.select(Staff.store_id).where(Staff.id == staff_id).scalar_subquery()
    mine = _STORES.where(sa.or_(home.is_(None), Store.id == home))
    return [StoreShown(*row) for row in session.execute(mine)]


def store_by_code(session: Session, code: str) -> StoreShown:
    """Raises NotFound for an unknown or closed store."""
    row = session.execute(_STORES.where(Store.code == code)).one_or_none()
    if row is None:
        raise NotFound("store", code)
    return StoreShown(*row)


@dataclass(frozen=True, slots=True)
class StoreKept:
    """A store with what only its keeper needs: whether it is open, and who works in it alone."""

    store: StoreShown
    is_active: bool
    people: int


def _kept_stores() -> Any:
    people = (
        sa.select(sa.func.count())
        .where(Staff.store_id == Store.id, Staff.is_active)
        .scalar_subquery()
    )
    return sa.select(
        Store.id,
        Store.code,
        Store.name,
        Store.city,
        Store.address,
        Store.phone,
        Store.hours,
        Store.is_active,
        people,
    ).order_by(Store.is_active.desc(), Store.code)


def all_stores(session: Session) -> list[StoreKept]:
    """Open ones first."""
    rows = session.execute(_kept_stores())
    return [StoreKept(StoreShown(*row[:7]), row[7], row[8]) for row in rows]


def kept_store(session: Session, store_id: int) -> StoreKept:
    """Raises NotFound."""
    row = session.execute(_kept_stores().where(Store.id == store_id)).one_or_none()
    if row is None:
        raise NotFound("store", store_id)
    return StoreKept(StoreShown(*row[:7]), row[7], row[8])


@dataclass(frozen=True, slots=True)
class AuditShown:
    id: int
    at: datetime
    staff_id: int | None
    staff_name: str | None
    action: str
    object: str
    before: Any
    after: Any
    store_name: str | None
    device: str | None


def audit_entries(
    session: Session,
    *,
    before_id: int | None = None,
    staff_id: int | None = None,
    action: str | None = None,
    limit: int = 50,
) -> list[AuditShown]:
    """Newest first. `action` may be the beginning of one: `purchase` finds `purchase.recorded`."""
    query = (
        sa.select(
            AuditEntry.id,
            AuditEntry.at,
            AuditEntry.staff_id,
            Staff.name,
            AuditEntry.action,
            AuditEntry.object,
            AuditEntry.before,
            AuditEntry.after,
            Store.name,
            AuditEntry.device,
        )
        .outerjoin(Staff, Staff.id == AuditEntry.staff_id)
        .outerjoin(Store, Store.id == AuditEntry.store_id)
        .order_by(AuditEntry.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        query = query.where(AuditEntry.id < before_id)
    if staff_id is not None:
        query = query.where(AuditEntry.staff_id == staff_id)
    if action is not None:
        query = query.where(AuditEntry.action.startswith(action, autoescape=True))
    return [AuditShown(*row) for row in session.execute(query)]


def last_done(session: Session, staff_id: int, action: str, object: str) -> Any:
    """What a person's newest such act on this thing left behind; None when there is none."""
    return session.scalar(
        sa.select(AuditEntry.after)
        .where(
            AuditEntry.staff_id == staff_id,
            AuditEntry.action == action,
            AuditEntry.object == object,
        )
        .order_by(AuditEntry.id.desc())
        .limit(1)
    )


@dataclass(frozen=True, slots=True)
class StaffShown:
    id: int
    login: str
    name: str
    role: str
    store_name: str | None
    is_active: bool


def staff_by_login(session: Session, login: str) -> int:
    """The id of an active person. Raises NotFound."""
    key = login.strip().casefold()
    found = session.scalar(sa.select(Staff.id).where(Staff.login == key, Staff.is_active))
    if found is None:
        raise NotFound("login", key)
    return found


def staff_list(session: Session, *, roles: Sequence[str] = ()) -> list[StaffShown]:
    query = (
        sa.select(Staff.id, Staff.login, Staff.name, Staff.role, Store.name, Staff.is_active)
        .outerjoin(Store, Store.id == Staff.store_id)
        .order_by(Staff.is_active.desc(), Staff.id)
    )
    if roles:
        query = query.where(Staff.role.in_(roles))
    return [StaffShown(*row) for row in session.execute(query)]


def may_at_store(session: Session, staff_id: int, permission: Permission, *, store_id: int) -> bool:
    """Whether an active person holds the permission and works in that store."""
    row = session.execute(
        sa.select(Staff.role, Staff.store_id).where(Staff.id == staff_id, Staff.is_active)
    ).one_or_none()
    return (
        row is not None
        and rules.is_allowed(row.role, permission)
        and row.store_id in (None, store_id)
    )


# People, for who keeps the list -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PersonKept:
    id: int
    login: str
    name: str
    role: str
    store_id: int | None
    store_name: str | None
    is_active: bool
    has_factor: bool
    seen_at: datetime | None  # None: not within the last month
    browsers: int  # in which they are logged in


def _people_kept(now: datetime) -> Any:
    """Two grouped passes over the sessions, however many people there are."""
    seen = (
        sa.select(
            StaffSession.staff_id,
            sa.func.max(StaffSession.seen_at).label("seen_at"),
            sa.func.count(sa.case((sa.and_(*_session_lives(now)), 1))).label("browsers"),
        )
        .group_by(StaffSession.staff_id)
        .subquery()
    )
    return (
        sa.select(
            Staff.id,
            Staff.login,
            Staff.name,
            Staff.role,
            Staff.store_id,
            Store.name,
            Staff.is_active,
            Staff.totp_secret.is_not(None),
            seen.c.seen_at,
            sa.func.coalesce(seen.c.browsers, 0),
        )
        .outerjoin(Store, Store.id == Staff.store_id)
        .outerjoin(seen, seen.c.staff_id == Staff.id)
        .order_by(Staff.is_active.desc(), Staff.id)
    )


def people_kept(session: Session, *, now: datetime) -> list[PersonKept]:
    """Who may enter first, then who left."""
    return [PersonKept(*tuple(row)) for row in session.execute(_people_kept(now))]


def person_kept(session: Session, staff_id: int, *, now: datetime) -> PersonKept:
    """Raises NotFound."""
    row = session.execute(_people_kept(now).where(Staff.id == staff_id)).one_or_none()
    if row is None:
        raise NotFound("staff", staff_id)
    return PersonKept(*tuple(row))


@dataclass(frozen=True, slots=True)
class Proof:
    role: str
    password_hash: str


def proof_of(session: Session, staff_id: int) -> Proof | None:
    """None for who may not enter."""
    row = session.execute(
        sa.select(Staff.role, Staff.password_hash).where(Staff.id == staff_id, Staff.is_active)
    ).one_or_none()
    return None if row is None else Proof(*row)


def recovery_codes_left(session: Session, staff_id: int) -> int:
    return session.scalars(
        sa.select(sa.func.count()).where(
            RecoveryCode.staff_id == staff_id, RecoveryCode.used_at.is_(None)
        )
    ).one()


def _session_lives(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        StaffSession.revoked_at.is_(None),
        StaffSession.expires_at > now,
        StaffSession.seen_at > now - rules.SESSION_IDLE,
    )


@dataclass(frozen=True, slots=True)
class SessionShown:
    id: int
    device: str
    store_name: str | None
    created_at: datetime
    seen_at: datetime


def sessions_of(session: Session, staff_id: int, *, now: datetime) -> list[SessionShown]:
    """The browsers a person is logged in with, the one used last first."""
    rows = session.execute(
        sa.select(
            StaffSession.id,
            StaffSession.device,
            Store.name,
            StaffSession.created_at,
            StaffSession.seen_at,
        )
        .outerjoin(Store, Store.id == StaffSession.store_id)
        .where(StaffSession.staff_id == staff_id, *_session_lives(now))
        .order_by(StaffSession.seen_at.desc(), StaffSession.id.desc())
    )
    return [SessionShown(*row) for row in rows]


# Links that are handed over -----------------------------------------------------------------------


def link_lives(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Not used, not taken back, not too old, and made by somebody who still may."""
    keepers = [role for role in PERMISSIONS if rules.is_allowed(role, Permission.MANAGE_STAFF)]
    return (
        StaffLink.used_at.is_(None),
        StaffLink.revoked_at.is_(None),
        StaffLink.expires_at > now,
        StaffLink.made_by.in_(sa.select(Staff.id).where(Staff.is_active, Staff.role.in_(keepers))),
    )


@dataclass(frozen=True, slots=True)
class LinkShown:
    id: int
    staff_id: int | None  # None: to join
    login: str | None
    name: str
    role: str
    store_name: str | None
    made_by_name: str
    made_at: datetime
    expires_at: datetime


def _links(now: datetime) -> Any:
    maker, whose = sa.orm.aliased(Staff), sa.orm.aliased(Staff)
    return (
        sa.select(
            StaffLink.id,
            StaffLink.staff_id,
            whose.login,
            StaffLink.name,
            StaffLink.role,
            Store.name,
            maker.name,
            StaffLink.made_at,
            StaffLink.expires_at,
        )
        .join(maker, maker.id == StaffLink.made_by)
        .outerjoin(whose, whose.id == StaffLink.staff_id)
        .outerjoin(Store, Store.id == StaffLink.store_id)
        .where(*link_lives(now))
        .order_by(StaffLink.id.desc())
    )


def open_links(session: Session, *, now: datetime) -> list[LinkShown]:
    """Newest first."""
    return [LinkShown(*tuple(row)) for row in session.execute(_links(now))]


def link_by_token(session: Session, token: str, *, now: datetime) -> LinkShown | None:
    """None when it opens nothing any more."""
    row = session.execute(_links(now).where(StaffLink.digest == ids.digest(token))).one_or_none()
    return None if row is None else LinkShown(*tuple(row))

"""Invitations as inviters, friends and staff see them, and which records contradict each other."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids, text
from app.core.db import table_of
from app.members.models import Member
from app.members.queries import Person
from app.members.queries import person as member_person
from app.programmes import queries as programmes
from app.programmes.queries import NoProgramme
from app.programmes.rules import ReferralTerms
from app.referrals.models import (
    BOUND,
    CODES,
    EVENTS,
    JOINED,
    PENDING,
    REFERRALS,
    REWARDED,
    SHARES,
    STAFF_MEMBERSHIPS,
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How an inviter's friends are doing: `joined` of all that came, so many `waiting` for the
    return window, so many `rewarded`."""

    joined: int
    waiting: int
    rewarded: int


@dataclass(frozen=True, slots=True)
class Inviting:
    """Whose card or code it is, as the friend may know them."""

    inviter_id: int
    share_id: int | None
    name: str  # masked


@dataclass(frozen=True, slots=True)
class Listed:
    """One referral as the console shows it; names are not masked yet."""

    id: int
    status: str
    reason: str | None
    is_flagged: bool
    inviter_id: int
    inviter_name: str | None
    friend_id: int
    friend_name: str | None
    bound_at: datetime
    joined_at: datetime | None
    due_at: datetime | None
    rewarded_at: datetime | None
    inviter_is_paid: bool
    purchase_id: int | None


def terms_in_force(session: Session, now: datetime) -> ReferralTerms:
    """Terms that give nothing where no programme is published."""
    try:
        return programmes.terms_at(session, now).referral
    except NoProgramme:
        return ReferralTerms()


def masked(person: Person) -> str:
    """What others may read of a member's name."""
    return text.mask_name(person.name) if person.name else "您的好友"


def inviting_by_code(session: Session, code: str) -> Inviting | None:
    inviter_id = session.scalar(sa.select(CODES.c.member_id).where(CODES.c.code == code))
    return None if inviter_id is None else _inviting(session, inviter_id, None)


def inviting_by_token(session: Session, token: str, *, now: datetime) -> Inviting | None:
    """By a card that was neither used nor has lapsed."""
    row = session.execute(
        sa.select(SHARES.c.id, SHARES.c.member_id).where(
            SHARES.c.digest == ids.digest(token),
            SHARES.c.used_at.is_(None),
            SHARES.c.expires_at > now,
        )
    ).one_or_none()
    return None if row is None else _inviting(session, row.member_id, row.id)


def _inviting(session: Session, inviter_id: int, share_id: int | None) -> Inviting:
    return Inviting(inviter_id, share_id, masked(member_person(session, inviter_id)))


def inviter_of(session: Session, member_id: int) -> Inviting | None:
    """Who invited somebody that has not joined yet."""
    row = session.execute(
        sa.select(REFERRALS.c.inviter_id, REFERRALS.c.share_id).where(
            REFERRALS.c.member_id == member_id, REFERRALS.c.status == BOUND
        )
    ).one_or_none()
    return None if row is None else _inviting(session, row.inviter_id, row.share_id)


def is_staff(session: Session, member_id: int) -> bool:
    found = session.scalar(
        sa.select(STAFF_MEMBERSHIPS.c.staff_id).where(STAFF_MEMBERSHIPS.c.member_id == member_id)
    )
    return found is not None


def progress(session: Session, inviter_id: int) -> Progress:
    counts = _counts(session, REFERRALS.c.inviter_id == inviter_id)
    joined, waiting, rewarded = (counts.get(name, 0) for name in (JOINED, PENDING, REWARDED))
    return Progress(joined + waiting + rewarded, waiting, rewarded)


@dataclass(frozen=True, slots=True)
class Ever:
    """How many referrals came at least so far, whatever became of them."""

    bound: int
    joined: int
    bought: int
    rewarded: int


def ever(session: Session) -> Ever:
    steps = (REFERRALS.c.id, REFERRALS.c.buy_by, REFERRALS.c.purchase_id, REFERRALS.c.rewarded_at)
    row = session.execute(sa.select(*(sa.func.count(step) for step in steps))).one()
    return Ever(*tuple(row))


def _counts(session: Session, which: sa.ColumnElement[bool]) -> dict[str, int]:
    rows = session.execute(
        sa.select(REFERRALS.c.status, sa.func.count()).where(which).group_by(REFERRALS.c.status)
    )
    return {row[0]: row[1] for row in rows}


_WAITS = sa.and_(REFERRALS.c.is_flagged.is_(True), REFERRALS.c.status.in_((JOINED, PENDING)))
_FRIENDS, _INVITERS = table_of(Member).alias("friends"), table_of(Member).alias("inviters")
_LISTED = (
    sa.select(
        REFERRALS.c.id,
        REFERRALS.c.status,
        REFERRALS.c.reason,
        REFERRALS.c.is_flagged,
        REFERRALS.c.inviter_id,
        _INVITERS.c.name.label("inviter_name"),
        REFERRALS.c.member_id,
        _FRIENDS.c.name.label("friend_name"),
        REFERRALS.c.bound_at,
        REFERRALS.c.joined_at,
        REFERRALS.c.due_at,
        REFERRALS.c.rewarded_at,
        REFERRALS.c.inviter_is_paid,
        REFERRALS.c.purchase_id,
    )
    .join(_INVITERS, _INVITERS.c.id == REFERRALS.c.inviter_id)
    .join(_FRIENDS, _FRIENDS.c.id == REFERRALS.c.member_id)
    .order_by(REFERRALS.c.id.desc())
)


def listed(
    session: Session, *, status: str = "", before_id: int | None = None, limit: int = 50
) -> list[Listed]:
    """Newest first."""
    query = _LISTED.limit(limit)
    if status:
        query = query.where(REFERRALS.c.status == status)
    if before_id is not None:
        query = query.where(REFERRALS.c.id < before_id)
    return [Listed(*tuple(row)) for row in session.execute(query)]


def waiting_for_review(session: Session, *, limit: int = 100) -> list[Listed]:
    return [Listed(*tuple(row)) for row in session.execute(_LISTED.where(_WAITS).limit(limit))]


def review_count(session: Session) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(REFERRALS).where(_WAITS)) or 0


def broken(session: Session, *, limit: int = 20) -> list[str]:
    """Evidence of referrals whose state and events differ."""
    said = {BOUND: "bound", JOINED: "joined", PENDING: "purchased", REWARDED: "rewarded"}
    last = (
        sa.select(EVENTS.c.referral_id, sa.func.max(EVENTS.c.id).label("id"))
        .where(EVENTS.c.kind.not_in(("flagged", "approved", "exchanged")))
        .group_by(EVENTS.c.referral_id)
        .subquery()
    )
    rows = session.execute(
        sa.select(REFERRALS.c.id, REFERRALS.c.status, EVENTS.c.kind)
        .outerjoin(last, last.c.referral_id == REFERRALS.c.id)
        .outerjoin(EVENTS, EVENTS.c.id == last.c.id)
        .where(
            sa.or_(
                EVENTS.c.kind.is_(None),
                sa.case(said, value=REFERRALS.c.status, else_=REFERRALS.c.status) != EVENTS.c.kind,
            )
        )
        .limit(limit)
    )
    return [f"referral {row.id}: is {row.status}, its events say {row.kind}" for row in rows]

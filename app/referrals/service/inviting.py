"""A member's code and cards, and a friend who comes by one of them."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids
from app.core.clock import taipei_date
from app.core.db import changed, insert_for, insert_ignore
from app.members import queries as members
from app.members.models import GUEST
from app.members.queries import Person
from app.programmes import queries as programmes
from app.referrals import queries, rules
from app.referrals.models import (
    BOUND,
    CODES,
    REFERRALS,
    SHARES,
    InviteCode,
    Referral,
    StaffMembership,
)
from app.referrals.queries import Inviting
from app.referrals.rules import CannotBeInvited, CannotInvite
from app.referrals.service.records import lapse, note
from app.staff import service as staff


@dataclass(frozen=True, slots=True)
class Bound:
    """`inviter`: the name as the friend may read it. `is_new`: not said before."""

    inviter: str
    is_new: bool


def give_code(session: Session, *, member: Person, now: datetime) -> str:
    """The member's own code; the first call makes it. Raises CannotInvite."""
    check_inviter(session, member, now=now)
    while True:
        row = {"member_id": member.id, "code": ids.random_code(rules.CODE_LENGTH)}
        insert_ignore(session, InviteCode, row | {"created_at": now, "touched_at": now})
        code = session.scalar(sa.select(CODES.c.code).where(CODES.c.member_id == member.id))
        if code is not None:  # else somebody has this very code: try another
            return str(code)


def share(session: Session, *, member: Person, now: datetime) -> str:
    """A token for one card to one friend. Raises CannotInvite."""
    check_inviter(session, member, now=now)
    terms = queries.terms_in_force(session, now)
    token = ids.secret_token()
    session.execute(
        sa.insert(SHARES),
        {
            "member_id": member.id,
            "digest": ids.digest(token),
            "created_at": now,
            "expires_at": rules.join_by(terms, now),
        },
    )
    return token


def check_inviter(session: Session, member: Person, *, now: datetime) -> None:
    """Raises CannotInvite."""
    if not member.is_member or not queries.terms_in_force(session, now).is_open:
        raise CannotInvite("closed")
    if not rules.is_adult(member.birthday, taipei_date(now)):
        raise CannotInvite("minor")
    if queries.is_staff(session, member.id):
        raise CannotInvite("staff")


def bind(
    session: Session,
    *,
    friend: Person,
    now: datetime,
    channel: str,
    code: str = "",
    token: str = "",
) -> Bound:
    """Somebody who has not joined comes by an invitation; the newest one counts. The same again
    changes nothing. Raises CannotBeInvited."""
    if friend.status != GUEST:
        raise CannotBeInvited("member")
    if token:
        known = _known_share(session, friend.id, token)
        if known is not None:
            return Bound(known.name, is_new=False)
        found = queries.inviting_by_token(session, token, now=now)
    else:
        found = queries.inviting_by_code(session, code)
    if found is None:
        raise CannotBeInvited("used" if token else "unknown")
    inviter = members.person(session, found.inviter_id)
    if inviter.id == friend.id:
        raise CannotBeInvited("self")
    try:
        check_inviter(session, inviter, now=now)
    except CannotInvite as error:
        raise CannotBeInvited("inviter") from error
    return _bound(session, friend.id, found, channel, now)


def _known_share(session: Session, friend_id: int, token: str) -> Inviting | None:
    """The same card opened again by the same friend."""
    current = queries.inviter_of(session, friend_id)
    if current is None or current.share_id is None:
        return None
    own = session.scalar(sa.select(SHARES.c.id).where(SHARES.c.digest == ids.digest(token)))
    return current if own == current.share_id else None


def _bound(session: Session, friend_id: int, found: Inviting, channel: str, now: datetime) -> Bound:
    current = queries.inviter_of(session, friend_id)
    if current is not None and current.inviter_id == found.inviter_id and found.share_id is None:
        return Bound(found.name, is_new=False)
    if found.share_id is not None and not changed(
        session,
        sa.update(SHARES)
        .where(SHARES.c.id == found.share_id, SHARES.c.used_at.is_(None))
        .values(used_at=now),
    ):
        raise CannotBeInvited("used")
    for referral_id in session.scalars(
        sa.select(REFERRALS.c.id).where(
            REFERRALS.c.member_id == friend_id, REFERRALS.c.status == BOUND
        )
    ).all():
        lapse(session, referral_id, BOUND, "replaced", now)
    terms = programmes.terms_at(session, now)
    insert = insert_for(session, Referral).on_conflict_do_nothing().returning(REFERRALS.c.id)
    referral_id = session.execute(
        insert,
        {
            "member_id": friend_id,
            "inviter_id": found.inviter_id,
            "share_id": found.share_id,
            "channel": channel,
            "status": BOUND,
            "programme_version": terms.version,
            "bound_at": now,
            "join_by": rules.join_by(terms.referral, now),
            "is_flagged": False,
            "inviter_is_paid": False,
        },
    ).scalar_one_or_none()
    if referral_id is None:  # another invitation of the same moment was faster
        return Bound(found.name, is_new=False)
    note(session, referral_id, BOUND, now, facts={"channel": channel})
    return Bound(found.name, is_new=True)


def link_staff(session: Session, *, staff_id: int, member_id: int, now: datetime) -> None:
    """Say whose own membership it is: from now on it invites nobody."""
    insert = insert_for(session, StaffMembership).values(staff_id=staff_id, member_id=member_id)
    session.execute(
        insert.on_conflict_do_update(index_elements=["staff_id"], set_={"member_id": member_id})
    )
    staff.audit(
        session,
        staff_id=None,
        action="staff.linked",
        object=f"staff:{staff_id}",
        after={"member_id": member_id},
        now=now,
    )


def forget_old(session: Session, *, now: datetime) -> int:
    """Drop cards that can be opened no more."""
    return changed(session, sa.delete(SHARES).where(SHARES.c.expires_at <= now))

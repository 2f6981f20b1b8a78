"""Whose membership a proven phone is: a new one, the one the store has kept, or the one that
another LINE account held until now."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.cards.models import CardToken
from app.core.db import changed
from app.core.errors import Conflict
from app.enrolments import messages
from app.enrolments.rules import How
from app.members import models, queries
from app.members import service as members
from app.members.queries import Person
from app.members.service import Details, PhoneTaken
from app.missions import service as missions
from app.outbox import service as outbox
from app.richmenus import service as menus
from app.rights import service as rights

TRIES = 5


@dataclass(frozen=True, slots=True)
class Settled:
    member_id: int
    how: How


def settle(
    session: Session, *, guest: Person, details: Details, source: str | None, now: datetime
) -> Settled:
    """Enrol the guest, or give their LINE account to the membership that has this phone.

    Looks again when somebody else took the phone in the meantime.
    """
    for _ in range(TRIES):
        holder = queries.person_by_phone(session, details.phone)
        try:
            with session.begin_nested():
                settled = _settle(session, guest, holder, details, source, now)
        except (PhoneTaken, Conflict):
            continue
        members.number(session, member_id=settled.member_id)
        missions.profile_changed(session, member_id=settled.member_id, now=now)
        return settled
    raise Conflict("phone", "the phone")


def _settle(
    session: Session,
    guest: Person,
    holder: Person | None,
    details: Details,
    source: str | None,
    now: datetime,
) -> Settled:
    if holder is None:
        members.enrol(session, member_id=guest.id, details=details, source=source, now=now)
        return Settled(guest.id, How.NEW)
    how = How.LINKED if holder.line_user_id is None else How.REBOUND
    if holder.status == models.CLOSED:
        with suppress(rights.NothingToReopen):
            rights.reopen(session, member_id=holder.id, now=now)
    if holder.line_user_id is not None:
        _unbind(session, holder, holder.line_user_id, now)
    members.bind(
        session,
        guest_id=guest.id,
        line_user_id=guest.line_user_id or "",
        member_id=holder.id,
        now=now,
    )
    members.complete_store_member(session, member_id=holder.id, details=details, now=now)
    return Settled(holder.id, how)


def _unbind(session: Session, holder: Person, line_user_id: str, now: datetime) -> None:
    """The old LINE account sees nothing of the membership any more, and is told so."""
    outbox.withdraw(session, member_id=holder.id, reason="bound to another LINE account")
    changed(
        session,
        sa.update(CardToken)
        .where(CardToken.member_id == holder.id, CardToken.used_at.is_(None))
        .values(expires_at=now),
    )
    guest_id = members.unbind(session, member_id=holder.id, line_user_id=line_user_id, now=now)
    outbox.push(
        session,
        member_id=guest_id,
        recipient=line_user_id,
        messages=[messages.unbound()],
        kind="unbound",
        klass="service",
        dedup_key=f"unbound:{guest_id}",
        now=now,
    )
    menus.show(
        session,
        member_id=guest_id,
        recipient=line_user_id,
        is_member=False,
        dedup_key=f"menu:unbound:{guest_id}",
        now=now,
    )

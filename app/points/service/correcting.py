"""Staff correct a balance: alone up to the limit of their role, above it with a second person."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed, insert_or_ignore
from app.core.errors import Conflict, DomainError, Invalid, NotFound
from app.members import queries as members
from app.points.models import CORRECTIONS, PointCorrection
from app.points.service.books import Cause, Posted
from app.points.service.giving import AdjustmentTooLarge, adjust
from app.programmes.rules import Terms

MOST = 1_000_000  # points at once; more is a slip of the finger
LONGEST_REASON = 200


class AlreadyDecided(DomainError):
    """Somebody approved or rejected it before."""


class SecondPersonNeeded(DomainError):
    """Who asks for a correction does not decide on it."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member of staff with the role that sets their limit."""

    staff_id: int
    role: str


@dataclass(frozen=True, slots=True)
class Correction:
    """A signed change of a member's points; `external_id` is made on the page, once a form."""

    external_id: str
    member_id: int
    points: int
    reason: str


def correct(
    session: Session, wanted: Correction, *, by: Person, terms: Terms, now: datetime
) -> Posted | int:
    """Change the balance at once, or return the id of a correction that waits for a second person.
    The same form again changes nothing more.

    Raises Invalid naming the field, NotEnoughPoints, Conflict, NotFound."""
    _check(session, wanted)
    limit = terms.adjustments.limit(by.role)
    waiting = _known(session, wanted)
    if waiting is not None:
        return waiting
    if limit is None or abs(wanted.points) <= limit:
        return _post(session, wanted, by.staff_id, None, terms, now)
    return _ask(session, wanted, by, now)


def approve(
    session: Session, *, correction_id: int, by: Person, terms: Terms, now: datetime
) -> Correction:
    """Make the correction that another person asked for.

    Raises NotFound, SecondPersonNeeded, AdjustmentTooLarge, AlreadyDecided, NotEnoughPoints."""
    row = _row(session, correction_id)
    if row.asked_by == by.staff_id:
        raise SecondPersonNeeded
    limit = terms.adjustments.limit(by.role)
    if limit is not None and abs(row.points) > limit:
        raise AdjustmentTooLarge(limit)
    _decide(session, correction_id, "approved", by, now)
    wanted = Correction(row.external_id, row.member_id, row.points, row.reason)
    _post(session, wanted, row.asked_by, by.staff_id, terms, now)
    return wanted


def reject(session: Session, *, correction_id: int, by: Person, now: datetime) -> Correction:
    """Also by who asked, who then takes it back. Raises NotFound, AlreadyDecided."""
    row = _row(session, correction_id)
    _decide(session, correction_id, "rejected", by, now)
    return Correction(row.external_id, row.member_id, row.points, row.reason)


def _check(session: Session, wanted: Correction) -> None:
    if not 1 <= abs(wanted.points) <= MOST:
        raise Invalid("points", f"must be 1 to {MOST:,}, or as many less")
    if not 1 <= len(wanted.reason) <= LONGEST_REASON or not wanted.reason.isprintable():
        raise Invalid("reason", f"must have 1 to {LONGEST_REASON} characters")
    if not members.person(session, wanted.member_id).is_member:
        raise Invalid("member", "is no member")


def _post(
    session: Session,
    wanted: Correction,
    asked_by: int,
    approved_by: int | None,
    terms: Terms,
    now: datetime,
) -> Posted:
    facts = {} if approved_by is None else {"approved_by": approved_by}
    return adjust(
        session,
        member_id=wanted.member_id,
        points=wanted.points,
        cause=Cause(
            external_id=f"correction:{wanted.external_id}",
            actor=f"staff:{asked_by}",
            reason=wanted.reason,
            programme_version=terms.version,
        ),
        terms=terms.points,
        now=now,
        facts=facts,
    )


_KNOWN = sa.select(
    CORRECTIONS.c.id, CORRECTIONS.c.member_id, CORRECTIONS.c.points, CORRECTIONS.c.reason
).where(CORRECTIONS.c.external_id == sa.bindparam("external_id"))


def _known(session: Session, wanted: Correction) -> int | None:
    """Raises Conflict."""
    row = session.execute(_KNOWN, {"external_id": wanted.external_id}).one_or_none()
    if row is None:
        return None
    if (row.member_id, row.points, row.reason) != (wanted.member_id, wanted.points, wanted.reason):
        raise Conflict("external_id", wanted.external_id)
    return int(row.id)


def _ask(session: Session, wanted: Correction, by: Person, now: datetime) -> int:
    statement = insert_or_ignore(PointCorrection, session.get_bind().dialect.name)
    found = session.execute(
        statement.returning(CORRECTIONS.c.id),
        {
            "external_id": wanted.external_id,
            "member_id": wanted.member_id,
            "points": wanted.points,
            "reason": wanted.reason,
            "asked_by": by.staff_id,
            "asked_at": now,
            "status": "waiting",
        },
    ).scalar_one_or_none()
    known = found if found is not None else _known(session, wanted)
    assert known is not None  # the id is taken, so somebody holds it
    return known


def _row(session: Session, correction_id: int) -> Any:
    row = session.execute(
        sa.select(CORRECTIONS).where(CORRECTIONS.c.id == correction_id)
    ).one_or_none()
    if row is None:
        raise NotFound("correction", correction_id)
    return row


def _decide(session: Session, correction_id: int, status: str, by: Person, now: datetime) -> None:
    won = changed(
        session,
        sa.update(CORRECTIONS)
        .where(CORRECTIONS.c.id == correction_id, CORRECTIONS.c.status == "waiting")
        .values(status=status, decided_by=by.staff_id, decided_at=now),
    )
    if not won:
        raise AlreadyDecided

"""The row of a referral moves on, and an event says so: always together."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed
from app.programmes import queries as programmes
from app.programmes.rules import Terms
from app.referrals.models import EVENTS, LAPSED, REFERRALS

_ADD_EVENT = sa.insert(EVENTS)


def note(
    session: Session,
    referral_id: int,
    kind: str,
    now: datetime,
    *,
    staff_id: int | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    session.execute(
        _ADD_EVENT,
        {
            "referral_id": referral_id,
            "kind": kind,
            "at": now,
            "staff_id": staff_id,
            "facts": dict(facts or {}),
        },
    )


def move(
    session: Session,
    referral_id: int,
    *,
    from_: tuple[str, ...],
    to: str,
    now: datetime,
    event: str = "",
    staff_id: int | None = None,
    facts: Mapping[str, Any] | None = None,
    **values: Any,
) -> bool:
    """False when it was not (any more) in one of the states `from_`: nothing was done."""
    won = changed(
        session,
        sa.update(REFERRALS)
        .where(REFERRALS.c.id == referral_id, REFERRALS.c.status.in_(from_))
        .values(status=to, **values),
    )
    if won:
        note(session, referral_id, event or to, now, staff_id=staff_id, facts=facts)
    return bool(won)


def lapse(session: Session, referral_id: int, from_: str, reason: str, now: datetime) -> bool:
    facts = {"reason": reason}
    return move(
        session, referral_id, from_=(from_,), to=LAPSED, now=now, reason=reason, facts=facts
    )


def terms_of(session: Session, version: int) -> Terms:
    """The terms on which somebody was invited hold to the end."""
    return programmes.terms_of(session, version)

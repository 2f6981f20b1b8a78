"""The birthday coupon: given on the month's first day, good to its last."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy.orm import Session

from app.core.clock import taipei_midnight
from app.core.errors import NotFound
from app.coupons import service as coupons
from app.coupons.service import LimitReached
from app.lifecycle import rules
from app.programmes import queries as programmes
from app.programmes.queries import NoProgramme


def grant_birthdays(session: Session, members: Sequence[tuple[int, str]], *, now: datetime) -> int:
    """Give each (member id, "2026-07") the programme's birthday coupon, once a year; return how
    many were given. A gift that cannot be given never stops a message."""
    kind_code = _kind(session, now) if members else None
    if kind_code is None:
        return 0
    return sum(_grant(session, kind_code, member_id, month, now) for member_id, month in members)


def _kind(session: Session, now: datetime) -> str | None:
    try:
        return programmes.terms_at(session, now).gifts.birthday
    except NoProgramme:
        return None


def _grant(session: Session, kind_code: str, member_id: int, month: str, now: datetime) -> bool:
    first = date.fromisoformat(f"{month}-01")
    try:
        with session.begin_nested():
            issued = coupons.issue(
                session,
                kind_code=kind_code,
                member_id=member_id,
                source=f"{rules.BIRTHDAY.code}:{month}",
                # By the year: who moves their birthday gets no second one.
                dedup_key=f"{rules.BIRTHDAY.code}:{member_id}:{first.year}",
                until=taipei_midnight(rules.month_end(first) + rules.DAY),
                now=now,
            )
    except (LimitReached, NotFound):
        return False
    return issued is not None

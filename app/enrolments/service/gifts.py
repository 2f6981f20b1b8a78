"""What a new member gets at once: the first tier, and the welcome coupon."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.coupons import service as coupons
from app.coupons.service import LimitReached
from app.programmes import queries as programmes
from app.tiers import service as tiers


def welcome(
    session: Session, *, member_id: int, is_known_phone: bool, now: datetime
) -> tuple[str, ...]:
    """Return the names of the coupons given. A gift that cannot be given never stops a joining;
    a phone that was wiped within the year has had it."""
    tiers.begin(session, member_id=member_id, now=now)
    kind_code = programmes.terms_at(session, now).gifts.welcome
    if kind_code is None or is_known_phone:
        return ()
    try:
        with session.begin_nested():
            issued = coupons.issue(
                session,
                kind_code=kind_code,
                member_id=member_id,
                source="welcome",
                dedup_key=f"welcome:{member_id}",
                now=now,
            )
    except (LimitReached, NotFound):
        return ()
    return () if issued is None else (issued.kind_name,)

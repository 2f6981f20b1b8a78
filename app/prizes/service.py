"""Hand over what somebody won by a mission or a full stamp card: points, a coupon. And take back
what of it is unused."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.coupons import service as coupons
from app.coupons.service import Issued, LimitReached
from app.points import service as points
from app.points.service import Cause
from app.programmes import queries as programmes

SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Won:
    """Why something is given: `key` names it once and for all, `reason` is read by the member."""

    key: str
    reason: str
    source: str
    source_id: int


@dataclass(frozen=True, slots=True)
class Given:
    """`coupon_id` None: no coupon was promised, or no more may be given of it."""

    points: int
    coupon_id: int | None
    coupon_name: str


def give(
    session: Session, *, member_id: int, won: Won, points: int, coupon: str | None, now: datetime
) -> Given:
    """The same key gives once. A coupon that cannot be given does not hold the points back."""
    _award(session, member_id, won, points, now)
    issued = None if coupon is None else _issue(session, member_id, won, coupon, now)
    if issued is None:
        return Given(points, None, "")
    return Given(points, issued.coupon_id, issued.kind_name)


def take_back(
    session: Session, *, member_id: int, won: Won, points: int, coupon_id: int | None, now: datetime
) -> Given:
    """What is unused of a gift; returns what was taken."""
    taken = 0
    if points:
        posted = _withdraw(session, member_id, won, now)
        taken = -posted
    is_gone = coupon_id is not None and coupons.revoke(
        session, coupon_id=coupon_id, reason=won.key, staff_id=None, now=now
    )
    return Given(taken, coupon_id if is_gone else None, "")


def give_again(
    session: Session,
    *,
    member_id: int,
    won: Won,
    before: Won,
    points: int,
    coupon_id: int | None,
    now: datetime,
) -> None:
    """Exactly what was taken back of the gift `before`, now under the key of `won`."""
    _award(session, member_id, won, points, now)
    if coupon_id is not None:
        coupons.reinstate(session, coupon_id=coupon_id, reason=before.key, now=now)


def _award(session: Session, member_id: int, won: Won, amount: int, now: datetime) -> None:
    if not amount:
        return
    terms = programmes.terms_at(session, now)
    cause = Cause(won.key, SYSTEM, won.reason, won.source, won.source_id, terms.version)
    points.award(
        session, member_id=member_id, points=amount, cause=cause, terms=terms.points, now=now
    )


def _withdraw(session: Session, member_id: int, won: Won, now: datetime) -> int:
    cause = Cause(f"{won.key}:back", SYSTEM, won.reason, won.source, won.source_id)
    return points.withdraw(session, member_id=member_id, award=won.key, cause=cause, now=now).points


def _issue(
    session: Session, member_id: int, won: Won, kind_code: str, now: datetime
) -> Issued | None:
    try:
        with session.begin_nested():
            return coupons.issue(
                session,
                kind_code=kind_code,
                member_id=member_id,
                source=won.source,
                dedup_key=won.key,
                now=now,
            )
    except (LimitReached, NotFound):
        return None

"""Hand over what somebody won by a mission or a full stamp card: points, a coupon. And take back
what of it is unused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Protocol

from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.coupons import service as coupons
from app.coupons.service import Issued, LimitReached
from app.points import service as points
from app.points.service import Cause
from app.programmes import queries as programmes

SYSTEM = "system"
GIVEN: Final = "given"
TAKEN_BACK: Final = "taken_back"


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


class Award(Protocol):
    """A gift as the noun that promised it keeps it. `turn`: how often it was given."""

    @property
    def status(self) -> str: ...
    @property
    def points(self) -> int: ...
    @property
    def coupon_id(self) -> int | None: ...
    @property
    def fell_at(self) -> datetime | None: ...
    @property
    def taken_points(self) -> int: ...
    @property
    def taken_coupon(self) -> bool: ...
    @property
    def turn(self) -> int: ...


Outcome = Literal["fell", "taken_back", "rose", "given_again"]


@dataclass(frozen=True, slots=True)
class Turned:
    """What became of a gift, and what its row says from now on."""

    what: Outcome
    values: Mapping[str, Any]


def reconsider(
    session: Session,
    *,
    member_id: int,
    award: Award,
    won: Callable[[int], Won],
    is_reached: bool,
    takes_back: bool,
    now: datetime,
) -> Turned | None:
    """A refund may take what was reached below its target, a later sale may lift it again. What was
    given is kept and flagged, or what is unused of it goes back. None when nothing turns. `won` of
    a turn names the gift of that turn."""
    if is_reached == (award.fell_at is None):
        return None
    if is_reached and award.status == TAKEN_BACK:
        give_again(
            session,
            member_id=member_id,
            won=won(award.turn + 1),
            before=won(award.turn),
            points=award.taken_points,
            coupon_id=award.coupon_id if award.taken_coupon else None,
            now=now,
        )
        again = {"fell_at": None, "status": GIVEN, "turn": award.turn + 1}
        return Turned("given_again", again)
    if is_reached:
        return Turned("rose", {"fell_at": None})
    if not takes_back or award.status != GIVEN:
        return Turned("fell", {"fell_at": now})
    taken = take_back(
        session,
        member_id=member_id,
        won=won(award.turn),
        points=award.points if award.turn == 1 else award.taken_points,
        coupon_id=award.coupon_id,
        now=now,
    )
    values = {
        "fell_at": now,
        "status": TAKEN_BACK,
        "taken_points": taken.points,
        "taken_coupon": taken.coupon_id is not None,
    }
    return Turned("taken_back", values)


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

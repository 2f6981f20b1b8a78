"""Who stands at the till: from the rotating QR, the member number or the phone."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.cards import service as cards
from app.cards.rules import PREFIX
from app.core import text
from app.core.errors import DomainError, Invalid, NotFound
from app.coupons import queries as coupons
from app.members import queries as members
from app.members.queries import Person
from app.web.clerk.passes import NUMBER, PHONE, QR


class CouponShown(DomainError):
    """A coupon's code was scanned where a card is needed."""


class NotACode(DomainError):
    """Neither a card, a member number nor a phone."""


@dataclass(frozen=True, slots=True)
class Identified:
    member_id: int
    proof: str


def identify(session: Session, typed: str, *, now: datetime) -> Identified:
    """A rotating code is used up by this. Raises TokenDead, CouponShown, NotACode, NotFound."""
    typed = text.half_width(typed).strip().upper()  # a scanner with Caps Lock types small letters
    if typed.startswith(PREFIX):
        member_id = cards.use_token(session, text=typed, purpose="till", now=now)
        return Identified(_joined(members.person(session, member_id)), QR)
    if (number := _number(typed)) is not None:
        return Identified(_joined(members.person_by_number(session, number), typed), NUMBER)
    if (phone := _phone(typed)) is not None:
        return Identified(_joined(members.person_by_phone(session, phone), typed), PHONE)
    if typed and coupons.coupon_by_code(session, typed) is not None:
        raise CouponShown
    raise NotACode


def _joined(person: Person | None, key: str = "") -> int:
    if person is None or not person.is_member:
        raise NotFound("member", key)
    return person.id


def _number(typed: str) -> str | None:
    try:
        return text.parse_member_number(typed)
    except Invalid:
        return None


def _phone(typed: str) -> str | None:
    try:
        return text.parse_phone(typed)
    except Invalid:
        return None

"""What a broadcast's letter says to one reader."""

import hmac
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.campaigns import rules
from app.campaigns.rules import Letter, Person
from app.core import ids
from app.coupons import messages as coupon_words
from app.coupons import queries as coupons
from app.coupons.service import Issued
from app.line import taps
from app.members.queries import Person as Reader
from app.points import queries as points
from app.programmes import queries as programmes
from app.tiers import queries as tiers
from flex_templates import campaigns as template
from flex_templates.campaigns import LetterView
from flex_templates.coupons import CouponView
from flex_templates.parts import STOP_LABEL, Link, Message, Press, Tap, Why
from flex_templates.theme import Theme

WHY: Final = "您是我們的會員，並同意接收行銷訊息"
STOP: Final = Press(taps.StopMarketing().pack(), says=STOP_LABEL)
_SIGNATURE = 16  # hex digits: 64 bits, of a link that only counts


@dataclass(frozen=True, slots=True)
class Brand:
    """`base_url` is where the members' browsers reach us; `key` signs the links that count."""

    theme: Theme
    base_url: str
    key: str


@dataclass(frozen=True, slots=True)
class To:
    """One reader. `ref` names the letter where it is pressed; nothing: a draft is looked at, and
    nothing is counted."""

    ref: str
    member_id: int
    person: Person


def person(session: Session, letter: Letter, *, member_id: int, name: str, now: datetime) -> Person:
    """What the letter says about this member; what it does not say is not looked up."""
    wanted = rules.fields_in(letter)
    tier, balance = "", 0
    if "等級" in wanted:
        period = tiers.open_period(session, member_id)
        terms = programmes.terms_at(session, now)
        tier = terms.tier(period.tier_code).name if period else terms.tiers[0].name
    if "點數" in wanted:
        balance = points.standing(session, member_id, now=now).balance
    return Person(name, tier, balance)


def offer(session: Session, letter: Letter, *, now: datetime) -> CouponView | None:
    """The letter's coupon as its kind offers it now; None when it has none."""
    kind = coupons.newest_offer(session, letter.coupon) if letter.coupon else None
    return None if kind is None else coupon_words.offered(kind.draft, now=now)


def compose(
    letter: Letter, to: To, brand: Brand, *, offer: CouponView | None, issued: Issued | None
) -> Message:
    """With the coupon that was given, if one was."""
    if offer is None or issued is None:
        return _message(letter, to, brand, None)
    use = Press(taps.UseCoupon(issued.coupon_id).pack(), says="使用優惠券")
    return _message(letter, to, brand, replace(offer, code=issued.code, use=use))


def preview(
    session: Session, letter: Letter, person: Person, brand: Brand, *, now: datetime
) -> Message:
    """As it will look, finished or not, with the coupon as its kind offers it now; nothing is given
    and nothing counts."""
    shown = letter if letter.label else replace(letter, label="按鈕")
    if any(field in ("place", "url") for field, _reason in rules.faults(letter)):
        shown = replace(shown, place="card")
    return _message(shown, To("", 0, person), brand, offer(session, letter, now=now))


def trial(
    session: Session, letter: Letter, reader: Reader, brand: Brand, *, now: datetime
) -> Message:
    """For somebody of the team, with their own values, marked so that nobody takes it for real."""
    said = person(session, letter, member_id=reader.id, name=reader.called, now=now)
    marked = replace(letter, title=f"【測試】{letter.title}")
    return preview(session, marked, said, brand, now=now)


def _message(letter: Letter, to: To, brand: Brand, coupon: CouponView | None) -> Message:
    view = LetterView(
        title=rules.filled(letter.title, to.person),
        body=rules.filled(letter.body, to.person),
        label=letter.label,
        tap=_tap(letter, to, brand),
        why=Why(WHY, STOP),
        coupon=coupon,
    )
    return template.letter_message(view, brand.theme)


def _tap(letter: Letter, to: To, brand: Brand) -> Tap:
    if letter.place != "url":
        pressed = taps.FollowLetter(to.ref, letter.place)
        return Press(pressed.pack(), says=rules.PLACES[letter.place])
    if not to.ref:
        return Link(letter.url)
    return Link(f"{brand.base_url}/b/{token(brand.key, to.ref, to.member_id)}")


# Links that count ---------------------------------------------------------------------------------


def ref_of(broadcast_id: int) -> str:
    """What a press of a broadcast's letter names. Other letters begin with a word of their own."""
    return str(broadcast_id)


def token(key: str, ref: str, member_id: int) -> str:
    """Names a reader of a letter in an address, so that nobody else can be named."""
    facts = f"{ref}.{member_id}"
    return f"{facts}.{ids.keyed_hash(key, f'letter:{facts}')[:_SIGNATURE]}"


def read_token(key: str, given: str) -> tuple[str, int] | None:
    """(the letter's `ref`, member id); None when we did not make it."""
    ref, _, rest = given.partition(".")
    member_id = ids.id_typed(rest.partition(".")[0])
    if member_id is None:
        return None
    is_ours = hmac.compare_digest(given.encode(), token(key, ref, member_id).encode())
    return (ref, member_id) if is_ours else None

"""What a letter says to one reader."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.attention import queries as attention
from app.attention import rules as attention_rules
from app.campaigns import queries
from app.campaigns.queries import PictureShown
from app.campaigns.rules import letters
from app.campaigns.rules.letters import CARD, MESSAGES, PICTURE, TEXT, VIDEO, Letter, Part, Person
from app.core import ids
from app.core.errors import NotFound
from app.coupons import messages as coupon_words
from app.coupons import queries as coupons
from app.coupons.service import Issued
from app.line import taps
from app.members.queries import Person as Reader
from app.points import queries as points
from app.programmes import queries as programmes
from app.tiers import queries as tiers
from flex_templates import campaigns as template
from flex_templates import parts
from flex_templates.campaigns import LetterView, PictureView
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


@dataclass(frozen=True, slots=True)
class Material:
    """What a letter needs that is the same for all its readers: its coupon as its kind offers it
    now (None: it has none), its pictures by digest, and what it is about (None: that is said to
    nobody)."""

    offer: CouponView | None = None
    pictures: Mapping[str, PictureShown] = field(default_factory=dict)
    topic: tuple[str, str] | None = None  # code, name


def material(session: Session, letter: Letter, *, now: datetime) -> Material:
    kind = coupons.newest_offer(session, letter.coupon) if letter.coupon else None
    return Material(
        None if kind is None else coupon_words.offered(kind.draft, now=now),
        queries.pictures(session, letters.pictures_of(letter)),
        topic_of(session, letter),
    )


def topic_of(session: Session, letter: Letter) -> tuple[str, str] | None:
    """(code, name) of what it is about."""
    try:
        return letter.topic, attention.topic(session, letter.topic).name
    except NotFound:
        return None


def person(session: Session, letter: Letter, *, member_id: int, name: str, now: datetime) -> Person:
    """What the letter says about this member; what it does not say is not looked up."""
    wanted = letters.fields_in(letter)
    tier, balance = "", 0
    if "等級" in wanted:
        period = tiers.open_period(session, member_id)
        terms = programmes.terms_at(session, now)
        tier = terms.tier(period.tier_code).name if period else terms.tiers[0].name
    if "點數" in wanted:
        balance = points.standing(session, member_id, now=now).balance
    return Person(name, tier, balance)


def compose(
    letter: Letter, to: To, brand: Brand, *, using: Material, issued: Issued | None
) -> list[Message]:
    """With the coupon that was given, if one was."""
    offer = None
    if using.offer is not None and issued is not None:
        use = Press(taps.UseCoupon(issued.coupon_id).pack(), says="使用優惠券")
        offer = replace(using.offer, code=issued.code, use=use)
    return _Writing(letter, to, brand, replace(using, offer=offer)).messages()


def preview(
    session: Session, letter: Letter, person: Person, brand: Brand, *, now: datetime
) -> list[Message]:
    """As it will look, finished or not, with the coupon as its kind offers it now; nothing is given
    and nothing counts."""
    using = material(session, letter, now=now)
    wrong = {name for name, _reason in letters.faults(letter)}
    shown = tuple(_shown(part, number, wrong) for number, part in enumerate(letter.parts))
    quick = tuple(
        replace(button, place="card")
        for number, button in enumerate(letter.quick)
        if button.label and f"q{number}-label" not in wrong
    )
    finished = replace(letter, parts=shown[:MESSAGES], quick=quick)
    return _Writing(finished, To("", 0, person), brand, using).messages()


def _shown(part: Part, number: int, wrong: set[str]) -> Part:
    """What of it can be drawn already."""

    def lacks(*names: str) -> bool:
        return any(f"m{number}-{name}" in wrong for name in names)

    if part.kind == CARD:
        label = part.label or "按鈕"
        return replace(part, label=label, place="card" if lacks("place", "url") else part.place)
    if part.kind == PICTURE:
        return replace(part, place="" if lacks("place", "url") else part.place)
    if part.kind == VIDEO and lacks("video"):
        return replace(part, kind=PICTURE)
    return part


def trial(
    session: Session, letter: Letter, reader: Reader, brand: Brand, *, now: datetime
) -> list[Message]:
    """For somebody of the team, with their own values, marked so that nobody takes it for real."""
    said = person(session, letter, member_id=reader.id, name=reader.called, now=now)
    return preview(session, marked(letter), said, brand, now=now)


def marked(letter: Letter) -> Letter:
    """With its first words, or a message of its own before them, saying that it is a trial."""
    parts_ = list(letter.parts)
    for number, part in enumerate(parts_):
        if part.kind in (CARD, TEXT):
            name = "title" if part.kind == CARD else "body"
            parts_[number] = replace(part, **{name: f"【測試】{getattr(part, name)}"})
            return replace(letter, parts=tuple(parts_))
    return replace(letter, parts=(Part(TEXT, body="【測試】"), *parts_)[:MESSAGES])


@dataclass(frozen=True, slots=True)
class _Writing:
    """One reader's letter."""

    letter: Letter
    to: To
    brand: Brand
    using: Material

    def messages(self) -> list[Message]:
        said = [self._message(number, part) for number, part in enumerate(self.letter.parts)]
        if said:
            said[-1] = parts.with_quick_reply(said[-1], self._quick())
        return said

    @property
    def _less(self) -> tuple[str, Tap] | None:
        if self.using.topic is None:
            return None
        code, name = self.using.topic
        label = attention_rules.declined(name)
        return label, Press(taps.StopTopic(code).pack(), says=label)

    @property
    def _why(self) -> Why:
        return Why(WHY, STOP, self._less)

    def _message(self, number: int, part: Part) -> Message:
        if part.kind == CARD:
            return self._card(number, part)
        if part.kind == TEXT:
            return parts.say(letters.filled(part.body, self.to.person))
        found = self.using.pictures.get(part.picture)
        if found is None:
            return parts.say("（還沒有選圖片）")
        view = self._picture(part, found)
        if part.kind == VIDEO:
            return template.video_message(part.video, view)
        if not part.place:
            return template.picture_message(view)
        tap = self._tap(number, part.place, part.url)
        return template.poster_message(view, tap, self._why, self.brand.theme)

    def _card(self, number: int, part: Part) -> Message:
        view = LetterView(
            title=letters.filled(part.title, self.to.person),
            body=letters.filled(part.body, self.to.person),
            label=part.label,
            tap=self._tap(number, part.place, part.url),
            why=self._why,
            coupon=self.using.offer if part.coupon else None,
        )
        return template.letter_message(view, self.brand.theme)

    def _picture(self, part: Part, found: PictureShown) -> PictureView:
        url, small = picture_urls(self.brand.base_url, found)
        return PictureView(url, small, found.width, found.height, part.title)

    def _quick(self) -> Sequence[tuple[str, Tap]]:
        """The marketer's buttons, and the small print where no message has room for it."""
        own = [
            (button.label, self._tap(MESSAGES + number, button.place, button.url))
            for number, button in enumerate(self.letter.quick)
        ]
        if any(part.is_pressed for part in self.letter.parts):
            return own
        less = [] if self._less is None else [self._less]
        return [*own, *less, (STOP_LABEL, STOP)]

    def _tap(self, number: int, place: str, url: str) -> Tap:
        if place != "url":
            pressed = taps.FollowLetter(self.to.ref, place)
            return Press(pressed.pack(), says=letters.PLACES[place])
        if not self.to.ref:
            return Link(url)
        token_ = token(self.brand.key, self.to.ref, self.to.member_id, number)
        return Link(f"{self.brand.base_url}/b/{token_}")


def picture_urls(base_url: str, found: PictureShown) -> tuple[str, str]:
    """(large, small)."""
    ending = "png" if found.kind == "PNG" else "jpg"
    at = f"{base_url}/pictures/letter/{found.digest}"
    return f"{at}.{ending}", f"{at}-small.jpg"


# Links that count ---------------------------------------------------------------------------------


def ref_of(broadcast_id: int) -> str:
    """What a press of a broadcast's letter names. Other letters begin with a word of their own."""
    return str(broadcast_id)


def token(key: str, ref: str, member_id: int, number: int = 0) -> str:
    """Names a reader of a letter in an address, and which of its links it is, so that nobody else
    can be named."""
    facts = f"{ref}.{member_id}" + (f"-{number}" if number else "")
    return f"{facts}.{ids.keyed_hash(key, f'letter:{facts}')[:_SIGNATURE]}"


def read_token(key: str, given: str) -> tuple[str, int, int] | None:
    """(the letter's `ref`, member id, number of the link); None when we did not make it."""
    ref, _, rest = given.partition(".")
    member, _, number = rest.partition(".")[0].partition("-")
    member_id = ids.id_typed(member)
    at = ids.id_typed(number) if number else 0
    if member_id is None or at is None:
        return None
    is_ours = hmac.compare_digest(given.encode(), token(key, ref, member_id, at).encode())
    return (ref, member_id, at) if is_ours else None

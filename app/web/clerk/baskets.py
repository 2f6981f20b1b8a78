"""What a clerk typed, checked and priced: the amount, coupons, points, the invoice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from app.checkouts import queries as checkout_queries
from app.checkouts import service as checkouts
from app.checkouts.service import Checkout, CouponUse, PointPayment
from app.core import ids, money, text
from app.core.clock import taipei_date
from app.core.errors import DomainError, Invalid, NotFound
from app.coupons import queries as coupons
from app.coupons import rules as coupon_rules
from app.coupons import service as coupon_service
from app.coupons.queries import HeldCoupon
from app.coupons.rules import CouponNotUsable, Situation
from app.coupons.service import Use
from app.members import queries as members
from app.points import rules as point_rules
from app.points import service as point_service
from app.programmes import queries as programmes
from app.purchases.rules import PurchaseOrder
from app.staff.queries import Visitor
from app.web.clerk.passes import OTP, Pass
from flex_templates.theme import CAMPHOR, Theme

CHANNEL = "clerk"
WORD = "word"  # instead of a coupon's id, before there is a coupon
LARGEST = 2_000_000  # NT$; more than this at a till is a slip of the finger


@dataclass(frozen=True, slots=True)
class Typed:
    """As it came from the form. `goods`: of some coupons, what their goods cost, by coupon id."""

    amount: str = ""
    coupons: tuple[str, ...] = ()
    points: str = ""
    invoice: str = ""
    goods: tuple[tuple[str, str], ...] = ()
    word: str = ""  # one that everybody may know; its goods stand under WORD

    @property
    def said(self) -> dict[str, object]:
        """The same again, as fields of a form or an address."""
        return {
            "amount": self.amount,
            "coupon": self.coupons,
            "points": self.points,
            "invoice": self.invoice,
            "word": self.word,
            "goods_of": tuple(coupon for coupon, _ in self.goods),
            "goods": tuple(typed for _, typed in self.goods),
        }


@dataclass(frozen=True, slots=True)
class Taken:
    """A coupon in the basket, NT$ it takes off, and what its goods cost where the clerk said so."""

    coupon: HeldCoupon
    off: int
    goods: int | None = None


@dataclass(frozen=True, slots=True)
class Basket:
    """`amount` is before coupons and points, `paid` after both; no amount means: coupons alone.
    `points` pay NT$ `worth`. `coupons` are in the order in which they are taken off."""

    amount: int
    coupons: tuple[Taken, ...]
    points: int
    worth: int
    invoice: str | None

    @property
    def discount(self) -> int:
        return sum(taken.off for taken in self.coupons)

    @property
    def paid(self) -> int:
        return self.amount - self.discount - self.worth

    @property
    def is_coupon_only(self) -> bool:
        return bool(self.coupons) and self.amount == 0


class AmountMissing(Invalid):
    def __init__(self) -> None:
        super().__init__("amount", "is missing")


class AmountTooLarge(Invalid):
    def __init__(self) -> None:
        super().__init__("amount", f"is more than NT${LARGEST:,}")


class GoodsMissing(DomainError):
    """A coupon good for some goods only, and nobody said what they cost."""

    def __init__(self, coupon: str) -> None:
        super().__init__(f"what the goods of {coupon} cost is missing")
        self.coupon = coupon


class WordUnknown(DomainError):
    """No kind of coupon has this word."""


class CardNeeded(CouponNotUsable):
    """A number is enough to earn; a coupon wants the member's own screen."""

    def __init__(self) -> None:
        super().__init__("card_needed")


class PointsNeedCard(DomainError):
    """A number is enough to earn; to pay with points wants the member's own screen or phone."""


def basket_of(
    session: Session, typed: Typed, *, given: Pass, visitor: Visitor, now: datetime
) -> Basket:
    """A word gives the member its coupon here; a caller who only looks rolls that back.

    Raises Invalid, NotFound, CouponNotUsable, GoodsMissing, WordUnknown, WordRefused,
    PointsNeedCard, PaymentRefused."""
    held = _coupons(session, typed.coupons, given)
    of_word = _of_word(session, typed.word, given, now)
    if of_word is not None and of_word.id not in {coupon.id for coupon in held}:
        held.append(of_word)
        goods = tuple((str(of_word.id) if of == WORD else of, said) for of, said in typed.goods)
        typed = replace(typed, goods=goods)
    amount = money.parse(typed.amount) if typed.amount.strip() else 0
    if amount == 0 and (not held or any(coupon.offer.takes_money_off for coupon in held)):
        raise AmountMissing
    if amount > LARGEST:
        raise AmountTooLarge
    taken = _taken(session, held, typed, amount, given=given, visitor=visitor)
    invoice = text.parse_invoice_number(typed.invoice) if typed.invoice.strip() else None
    points = _points(typed.points, given)
    worth = 0
    if points:
        rule = programmes.terms_at(session, given.issued_at).redemption
        left = amount - sum(one.off for one in taken)
        worth = point_rules.check_payment(rule, points=points, amount=left)
    return Basket(amount, taken, points, worth, invoice)


def _points(typed: str, given: Pass) -> int:
    points = money.parse(typed, field="points") if typed.strip() else 0
    if points and not given.may_redeem:
        raise PointsNeedCard
    return points


def _taken(
    session: Session,
    held: Sequence[HeldCoupon],
    typed: Typed,
    amount: int,
    *,
    given: Pass,
    visitor: Visitor,
) -> tuple[Taken, ...]:
    """Raises CouponNotUsable, also when the member would lose a coupon for nothing."""
    if any(coupon.redeemed_at is not None for coupon in held):
        return tuple(Taken(coupon, _taken_off(coupon, given)) for coupon in held)
    goods = {coupon.code: _goods(coupon, typed, amount) for coupon in held}
    chosen = [coupon.chosen(goods[coupon.code]) for coupon in held]
    around = situation(session, amount, given=given, visitor=visitor)
    by_code = {coupon.code: coupon for coupon in held}
    try:
        parts = coupon_rules.stack(chosen, around).parts
    except CouponNotUsable as refused:
        raise named(refused, by_code) if len(held) > 1 else refused from None
    for code, off in parts.items():
        if off == 0 and by_code[code].offer.takes_money_off:
            raise CouponNotUsable("takes_nothing", coupon=code)
    return tuple(Taken(by_code[code], off, goods[code]) for code, off in parts.items())


def named(refused: CouponNotUsable, by_code: Mapping[str, HeldCoupon]) -> CouponNotUsable:
    """The same refusal with the name of the coupon that refuses, when it is one of these."""
    coupon = by_code.get(str(refused.facts.get("coupon")))
    if coupon is None:
        return refused
    return CouponNotUsable(refused.reason, **refused.facts | {"name": coupon.name})


def _goods(coupon: HeldCoupon, typed: Typed, amount: int) -> int | None:
    """What its goods cost, NT$; of a set that one buys, what is free, and nothing when the till
    took it off already. Raises GoodsMissing, Invalid."""
    if not coupon.offer.wants_goods or amount == 0:
        return None
    said = dict(typed.goods).get(str(coupon.id), "").strip()
    if said:
        return money.parse(said, field="goods")
    if coupon.offer.takes_money_off:
        raise GoodsMissing(coupon.name)
    return None


def _taken_off(coupon: HeldCoupon, given: Pass) -> int:
    """NT$ of a used coupon, for a page that is sent again. Raises CouponNotUsable when it was used
    before this member was identified."""
    if coupon.redeemed_at is None or coupon.redeemed_at < given.issued_at:
        raise CouponNotUsable("already_redeemed", at=coupon.redeemed_at, coupon=coupon.code)
    return coupon.discount or 0


def quoted(
    session: Session, basket: Basket, *, given: Pass, visitor: Visitor, now: datetime
) -> list[tuple[HeldCoupon, int | CouponNotUsable]]:
    """The member's other usable coupons, each with what it would add or why it cannot be added."""
    held = coupons.usable_coupons(session, given.member_id, now=now)
    chosen = [taken.coupon.chosen(taken.goods) for taken in basket.coupons]
    around = situation(session, basket.amount, given=given, visitor=visitor)
    others = checkout_queries.quote(chosen, held, around).others
    taken = {one.coupon.code: one.coupon for one in basket.coupons}
    found: list[tuple[HeldCoupon, int | CouponNotUsable]] = []
    for coupon in held:
        if coupon.code in others:
            more = others[coupon.code]
            found.append((coupon, more if isinstance(more, int) else named(more, taken)))
    return found


def situation(session: Session, amount: int, *, given: Pass, visitor: Visitor) -> Situation:
    """As of the moment the member was identified, which is also the time of the sale."""
    return checkout_queries.situation(
        session,
        member_id=given.member_id,
        amount=amount,
        at=given.issued_at,
        store=visitor.store_code or "",
        channel=CHANNEL,
    )


def check_out(
    session: Session,
    basket: Basket,
    *,
    given: Pass,
    visitor: Visitor,
    theme: Theme = CAMPHOR,  # a rehearsal sends nothing
    now: datetime,
) -> Checkout:
    """Record the purchase; the same pass again gives the first answer. Raises DomainError."""
    invoice = basket.invoice
    order = PurchaseOrder(
        external_id=given.purchase_id,
        amount=basket.paid,
        sold_at=given.issued_at,
        member_id=given.member_id,
        store_id=visitor.store_id,
        staff_id=visitor.staff_id,
        channel=CHANNEL,
        invoice_number=invoice,
        invoice_period=invoice and text.invoice_period(taipei_date(given.issued_at)),
    )
    uses = tuple(CouponUse(taken.coupon.code, taken.off, taken.goods) for taken in basket.coupons)
    payment = None
    if basket.points:
        proof: Literal["card", "otp"] = "otp" if given.proof == OTP else "card"
        payment = PointPayment(basket.points, proof, basket.worth)
    return checkouts.record_purchase(
        session, order=order, now=now, coupons=uses, payment=payment, theme=theme
    )


def redeem_alone(
    session: Session, held: Sequence[HeldCoupon], *, given: Pass, visitor: Visitor, now: datetime
) -> None:
    """Gifts handed over without a purchase. Raises CouponNotUsable, NotFound."""
    coupon_service.redeem_all(
        session,
        uses=[Use(coupon.code) for coupon in held],
        member_id=given.member_id,
        store_id=visitor.store_id,
        staff_id=visitor.staff_id,
        situation=situation(session, 0, given=given, visitor=visitor),
        now=now,
    )


def _coupons(session: Session, typed: Sequence[str], given: Pass) -> list[HeldCoupon]:
    """Raises CardNeeded, NotFound, CouponNotUsable for too many."""
    wanted = list(dict.fromkeys(one.strip() for one in typed if one.strip()))
    if wanted and not given.may_redeem:
        raise CardNeeded
    if len(wanted) > coupon_rules.MOST_TOGETHER:
        raise CouponNotUsable("too_many", most=coupon_rules.MOST_TOGETHER)
    return [_coupon(session, one, given) for one in wanted]


def _of_word(session: Session, typed: str, given: Pass, now: datetime) -> HeldCoupon | None:
    """The member's own coupon of that word: the one this page used before, one they have, or one
    given now. Raises CardNeeded, WordUnknown, WordRefused."""
    if not typed.strip():
        return None
    if not given.may_redeem:
        raise CardNeeded
    word = coupon_rules.word_of(typed)
    if word is None:
        raise WordUnknown(typed)
    member_id, order_id = given.member_id, given.purchase_id
    point_service.lock(session, member_id=member_id, now=now)  # before the kind, as everybody does
    used = coupons.used_of_word(
        session, word, member_id=member_id, order_id=order_id, since=given.issued_at
    )
    if used is not None:
        return used
    code = coupon_service.held_of_word(
        session, word=word, member_id=member_id, order_id=order_id, now=now
    )
    if code is None:
        joined = members.person(session, member_id).joined_at
        joined_on = None if joined is None else taipei_date(joined)
        issued = coupon_service.claim_word(
            session, word=word, member_id=member_id, joined_on=joined_on, now=now
        )
        if issued is None:
            raise WordUnknown(typed)
        code = issued.code
    held = coupons.usable_by_code(session, member_id, codes=[code], now=now, order_id=order_id)
    if code not in held:
        raise CouponNotUsable("not_yet")
    return held[code]


def _coupon(session: Session, typed: str, given: Pass) -> HeldCoupon:
    coupon_id = ids.id_typed(typed)
    coupon = coupon_id and coupons.coupon_of_member(session, coupon_id, member_id=given.member_id)
    if not coupon:
        raise NotFound("coupon", typed)
    return coupon

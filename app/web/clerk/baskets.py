"""What a clerk typed, checked and priced: the amount, a coupon, points, the invoice."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from app.cards import queries as cards
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
from app.insights.queries import portrait
from app.points import rules as point_rules
from app.programmes import queries as programmes
from app.purchases import queries as purchases
from app.purchases.rules import PurchaseOrder
from app.staff.queries import Visitor
from app.web.clerk.passes import OTP, Pass
from flex_templates.theme import CAMPHOR, Theme

CHANNEL = "clerk"
LARGEST = 2_000_000  # NT$; more than this at a till is a slip of the finger


@dataclass(frozen=True, slots=True)
class Typed:
    """As it came from the form."""

    amount: str = ""
    coupon: str = ""
    points: str = ""
    invoice: str = ""


@dataclass(frozen=True, slots=True)
class Basket:
    """`amount` is before coupon and points, `paid` after both; no amount means: the coupon alone.
    `points` pay NT$ `worth`."""

    amount: int
    discount: int
    coupon: HeldCoupon | None
    points: int
    worth: int
    invoice: str | None

    @property
    def paid(self) -> int:
        return self.amount - self.discount - self.worth

    @property
    def is_coupon_only(self) -> bool:
        return self.coupon is not None and self.amount == 0


class AmountMissing(Invalid):
    def __init__(self) -> None:
        super().__init__("amount", "is missing")


class AmountTooLarge(Invalid):
    def __init__(self) -> None:
        super().__init__("amount", f"is more than NT${LARGEST:,}")


class CardNeeded(CouponNotUsable):
    """A number is enough to earn; a coupon wants the member's own screen."""

    def __init__(self) -> None:
        super().__init__("card_needed")


class PointsNeedCard(DomainError):
    """A number is enough to earn; to pay with points wants the member's own screen or phone."""


def basket_of(session: Session, typed: Typed, *, given: Pass, visitor: Visitor) -> Basket:
    """Raises Invalid, NotFound, CouponNotUsable, PointsNeedCard, PaymentRefused."""
    coupon = _coupon(session, typed.coupon, given)
    amount = money.parse(typed.amount) if typed.amount.strip() else 0
    if amount == 0 and (coupon is None or coupon.offer.takes_money_off):
        raise AmountMissing
    if amount > LARGEST:
        raise AmountTooLarge
    discount = 0
    if coupon is not None and coupon.redeemed_at is None:
        around = situation(session, amount, given=given, visitor=visitor)
        discount = _worth(coupon, around)
    elif coupon is not None:
        discount = _taken_off(coupon, given)
    invoice = text.parse_invoice_number(typed.invoice) if typed.invoice.strip() else None
    points = _points(typed.points, given)
    worth = 0
    if points:
        rule = programmes.terms_at(session, given.issued_at).redemption
        worth = point_rules.check_payment(rule, points=points, amount=amount - discount)
    return Basket(amount, discount, coupon, points, worth, invoice)


def _points(typed: str, given: Pass) -> int:
    points = money.parse(typed, field="points") if typed.strip() else 0
    if points and not given.may_redeem:
        raise PointsNeedCard
    return points


def _worth(coupon: HeldCoupon, around: Situation) -> int:
    """NT$ it takes off. Raises CouponNotUsable, also when the member would lose it for nothing."""
    coupon_rules.check(coupon.offer, around)
    discount = coupon_rules.discount(coupon.offer, around)
    if discount == 0 and coupon.offer.takes_money_off:
        raise CouponNotUsable("takes_nothing")
    return discount


def _taken_off(coupon: HeldCoupon, given: Pass) -> int:
    """NT$ of a used coupon, for a page that is sent again. Raises CouponNotUsable when it was used
    before this member was identified."""
    if coupon.redeemed_at is None or coupon.redeemed_at < given.issued_at:
        raise CouponNotUsable("already_redeemed", at=coupon.redeemed_at)
    return coupon.discount or 0


def situation(session: Session, amount: int, *, given: Pass, visitor: Visitor) -> Situation:
    """As of the moment the member was identified, which is also the time of the sale."""
    return Situation(
        amount=amount,
        at=given.issued_at,
        store=visitor.store_code or "",
        channel=CHANNEL,
        tier=cards.card(session, given.member_id, now=given.issued_at).tier.code,
        birth_month=portrait.profile(session, given.member_id).birth_month,
        is_first_purchase=not purchases.has_bought(session, given.member_id),
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
    held = basket.coupon
    use = None if held is None else CouponUse(held.code, basket.discount)
    payment = None
    if basket.points:
        proof: Literal["card", "otp"] = "otp" if given.proof == OTP else "card"
        payment = PointPayment(basket.points, proof, basket.worth)
    return checkouts.record_purchase(
        session, order=order, now=now, coupon=use, payment=payment, theme=theme
    )


def redeem_alone(
    session: Session, coupon: HeldCoupon, *, given: Pass, visitor: Visitor, now: datetime
) -> None:
    """A gift handed over without a purchase. Raises CouponNotUsable, NotFound."""
    coupon_service.redeem(
        session,
        code=coupon.code,
        member_id=given.member_id,
        store_id=visitor.store_id,
        staff_id=visitor.staff_id,
        situation=situation(session, 0, given=given, visitor=visitor),
        now=now,
    )


def _coupon(session: Session, typed: str, given: Pass) -> HeldCoupon | None:
    if not typed.strip():
        return None
    if not given.may_redeem:
        raise CardNeeded
    coupon_id = ids.id_typed(typed)
    coupon = coupon_id and coupons.coupon_of_member(session, coupon_id, member_id=given.member_id)
    if not coupon:
        raise NotFound("coupon", typed)
    return coupon

"""Points as payment for a sale, and back again with its refunds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from app.checkouts.service.buyers import Buyer, actor
from app.points import queries as point_queries
from app.points import rules as point_rules
from app.points import service as points
from app.points.rules import PaymentRefused, Standing
from app.points.service import Cause
from app.programmes.rules import Terms
from app.purchases.queries import Bought
from app.purchases.rules import PurchaseOrder, RefundOrder
from app.purchases.service import Recorded, Refunded


@dataclass(frozen=True, slots=True)
class PointPayment:
    """Points the member pays with. `proof` is how they showed that the points are theirs: a printed
    number or a phone alone is none. `discount` is the NT$ a till says it took off for them."""

    points: int
    proof: Literal["card", "otp"]
    discount: int | None = None


@dataclass(frozen=True, slots=True)
class Paid:
    points: int
    worth: int  # NT$
    standing: Standing


def worth_of(payment: PointPayment | None, terms: Terms) -> int:
    """NT$, before anything is checked."""
    return 0 if payment is None else point_rules.worth(terms.redemption, payment.points)


def pay(
    session: Session,
    order: PurchaseOrder,
    buyer: Buyer,
    sale: Recorded,
    payment: PointPayment | None,
    terms: Terms,
    now: datetime,
) -> Paid:
    """Spend the points, all or nothing; what was paid besides is `order.amount`.

    Raises PaymentRefused, NotEnoughPoints."""
    if payment is None:
        return Paid(0, 0, buyer.standing)
    before = order.amount + worth_of(payment, terms)
    worth = point_rules.check_payment(terms.redemption, points=payment.points, amount=before)
    if payment.discount not in (None, worth):
        raise PaymentRefused("worth", worth=worth)
    posted = points.redeem(
        session,
        member_id=buyer.id,
        points=payment.points,
        cause=Cause(
            external_id=f"payment:{sale.id}",
            actor=actor(order.staff_id),
            reason=f"消費折抵 NT${worth:,}",
            source="purchase",
            source_id=sale.id,
            programme_version=terms.version,
        ),
        now=now,
        facts={
            "worth": worth,
            "step": terms.redemption.step,
            "pays": terms.redemption.pays,
            "amount": before,
            "proof": payment.proof,
        },
    )
    return Paid(payment.points, worth, posted.standing)


def give_back(
    session: Session,
    order: RefundOrder,
    sale: Bought,
    refunded: Refunded,
    member_id: int,
    terms: Terms,
    now: datetime,
) -> int:
    """The points of a refunded sale go back to the lots they came from, pro rata of the money;
    returns how many."""
    payment = point_queries.payment_of(session, sale.id)
    if payment is None:
        return 0
    due = point_rules.to_restore(
        payment.points,
        payment.restored,
        amount=sale.amount,
        refunded=sale.amount - refunded.net,
    )
    if due == 0:
        return 0
    posted = points.restore(
        session,
        member_id=member_id,
        redemption_id=payment.operation_id,
        external_id=f"payment-back:{refunded.id}",
        actor=actor(order.staff_id),
        reason=f"退貨退回點數（退款 NT${order.amount:,}）",
        terms=terms.points,
        points=due,
        now=now,
    )
    return posted.points

"""Money given back, with all that goes with it."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.checkouts import messages
from app.checkouts.service import followups
from app.checkouts.service.answers import Checkout, refund_facts
from app.checkouts.service.buyers import actor, buyer_of, store_of
from app.checkouts.service.followups import GivenBack, Swap
from app.checkouts.service.gifts import void_gift, void_returned
from app.checkouts.service.payments import give_back
from app.coupons import queries as coupon_queries
from app.coupons import service as coupons
from app.outbox import service as outbox
from app.points import service as points
from app.points.service import Cause
from app.programmes import queries as programmes
from app.purchases import queries as purchase_queries
from app.purchases import service as purchases
from app.purchases.queries import Bought
from app.purchases.rules import RefundOrder
from app.purchases.service import Refunded
from app.tiers import service as tiers
from app.tiers.service import Fall
from app.timeline import service as timeline
from flex_templates.theme import CAMPHOR, Theme


def refund_purchase(
    session: Session,
    *,
    order: RefundOrder,
    now: datetime,
    is_quiet: bool = False,
    theme: Theme = CAMPHOR,
) -> Checkout:
    """Give money of a sale back: points used on it come back, points it earned go, the tier is
    looked at again, a coupon used on a wholly refunded sale comes back. The same call again gives
    the same facts. Of a quiet refund the member is told nothing.

    Raises NotFound, RefundTooLarge, Conflict."""
    sale = held_sale(session, order.purchase_external_id, now)
    done, _ = refund(session, order, sale, now, is_quiet=is_quiet, is_exchange=False, theme=theme)
    return done


def refund(
    session: Session,
    order: RefundOrder,
    sale: Bought | None,
    now: datetime,
    *,
    is_quiet: bool,
    is_exchange: bool,
    theme: Theme,
) -> tuple[Checkout, Swap | None]:
    """As `refund_purchase`, of the sale as `held_sale` gives it. Of an exchange it leaves the tier,
    and what hangs on a sale being there, for the sale that follows: the Swap says what. None of a
    repeated call."""
    member_id = None if sale is None else sale.member_id
    refunded = purchases.refund(session, order=order, now=now)
    if not refunded.is_new:
        return Checkout(False, refunded.purchase_id, refunded.receipt), None
    fall = None
    if sale is None or member_id is None:
        facts = refund_facts(order, refunded, 0, 0, None, None, ())
    else:
        store_id = order.store_id or sale.store_id
        facts, fall = _undo(
            session, order, sale, refunded, member_id, store_id, is_quiet, is_exchange, theme, now
        )
    purchases.keep_refund_receipt(session, refund_id=refunded.id, receipt=facts)
    swap = Swap(refunded.purchase_id, refunded.net, fall)
    return Checkout(True, refunded.purchase_id, facts), swap


def held_sale(session: Session, external_id: str, now: datetime) -> Bought | None:
    """The sale with its member's account held. Looked up again with the account in hand: two
    members may have become one meanwhile, and the sale is the other's now."""
    sale = purchase_queries.purchase_by_external_id(session, external_id)
    while sale is not None and sale.member_id is not None:
        points.lock(session, member_id=sale.member_id, now=now)
        held_id = sale.member_id
        sale = purchase_queries.purchase_by_external_id(session, external_id)
        if sale is not None and sale.member_id == held_id:
            break
    return sale


def _undo(
    session: Session,
    order: RefundOrder,
    sale: Bought,
    refunded: Refunded,
    member_id: int,
    store_id: int | None,
    is_quiet: bool,
    is_exchange: bool,
    theme: Theme,
    now: datetime,
) -> tuple[dict[str, Any], Fall | None]:
    terms = programmes.terms_at(session, now)
    restored = give_back(session, order, sale, refunded, member_id, terms, now)
    posted = points.revoke(
        session,
        member_id=member_id,
        purchase_id=refunded.purchase_id,
        remaining=refunded.earning_left,
        cause=Cause(
            external_id=f"refund:{refunded.id}",
            actor=actor(order.staff_id),
            reason=f"退款 NT${order.amount:,}",
            source="purchase",
            source_id=refunded.purchase_id,
            programme_version=terms.version,
        ),
        now=now,
    )
    fall = tiers.fall_after_refund(
        session,
        member_id=member_id,
        purchase_id=refunded.purchase_id,
        terms=terms,
        now=now,
    )
    change = None
    if fall is not None and not is_exchange:
        change = tiers.carry_out(session, fall, now=now)
    returned = _return_coupons(session, order, refunded, member_id, now)
    if change is not None:
        void_gift(session, member_id, change, order.staff_id, now)
    buyer = buyer_of(session, member_id, terms, now, now)
    timeline.record(
        session,
        member_id=member_id,
        kind="purchase.refunded",
        at=now,
        facts={
            "purchase_id": refunded.purchase_id,
            "amount": order.amount,
            "revoked": -posted.points,
        }
        | ({"restored": restored} if restored else {}),
    )
    given_back = _given_back(order, refunded, member_id, is_exchange)
    notes = followups.after_refund(session, given_back, now=now)
    standing = points.lock(session, member_id=member_id, now=now) if notes else posted.standing
    if buyer.line_user_id is not None and not is_quiet:
        _, store_name = store_of(session, store_id)
        tier_note = () if change is None else (f"等級調整為{buyer.tier.name}",)
        outbox.push(
            session,
            member_id=member_id,
            recipient=buyer.line_user_id,
            messages=[
                messages.refund(
                    amount=order.amount,
                    revoked=-posted.points,
                    restored=restored,
                    standing=standing,
                    at=now,
                    store=store_name,
                    net=refunded.net,
                    coupon_returned="、".join(returned),
                    notes=(*tier_note, *notes),
                    theme=theme,
                )
            ],
            kind="refund",
            klass="service",
            dedup_key=f"refund:{refunded.id}",
            now=now,
        )
    facts = refund_facts(
        order, refunded, -posted.points, restored, standing, buyer, notes, returned
    )
    return facts, fall


def _given_back(
    order: RefundOrder, refunded: Refunded, member_id: int, is_exchange: bool
) -> GivenBack:
    return GivenBack(
        member_id=member_id,
        purchase_id=refunded.purchase_id,
        refund_id=refunded.id,
        amount=order.amount,
        net=refunded.net,
        sold_at=refunded.sold_at,
        sold_on=refunded.sold_on,
        staff_id=order.staff_id,
        is_whole=refunded.is_whole,
        is_exchange=is_exchange,
    )


def _return_coupons(
    session: Session, order: RefundOrder, refunded: Refunded, member_id: int, now: datetime
) -> list[str]:
    """Names of the coupons that come back because the whole sale was given back."""
    if not refunded.is_whole:
        return []
    used = coupon_queries.names_on_sale(session, refunded.purchase_id)
    if not used:
        return []
    coupon_ids = [coupon_id for coupon_id, _ in used]
    coupons.rollback_all(
        session, coupon_ids=coupon_ids, reason="退貨", staff_id=order.staff_id, now=now
    )
    gone = void_returned(session, member_id, coupon_ids, order.staff_id, now)
    return [name for coupon_id, name in used if coupon_id not in gone]

"""A sale: its points at the tier held before, the tier, the gift, the receipt."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.checkouts import messages
from app.checkouts.service import followups, redeeming
from app.checkouts.service.answers import Checkout, sale_facts
from app.checkouts.service.buyers import Buyer, actor, buyer_of, store_of
from app.checkouts.service.followups import Sold, Swap
from app.checkouts.service.gifts import give_gift, void_gift
from app.checkouts.service.payments import Paid, PointPayment, pay, worth_of
from app.checkouts.service.redeeming import CouponUse
from app.core.clock import taipei_date, taipei_midnight
from app.core.errors import Conflict, Invalid
from app.coupons.service import Redeemed
from app.outbox import service as outbox
from app.points import queries as point_queries
from app.points import rules as point_rules
from app.points import service as points
from app.points.rules import Earned, Formula, Standing
from app.points.service import Cause
from app.programmes import queries as programmes
from app.programmes.rules import Terms, Tier
from app.purchases import queries as purchase_queries
from app.purchases import service as purchases
from app.purchases.queries import Bought
from app.purchases.rules import PurchaseOrder
from app.purchases.service import Recorded
from app.tiers import queries as tier_queries
from app.tiers import service as tiers
from app.tiers.rules import NOTHING, DaySums, Sums
from app.tiers.service import TierChange
from app.timeline import service as timeline
from flex_templates.theme import CAMPHOR, Theme


def record_purchase(
    session: Session,
    *,
    order: PurchaseOrder,
    now: datetime,
    coupons: tuple[CouponUse, ...] = (),
    payment: PointPayment | None = None,
    hold_until: date | None = None,
    is_quiet: bool = False,
    swap: Swap | None = None,
    theme: Theme = CAMPHOR,
) -> Checkout:
    """Record a sale with all that follows from it; the same call again changes nothing and gives
    the same facts. `order.amount` is what was paid, after the coupons and then the points. Points
    of a sale that is not proven yet cannot be used before `hold_until`. Of a quiet sale the member
    is told nothing. `swap`: of an exchange, whose refund came before.

    Raises Invalid, Conflict, NotFound, CouponNotUsable, PaymentRefused and NotEnoughPoints; then
    the caller must roll back."""
    if payment is not None and order.member_id is None:
        raise Invalid("points", "needs a member whose points they are")
    terms = programmes.terms_at(session, order.sold_at)
    buyer = (
        None
        if order.member_id is None
        else buyer_of(session, order.member_id, terms, order.sold_at, now)
    )
    if buyer is not None:
        order = replace(order, member_id=buyer.id)
        if is_quiet:
            buyer = replace(buyer, line_user_id=None)
    is_first = redeeming.is_first(session, order, coupons)
    try:
        sale = purchases.record(session, order=order, terms=terms, now=now)
    except Conflict as refused:
        is_tills = order.channel != "invoice" and not coupons and payment is None
        if refused.field != "invoice_number" or not is_tills:
            raise
        adopted = _adopted(session, order, terms, swap, now)
        if adopted is not None:
            return adopted
        if not purchases.yield_invoice(session, order=order):
            raise
        sale = purchases.record(session, order=order, terms=terms, now=now)
    if not sale.is_new:
        return Checkout(False, sale.id, sale.receipt)
    store_code, store_name = store_of(session, order.store_id)
    if buyer is None:
        facts = sale_facts(order, store_code, None, None, (), None, None, None, ())
    else:
        buyer = _after_swap(session, swap, order, sale, buyer, terms, now)
        total = order.amount + worth_of(payment, terms)
        used = redeeming.redeem(
            session,
            order,
            coupons,
            buyer,
            total=total,
            purchase_id=sale.id,
            store_code=store_code,
            is_first=is_first,
            now=now,
        )
        paid = pay(session, order, buyer, sale, payment, terms, now)
        facts = _earn_and_tell(
            session,
            order,
            buyer,
            sale,
            _holding(terms, order.sold_at, hold_until),
            (store_code, store_name),
            used,
            paid,
            theme,
            now,
            swap,
        )
    purchases.keep_receipt(session, purchase_id=sale.id, receipt=facts)
    return Checkout(True, sale.id, facts)


def _after_swap(
    session: Session,
    swap: Swap | None,
    order: PurchaseOrder,
    sale: Recorded,
    buyer: Buyer,
    terms: Terms,
    now: datetime,
) -> Buyer:
    """The buyer of an exchange once the tier is settled. What is earned is what a refund and then a
    sale earn, so that a sale does not earn at the rate that it made itself."""
    if swap is None or swap.fall is None:
        return buyer
    fallen = replace(buyer, earns_as=terms.tier(swap.fall.to_code))
    formula = _formula(session, terms, fallen, order.sold_at)
    earned = point_rules.earned(sale.earning, formula).total
    points_of_sale = (sale.sold_on, Sums(points=earned))
    if _settle_fall(session, swap, buyer.id, sale.id, points_of_sale, order.staff_id, now):
        fallen = replace(fallen, tier=fallen.earns_as)
    return fallen


def _settle_fall(
    session: Session,
    swap: Swap,
    member_id: int,
    purchase_id: int,
    points_of_sale: DaySums,
    staff_id: int | None,
    now: datetime,
) -> bool:
    """Take the tier back if the new sale does not keep it; whether it was."""
    fall = swap.fall
    if fall is None:
        return False
    if tiers.keep(session, fall, purchase_id=purchase_id, points=points_of_sale, now=now):
        return False
    change = tiers.carry_out(session, fall, now=now)
    if change is not None:
        void_gift(session, member_id, change, staff_id, now)
    return change is not None


def _holding(terms: Terms, sold_at: datetime, until: date | None) -> Terms:
    """The terms, with a pending time that lasts at least to that day."""
    if until is None:
        return terms
    days = max(terms.points.pending_days, (until - taipei_date(sold_at)).days)
    return replace(terms, points=replace(terms.points, pending_days=days))


def _adopted(
    session: Session, order: PurchaseOrder, terms: Terms, swap: Swap | None, now: datetime
) -> Checkout | None:
    """The member registered the invoice before the till told of the sale. It counted then; now it
    is proven, and its points wait no longer. None when what was registered is another sale."""
    known = purchase_queries.purchase_by_invoice(
        session, period=order.invoice_period or "", number=order.invoice_number or ""
    )
    if known is None or known.member_id is None:
        return None
    points.lock(session, member_id=known.member_id, now=now)  # before the sale, as everybody does
    sale = purchases.adopt(session, order=order)
    if sale is None or sale.member_id is None:
        return None
    if swap is not None:
        nothing_new = (sale.sold_on, NOTHING)
        _settle_fall(session, swap, sale.member_id, sale.id, nothing_new, order.staff_id, now)
        followups.after_swap(session, swap, sale.id, sale.amount, sale.sold_on, now=now)
    standing = points.bring_forward(
        session,
        member_id=sale.member_id,
        purchase_id=sale.id,
        usable_from=point_rules.usable_from(terms.points, order.sold_at),
        now=now,
    )
    store_code, _ = store_of(session, order.store_id)
    facts = dict(sale.receipt)
    facts["purchase"] = facts["purchase"] | {
        "external_id": order.external_id,
        "store": store_code or None,
        "sold_at": order.sold_at.isoformat(),
    }
    facts["points"] = facts["points"] | {
        "pending": standing.pending,
        "balance": standing.balance,
    }
    purchases.keep_receipt(session, purchase_id=sale.id, receipt=facts)
    return Checkout(True, sale.id, facts)


def claim_sale(
    session: Session, *, bought: Bought, member_id: int, now: datetime, theme: Theme = CAMPHOR
) -> Checkout:
    """A sale that the till recorded for nobody is this member's, as if they had been named then,
    less what was refunded. Raises Conflict when it has an owner."""
    terms = programmes.terms_at(session, bought.sold_at)
    buyer = buyer_of(session, member_id, terms, bought.sold_at, now)
    sale = purchases.claim(session, purchase_id=bought.id, member_id=buyer.id)
    if sale is None:
        raise Conflict("invoice_number", bought.invoice_number)
    order = PurchaseOrder(
        external_id=bought.external_id,
        amount=sale.amount,
        sold_at=bought.sold_at,
        channel=bought.channel,
        member_id=buyer.id,
        store_id=bought.store_id,
        invoice_number=bought.invoice_number,
    )
    facts = _earn_and_tell(
        session,
        order,
        buyer,
        sale,
        terms,
        store_of(session, bought.store_id),
        (),
        Paid(0, 0, buyer.standing),
        theme,
        now,
    )
    purchases.keep_receipt(session, purchase_id=sale.id, receipt=facts)
    return Checkout(True, sale.id, facts)


def review_tier(session: Session, *, member_id: int, now: datetime, theme: Theme = CAMPHOR) -> None:
    """Look at the tier without a sale, because sales came from elsewhere."""
    terms = programmes.terms_at(session, now)
    buyer = buyer_of(session, member_id, terms, now, now)
    latest = purchase_queries.latest_purchase_id(session, member_id)
    if latest is None:
        return
    change = tiers.review_after_purchase(
        session, member_id=member_id, purchase_id=latest, sold_at=now, terms=terms, now=now
    )
    if change is not None:
        _celebrate(session, buyer, terms.tier(change.tier_code), change, theme, now)


def _earn_and_tell(
    session: Session,
    order: PurchaseOrder,
    buyer: Buyer,
    sale: Recorded,
    terms: Terms,
    store: tuple[str, str],
    used: Sequence[Redeemed],
    paid: Paid,
    theme: Theme,
    now: datetime,
    swap: Swap | None = None,
) -> dict[str, Any]:
    formula = _formula(session, terms, buyer, order.sold_at)
    earned = point_rules.earned(sale.earning, formula)
    posted = _earn(session, order, buyer, sale, terms, formula, earned, paid.standing, now)
    change = tiers.review_after_purchase(
        session,
        member_id=buyer.id,
        purchase_id=sale.id,
        sold_at=order.sold_at,
        terms=terms,
        now=now,
    )
    tier = terms.tier(change.tier_code) if change is not None else buyer.tier
    timeline.record(
        session,
        member_id=buyer.id,
        kind="purchase.recorded",
        at=order.sold_at,
        facts={
            "purchase_id": sale.id,
            "amount": order.amount,
            "earned": earned.total,
            "store": store[1],
        }
        | ({"points_used": paid.points} if paid.points else {}),
    )
    notes = followups.after_sale(session, _sold(order, buyer, sale, tier, swap, now), now=now)
    if notes:  # a reward may have come with them
        posted = points.lock(session, member_id=buyer.id, now=now)
    facts = sale_facts(order, store[0], buyer.number, earned, used, paid, posted, tier, notes)
    _send_receipt(
        session,
        order,
        buyer,
        sale,
        terms,
        store[1],
        used,
        paid,
        earned,
        formula,
        posted,
        tier,
        notes,
        theme,
        now,
    )
    if change is not None:
        _celebrate(session, buyer, tier, change, theme, now)
    return facts


def _sold(
    order: PurchaseOrder,
    buyer: Buyer,
    sale: Recorded,
    tier: Tier,
    swap: Swap | None,
    now: datetime,
) -> Sold:
    return Sold(
        member_id=buyer.id,
        purchase_id=sale.id,
        amount=order.amount,
        sold_at=order.sold_at,
        sold_on=sale.sold_on,
        store_id=order.store_id,
        staff_id=order.staff_id,
        tier_code=tier.code,
        is_late=sale.sold_on < taipei_date(now),
        swap=swap,
    )


def _formula(session: Session, terms: Terms, buyer: Buyer, sold_at: datetime) -> Formula:
    return point_rules.formula_for(
        terms.earning,
        tier=(buyer.earns_as.name, buyer.earns_as.percent),
        is_birthday_month=buyer.birth_month == taipei_date(sold_at).month,
        sold_at=sold_at,
        room_today=_room_today(session, terms, buyer.id, sold_at),
    )


def _room_today(session: Session, terms: Terms, member_id: int, sold_at: datetime) -> int | None:
    """Points that a cap per day still leaves. The member's account is held, so it is exact."""
    if terms.earning.cap_per_day is None:
        return None
    since = taipei_midnight(taipei_date(sold_at))
    earned = point_queries.earned_between(
        session, member_id, since=since, until=since + timedelta(days=1)
    )
    return max(0, terms.earning.cap_per_day - earned)


def _earn(
    session: Session,
    order: PurchaseOrder,
    buyer: Buyer,
    sale: Recorded,
    terms: Terms,
    formula: Formula,
    earned: Earned,
    standing: Standing,
    now: datetime,
) -> Standing:
    posted = points.earn(
        session,
        member_id=buyer.id,
        points=earned.total,
        cause=Cause(
            external_id=f"purchase:{sale.id}",
            actor=actor(order.staff_id),
            reason=f"消費 NT${order.amount:,}",
            source="purchase",
            source_id=sale.id,
            programme_version=terms.version,
        ),
        terms=terms.points,
        earned_at=order.sold_at,
        now=now,
        facts={
            "formula": point_rules.formula_to_facts(formula),
            "base": earned.base,
            "bonus": earned.bonus,
        },
        standing=standing,
    )
    return posted.standing


def _celebrate(
    session: Session, buyer: Buyer, tier: Tier, change: TierChange, theme: Theme, now: datetime
) -> None:
    give_gift(session, buyer, tier, change, now)
    if buyer.line_user_id is None:
        return
    outbox.push(
        session,
        member_id=buyer.id,
        recipient=buyer.line_user_id,
        messages=[
            messages.upgraded(
                name=buyer.name,
                tier=tier,
                previous=buyer.tier.name,
                ends_at=change.ends_at,
                theme=theme,
            )
        ],
        kind="tier.upgraded",
        klass="service",
        dedup_key=f"tier:{change.period_id}",
        now=now,
    )


def _send_receipt(
    session: Session,
    order: PurchaseOrder,
    buyer: Buyer,
    sale: Recorded,
    terms: Terms,
    store_name: str,
    used: Sequence[Redeemed],
    paid: Paid,
    earned: Earned,
    formula: Formula,
    standing: Standing,
    tier: Tier,
    notes: tuple[str, ...],
    theme: Theme,
    now: datetime,
) -> None:
    if buyer.line_user_id is None:
        return
    message = messages.receipt(
        amount=order.amount,
        earned=earned,
        formula=formula,
        standing=standing,
        usable_from=point_rules.usable_from(terms.points, order.sold_at),
        sold_at=order.sold_at,
        store=store_name,
        way=tier_queries.way_up(
            session, buyer.id, tier=tier, joined_on=buyer.joined_on, now=now, terms=terms
        ),
        now=now,
        coupons=tuple((one.kind_name, one.discount) for one in used),
        points_used=paid.points,
        points_worth=paid.worth,
        invoice_number=order.invoice_number or "",
        notes=notes,
        theme=theme,
    )
    outbox.push(
        session,
        member_id=buyer.id,
        recipient=buyer.line_user_id,
        messages=[message],
        kind="receipt",
        klass="service",
        dedup_key=f"receipt:{sale.id}",
        now=now,
    )

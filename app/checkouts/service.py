"""What happens at the till, in order: the sale, its points at the tier held before, the tier, the
gift, the receipt. Tills (REST), the clerk's page and imports all come through here."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.checkouts import messages
from app.core.clock import taipei_date, taipei_midnight
from app.core.db import table_of
from app.core.errors import Invalid, NotFound
from app.coupons import queries as coupon_queries
from app.coupons import service as coupons
from app.coupons.models import COUPONS
from app.coupons.rules import CouponNotUsable, Situation
from app.coupons.service import LimitReached, Redeemed
from app.members.models import Member
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
from app.purchases.rules import PurchaseOrder, RefundOrder
from app.purchases.service import Recorded, Refunded
from app.staff.models import Store
from app.tiers import service as tiers
from app.tiers.models import PERIODS
from app.tiers.service import TierChange
from app.timeline import service as timeline
from flex_templates.theme import CAMPHOR, Theme

_MEMBERS, _STORES = table_of(Member), table_of(Store)
TIER_REVOKED = "等級已撤銷"


@dataclass(frozen=True, slots=True)
class Checkout:
    """What a till is answered. `facts` is the JSON of design: purchase, points, tier."""

    is_new: bool
    purchase_id: int
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CouponUse:
    """A coupon used on a sale, and the NT$ that the till took off for it."""

    code: str
    discount: int


@dataclass(frozen=True, slots=True)
class Buyer:
    """The member at the till, with the tier held before this sale. `earns_as` is the tier of the
    sale's own time, which differs for a sale that a till uploads late."""

    id: int
    number: str | None
    name: str
    line_user_id: str | None
    birth_month: int | None
    tier: Tier
    earns_as: Tier
    standing: Standing


_BUYER = (
    sa.select(
        _MEMBERS.c.number,
        _MEMBERS.c.name,
        _MEMBERS.c.display_name,
        _MEMBERS.c.line_user_id,
        _MEMBERS.c.birth_month,
        _MEMBERS.c.status,
        PERIODS.c.tier_code,
        PERIODS.c.starts_at,
        PERIODS.c.ends_at,
    )
    .select_from(_MEMBERS)
    .outerjoin(
        PERIODS, sa.and_(PERIODS.c.member_id == _MEMBERS.c.id, PERIODS.c.closed_at.is_(None))
    )
    .where(_MEMBERS.c.id == sa.bindparam("member"))
)
_STORE = sa.select(_STORES.c.code, _STORES.c.name).where(_STORES.c.id == sa.bindparam("store"))


def record_purchase(
    session: Session,
    *,
    order: PurchaseOrder,
    now: datetime,
    coupon: CouponUse | None = None,
    theme: Theme = CAMPHOR,
) -> Checkout:
    """Record a sale with all that follows from it; the same call again changes nothing and gives
    the same facts. `order.amount` is what was paid, after the coupon.

    Raises Invalid, Conflict, NotFound and CouponNotUsable; then the caller must roll back."""
    terms = programmes.terms_at(session, order.sold_at)
    buyer = (
        None
        if order.member_id is None
        else _buyer(session, order.member_id, terms, order.sold_at, now)
    )
    is_first = _is_first(session, order, coupon)
    sale = purchases.record(session, order=order, terms=terms, now=now)
    if not sale.is_new:
        return Checkout(False, sale.id, sale.receipt)
    store_code, store_name = _store(session, order.store_id)
    if buyer is None:
        facts = _facts(order, store_code, None, None, None, None)
    else:
        used = _redeem(session, order, buyer, sale, coupon, store_code, is_first, now)
        facts = _earn_and_tell(
            session, order, buyer, sale, terms, (store_code, store_name), used, theme, now
        )
    purchases.keep_receipt(session, purchase_id=sale.id, receipt=facts)
    return Checkout(True, sale.id, facts)


def _buyer(
    session: Session, member_id: int, terms: Terms, sold_at: datetime, now: datetime
) -> Buyer:
    """Locks the member's account first: whatever else touches this member waits its turn."""
    standing = points.lock(session, member_id=member_id, now=now)
    row = session.execute(_BUYER, {"member": member_id}).one()
    if row.status != "member":
        raise Invalid("member", "不是會員")
    tier = terms.tier(row.tier_code) if row.tier_code else terms.tiers[0]
    earns_as = tier
    is_late = row.starts_at is not None and sold_at < row.starts_at
    if is_late or (row.ends_at is not None and row.ends_at <= sold_at):
        earns_as = tiers.tier_of_sale(
            session, member_id=member_id, sold_at=sold_at, terms=terms, now=now
        )
        tier = tier if is_late else earns_as
    return Buyer(
        id=member_id,
        number=row.number,
        name=row.name or row.display_name or "",
        line_user_id=row.line_user_id,
        birth_month=row.birth_month,
        tier=tier,
        earns_as=earns_as,
        standing=standing,
    )


def _store(session: Session, store_id: int | None) -> tuple[str, str]:
    if store_id is None:
        return "", ""
    row = session.execute(_STORE, {"store": store_id}).one()
    return row.code, row.name


def _is_first(session: Session, order: PurchaseOrder, use: CouponUse | None) -> bool:
    """Looked at before the sale is written, and only for a coupon, which may ask."""
    if use is None or order.member_id is None:
        return False
    return not purchase_queries.has_bought(session, order.member_id)


def _redeem(
    session: Session,
    order: PurchaseOrder,
    buyer: Buyer,
    sale: Recorded,
    use: CouponUse | None,
    store_code: str,
    is_first: bool,
    now: datetime,
) -> Redeemed | None:
    """The coupon is judged on the amount before it, and must give what the till took off."""
    if use is None:
        return None
    used = coupons.redeem(
        session,
        code=use.code,
        member_id=buyer.id,
        store_id=order.store_id,
        staff_id=order.staff_id,
        situation=Situation(
            amount=order.amount + use.discount,
            at=order.sold_at,
            store=store_code,
            channel=order.channel,
            tier=buyer.tier.code,
            birth_month=buyer.birth_month,
            is_first_purchase=is_first,
        ),
        now=now,
        purchase_id=sale.id,
    )
    if used.discount != use.discount:
        raise CouponNotUsable("discount", expected=used.discount)
    return used


def _earn_and_tell(
    session: Session,
    order: PurchaseOrder,
    buyer: Buyer,
    sale: Recorded,
    terms: Terms,
    store: tuple[str, str],
    coupon: Redeemed | None,
    theme: Theme,
    now: datetime,
) -> dict[str, Any]:
    formula = _formula(session, terms, buyer, order.sold_at)
    earned = point_rules.earned(sale.earning, formula)
    posted = _earn(session, order, buyer, sale, terms, formula, earned, now)
    change = tiers.review_after_purchase(
        session,
        member_id=buyer.id,
        purchase_id=sale.id,
        sold_at=order.sold_at,
        terms=terms,
        now=now,
    )
    tier = terms.tier(change.tier_code) if change is not None else buyer.tier
    facts = _facts(order, store[0], buyer.number, earned, posted, tier)
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
        },
    )
    _send_receipt(
        session,
        order,
        buyer,
        sale,
        terms,
        store[1],
        coupon,
        earned,
        formula,
        posted,
        tier,
        theme,
        now,
    )
    if change is not None:
        _celebrate(session, buyer, tier, change, theme, now)
    return facts


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
    now: datetime,
) -> Standing:
    posted = points.earn(
        session,
        member_id=buyer.id,
        points=earned.total,
        cause=Cause(
            external_id=f"purchase:{sale.id}",
            actor=_actor(order.staff_id),
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
        standing=buyer.standing,
    )
    return posted.standing


def _actor(staff_id: int | None) -> str:
    return "till" if staff_id is None else f"staff:{staff_id}"


def _facts(
    order: PurchaseOrder,
    store_code: str,
    number: str | None,
    earned: Earned | None,
    standing: Standing | None,
    tier: Tier | None,
) -> dict[str, Any]:
    return {
        "purchase": {
            "external_id": order.external_id,
            "member_number": number,
            "store": store_code or None,
            "sold_at": order.sold_at.isoformat(),
            "amount": order.amount,
            "refunded": 0,
            "invoice_number": order.invoice_number,
        },
        "points": {
            "earned": 0 if earned is None else earned.total,
            "pending": 0 if standing is None else standing.pending,
            "balance": 0 if standing is None else standing.balance,
        },
        "tier": None if tier is None else {"code": tier.code, "name": tier.name},
    }


def _celebrate(
    session: Session, buyer: Buyer, tier: Tier, change: TierChange, theme: Theme, now: datetime
) -> None:
    _give_gift(session, buyer, tier, change, now)
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


def _give_gift(
    session: Session, buyer: Buyer, tier: Tier, change: TierChange, now: datetime
) -> None:
    """The gift of a tier comes once in twelve months; a gift that cannot be given does not stop
    the upgrade. One voided with a revoked tier comes back, as the same coupon."""
    if tier.gift is None:
        return
    source = f"upgrade:{tier.code}"
    if not change.gives_gift:
        voided = _gift_of(session, buyer.id, source, ("revoked",))
        if voided is not None:
            coupons.reinstate(session, coupon_id=voided, reason=TIER_REVOKED, now=now)
        return
    with session.begin_nested() as savepoint:
        try:
            coupons.issue(
                session,
                kind_code=tier.gift,
                member_id=buyer.id,
                source=source,
                dedup_key=f"upgrade:{change.period_id}",
                now=now,
            )
        except (LimitReached, NotFound):
            savepoint.rollback()


def _gift_of(
    session: Session, member_id: int, source: str, statuses: tuple[str, ...]
) -> int | None:
    """The newest coupon given for that reason, if it is in one of these states."""
    newest = session.execute(
        sa.select(COUPONS.c.id, COUPONS.c.status)
        .where(COUPONS.c.member_id == member_id, COUPONS.c.source == source)
        .order_by(COUPONS.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if newest is None or newest.status not in statuses else newest.id


def _void_gift(
    session: Session, member_id: int, change: TierChange, staff_id: int | None, now: datetime
) -> None:
    """With a revoked tier goes its unused gift; a used one is reported."""
    source = f"upgrade:{change.previous_code}"
    unused = _gift_of(session, member_id, source, ("issued",))
    if unused is not None and coupons.revoke(
        session, coupon_id=unused, reason=TIER_REVOKED, staff_id=staff_id, now=now
    ):
        return
    used = _gift_of(session, member_id, source, ("redeemed",))
    if used is not None:
        timeline.record(
            session,
            member_id=member_id,
            kind="coupon.used_before_revocation",
            at=now,
            facts={"coupon_id": used, "tier": change.previous_code},
        )


def _send_receipt(
    session: Session,
    order: PurchaseOrder,
    buyer: Buyer,
    sale: Recorded,
    terms: Terms,
    store_name: str,
    coupon: Redeemed | None,
    earned: Earned,
    formula: Formula,
    standing: Standing,
    tier: Tier,
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
        tier=tier,
        spent=tiers.window_sum(session, member_id=buyer.id, at=now, terms=terms),
        terms=terms,
        now=now,
        discount=0 if coupon is None else coupon.discount,
        coupon="" if coupon is None else coupon.kind_name,
        invoice_number=order.invoice_number or "",
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


def refund_purchase(
    session: Session, *, order: RefundOrder, now: datetime, theme: Theme = CAMPHOR
) -> Checkout:
    """Give money of a sale back: points go with it, the tier is looked at again, a coupon used on a
    wholly refunded sale comes back. The same call again gives the same facts.

    Raises NotFound, RefundTooLarge, Conflict."""
    sale = purchase_queries.purchase_by_external_id(session, order.purchase_external_id)
    member_id = None if sale is None else sale.member_id
    if member_id is not None:
        points.lock(session, member_id=member_id, now=now)
    refunded = purchases.refund(session, order=order, now=now)
    if not refunded.is_new:
        return Checkout(False, refunded.purchase_id, refunded.receipt)
    if sale is None or member_id is None:
        facts = _refund_facts(order, refunded, 0, None, None)
    else:
        store_id = order.store_id or sale.store_id
        facts = _undo(session, order, refunded, member_id, store_id, theme, now)
    purchases.keep_refund_receipt(session, refund_id=refunded.id, receipt=facts)
    return Checkout(True, refunded.purchase_id, facts)


def _undo(
    session: Session,
    order: RefundOrder,
    refunded: Refunded,
    member_id: int,
    store_id: int | None,
    theme: Theme,
    now: datetime,
) -> dict[str, Any]:
    terms = programmes.terms_at(session, now)
    posted = points.revoke(
        session,
        member_id=member_id,
        purchase_id=refunded.purchase_id,
        remaining=refunded.earning_left,
        cause=Cause(
            external_id=f"refund:{refunded.id}",
            actor=_actor(order.staff_id),
            reason=f"退款 NT${order.amount:,}",
            source="purchase",
            source_id=refunded.purchase_id,
            programme_version=terms.version,
        ),
        now=now,
    )
    change = tiers.review_after_refund(
        session,
        member_id=member_id,
        purchase_id=refunded.purchase_id,
        terms=terms,
        now=now,
    )
    if change is not None:
        _void_gift(session, member_id, change, order.staff_id, now)
    returned = _return_coupons(session, order, refunded, now)
    buyer = _buyer(session, member_id, terms, now, now)
    timeline.record(
        session,
        member_id=member_id,
        kind="purchase.refunded",
        at=now,
        facts={
            "purchase_id": refunded.purchase_id,
            "amount": order.amount,
            "revoked": -posted.points,
        },
    )
    if buyer.line_user_id is not None:
        _, store_name = _store(session, store_id)
        note = "" if change is None else f"等級調整為{buyer.tier.name}"
        outbox.push(
            session,
            member_id=member_id,
            recipient=buyer.line_user_id,
            messages=[
                messages.refund(
                    amount=order.amount,
                    revoked=-posted.points,
                    standing=posted.standing,
                    at=now,
                    store=store_name,
                    net=refunded.net,
                    coupon_returned=returned,
                    tier_note=note,
                    theme=theme,
                )
            ],
            kind="refund",
            klass="service",
            dedup_key=f"refund:{refunded.id}",
            now=now,
        )
    return _refund_facts(order, refunded, -posted.points, posted.standing, buyer)


def _return_coupons(session: Session, order: RefundOrder, refunded: Refunded, now: datetime) -> str:
    """Names of the coupons that come back because the whole sale was given back."""
    if not refunded.is_whole:
        return ""
    used = coupon_queries.names_on_sale(session, refunded.purchase_id)
    for coupon_id, _ in used:
        coupons.rollback(
            session, coupon_id=coupon_id, reason="退貨", staff_id=order.staff_id, now=now
        )
    return "、".join(name for _, name in used)


def _refund_facts(
    order: RefundOrder,
    refunded: Refunded,
    revoked: int,
    standing: Standing | None,
    buyer: Buyer | None,
) -> dict[str, Any]:
    return {
        "refund": {
            "external_id": order.external_id,
            "purchase_external_id": order.purchase_external_id,
            "amount": order.amount,
        },
        "points": {
            "revoked": revoked,
            "pending": 0 if standing is None else standing.pending,
            "balance": 0 if standing is None else standing.balance,
        },
        "tier": None if buyer is None else {"code": buyer.tier.code, "name": buyer.tier.name},
    }

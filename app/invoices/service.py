"""Register an invoice once, hold its points until a till confirms it, let staff decide the rest.

The caller's transaction holds the member's account; the unique (period, number) decides between two
members who register one invoice at the same moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.checkouts import service as checkouts
from app.checkouts.service import Checkout
from app.core.clock import TAIPEI, taipei_date
from app.core.db import changed, insert_ignore, table_of
from app.core.errors import Conflict, DomainError, Invalid
from app.invoices import queries
from app.invoices.models import (
    ACCEPTED,
    FAILED,
    MATCHED,
    PENDING,
    READ,
    REJECTED,
    REVIEW,
    WAITING,
    InvoiceClaim,
    InvoicePhoto,
)
from app.invoices.queries import Claim
from app.invoices.rules import campaigns
from app.invoices.rules.campaigns import InvoiceRefused
from app.invoices.rules.slips import Slip, SlipItem
from app.members import queries as members
from app.missions import service as missions
from app.points import service as points
from app.programmes import queries as programmes
from app.programmes.rules import InvoiceTerms
from app.purchases import queries as purchases
from app.purchases.models import Purchase
from app.purchases.queries import Bought
from app.purchases.rules import Item, PurchaseOrder, RefundOrder
from app.timeline import service as timeline
from flex_templates.theme import CAMPHOR, Theme

_CLAIMS, _PHOTOS, _PURCHASES = table_of(InvoiceClaim), table_of(InvoicePhoto), table_of(Purchase)
_NOON = time(12, 0, tzinfo=TAIPEI)  # a slip tells the day, not the hour


class NotReviewable(DomainError):
    """The invoice was decided before."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """`status` is pending or matched; `points` is what the sale earned."""

    claim_id: int
    status: str
    total: int
    points: int


def claim(
    session: Session,
    *,
    member_id: int,
    slip: Slip,
    source: str,
    now: datetime,
    theme: Theme = CAMPHOR,
) -> Claimed:
    """Register an invoice for a member and count its sale.

    Raises InvoiceRefused; then the caller must roll back."""
    points.lock(session, member_id=member_id, now=now)
    member_id = members.living_id(session, member_id)
    _check_new(session, slip, member_id)
    terms = programmes.terms_at(session, now).invoices
    sale = purchases.purchase_by_invoice(session, period=slip.period, number=slip.number)
    if sale is not None:
        return _claim_sale(session, sale, slip, member_id, terms, source, theme, now)
    today = taipei_date(now)
    used = queries.used_by(session, member_id, today=today, period=slip.period)
    campaigns.check(slip, terms, today=today, used=used)
    try:
        with session.begin_nested():
            claim_id = _write(session, slip, member_id, PENDING, source, terms, now)
            done = checkouts.record_purchase(
                session,
                order=_order(slip, member_id, now),
                hold_until=today + timedelta(days=terms.hold_days),
                theme=theme,
                now=now,
            )
    except Conflict:  # the till told of it in this very moment
        sale = purchases.purchase_by_invoice(session, period=slip.period, number=slip.number)
        if sale is None:
            raise InvoiceRefused("taken") from None
        return _claim_sale(session, sale, slip, member_id, terms, source, theme, now)
    return _linked(session, claim_id, done, PENDING, member_id, slip.total or 0, now)


def _check_new(session: Session, slip: Slip, member_id: int) -> None:
    owner = queries.owner_of(session, period=slip.period, number=slip.number)
    if owner is not None:
        raise InvoiceRefused("already" if owner == member_id else "taken")


def _claim_sale(
    session: Session,
    sale: Bought,
    slip: Slip,
    member_id: int,
    terms: InvoiceTerms,
    source: str,
    theme: Theme,
    now: datetime,
) -> Claimed:
    """The till told of the sale before: if it named nobody, it is this member's."""
    if not terms.is_on:
        raise InvoiceRefused("off")
    if sale.member_id is not None:
        raise InvoiceRefused("counted" if sale.member_id == member_id else "taken")
    if slip.total is not None and slip.total != sale.amount:
        raise InvoiceRefused("differs")
    campaigns.check_day(taipei_date(sale.sold_at), taipei_date(now), days=terms.claim_days)
    known = Slip(
        slip.number, slip.period, taipei_date(sale.sold_at), slip.random_code, None, sale.amount,
        seller=slip.seller,
    )  # fmt: skip
    claim_id = _write(session, known, member_id, MATCHED, source, terms, now)
    try:
        done = checkouts.claim_sale(session, bought=sale, member_id=member_id, theme=theme, now=now)
    except Conflict as lost:
        raise InvoiceRefused("taken") from lost
    return _linked(session, claim_id, done, MATCHED, member_id, sale.amount, now)


def _write(
    session: Session,
    slip: Slip,
    member_id: int,
    status: str,
    source: str,
    terms: InvoiceTerms,
    now: datetime,
) -> int:
    today = taipei_date(now)
    won = insert_ignore(
        session,
        InvoiceClaim,
        {
            "period": slip.period,
            "number": slip.number,
            "member_id": member_id,
            "purchase_id": None,
            "status": status,
            "source": source,
            "total": slip.total,
            "sold_on": slip.sold_on,
            "seller": slip.seller,
            "random_code": slip.random_code,
            "claimed_on": today,
            "claimed_at": now,
            "hold_until": today + timedelta(days=terms.hold_days),
            "settled_at": now if status == MATCHED else None,
            "staff_id": None,
            "reason": None,
        },
    )
    if not won:
        raise InvoiceRefused("taken")
    claim_id = session.scalar(
        sa.select(_CLAIMS.c.id).where(
            _CLAIMS.c.period == slip.period, _CLAIMS.c.number == slip.number
        )
    )
    assert claim_id is not None
    return int(claim_id)


def _linked(
    session: Session,
    claim_id: int,
    done: Checkout,
    status: str,
    member_id: int,
    total: int,
    now: datetime,
) -> Claimed:
    changed(
        session,
        sa.update(_CLAIMS).where(_CLAIMS.c.id == claim_id).values(purchase_id=done.purchase_id),
    )
    timeline.record(
        session,
        member_id=member_id,
        kind="invoice.claimed",
        at=now,
        facts={"claim_id": claim_id, "purchase_id": done.purchase_id, "amount": total},
    )
    missions.note_deed(
        session, member_id=member_id, kind="invoices", key=f"claim:{claim_id}", at=now, now=now
    )
    return Claimed(claim_id, status, total, int(done.facts["points"]["earned"]))


def _order(slip: Slip, member_id: int, now: datetime) -> PurchaseOrder:
    assert slip.sold_on is not None
    assert slip.total is not None
    noon = datetime.combine(slip.sold_on, _NOON)
    return PurchaseOrder(
        external_id=f"invoice:{slip.period}:{slip.number}",
        amount=slip.total,
        sold_at=min(noon, now),
        channel="invoice",
        member_id=member_id,
        items=tuple(_item(item) for item in slip.items if item.quantity > 0),
        invoice_number=slip.number,
        invoice_period=slip.period,
    )


def _item(item: SlipItem) -> Item:
    """Petrol is sold by the decimal; a line of ours has whole ones: one line, its whole price."""
    is_whole = item.quantity == item.quantity.to_integral_value() and item.quantity <= 10_000
    price = item.price if is_whole else item.price * item.quantity
    return Item(
        name=item.name,
        quantity=int(item.quantity) if is_whole else 1,
        unit_price=int(price.quantize(Decimal(1), ROUND_HALF_UP)),
    )


# What becomes of it -------------------------------------------------------------------------------


def settle_due(session: Session, *, now: datetime) -> int:
    """Confirm what a till told of since, put aside what it told otherwise, and accept what waited
    long enough; return how many changed. Safe to run twice."""
    sale_channel = (
        sa.select(_PURCHASES.c.channel)
        .where(_PURCHASES.c.id == _CLAIMS.c.purchase_id)
        .scalar_subquery()
    )
    sale_number = (
        sa.select(_PURCHASES.c.invoice_number)
        .where(_PURCHASES.c.id == _CLAIMS.c.purchase_id)
        .scalar_subquery()
    )
    pending = sa.update(_CLAIMS).where(_CLAIMS.c.status == PENDING)
    return (
        changed(
            session,
            pending.where(sale_channel != "invoice").values(status=MATCHED, settled_at=now),
        )
        + changed(
            session,
            pending.where(sale_number.is_(None)).values(
                status=REVIEW, reason="門市上傳的交易內容不同"
            ),
        )
        + changed(
            session,
            pending.where(_CLAIMS.c.hold_until <= taipei_date(now)).values(
                status=ACCEPTED, settled_at=now
            ),
        )
    )


def approve(session: Session, *, claim_id: int, staff_id: int, now: datetime) -> Claim:
    """Staff looked and found it right. Raises NotFound, NotReviewable."""
    _decide(session, claim_id, ACCEPTED, staff_id, None, now)
    return queries.claim(session, claim_id)


def reject(
    session: Session,
    *,
    claim_id: int,
    staff_id: int,
    reason: str,
    theme: Theme = CAMPHOR,
    now: datetime,
) -> Claim:
    """Staff found it wrong, or it was voided: the sale goes, and its points with it.

    Raises NotFound, NotReviewable, Invalid; then the caller must roll back."""
    if not reason.strip():
        raise Invalid("reason", "請填寫原因")
    _decide(session, claim_id, REJECTED, staff_id, reason.strip(), now)
    found = queries.claim(session, claim_id)
    sale = None if found.purchase_id is None else purchases.purchase(session, found.purchase_id)
    if sale is not None and sale.amount > sale.refunded:
        order = RefundOrder(
            external_id=f"invoice-rejected:{claim_id}",
            purchase_external_id=sale.external_id,
            amount=sale.amount - sale.refunded,
            staff_id=staff_id,
        )
        checkouts.refund_purchase(session, order=order, theme=theme, now=now)
    missions.note_deed(
        session,
        member_id=found.member_id,
        kind="invoices",
        key=f"claim:{claim_id}",
        at=found.claimed_at,
        now=now,
        is_taken_back=True,
    )
    return found


def _decide(
    session: Session,
    claim_id: int,
    status: str,
    staff_id: int,
    reason: str | None,
    now: datetime,
) -> None:
    found = queries.claim(session, claim_id)
    points.lock(session, member_id=found.member_id, now=now)
    won = changed(
        session,
        sa.update(_CLAIMS)
        .where(_CLAIMS.c.id == claim_id, _CLAIMS.c.status.in_((PENDING, REVIEW)))
        .values(status=status, staff_id=staff_id, reason=reason, settled_at=now),
    )
    if not won:
        raise NotReviewable(claim_id)


# Photos -------------------------------------------------------------------------------------------

AGAIN_AFTER = timedelta(seconds=20)
MOST_ATTEMPTS = 4


def keep_photo(
    session: Session,
    *,
    member_id: int,
    message_id: str,
    reply_token: str | None,
    received_at: datetime,
    now: datetime,
) -> bool:
    """A picture came in the chat: it is fetched and read after this transaction. False when it was
    kept before."""
    return bool(
        insert_ignore(
            session,
            InvoicePhoto,
            {
                "message_id": message_id,
                "member_id": member_id,
                "reply_token": reply_token,
                "received_at": received_at,
                "status": WAITING,
                "due_at": now,
                "attempts": 0,
                "codes": None,
            },
        )
    )


def photo_read(session: Session, *, photo_id: int, lone_codes: Sequence[str] = ()) -> bool:
    """The photo is done with; a lone code is remembered for the other. False when another process
    was faster."""
    return _close_photo(session, photo_id, READ, lone_codes)


def photo_failed(session: Session, *, photo_id: int) -> bool:
    """LINE does not have the picture (any more)."""
    return _close_photo(session, photo_id, FAILED, ())


def photo_again(session: Session, *, photo_id: int, now: datetime) -> None:
    """LINE had trouble: later."""
    changed(
        session,
        sa.update(_PHOTOS)
        .where(_PHOTOS.c.id == photo_id, _PHOTOS.c.status == WAITING)
        .values(due_at=now + AGAIN_AFTER, attempts=_PHOTOS.c.attempts + 1),
    )


def _close_photo(session: Session, photo_id: int, status: str, lone_codes: Sequence[str]) -> bool:
    won = changed(
        session,
        sa.update(_PHOTOS)
        .where(_PHOTOS.c.id == photo_id, _PHOTOS.c.status == WAITING)
        .values(status=status, reply_token=None, codes=list(lone_codes) or None),
    )
    return bool(won)


PHOTOS_KEPT = timedelta(days=1)


def forget_old(session: Session, *, now: datetime) -> int:
    """Photos that were read say nothing any more."""
    return changed(
        session,
        sa.delete(_PHOTOS).where(
            _PHOTOS.c.status != WAITING, _PHOTOS.c.received_at < now - PHOTOS_KEPT
        ),
    )

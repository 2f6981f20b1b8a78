"""One box for everything: members, sales and coupons by whatever somebody has in their hand."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import text
from app.core.clock import taipei_date
from app.core.errors import Invalid
from app.coupons.models import Coupon, CouponOffer
from app.insights.queries import roster
from app.insights.queries.roster import Listed, Wanted
from app.invoices.models import InvoiceClaim
from app.purchases.models import Purchase
from app.staff.models import Store

SHOWN: Final = 20
PERIODS: Final = 36  # of an invoice: six years back; a number alone names one in each
LONGEST_ID: Final = 80


@dataclass(frozen=True, slots=True)
class SaleFound:
    external_id: str
    invoice_number: str | None
    member_id: int | None
    sold_at: datetime
    amount: int
    refunded: int
    store_name: str | None


@dataclass(frozen=True, slots=True)
class ClaimFound:
    """An invoice that a member registered, before or without its sale."""

    id: int
    number: str
    member_id: int
    sold_on: date
    total: int
    status: str


@dataclass(frozen=True, slots=True)
class CouponFound:
    code: str
    name: str
    kind_id: int
    member_id: int | None
    status: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    members: tuple[Listed, ...] = ()
    has_more_members: bool = False
    sales: tuple[SaleFound, ...] = ()
    claims: tuple[ClaimFound, ...] = ()
    coupons: tuple[CouponFound, ...] = ()

    @property
    def number(self) -> int:
        return len(self.members) + len(self.sales) + len(self.claims) + len(self.coupons)


def find(session: Session, words: str, *, store_id: int | None, now: datetime) -> Found:
    """Every look is by an index. `store_id` keeps sales to one store's; None is every
    store. An invoice without a sale is no store's yet, so only who sees all of them finds it."""
    typed = " ".join(text.half_width(words).split())
    if not typed:
        return Found()
    page = roster.members(session, Wanted(words=typed), limit=SHOWN)
    number = None
    with suppress(Invalid):
        number = text.parse_invoice_number(typed)
    periods = [] if number is None else _periods(taipei_date(now))
    return Found(
        members=page.rows,
        has_more_members=page.next_before is not None,
        sales=tuple(_sales(session, typed, number, periods, store_id)),
        claims=tuple(_claims(session, number, periods)) if store_id is None else (),
        coupons=tuple(_coupons(session, typed)),
    )


def _periods(today: date) -> list[str]:
    """Of this and the periods before it; a till may be a period ahead."""
    month = today.year * 12 + today.month - 1 + 2
    days = (date((month - 2 * n) // 12, (month - 2 * n) % 12 + 1, 1) for n in range(PERIODS))
    return [text.invoice_period(day) for day in days]


def _sales(
    session: Session,
    typed: str,
    number: str | None,
    periods: Sequence[str],
    store_id: int | None,
) -> list[SaleFound]:
    wanted = [Purchase.external_id == typed[:LONGEST_ID]]
    if number is not None:
        wanted.append(
            sa.and_(
                Purchase.invoice_number == number,
                Purchase.invoice_number.is_not(None),
                Purchase.invoice_period.in_(periods),
            )
        )
    query = (
        sa.select(
            Purchase.external_id,
            Purchase.invoice_number,
            Purchase.member_id,
            Purchase.sold_at,
            Purchase.amount,
            Purchase.refunded,
            Store.name,
        )
        .outerjoin(Store, Store.id == Purchase.store_id)
        .where(sa.or_(*wanted))
        .order_by(Purchase.id.desc())
        .limit(SHOWN)
    )
    if store_id is not None:
        query = query.where(Purchase.store_id == store_id)
    return [SaleFound(*row) for row in session.execute(query)]


def _claims(session: Session, number: str | None, periods: Sequence[str]) -> list[ClaimFound]:
    """Those with a sale are found as that."""
    if number is None:
        return []
    rows = session.execute(
        sa.select(
            InvoiceClaim.id,
            InvoiceClaim.number,
            InvoiceClaim.member_id,
            InvoiceClaim.sold_on,
            InvoiceClaim.total,
            InvoiceClaim.status,
        )
        .where(
            InvoiceClaim.period.in_(periods),
            InvoiceClaim.number == number,
            InvoiceClaim.purchase_id.is_(None),
        )
        .order_by(InvoiceClaim.id.desc())
        .limit(SHOWN)
    )
    return [ClaimFound(*row) for row in rows]


def _coupons(session: Session, typed: str) -> list[CouponFound]:
    code = typed.replace(" ", "").replace("-", "").upper()
    rows = session.execute(
        sa.select(
            Coupon.code,
            CouponOffer.name,
            Coupon.kind_id,
            Coupon.member_id,
            Coupon.status,
            Coupon.expires_at,
        )
        .join(CouponOffer, CouponOffer.id == Coupon.offer_id)
        .where(Coupon.code == code)
    )
    return [CouponFound(*row) for row in rows]

"""Everything the brand holds about one member, for the member's page."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.errors import NotFound
from app.coupons.models import Coupon, CouponEvent, CouponOffer
from app.members.models import Consent, Member
from app.programmes import queries as programmes
from app.programmes.queries import NoProgramme
from app.purchases.models import Purchase, PurchaseDay
from app.staff.models import Staff, Store
from app.tiers.models import TierPeriod

LIST_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Profile:
    id: int
    number: str | None
    status: str
    name: str | None
    display_name: str | None
    phone: str | None
    email: str | None
    birthday: date | None
    birth_month: int | None
    birth_day: int | None
    gender: str | None
    city: str | None
    district: str | None
    is_friend: bool
    friended_at: datetime | None
    unfriended_at: datetime | None
    joined_at: datetime | None
    join_source: str | None
    marketing_ok: bool
    is_test: bool
    created_at: datetime
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class TierHeld:
    code: str
    name: str
    starts_at: datetime
    ends_at: datetime | None
    reason: str
    qualifying: int
    note: str
    closed_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


@dataclass(frozen=True, slots=True)
class Bought:
    id: int
    external_id: str
    sold_at: datetime
    amount: int
    refunded: int
    channel: str
    invoice_number: str | None
    store_name: str | None
    staff_name: str | None


@dataclass(frozen=True, slots=True)
class CouponHeld:
    id: int
    name: str
    status: str
    source: str
    issued_at: datetime
    expires_at: datetime | None
    redeemed_at: datetime | None
    discount: int | None
    store_name: str | None
    reason: str = ""  # why a person gave it


@dataclass(frozen=True, slots=True)
class Spent:
    """NT$ net and days with a purchase, the last 365 days and ever."""

    year: int
    ever: int
    days: int
    last_on: date | None


@dataclass(frozen=True, slots=True)
class Agreed:
    kind: str
    version: str
    is_given: bool
    channel: str
    at: datetime


def profile(session: Session, member_id: int) -> Profile:
    """Raises NotFound."""
    names = Profile.__dataclass_fields__
    row = session.execute(
        sa.select(*(getattr(Member, name) for name in names)).where(Member.id == member_id)
    ).one_or_none()
    if row is None:
        raise NotFound("member", member_id)
    return Profile(*tuple(row))


def tier_names(session: Session, *, now: datetime) -> dict[str, str]:
    """Code to name, lowest tier first; empty before a programme is published."""
    try:
        terms = programmes.terms_at(session, now)
    except NoProgramme:
        return {}
    return {tier.code: tier.name for tier in terms.tiers}


def tiers_held(session: Session, member_id: int, *, now: datetime) -> list[TierHeld]:
    """Newest first."""
    names = tier_names(session, now=now)
    rows: Iterable[Any] = session.execute(
        sa.select(
            TierPeriod.tier_code,
            TierPeriod.starts_at,
            TierPeriod.ends_at,
            TierPeriod.reason,
            TierPeriod.qualifying,
            TierPeriod.note,
            TierPeriod.closed_at,
        )
        .where(TierPeriod.member_id == member_id)
        .order_by(TierPeriod.id.desc())
        .limit(LIST_LIMIT)
    )
    return [
        TierHeld(
            code=row.tier_code,
            name=names.get(row.tier_code, row.tier_code),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            reason=row.reason,
            qualifying=row.qualifying,
            note=row.note,
            closed_at=row.closed_at,
        )
        for row in rows
    ]


def purchases(session: Session, member_id: int, *, store_id: int | None = None) -> list[Bought]:
    """Newest first; of one store, or of all."""
    here = () if store_id is None else (Purchase.store_id == store_id,)
    rows: Iterable[Any] = session.execute(
        sa.select(
            Purchase.id,
            Purchase.external_id,
            Purchase.sold_at,
            Purchase.amount,
            Purchase.refunded,
            Purchase.channel,
            Purchase.invoice_number,
            Store.name,
            Staff.name,
        )
        .outerjoin(Store, Store.id == Purchase.store_id)
        .outerjoin(Staff, Staff.id == Purchase.staff_id)
        .where(Purchase.member_id == member_id, *here)
        .order_by(Purchase.sold_at.desc(), Purchase.id.desc())
        .limit(LIST_LIMIT)
    )
    return [Bought(*row) for row in rows]


def sold_in(session: Session, purchase_ids: Collection[int], store_id: int) -> set[int]:
    """Which of these sales were made in that store."""
    rows = session.scalars(
        sa.select(Purchase.id).where(Purchase.id.in_(purchase_ids), Purchase.store_id == store_id)
    )
    return set(rows)


def coupons(session: Session, member_id: int) -> list[CouponHeld]:
    """Usable ones first, then newest first."""
    by_person = sa.and_(
        CouponEvent.coupon_id == Coupon.id,
        CouponEvent.kind == "issued",
        CouponEvent.staff_id.is_not(None),
    )
    rows: Iterable[Any] = session.execute(
        sa.select(
            Coupon.id,
            CouponOffer.name,
            Coupon.status,
            Coupon.source,
            Coupon.issued_at,
            Coupon.expires_at,
            Coupon.redeemed_at,
            Coupon.discount,
            Store.name,
            CouponEvent.facts,
        )
        .join(CouponOffer, CouponOffer.id == Coupon.offer_id)
        .outerjoin(Store, Store.id == Coupon.store_id)
        .outerjoin(CouponEvent, by_person)
        .where(Coupon.member_id == member_id)
        .order_by(sa.case((Coupon.status == "issued", 0), else_=1), Coupon.id.desc())
        .limit(LIST_LIMIT)
    )
    found = []
    for *held, facts in rows:
        values: list[Any] = [*held, (facts or {}).get("reason", "")]  # in the fields' order
        found.append(CouponHeld(*values))
    return found


def spent(session: Session, member_id: int, *, now: datetime) -> Spent:
    since = taipei_date(now) - timedelta(days=364)
    row = session.execute(
        sa.select(
            sa.func.coalesce(
                sa.func.sum(sa.case((PurchaseDay.day >= since, PurchaseDay.net), else_=0)), 0
            ),
            sa.func.coalesce(sa.func.sum(PurchaseDay.net), 0),
            sa.func.count(sa.case((PurchaseDay.net > 0, 1))),
            sa.func.max(sa.case((PurchaseDay.net > 0, PurchaseDay.day))),
        ).where(PurchaseDay.member_id == member_id)
    ).one()
    return Spent(*tuple(row))


def consents(session: Session, member_id: int) -> list[Agreed]:
    """Newest first."""
    rows: Iterable[Any] = session.execute(
        sa.select(Consent.kind, Consent.version, Consent.is_given, Consent.channel, Consent.at)
        .where(Consent.member_id == member_id)
        .order_by(Consent.id.desc())
        .limit(LIST_LIMIT)
    )
    return [Agreed(*row) for row in rows]

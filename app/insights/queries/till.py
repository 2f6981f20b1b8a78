"""What was sold in one store, for the people who stand there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date, taipei_midnight
from app.coupons.models import EVENTS
from app.members.models import Member
from app.purchases.models import Purchase, Refund
from app.staff.models import Staff
from app.tiers.models import TierPeriod

LONGEST_LIST = 200


@dataclass(frozen=True, slots=True)
class SaleShown:
    id: int
    external_id: str
    sold_at: datetime
    amount: int  # NT$ paid
    refunded: int
    channel: str
    invoice_number: str | None
    receipt: Any
    member_id: int | None
    member_name: str | None
    member_number: str | None
    staff_name: str | None
    lifted_to: str | None  # code of the tier this sale earned
    is_exchange: bool  # goods of another sale came back with it

    @property
    def rest(self) -> int:
        return self.amount - self.refunded

    @property
    def earned(self) -> int:
        """Points, as answered when the sale was recorded."""
        return self._answered("earned")

    @property
    def redeemed(self) -> int:
        """Points that paid for it."""
        return self._answered("redeemed")

    @property
    def points_worth(self) -> int:
        """NT$ that those points paid."""
        return self._answered("discount")

    @property
    def coupons(self) -> list[tuple[str, int]]:
        """Name and NT$ of each coupon used on it, as answered when the sale was recorded."""
        facts = self.receipt if isinstance(self.receipt, dict) else {}
        return [(str(one["name"]), int(one["discount"])) for one in facts.get("coupons", ())]

    @property
    def notes(self) -> list[str]:
        """What else moved with the sale, for the clerk to say."""
        facts = self.receipt if isinstance(self.receipt, dict) else {}
        return [str(note) for note in facts.get("notes", ())]

    def _answered(self, name: str) -> int:
        facts = self.receipt if isinstance(self.receipt, dict) else {}
        points = facts.get("points")
        return int(points.get(name, 0)) if isinstance(points, dict) else 0


@dataclass(frozen=True, slots=True)
class DayAtStore:
    net: int  # NT$ less refunds
    count: int
    refunded: int
    goodwill: int = 0  # coupons given


_SALE = (
    sa.select(
        Purchase.id,
        Purchase.external_id,
        Purchase.sold_at,
        Purchase.amount,
        Purchase.refunded,
        Purchase.channel,
        Purchase.invoice_number,
        Purchase.receipt,
        Purchase.member_id,
        sa.func.coalesce(Member.name, Member.display_name),
        Member.number,
        Staff.name,
        TierPeriod.tier_code,
        Refund.id.is_not(None),
    )
    .outerjoin(Member, Member.id == Purchase.member_id)
    .outerjoin(Staff, Staff.id == Purchase.staff_id)
    .outerjoin(
        TierPeriod,
        sa.and_(TierPeriod.purchase_id == Purchase.id, TierPeriod.reason == "upgrade"),
    )
    .outerjoin(  # the two halves of an exchange were told in one call
        Refund,
        sa.and_(
            Refund.external_id == Purchase.external_id,
            Refund.content_hash == Purchase.content_hash,
        ),
    )
)


def sales_today(session: Session, store_id: int, *, now: datetime) -> list[SaleShown]:
    """Of this store, newest first."""
    rows: Iterable[Any] = session.execute(
        _SALE.where(*_today(store_id, now))
        .order_by(Purchase.sold_at.desc(), Purchase.id.desc())
        .limit(LONGEST_LIST)
    )
    return [SaleShown(*row) for row in rows]


def day_at_store(session: Session, store_id: int, *, now: datetime) -> DayAtStore:
    row = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(Purchase.amount - Purchase.refunded), 0),
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(Purchase.refunded), 0),
        ).where(*_today(store_id, now))
    ).one()
    goodwill = session.scalar(given_today(store_id, now=now))
    return DayAtStore(net=row[0], count=row[1], refunded=row[2], goodwill=goodwill or 0)


# Said as literals, or SQLite does not see that the index of what was given will do.
_WAS_GIVEN = sa.and_(EVENTS.c.kind == sa.literal_column("'issued'"), EVENTS.c.store_id.is_not(None))


def given_today(store_id: int, *, now: datetime) -> sa.Select[int]:
    """How many coupons people gave in this store."""
    start = taipei_midnight(taipei_date(now))
    return sa.select(sa.func.count(EVENTS.c.id)).where(
        _WAS_GIVEN,
        EVENTS.c.store_id == store_id,
        EVENTS.c.at >= start,
        EVENTS.c.at < start + timedelta(days=1),
    )


def sale(session: Session, *, store_id: int, external_id: str) -> SaleShown | None:
    """Sales of other stores are not found."""
    row: Any = session.execute(
        _SALE.where(Purchase.external_id == external_id, Purchase.store_id == store_id).limit(1)
    ).one_or_none()
    return None if row is None else SaleShown(*row)


def is_sold(session: Session, external_id: str) -> bool:
    return bool(session.scalar(sa.select(sa.exists().where(Purchase.external_id == external_id))))


def _today(store_id: int, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    start = taipei_midnight(taipei_date(now))
    return (
        Purchase.store_id == store_id,
        Purchase.sold_at >= start,
        Purchase.sold_at < start + timedelta(days=1),
    )

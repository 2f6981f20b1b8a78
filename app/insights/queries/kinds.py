"""How each kind of coupon does: given, used, lapsed, and what was sold with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import table_of
from app.coupons.models import COUPON_DAYS, COUPONS, EVENTS, EXPIRED, ISSUED, OFFERS, REDEEMED
from app.purchases.models import PURCHASES
from app.staff.models import Staff, Store

SOON: Final = timedelta(days=7)
_STORES, _STAFF = table_of(Store), table_of(Staff)


@dataclass(frozen=True, slots=True)
class Performance:
    """Coupons of one kind. `held`: neither used nor over; `lapsing` of them end within a week.
    `sales`: NT$ of the sales on which it was used, less refunds."""

    held: int = 0
    lapsing: int = 0
    redeemed: int = 0
    lapsed: int = 0
    purchases: int = 0
    sales: int = 0

    @property
    def rate(self) -> float | None:
        """Used of those whose time is over, used up or lapsed; None before the first."""
        over = self.redeemed + self.lapsed
        return None if over == 0 else self.redeemed / over


NOTHING: Final = Performance()


def performances(
    session: Session, *, now: datetime, kind_id: int | None = None
) -> dict[int, Performance]:
    """By the kind's id; of one kind when it is given."""
    mine = sa.true() if kind_id is None else COUPONS.c.kind_id == kind_id
    counts: dict[int, dict[str, int]] = {}
    for kind, status, number in session.execute(
        sa.select(COUPONS.c.kind_id, COUPONS.c.status, sa.func.count())
        .where(mine)
        .group_by(COUPONS.c.kind_id, COUPONS.c.status)
    ):
        counts.setdefault(kind, {})[status] = number
    lapsing = _lapsing(session, mine, now)
    sold = _sold(session, mine)
    return {
        kind: Performance(
            held=of.get(ISSUED, 0),
            lapsing=lapsing.get(kind, 0),
            redeemed=of.get(REDEEMED, 0),
            lapsed=of.get(EXPIRED, 0),
            purchases=sold.get(kind, (0, 0))[0],
            sales=sold.get(kind, (0, 0))[1],
        )
        for kind, of in counts.items()
    }


def _lapsing(session: Session, mine: sa.ColumnElement[bool], now: datetime) -> Mapping[int, int]:
    rows = session.execute(
        sa.select(COUPONS.c.kind_id, sa.func.count())
        .where(
            mine,
            COUPONS.c.status == ISSUED,
            COUPONS.c.expires_at > now,
            COUPONS.c.expires_at <= now + SOON,
        )
        .group_by(COUPONS.c.kind_id)
    )
    return {row[0]: row[1] for row in rows}


def _sold(session: Session, mine: sa.ColumnElement[bool]) -> Mapping[int, tuple[int, int]]:
    """Sales with it, each once though two coupons of the kind were used on it."""
    used = (
        sa.select(COUPONS.c.kind_id, COUPONS.c.purchase_id)
        .where(mine, COUPONS.c.status == REDEEMED, COUPONS.c.purchase_id.is_not(None))
        .distinct()
        .subquery()
    )
    rows = session.execute(
        sa.select(
            used.c.kind_id,
            sa.func.count(),
            sa.func.sum(PURCHASES.c.amount - PURCHASES.c.refunded),
        )
        .join_from(used, PURCHASES, PURCHASES.c.id == used.c.purchase_id)
        .group_by(used.c.kind_id)
    )
    return {row[0]: (row[1], int(row[2] or 0)) for row in rows}


def redeemed_by_day(session: Session, kind_id: int, *, since: date) -> dict[date, int]:
    """Redemptions a Taipei day, those given back left out; days without any are missing."""
    rows = session.execute(
        sa.select(COUPON_DAYS.c.day, COUPON_DAYS.c.redeemed)
        .where(COUPON_DAYS.c.kind_id == kind_id, COUPON_DAYS.c.day >= since)
        .order_by(COUPON_DAYS.c.day)
    )
    return {row.day: row.redeemed for row in rows}


def redeemed_by_store(session: Session, kind_id: int) -> list[tuple[str, int, int]]:
    """(store, redemptions, NT$ off), the most first; no store is the chat or the web."""
    number = sa.func.count()
    rows = session.execute(
        sa.select(_STORES.c.name, number, sa.func.coalesce(sa.func.sum(COUPONS.c.discount), 0))
        .outerjoin_from(COUPONS, _STORES, _STORES.c.id == COUPONS.c.store_id)
        .where(COUPONS.c.kind_id == kind_id, COUPONS.c.status == REDEEMED)
        .group_by(_STORES.c.name)
        .order_by(number.desc(), _STORES.c.name)
    )
    return [(row[0] or "", row[1], int(row[2])) for row in rows]


@dataclass(frozen=True, slots=True)
class OfferVersion:
    """What was offered from then on, and how many hold it unused."""

    version: int
    name: str
    created_at: datetime
    held: int


def versions(session: Session, kind_id: int) -> list[OfferVersion]:
    """Newest first."""
    held = (
        sa.select(sa.func.count())
        .where(COUPONS.c.offer_id == OFFERS.c.id, COUPONS.c.status == ISSUED)
        .where(COUPONS.c.kind_id == kind_id)
        .scalar_subquery()
    )
    rows = session.execute(
        sa.select(OFFERS.c.version, OFFERS.c.name, OFFERS.c.created_at, held)
        .where(OFFERS.c.kind_id == kind_id)
        .order_by(OFFERS.c.version.desc())
    )
    return [OfferVersion(*tuple(row)) for row in rows]


# What looks odd -----------------------------------------------------------------------------------

MANY_A_DAY: Final = 30  # redemptions by one clerk
MANY_BACK: Final = 3  # redemptions taken back of one clerk's
MANY_GIVEN: Final = 2  # coupons given as goodwill a day


@dataclass(frozen=True, slots=True)
class OddClerk:
    """A person at the till with unusually many redemptions, ones taken back, or coupons given as
    goodwill."""

    staff_id: int
    name: str
    redeemed: int
    rolled_back: int
    discount: int  # NT$
    members: int
    given: int = 0


def odd_clerks(session: Session, *, since: datetime, until: datetime) -> list[OddClerk]:
    """Of that time, who redeemed the most first."""
    rows = session.execute(odd_clerks_query(since=since, until=until))
    return [
        OddClerk(row[0], row[1], row[2], row[3], int(row[4]), row[5], int(row[6])) for row in rows
    ]


def odd_clerks_query(*, since: datetime, until: datetime) -> sa.Select[Any]:
    """By the index of what people did; coupons that were issued by themselves are not read."""
    days = max(1, (until - since).days)
    redeemed = sa.func.sum(sa.case((EVENTS.c.kind == "redeemed", 1), else_=0))
    back = sa.func.sum(sa.case((EVENTS.c.kind == "rolled_back", 1), else_=0))
    given = sa.func.sum(sa.case((EVENTS.c.kind == "issued", 1), else_=0))
    off = sa.case((EVENTS.c.kind == "issued", 0), else_=COUPONS.c.discount)
    members = sa.func.count(COUPONS.c.member_id.distinct())
    return (
        sa.select(
            _STAFF.c.id,
            _STAFF.c.name,
            redeemed,
            back,
            sa.func.coalesce(sa.func.sum(off), 0),
            members,
            given,
        )
        .join_from(EVENTS, _STAFF, _STAFF.c.id == EVENTS.c.staff_id)
        .join(COUPONS, COUPONS.c.id == EVENTS.c.coupon_id)
        .where(
            EVENTS.c.staff_id.is_not(None),
            EVENTS.c.at >= since,
            EVENTS.c.at < until,
            EVENTS.c.kind.in_(("redeemed", "rolled_back", "issued")),
        )
        .group_by(_STAFF.c.id, _STAFF.c.name)
        .having(sa.or_(redeemed > MANY_A_DAY * days, back >= MANY_BACK, given >= MANY_GIVEN * days))
        .order_by(redeemed.desc())
    )

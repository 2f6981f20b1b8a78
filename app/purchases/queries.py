"""What a member bought, and where the running totals differ from the sales."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_midnight
from app.core.db import table_of
from app.core.prepared import Prepared
from app.purchases.models import TOTALS, Purchase, PurchaseDay, PurchaseItem, Refund
from app.staff.models import Store

_STORES = table_of(Store)
_PURCHASES, _ITEMS, _DAYS = table_of(Purchase), table_of(PurchaseItem), table_of(PurchaseDay)
_REFUNDS = table_of(Refund)


@dataclass(frozen=True, slots=True)
class BoughtItem:
    sku: str | None
    name: str
    category: str | None
    quantity: int
    unit_price: int


@dataclass(frozen=True, slots=True)
class Bought:
    id: int
    external_id: str
    member_id: int | None
    store_id: int | None
    staff_id: int | None
    channel: str
    sold_at: datetime
    amount: int
    refunded: int
    invoice_number: str | None
    receipt: Any


_BOUGHT = sa.select(
    _PURCHASES.c.id,
    _PURCHASES.c.external_id,
    _PURCHASES.c.member_id,
    _PURCHASES.c.store_id,
    _PURCHASES.c.staff_id,
    _PURCHASES.c.channel,
    _PURCHASES.c.sold_at,
    _PURCHASES.c.amount,
    _PURCHASES.c.refunded,
    _PURCHASES.c.invoice_number,
    _PURCHASES.c.receipt,
)


def purchases_of(session: Session, member_id: int, *, limit: int = 20) -> list[Bought]:
    """Newest sale first."""
    rows = session.execute(
        _BOUGHT.where(_PURCHASES.c.member_id == member_id)
        .order_by(_PURCHASES.c.sold_at.desc(), _PURCHASES.c.id.desc())
        .limit(limit)
    )
    return [Bought(*tuple(row)) for row in rows]


def purchase_by_external_id(session: Session, external_id: str) -> Bought | None:
    row = session.execute(_BOUGHT.where(_PURCHASES.c.external_id == external_id)).one_or_none()
    return None if row is None else Bought(*tuple(row))


def purchase(session: Session, purchase_id: int) -> Bought | None:
    row = session.execute(_BOUGHT.where(_PURCHASES.c.id == purchase_id)).one_or_none()
    return None if row is None else Bought(*tuple(row))


def purchase_by_invoice(session: Session, *, period: str, number: str) -> Bought | None:
    row = session.execute(
        _BOUGHT.where(_PURCHASES.c.invoice_period == period, _PURCHASES.c.invoice_number == number)
    ).one_or_none()
    return None if row is None else Bought(*tuple(row))


def recent_at_store(
    session: Session, store_id: int, *, since: datetime, limit: int = 50
) -> list[Bought]:
    rows = session.execute(
        _BOUGHT.where(_PURCHASES.c.store_id == store_id, _PURCHASES.c.sold_at >= since)
        .order_by(_PURCHASES.c.sold_at.desc(), _PURCHASES.c.id.desc())
        .limit(limit)
    )
    return [Bought(*tuple(row)) for row in rows]


def is_refund_known(session: Session, external_id: str) -> bool:
    return bool(session.scalar(sa.select(sa.exists().where(_REFUNDS.c.external_id == external_id))))


def items_of(session: Session, purchase_id: int) -> list[BoughtItem]:
    rows = session.execute(
        sa.select(
            _ITEMS.c.sku, _ITEMS.c.name, _ITEMS.c.category, _ITEMS.c.quantity, _ITEMS.c.unit_price
        )
        .where(_ITEMS.c.purchase_id == purchase_id)
        .order_by(_ITEMS.c.line)
    )
    return [BoughtItem(*tuple(row)) for row in rows]


def items_of_all(session: Session, purchase_ids: Sequence[int]) -> dict[int, list[BoughtItem]]:
    """The lines of several sales in one read."""
    rows = session.execute(
        sa.select(
            _ITEMS.c.purchase_id,
            _ITEMS.c.sku,
            _ITEMS.c.name,
            _ITEMS.c.category,
            _ITEMS.c.quantity,
            _ITEMS.c.unit_price,
        )
        .where(_ITEMS.c.purchase_id.in_(purchase_ids))
        .order_by(_ITEMS.c.purchase_id, _ITEMS.c.line)
    )
    found: dict[int, list[BoughtItem]] = {}
    for purchase_id, *item in rows:
        found.setdefault(purchase_id, []).append(BoughtItem(*item))
    return found


def has_bought(session: Session, member_id: int) -> bool:
    """A sale that was not wholly refunded."""
    return bool(
        session.scalar(
            sa.select(sa.exists().where(_DAYS.c.member_id == member_id, _DAYS.c.count > 0))
        )
    )


def has_bought_besides(session: Session, member_id: int, *, purchase_id: int) -> bool:
    """Another sale than this one that was not wholly refunded."""
    other = sa.exists().where(
        _PURCHASES.c.member_id == member_id,
        _PURCHASES.c.id != purchase_id,
        _PURCHASES.c.amount > _PURCHASES.c.refunded,
    )
    return bool(session.scalar(sa.select(other)))


@dataclass(frozen=True, slots=True)
class Spent:
    """Qualifying NT$ in a span of days, and the first day that adds to it."""

    amount: int
    first_day: date | None


_SPENT = Prepared(
    sa.select(
        sa.func.coalesce(sa.func.sum(_DAYS.c.qualifying), 0),
        sa.func.min(sa.case((_DAYS.c.qualifying != 0, _DAYS.c.day))),
    ).where(
        _DAYS.c.member_id == sa.bindparam("member"),
        _DAYS.c.day >= sa.bindparam("first"),
        _DAYS.c.day <= sa.bindparam("last"),
    )
)


def spent(session: Session, member_id: int, *, first: date, last: date) -> Spent:
    """Both days included."""
    [(amount, first_day)] = _SPENT.rows(
        session, {"member": member_id, "first": first, "last": last}
    )
    return Spent(int(amount), first_day)


@dataclass(frozen=True, slots=True)
class Counted:
    """A sale and how many NT$ of it count towards a tier today."""

    id: int
    sold_on: date
    store: str | None
    amount: int
    refunded: int
    counted: int


_COUNTED = _PURCHASES.c.qualifying - _PURCHASES.c.qualifying_refunded


def counted_sales(
    session: Session, member_id: int, *, first: date, last: date, limit: int
) -> list[Counted]:
    """Newest first; sales that count nothing are left out. Both days included."""
    rows = session.execute(
        sa.select(
            _PURCHASES.c.id,
            _PURCHASES.c.sold_on,
            _STORES.c.name,
            _PURCHASES.c.amount,
            _PURCHASES.c.refunded,
            _COUNTED,
        )
        .outerjoin_from(_PURCHASES, _STORES, _STORES.c.id == _PURCHASES.c.store_id)
        .where(
            _PURCHASES.c.member_id == member_id,
            _PURCHASES.c.sold_on.between(first, last),
            _COUNTED != 0,
        )
        .order_by(_PURCHASES.c.sold_at.desc(), _PURCHASES.c.id.desc())
        .limit(limit)
    )
    return [Counted(*tuple(row)) for row in rows]


@dataclass(frozen=True, slots=True)
class SaleFacts:
    """When a sale was, and its last refund: its id, and how many qualifying NT$ it took."""

    sold_at: datetime
    sold_on: date
    last_refund_id: int | None
    last_refund_qualifying: int


def _of_last_refund(column: sa.ColumnElement[int]) -> sa.ScalarSelect[int]:
    return (
        sa.select(column)
        .where(_REFUNDS.c.purchase_id == _PURCHASES.c.id)
        .order_by(_REFUNDS.c.id.desc())
        .limit(1)
        .correlate(_PURCHASES)
        .scalar_subquery()
    )


_SALE_FACTS = sa.select(
    _PURCHASES.c.sold_at,
    _PURCHASES.c.sold_on,
    _of_last_refund(_REFUNDS.c.id),
    sa.func.coalesce(_of_last_refund(_REFUNDS.c.qualifying), 0),
).where(_PURCHASES.c.id == sa.bindparam("purchase"))


def sale_facts(session: Session, purchase_id: int) -> SaleFacts:
    return SaleFacts(*tuple(session.execute(_SALE_FACTS, {"purchase": purchase_id}).one()))


@dataclass(frozen=True, slots=True)
class Worth:
    """A member's sale and what of it counts towards a tier: NT$, and whether anything was kept."""

    id: int
    member_id: int
    sold_at: datetime
    sold_on: date
    qualifying: int
    is_kept: bool


_WORTHS = (
    sa.select(
        _PURCHASES.c.id,
        _PURCHASES.c.member_id,
        _PURCHASES.c.sold_at,
        _PURCHASES.c.sold_on,
        _COUNTED,
        _PURCHASES.c.amount > _PURCHASES.c.refunded,
    )
    .where(
        _PURCHASES.c.member_id.in_(sa.bindparam("members", expanding=True)),
        _PURCHASES.c.sold_at >= sa.bindparam("since"),
    )
    .order_by(_PURCHASES.c.member_id, _PURCHASES.c.sold_at, _PURCHASES.c.id)
)


def worths(session: Session, member_ids: Sequence[int], *, first: date) -> list[Worth]:
    """The sales of these members from that day on, by member and then by time."""
    binds = {"members": list(member_ids), "since": taipei_midnight(first)}
    return [Worth(*tuple(row)) for row in session.execute(_WORTHS, binds)]


_DAY_TOTALS = (
    sa.select(
        _PURCHASES.c.member_id,
        _PURCHASES.c.sold_on.label("day"),
        sa.func.sum(sa.case((_PURCHASES.c.amount > _PURCHASES.c.refunded, 1), else_=0)).label(
            "count"
        ),
        sa.func.sum(_PURCHASES.c.amount - _PURCHASES.c.refunded).label("net"),
        sa.func.sum(_PURCHASES.c.qualifying - _PURCHASES.c.qualifying_refunded).label("qualifying"),
    )
    .where(_PURCHASES.c.member_id.is_not(None))
    .group_by(_PURCHASES.c.member_id, _PURCHASES.c.sold_on)
)
_FOLD = _DAY_TOTALS.subquery()
_SAME_DAY = sa.and_(_DAYS.c.member_id == _FOLD.c.member_id, _DAYS.c.day == _FOLD.c.day)
_WRONG_DAYS = (
    sa.select(_FOLD.c.member_id, _FOLD.c.day)
    .outerjoin(_DAYS, _SAME_DAY)
    .where(
        sa.or_(
            _DAYS.c.member_id.is_(None),
            _DAYS.c.net != _FOLD.c.net,
            _DAYS.c.qualifying != _FOLD.c.qualifying,
            _DAYS.c["count"] != _FOLD.c["count"],
        )
    )
)
_EMPTY_DAYS = (
    sa.select(_DAYS.c.member_id, _DAYS.c.day)
    .outerjoin(_FOLD, _SAME_DAY)
    .where(_FOLD.c.member_id.is_(None))
)
_COUNTS = _DAYS.c.net > 0
_RUNNING = sa.select(
    _DAYS.c.member_id,
    sa.func.min(sa.case((_COUNTS, _DAYS.c.day))).label("first_day"),
    sa.func.max(sa.case((_COUNTS, _DAYS.c.day))).label("last_day"),
    sa.func.sum(sa.case((_COUNTS, 1), else_=0)).label("days"),
    sa.func.sum(_DAYS.c["count"]).label("count"),
    sa.func.sum(_DAYS.c.net).label("net"),
).group_by(_DAYS.c.member_id)
_RUN = _RUNNING.subquery()
_WRONG_TOTALS = (
    sa.select(_RUN.c.member_id)
    .outerjoin(TOTALS, TOTALS.c.member_id == _RUN.c.member_id)
    .where(
        sa.or_(
            TOTALS.c.member_id.is_(None),
            *(
                TOTALS.c[name].is_distinct_from(_RUN.c[name])
                for name in ("first_day", "last_day", "days", "count", "net")
            ),
        )
    )
)
_EMPTY_TOTALS = (
    sa.select(TOTALS.c.member_id)
    .outerjoin(_RUN, _RUN.c.member_id == TOTALS.c.member_id)
    .where(_RUN.c.member_id.is_(None))
)
_REFUND_SUM = (
    sa.select(sa.func.coalesce(sa.func.sum(_REFUNDS.c.amount), 0))
    .where(_REFUNDS.c.purchase_id == _PURCHASES.c.id)
    .correlate(_PURCHASES)
    .scalar_subquery()
)
_WRONG_REFUNDS = sa.select(_PURCHASES.c.external_id, _PURCHASES.c.refunded, _REFUND_SUM).where(
    _PURCHASES.c.refunded != _REFUND_SUM
)


def count_of(session: Session, member_id: int) -> int:
    """Sales of a member, given back or not."""
    counted = sa.select(sa.func.count()).where(_PURCHASES.c.member_id == member_id)
    return int(session.scalar(counted) or 0)


def latest_purchase_id(session: Session, member_id: int) -> int | None:
    """By the time of the sale."""
    return session.scalar(
        sa.select(_PURCHASES.c.id)
        .where(_PURCHASES.c.member_id == member_id)
        .order_by(_PURCHASES.c.sold_at.desc(), _PURCHASES.c.id.desc())
        .limit(1)
    )


def day_totals(member_ids: Sequence[int]) -> sa.Select[Any]:
    """What the daily totals of these members must be."""
    return _DAY_TOTALS.where(_PURCHASES.c.member_id.in_(member_ids))


def running_totals() -> sa.Select[Any]:
    """What the running totals must be, over all days; by member."""
    return _RUNNING


def broken(session: Session, *, limit: int = 20) -> list[str]:
    """Evidence of totals and refunded totals that are not the fold of sales and refunds."""
    return [
        *(
            f"member {member_id}: the running totals are not those of the days"
            for query in (_WRONG_TOTALS, _EMPTY_TOTALS)
            for member_id in session.scalars(query.limit(limit))
        ),
        *(
            f"member {member_id}: the totals of {day} are not its sales"
            for query in (_WRONG_DAYS, _EMPTY_DAYS)
            for member_id, day in session.execute(query.limit(limit))
        ),
        *(
            f"purchase {external_id}: NT${stored} refunded, refunds add up to NT${folded}"
            for external_id, stored, folded in session.execute(_WRONG_REFUNDS.limit(limit))
        ),
    ][:limit]

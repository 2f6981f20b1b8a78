"""Record what was sold and given back. What it means for points and tiers is decided above."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import changed, insert_or_ignore, table_of
from app.core.errors import Conflict, Invalid, NotFound
from app.core.prepared import Prepared
from app.programmes.rules import Terms
from app.purchases import queries, rules
from app.purchases.models import Purchase, PurchaseDay, PurchaseItem, PurchaseTotals, Refund
from app.purchases.rules import PurchaseOrder, RefundOrder, RefundTooLarge

_PURCHASES, _ITEMS = table_of(Purchase), table_of(PurchaseItem)
_REFUNDS, _DAYS, _TOTALS = table_of(Refund), table_of(PurchaseDay), table_of(PurchaseTotals)


@dataclass(frozen=True, slots=True)
class Recorded:
    """`is_new` is False for a repeated call; `receipt` is then what the first was answered."""

    id: int
    is_new: bool
    member_id: int | None
    sold_at: datetime
    sold_on: date
    amount: int
    earning: int
    qualifying: int
    receipt: Any


@dataclass(frozen=True, slots=True)
class Refunded:
    """What the sale holds after the refund; `earning` and `qualifying` are what left with it."""

    id: int
    is_new: bool
    purchase_id: int
    member_id: int | None
    sold_at: datetime
    sold_on: date
    amount: int
    earning: int
    qualifying: int
    earning_left: int
    net: int  # NT$ of the sale that stays
    is_whole: bool
    receipt: Any


_KNOWN = sa.select(
    _PURCHASES.c.id,
    _PURCHASES.c.content_hash,
    _PURCHASES.c.member_id,
    _PURCHASES.c.sold_at,
    _PURCHASES.c.sold_on,
    _PURCHASES.c.amount,
    _PURCHASES.c.earning,
    _PURCHASES.c.qualifying,
    _PURCHASES.c.receipt,
).where(_PURCHASES.c.external_id == sa.bindparam("external_id"))
_ADD_ITEM = Prepared(sa.insert(_ITEMS))
_ADD = Prepared(
    {
        dialect: insert_or_ignore(Purchase, dialect).returning(_PURCHASES.c.id)
        for dialect in ("sqlite", "postgresql")
    }
)


def record(session: Session, *, order: PurchaseOrder, terms: Terms, now: datetime) -> Recorded:
    """Write a sale down once. Raises Invalid, and Conflict when the id or the invoice was used for
    another sale."""
    rules.check(order, now=now)
    row = _row(order, terms, now)
    purchase_id = _ADD.value(session, row)
    if purchase_id is None:
        return _known(session, order, row["content_hash"])
    if order.items:
        _ADD_ITEM.many(session, _item_rows(purchase_id, order))
    if order.member_id is not None:
        _add_to_day(
            session,
            order.member_id,
            row["sold_on"],
            count=1 if order.amount > 0 else 0,
            net=order.amount,
            qualifying=row["qualifying"],
        )
    return Recorded(
        id=purchase_id,
        is_new=True,
        member_id=order.member_id,
        sold_at=order.sold_at,
        sold_on=row["sold_on"],
        amount=order.amount,
        earning=row["earning"],
        qualifying=row["qualifying"],
        receipt=None,
    )


def _row(order: PurchaseOrder, terms: Terms, now: datetime) -> dict[str, Any]:
    return {
        "external_id": order.external_id,
        "content_hash": rules.purchase_hash(order),
        "member_id": order.member_id,
        "store_id": order.store_id,
        "staff_id": order.staff_id,
        "channel": order.channel,
        "sold_at": order.sold_at,
        "sold_on": taipei_date(order.sold_at),
        "amount": order.amount,
        "qualifying": rules.counted(
            order.amount,
            order.items,
            excluded_categories=terms.tiering.excluded_categories,
        ),
        "earning": rules.counted(
            order.amount,
            order.items,
            excluded_categories=terms.earning.excluded_categories,
            excluded_skus=terms.earning.excluded_skus,
        ),
        "refunded": 0,
        "qualifying_refunded": 0,
        "earning_refunded": 0,
        "invoice_number": order.invoice_number,
        "invoice_period": order.invoice_period,
        "receipt": None,
        "programme_version": terms.version,
        "created_at": now,
    }


def _item_rows(purchase_id: int, order: PurchaseOrder) -> list[dict[str, Any]]:
    return [
        {
            "purchase_id": purchase_id,
            "line": line,
            "sku": item.sku or None,
            "name": item.name,
            "category": item.category or None,
            "quantity": item.quantity,
            "unit_price": item.unit_price,
        }
        for line, item in enumerate(order.items, start=1)
    ]


def _known(session: Session, order: PurchaseOrder, content_hash: str) -> Recorded:
    row = session.execute(_KNOWN, {"external_id": order.external_id}).one_or_none()
    if row is None:
        # No such id, so the other unique key turned it away.
        raise Conflict("invoice_number", order.invoice_number)
    if row.content_hash != content_hash:
        raise Conflict("external_id", order.external_id)
    return Recorded(
        id=row.id,
        is_new=False,
        member_id=row.member_id,
        sold_at=row.sold_at,
        sold_on=row.sold_on,
        amount=row.amount,
        earning=row.earning,
        qualifying=row.qualifying,
        receipt=row.receipt,
    )


_KEEP_RECEIPT = Prepared(
    sa.update(_PURCHASES)
    .where(_PURCHASES.c.id == sa.bindparam("purchase"))
    .values(receipt=sa.bindparam("answered"))
)


def keep_receipt(session: Session, *, purchase_id: int, receipt: Any) -> None:
    """What was answered, for a call that is repeated."""
    _KEEP_RECEIPT.changed(session, {"purchase": purchase_id, "answered": receipt})


def keep_refund_receipt(session: Session, *, refund_id: int, receipt: Any) -> None:
    session.execute(sa.update(_REFUNDS).where(_REFUNDS.c.id == refund_id).values(receipt=receipt))


_SALE = sa.select(
    _PURCHASES.c.id,
    _PURCHASES.c.member_id,
    _PURCHASES.c.sold_at,
    _PURCHASES.c.sold_on,
    _PURCHASES.c.amount,
    _PURCHASES.c.refunded,
    _PURCHASES.c.earning,
    _PURCHASES.c.earning_refunded,
    _PURCHASES.c.qualifying,
    _PURCHASES.c.qualifying_refunded,
).where(_PURCHASES.c.external_id == sa.bindparam("external_id"))
_KNOWN_REFUND = sa.select(
    _REFUNDS.c.id,
    _REFUNDS.c.content_hash,
    _REFUNDS.c.amount,
    _REFUNDS.c.earning,
    _REFUNDS.c.qualifying,
    _REFUNDS.c.receipt,
).where(_REFUNDS.c.external_id == sa.bindparam("external_id"))


def refund(session: Session, *, order: RefundOrder, now: datetime) -> Refunded:
    """Give money of a sale back, once. Raises NotFound for an unknown sale, RefundTooLarge, and
    Conflict when the id was used for another refund. A refused refund leaves nothing behind."""
    with session.begin_nested():
        return _refund(session, order, now)


def _refund(session: Session, order: RefundOrder, now: datetime) -> Refunded:
    rules.check_refund(order)
    sale = session.execute(_SALE, {"external_id": order.purchase_external_id}).one_or_none()
    if sale is None:
        raise NotFound("purchase", order.purchase_external_id)
    refund_id = _add_refund(session, order, sale.id, now)
    if refund_id is None:
        return _known_refund(session, order)
    if order.amount == 0:
        _check_refund_of_nothing(session, sale)
    earning, qualifying = _take(session, order, sale)
    session.execute(
        sa.update(_REFUNDS)
        .where(_REFUNDS.c.id == refund_id)
        .values(earning=earning, qualifying=qualifying)
    )
    refunded = session.execute(_SALE, {"external_id": order.purchase_external_id}).one()
    is_whole = refunded.refunded == refunded.amount
    if refunded.member_id is not None:
        _add_to_day(
            session,
            refunded.member_id,
            refunded.sold_on,
            count=-1 if is_whole and order.amount > 0 else 0,
            net=-order.amount,
            qualifying=-qualifying,
        )
    return _refunded(refund_id, True, order.amount, earning, qualifying, refunded, None)


_REFUNDS_OF = (
    sa.select(sa.func.count())
    .select_from(_REFUNDS)
    .where(_REFUNDS.c.purchase_id == sa.bindparam("purchase"))
)


def _check_refund_of_nothing(session: Session, sale: Any) -> None:
    """Only a sale that points paid for is given back for nothing, and once. The caller holds the
    member's account, so that of two at once the later one counts the earlier."""
    if sale.amount:
        raise Invalid("amount", f"must be 1 to {rules.AMOUNT_MAX}")
    if session.execute(_REFUNDS_OF, {"purchase": sale.id}).scalar_one() > 1:
        raise RefundTooLarge(0)


def _add_refund(
    session: Session, order: RefundOrder, purchase_id: int, now: datetime
) -> int | None:
    statement = insert_or_ignore(Refund, session.get_bind().dialect.name)
    found: int | None = session.execute(
        statement.returning(_REFUNDS.c.id),
        {
            "external_id": order.external_id,
            "content_hash": rules.refund_hash(order),
            "purchase_id": purchase_id,
            "purchase_external_id": order.purchase_external_id,
            "amount": order.amount,
            "qualifying": 0,
            "earning": 0,
            "items": [dict(item) for item in order.items],
            "store_id": order.store_id,
            "staff_id": order.staff_id,
            "receipt": None,
            "refunded_at": order.refunded_at or now,
            "created_at": now,
        },
    ).scalar_one_or_none()
    return found


def _take(session: Session, order: RefundOrder, sale: Any) -> tuple[int, int]:
    """Raise the refunded totals; of refunds at once each sees what the others left."""
    while True:
        if order.amount > sale.amount - sale.refunded:
            raise RefundTooLarge(sale.amount - sale.refunded)
        earning, qualifying = (
            rules.refunded_part(part, gone, sale.amount, sale.refunded, order.amount)
            for part, gone in (
                (sale.earning, sale.earning_refunded),
                (sale.qualifying, sale.qualifying_refunded),
            )
        )
        won = changed(
            session,
            sa.update(_PURCHASES)
            .where(_PURCHASES.c.id == sale.id, _PURCHASES.c.refunded == sale.refunded)
            .values(
                refunded=sale.refunded + order.amount,
                earning_refunded=sale.earning_refunded + earning,
                qualifying_refunded=sale.qualifying_refunded + qualifying,
            ),
        )
        if won:
            return earning, qualifying
        sale = session.execute(_SALE, {"external_id": order.purchase_external_id}).one()


def _known_refund(session: Session, order: RefundOrder) -> Refunded:
    row = session.execute(_KNOWN_REFUND, {"external_id": order.external_id}).one()
    if row.content_hash != rules.refund_hash(order):
        raise Conflict("external_id", order.external_id)
    sale = session.execute(_SALE, {"external_id": order.purchase_external_id}).one()
    return _refunded(row.id, False, row.amount, row.earning, row.qualifying, sale, row.receipt)


def _refunded(
    refund_id: int,
    is_new: bool,
    amount: int,
    earning: int,
    qualifying: int,
    sale: Any,
    receipt: Any,
) -> Refunded:
    return Refunded(
        id=refund_id,
        is_new=is_new,
        purchase_id=sale.id,
        member_id=sale.member_id,
        sold_at=sale.sold_at,
        sold_on=sale.sold_on,
        amount=amount,
        earning=earning,
        qualifying=qualifying,
        earning_left=sale.earning - sale.earning_refunded,
        net=sale.amount - sale.refunded,
        is_whole=sale.refunded == sale.amount,
        receipt=receipt,
    )


def _day_upsert(insert: Any) -> Any:
    return insert.on_conflict_do_update(
        index_elements=["member_id", "day"],
        set_={
            "count": _DAYS.c.count + insert.excluded.count,
            "net": _DAYS.c.net + insert.excluded.net,
            "qualifying": _DAYS.c.qualifying + insert.excluded.qualifying,
        },
    ).returning(_DAYS.c.net)


_ADD_TO_DAY = Prepared(
    {
        "sqlite": _day_upsert(sqlite.insert(_DAYS)),
        "postgresql": _day_upsert(postgresql.insert(_DAYS)),
    }
)


def _add_to_day(
    session: Session, member_id: int, day: date, *, count: int, net: int, qualifying: int
) -> None:
    left = _ADD_TO_DAY.value(
        session,
        {
            "member_id": member_id,
            "day": day,
            "count": count,
            "net": net,
            "qualifying": qualifying,
        },
    )
    # The day began or ceased to count: its row is locked, so nobody else sees it turn, too.
    turned = int(left > 0) - int(left - net > 0)
    edge = day if turned > 0 else None
    _ADD_TO_TOTALS.changed(
        session,
        {
            "member_id": member_id,
            "first_day": edge,
            "last_day": edge,
            "days": turned,
            "count": count,
            "net": net,
        },
    )
    if turned < 0:  # the totals' row is locked by now, so these edges stay true
        _FIND_EDGES.changed(session, {"member": member_id})


def _totals_upsert(insert: Any) -> Any:
    new, old = insert.excluded, _TOTALS.c
    is_earlier, is_later = new.first_day < old.first_day, new.last_day > old.last_day
    return insert.on_conflict_do_update(
        index_elements=["member_id"],
        set_={
            "first_day": _edge(new.first_day, old.first_day, is_earlier),
            "last_day": _edge(new.last_day, old.last_day, is_later),
            **{name: old[name] + new[name] for name in ("days", "count", "net")},
        },
    )


def _edge(new: Any, old: Any, is_further: Any) -> Any:
    return sa.case((new.is_(None), old), (old.is_(None), new), (is_further, new), else_=old)


_ADD_TO_TOTALS = Prepared(
    {
        "sqlite": _totals_upsert(sqlite.insert(_TOTALS)),
        "postgresql": _totals_upsert(postgresql.insert(_TOTALS)),
    }
)
_MINE = sa.and_(_DAYS.c.member_id == _TOTALS.c.member_id, _DAYS.c.net > 0)
_FIND_EDGES = Prepared(
    sa.update(_TOTALS)
    .where(_TOTALS.c.member_id == sa.bindparam("member"))
    .values(
        first_day=sa.select(sa.func.min(_DAYS.c.day)).where(_MINE).scalar_subquery(),
        last_day=sa.select(sa.func.max(_DAYS.c.day)).where(_MINE).scalar_subquery(),
    )
)


# A sale that a member's invoice told of, and the till's own word of it ---------------------------

_OF_INVOICE = (
    _PURCHASES.c.invoice_period == sa.bindparam("period"),
    _PURCHASES.c.invoice_number == sa.bindparam("number"),
)
_RETURNED = (
    _PURCHASES.c.id,
    _PURCHASES.c.member_id,
    _PURCHASES.c.sold_at,
    _PURCHASES.c.sold_on,
    _PURCHASES.c.amount,
    _PURCHASES.c.earning,
    _PURCHASES.c.qualifying,
    _PURCHASES.c.receipt,
)
_ADOPT = (
    sa.update(_PURCHASES)
    .where(
        *_OF_INVOICE,
        _PURCHASES.c.channel == "invoice",
        _PURCHASES.c.amount == sa.bindparam("paid"),
        _PURCHASES.c.refunded == 0,
        _PURCHASES.c.sold_on == sa.bindparam("day"),
        sa.or_(
            _PURCHASES.c.member_id == sa.bindparam("member", type_=sa.BigInteger()),
            sa.bindparam("member", type_=sa.BigInteger()).is_(None),
        ),
    )
    .values(
        external_id=sa.bindparam("new_id"),
        content_hash=sa.bindparam("new_hash"),
        channel=sa.bindparam("new_channel"),
        store_id=sa.bindparam("new_store"),
        staff_id=sa.bindparam("new_staff"),
        sold_at=sa.bindparam("new_sold_at", type_=_PURCHASES.c.sold_at.type),
    )
    .returning(*_RETURNED)
)
_CLAIM = (
    sa.update(_PURCHASES)
    .where(_PURCHASES.c.id == sa.bindparam("purchase"), _PURCHASES.c.member_id.is_(None))
    .values(member_id=sa.bindparam("new_member"))
    .returning(
        *_RETURNED,
        _PURCHASES.c.refunded,
        _PURCHASES.c.earning_refunded,
        _PURCHASES.c.qualifying_refunded,
    )
)


def adopt(session: Session, *, order: PurchaseOrder) -> Recorded | None:
    """A till tells of a sale that a member's invoice told of before: it is one sale, and the till's
    from now on. None when nothing is known that fits in amount, day and member."""
    row = session.execute(
        _ADOPT,
        {
            "period": order.invoice_period,
            "number": order.invoice_number,
            "paid": order.amount,
            "day": taipei_date(order.sold_at),
            "member": order.member_id,
            "new_id": order.external_id,
            "new_hash": rules.purchase_hash(order),
            "new_channel": order.channel,
            "new_store": order.store_id,
            "new_staff": order.staff_id,
            "new_sold_at": order.sold_at,
        },
    ).one_or_none()
    return None if row is None else Recorded(row[0], True, *row[1:])


def yield_invoice(session: Session, *, order: PurchaseOrder) -> bool:
    """A till's word beats a member's: the invoice number goes to the till's sale, and the sale that
    was registered with it waits for a person. False when the number is another till's sale."""
    won = changed(
        session,
        sa.update(_PURCHASES)
        .where(
            _PURCHASES.c.invoice_period == order.invoice_period,
            _PURCHASES.c.invoice_number == order.invoice_number,
            _PURCHASES.c.channel == "invoice",
        )
        .values(invoice_period=None, invoice_number=None),
    )
    return bool(won)


def claim(session: Session, *, purchase_id: int, member_id: int) -> Recorded | None:
    """Give a sale that nobody was named for to a member, less what was refunded. None when it has
    an owner by now."""
    row = session.execute(_CLAIM, {"purchase": purchase_id, "new_member": member_id}).one_or_none()
    if row is None:
        return None
    net = row.amount - row.refunded
    qualifying = row.qualifying - row.qualifying_refunded
    _add_to_day(
        session,
        member_id,
        row.sold_on,
        count=1 if net > 0 else 0,
        net=net,
        qualifying=qualifying,
    )
    return Recorded(
        id=row.id,
        is_new=True,
        member_id=member_id,
        sold_at=row.sold_at,
        sold_on=row.sold_on,
        amount=net,
        earning=row.earning - row.earning_refunded,
        qualifying=qualifying,
        receipt=row.receipt,
    )


def fold_days(session: Session, *, member_ids: Sequence[int]) -> None:
    """Make the daily and the running totals of these members anew from their sales."""
    session.execute(sa.delete(_DAYS).where(_DAYS.c.member_id.in_(member_ids)))
    folded = queries.day_totals(member_ids)
    columns = ["member_id", "day", "count", "net", "qualifying"]
    session.execute(sa.insert(_DAYS).from_select(columns, folded))
    session.execute(sa.delete(_TOTALS).where(_TOTALS.c.member_id.in_(member_ids)))
    running = queries.running_totals().where(_DAYS.c.member_id.in_(member_ids))
    session.execute(sa.insert(_TOTALS).from_select(list(_TOTALS.c.keys()), running))

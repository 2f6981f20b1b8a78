"""Bring a file of sales: rehearse every one with the real rules and roll it back, then record it.

Both go through the checkout that tills use, a hundred sales a transaction together with the cursor,
so that a process that dies goes on where it was, and a file that is brought twice changes nothing:
each sale is known by its number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.checkouts import service as checkouts
from app.core import money
from app.core.clock import taipei_date
from app.core.db import changed
from app.core.errors import Conflict, DomainError, Invalid, NotFound
from app.core.text import invoice_period, show_date
from app.imports import queries, rules
from app.imports.models import (
    AT_WORK,
    CANCELLED,
    CHECKED,
    CHECKING,
    COLUMNS,
    DONE,
    FAULTS,
    IMPORTS,
    RUNNING,
)
from app.imports.queries import Progress
from app.imports.rules import Fault, Refund, Sale
from app.members import queries as members
from app.programmes.queries import NoProgramme
from app.purchases import queries as purchases
from app.purchases.rules import EARLY, PurchaseOrder, RefundOrder, RefundTooLarge
from app.staff import queries as staff

AT_ONCE: Final = 100  # sales a transaction
CONTENT_KEPT: Final = timedelta(days=7)  # after its end; it names members
_ZERO: Final[dict[str, Any]] = {
    "done": 0,
    "created": 0,
    "repeated": 0,
    "refused": 0,
    "strangers": 0,
    "refunds": 0,
    "amount": 0,
    "points": 0,
    "first_at": None,
    "last_at": None,
}


def bring(
    session: Session, *, name: str, content: bytes, staff_id: int | None, now: datetime
) -> int:
    """Keep a file; its columns are guessed. Raises Invalid."""
    sheet = rules.read(content)
    values = {
        "name": name.strip()[:200] or "sales.csv",
        "content": content,
        "mapping": rules.guess(sheet),
        "store_id": None,
        "keeps_strangers": False,
        "tells": False,
        "status": COLUMNS,
        "sales": 0,
        "made_by": staff_id,
        "made_at": now,
        "ended_at": None,
    }
    import_id: int = session.execute(
        sa.insert(IMPORTS).returning(IMPORTS.c.id), values | _ZERO
    ).scalar_one()
    return import_id


def rehearse(
    session: Session,
    *,
    import_id: int,
    mapping: Mapping[str, int],
    store_id: int | None,
    keeps_strangers: bool,
    tells: bool,
) -> None:
    """Say what the columns are; every sale is tried from now on and nothing of it stays.

    Raises Invalid, NotFound."""
    content = queries.content(session, import_id)
    if content is None:
        raise Invalid("file", "檔案已經清除，請重新上傳")
    sheet = rules.read(content)
    rules.check_mapping(mapping, sheet.headings)
    _move(
        session,
        import_id,
        (COLUMNS, CHECKING, CHECKED),
        CHECKING,
        mapping=dict(mapping),
        store_id=store_id,
        keeps_strangers=keeps_strangers,
        tells=tells,
        sales=sum(1 for _ in rules.sales(sheet, mapping)),
        **_ZERO,
    )


def start(session: Session, *, import_id: int) -> None:
    """Record what was rehearsed. Raises Invalid unless it is."""
    _move(session, import_id, (CHECKED,), RUNNING, **_ZERO)


def cancel(session: Session, *, import_id: int, now: datetime) -> None:
    """Stop. Sales that were recorded stay: they happened. Raises Invalid when it has ended."""
    _move(
        session, import_id, (COLUMNS, CHECKING, CHECKED, RUNNING), CANCELLED, forgets=False,
        ended_at=now,
    )  # fmt: skip


def _move(
    session: Session,
    import_id: int,
    from_: Sequence[str],
    to: str,
    *,
    forgets: bool = True,
    **values: Any,
) -> None:
    moved = changed(
        session,
        sa.update(IMPORTS)
        .where(IMPORTS.c.id == import_id, sa.or_(*(IMPORTS.c.status == one for one in from_)))
        .values(status=to, **values),
    )
    if not moved:
        raise Invalid("status", "這個檔案已經在進行或結束了")
    if forgets:
        session.execute(sa.delete(FAULTS).where(FAULTS.c.import_id == import_id))


# Step by step -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Outcome:
    """What became of some sales."""

    created: int = 0
    repeated: int = 0
    strangers: int = 0
    refunds: int = 0
    amount: int = 0
    points: int = 0
    moments: list[datetime] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def step(
    session: Session, work: Progress, sales: Sequence[Sale | Refund | Fault], *, now: datetime
) -> bool:
    """Try or record the next sales of a file. False when somebody else did, or it was stopped: then
    the caller must roll back."""
    stores = {store.code: store.id for store in staff.open_stores(session)}
    outcome = _Outcome()
    if work.status == CHECKING:
        savepoint = session.begin_nested()
        _all(session, work, sales, stores, outcome, now)
        savepoint.rollback()
    else:
        _all(session, work, sales, stores, outcome, now)
    return _write_down(session, work, len(sales), outcome, now)


def _all(
    session: Session,
    work: Progress,
    sales: Sequence[Sale | Refund | Fault],
    stores: Mapping[str, int],
    outcome: _Outcome,
    now: datetime,
) -> None:
    for sale in sales:
        if isinstance(sale, Fault):
            outcome.faults.append(sale)
            continue
        try:
            with session.begin_nested():
                if isinstance(sale, Refund):
                    _back(session, work, sale, stores, outcome, now)
                else:
                    _one(session, work, sale, stores, outcome, now)
        except DomainError as refused:
            outcome.faults.append(_fault(sale, refused))


def _one(
    session: Session,
    work: Progress,
    sale: Sale,
    stores: Mapping[str, int],
    outcome: _Outcome,
    now: datetime,
) -> None:
    store_id = _store(work, sale.store, stores)
    member_id = _member(session, sale, keeps_strangers=work.keeps_strangers)
    order = PurchaseOrder(
        external_id=sale.external_id,
        amount=sale.amount,
        sold_at=sale.sold_at,
        channel="import",
        member_id=member_id,
        store_id=store_id,
        items=sale.items,
        invoice_number=sale.invoice,
        invoice_period=None if sale.invoice is None else invoice_period(taipei_date(sale.sold_at)),
    )
    done = checkouts.record_purchase(session, order=order, now=now, is_quiet=not work.tells)
    outcome.moments.append(sale.sold_at)
    if not done.is_new:
        outcome.repeated += 1
        return
    outcome.created += 1
    outcome.amount += sale.amount
    if member_id is None:
        outcome.strangers += 1
    else:
        outcome.points += done.facts["points"]["earned"]


def _store(work: Progress, code: str | None, stores: Mapping[str, int]) -> int | None:
    """Raises Invalid."""
    if code is None:
        return work.store_id
    if code not in stores:
        raise Invalid("store", f"沒有門市 {code[:40]}")
    return stores[code]


def _back(
    session: Session,
    work: Progress,
    refund: Refund,
    stores: Mapping[str, int],
    outcome: _Outcome,
    now: datetime,
) -> None:
    if work.status == CHECKING:
        _bring_back(session, work, refund, stores, now)
    if refund.at > now + EARLY:
        raise Invalid("sold_at", "日期在未來")
    sale = purchases.purchase_by_external_id(session, refund.refund_of)
    if sale is not None and taipei_date(refund.at) < taipei_date(sale.sold_at):
        raise Invalid("sold_at", "退貨的日期早於原本的消費")
    order = RefundOrder(
        external_id=refund.external_id,
        purchase_external_id=refund.refund_of,
        amount=refund.amount,
        store_id=_store(work, refund.store, stores),
        refunded_at=refund.at,
    )
    done = checkouts.refund_purchase(session, order=order, now=now, is_quiet=not work.tells)
    outcome.moments.append(refund.at)
    if not done.is_new:
        outcome.repeated += 1
        return
    outcome.created += 1
    outcome.refunds += 1
    outcome.amount -= refund.amount
    outcome.points -= done.facts["points"]["revoked"]


def _bring_back(
    session: Session, work: Progress, refund: Refund, stores: Mapping[str, int], now: datetime
) -> None:
    """A rehearsal left nothing of what stands earlier in the file: the sale and its other refunds
    happen again, back to one that is still there. What was wrong with them is told where they
    stand."""
    missing = list[Sale | Refund]()
    one = refund.previous
    while one is not None and not purchases.is_refund_known(session, one.external_id):
        missing.append(replace(one, sale=None, previous=None))
        one = one.previous
    if one is None and refund.sale is not None:
        missing.append(refund.sale)
    _all(session, work, missing[::-1], stores, _Outcome(), now)


def _member(session: Session, sale: Sale, *, keeps_strangers: bool) -> int | None:
    """Raises Invalid when nobody is found who should be."""
    found = None
    if sale.number is not None:
        found = members.person_by_number(session, sale.number)
    if found is None and sale.phone is not None:
        found = members.person_by_phone(session, sale.phone)
    is_member = found is not None and found.is_member
    if is_member and found is not None:
        return found.id
    if sale.number is None and sale.phone is None:
        return None
    if keeps_strangers:
        return None
    raise Invalid("number" if sale.phone is None else "phone", "找不到這位會員")


_REASONS: Final = {
    "external_id": "交易編號最多 80 個看得見的字",
    "amount": "金額須為 0 到 1 億元",
    "sold_at": "日期在未來，或早於 2000 年",
    "member": "已經不是會員",
    "items": "明細有問題",
}
_CONFLICTS: Final = {
    "external_id": "這個交易編號已經有一筆內容不同的消費",
    "invoice_number": "這張發票已經屬於另一筆消費",
}


def _fault(sale: Sale | Refund, refused: DomainError) -> Fault:
    if isinstance(sale, Refund):
        return _fault_of_refund(sale, refused)
    match refused:
        case Invalid(field=name, reason=reason):
            where = name.partition(".")[0]
            return Fault(sale.line, where, _REASONS.get(where, reason))
        case Conflict(field=name):
            return Fault(sale.line, name, _CONFLICTS.get(name, "與另一筆資料相同"))
        case NoProgramme():
            day = show_date(taipei_date(sale.sold_at))
            return Fault(sale.line, "sold_at", f"{day} 還沒有會員制度")
    raise refused


def _fault_of_refund(refund: Refund, refused: DomainError) -> Fault:
    match refused:
        case RefundTooLarge(rest=rest):
            return Fault(refund.line, "amount", f"原交易最多只能再退 {money.show(rest)}")
        case NotFound():
            reason = "找不到原交易：請把那筆消費放在同一個檔案，或先匯入"
            return Fault(refund.line, "refund_of", reason)
        case Conflict():
            return Fault(refund.line, "external_id", "這個編號已經有一筆內容不同的退貨")
        case Invalid(field=name, reason=reason):
            where = name.partition(".")[0]
            is_own = where in ("sold_at", "store")
            return Fault(refund.line, where, reason if is_own else _REASONS.get(where, reason))
        case NoProgramme():
            return Fault(refund.line, "sold_at", "那天還沒有會員制度")
    raise refused


def _write_down(
    session: Session, work: Progress, number: int, outcome: _Outcome, now: datetime
) -> bool:
    at = work.done + number
    is_over = at >= work.sales
    after = CHECKED if work.status == CHECKING else DONE
    moments = [*outcome.moments, *(at for at in (work.first_at, work.last_at) if at is not None)]
    moved = changed(
        session,
        sa.update(IMPORTS)
        .where(
            IMPORTS.c.id == work.id, IMPORTS.c.status == work.status, IMPORTS.c.done == work.done
        )
        .values(
            done=at,
            created=IMPORTS.c.created + outcome.created,
            repeated=IMPORTS.c.repeated + outcome.repeated,
            refused=IMPORTS.c.refused + len(outcome.faults),
            strangers=IMPORTS.c.strangers + outcome.strangers,
            refunds=IMPORTS.c.refunds + outcome.refunds,
            amount=IMPORTS.c.amount + outcome.amount,
            points=IMPORTS.c.points + outcome.points,
            first_at=min(moments, default=None),
            last_at=max(moments, default=None),
            status=after if is_over else work.status,
            ended_at=now if is_over and after == DONE else None,
        ),
    )
    if moved and outcome.faults:
        rows = [
            {
                "import_id": work.id,
                "line": fault.line,
                "field": fault.field[:20],
                "reason": fault.reason[:200],
            }
            for fault in outcome.faults
        ]
        session.execute(sa.insert(FAULTS), rows)
    return bool(moved)


def forget(session: Session, *, now: datetime) -> int:
    """Wipe files a week after their end, and those that nobody went on with. Return how many."""
    before = now - CONTENT_KEPT
    is_left = sa.and_(
        IMPORTS.c.made_at < before - CONTENT_KEPT, *(IMPORTS.c.status != one for one in AT_WORK)
    )
    return changed(
        session,
        sa.update(IMPORTS)
        .where(IMPORTS.c.content.is_not(None), sa.or_(IMPORTS.c.ended_at < before, is_left))
        .values(content=None),
    )

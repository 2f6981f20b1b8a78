"""Two members' accounts after lots, entries and debt changed hands between them."""

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.points.models import DEBT, ENTRIES
from app.points.service.books import ADD_ENTRIES, SYSTEM, Books, Cause, entry, lock, post


def fold(session: Session, *, kept_id: int, absorbed_id: int, because: str, now: datetime) -> None:
    """Make both balances anew from the entries; points repay debt at once, as ever. Debt of the
    absorbed member that points of the kept one repaid stays repaid when they part."""
    operation_id, _, _, _ = post(
        session,
        kept_id,
        "merge",
        0,
        Cause(because, SYSTEM, "合併會員", "member", absorbed_id),
        at=now,
        now=now,
    )
    overpaid = _debt_entries(session, kept_id)
    if overpaid > 0:
        ADD_ENTRIES.many(
            session,
            [
                entry(kept_id, operation_id, None, DEBT, -overpaid, now),
                entry(absorbed_id, operation_id, None, DEBT, overpaid, now),
            ],
        )
    for member_id in (kept_id, absorbed_id):
        standing = replace(
            lock(session, member_id=member_id, now=now), debt=-_debt_entries(session, member_id)
        )
        books = Books(session, member_id, standing, now)
        books.repay(operation_id)
        books.close()


def _debt_entries(session: Session, member_id: int) -> int:
    total = sa.func.coalesce(sa.func.sum(ENTRIES.c.amount), 0)
    owed = sa.select(total).where(ENTRIES.c.member_id == member_id, ENTRIES.c.bucket == DEBT)
    return int(session.scalar(owed) or 0)

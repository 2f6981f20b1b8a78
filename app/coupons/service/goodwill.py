"""A coupon given by a person at the till to make up for something: of kinds marked for it, within
what that person may give a day and a month."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core.db import inserted
from app.core.errors import DomainError, Invalid, NotFound
from app.coupons import rules
from app.coupons.models import GOODWILL, KINDS
from app.coupons.rules import GOODWILL_SOURCE
from app.coupons.service.giving import Issued, issue
from app.coupons.service.locking import lock_kinds

REASON: Final = 100  # signs
_NO_LIMIT: Final = 2**31 - 1


class QuotaReached(DomainError):
    """`period` is day or month."""

    def __init__(self, period: str, most: int) -> None:
        super().__init__(f"goodwill quota of the {period} reached: {most}")
        self.period, self.most = period, most


@dataclass(frozen=True, slots=True)
class Giver:
    """Who gives and from where. `quota`: a day and a month, None without limit."""

    staff_id: int
    store_id: int | None
    quota: tuple[int | None, int | None]


def give_goodwill(
    session: Session,
    *,
    kind_code: str,
    member_id: int,
    by: Giver,
    reason: str,
    dedup_key: str,
    now: datetime,
) -> Issued | None:
    """None when this dedup key gave one before; it counts once.

    Raises Invalid for the reason, NotFound for a kind that is not for this, LimitReached,
    QuotaReached; then the caller must roll back."""
    said = " ".join(reason.split())
    if not 2 <= len(said) <= REASON:
        raise Invalid("reason", f"must have 2 to {REASON} signs")
    lock_kinds(session, kind_codes=[kind_code])
    is_meant = sa.select(KINDS.c.id).where(KINDS.c.code == kind_code, KINDS.c.goodwill.is_(True))
    if session.scalar(is_meant) is None:
        raise NotFound("coupon kind", kind_code)
    issued = issue(
        session,
        kind_code=kind_code,
        member_id=member_id,
        source=GOODWILL_SOURCE,
        dedup_key=f"{GOODWILL_SOURCE}:{dedup_key}",
        now=now,
        staff_id=by.staff_id,
        store_id=by.store_id,
        reason=said,
    )
    if issued is not None:
        _count(session, by, now)
    return issued


_COUNT = {
    dialect: insert(GOODWILL).on_conflict_do_update(
        index_elements=["staff_id", "period"],
        set_={"given": GOODWILL.c.given + 1},
        where=GOODWILL.c.given < sa.bindparam("most", type_=sa.Integer),
    )
    for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


def _count(session: Session, by: Giver, now: datetime) -> None:
    for (name, period), quota in zip(rules.goodwill_periods(now).items(), by.quota, strict=True):
        most = _NO_LIMIT if quota is None else quota
        row = {"staff_id": by.staff_id, "period": period, "given": 1, "most": most}
        statement = _COUNT[session.get_bind().dialect.name]
        if most < 1 or not inserted(session, statement, row):
            raise QuotaReached(name, most)

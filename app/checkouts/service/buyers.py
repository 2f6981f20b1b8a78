"""The member at the till, held for the whole of the transaction, and the store."""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import table_of
from app.core.errors import Invalid
from app.core.prepared import Prepared
from app.members.models import Member
from app.points import service as points
from app.points.rules import Standing
from app.programmes.rules import Terms, Tier
from app.staff.models import Store
from app.tiers import service as tiers
from app.tiers.models import PERIODS

_MEMBERS, _STORES = table_of(Member), table_of(Store)


@dataclass(frozen=True, slots=True)
class Buyer:
    """The member at the till, with the tier held before this sale. `earns_as` is the tier of the
    sale's own time, which differs for a sale that a till uploads late."""

    id: int
    number: str | None
    name: str
    line_user_id: str | None
    birth_month: int | None
    tier: Tier
    earns_as: Tier
    standing: Standing
    joined_on: date


_BUYER = Prepared(
    sa.select(
        _MEMBERS.c.number,
        _MEMBERS.c.name,
        _MEMBERS.c.display_name,
        _MEMBERS.c.line_user_id,
        _MEMBERS.c.birth_month,
        _MEMBERS.c.status,
        _MEMBERS.c.merged_into_id,
        _MEMBERS.c.joined_at,
        PERIODS.c.tier_code,
        PERIODS.c.starts_at,
        PERIODS.c.ends_at,
    )
    .select_from(_MEMBERS)
    .outerjoin(
        PERIODS, sa.and_(PERIODS.c.member_id == _MEMBERS.c.id, PERIODS.c.closed_at.is_(None))
    )
    .where(_MEMBERS.c.id == sa.bindparam("member"))
)
_STORE = Prepared(
    sa.select(_STORES.c.code, _STORES.c.name).where(_STORES.c.id == sa.bindparam("store"))
)


def buyer_of(
    session: Session, member_id: int, terms: Terms, sold_at: datetime, now: datetime
) -> Buyer:
    """Locks the member's account first: whatever else touches this member waits its turn. A member
    who became another between the scan and the sale is that other."""
    standing = points.lock(session, member_id=member_id, now=now)
    [row] = _BUYER.rows(session, {"member": member_id})
    if row.merged_into_id is not None:
        return buyer_of(session, row.merged_into_id, terms, sold_at, now)
    if row.status != "member":
        raise Invalid("member", "不是會員")
    tier = terms.tier(row.tier_code) if row.tier_code else terms.tiers[0]
    earns_as = tier
    is_late = row.starts_at is not None and sold_at < row.starts_at
    if is_late or (row.ends_at is not None and row.ends_at <= sold_at):
        earns_as = tiers.tier_of_sale(
            session, member_id=member_id, sold_at=sold_at, terms=terms, now=now
        )
        tier = tier if is_late else earns_as
    return Buyer(
        id=member_id,
        number=row.number,
        name=row.name or row.display_name or "",
        line_user_id=row.line_user_id,
        birth_month=row.birth_month,
        tier=tier,
        earns_as=earns_as,
        standing=standing,
        joined_on=taipei_date(row.joined_at or now),
    )


def store_of(session: Session, store_id: int | None) -> tuple[str, str]:
    if store_id is None:
        return "", ""
    [row] = _STORE.rows(session, {"store": store_id})
    return row.code, row.name


def actor(staff_id: int | None) -> str:
    return "till" if staff_id is None else f"staff:{staff_id}"

"""Who looked at whose data, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.lookups.models import Lookup
from app.staff.models import Staff, Store


@dataclass(frozen=True, slots=True)
class LookupShown:
    id: int
    at: datetime
    staff_name: str
    role: str
    what: str
    member_id: int | None
    source: str | None
    people: int
    is_full: bool
    store_name: str | None
    device: str


def lookups(
    session: Session,
    *,
    staff_id: int | None = None,
    member_ids: Sequence[int] | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[LookupShown]:
    """By one person, of one member (with the memberships that became theirs), or all."""
    query = (
        sa.select(
            Lookup.id,
            Lookup.at,
            Staff.name,
            Staff.role,
            Lookup.what,
            Lookup.member_id,
            Lookup.source,
            Lookup.people,
            Lookup.is_full,
            Store.name,
            Lookup.device,
        )
        .join(Staff, Staff.id == Lookup.staff_id)
        .outerjoin(Store, Store.id == Lookup.store_id)
        .order_by(Lookup.id.desc())
        .limit(limit)
    )
    if staff_id is not None:
        query = query.where(Lookup.staff_id == staff_id)
    if member_ids is not None:
        query = query.where(Lookup.member_id.in_(member_ids))
    if before_id is not None:
        query = query.where(Lookup.id < before_id)
    return [LookupShown(*tuple(row)) for row in session.execute(query)]

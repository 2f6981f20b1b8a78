"""How far a new brand has come: every step told from what is there, not from a tick."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import table_of
from app.coupons.models import CouponKind
from app.members.models import MEMBER, Member
from app.outbox.models import SENT, OutboxRow
from app.programmes.models import Programme
from app.richmenus.models import LIVE, RichMenuVersion
from app.staff.models import Staff, Store
from app.staff.rules import TIED_TO_STORES


@dataclass(frozen=True, slots=True)
class Beginnings:
    """What has happened at least once, or is there."""

    heard: bool  # somebody added the account: their event came
    sent: bool  # LINE took a message, or said what a friend is called
    programme: bool
    coupon: bool
    store: bool
    clerk: bool
    menu: bool
    member: bool


def beginnings(session: Session, *, now: datetime) -> Beginnings:
    """One statement of eight looks, each of which ends with the first row it finds."""

    def is_any(*conditions: Any) -> sa.Exists:
        return sa.exists(sa.select(sa.literal(1)).where(*conditions))

    staff, kinds = table_of(Staff), table_of(CouponKind)
    looks = (
        is_any(Member.is_friend),
        # Sent rows are forgotten in time; the name that LINE told stays.
        sa.or_(is_any(OutboxRow.status == SENT), is_any(Member.display_name.is_not(None))),
        is_any(Programme.starts_at <= now),
        is_any(kinds.c.is_active.is_(True)),
        is_any(Store.is_active.is_(True)),
        is_any(staff.c.is_active.is_(True), staff.c.role.in_(sorted(TIED_TO_STORES))),
        is_any(RichMenuVersion.status == LIVE),
        is_any(Member.status == MEMBER, Member.is_test.is_(False)),
    )
    row = session.execute(sa.select(*looks)).one()
    return Beginnings(*(bool(value) for value in row))

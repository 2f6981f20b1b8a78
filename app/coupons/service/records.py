"""The append-only record of what happened to coupons."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.coupons.models import EVENTS

_ADD = sa.insert(EVENTS)


def note(
    session: Session,
    coupon_id: int,
    kind: str,
    now: datetime,
    store_id: int | None = None,
    staff_id: int | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    row = {
        "coupon_id": coupon_id,
        "kind": kind,
        "at": now,
        "store_id": store_id,
        "staff_id": staff_id,
        "facts": facts or {},
    }
    session.execute(_ADD, row)


def note_all(
    session: Session, coupon_ids: Sequence[int], kind: str, now: datetime, facts: dict[str, Any]
) -> None:
    """The same of several."""
    if coupon_ids:
        rows = [{"coupon_id": id_, "kind": kind, "at": now, "facts": facts} for id_ in coupon_ids]
        session.execute(_ADD, rows)

"""Write down that somebody looked: one insert."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import table_of
from app.lookups.models import Lookup
from app.lookups.rules import What

_INSERT = sa.insert(table_of(Lookup))


def note(
    session: Session,
    *,
    staff_id: int,
    what: What,
    now: datetime,
    device: str,
    is_full: bool,
    member_id: int | None = None,
    source: str | None = None,
    people: int = 1,
    store_id: int | None = None,
) -> None:
    """`people` is how many persons were shown; `is_full` whether names and phones were in full."""
    session.execute(
        _INSERT,
        {
            "staff_id": staff_id,
            "what": what,
            "member_id": member_id,
            "source": source,
            "people": people,
            "is_full": is_full,
            "store_id": store_id,
            "device": device,
            "at": now,
        },
    )

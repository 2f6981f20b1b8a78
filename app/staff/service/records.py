"""Write down who did what."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.staff.models import AuditEntry
from app.staff.service.sessions import DEVICE_LENGTH


def audit(
    session: Session,
    *,
    staff_id: int | None,
    action: str,
    object: str,
    now: datetime,
    before: Any = None,
    after: Any = None,
    store_id: int | None = None,
    device: str | None = None,
) -> None:
    """Write down who did what, in the transaction that did it. `action` is a dotted word, `object`
    names the thing: `purchase:41`. No personal data in `before` and `after`."""
    session.execute(
        sa.insert(AuditEntry).values(
            staff_id=staff_id,
            action=action,
            object=object[:100],
            before=before,
            after=after,
            store_id=store_id,
            device=None if device is None else device[:DEVICE_LENGTH],
            at=now,
        )
    )

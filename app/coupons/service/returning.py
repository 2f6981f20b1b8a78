"""Take a redemption back: the coupon is the member's again, and its kind's limits are freer."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import changed
from app.core.errors import NotFound
from app.coupons import rules
from app.coupons.models import COUPON_DAYS, COUPONS, ISSUED, KINDS, REDEEMED
from app.coupons.service.locking import lock_kinds
from app.coupons.service.records import note
from app.timeline import service as timeline


def rollback(
    session: Session, *, coupon_id: int, reason: str, staff_id: int | None, now: datetime
) -> None:
    """One coupon, as `rollback_all` does."""
    rollback_all(session, coupon_ids=[coupon_id], reason=reason, staff_id=staff_id, now=now)


def rollback_all(
    session: Session,
    *,
    coupon_ids: Collection[int],
    reason: str,
    staff_id: int | None,
    now: datetime,
) -> None:
    """Give used coupons back with their old end dates, at least three days to live. Their kinds are
    held first, in one order: two refunds wait for each other and never in a ring.

    Raises NotFound when one is not redeemed (any more); then the caller must roll back."""
    if not coupon_ids:
        return
    lock_kinds(session, coupon_ids=coupon_ids)
    rows = session.execute(
        sa.select(
            COUPONS.c.id,
            COUPONS.c.kind_id,
            COUPONS.c.expires_at,
            COUPONS.c.member_id,
            COUPONS.c.redeemed_at,
            COUPONS.c.discount,
        )
        .where(COUPONS.c.id.in_(coupon_ids))
        .order_by(COUPONS.c.id)
    ).all()
    for missing in set(coupon_ids) - {row.id for row in rows}:
        raise NotFound("coupon", missing)
    for row in rows:
        _give_back(session, row, now)
    for row in sorted(rows, key=lambda row: (row.kind_id, row.id)):
        _uncount(session, row)
    for row in rows:
        note(session, row.id, "rolled_back", now, None, staff_id, {"reason": reason})
        if row.member_id is not None:
            timeline.record(
                session,
                member_id=row.member_id,
                kind="coupon.rolled_back",
                at=now,
                facts={"coupon_id": row.id, "reason": reason},
            )


def _give_back(session: Session, row: Any, now: datetime) -> None:
    won = changed(
        session,
        sa.update(COUPONS)
        .where(COUPONS.c.id == row.id, COUPONS.c.status == REDEEMED)
        .values(
            status=ISSUED,
            expires_at=rules.expiry_after_rollback(row.expires_at, now=now),
            redeemed_at=None,
            store_id=None,
            staff_id=None,
            purchase_id=None,
            discount=None,
        ),
    )
    if not won:
        raise NotFound("redeemed coupon", row.id)


def _uncount(session: Session, row: Any) -> None:
    """What it took from the kind's limits is free again."""
    off = row.discount or 0
    changed(
        session,
        sa.update(KINDS)
        .where(KINDS.c.id == row.kind_id, KINDS.c.redeemed > 0, KINDS.c.spent >= off)
        .values(redeemed=KINDS.c.redeemed - 1, spent=KINDS.c.spent - off),
    )
    if row.redeemed_at is not None:
        changed(
            session,
            sa.update(COUPON_DAYS)
            .where(
                COUPON_DAYS.c.kind_id == row.kind_id,
                COUPON_DAYS.c.day == taipei_date(row.redeemed_at),
                COUPON_DAYS.c.redeemed > 0,
            )
            .values(redeemed=COUPON_DAYS.c.redeemed - 1),
        )

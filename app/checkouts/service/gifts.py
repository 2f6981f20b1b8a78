"""The gift of a tier: given with an upgrade, voided with a tier that is taken back, as is what is
unused of the benefits that were chosen in it."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.benefits import service as benefits
from app.checkouts.service.buyers import Buyer
from app.core.errors import NotFound
from app.coupons import service as coupons
from app.coupons.models import COUPONS
from app.coupons.service import LimitReached
from app.programmes.rules import Tier
from app.tiers.models import PERIODS
from app.tiers.service import TierChange
from app.timeline import service as timeline

TIER_REVOKED = "等級已撤銷"
_SOURCE: Final = "upgrade:"  # and the code of the tier


def give_gift(
    session: Session, buyer: Buyer, tier: Tier, change: TierChange, now: datetime
) -> None:
    """The gift of a tier comes once in twelve months; a gift that cannot be given does not stop
    the upgrade. One voided with a revoked tier comes back, as the same coupon."""
    if tier.gift is None:
        return
    source = f"{_SOURCE}{tier.code}"
    if not change.gives_gift:
        voided = _gift_of(session, buyer.id, source, ("revoked",))
        if voided is not None:
            coupons.reinstate(session, coupon_id=voided, reason=TIER_REVOKED, now=now)
        return
    with session.begin_nested() as savepoint:
        try:
            coupons.issue(
                session,
                kind_code=tier.gift,
                member_id=buyer.id,
                source=source,
                dedup_key=f"upgrade:{change.period_id}",
                now=now,
            )
        except (LimitReached, NotFound):
            savepoint.rollback()


def _gift_of(
    session: Session, member_id: int, source: str, statuses: tuple[str, ...]
) -> int | None:
    """The newest coupon given for that reason, if it is in one of these states."""
    newest = session.execute(
        sa.select(COUPONS.c.id, COUPONS.c.status)
        .where(COUPONS.c.member_id == member_id, COUPONS.c.source == source)
        .order_by(COUPONS.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if newest is None or newest.status not in statuses else newest.id


def void_gift(
    session: Session, member_id: int, change: TierChange, staff_id: int | None, now: datetime
) -> None:
    """With a revoked tier go its unused gift and chosen benefits; a used gift is reported."""
    benefits.take_back(
        session,
        member_id=member_id,
        tier_period_id=change.previous_period_id,
        reason=TIER_REVOKED,
        now=now,
    )
    source = f"{_SOURCE}{change.previous_code}"
    unused = _gift_of(session, member_id, source, ("issued", "reserved"))
    if unused is not None and coupons.revoke(
        session, coupon_id=unused, reason=TIER_REVOKED, staff_id=staff_id, now=now
    ):
        return
    used = _gift_of(session, member_id, source, ("redeemed",))
    if used is not None:
        timeline.record(
            session,
            member_id=member_id,
            kind="coupon.used_before_revocation",
            at=now,
            facts={"coupon_id": used, "tier": change.previous_code},
        )


def void_returned(
    session: Session,
    member_id: int,
    coupon_ids: Collection[int],
    staff_id: int | None,
    now: datetime,
) -> set[int]:
    """Of coupons that came back with a refund: the gifts of a tier that was taken back meanwhile go
    too, and come back with the tier. Returns which."""
    sources = sa.select(COUPONS.c.id, COUPONS.c.source).where(
        COUPONS.c.id.in_(coupon_ids), COUPONS.c.source.startswith(_SOURCE, autoescape=True)
    )
    gone = set[int]()
    for coupon_id, source in session.execute(sources.order_by(COUPONS.c.id)).all():
        newest = session.scalar(
            sa.select(PERIODS.c.closed_reason)
            .where(
                PERIODS.c.member_id == member_id,
                PERIODS.c.tier_code == source.removeprefix(_SOURCE),
            )
            .order_by(PERIODS.c.id.desc())
            .limit(1)
        )
        if newest == "revoked":
            coupons.revoke(
                session, coupon_id=coupon_id, reason=TIER_REVOKED, staff_id=staff_id, now=now
            )
            gone.add(coupon_id)
    return gone

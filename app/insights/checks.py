"""Do the books add up? Every noun says what is broken in its own tables; nightly they are asked."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.benefits import queries as benefits
from app.campaigns import queries as campaigns
from app.coupons import queries as coupons
from app.draws import queries as draws
from app.invoices import queries as invoices
from app.journeys import queries as journeys
from app.mergers import queries as mergers
from app.points import queries as points
from app.purchases import queries as purchases
from app.referrals import queries as referrals
from app.rewards import queries as rewards
from app.scores import queries as scores
from app.tiers import queries as tiers

JOB = "ledgers"  # the job that keeps the result
OVERDUE = timedelta(hours=3)  # the hourly job had its chance more than once
RECENT = timedelta(days=8)  # broadcasts: their list is long, and does not change after
MOST = 50


def broken_invariants(session: Session, *, now: datetime, limit: int = MOST) -> list[str]:
    """Evidence of whatever contradicts itself; empty when everything adds up."""
    found = [
        *(
            f"points of member {item.member_id}: {item.what} {item.row_id} says {item.stored}, "
            f"its entries add up to {item.folded}"
            for item in points.unbalanced(session, limit=limit)
        ),
        *(
            f"points of member {member_id}: due since before {now - OVERDUE:%Y-%m-%d %H:%M}Z"
            for member_id in points.unsettled(session, before=now - OVERDUE, limit=limit)
        ),
        *purchases.broken(session, limit=limit),
        *tiers.broken(session, limit=limit),
        *scores.broken(session, limit=limit),
        *coupons.broken(session, limit=limit),
        *referrals.broken(session, limit=limit),
        *rewards.broken(session, limit=limit),
        *benefits.broken(session, limit=limit),
        *draws.broken(session, limit=limit),
        *invoices.broken(session, limit=limit),
        *mergers.broken(session, limit=limit),
        *campaigns.broken(session, since=now - RECENT, limit=limit),
        *journeys.broken(session, limit=limit),
    ]
    return found[:limit]

"""What waits for somebody of the brand."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.coupons import queries as coupons
from app.inbox.models import InboxEvent
from app.invoices import queries as invoices
from app.outbox import queries as outbox
from app.outbox.models import OutboxRow
from app.points.models import CORRECTIONS
from app.referrals import queries as referrals
from app.revisions import queries as revisions

SOON: Final = timedelta(days=14)  # coupons that end within


@dataclass(frozen=True, slots=True)
class Ending:
    """A kind of coupon that is given for the last days."""

    kind_id: int
    name: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """Numbers of things that wait; `quota_until`: LINE takes no more messages until then;
    `heard_at` and `sent_at` are the last event of LINE and the last message it took."""

    corrections: int
    drafts: int
    referrals: int
    invoices: int
    ending: tuple[Ending, ...]
    quota_until: datetime | None
    heard_at: datetime | None
    sent_at: datetime | None


def waiting(session: Session, *, now: datetime) -> Waiting:
    """A constant number of reads."""
    corrections, heard_at, sent_at = session.execute(
        sa.select(
            sa.select(sa.func.count())
            .select_from(CORRECTIONS)
            .where(CORRECTIONS.c.status == "waiting")
            .scalar_subquery(),
            sa.select(InboxEvent.received_at)
            .order_by(InboxEvent.id.desc())
            .limit(1)
            .scalar_subquery(),
            sa.select(sa.func.max(OutboxRow.sent_at)).scalar_subquery(),
        )
    ).one()
    ending = (
        Ending(kind.kind_id, kind.draft.name, kind.draft.ends_at)
        for kind in coupons.kinds(session)
        if kind.is_active and kind.draft.ends_at and now < kind.draft.ends_at <= now + SOON
    )
    return Waiting(
        corrections=corrections,
        drafts=revisions.waiting_count(session),
        referrals=referrals.review_count(session),
        invoices=invoices.review_count(session),
        ending=tuple(sorted(ending, key=lambda item: item.ends_at)),
        quota_until=outbox.used_up_until(session, now=now),
        heard_at=heard_at,
        sent_at=sent_at,
    )

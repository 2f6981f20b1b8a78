"""What was registered, by whom, and what waits for a person."""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import table_of
from app.core.errors import NotFound
from app.invoices.models import REJECTED, REVIEW, WAITING, InvoiceClaim, InvoicePhoto
from app.invoices.rules.campaigns import Used
from app.members.models import Member
from app.purchases.models import Purchase

_CLAIMS, _PHOTOS, _MEMBERS = table_of(InvoiceClaim), table_of(InvoicePhoto), table_of(Member)


@dataclass(frozen=True, slots=True)
class Claim:
    """A registered invoice."""

    id: int
    period: str
    number: str
    member_id: int
    member_name: str | None
    purchase_id: int | None
    status: str
    source: str
    total: int
    sold_on: date
    seller: str
    claimed_at: datetime
    hold_until: date
    reason: str | None


_CLAIM = sa.select(
    _CLAIMS.c.id,
    _CLAIMS.c.period,
    _CLAIMS.c.number,
    _CLAIMS.c.member_id,
    sa.func.coalesce(_MEMBERS.c.name, _MEMBERS.c.display_name),
    _CLAIMS.c.purchase_id,
    _CLAIMS.c.status,
    _CLAIMS.c.source,
    _CLAIMS.c.total,
    _CLAIMS.c.sold_on,
    _CLAIMS.c.seller,
    _CLAIMS.c.claimed_at,
    _CLAIMS.c.hold_until,
    _CLAIMS.c.reason,
).join_from(_CLAIMS, _MEMBERS, _MEMBERS.c.id == _CLAIMS.c.member_id)


def claims_of(session: Session, member_id: int, *, limit: int = 30) -> list[Claim]:
    """Newest first."""
    rows = session.execute(
        _CLAIM.where(_CLAIMS.c.member_id == member_id).order_by(_CLAIMS.c.id.desc()).limit(limit)
    )
    return [Claim(*tuple(row)) for row in rows]


def claims(session: Session, *, status: str | None, limit: int = 50) -> list[Claim]:
    """Newest first; `status` None: all."""
    query = _CLAIM.order_by(_CLAIMS.c.id.desc()).limit(limit)
    if status is not None:
        query = query.where(_CLAIMS.c.status == status)
    return [Claim(*tuple(row)) for row in session.execute(query)]


def counts(session: Session) -> dict[str, int]:
    """Claims by status."""
    rows = session.execute(sa.select(_CLAIMS.c.status, sa.func.count()).group_by(_CLAIMS.c.status))
    return {str(row[0]): int(row[1]) for row in rows}


def review_count(session: Session) -> int:
    """Claims that wait for a person."""
    return (
        session.scalar(
            sa.select(sa.func.count()).select_from(_CLAIMS).where(_CLAIMS.c.status == REVIEW)
        )
        or 0
    )


def claim(session: Session, claim_id: int) -> Claim:
    """Raises NotFound."""
    row = session.execute(_CLAIM.where(_CLAIMS.c.id == claim_id)).one_or_none()
    if row is None:
        raise NotFound("invoice", claim_id)
    return Claim(*tuple(row))


def owner_of(session: Session, *, period: str, number: str) -> int | None:
    """The member who registered that invoice."""
    return session.scalar(
        sa.select(_CLAIMS.c.member_id).where(_CLAIMS.c.period == period, _CLAIMS.c.number == number)
    )


def used_by(session: Session, member_id: int, *, today: date, period: str) -> Used:
    """How many invoices the member registered; rejected ones do not count."""
    row = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(sa.case((_CLAIMS.c.claimed_on == today, 1), else_=0)), 0),
            sa.func.coalesce(sa.func.sum(sa.case((_CLAIMS.c.period == period, 1), else_=0)), 0),
        ).where(_CLAIMS.c.member_id == member_id, _CLAIMS.c.status != REJECTED)
    ).one()
    return Used(int(row[0]), int(row[1]))


@dataclass(frozen=True, slots=True)
class PhotoDue:
    id: int
    message_id: str
    member_id: int
    reply_token: str | None
    received_at: datetime
    attempts: int


def photos_due(session: Session, *, now: datetime, limit: int = 20) -> list[PhotoDue]:
    """Oldest first."""
    rows = session.execute(
        sa.select(
            _PHOTOS.c.id,
            _PHOTOS.c.message_id,
            _PHOTOS.c.member_id,
            _PHOTOS.c.reply_token,
            _PHOTOS.c.received_at,
            _PHOTOS.c.attempts,
        )
        .where(_PHOTOS.c.status == WAITING, _PHOTOS.c.due_at <= now)
        .order_by(_PHOTOS.c.due_at, _PHOTOS.c.id)
        .limit(limit)
    )
    return [PhotoDue(*tuple(row)) for row in rows]


def lone_codes(session: Session, member_id: int, *, since: datetime) -> list[str]:
    """Codes of one slip that the member sent without the other, lately."""
    rows = session.scalars(
        sa.select(_PHOTOS.c.codes)
        .where(
            _PHOTOS.c.member_id == member_id,
            _PHOTOS.c.received_at >= since,
            _PHOTOS.c.codes.is_not(None),
        )
        .order_by(_PHOTOS.c.id.desc())
        .limit(1)
    )
    return [str(code) for codes in rows for code in codes or ()]


_SALES = table_of(Purchase)
_ASTRAY = (
    sa.select(_CLAIMS.c.period, _CLAIMS.c.number)
    .outerjoin_from(_CLAIMS, _SALES, _SALES.c.id == _CLAIMS.c.purchase_id)
    .where(
        sa.or_(
            _SALES.c.id.is_(None),
            _SALES.c.member_id.is_distinct_from(_CLAIMS.c.member_id),
            sa.and_(_CLAIMS.c.status == REJECTED, _SALES.c.refunded < _SALES.c.amount),
        )
    )
)


def broken(session: Session, *, limit: int = 20) -> list[str]:
    """Evidence of registered invoices whose sale is lost, another member's, or still counts though
    it was rejected."""
    return [
        f"invoice {number} of {period}: sale lost, another member's, or counting though rejected"
        for period, number in session.execute(_ASTRAY.limit(limit))
    ]

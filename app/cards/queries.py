"""All that a member's card says, in one indexed read: its cost does not grow with the members."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import table_of
from app.core.errors import NotFound
from app.core.prepared import Prepared, among
from app.coupons.models import COUPONS, ISSUED
from app.members.models import Member
from app.points import queries as points
from app.points.models import ACCOUNTS
from app.points.rules import Standing
from app.programmes import queries as programmes
from app.programmes.rules import Terms, Tier
from app.purchases.models import PurchaseDay
from app.tiers import queries as tiers
from app.tiers import rules as tier_rules
from app.tiers.models import PERIODS
from app.tiers.rules import Counted, Progress, Sums

_MEMBERS, _DAYS = table_of(Member), table_of(PurchaseDay)


@dataclass(frozen=True, slots=True)
class Card:
    """Everything the card shows; `progress` holds the tier, its last day and the way up."""

    member_id: int
    number: str
    name: str
    progress: Progress
    points: Standing
    coupons: int  # usable now
    terms: Terms

    @property
    def tier(self) -> Tier:
        return self.progress.tier


_NOW: sa.BindParameter[datetime] = sa.bindparam("now", type_=COUPONS.c.usable_from.type)
_COUPONS = (
    sa.select(sa.func.count())
    .where(
        COUPONS.c.member_id == _MEMBERS.c.id,
        COUPONS.c.status == ISSUED,
        COUPONS.c.usable_from <= _NOW,
        sa.or_(COUPONS.c.expires_at.is_(None), COUPONS.c.expires_at > _NOW),
    )
    .scalar_subquery()
)
_SPENT = (
    sa.select(sa.func.coalesce(sa.func.sum(_DAYS.c.qualifying), 0))
    .where(_DAYS.c.member_id == _MEMBERS.c.id, _DAYS.c.day >= sa.bindparam("window_start"))
    .scalar_subquery()
)
_FIRST_DAY = (
    sa.select(sa.func.min(_DAYS.c.day))
    .where(
        _DAYS.c.member_id == _MEMBERS.c.id,
        _DAYS.c.day >= sa.bindparam("window_start"),
        _DAYS.c.qualifying > 0,
    )
    .scalar_subquery()
)
_CARDS = Prepared(
    sa.select(
        _MEMBERS.c.id,
        _MEMBERS.c.number,
        _MEMBERS.c.name,
        _MEMBERS.c.display_name,
        ACCOUNTS.c.balance,
        ACCOUNTS.c.pending,
        ACCOUNTS.c.debt,
        ACCOUNTS.c.next_expiry_points,
        ACCOUNTS.c.next_expiry_at,
        ACCOUNTS.c.next_change_at,
        PERIODS.c.tier_code,
        PERIODS.c.ends_at,
        _MEMBERS.c.joined_at,
        _COUPONS.label("coupons"),
        _SPENT.label("spent"),
        _FIRST_DAY.label("first_day"),
    )
    .select_from(_MEMBERS)
    .outerjoin(ACCOUNTS, ACCOUNTS.c.member_id == _MEMBERS.c.id)
    .outerjoin(
        PERIODS, sa.and_(PERIODS.c.member_id == _MEMBERS.c.id, PERIODS.c.closed_at.is_(None))
    )
    .where(among(_MEMBERS.c.id, "members"))
)


def card(session: Session, member_id: int, *, now: datetime) -> Card:
    """Raises NotFound."""
    found = cards(session, [member_id], now=now)
    if not found:
        raise NotFound("member", member_id)
    return found[member_id]


def cards(session: Session, member_ids: Sequence[int], *, now: datetime) -> dict[int, Card]:
    """Many at once, for a batch of events: one read whatever their number."""
    if not member_ids:
        return {}
    terms = programmes.terms_at(session, now)
    today = taipei_date(now)
    # Everybody's, except in years of membership, which are read by themselves.
    window_start = tier_rules.first_day(terms.tiering, today, today)
    found = _CARDS.rows(
        session, {"members": list(member_ids), "now": now, "window_start": window_start}
    )
    rows = [_Row(*row) for row in found]
    counted = _counted(session, terms, rows, today)
    return {
        row.member_id: _card(session, terms, row, counted[row.member_id], now=now, today=today)
        for row in rows
    }


def _counted(
    session: Session, terms: Terms, rows: Sequence["_Row"], today: date
) -> dict[int, Counted]:
    """What each member's window comes to."""
    if terms.counts_only_spend and terms.tiering.window != "anniversary":
        return {row.member_id: Counted(Sums(spend=row.spent), row.first_day) for row in rows}
    joined = {row.member_id: _joined_on(row, today) for row in rows}
    return tiers.windows(session, joined, last=today, terms=terms)


def _joined_on(row: "_Row", today: date) -> date:
    return today if row.joined_at is None else taipei_date(row.joined_at)


class _Row(NamedTuple):
    member_id: int
    number: str | None
    name: str | None
    display_name: str | None
    balance: int | None  # None for an account that never moved
    pending: int
    debt: int
    next_expiry_points: int
    next_expiry_at: datetime | None
    next_change_at: datetime | None
    tier_code: str | None
    tier_ends_at: datetime | None
    joined_at: datetime | None
    coupons: int
    spent: int
    first_day: date | None


def _card(
    session: Session,
    terms: Terms,
    row: _Row,
    counted: Counted,
    *,
    now: datetime,
    today: date,
) -> Card:
    progress = tier_rules.progress(  # renewal is told on the page of tiers, not on the card
        terms,
        counted,
        code=row.tier_code or terms.tiers[0].code,
        today=today,
        joined_on=_joined_on(row, today),
        period_ends_at=row.tier_ends_at,
    )
    return Card(
        member_id=row.member_id,
        number=row.number or "",
        name=row.name or row.display_name or "",
        progress=progress,
        points=_standing(session, row, now),
        coupons=row.coupons,
        terms=terms,
    )


def _standing(session: Session, row: _Row, now: datetime) -> Standing:
    if row.balance is None:
        return points.NOTHING
    stored = Standing(
        row.balance,
        row.pending,
        row.debt,
        row.next_expiry_points,
        row.next_expiry_at,
        row.next_change_at,
    )
    return points.exact(session, row.member_id, stored, now=now)

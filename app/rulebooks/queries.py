"""The book in force, and what another one would do to the members there are."""

from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.coupons import queries as coupons
from app.missions import queries as missions
from app.points.models import ACCOUNTS
from app.programmes import queries as programmes
from app.programmes.queries import NoProgramme
from app.programmes.rules import Terms
from app.purchases.models import DAYS, PURCHASES
from app.rewards import queries as rewards
from app.rulebooks.rules import Book, Crowd, Effects
from app.tiers import rules as tiers
from app.tiers.models import PERIODS

YEAR = timedelta(days=365)


def book_at(session: Session, instant: datetime) -> Book | None:
    """The terms in force then with the lists of now; None before the first terms."""
    try:
        terms = programmes.terms_at(session, instant)
    except NoProgramme:
        return None
    return _with_lists(session, terms)


def book_of(session: Session, version: int) -> Book:
    """The terms of a version with the lists of now. Raises NoProgramme."""
    return _with_lists(session, programmes.terms_of(session, version))


def _with_lists(session: Session, terms: Terms) -> Book:
    given = (kind.draft for kind in coupons.kinds(session) if kind.is_active)
    offered = (reward for reward in rewards.rewards(session) if reward.is_active)
    by_age = sorted(offered, key=lambda reward: reward.reward_id)
    asked = (
        replace(mission.terms, reward_limit=mission.reward_limit)
        for mission in missions.missions(session)
        if mission.is_active
    )
    return Book(terms, tuple(given), tuple(reward.draft for reward in by_age), tuple(asked))


def effects(session: Session, old: Terms, new: Terms, *, now: datetime) -> Effects:
    """Counted in three statements, however many members there are."""
    return Effects(
        crowds=tuple(_crowds(session, old, new, now)),
        points_before=_base_points(session, old, now),
        points_after=_base_points(session, new, now),
        outstanding=session.scalar(
            sa.select(sa.func.coalesce(sa.func.sum(ACCOUNTS.c.balance + ACCOUNTS.c.pending), 0))
        )
        or 0,
    )


def _crowds(session: Session, old: Terms, new: Terms, now: datetime) -> list[Crowd]:
    before, after = _spent(old, now, "spent_before"), _spent(new, now, "spent_after")
    reached_before = _reached(old, before.c.spent).label("reached_before")
    reached_after = _reached(new, after.c.spent).label("reached_after")
    statement = (
        sa.select(PERIODS.c.tier_code, reached_before, reached_after, sa.func.count())
        .select_from(
            PERIODS.outerjoin(before, before.c.member_id == PERIODS.c.member_id).outerjoin(
                after, after.c.member_id == PERIODS.c.member_id
            )
        )
        .where(PERIODS.c.closed_at.is_(None))
        .group_by(PERIODS.c.tier_code, reached_before, reached_after)
    )
    return [Crowd(*tuple(row)) for row in session.execute(statement)]


def _spent(terms: Terms, now: datetime, name: str) -> sa.Subquery:
    """Each member's sum within the window that ends today."""
    today = taipei_date(now)
    first = tiers.window_start(today, months=terms.tiering.window_months)
    return (
        sa.select(DAYS.c.member_id, sa.func.sum(DAYS.c.qualifying).label("spent"))
        .where(DAYS.c.day >= first, DAYS.c.day <= today)
        .group_by(DAYS.c.member_id)
        .subquery(name)
    )


def _reached(terms: Terms, spent: sa.ColumnElement[int]) -> sa.Case[str]:
    """The highest tier that so much is enough for."""
    ladder = [tier for tier in reversed(terms.tiers) if not tier.is_invite_only]
    return sa.case(
        *(
            (spent >= tier.threshold, sa.literal_column(f"'{tier.code}'"))
            for tier in ladder
            if tier.threshold
        ),
        else_=sa.literal_column(f"'{terms.tiers[0].code}'"),
    )


def _base_points(session: Session, terms: Terms, now: datetime) -> int:
    """What the last year's sales of members earn without any multiplier or cap."""
    earning = PURCHASES.c.earning - PURCHASES.c.earning_refunded
    steps = sa.func.sum(earning // sa.literal_column(str(int(terms.earning.unit)), sa.Integer))
    found = session.scalar(
        sa.select(steps).where(
            PURCHASES.c.member_id.is_not(None),
            PURCHASES.c.sold_at >= now - YEAR,
            PURCHASES.c.sold_at <= now,
        )
    )
    return int(found or 0) * terms.earning.rate

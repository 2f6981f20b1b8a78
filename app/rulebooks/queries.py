"""The book in force, and what another one would do to the members there are."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import table_of, taipei_day
from app.coupons import queries as coupons
from app.cutoffs import queries as cutoffs
from app.cutoffs.rules import frozen
from app.members.models import MEMBER, Member
from app.missions import queries as missions
from app.points import queries as points
from app.points.models import ACCOUNTS
from app.programmes import queries as programmes
from app.programmes.queries import NoProgramme
from app.programmes.rules import Terms, Tier
from app.purchases.models import DAYS, PURCHASES
from app.rewards import queries as rewards
from app.rulebooks.rules import Book, Crowd, Effects
from app.stamps import queries as stamps
from app.tiers import rules as tiers
from app.tiers.models import PERIODS

YEAR = timedelta(days=365)
_MEMBERS = table_of(Member)
Step = tuple[sa.ColumnElement[bool], sa.ColumnElement[str]]


def book_at(session: Session, instant: datetime) -> Book | None:
    """The terms in force then with the lists of now; None before the first terms."""
    try:
        terms = programmes.terms_at(session, instant)
    except NoProgramme:
        return None
    return with_lists(session, terms)


def book_of(session: Session, version: int) -> Book:
    """The terms of a version with the lists of now. Raises NoProgramme."""
    return with_lists(session, programmes.terms_of(session, version))


def as_applied(session: Session, book: Book, *, now: datetime) -> Book:
    """The book with the thresholds that tiers for the top few would have, whatever number it has
    for them."""
    cuts = cutoffs.cuts(session, book.terms, now=now)
    return replace(book, terms=frozen(book.terms, cuts))


def with_lists(session: Session, terms: Terms) -> Book:
    given = (kind.draft for kind in coupons.kinds(session) if kind.is_active)
    offered = (reward for reward in rewards.rewards(session) if reward.is_active)
    by_age = sorted(offered, key=lambda reward: reward.reward_id)
    asked = (
        replace(mission.terms, reward_limit=mission.reward_limit)
        for mission in missions.missions(session)
        if mission.is_active
    )
    stamped = (card.terms for card in stamps.cards(session) if card.is_active)
    return Book(
        terms,
        tuple(given),
        tuple(reward.draft for reward in by_age),
        tuple(asked),
        tuple(stamped),
    )


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
    dialect = session.get_bind().dialect.name
    before = window_sums(old, now, "sums_before", dialect)
    after = window_sums(new, now, "sums_after", dialect)
    reached_before = _reached(old, before).label("reached_before")
    reached_after = _reached(new, after).label("reached_after")
    statement = (
        sa.select(PERIODS.c.tier_code, reached_before, reached_after, sa.func.count())
        .select_from(
            PERIODS.join(_MEMBERS, _MEMBERS.c.id == PERIODS.c.member_id)
            .outerjoin(before, before.c.member_id == PERIODS.c.member_id)
            .outerjoin(after, after.c.member_id == PERIODS.c.member_id)
        )
        .where(
            PERIODS.c.closed_at.is_(None),
            _MEMBERS.c.status == MEMBER,
            _MEMBERS.c.is_test.is_(False),
        )
        .group_by(PERIODS.c.tier_code, reached_before, reached_after)
    )
    return [Crowd(*tuple(row)) for row in session.execute(statement)]


def window_sums(terms: Terms, now: datetime, name: str, dialect: str) -> sa.Subquery:
    """What each member's window that ends today comes to, by measure."""
    today = taipei_date(now)
    is_by_member = terms.tiering.window == "anniversary"
    if terms.counts_only_spend and not is_by_member:
        first = tiers.first_day(terms.tiering, today, today)
        return (
            sa.select(DAYS.c.member_id, sa.func.sum(DAYS.c.qualifying).label("spend"))
            .where(DAYS.c.day >= first, DAYS.c.day <= today)
            .group_by(DAYS.c.member_id)
            .subquery(name)
        )
    counted = PURCHASES.c.qualifying - PURCHASES.c.qualifying_refunded
    kept = points.kept_by_sale().subquery(f"{name}_points")
    statement = (
        sa.select(
            PURCHASES.c.member_id,
            sa.func.sum(counted).label("spend"),
            sa.func.sum(sa.case((PURCHASES.c.amount > PURCHASES.c.refunded, 1), else_=0)).label(
                "visits"
            ),
            sa.func.sum(sa.func.coalesce(kept.c.kept, 0)).label("points"),
            sa.func.max(counted).label("single"),
        )
        .join_from(PURCHASES, _MEMBERS, _MEMBERS.c.id == PURCHASES.c.member_id)
        .outerjoin(kept, kept.c.source_id == PURCHASES.c.id)
        .where(PURCHASES.c.sold_on <= today)
        .group_by(PURCHASES.c.member_id)
    )
    if is_by_member:
        return statement.where(_is_in_year_of_membership(today, dialect)).subquery(name)
    first = tiers.first_day(terms.tiering, today, today)
    return statement.where(PURCHASES.c.sold_on >= first).subquery(name)


def _is_in_year_of_membership(today: date, dialect: str) -> sa.ColumnElement[bool]:
    """The sale is of the year since joining that holds today. Days are compared as texts."""
    joined = sa.func.substr(taipei_day(_MEMBERS.c.joined_at, dialect), 6)  # 03-10
    sold = sa.cast(PURCHASES.c.sold_on, sa.Text)
    leapling, _ = tiers.year_of_membership(today, date(2000, 2, 29))
    first = sa.case(
        (joined == "02-29", leapling.isoformat()),
        (joined <= f"{today:%m-%d}", sa.literal(f"{today.year}-").concat(joined)),
        else_=sa.literal(f"{today.year - 1}-").concat(joined),
    )
    return sold >= first


def _reached(terms: Terms, sums: sa.Subquery) -> sa.Case[str]:
    """The highest tier that so much is enough for."""
    ladder = [tier for tier in reversed(terms.tiers) if not tier.is_invite_only and tier.goals]
    lowest: sa.ColumnElement[str] = sa.literal_column(f"'{terms.tiers[0].code}'")
    steps: list[Step] = [
        (_meets(tier, sums), sa.literal_column(f"'{tier.code}'")) for tier in ladder
    ]
    return sa.case(*steps, else_=lowest) if steps else sa.case((sa.true(), lowest))


def _meets(tier: Tier, sums: sa.Subquery) -> sa.ColumnElement[bool]:
    goals = (sums.c[measure] >= needed for measure, needed in tier.goals)
    return sa.and_(*goals) if tier.match == "all" else sa.or_(*goals)


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

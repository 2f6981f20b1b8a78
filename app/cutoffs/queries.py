"""The cuts of the period that holds now: those kept, and those counted anew, in two statements a
tier however many members there are."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import table_of
from app.cutoffs import rules
from app.cutoffs.models import CUTS
from app.cutoffs.rules import Cut
from app.members.models import MEMBER, Member
from app.programmes import queries as programmes
from app.programmes.queries import NoProgramme
from app.programmes.rules import Terms, Tier
from app.purchases.models import DAYS
from app.tiers import rules as tiers

_MEMBERS = table_of(Member)
DAY = timedelta(days=1)
Kept = Mapping[tuple[str, int], Cut]  # by tier and percent


def period_start(terms: Terms, now: datetime) -> date:
    return tiers.recomputed_since(terms.tiering, taipei_date(now))


def cuts(session: Session, terms: Terms, *, now: datetime) -> dict[str, Cut]:
    """By tier: as kept for this period, or counted now from the window that ended the day before
    it began. Whenever it is counted within the period, the same days count."""
    starts_on = period_start(terms, now)
    return _with_kept(session, terms, kept_cuts(session, starts_on), starts_on)


def _with_kept(session: Session, terms: Terms, kept: Kept, starts_on: date) -> dict[str, Cut]:
    return {
        tier.code: kept.get((tier.code, tier.top_percent or 0))
        or _count(session, terms, tier, starts_on)
        for tier in rules.by_percent(terms)
    }


def kept_cuts(session: Session, starts_on: date) -> Kept:
    rows = session.execute(
        sa.select(CUTS.c.tier_code, CUTS.c.top_percent, CUTS.c.ranked, CUTS.c.amount).where(
            CUTS.c.starts_on == starts_on
        )
    )
    return {(row.tier_code, row.top_percent): Cut(*tuple(row)) for row in rows}


def _count(session: Session, terms: Terms, tier: Tier, starts_on: date) -> Cut:
    assert tier.top_percent is not None
    spent = _spent(terms, starts_on - DAY).subquery()
    ranked = session.scalar(sa.select(sa.func.count()).select_from(spent)) or 0
    number = rules.places(ranked, tier.top_percent)
    amount = 0
    if number:
        last = sa.select(spent.c.spent).order_by(spent.c.spent.desc()).offset(number - 1).limit(1)
        amount = session.scalar(last) or 0
    return Cut(tier.code, tier.top_percent, ranked, int(amount))


def _spent(terms: Terms, last: date) -> sa.Select[tuple[int]]:
    """NT$ that count, of each member who spent any within the window that ends with `last`."""
    amount = sa.func.sum(DAYS.c.qualifying)
    return (
        sa.select(amount.label("spent"))
        .join_from(DAYS, _MEMBERS, _MEMBERS.c.id == DAYS.c.member_id)
        .where(
            _MEMBERS.c.status == MEMBER,
            _MEMBERS.c.is_test.is_(False),
            DAYS.c.day >= tiers.first_day(terms.tiering, last, last),
            DAYS.c.day <= last,
        )
        .group_by(DAYS.c.member_id)
        .having(amount > 0)
    )


def due(session: Session, *, now: datetime) -> dict[str, Cut] | None:
    """The cuts that the terms in force should have and have not; None when they have."""
    try:
        terms = programmes.terms_at(session, now)
    except NoProgramme:
        return None
    if not rules.by_percent(terms):
        return None
    starts_on = period_start(terms, now)
    kept = kept_cuts(session, starts_on)
    is_counted = all((tier.code, tier.top_percent) in kept for tier in rules.by_percent(terms))
    found = _with_kept(session, terms, kept, starts_on)
    if is_counted and rules.frozen(terms, found) == terms:
        return None
    return found

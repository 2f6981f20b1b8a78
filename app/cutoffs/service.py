"""Keeping the cuts of a period, and putting the thresholds that follow in force as a new version of
the programme: who holds a tier keeps it, and every rise says by which version it came."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from app.core import money
from app.core.db import insert_many_ignore
from app.cutoffs import queries, rules
from app.cutoffs.models import TierCut
from app.cutoffs.rules import Cut
from app.programmes import queries as programme_queries
from app.programmes import service as programmes
from app.programmes.rules import Terms

ACTOR = "system"


def freeze(session: Session, terms: Terms, *, now: datetime) -> Terms:
    """The terms with the thresholds of this period, whatever number their file has; the same terms
    where no tier is for the top few."""
    if not rules.by_percent(terms):
        return terms
    return _frozen(session, terms, queries.cuts(session, terms, now=now), now)


def _frozen(session: Session, terms: Terms, cuts: Mapping[str, Cut], now: datetime) -> Terms:
    """By what is kept then, which may be another's count."""
    keep(session, terms, cuts, now=now)
    return rules.frozen(terms, queries.cuts(session, terms, now=now))


def keep(session: Session, terms: Terms, cuts: Mapping[str, Cut], *, now: datetime) -> None:
    """What is kept already stays: of two that count at once the first is right."""
    starts_on = queries.period_start(terms, now)
    rows = [
        {
            "starts_on": starts_on,
            "tier_code": cut.code,
            "top_percent": cut.percent,
            "ranked": cut.ranked,
            "amount": cut.amount,
            "created_at": now,
        }
        for cut in cuts.values()
    ]
    insert_many_ignore(session, TierCut, rows)


def publish(session: Session, cuts: Mapping[str, Cut], *, now: datetime) -> int | None:
    """Keep the cuts and publish the terms in force with their thresholds; return the version. None
    when nothing changes (any more). Raises NoProgramme."""
    terms = programme_queries.terms_at(session, now)
    new = _frozen(session, terms, cuts, now)
    if new == terms:
        return None
    said = "、".join(f"{tier.name} {money.show(tier.threshold)}" for tier in rules.by_percent(new))
    return programmes.publish(
        session,
        new,
        starts_at=now,
        actor=ACTOR,
        now=now,
        note=f"重新計算前百分比門檻：{said}"[:500],
    )

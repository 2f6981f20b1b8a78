"""A year in seconds: the whole schedule on a virtual clock, for a few members."""

from collections import Counter
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from app.core.clock import taipei_date
from app.core.db import Database
from app.firings.models import JobRun
from app.insights import checks
from app.lifecycle.models import LifecycleSend
from app.outbox.models import OutboxRow
from app.tiers import queries as tiers
from tests.app.jobs.desk import clockwork
from tests.app.lifecycle.brand import DAY, at, buy, open_brand, person

BEGIN = date(2027, 7, 1)  # so that 29 February 2028 lies within


def _is_run_on(day: date, ahead: int) -> bool:
    """Where the clock stands still on two of three days in the midst of a month, what was missed
    is caught up: the year is the same."""
    return ahead < 10 or day.day <= 3 or ahead % 3 == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_year_passes(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        regular = person(session, joined=BEGIN, birth_month=2, birth_day=29)
        person(session, joined=BEGIN, birth_month=9, birth_day=30)
        person(session, joined=None, friended_at=at(BEGIN, 15))
    works = clockwork(db)
    for ahead in range(380):
        day = BEGIN + ahead * DAY
        if not db.is_sqlite and not _is_run_on(day, ahead):
            continue
        works.run_due(at(day, 10, 6))
        if ahead % 10 == 0:
            works.run_due(at(day, 23))
        if ahead == 3:
            with db.transaction() as session:
                buy(session, regular, day, 6_000)
    with db.reading() as session:
        kinds = Counter(
            session.scalars(
                sa.select(OutboxRow.kind).where(OutboxRow.dedup_key.like("lifecycle:%"))
            )
        )
        queued = session.execute(
            sa.select(LifecycleSend.rule, LifecycleSend.decided_at).where(
                LifecycleSend.status == "queued"
            )
        ).all()
        assert kinds == {
            "not_joined": 2,
            "no_purchase": 2,
            "first_purchase": 1,
            "dormant": 3,
            "birthday": 2,
            "birthday_reminder": 2,
            "coupon_expiring": 2,  # the two birthday gifts, which nobody used
            "points_expiring": 1,  # 30 days before 31 July 2028; day 380 is 15 July
            "tier_expiring": 3,
            "tier_changed": 1,
        }
        assert all(10 <= (row.decided_at + timedelta(hours=8)).hour < 21 for row in queued), (
            "somebody was woken"
        )
        assert [period.reason for period in tiers.history(session, regular)] == [
            "join",
            "upgrade",
            "downgrade",
        ]
        wishes = session.scalars(
            sa.select(LifecycleSend.decided_at)
            .where(LifecycleSend.rule == "birthday", LifecycleSend.status == "queued")
            .order_by(LifecycleSend.decided_at)
        ).all()
        assert [taipei_date(moment) for moment in wishes if moment] == [
            date(2027, 9, 1),
            date(2028, 2, 1),
        ]
        assert checks.broken_invariants(session, now=at(BEGIN + 380 * DAY)) == []
        failed = session.scalars(sa.select(JobRun.error).where(JobRun.status == "failed")).all()
        assert failed == []

"""Journeys of the demonstration: one that has been walked for two months, three that begin now."""

from datetime import datetime, timedelta
from random import Random
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.campaigns.messages import Brand
from app.core.clock import taipei_date
from app.core.db import table_of
from app.journeys import messages, queries, rules, service
from app.journeys.models import MARKS, RUNS
from app.journeys.service import pressing, walking
from app.members.models import Member
from app.outbox.models import SENT, OutboxRow
from app.purchases.models import PURCHASES
from app.seeds import brand
from flex_templates import theme as themes

LIVED_DAYS: Final = 60
PRESSED: Final = 0.24  # of who got a letter
FROM_NOW_ON: Final = ("overdue", "upgraded", "thanks")
JUST_AFTER: Final = timedelta(seconds=5)
_MEMBERS, _OUTBOX = table_of(Member), table_of(OutboxRow)


def write(session: Session, *, rng: Random, now: datetime) -> None:
    """After everybody's purchases; nobody is sent anything now."""
    _lived(session, rng, now)
    for ready in FROM_NOW_ON:
        journey_id = service.begin(session, ready=ready, staff_id=None, now=now)
        service.publish(session, journey_id=journey_id, staff_id=None, now=now)


def _lived(session: Session, rng: Random, now: datetime) -> None:
    """Who bought for the first time entered then, and was taken on day by day."""
    begun = now - timedelta(days=LIVED_DAYS)
    journey_id = service.begin(session, ready="second", staff_id=None, now=begun)
    service.publish(session, journey_id=journey_id, staff_id=None, now=begun)
    _entered(session, journey_id, begun, now)
    # No button of it leads to an address, so that no link has to be signed.
    letterhead = Brand(themes.named("camphor", brand=brand.NAME), "", "")
    for days in range(LIVED_DAYS + 1):
        at = attention.send_time(taipei_date(begun + timedelta(days=days)))
        moment = at + timedelta(hours=1)  # when the plan's waits end
        if moment >= now:
            break
        journey = queries.journey(session, journey_id)
        while walking.walk(session, journey, brand=letterhead, now=moment, limit=500):
            pass
    _taken(session, journey_id)
    _pressed(session, journey_id, rng)


def _entered(session: Session, journey_id: int, begun: datetime, now: datetime) -> None:
    first = (
        sa.select(PURCHASES.c.member_id, sa.func.min(PURCHASES.c.sold_at).label("at"))
        .where(PURCHASES.c.member_id.is_not(None))
        .group_by(PURCHASES.c.member_id)
        .subquery()
    )
    rows = session.execute(
        sa.select(first.c.member_id, first.c.at)
        .join(_MEMBERS, _MEMBERS.c.id == first.c.member_id)
        .where(
            first.c.at >= begun,
            first.c.at < now,
            _MEMBERS.c.status == "member",
            _MEMBERS.c.is_test.is_(False),
        )
        .order_by(first.c.at)
    ).all()
    plan = queries.version(session, journey_id, 1).plan
    entered = [
        {
            "journey_id": journey_id,
            "version": 1,
            "member_id": row.member_id,
            "occasion": "once",
            "round": 1,
            "status": rules.GOING,
            "due_at": row.at + JUST_AFTER,
            "entered_at": row.at + JUST_AFTER,
            "counted_until": row.at + JUST_AFTER + timedelta(days=plan.goal_days),
        }
        for row in rows
    ]
    if entered:
        session.execute(sa.insert(RUNS), entered)


def _taken(session: Session, journey_id: int) -> None:
    """LINE took the letters then."""
    mine = sa.update(_OUTBOX).where(_OUTBOX.c.kind == queries.kind_of(journey_id))
    session.execute(
        mine.values(
            status=SENT,
            attempts=1,
            first_tried_at=_OUTBOX.c.created_at,
            sent_at=_OUTBOX.c.created_at,
            request_id=sa.literal("demo-") + sa.cast(_OUTBOX.c.id, sa.String),
        )
    )


def _pressed(session: Session, journey_id: int, rng: Random) -> None:
    plan = queries.version(session, journey_id, 1).plan
    letters = [step.code for step in rules.each(plan.steps) if step.kind == "letter"]
    rows = session.execute(
        sa.select(RUNS.c.id, RUNS.c.member_id, MARKS.c.step, MARKS.c.at)
        .join_from(MARKS, RUNS, RUNS.c.id == MARKS.c.run_id)
        .where(
            MARKS.c.journey_id == journey_id,
            MARKS.c.step.in_(letters),
            MARKS.c.outcome == queries.QUEUED,
        )
        .order_by(RUNS.c.id, MARKS.c.step)
    ).all()
    for row in rows:
        if rng.random() < PRESSED:
            at = row.at + timedelta(minutes=rng.randint(1, 300))
            ref = messages.ref_of(row.id, row.step)
            pressing.pressed(session, ref, member_id=row.member_id, now=at)

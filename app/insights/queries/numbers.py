"""The numbers of the console's first page. Test members and test friends are never counted."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date, taipei_midnight
from app.core.db import taipei_day
from app.inbox import queries as inbox
from app.members.models import MEMBER, Member
from app.outbox import queries as outbox
from app.purchases.models import Purchase

CHART_DAYS = 30


@dataclass(frozen=True, slots=True)
class People:
    friends: int
    members: int
    joined_today: int
    joined_week: int  # today and the six days before


@dataclass(frozen=True, slots=True)
class Sales:
    """Of members, today in Taipei, less what was refunded of them. NT$."""

    net: int
    count: int
    buyers: int


@dataclass(frozen=True, slots=True)
class Delivery:
    waiting: int
    sent_today: int
    parked: int
    outbox_lag: timedelta
    inbox_waiting: int
    inbox_lag: timedelta
    inbox_parked: int


@dataclass(frozen=True, slots=True)
class DayTotals:
    day: date
    joined: int
    sales: int  # NT$, net


def people(session: Session, *, now: datetime) -> People:
    today = taipei_midnight(taipei_date(now))
    week = today - timedelta(days=6)
    friends, members = session.execute(
        sa.select(_count(Member.is_friend), _count(Member.status == MEMBER)).where(
            Member.is_test.is_(False)
        )
    ).one()
    joined_today, joined_week = session.execute(
        sa.select(_count(Member.joined_at >= today), sa.func.count()).where(
            _joined_between(week, now)
        )
    ).one()
    return People(friends, members, joined_today, joined_week)


def sales(session: Session, *, now: datetime, store_id: int | None = None) -> Sales:
    """Of one store, or of all."""
    today = taipei_midnight(taipei_date(now))
    row = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(Purchase.amount - Purchase.refunded), 0),
            sa.func.count(),
            sa.func.count(Purchase.member_id.distinct()),
        ).where(*_sold_by_members(today, today + timedelta(days=1), store_id))
    ).one()
    return Sales(*tuple(row))


def delivery(session: Session, *, now: datetime) -> Delivery:
    today = taipei_midnight(taipei_date(now))
    out, into = outbox.state(session, since=today, now=now), inbox.state(session)
    return Delivery(
        waiting=out.waiting,
        sent_today=out.sent_since,
        parked=out.parked,
        outbox_lag=_since(out.oldest_due_at, now),
        inbox_waiting=into.waiting,
        inbox_lag=_since(into.oldest_received_at, now),
        inbox_parked=into.parked,
    )


def days(
    session: Session, *, now: datetime, count: int = CHART_DAYS, store_id: int | None = None
) -> list[DayTotals]:
    """One entry per Taipei day, oldest first, the last one today; with the sales of one store, or
    of all."""
    first = taipei_date(now) - timedelta(days=count - 1)
    start, end = taipei_midnight(first), taipei_midnight(taipei_date(now)) + timedelta(days=1)
    joined = _joined_by_day(session, start, end)
    sold = _sold_by_day(session, start, end, store_id)
    all_days = [first + timedelta(days=offset) for offset in range(count)]
    return [DayTotals(day, joined.get(day, 0), sold.get(day, 0)) for day in all_days]


def _count(condition: sa.ColumnElement[bool] | sa.orm.Mapped[bool]) -> sa.ColumnElement[int]:
    return sa.func.count(sa.case((condition, 1)))


def _since(then: datetime | None, now: datetime) -> timedelta:
    return timedelta(0) if then is None else max(now - then, timedelta(0))


def _joined_between(start: datetime, end: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        Member.status == MEMBER,
        Member.joined_at >= start,
        Member.joined_at <= end,
        Member.is_test.is_(False),
    )


def _sold_by_members(
    start: datetime, end: datetime, store_id: int | None
) -> tuple[sa.ColumnElement[bool], ...]:
    here = () if store_id is None else (Purchase.store_id == store_id,)
    return (
        *here,
        Purchase.sold_at >= start,
        Purchase.sold_at < end,
        sa.exists().where(Member.id == Purchase.member_id, Member.is_test.is_(False)),
    )


def _joined_by_day(session: Session, start: datetime, end: datetime) -> dict[date, int]:
    day = taipei_day(Member.joined_at, session.get_bind().dialect.name)
    rows = session.execute(
        sa.select(day.label("day"), sa.func.count())
        .where(_joined_between(start, end))
        .group_by(sa.text("day"))
    )
    return {date.fromisoformat(found): number for found, number in rows}


def _sold_by_day(
    session: Session, start: datetime, end: datetime, store_id: int | None
) -> dict[date, int]:
    rows = session.execute(
        sa.select(Purchase.sold_on, sa.func.sum(Purchase.amount - Purchase.refunded))
        .where(*_sold_by_members(start, end, store_id))
        .group_by(Purchase.sold_on)
    )
    return {day: int(total) for day, total in rows}

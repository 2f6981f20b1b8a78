"""Points given out, by the month they were earned in: what was used, lapsed, is left, and the sales
that gave them. Test members are not counted.

A report over the whole ledger: four passes, however many members there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date, taipei_midnight
from app.core.db import table_of
from app.core.money import round_half_up
from app.insights import rules
from app.insights.rules import Deferral, IssueMonth
from app.members.models import MEMBER, Member
from app.points.models import ENTRIES, LOTS, OPERATIONS
from app.programmes import queries as programmes
from app.programmes.rules import add_months
from app.purchases.models import PURCHASES

_MEMBERS = table_of(Member)
MOST_MONTHS = 120


@dataclass(frozen=True, slots=True)
class MonthShown:
    month: IssueMonth
    deferral: Deferral


@dataclass(frozen=True, slots=True)
class Liability:
    """`outstanding` points of all kinds, worth NT$ `worth` after breakage; `months`, newest first,
    are of points that sales gave, for which NT$ `deferred` of revenue is still set aside."""

    outstanding: int
    pending: int  # of them
    from_gifts: int  # of them: given by staff, missions, friends
    value: float  # NT$ a point
    breakage: Fraction | None
    worth: int
    gross: int  # NT$ before breakage
    deferred: int
    months: tuple[MonthShown, ...]


def liability(session: Session, *, now: datetime) -> Liability:
    value = programmes.terms_at(session, now).points.value
    months = issue_months(session, now=now)
    lapses = rules.expected_breakage(months)
    shown = tuple(
        MonthShown(month, rules.deferral(month, value=value, lapses=lapses))
        for month in reversed(months)
        if month.issued or month.sales
    )
    outstanding, pending, from_gifts = _outstanding(session)
    return Liability(
        outstanding=outstanding,
        pending=pending,
        from_gifts=from_gifts,
        value=value,
        breakage=lapses,
        worth=round_half_up(rules.worth(outstanding, value, lapses)),
        gross=round_half_up(rules.worth(outstanding, value, None)),
        deferred=sum(line.deferral.left for line in shown),
        months=shown,
    )


def issue_months(session: Session, *, now: datetime) -> list[IssueMonth]:
    """Of points that sales gave, oldest first, at most ten years back."""
    starts = list(_starts(session, now))
    if not starts:
        return []
    issued = dict(_lots(session, starts))
    moved = _moved(session, starts)
    sales = dict(_sales(session, starts))
    return [
        _month(first, issued.get(place, (0, 0)), moved.get(place, {}), sales.get(place, 0))
        for place, first in enumerate(starts)
    ]


def _month(first: date, held: tuple[int, int], moved: dict[str, int], sales: int) -> IssueMonth:
    issued, remaining = held
    used = -moved.get("redeem", 0) - moved.get("restore", 0)
    expired = -moved.get("expire", 0)
    return IssueMonth(
        first=first,
        sales=sales,
        issued=issued,
        used=used,
        expired=expired,
        withdrawn=issued - used - expired - remaining,
        remaining=remaining,
    )


def _starts(session: Session, now: datetime) -> Iterator[date]:
    """The first days of the months from the first lot to this month."""
    first = session.scalar(sa.select(sa.func.min(LOTS.c.earned_at)))
    if first is None:
        return
    last = taipei_date(now).replace(day=1)
    month = max(taipei_date(first).replace(day=1), add_months(last, 1 - MOST_MONTHS))
    while month <= last:
        yield month
        month = add_months(month, 1)


def _place(column: Any, starts: Sequence[date]) -> sa.ColumnElement[int]:
    """Which of the months an instant lies in; both databases count months in Taipei alike."""
    ends = [*(taipei_midnight(start) for start in starts[1:])]
    ends.append(taipei_midnight(add_months(starts[-1], 1)) + timedelta(days=1))
    return sa.case(
        *((column < end, place) for place, end in enumerate(ends)), else_=len(starts) - 1
    )


# A lot that was made by giving points back belongs to what its first lot was earned with.
_FIRST = LOTS.alias("first_lots")
_ORIGIN = OPERATIONS.alias("origins")
_IS_GIFT = _ORIGIN.c.kind.in_(("adjust", "award"))
# Who left can use nothing any more.
_LEFT = sa.case((_MEMBERS.c.status == MEMBER, LOTS.c.remaining), else_=0)
_LOTS_OF_PEOPLE = (
    LOTS.outerjoin(_FIRST, _FIRST.c.id == LOTS.c.parent_id)
    .join(
        _ORIGIN,
        _ORIGIN.c.id == sa.func.coalesce(_FIRST.c.operation_id, LOTS.c.operation_id),
    )
    .join(
        _MEMBERS,
        sa.and_(_MEMBERS.c.id == LOTS.c.member_id, _MEMBERS.c.is_test.is_(False)),
    )
)


def _lots(session: Session, starts: Sequence[date]) -> Iterator[tuple[int, tuple[int, int]]]:
    """(month, (points issued, points left))."""
    place = _place(LOTS.c.earned_at, starts).label("place")
    issued = sa.case((LOTS.c.parent_id.is_(None), LOTS.c.quantity), else_=0)
    rows = session.execute(
        sa.select(place, sa.func.sum(issued), sa.func.sum(_LEFT))
        .select_from(_LOTS_OF_PEOPLE)
        .where(~_IS_GIFT)
        .group_by(place)
    )
    return ((row[0], (int(row[1]), int(row[2]))) for row in rows)


def _moved(session: Session, starts: Sequence[date]) -> dict[int, dict[str, int]]:
    """Signed points by month and by the kind of what moved them."""
    place = _place(LOTS.c.earned_at, starts).label("place")
    rows = session.execute(
        sa.select(place, OPERATIONS.c.kind, sa.func.sum(ENTRIES.c.amount))
        .select_from(
            _LOTS_OF_PEOPLE.join(ENTRIES, ENTRIES.c.lot_id == LOTS.c.id).join(
                OPERATIONS, OPERATIONS.c.id == ENTRIES.c.operation_id
            )
        )
        .where(OPERATIONS.c.kind.in_(("redeem", "restore", "expire")), ~_IS_GIFT)
        .group_by(place, OPERATIONS.c.kind)
    )
    found: dict[int, dict[str, int]] = {}
    for place_of, kind, points in rows:
        found.setdefault(place_of, {})[kind] = int(points)
    return found


def _sales(session: Session, starts: Sequence[date]) -> Iterator[tuple[int, int]]:
    """(month, NT$ net of what members bought in it)."""
    place = _place(PURCHASES.c.sold_at, starts).label("place")
    rows = session.execute(
        sa.select(place, sa.func.sum(PURCHASES.c.amount - PURCHASES.c.refunded))
        .join(_MEMBERS, _MEMBERS.c.id == PURCHASES.c.member_id)
        .where(_MEMBERS.c.is_test.is_(False), PURCHASES.c.sold_at >= taipei_midnight(starts[0]))
        .group_by(place)
    )
    return ((row[0], int(row[1])) for row in rows)


def _outstanding(session: Session) -> tuple[int, int, int]:
    """(points that members hold, of them pending, of them not from sales)."""

    def total(condition: Any) -> Any:
        part = sa.case((condition, _LEFT), else_=0)
        return sa.func.coalesce(sa.func.sum(part), 0)

    row = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(_LEFT), 0),
            total(~LOTS.c.is_active),
            total(_IS_GIFT),
        )
        .select_from(_LOTS_OF_PEOPLE)
        .where(LOTS.c.remaining > 0)
    ).one()
    return int(row[0]), int(row[1]), int(row[2])

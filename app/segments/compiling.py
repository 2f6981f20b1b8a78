"""A tree of conditions as one SQL condition on `members.id`.

What has to be added up is one grouped subquery a condition, so the database reads each table once
however many members there are. A least amount asks who is in, a most who is not out, so that
members with nothing at all are found, too."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from app.attention.models import MARKETING_DAYS
from app.core.clock import taipei_date, taipei_midnight
from app.core.db import day_number, table_of
from app.coupons.models import COUPONS, ISSUED, KINDS
from app.members.models import Member
from app.points.models import ACCOUNTS, LOTS
from app.purchases.models import DAYS, ITEMS, PURCHASES, TOTALS
from app.scores.models import SCORES
from app.segments.rules import THIS_MONTH, Condition, Group, Part
from app.staff.models import Store
from app.tags import queries as tags
from app.tags.models import MEMBER_TAGS
from app.tiers.models import PERIODS

_MEMBERS, _STORES = table_of(Member), table_of(Store)
DAY = timedelta(days=1)
Chosen = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class _At:
    """`among`: only these members are asked about, so that nobody else is read."""

    now: datetime
    among: Sequence[int] | None = None

    @property
    def today(self) -> date:
        return taipei_date(self.now)

    def since(self, condition: Condition) -> date | None:
        """The first of the condition's days."""
        return None if condition.days is None else self.today - (condition.days - 1) * DAY

    def in_days(self, days: int) -> datetime:
        """The first instant after so many whole days from today on."""
        return taipei_midnight(self.today + (days + 1) * DAY)


def members(group: Group, *, now: datetime) -> sa.Select[Any]:
    """The ids of the members who are meant; test members never are."""
    return sa.select(_MEMBERS.c.id).where(
        _MEMBERS.c.status == "member", _MEMBERS.c.is_test.is_(False), where(group, now=now)
    )


def where(group: Group, *, now: datetime, among: Sequence[int] | None = None) -> Chosen:
    return _group(group, _At(now, among))


def which(group: Group, member_ids: Sequence[int], *, now: datetime) -> sa.Select[Any]:
    """The ids of those of some members who are meant, whatever they are; what it costs depends on
    how many are asked about, not on how many there are."""
    chosen = where(group, now=now, among=member_ids)
    return sa.select(_MEMBERS.c.id).where(_MEMBERS.c.id.in_(member_ids), chosen)


def _group(group: Group, at: _At) -> Chosen:
    parts = [_part(part, at) for part in group.parts]
    if group.match == "all":
        return sa.and_(sa.true(), *parts)
    if not parts:
        return sa.true() if group.match == "none" else sa.false()
    return sa.not_(sa.or_(*parts)) if group.match == "none" else sa.or_(*parts)


def _part(part: Part, at: _At) -> Chosen:
    return _group(part, at) if isinstance(part, Group) else _COMPILED[part.of](part, at)


# Sums ---------------------------------------------------------------------------------------------


def _in(at: _At, query: sa.Select[Any]) -> Chosen:
    """The first column of `query` names the members."""
    if at.among is not None:
        (member, *_) = query.selected_columns
        query = query.where(member.in_(at.among))
    return _MEMBERS.c.id.in_(query)


def _summed(
    condition: Condition, at: _At, member: sa.ColumnElement[Any], amount: Any, *where: Chosen
) -> Chosen:
    """Who has no sum at all counts as having nothing."""
    query = sa.select(member).where(member.is_not(None), *where).group_by(member)
    least, most = condition.at_least or 0, condition.at_most
    found: list[Chosen] = [_in(at, query.having(amount >= least))] if least > 0 else []
    if most is not None:
        found.append(sa.not_(_in(at, query.having(amount > most))))
    return sa.and_(sa.true(), *found)


def _spend(condition: Condition, at: _At) -> Chosen:
    return _sales_sum(condition, at, TOTALS.c.net, sa.func.sum(DAYS.c.net))


def _visits(condition: Condition, at: _At) -> Chosen:
    return _sales_sum(condition, at, TOTALS.c.days, sa.func.sum(sa.case((DAYS.c.net > 0, 1))))


def _purchases(condition: Condition, at: _At) -> Chosen:
    return _sales_sum(condition, at, TOTALS.c["count"], sa.func.sum(DAYS.c["count"]))


def _sales_sum(
    condition: Condition, at: _At, ever: sa.ColumnElement[Any], within: sa.ColumnElement[Any]
) -> Chosen:
    """Without a span the running totals say it. With one, only those are added up whose totals
    allow it: no sum of some days is more than that of all, nor is any after the last."""
    since = at.since(condition)
    least, most = condition.at_least or 0, condition.at_most

    def more_than(amount: int) -> Chosen:
        may = sa.select(TOTALS.c.member_id).where(ever > amount)
        if since is None:
            return _in(at, may)
        return _in(
            at,
            sa.select(DAYS.c.member_id)
            .where(
                DAYS.c.member_id.in_(may.where(TOTALS.c.last_day >= since)),
                DAYS.c.day >= since,
                DAYS.c.day <= at.today,
            )
            .group_by(DAYS.c.member_id)
            .having(within > amount),
        )

    found: list[Chosen] = [more_than(least - 1)] if least > 0 else []
    if most is not None:
        found.append(sa.not_(more_than(most)))
    return sa.and_(sa.true(), *found)


def _marketing(condition: Condition, at: _At) -> Chosen:
    since = at.since(condition) or date.min
    booked = (MARKETING_DAYS.c.day >= since, MARKETING_DAYS.c.day <= at.today)
    return _summed(condition, at, MARKETING_DAYS.c.member_id, sa.func.count(), *booked)


def _points(condition: Condition, at: _At) -> Chosen:
    return _summed(condition, at, ACCOUNTS.c.member_id, sa.func.sum(ACCOUNTS.c.balance))


def _points_expiring(condition: Condition, at: _At) -> Chosen:
    return _summed(
        condition,
        at,
        LOTS.c.member_id,
        sa.func.sum(LOTS.c.remaining),
        LOTS.c.remaining > 0,
        LOTS.c.is_active.is_(True),
        LOTS.c.expires_at > at.now,
        LOTS.c.expires_at <= at.in_days(condition.days or 0),
    )


# Ages ---------------------------------------------------------------------------------------------


def _ago(condition: Condition, day: sa.ColumnElement[Any], at: _At) -> Chosen:
    """Days since the first or the last purchase day; nobody without any."""
    query = sa.select(TOTALS.c.member_id).where(day.is_not(None))
    if condition.at_least is not None:
        query = query.where(day <= at.today - condition.at_least * DAY)
    if condition.at_most is not None:
        query = query.where(day >= at.today - condition.at_most * DAY)
    return _in(at, query)


def _cycle(condition: Condition, at: _At) -> Chosen:
    """Days since the last purchase day, in percent of the member's own usual gap: (last − first
    day) / (days − 1). Nobody with fewer than two days has one."""
    first, last, days = TOTALS.c.first_day, TOTALS.c.last_day, TOTALS.c.days
    today = day_number(sa.literal(at.today, sa.Date))
    since = sa.cast(today - day_number(last), sa.BigInteger) * (days - 1) * 100
    span = sa.cast(day_number(last) - day_number(first), sa.BigInteger)
    query = sa.select(TOTALS.c.member_id).where(days >= 2)
    if condition.at_least is not None:
        query = query.where(since >= condition.at_least * span)
    if condition.at_most is not None:
        query = query.where(since <= condition.at_most * span)
    return _in(at, query)


def _scored(condition: Condition, at: _At, value: sa.ColumnElement[Any]) -> Chosen:
    """Of the last night's scores; nobody without any."""
    query = sa.select(SCORES.c.member_id).where(SCORES.c.nes.is_not(None))
    if condition.at_least is not None:
        query = query.where(value >= condition.at_least)
    if condition.at_most is not None:
        query = query.where(value <= condition.at_most)
    return _in(at, query)


def _next(condition: Condition, at: _At) -> Chosen:
    """Days until the last purchase and the usual gap are over; less than none counts as none. Who
    came once has no gap of their own."""
    today = day_number(sa.literal(at.today, sa.Date))
    gap = sa.cast((SCORES.c.cycle + 50) // 100, sa.Integer)
    days = sa.cast(day_number(SCORES.c.last_day) - today, sa.Integer) + gap
    return _scored(condition, at, sa.case((days > 0, days), (days <= 0, 0)))


def _joined(condition: Condition, at: _At) -> Chosen:
    found: list[Chosen] = [_MEMBERS.c.joined_at.is_not(None)]
    if condition.at_least is not None:
        last = at.today - condition.at_least * DAY
        found.append(_MEMBERS.c.joined_at < taipei_midnight(last + DAY))
    if condition.at_most is not None:
        first = at.today - condition.at_most * DAY
        found.append(_MEMBERS.c.joined_at >= taipei_midnight(first))
    return sa.and_(*found)


def _tier_ends(condition: Condition, at: _At) -> Chosen:
    """Whole days left after today; tiers without an end never count."""
    query = sa.select(PERIODS.c.member_id).where(
        PERIODS.c.closed_at.is_(None), PERIODS.c.ends_at > at.now
    )
    if condition.at_least is not None:
        query = query.where(PERIODS.c.ends_at >= at.in_days(condition.at_least))
    if condition.at_most is not None:
        query = query.where(PERIODS.c.ends_at <= at.in_days(condition.at_most))
    return _in(at, query)


# Choices ------------------------------------------------------------------------------------------


def _tier(condition: Condition, at: _At) -> Chosen:
    return _in(
        at,
        sa.select(PERIODS.c.member_id).where(
            PERIODS.c.closed_at.is_(None), PERIODS.c.tier_code.in_(condition.any_of)
        ),
    )


def _sales(condition: Condition, at: _At) -> sa.Select[Any]:
    since = at.since(condition)
    query = sa.select(PURCHASES.c.member_id).where(
        PURCHASES.c.member_id.is_not(None), PURCHASES.c.amount > PURCHASES.c.refunded
    )
    return query if since is None else query.where(PURCHASES.c.sold_at >= taipei_midnight(since))


def _bought(condition: Condition, at: _At) -> Chosen:
    wanted = sa.or_(ITEMS.c.sku.in_(condition.any_of), ITEMS.c.category.in_(condition.any_of))
    query = _sales(condition, at).join(ITEMS, ITEMS.c.purchase_id == PURCHASES.c.id)
    return _in(at, query.where(wanted))


def _store(condition: Condition, at: _At) -> Chosen:
    query = _sales(condition, at).join(_STORES, _STORES.c.id == PURCHASES.c.store_id)
    return _in(at, query.where(_STORES.c.code.in_(condition.any_of)))


def _coupon(condition: Condition, at: _At) -> Chosen:
    return _in(
        at,
        sa.select(COUPONS.c.member_id)
        .join_from(COUPONS, KINDS, KINDS.c.id == COUPONS.c.kind_id)
        .where(
            COUPONS.c.member_id.is_not(None),
            COUPONS.c.status == ISSUED,
            COUPONS.c.usable_from <= at.now,
            sa.or_(COUPONS.c.expires_at.is_(None), COUPONS.c.expires_at > at.now),
            KINDS.c.code.in_(condition.any_of),
        ),
    )


def _known(column: sa.ColumnElement[Any], chosen: Chosen) -> Chosen:
    """Who never said is not chosen, and so is left in where the choice is left out: a bare NULL
    would be neither."""
    return sa.and_(column.is_not(None), chosen)


def _birth_month(condition: Condition, at: _At) -> Chosen:
    months = {at.today.month if code == THIS_MONTH else int(code) for code in condition.any_of}
    return _known(_MEMBERS.c.birth_month, _MEMBERS.c.birth_month.in_(sorted(months)))


def _city(condition: Condition, at: _At) -> Chosen:
    """臺 and 台 are one letter here."""
    plain = sa.func.replace(_MEMBERS.c.city, "台", "臺")
    wanted = [city.replace("台", "臺") for city in condition.any_of]
    return _known(_MEMBERS.c.city, plain.in_(wanted))


def _gender(condition: Condition, at: _At) -> Chosen:
    return _known(_MEMBERS.c.gender, _MEMBERS.c.gender.in_(condition.any_of))


def _source(condition: Condition, at: _At) -> Chosen:
    return _known(_MEMBERS.c.join_source, _MEMBERS.c.join_source.in_(condition.any_of))


def _sample(condition: Condition, at: _At) -> Chosen:
    """The same members each time. Their ids run on, so they are stirred first."""
    stirred = _MEMBERS.c.id * 48_271 % 2_147_483_647 % 100
    return stirred < (100 if condition.at_most is None else condition.at_most)


def _group_or_state(condition: Condition, at: _At, column: sa.ColumnElement[Any]) -> Chosen:
    return _in(at, sa.select(SCORES.c.member_id).where(column.in_(condition.any_of)))


def _tag(condition: Condition, at: _At) -> Chosen:
    ids = [int(code) for code in condition.any_of]
    return _in(
        at,
        sa.select(MEMBER_TAGS.c.member_id).where(
            MEMBER_TAGS.c.tag_id.in_(ids), tags.is_worn(at.now)
        ),
    )


_COMPILED: Final[Mapping[str, Callable[[Condition, _At], Chosen]]] = {
    "tier": _tier,
    "spend": _spend,
    "visits": _visits,
    "purchases": _purchases,
    "cycle": _cycle,
    "last_visit": lambda condition, at: _ago(condition, TOTALS.c.last_day, at),
    "first_visit": lambda condition, at: _ago(condition, TOTALS.c.first_day, at),
    "rfm": lambda condition, at: _group_or_state(condition, at, SCORES.c.rfm),
    "nes": lambda condition, at: _group_or_state(condition, at, SCORES.c.nes),
    "r": lambda condition, at: _scored(condition, at, SCORES.c.r),
    "f": lambda condition, at: _scored(condition, at, SCORES.c.f),
    "m": lambda condition, at: _scored(condition, at, SCORES.c.m),
    "fm": lambda condition, at: _scored(condition, at, (SCORES.c.f + SCORES.c.m + 1) // 2),
    "gap": lambda condition, at: _scored(condition, at, (SCORES.c.cycle + 50) // 100),
    "next": _next,
    "ltv": lambda condition, at: _scored(condition, at, SCORES.c.ltv),
    "alive": lambda condition, at: _scored(condition, at, SCORES.c.alive),
    "bought": _bought,
    "store": _store,
    "points": _points,
    "points_expiring": _points_expiring,
    "coupon": _coupon,
    "tier_ends": _tier_ends,
    "joined": _joined,
    "birth_month": _birth_month,
    "city": _city,
    "gender": _gender,
    "source": _source,
    "tag": _tag,
    "marketing": _marketing,
    "sample": _sample,
}

"""The list of members: searched, filtered, paged by key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import text
from app.core.db import begins_with, table_of
from app.core.errors import Invalid
from app.members.models import Member
from app.points.models import PointAccount
from app.tiers.models import TierPeriod

PAGE = 50


@dataclass(frozen=True, slots=True)
class Listed:
    id: int
    number: str | None
    status: str
    name: str | None
    display_name: str | None
    phone: str | None
    is_friend: bool
    tier_code: str | None
    balance: int  # points, as last settled
    joined_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list is asked for. `by_name` and `by_phone` say what the reader may search by:
    somebody who must not see names must not find out by searching for them either."""

    words: str = ""
    status: str = ""
    tier: str = ""
    by_name: bool = True
    by_phone: bool = True
    among: sa.Select[Any] | Sequence[int] | None = None  # ids of members, such as a segment's


@dataclass(frozen=True, slots=True)
class Page:
    rows: tuple[Listed, ...]
    next_before: int | None  # the key of the next page; None on the last


def members(
    session: Session, wanted: Wanted, *, before_id: int | None = None, limit: int = PAGE
) -> Page:
    """Newest people first."""
    query = (
        sa.select(
            Member.id,
            Member.number,
            Member.status,
            Member.name,
            Member.display_name,
            Member.phone,
            Member.is_friend,
            TierPeriod.tier_code,
            sa.func.coalesce(PointAccount.balance, 0),
            Member.joined_at,
            Member.created_at,
        )
        .outerjoin(
            TierPeriod,
            sa.and_(TierPeriod.member_id == Member.id, TierPeriod.closed_at.is_(None)),
        )
        .outerjoin(PointAccount, PointAccount.member_id == Member.id)
        .where(*_conditions(wanted))
        .order_by(Member.id.desc())
        .limit(limit + 1)
    )
    if before_id is not None:
        query = query.where(Member.id < before_id)
    rows = [Listed(*tuple(row)) for row in session.execute(query)]
    has_more = len(rows) > limit
    rows = rows[:limit]
    return Page(tuple(rows), rows[-1].id if has_more else None)


def count(session: Session, wanted: Wanted) -> int:
    """How many the whole list has."""
    query = sa.select(sa.func.count()).select_from(Member)
    if wanted.tier:
        query = query.join(
            TierPeriod,
            sa.and_(TierPeriod.member_id == Member.id, TierPeriod.closed_at.is_(None)),
        )
    return session.scalars(query.where(*_conditions(wanted))).one()


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    conditions = []
    if wanted.status:
        conditions.append(Member.status == wanted.status)
    if wanted.tier:
        conditions.append(TierPeriod.tier_code == wanted.tier)
    if wanted.among is not None:
        conditions.append(Member.id.in_(wanted.among))
    words = " ".join(text.half_width(wanted.words).split())
    if words:
        conditions.append(_found_by(words, wanted))
    return conditions


def _found_by(words: str, wanted: Wanted) -> sa.ColumnElement[bool]:
    try:
        return Member.number == text.parse_member_number(words)
    except Invalid:
        pass
    if wanted.by_phone:
        try:
            return Member.phone == text.parse_phone(words)
        except Invalid:
            pass
    if not wanted.by_name:
        return sa.false()
    return named(words)


# Words inside a name are looked for among so many of the newest people: on a million, a look at
# every name takes seconds. How a name begins is found among all of them, by an index.
NEWEST: Final = 20_000
_NAMED: Final = table_of(Member).alias("named")
_COLUMNS: Final = (_NAMED.c.name, _NAMED.c.display_name)


def named(words: str) -> sa.ColumnElement[bool]:
    """Whose name or LINE name begins with the words; of the newest people also whose name has them
    anywhere."""
    spellings = sorted({words, words.replace("臺", "台"), words.replace("台", "臺")})
    cases = sorted({one for word in spellings for one in (word, word.lower(), word.title())})
    newest = sa.select(sa.func.max(_NAMED.c.id) - NEWEST).scalar_subquery()
    anywhere = (column.icontains(one, autoescape=True) for one in spellings for column in _COLUMNS)
    # One look by index each: joined by OR, SQLite would rather read every member in order.
    looks = [
        *(begins_with(column, one) for one in cases for column in _COLUMNS),
        sa.and_(_NAMED.c.id > newest, sa.or_(*anywhere)),
    ]
    return Member.id.in_(sa.union(*(sa.select(_NAMED.c.id).where(look) for look in looks)))

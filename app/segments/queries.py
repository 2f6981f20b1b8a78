"""Segments that were kept; who is in one, counted and shown; what can be chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import table_of
from app.core.errors import NotFound
from app.core.text import CITIES
from app.coupons import queries as coupons
from app.members.models import Member
from app.programmes import queries as programmes
from app.programmes.queries import NoProgramme
from app.scores.rules import GROUPS, NES
from app.segments import compiling, rules
from app.segments.models import SEGMENTS
from app.segments.rules import THIS_MONTH, Group
from app.staff import queries as staff
from app.tags import queries as tags

_MEMBERS = table_of(Member)
MOST_SOURCES: Final = 50
GENDERS: Final = {"female": "女", "male": "男", "undisclosed": "不透露"}


@dataclass(frozen=True, slots=True)
class SegmentShown:
    id: int
    name: str
    version: int
    tree: Group
    is_active: bool
    changed_at: datetime


_SHOWN = sa.select(
    SEGMENTS.c.id,
    SEGMENTS.c.name,
    SEGMENTS.c.version,
    SEGMENTS.c.tree,
    SEGMENTS.c.is_active,
    SEGMENTS.c.changed_at,
)


def segments(session: Session) -> list[SegmentShown]:
    """Those in use, by name."""
    rows = session.execute(_SHOWN.where(SEGMENTS.c.is_active.is_(True)).order_by(SEGMENTS.c.name))
    return [_shown(row) for row in rows]


def segment(session: Session, segment_id: int) -> SegmentShown:
    """Raises NotFound."""
    row = session.execute(_SHOWN.where(SEGMENTS.c.id == segment_id)).one_or_none()
    if row is None:
        raise NotFound("segment", segment_id)
    return _shown(row)


def _shown(row: Any) -> SegmentShown:
    return SegmentShown(
        row.id, row.name, row.version, rules.from_document(row.tree), row.is_active, row.changed_at
    )


# Who is in it -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Size:
    """Members who are meant, and those of them who may be sent marketing: friends who agreed."""

    members: int
    reachable: int


def size(session: Session, group: Group, *, now: datetime) -> Size:
    """One statement, however many members there are."""
    return size_of(session, compiling.members(group, now=now))


def size_of(session: Session, members: sa.Select[Any]) -> Size:
    """Of any statement that gives members' ids."""
    make_room(session)
    row = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(sa.case((reachable(), 1), else_=0)), 0),
        ).where(_MEMBERS.c.id.in_(members))
    ).one()
    return Size(int(row[0]), int(row[1]))


def reachable() -> sa.ColumnElement[bool]:
    """Of a member: a friend on LINE who agreed to marketing."""
    return sa.and_(
        _MEMBERS.c.is_friend.is_(True),
        _MEMBERS.c.line_user_id.is_not(None),
        _MEMBERS.c.marketing_ok.is_(True),
    )


def some(session: Session, group: Group, *, now: datetime, limit: int = 5) -> list[int]:
    """Ids of a few members who are meant, the newest first."""
    return ids(
        session, compiling.members(group, now=now).order_by(_MEMBERS.c.id.desc()).limit(limit)
    )


def ids(session: Session, members: sa.Select[Any]) -> list[int]:
    """What any statement that gives members' ids gives."""
    make_room(session)
    return list(session.scalars(members))


def which(session: Session, group: Group, member_ids: Sequence[int], *, now: datetime) -> set[int]:
    """Those of some members who are meant."""
    return set(session.scalars(compiling.which(group, member_ids, now=now)))


_ROOM = sa.text("SET LOCAL work_mem = '256MB'")


def make_room(session: Session) -> None:
    """Until the transaction ends. PostgreSQL answers "not among these" from a set in memory while
    that fits, 32 bytes a member; else it reads the whole list anew for every member, for hours."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_ROOM)


# What can be chosen -------------------------------------------------------------------------------


def choices(session: Session, *, now: datetime) -> Mapping[str, Mapping[str, str]]:
    """Names by code, by the kind of choice."""
    try:
        tiers = {tier.code: tier.name for tier in programmes.terms_at(session, now).tiers}
    except NoProgramme:
        tiers = {}
    sources = session.scalars(
        sa.select(_MEMBERS.c.join_source)
        .where(_MEMBERS.c.join_source.is_not(None))
        .distinct()
        .order_by(_MEMBERS.c.join_source)
        .limit(MOST_SOURCES)
    )
    return {
        "tier": tiers,
        "city": {city: city for city in CITIES},
        "gender": GENDERS,
        "month": {THIS_MONTH: "本月", **{str(month): f"{month} 月" for month in range(1, 13)}},
        "store": {store.code: store.name for store in staff.open_stores(session)},
        "coupon": coupons.names(session),
        "source": {source: source for source in sources},
        "tag": tags.names(session),
        "rfm": {code: group.name for code, group in GROUPS.items()},
        "nes": {code: f"{code} {name}" for code, name in NES.items()},
    }

"""Which tags there are, how many wear each, and which a member wears."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.tags.models import MEMBER_TAGS, TAGS


@dataclass(frozen=True, slots=True)
class TagShown:
    id: int
    name: str
    created_at: datetime


_SHOWN = sa.select(TAGS.c.id, TAGS.c.name, TAGS.c.created_at)


def tags(session: Session) -> list[TagShown]:
    """Those in use, by name."""
    rows = session.execute(_SHOWN.where(TAGS.c.is_active.is_(True)).order_by(TAGS.c.name))
    return [TagShown(*tuple(row)) for row in rows]


def tag(session: Session, tag_id: int) -> TagShown:
    """Raises NotFound, also for one that was removed."""
    row = session.execute(
        _SHOWN.where(TAGS.c.id == tag_id, TAGS.c.is_active.is_(True))
    ).one_or_none()
    if row is None:
        raise NotFound("tag", tag_id)
    return TagShown(*tuple(row))


def names(session: Session) -> dict[str, str]:
    """By id as text: what can be chosen."""
    return {str(tag.id): tag.name for tag in tags(session)}


def is_worn(now: datetime | sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Of a row of `member_tags`: it counts now."""
    return sa.or_(MEMBER_TAGS.c.expires_at.is_(None), MEMBER_TAGS.c.expires_at > now)


def counts(session: Session, *, now: datetime) -> Mapping[int, int]:
    """Members by tag, in one pass."""
    rows = session.execute(
        sa.select(MEMBER_TAGS.c.tag_id, sa.func.count())
        .where(is_worn(now))
        .group_by(MEMBER_TAGS.c.tag_id)
    )
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True, slots=True)
class TagWorn:
    id: int
    name: str
    source: str
    at: datetime
    expires_at: datetime | None


def worn_by(session: Session, member_id: int, *, now: datetime) -> list[TagWorn]:
    """By name."""
    rows = session.execute(
        sa.select(
            TAGS.c.id,
            TAGS.c.name,
            MEMBER_TAGS.c.source,
            MEMBER_TAGS.c.at,
            MEMBER_TAGS.c.expires_at,
        )
        .join_from(MEMBER_TAGS, TAGS, TAGS.c.id == MEMBER_TAGS.c.tag_id)
        .where(MEMBER_TAGS.c.member_id == member_id, is_worn(now))
        .order_by(TAGS.c.name)
    )
    return [TagWorn(*tuple(row)) for row in rows]

"""Make tags, put them on members, take them off."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core.db import changed, insert_for, table_of
from app.core.errors import Conflict, NotFound
from app.core.prepared import Prepared, among
from app.members.models import Member
from app.tags import queries, rules
from app.tags.models import MEMBER_TAGS, TAGS, Tag

_MEMBERS = table_of(Member)


def make(session: Session, *, name: str, now: datetime) -> int:
    """The tag of that name, made if there is none yet. Raises Invalid."""
    named = rules.named(name)
    insert = insert_for(session, Tag).on_conflict_do_nothing(index_elements=["name"])
    session.execute(insert, {"name": named, "is_active": True, "created_at": now})
    return int(session.execute(sa.select(TAGS.c.id).where(TAGS.c.name == named)).scalar_one())


def rename(session: Session, *, tag_id: int, name: str) -> None:
    """Raises Invalid, Conflict for a name that another tag has, NotFound."""
    named = rules.named(name)
    other = session.scalar(sa.select(TAGS.c.id).where(TAGS.c.name == named))
    if other not in (None, tag_id):
        raise Conflict("name", named)
    _change(session, tag_id, name=named)


def remove(session: Session, *, tag_id: int) -> int:
    """Take it off everybody and offer it no more; return how many wore it. Raises NotFound."""
    freed = sa.func.substr(TAGS.c.name, 1, 40).concat(f" #{tag_id}")
    _change(session, tag_id, is_active=False, name=freed)
    return changed(session, sa.delete(MEMBER_TAGS).where(MEMBER_TAGS.c.tag_id == tag_id))


def _change(session: Session, tag_id: int, **values: object) -> None:
    mine = sa.update(TAGS).where(TAGS.c.id == tag_id, TAGS.c.is_active.is_(True))
    if not changed(session, mine.values(**values)):
        raise NotFound("tag", tag_id)


_ASKED = sa.select(
    sa.bindparam("tag", type_=sa.BigInteger),
    _MEMBERS.c.id,
    sa.bindparam("source", type_=sa.String),
    sa.bindparam("source_id", type_=sa.BigInteger),
    sa.bindparam("staff", type_=sa.BigInteger),
    sa.bindparam("at", type_=MEMBER_TAGS.c.at.type),
    sa.bindparam("until", type_=MEMBER_TAGS.c.expires_at.type),
).where(among(_MEMBERS.c.id, "members"), _MEMBERS.c.status == "member")
_COLUMNS = ["tag_id", "member_id", "source", "source_id", "staff_id", "at", "expires_at"]
# Worn already, it lasts as long as the longer of the two says; NULL is for ever.
_LONGER = sa.case(
    (sa.or_(MEMBER_TAGS.c.expires_at.is_(None), sa.literal_column("excluded.expires_at").is_(None)),
     sa.null()),
    (MEMBER_TAGS.c.expires_at >= sa.literal_column("excluded.expires_at"),
     MEMBER_TAGS.c.expires_at),
    else_=sa.literal_column("excluded.expires_at"),
)  # fmt: skip
_PUT = Prepared(
    {
        dialect: insert(MEMBER_TAGS)
        .from_select(_COLUMNS, _ASKED.order_by(_MEMBERS.c.id))
        .on_conflict_do_update(index_elements=["tag_id", "member_id"], set_={"expires_at": _LONGER})
        for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
    }
)


def put(
    session: Session,
    *,
    tag_id: int,
    member_ids: Sequence[int],
    source: rules.Source,
    now: datetime,
    source_id: int | None = None,
    staff_id: int | None = None,
    until: datetime | None = None,
) -> int:
    """Put a tag on members, until an instant or for ever; return how many wear it for it. Who wears
    it already keeps the longer time. Raises NotFound."""
    queries.tag(session, tag_id)
    values = {
        "tag": tag_id,
        "members": list(member_ids),
        "source": source,
        "source_id": source_id,
        "staff": staff_id,
        "at": now,
        "until": until,
    }
    return _PUT.changed(session, values)


def take_off(session: Session, *, tag_id: int, member_id: int) -> bool:
    """False when they did not wear it."""
    mine = sa.delete(MEMBER_TAGS).where(
        MEMBER_TAGS.c.tag_id == tag_id, MEMBER_TAGS.c.member_id == member_id
    )
    return bool(changed(session, mine))


def strip(session: Session, *, member_id: int) -> None:
    """Take everything off somebody who was wiped."""
    changed(session, sa.delete(MEMBER_TAGS).where(MEMBER_TAGS.c.member_id == member_id))


def forget_old(session: Session, *, now: datetime) -> int:
    """Drop what is over; nobody wears it any more."""
    return changed(session, sa.delete(MEMBER_TAGS).where(MEMBER_TAGS.c.expires_at <= now))

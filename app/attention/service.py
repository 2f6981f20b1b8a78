"""Who gets marketing on which day: at most one message a Taipei day and three in seven days."""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.attention import rules
from app.attention.models import MARKETING_DAYS
from app.core.db import changed, table_of
from app.core.prepared import Prepared, among
from app.members.models import Member

_MEMBERS = table_of(Member)
_DAY = sa.bindparam("day", type_=sa.Date)
_AFTER = sa.bindparam("after", type_=sa.Date)
_IN_THE_WEEK = (
    sa.select(sa.func.count())
    .where(
        MARKETING_DAYS.c.member_id == _MEMBERS.c.id,
        MARKETING_DAYS.c.day > _AFTER,
        MARKETING_DAYS.c.day <= _DAY,
    )
    .correlate(_MEMBERS)
    .scalar_subquery()
)


def _taking(what: sa.ColumnElement[str]) -> Prepared:
    """Book a day of members. The unique key holds "one a day", the count inside the INSERT "three
    in seven days": two at once can only meet on the same day, where the key lets one through."""
    free = (
        sa.select(_MEMBERS.c.id, _DAY, what)
        .where(among(_MEMBERS.c.id, "members"), _IN_THE_WEEK < rules.PER_WEEK)
        .order_by(_MEMBERS.c.id)
    )
    return Prepared(
        {
            dialect: insert(MARKETING_DAYS)
            .from_select(["member_id", "day", "what"], free)
            .on_conflict_do_nothing()
            .returning(MARKETING_DAYS.c.member_id)
            for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
        }
    )


_WHAT = sa.bindparam("what", type_=sa.String)
_TAKE, _TAKE_ALL = _taking(_WHAT), _taking(_WHAT + sa.cast(_MEMBERS.c.id, sa.String))


def take_day(session: Session, *, member_id: int, day: date, what: str) -> bool:
    """Book the member's day for one marketing message. False when it may not be."""
    return bool(_TAKE.rows(session, _booking([member_id], day, what)))


def take_days(
    session: Session, *, member_ids: Sequence[int], day: date, what_prefix: str
) -> set[int]:
    """`take_day` for many in one statement: those whose day it was. What is sent to each is the
    prefix with the member's id."""
    taken = _TAKE_ALL.rows(session, _booking(member_ids, day, what_prefix))
    return {member_id for (member_id,) in taken}


def _booking(member_ids: Sequence[int], day: date, what: str) -> dict[str, object]:
    after = day - rules.WEEK * rules.DAY
    return {"members": list(member_ids), "day": day, "after": after, "what": what}


def give_back(session: Session, *, member_id: int, day: date, what: str) -> None:
    """The booked message was not sent after all."""
    _give(session, [member_id], day, sa.literal(what))


def give_all_back(
    session: Session, *, member_ids: Sequence[int], day: date, what_prefix: str
) -> None:
    """`give_back` for many, as `take_days` took them."""
    member = sa.cast(MARKETING_DAYS.c.member_id, sa.String)
    _give(session, member_ids, day, sa.literal(what_prefix) + member)


def _give(
    session: Session, member_ids: Sequence[int], day: date, what: sa.ColumnElement[str]
) -> None:
    mine = sa.delete(MARKETING_DAYS).where(
        MARKETING_DAYS.c.member_id.in_(member_ids),
        MARKETING_DAYS.c.day == day,
        MARKETING_DAYS.c.what == what,
    )
    changed(session, mine)


def next_day(session: Session, *, member_id: int, today: date) -> date | None:
    """The first day from tomorrow on that has room; None when that is more than a week away."""
    booked = session.scalars(
        sa.select(MARKETING_DAYS.c.day).where(
            MARKETING_DAYS.c.member_id == member_id,
            MARKETING_DAYS.c.day > today - rules.WEEK * rules.DAY,
        )
    )
    return rules.free_day(set(booked), today + rules.DAY)

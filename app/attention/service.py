"""Who gets marketing on which day: at most one message a Taipei day and three in seven days."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import rules
from app.attention.models import MARKETING_DAYS, MarketingDay
from app.core.db import changed, insert_for, inserted

_MEMBER = sa.bindparam("member_id", type_=sa.BigInteger)
_DAY = sa.bindparam("day", type_=sa.Date)
_AFTER = sa.bindparam("after", type_=sa.Date)
_IN_THE_WEEK = (
    sa.select(sa.func.count())
    .where(
        MARKETING_DAYS.c.member_id == _MEMBER,
        MARKETING_DAYS.c.day > _AFTER,
        MARKETING_DAYS.c.day <= _DAY,
    )
    .scalar_subquery()
)
# The unique key holds "one a day", the count inside the INSERT "three in seven days": two at once
# can only meet on the same day, where the key lets one through.
_TAKE = sa.select(_MEMBER, _DAY, sa.bindparam("what", type_=sa.String)).where(
    _IN_THE_WEEK < rules.PER_WEEK
)


def take_day(session: Session, *, member_id: int, day: date, what: str) -> bool:
    """Book the member's day for one marketing message. False when it may not be."""
    insert = insert_for(session, MarketingDay).from_select(["member_id", "day", "what"], _TAKE)
    values = {
        "member_id": member_id,
        "day": day,
        "after": day - rules.WEEK * rules.DAY,
        "what": what,
    }
    return bool(inserted(session, insert.on_conflict_do_nothing(), values))


def give_back(session: Session, *, member_id: int, day: date, what: str) -> None:
    """The booked message was not sent after all."""
    changed(
        session,
        sa.delete(MARKETING_DAYS).where(
            MARKETING_DAYS.c.member_id == member_id,
            MARKETING_DAYS.c.day == day,
            MARKETING_DAYS.c.what == what,
        ),
    )


def next_day(session: Session, *, member_id: int, today: date) -> date | None:
    """The first day from tomorrow on that has room; None when that is more than a week away."""
    booked = session.scalars(
        sa.select(MARKETING_DAYS.c.day).where(
            MARKETING_DAYS.c.member_id == member_id,
            MARKETING_DAYS.c.day > today - rules.WEEK * rules.DAY,
        )
    )
    return rules.free_day(set(booked), today + rules.DAY)

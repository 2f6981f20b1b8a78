"""What members spent within the window that decides on tiers, in steps: all of them in one pass."""

from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import table_of
from app.members.models import MEMBER, Member
from app.programmes.rules import Terms
from app.rulebooks import queries as books
from app.tiers.models import PERIODS
from app.tiers.rules.cuts import STEP, Bucket

_MEMBERS = table_of(Member)
MOST: Final = 10_000  # steps that are told apart: NT$1,000,000 and above are one


def buckets(session: Session, terms: Terms, *, now: datetime) -> list[Bucket]:
    """Without those who left and test members. One statement, however many members; a row for each
    tier held and step that somebody is in.
    The steps themselves are sums of one integer key, so that the database groups by a number."""
    dialect = session.get_bind().dialect.name
    sums = books.window_sums(terms, now, "window_sums", dialect)
    spend = sa.func.coalesce(sums.c.spend, 0)
    positive = sa.case((spend > 0, spend), else_=0)
    step = sa.case(
        (spend <= 0, 0),
        (spend >= MOST * STEP, MOST),
        else_=sa.cast(spend, sa.Integer) // sa.literal_column(str(STEP), sa.Integer),
    ).label("step")
    statement = (
        sa.select(PERIODS.c.tier_code, step, sa.func.count(), sa.func.sum(positive))
        .select_from(
            PERIODS.join(_MEMBERS, _MEMBERS.c.id == PERIODS.c.member_id).outerjoin(
                sums, sums.c.member_id == PERIODS.c.member_id
            )
        )
        .where(
            PERIODS.c.closed_at.is_(None),
            _MEMBERS.c.status == MEMBER,
            _MEMBERS.c.is_test.is_(False),
        )
        .group_by(PERIODS.c.tier_code, step)
    )
    rows = session.execute(statement)
    return [Bucket(code, int(at), members, int(total)) for code, at, members, total in rows]

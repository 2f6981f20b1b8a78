"""Which tier a member holds or held, how far the next one is, and broken histories."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import table_of
from app.core.prepared import Prepared, among
from app.members.models import Member
from app.programmes import queries as programmes
from app.programmes.rules import Terms
from app.purchases import queries as purchases
from app.purchases.models import DAYS, PURCHASES
from app.tiers import rules
from app.tiers.models import PERIODS
from app.tiers.rules import Progress


@dataclass(frozen=True, slots=True)
class Period:
    """A tier held from `starts_at`; `ends_at` None: until something better comes. `upgraded_at` and
    `upgraded_on` are of the sale that lifted the member, if one did."""

    id: int
    member_id: int
    tier_code: str
    starts_at: datetime
    ends_at: datetime | None
    reason: str
    purchase_id: int | None
    closed_at: datetime | None
    upgraded_at: datetime | None
    upgraded_on: date | None
    programme_version: int  # whose terms made it
    qualifying: int  # NT$ that earned it
    note: str  # why staff gave it


_PERIOD = sa.select(
    PERIODS.c.id,
    PERIODS.c.member_id,
    PERIODS.c.tier_code,
    PERIODS.c.starts_at,
    PERIODS.c.ends_at,
    PERIODS.c.reason,
    PERIODS.c.purchase_id,
    PERIODS.c.closed_at,
    PURCHASES.c.sold_at,
    PURCHASES.c.sold_on,
    PERIODS.c.programme_version,
    PERIODS.c.qualifying,
    PERIODS.c.note,
).outerjoin_from(PERIODS, PURCHASES, PURCHASES.c.id == PERIODS.c.purchase_id)
_OPEN = Prepared(
    _PERIOD.where(PERIODS.c.member_id == sa.bindparam("member"), PERIODS.c.closed_at.is_(None))
)
_AT = (
    sa.select(PERIODS.c.tier_code)
    .where(
        PERIODS.c.member_id == sa.bindparam("member"),
        PERIODS.c.starts_at <= sa.bindparam("instant", type_=PERIODS.c.starts_at.type),
        sa.or_(
            PERIODS.c.closed_at.is_(None),
            PERIODS.c.closed_at > sa.bindparam("instant", type_=PERIODS.c.starts_at.type),
        ),
    )
    .order_by(PERIODS.c.id.desc())
    .limit(1)
)
_HISTORY = _PERIOD.where(PERIODS.c.member_id == sa.bindparam("member")).order_by(PERIODS.c.id)
_DUE = (
    _PERIOD.where(PERIODS.c.closed_at.is_(None), PERIODS.c.ends_at <= sa.bindparam("until"))
    .order_by(PERIODS.c.ends_at, PERIODS.c.member_id)
    .limit(sa.bindparam("limit"))
)


def open_period(session: Session, member_id: int) -> Period | None:
    row = _OPEN.row(session, {"member": member_id})
    return None if row is None else Period(*row)


def tier_code_at(session: Session, member_id: int, instant: datetime) -> str | None:
    """The tier that applied to a sale at that instant."""
    code: str | None = session.execute(
        _AT, {"member": member_id, "instant": instant}
    ).scalar_one_or_none()
    return code


def history(session: Session, member_id: int) -> list[Period]:
    """Oldest first."""
    return [Period(*tuple(row)) for row in session.execute(_HISTORY, {"member": member_id})]


_OPEN_OF = Prepared(
    sa.select(PERIODS.c.member_id, PERIODS.c.id).where(
        among(PERIODS.c.member_id, "members"), PERIODS.c.closed_at.is_(None)
    )
)


def open_period_ids(session: Session, member_ids: Sequence[int]) -> dict[int, int]:
    """By member."""
    return dict(_OPEN_OF.rows(session, {"members": list(member_ids)}))


def due(session: Session, *, until: datetime, limit: int) -> list[Period]:
    """Open periods whose end has come."""
    return [Period(*tuple(row)) for row in session.execute(_DUE, {"until": until, "limit": limit})]


_DAYS_OF = Prepared(
    sa.select(DAYS.c.member_id, DAYS.c.day, DAYS.c.qualifying).where(
        among(DAYS.c.member_id, "members"), DAYS.c.day >= sa.bindparam("first")
    )
)
_HELD, _LIFTED_BY, _SALES = PERIODS.alias("held"), PURCHASES.alias("lift"), PURCHASES.alias("sale")
_UP_TO_UPGRADE = (
    sa.select(
        _HELD.c.member_id,
        sa.func.sum(_SALES.c.qualifying - _SALES.c.qualifying_refunded),
    )
    .join_from(_HELD, _LIFTED_BY, _LIFTED_BY.c.id == _HELD.c.purchase_id)
    .join(
        _SALES,
        sa.and_(
            _SALES.c.member_id == _HELD.c.member_id,
            _SALES.c.sold_on == _LIFTED_BY.c.sold_on,
            sa.or_(
                _SALES.c.sold_at < _LIFTED_BY.c.sold_at,
                sa.and_(_SALES.c.sold_at == _LIFTED_BY.c.sold_at, _SALES.c.id <= _LIFTED_BY.c.id),
            ),
        ),
    )
    .where(_HELD.c.id.in_(sa.bindparam("periods", expanding=True)))
    .group_by(_HELD.c.member_id)
)


def spent_in(session: Session, periods: Sequence[Period]) -> dict[int, int]:
    """Qualifying NT$ bought inside each period, by member; the sales up to an upgrade are not
    counted. Two reads, however many periods (at most one of a member)."""
    if not periods:
        return {}
    spans = {period.member_id: _span(period) for period in periods}
    sums = dict.fromkeys(spans, 0)
    first = min(span[0] for span in spans.values())
    for member_id, day, amount in _DAYS_OF.rows(session, {"members": list(spans), "first": first}):
        if spans[member_id][0] <= day <= spans[member_id][1]:
            sums[member_id] += amount
    lifted = [period.id for period in periods if period.purchase_id is not None]
    if lifted:
        for member_id, amount in session.execute(_UP_TO_UPGRADE, {"periods": lifted}):
            sums[member_id] -= int(amount)
    return sums


def _span(period: Period) -> tuple[date, date]:
    """First and last day whose sales count towards renewal."""
    first = period.upgraded_on or taipei_date(period.starts_at)
    return first, date.max if period.ends_at is None else rules.last_day(period.ends_at)


def window_sum(session: Session, member_id: int, *, at: datetime, terms: Terms) -> int:
    """Qualifying NT$ of the rolling window that ends with that day."""
    today = taipei_date(at)
    first = rules.window_start(today, months=terms.tiering.window_months)
    return purchases.spent(session, member_id, first=first, last=today).amount


def progress(session: Session, member_id: int, *, now: datetime) -> Progress:
    """Where the member stands, what is missing to the next tier and to keep this one."""
    terms, today = programmes.terms_at(session, now), taipei_date(now)
    first = rules.window_start(today, months=terms.tiering.window_months)
    spent = purchases.spent(session, member_id, first=first, last=today)
    period = open_period(session, member_id)
    inside = {} if period is None else spent_in(session, [period])
    return rules.progress(
        terms,
        code=terms.tiers[0].code if period is None else period.tier_code,
        period_ends_at=None if period is None else period.ends_at,
        spent=spent.amount,
        first_day=spent.first_day,
        spent_in_period=inside.get(member_id, 0),
        today=today,
    )


def counts(session: Session) -> dict[str, int]:
    """Members by tier."""
    rows = session.execute(
        sa.select(PERIODS.c.tier_code, sa.func.count())
        .where(PERIODS.c.closed_at.is_(None))
        .group_by(PERIODS.c.tier_code)
    )
    return {code: number for code, number in rows}  # noqa: C416  # rows are not tuples to mypy


_MEMBERS = table_of(Member)
_EARLIER, _LATER = PERIODS.alias("earlier"), PERIODS.alias("later")


def broken(session: Session, *, limit: int = 20) -> list[str]:
    """Evidence of members without exactly one open tier, or with two at one time."""
    homeless = session.scalars(
        sa.select(_MEMBERS.c.id)
        .outerjoin(
            PERIODS, sa.and_(PERIODS.c.member_id == _MEMBERS.c.id, PERIODS.c.closed_at.is_(None))
        )
        .where(_MEMBERS.c.status == "member", PERIODS.c.id.is_(None))
        .limit(limit)
    )
    overlapping = session.execute(
        sa.select(_EARLIER.c.member_id, _EARLIER.c.id, _LATER.c.id)
        .join_from(
            _EARLIER,
            _LATER,
            sa.and_(
                _LATER.c.member_id == _EARLIER.c.member_id,
                _LATER.c.id > _EARLIER.c.id,
                _LATER.c.starts_at < _EARLIER.c.closed_at,
            ),
        )
        .limit(limit)
    )
    return [
        *(f"member {member_id}: no open tier" for member_id in homeless),
        *(
            f"member {member_id}: tier periods {one} and {other} overlap"
            for member_id, one, other in overlapping
        ),
    ][:limit]

"""Which tier a member holds or held, how far the next one is, and broken histories."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import table_of
from app.core.prepared import Prepared, among
from app.members.models import MEMBER, Member
from app.points import queries as points
from app.programmes import queries as programmes
from app.programmes.rules import Terms, Tier
from app.purchases import queries as purchases
from app.purchases.models import DAYS, PURCHASES
from app.purchases.queries import Worth
from app.tiers import rules
from app.tiers.models import PERIODS
from app.tiers.rules import NOTHING, Counted, DaySums, Progress, Sums

Span = tuple[date, date]  # both days included
_MEMBERS = table_of(Member)


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
    joined_at: datetime | None

    @property
    def joined_on(self) -> date:
        return taipei_date(self.joined_at or self.starts_at)


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
    _MEMBERS.c.joined_at,
).select_from(
    PERIODS.outerjoin(PURCHASES, PURCHASES.c.id == PERIODS.c.purchase_id).join(
        _MEMBERS, _MEMBERS.c.id == PERIODS.c.member_id
    )
)
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


def sums_in_periods(session: Session, periods: Sequence[Period], terms: Terms) -> dict[int, Sums]:
    """What counts for the renewal of each period, by member (at most one period of each). In
    rolling terms these are the sales inside the period without those up to its upgrade, in fixed
    years those of its last year. A constant number of reads, however many periods."""
    if not periods:
        return {}
    spans = {period.member_id: _span(period, terms) for period in periods}
    if not terms.counts_only_spend:
        found = _sales_in(session, spans)
        return {
            period.member_id: rules.total(
                sums
                for sale, sums in found[period.member_id]
                if not _is_up_to_upgrade(period, sale, terms)
            )
            for period in periods
        }
    spent = dict.fromkeys(spans, 0)
    for member_id, _, amount in _spent_in(session, spans):
        spent[member_id] += amount
    lifted = [period.id for period in periods if period.purchase_id is not None]
    if lifted and terms.tiering.window == "rolling":
        for member_id, amount in session.execute(_UP_TO_UPGRADE, {"periods": lifted}):
            spent[member_id] -= int(amount)
    return {member_id: Sums(spend=amount) for member_id, amount in spent.items()}


def _spent_in(session: Session, spans: Mapping[int, Span]) -> Iterator[tuple[int, date, int]]:
    """(member, day, qualifying NT$) of each member's span."""
    first = min(span[0] for span in spans.values())
    for member_id, day, amount in _DAYS_OF.rows(session, {"members": list(spans), "first": first}):
        if spans[member_id][0] <= day <= spans[member_id][1]:
            yield member_id, day, amount


def _span(period: Period, terms: Terms) -> Span:
    """First and last day whose sales count towards renewal."""
    last = date.max if period.ends_at is None else rules.last_day(period.ends_at)
    if terms.tiering.window != "rolling" and period.ends_at is not None:
        return rules.first_day(terms.tiering, last, period.joined_on), last
    return period.upgraded_on or taipei_date(period.starts_at), last


def _is_up_to_upgrade(period: Period, sale: Worth, terms: Terms) -> bool:
    if terms.tiering.window != "rolling" or period.upgraded_at is None:
        return False
    assert period.purchase_id is not None
    return (sale.sold_at, sale.id) <= (period.upgraded_at, period.purchase_id)


# Terms that count more than money are folded from the sales themselves ----------------------------


def _sales_in(session: Session, spans: Mapping[int, Span]) -> dict[int, list[tuple[Worth, Sums]]]:
    """Two reads, however many members."""
    first = min(span[0] for span in spans.values())
    sales = [
        sale
        for sale in purchases.worths(session, list(spans), first=first)
        if spans[sale.member_id][0] <= sale.sold_on <= spans[sale.member_id][1]
    ]
    kept = points.kept_of_sales(session, [sale.id for sale in sales])
    found: dict[int, list[tuple[Worth, Sums]]] = {member_id: [] for member_id in spans}
    for sale in sales:
        found[sale.member_id].append((sale, _sums(sale, kept.get(sale.id, 0))))
    return found


def _sums(sale: Worth, earned: int) -> Sums:
    return Sums(sale.qualifying, int(sale.is_kept), earned, sale.qualifying)


def days(
    session: Session, member_id: int, *, first: date, last: date, terms: Terms
) -> list[DaySums]:
    """What each day's sales come to, oldest first."""
    return _days_in(session, {member_id: (first, last)}, terms)[member_id]


def days_around_refund(
    session: Session, member_id: int, *, purchase_id: int, first: date, last: date, terms: Terms
) -> tuple[list[DaySums], list[DaySums]]:
    """What each day's sales come to: as it was before the last refund of that sale, and now."""
    facts = purchases.sale_facts(session, purchase_id)
    if terms.counts_only_spend:
        now = days(session, member_id, first=first, last=last, terms=terms)
        refunded = Sums(spend=facts.last_refund_qualifying)
        return _by_day([*now, (facts.sold_on, refunded)]), now
    sales = _sales_in(session, {member_id: (first, last)})[member_id]
    revoked = 0
    if facts.last_refund_id is not None:
        revoked = points.revoked_by(session, facts.last_refund_id)
    before = (
        (sale, sums)
        if sale.id != purchase_id
        else (sale, _unrefunded(sums, facts.last_refund_qualifying, revoked))
        for sale, sums in sales
    )
    return _days_of_sales(before), _days_of_sales(sales)


def _unrefunded(sums: Sums, spend: int, earned: int) -> Sums:
    whole = sums.spend + spend
    return Sums(whole, 1, sums.points + earned, whole)


def _days_of_sales(sales: Iterable[tuple[Worth, Sums]]) -> list[DaySums]:
    return _by_day((sale.sold_on, sums) for sale, sums in sales)


def _by_day(sums: Iterable[DaySums]) -> list[DaySums]:
    found: dict[date, Sums] = {}
    for day, more in sums:
        found[day] = found.get(day, NOTHING) + more
    return sorted(found.items(), key=lambda item: item[0])


def window(
    session: Session, member_id: int, *, last: date, joined_on: date, terms: Terms
) -> Counted:
    """What counts for an upgrade on that day."""
    if not terms.counts_only_spend:
        return windows(session, {member_id: joined_on}, last=last, terms=terms)[member_id]
    first = rules.first_day(terms.tiering, last, joined_on)
    spent = purchases.spent(session, member_id, first=first, last=last)
    return Counted(Sums(spend=spent.amount), spent.first_day)


def windows(
    session: Session, joined: Mapping[int, date], *, last: date, terms: Terms
) -> dict[int, Counted]:
    """The same of many members, by the days they joined; a constant number of reads."""
    spans = {
        member_id: (rules.first_day(terms.tiering, last, joined_on), last)
        for member_id, joined_on in joined.items()
    }
    return {
        member_id: Counted(
            rules.total(sums for _, sums in found),
            next((day for day, sums in found if sums != NOTHING), None),
        )
        for member_id, found in _days_in(session, spans, terms).items()
    }


def _days_in(session: Session, spans: Mapping[int, Span], terms: Terms) -> dict[int, list[DaySums]]:
    if not terms.counts_only_spend:
        sales = _sales_in(session, spans)
        return {member_id: _days_of_sales(found) for member_id, found in sales.items()}
    days: dict[int, list[DaySums]] = {member_id: [] for member_id in spans}
    for member_id, day, amount in _spent_in(session, spans):
        days[member_id].append((day, Sums(spend=amount)))
    return {member_id: _by_day(found) for member_id, found in days.items()}


def progress(session: Session, member_id: int, *, now: datetime) -> Progress:
    """Where the member stands, what is missing to the next tier and to keep this one."""
    terms, today = programmes.terms_at(session, now), taipei_date(now)
    period = open_period(session, member_id)
    joined_on = today if period is None else period.joined_on
    counted = window(session, member_id, last=today, joined_on=joined_on, terms=terms)
    inside = {} if period is None else sums_in_periods(session, [period], terms)
    return rules.progress(
        terms,
        counted,
        code=terms.tiers[0].code if period is None else period.tier_code,
        today=today,
        joined_on=joined_on,
        period_ends_at=None if period is None else period.ends_at,
        in_period=inside.get(member_id),
    )


def way_up(
    session: Session, member_id: int, *, tier: Tier, joined_on: date, now: datetime, terms: Terms
) -> Progress:
    """What is missing to the next tier, for a receipt; renewal is not looked at."""
    today = taipei_date(now)
    counted = window(session, member_id, last=today, joined_on=joined_on, terms=terms)
    return rules.progress(terms, counted, code=tier.code, today=today, joined_on=joined_on)


def counts(session: Session) -> dict[str, int]:
    """Members by tier, without those who left and test members."""
    rows = session.execute(
        sa.select(PERIODS.c.tier_code, sa.func.count())
        .join_from(PERIODS, _MEMBERS, _MEMBERS.c.id == PERIODS.c.member_id)
        .where(
            PERIODS.c.closed_at.is_(None),
            _MEMBERS.c.status == MEMBER,
            _MEMBERS.c.is_test.is_(False),
        )
        .group_by(PERIODS.c.tier_code)
    )
    return {code: number for code, number in rows}  # noqa: C416  # rows are not tuples to mypy


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

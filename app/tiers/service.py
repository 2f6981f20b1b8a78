"""Joining, upgrades, revocations after refunds, and what happens when a tier ends.

Whoever calls for one member holds that member's account (`points.service.lock`), so of two sales
that both cross a threshold the second finds the tier already there. A period is closed only by a
conditional update, and only who closed it opens the next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import insert_or_ignore, table_of
from app.core.errors import Invalid, NotFound
from app.core.prepared import Prepared, among
from app.programmes import queries as programmes
from app.programmes.queries import NoProgramme
from app.programmes.rules import Terms, Tier, add_months
from app.purchases import queries as purchases
from app.tiers import queries, rules
from app.tiers.models import PERIODS, TierPeriod
from app.tiers.queries import Period
from app.tiers.rules import DaySums, Sums
from app.timeline import service as timeline
from app.timeline.models import Fact

Kind = Literal["upgraded", "renewed", "downgraded", "revoked", "granted", "merged", "parted"]
_REASONS: dict[Kind, str] = {
    "upgraded": "upgrade",
    "renewed": "renewed",
    "downgraded": "downgrade",
    "revoked": "revoked",
    "granted": "manual",
    "merged": "merged",
    "parted": "parted",
}


@dataclass(frozen=True, slots=True)
class TierChange:
    """A period that began. `gives_gift` is False when this tier's gift was earned within the
    programme's months before."""

    member_id: int
    kind: Kind
    period_id: int
    previous_code: str
    previous_period_id: int
    tier_code: str
    starts_at: datetime
    ends_at: datetime | None
    gives_gift: bool = False


@dataclass(frozen=True, slots=True)
class _Next:
    """The period to open."""

    kind: Kind
    tier_code: str
    starts_at: datetime
    ends_at: datetime | None
    purchase_id: int | None = None
    qualifying: int = 0
    actor: str = "system"
    note: str = ""


_CLOSE = (
    sa.update(PERIODS)
    .where(PERIODS.c.id == sa.bindparam("period"), PERIODS.c.closed_at.is_(None))
    .values(closed_at=sa.bindparam("at"), closed_reason=sa.bindparam("because"))
)
_OPEN = sa.insert(PERIODS).returning(PERIODS.c.id)


def begin(session: Session, *, member_id: int, now: datetime) -> None:
    """A new member starts in the lowest tier. Doing it again changes nothing."""
    terms = programmes.terms_at(session, now)
    session.execute(
        insert_or_ignore(TierPeriod, session.get_bind().dialect.name),
        {
            "member_id": member_id,
            "tier_code": terms.tiers[0].code,
            "starts_at": now,
            "ends_at": None,
            "reason": "join",
            "programme_version": terms.version,
            "purchase_id": None,
            "qualifying": 0,
            "actor": "system",
            "note": "",
            "created_at": now,
            "closed_at": None,
            "closed_reason": None,
        },
    )


def _held(session: Session, member_id: int, now: datetime) -> Period:
    period = queries.open_period(session, member_id)
    if period is None:
        begin(session, member_id=member_id, now=now)
        period = queries.open_period(session, member_id)
    if period is None:
        raise NotFound("tier of member", member_id)
    return period


def _change(
    session: Session, held: Period, follows: _Next, terms: Terms, now: datetime
) -> TierChange | None:
    """Close one period and open the next. None when somebody else closed it first."""
    closed = session.execute(
        _CLOSE,
        {"period": held.id, "at": follows.starts_at, "because": _REASONS[follows.kind]},
    )
    if not closed.rowcount:  # type: ignore[attr-defined]  # CursorResult
        return None
    gives_gift = follows.kind == "upgraded" and not _had_gift(
        session, held.member_id, follows, terms
    )
    period_id: int = session.execute(_OPEN, _row(held.member_id, follows, terms, now)).scalar_one()
    timeline.record(
        session,
        member_id=held.member_id,
        kind=f"tier.{follows.kind}",
        at=follows.starts_at,
        facts={
            "from": held.tier_code,
            "to": follows.tier_code,
            "until": None if follows.ends_at is None else str(rules.last_day(follows.ends_at)),
            "purchase_id": follows.purchase_id,
        },
    )
    return _told(held, follows, period_id, gives_gift)


def _told(held: Period, follows: _Next, period_id: int, gives_gift: bool) -> TierChange:
    return TierChange(
        member_id=held.member_id,
        kind=follows.kind,
        period_id=period_id,
        previous_code=held.tier_code,
        previous_period_id=held.id,
        tier_code=follows.tier_code,
        starts_at=follows.starts_at,
        ends_at=follows.ends_at,
        gives_gift=gives_gift,
    )


def _row(member_id: int, follows: _Next, terms: Terms, now: datetime) -> dict[str, Any]:
    return {
        "member_id": member_id,
        "tier_code": follows.tier_code,
        "starts_at": follows.starts_at,
        "ends_at": follows.ends_at,
        "reason": _REASONS[follows.kind],
        "programme_version": terms.version,
        "purchase_id": follows.purchase_id,
        "qualifying": follows.qualifying,
        "actor": follows.actor,
        "note": follows.note,
        "created_at": now,
        "closed_at": None,
        "closed_reason": None,
    }


def _had_gift(session: Session, member_id: int, follows: _Next, terms: Terms) -> bool:
    """An upgrade to the same tier within the months before, whatever became of it."""
    since = add_months(taipei_date(follows.starts_at), -terms.tiering.gift_months)
    return any(
        period.tier_code == follows.tier_code
        and period.reason in ("upgrade", "merged")
        and taipei_date(period.starts_at) > since
        for period in queries.history(session, member_id)
    )


def _upgrade_end(terms: Terms, tier: Tier, starts_at: datetime, joined_on: date) -> datetime | None:
    """The lowest tier never ends."""
    if terms.rank(tier.code) == 0:
        return None
    return rules.upgrade_ends_at(terms.tiering, starts_at, joined_on)


# At the till --------------------------------------------------------------------------------------


def tier_of_sale(
    session: Session, *, member_id: int, sold_at: datetime, terms: Terms, now: datetime
) -> Tier:
    """The tier whose rate a sale earns: the one held at its time, after what ended before it."""
    settle(session, member_id=member_id, terms=terms, until=sold_at, now=now)
    code = queries.tier_code_at(session, member_id, sold_at)
    if code is None:
        code = _held(session, member_id, now).tier_code
    return terms.tier(code)


def review_after_purchase(
    session: Session,
    *,
    member_id: int,
    purchase_id: int,
    sold_at: datetime,
    terms: Terms,
    now: datetime,
) -> TierChange | None:
    """Upgrade when a rolling window that holds this sale reaches a higher tier; several steps at
    once are one change. The tier is the one of the sale's time, so a late sale may lift too."""
    held = _held(session, member_id, now)
    if _is_over(held, terms, sold_at):
        settle(session, member_id=member_id, terms=terms, until=sold_at, now=now)
        held = _held(session, member_id, now)
    if terms.rank(held.tier_code) == len(terms.tiers) - 1:
        return None
    sums = _best_window(session, held, sold_at, terms, now)
    tier = rules.earned_tier(terms, sums)
    if terms.rank(tier.code) <= terms.rank(held.tier_code):
        return None
    starts_at = max(sold_at, held.starts_at)
    # A year's sales give a tier through the next year, however late they were told of.
    reached_at = starts_at if terms.tiering.window == "rolling" else sold_at
    ends_at = _upgrade_end(terms, tier, reached_at, held.joined_on)
    if ends_at is not None and ends_at <= starts_at:
        return None
    follows = _Next("upgraded", tier.code, starts_at, ends_at, purchase_id, sums.spend)
    change = _change(session, held, follows, terms, now)
    settle(session, member_id=member_id, terms=terms, until=now, now=now)
    return change


def _best_window(
    session: Session, held: Period, sold_at: datetime, terms: Terms, now: datetime
) -> Sums:
    """The best window that holds the sale; a late sale may be in one that ended since."""
    member_id, joined_on = held.member_id, held.joined_on
    sold_on, today = taipei_date(sold_at), taipei_date(now)
    if sold_on >= today:
        found = queries.window(session, member_id, last=sold_on, joined_on=joined_on, terms=terms)
        return found.sums
    first = rules.first_day(terms.tiering, sold_on, joined_on)
    days = queries.days(session, member_id, first=first, last=today, terms=terms)
    last = rules.last_day_counted(terms.tiering, sold_on, joined_on) or today
    _, sums = rules.best_window(
        days, terms, since=sold_on, until=last, first_of=_first_of(terms, joined_on)
    )
    return sums


def _first_of(terms: Terms, joined_on: date) -> Callable[[date], date]:
    return lambda day: rules.first_day(terms.tiering, day, joined_on)


@dataclass(frozen=True, slots=True)
class Fall:
    """An upgrade that a refund takes back, before it is done."""

    held: Period
    follows: _Next
    terms: Terms

    @property
    def to_code(self) -> str:
        return self.follows.tier_code


def fall_after_refund(
    session: Session, *, member_id: int, purchase_id: int, terms: Terms, now: datetime
) -> Fall | None:
    """The upgrade to take back when this refund, inside the return window, is what brought the sum
    under its threshold. A later refund leaves the tier until it ends. The caller carries it out,
    for a sale that takes the place of the refunded one may keep the tier."""
    held = _held(session, member_id, now)
    sale = purchases.sale_facts(session, purchase_id)
    if held.upgraded_at is None or held.upgraded_on is None or held.tier_code is None:
        return None
    if not rules.is_within_return_window(terms, sale.sold_at, now):
        return None
    first = rules.first_day(terms.tiering, held.upgraded_on, held.joined_on)
    today = taipei_date(now)
    before, days = queries.days_around_refund(
        session, member_id, purchase_id=purchase_id, first=first, last=today, terms=terms
    )
    rank = terms.rank(held.tier_code)
    now_earned = _earned(terms, days, held)
    if terms.rank(now_earned.code) >= rank or terms.rank(_earned(terms, before, held).code) < rank:
        return None
    return Fall(held, _instead(session, held, now_earned, terms, now), terms)


def carry_out(session: Session, fall: Fall, *, now: datetime) -> TierChange | None:
    return _change(session, fall.held, fall.follows, fall.terms, now)


def keep(session: Session, fall: Fall, *, purchase_id: int, points: DaySums, now: datetime) -> bool:
    """Whether the sales as they are now earn the tier still, `points` included, which this sale is
    about to earn. Then the upgrade rests on this sale from now on, so that it does not count for
    the renewal as well; the period stays, with its end."""
    held, terms = fall.held, fall.terms
    assert held.upgraded_on is not None
    first = rules.first_day(terms.tiering, held.upgraded_on, held.joined_on)
    found = queries.days(session, held.member_id, first=first, last=taipei_date(now), terms=terms)
    earned = _earned(terms, [*found, points], held)
    if terms.rank(earned.code) < terms.rank(held.tier_code):
        return False
    session.execute(  # also of a period that was closed for this one: `_before_upgrade` looks there
        sa.update(PERIODS)
        .where(PERIODS.c.member_id == held.member_id, PERIODS.c.purchase_id == held.purchase_id)
        .values(purchase_id=purchase_id)
    )
    return True


def _earned(terms: Terms, days: Sequence[DaySums], held: Period) -> Tier:
    """The best tier of any window from the upgrade on."""
    assert held.upgraded_on is not None
    _, sums = rules.best_window(
        days,
        terms,
        since=held.upgraded_on,
        until=max([held.upgraded_on, *(day for day, _ in days)]),
        first_of=_first_of(terms, held.joined_on),
    )
    return rules.earned_tier(terms, sums)


def _instead(session: Session, held: Period, earned: Tier, terms: Terms, now: datetime) -> _Next:
    """What the member falls back to: the tier held before the upgrade, if it still runs, unless
    the remaining sum earns a higher one since the upgrade."""
    assert held.upgraded_at is not None
    before = _before_upgrade(session, held)
    if before is None or (before.ends_at is not None and before.ends_at <= now):
        fallen = _Next("revoked", terms.tiers[0].code, now, None)
    else:
        fallen = _Next("revoked", before.tier_code, now, before.ends_at, before.purchase_id)
    ends_at = _upgrade_end(terms, earned, held.upgraded_at, held.joined_on)
    is_running = ends_at is None or ends_at > now
    if is_running and terms.rank(earned.code) > terms.rank(fallen.tier_code):
        return _Next("revoked", earned.code, now, ends_at, held.purchase_id)
    return fallen


def _before_upgrade(session: Session, held: Period) -> Period | None:
    """The period that the upgrade closed. A period given back after a revocation carries the sale
    of its first upgrade, so what was before that is found again."""
    periods = queries.history(session, held.member_id)
    upgrade = next(
        (
            period
            for period in periods
            if period.purchase_id == held.purchase_id and period.reason == "upgrade"
        ),
        held,
    )
    return next((period for period in reversed(periods) if period.id < upgrade.id), None)


def grant(
    session: Session,
    *,
    member_id: int,
    tier_code: str,
    ends_at: datetime | None,
    actor: str,
    note: str,
    now: datetime,
) -> TierChange | None:
    """Staff give a tier by hand, with a reason. Raises Invalid."""
    terms = programmes.terms_at(session, now)
    if not note.strip():
        raise Invalid("note", "請填寫原因")
    if tier_code not in {tier.code for tier in terms.tiers}:
        raise Invalid("tier", "沒有這個等級")
    if ends_at is not None and ends_at <= now:
        raise Invalid("ends_at", "必須晚於現在")
    held = _held(session, member_id, now)
    follows = _Next("granted", tier_code, now, ends_at, actor=actor, note=note.strip())
    return _change(session, held, follows, terms, now)


# When two members turn out to be one ------------------------------------------------------------


def join(session: Session, *, kept_id: int, absorbed_id: int, now: datetime) -> int | None:
    """The better tier of the two, or the later end of the same; return the period that opened for
    it. The absorbed member's history stays where it is, closed."""
    terms = programmes.terms_at(session, now)
    for member_id in (kept_id, absorbed_id):
        settle(session, member_id=member_id, terms=terms, until=now, now=now)
    kept, other = _held(session, kept_id, now), _held(session, absorbed_id, now)
    session.execute(_CLOSE, {"period": other.id, "at": now, "because": _REASONS["merged"]})
    if _worth(terms, other) <= _worth(terms, kept):
        return None
    follows = _Next("merged", other.tier_code, now, other.ends_at)
    change = _change(session, kept, follows, terms, now)
    return None if change is None else change.period_id


def part(
    session: Session,
    *,
    kept_id: int,
    absorbed_id: int,
    period_id: int | None,
    now: datetime,
) -> None:
    """Each has its own tier again: the absorbed member the one that the merger closed, the kept
    one what it had before, if `period_id`, which the merger opened, still runs."""
    terms = programmes.terms_at(session, now)
    session.execute(
        sa.update(PERIODS)
        .where(PERIODS.c.id == _last_merged(absorbed_id))
        .values(closed_at=None, closed_reason=None)
    )
    settle(session, member_id=absorbed_id, terms=terms, until=now, now=now)
    settle(session, member_id=kept_id, terms=terms, until=now, now=now)
    held = _held(session, kept_id, now)
    if held.id != period_id:
        return
    earlier = [period for period in queries.history(session, kept_id) if period.id < held.id]
    before = earlier[-1] if earlier else None
    if before is None or (before.ends_at is not None and before.ends_at <= now):
        follows = _Next("parted", terms.tiers[0].code, now, None)
    else:
        follows = _Next("parted", before.tier_code, now, before.ends_at, before.purchase_id)
    _change(session, held, follows, terms, now)


def _worth(terms: Terms, period: Period) -> tuple[int, float]:
    """Comparable: the higher tier, and of one tier the later end."""
    ends_at = float("inf") if period.ends_at is None else period.ends_at.timestamp()
    return terms.rank(period.tier_code), ends_at


def _last_merged(member_id: int) -> sa.ScalarSelect[Any]:
    return (
        sa.select(sa.func.max(PERIODS.c.id))
        .where(PERIODS.c.member_id == member_id, PERIODS.c.closed_reason == _REASONS["merged"])
        .scalar_subquery()
    )


# At the end of a period ---------------------------------------------------------------------------


def settle(
    session: Session, *, member_id: int, terms: Terms, until: datetime, now: datetime
) -> list[TierChange]:
    """Renew or lower one member whose period ended by `until`, as often as it takes."""
    changes: list[TierChange] = []
    while True:
        held = queries.open_period(session, member_id)
        if held is None or not _is_over(held, terms, until):
            return changes
        found = _end(session, [held], terms, now)
        if not found:
            return changes
        changes.extend(found)


def _is_over(held: Period, terms: Terms, instant: datetime) -> bool:
    if held.ends_at is None:
        return False
    return held.ends_at + timedelta(days=terms.tiering.grace_days) <= instant


def review_at_expiry(session: Session, *, now: datetime, limit: int = 1_000) -> list[TierChange]:
    """Renew or lower up to `limit` members whose tier ended; an empty list means nobody is left.
    Safe to run twice and beside the till."""
    try:
        terms = programmes.terms_at(session, now)
    except NoProgramme:
        return []  # a shop being set up: nobody can have a tier yet
    grace = timedelta(days=terms.tiering.grace_days)
    return _end(session, queries.due(session, until=now - grace, limit=limit), terms, now)


_END = Prepared(
    sa.update(PERIODS)
    .where(among(PERIODS.c.id, "periods"), PERIODS.c.closed_at.is_(None))
    .values(closed_at=PERIODS.c.ends_at, closed_reason="ended")
    .returning(PERIODS.c.id)
)
_CLOSED_AT = (
    sa.update(PERIODS)
    .where(PERIODS.c.id == sa.bindparam("period"))
    .values(closed_at=sa.bindparam("at"))
)
_TELL = Prepared(sa.insert(table_of(Fact)))
_OPEN_MANY = Prepared(sa.insert(PERIODS))


def _end(
    session: Session, periods: Sequence[Period], terms: Terms, now: datetime
) -> list[TierChange]:
    if not periods:
        return []
    ended_ids = _END.rows(session, {"periods": [period.id for period in periods]})
    mine = {period_id for (period_id,) in ended_ids}
    ended = [period for period in periods if period.id in mine]
    sums = queries.sums_in_periods(session, ended, terms)
    follows = [(period, _following(period, sums[period.member_id], terms)) for period in ended]
    if not follows:
        return []
    late = [
        {"period": held.id, "at": after.starts_at}
        for held, after in follows
        if after.starts_at != held.ends_at
    ]
    if late:
        session.execute(_CLOSED_AT, late)
    _OPEN_MANY.many(session, [_row(held.member_id, after, terms, now) for held, after in follows])
    opened = queries.open_period_ids(session, [held.member_id for held, _ in follows])
    changes = [
        _told(held, after, opened[held.member_id], gives_gift=False) for held, after in follows
    ]
    _TELL.many(session, [_fact(change) for change in changes])
    return changes


def _fact(change: TierChange) -> dict[str, Any]:
    return {
        "member_id": change.member_id,
        "kind": f"tier.{change.kind}",
        "at": change.starts_at,
        "facts": {
            "from": change.previous_code,
            "to": change.tier_code,
            "until": None if change.ends_at is None else str(rules.last_day(change.ends_at)),
        },
    }


def _following(held: Period, sums: Sums, terms: Terms) -> _Next:
    assert held.ends_at is not None
    outcome = rules.at_expiry(terms, held.tier_code, sums)
    starts_at = held.ends_at
    kind: Kind = "renewed"
    if not outcome.is_renewed:
        starts_at, kind = held.ends_at + timedelta(days=terms.tiering.grace_days), "downgraded"
    ends_at = None
    if terms.rank(outcome.tier.code):  # the lowest tier never ends
        ends_at = rules.next_ends_at(terms.tiering, starts_at, held.joined_on)
    return _Next(kind, outcome.tier.code, starts_at, ends_at, qualifying=sums.spend)

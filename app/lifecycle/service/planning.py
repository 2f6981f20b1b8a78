"""Find who is due a life-cycle message: one INSERT … SELECT a trigger, nobody is looped over.

The unique key (member, rule, occasion) lets a trigger run any number of times: after a restart, on
two machines, with a clock that jumped. The statements are built once; a trigger is a set of
parameters, above all the Taipei day it looks at: [t_first, t_after)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_midnight
from app.core.db import UtcDateTime, insert_or_ignore, inserted, table_of
from app.coupons.models import COUPONS, ISSUED
from app.lifecycle import rules
from app.lifecycle.models import DUE, SENDS, LifecycleSend
from app.lifecycle.rules import Trigger
from app.members import models as members
from app.members.models import Consent, Member
from app.points.models import LOTS
from app.programmes import queries as programmes
from app.programmes.queries import NoProgramme
from app.purchases.models import PURCHASES
from app.tiers.models import PERIODS
from app.timeline.models import Fact

_MEMBERS, _CONSENTS, _FACTS = table_of(Member), table_of(Consent), table_of(Fact)
Candidates = sa.Select[Any]  # member_id, subject_id
Chosen = sa.ColumnElement[bool]


def triggers_due(*, now: datetime) -> list[Trigger]:
    return rules.triggers_at(now)


def plan(session: Session, *, now: datetime) -> int:
    """Run every trigger; return how many messages became due."""
    return sum(plan_one(session, trigger, now=now) for trigger in triggers_due(now=now))


def plan_one(session: Session, trigger: Trigger, *, now: datetime) -> int:
    """Return how many members were found who were not found before."""
    rule = trigger.rule
    search = _SEARCHES[rule.code]
    more = search.more(session, trigger, now)
    if more is None:
        return 0
    values = {
        "t_first": taipei_midnight(trigger.shifted(search.shift * trigger.step)),
        "t_after": taipei_midnight(trigger.shifted(search.shift * trigger.step + 1)),
        "t_occasion": search.occasion(trigger),
        "t_rule": rule.code,
        "t_step": trigger.step,
        "t_klass": rule.klass,
        "t_priority": int(rule.priority),
        "t_status": DUE,
        "t_due_at": trigger.due_at,
        "t_stale_at": trigger.stale_at,
        "t_created_at": now,
    }
    statement = _statement(rule.code, session.get_bind().dialect.name)
    return inserted(session, statement, values | more)


_FIXED = ("occasion", "rule", "step", "klass", "priority", "status", "due_at", "stale_at")


@lru_cache
def _statement(code: str, dialect: str) -> sa.Insert:
    found = _SEARCHES[code].candidates.subquery()
    columns = (*_FIXED, "created_at")
    rows = sa.select(
        found.c.member_id,
        found.c.subject_id,
        *(sa.bindparam(f"t_{name}", type_=SENDS.c[name].type) for name in columns),
    ).where(found.c.member_id.is_not(None))  # SQLite needs a WHERE before ON CONFLICT
    return insert_or_ignore(LifecycleSend, dialect).from_select(
        ["member_id", "subject_id", *columns], rows
    )


# Conditions that several searches share -----------------------------------------------------------

_FIRST = sa.bindparam("t_first", type_=UtcDateTime)
_AFTER = sa.bindparam("t_after", type_=UtcDateTime)


def _found(member: sa.ColumnElement[Any], subject: Any = None) -> Candidates:
    return sa.select(
        member.label("member_id"),
        (sa.cast(sa.null(), sa.BigInteger) if subject is None else subject).label("subject_id"),
    )


def _within(column: sa.ColumnElement[datetime]) -> Chosen:
    return sa.and_(column >= _FIRST, column < _AFTER)


def _ends(column: sa.ColumnElement[datetime]) -> Chosen:
    """The day is the last one before this end."""
    return sa.and_(column > _FIRST, column <= _AFTER)


_FRIEND = sa.and_(_MEMBERS.c.is_friend.is_(True), _MEMBERS.c.line_user_id.is_not(None))
# Whom we may write to now; looked at again when the message is composed.
_REACHABLE = sa.and_(_MEMBERS.c.status == members.MEMBER, _FRIEND)
_WILLING = sa.and_(_REACHABLE, _MEMBERS.c.marketing_ok.is_(True))
_SALES, _OTHERS = PURCHASES.alias("sale"), PURCHASES.alias("other")
_STANDS = _SALES.c.amount > _SALES.c.refunded


def _another(*conditions: Chosen) -> Chosen:
    """A sale that still stands, of the same person."""
    return sa.exists().where(_OTHERS.c.amount > _OTHERS.c.refunded, *conditions)


def _buyers(subject: Any) -> Candidates:
    return (
        _found(_SALES.c.member_id, subject)
        .join_from(_SALES, _MEMBERS, _MEMBERS.c.id == _SALES.c.member_id)
        .where(_within(_SALES.c.sold_at), _STANDS, _WILLING)
        .group_by(_SALES.c.member_id)
    )


def _holders(*conditions: Chosen) -> Candidates:
    """One message a member, however many coupons end on that day."""
    return (
        _found(COUPONS.c.member_id, sa.func.min(COUPONS.c.id))
        .join_from(COUPONS, _MEMBERS, _MEMBERS.c.id == COUPONS.c.member_id)
        .where(COUPONS.c.status == ISSUED, _ends(COUPONS.c.expires_at), *conditions, _WILLING)
        .group_by(COUPONS.c.member_id)
    )


_HELD_LONG = COUPONS.c.issued_at < sa.bindparam("t_given_before", type_=UtcDateTime)

# The searches -------------------------------------------------------------------------------------

_NOT_JOINED = _found(_MEMBERS.c.id).where(
    _MEMBERS.c.status == members.GUEST,
    _FRIEND,
    _within(_MEMBERS.c.friended_at),
    sa.or_(
        _MEMBERS.c.marketing_ok.is_(True),
        ~sa.exists().where(
            _CONSENTS.c.member_id == _MEMBERS.c.id,
            _CONSENTS.c.kind == "marketing",
            _CONSENTS.c.is_given.is_(False),
        ),
    ),
)
_NO_PURCHASE = _found(_MEMBERS.c.id).where(
    _WILLING,
    _within(_MEMBERS.c.joined_at),
    ~_another(_OTHERS.c.member_id == _MEMBERS.c.id),
)
_SAME_BUYER = _OTHERS.c.member_id == _SALES.c.member_id
_FIRST_PURCHASE = _buyers(sa.func.min(_SALES.c.id)).where(
    ~_another(_SAME_BUYER, _OTHERS.c.sold_at < _FIRST)
)
_DORMANT = _buyers(sa.func.max(_SALES.c.id)).where(
    ~_another(_SAME_BUYER, _OTHERS.c.sold_at >= _AFTER)
)
# Every member, also who gets no message: the gift is a right of members. Whoever joins inside their
# month waits a year, so that nobody is born this month for a coupon. A birthday on 29 February is
# in February, whatever the year.
_BIRTHDAY = _found(_MEMBERS.c.id).where(
    _MEMBERS.c.status == members.MEMBER,
    _MEMBERS.c.birth_month == sa.bindparam("t_month", type_=sa.Integer),
    _MEMBERS.c.joined_at < _FIRST,
)
_WELCOME_UNUSED = _holders(COUPONS.c.source == "welcome", _HELD_LONG)
_COUPON_EXPIRING = _holders(COUPONS.c.source != "welcome", _HELD_LONG)
_BIRTHDAY_REMINDER = _holders(COUPONS.c.source == sa.bindparam("t_source", type_=sa.String))
_POINTS_EXPIRING = (
    _found(LOTS.c.member_id)
    .join_from(LOTS, _MEMBERS, _MEMBERS.c.id == LOTS.c.member_id)
    .where(LOTS.c.remaining > 0, LOTS.c.is_active.is_(True), _ends(LOTS.c.expires_at), _REACHABLE)
    .group_by(LOTS.c.member_id)
    .having(sa.func.sum(LOTS.c.remaining) >= sa.bindparam("t_least", type_=sa.Integer))
)
_TIER_EXPIRING = (
    _found(PERIODS.c.member_id, PERIODS.c.id)
    .join_from(PERIODS, _MEMBERS, _MEMBERS.c.id == PERIODS.c.member_id)
    .where(PERIODS.c.closed_at.is_(None), _ends(PERIODS.c.ends_at), _REACHABLE)
)
_TIER_CHANGED = (
    _found(_FACTS.c.member_id, sa.func.max(_FACTS.c.id))
    .join_from(_FACTS, _MEMBERS, _MEMBERS.c.id == _FACTS.c.member_id)
    .where(
        _FACTS.c.kind.in_(("tier.renewed", "tier.downgraded")),
        _within(_FACTS.c.at),
        _REACHABLE,
    )
    .group_by(_FACTS.c.member_id)
)


# Their parameters ---------------------------------------------------------------------------------


def _since(trigger: Trigger) -> str:
    """Once in a life, a step."""
    return f"day{trigger.step}"


def _end(trigger: Trigger) -> str:
    return f"{trigger.shifted(trigger.step)}"


def _end_and_step(trigger: Trigger) -> str:
    return f"{_end(trigger)}:{trigger.step}"


def _month(trigger: Trigger) -> str:
    return f"{trigger.day:%Y-%m}"


More = dict[str, Any]


def _nothing(_session: Session, _trigger: Trigger, _now: datetime) -> More:
    return {}


def _given_before(_session: Session, trigger: Trigger, _now: datetime) -> More:
    return {"t_given_before": taipei_midnight(trigger.shifted(1 - rules.LEAST_HELD_DAYS))}


def _of_month(_session: Session, trigger: Trigger, _now: datetime) -> More:
    return {"t_month": trigger.day.month}


def _from_birthday(_session: Session, trigger: Trigger, _now: datetime) -> More:
    return {"t_source": f"{rules.BIRTHDAY.code}:{_month(trigger)}"}


def _least(session: Session, _trigger: Trigger, now: datetime) -> More | None:
    try:
        value = programmes.terms_at(session, now).points.value
    except NoProgramme:
        return None
    return {"t_least": rules.least_points(value)}


@dataclass(frozen=True, slots=True)
class _Search:
    """`shift` −1 looks at the day `step` days ago, 1 at the day in `step` days, 0 at the day
    itself. `occasion` names what the message is for, once. `more` gives further parameters, or
    None when there is nothing to look for."""

    candidates: Candidates
    shift: int
    occasion: Callable[[Trigger], str]
    more: Callable[[Session, Trigger, datetime], More | None] = _nothing


_SEARCHES: dict[str, _Search] = {
    rules.NOT_JOINED.code: _Search(_NOT_JOINED, -1, _since),
    rules.NO_PURCHASE.code: _Search(_NO_PURCHASE, -1, _since),
    rules.FIRST_PURCHASE.code: _Search(_FIRST_PURCHASE, -1, lambda _: "first"),
    rules.DORMANT.code: _Search(
        _DORMANT, -1, lambda trigger: f"{trigger.shifted(-trigger.step)}:{trigger.step}"
    ),
    rules.BIRTHDAY.code: _Search(_BIRTHDAY, 0, _month, _of_month),
    rules.BIRTHDAY_REMINDER.code: _Search(_BIRTHDAY_REMINDER, 1, _end, _from_birthday),
    rules.WELCOME_UNUSED.code: _Search(_WELCOME_UNUSED, 1, _end, _given_before),
    rules.COUPON_EXPIRING.code: _Search(_COUPON_EXPIRING, 1, _end, _given_before),
    rules.POINTS_EXPIRING.code: _Search(_POINTS_EXPIRING, 1, _end_and_step, _least),
    rules.TIER_EXPIRING.code: _Search(_TIER_EXPIRING, 1, _end_and_step),
    rules.TIER_CHANGED.code: _Search(_TIER_CHANGED, 0, lambda trigger: f"{trigger.day}"),
}

"""Whom a message is for, what it speaks of, and what became of the messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import table_of
from app.core.prepared import Prepared, among
from app.lifecycle import rules
from app.lifecycle.models import OPEN, SENDS
from app.members.models import Consent, Member
from app.points.models import OPERATIONS
from app.purchases.models import PURCHASES
from app.staff.models import Store

_MEMBERS, _CONSENTS, _STORES = table_of(Member), table_of(Consent), table_of(Store)


@dataclass(frozen=True, slots=True)
class Recipient:
    id: int
    status: str
    line_user_id: str | None
    is_friend: bool
    name: str
    marketing_ok: bool
    has_refused: bool  # said no to marketing, ever
    is_test: bool
    joined_at: datetime | None


def recipients(session: Session, member_ids: Sequence[int]) -> dict[int, Recipient]:
    refused = (
        sa.exists()
        .where(
            _CONSENTS.c.member_id == _MEMBERS.c.id,
            _CONSENTS.c.kind == "marketing",
            _CONSENTS.c.is_given.is_(False),
        )
        .correlate(_MEMBERS)
    )
    rows = session.execute(
        sa.select(
            _MEMBERS.c.id,
            _MEMBERS.c.status,
            _MEMBERS.c.line_user_id,
            _MEMBERS.c.is_friend,
            sa.func.coalesce(_MEMBERS.c.name, _MEMBERS.c.display_name, ""),
            _MEMBERS.c.marketing_ok,
            refused,
            _MEMBERS.c.is_test,
            _MEMBERS.c.joined_at,
        ).where(_MEMBERS.c.id.in_(member_ids))
    )
    return {row.id: Recipient(*tuple(row)) for row in rows}


_AWAITING = Prepared(
    sa.select(SENDS.c.member_id)
    .distinct()
    .where(
        among(SENDS.c.member_id, "members"),
        among(SENDS.c.rule, "rules"),
        sa.or_(*(SENDS.c.status == status for status in OPEN)),
        SENDS.c.due_at < sa.bindparam("until", type_=SENDS.c.due_at.type),
    )
)


def awaiting(session: Session, member_ids: Sequence[int], until: datetime) -> set[int]:
    """Who is to have a life-cycle message before then that takes their day: it matters more than
    what goes to many."""
    capped = [rule.code for rule in rules.RULES if rule.is_capped]
    values = {"members": list(member_ids), "rules": capped, "until": until}
    return {member_id for (member_id,) in _AWAITING.rows(session, values)}


@dataclass(frozen=True, slots=True)
class Sale:
    store: str
    points: int  # earned by it, as they were posted
    is_refunded: bool


def sale(session: Session, purchase_id: int) -> Sale | None:
    points = (
        sa.select(sa.func.coalesce(sa.func.sum(OPERATIONS.c.amount), 0))
        .where(
            OPERATIONS.c.source == "purchase",
            OPERATIONS.c.source_id == PURCHASES.c.id,
            OPERATIONS.c.kind == "earn",
        )
        .correlate(PURCHASES)
        .scalar_subquery()
    )
    row = session.execute(
        sa.select(
            sa.func.coalesce(_STORES.c.name, ""),
            points,
            PURCHASES.c.refunded >= PURCHASES.c.amount,
        )
        .outerjoin_from(PURCHASES, _STORES, _STORES.c.id == PURCHASES.c.store_id)
        .where(PURCHASES.c.id == purchase_id)
    ).one_or_none()
    return None if row is None else Sale(row[0], int(row[1]), bool(row[2]))


def last_purchase_on(session: Session, member_id: int) -> date | None:
    """The Taipei day of the newest sale that still stands."""
    sold_at: datetime | None = session.scalar(
        sa.select(PURCHASES.c.sold_at)
        .where(PURCHASES.c.member_id == member_id, PURCHASES.c.amount > PURCHASES.c.refunded)
        .order_by(PURCHASES.c.sold_at.desc())
        .limit(1)
    )
    return None if sold_at is None else taipei_date(sold_at)


@dataclass(frozen=True, slots=True)
class LifecycleSent:
    """What became of one message, in a marketer's words."""

    rule: str
    occasion: str
    status: str
    due_at: datetime
    reason: str | None
    decided_at: datetime | None


_SENT = sa.select(
    SENDS.c.rule,
    SENDS.c.occasion,
    SENDS.c.status,
    SENDS.c.due_at,
    SENDS.c.reason,
    SENDS.c.decided_at,
)


def sends_of(session: Session, member_id: int, *, limit: int = 50) -> list[LifecycleSent]:
    """Newest first."""
    rows = session.execute(
        _SENT.where(SENDS.c.member_id == member_id).order_by(SENDS.c.id.desc()).limit(limit)
    )
    return [LifecycleSent(*tuple(row)) for row in rows]


@dataclass(frozen=True, slots=True)
class RuleCount:
    rule: str
    status: str
    reason: str | None
    number: int


def counts(session: Session, *, since: datetime, until: datetime) -> list[RuleCount]:
    """How the messages decided in [since, until) ended, and why not, most first."""
    number = sa.func.count()
    rows = session.execute(
        sa.select(SENDS.c.rule, SENDS.c.status, SENDS.c.reason, number)
        .where(SENDS.c.decided_at >= since, SENDS.c.decided_at < until)
        .group_by(SENDS.c.rule, SENDS.c.status, SENDS.c.reason)
        .order_by(SENDS.c.rule, number.desc())
    )
    return [RuleCount(*tuple(row)) for row in rows]


def overdue(session: Session, *, before: datetime) -> int:
    """Messages that should have been decided before that instant."""
    found = session.scalar(
        sa.select(sa.func.count()).where(
            SENDS.c.status.in_(("due", "held")), SENDS.c.due_at < before
        )
    )
    return int(found or 0)

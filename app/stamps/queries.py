"""Which stamp cards run, which sales fill them, and what was given at their milestones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date, taipei_midnight
from app.core.db import table_of
from app.core.prepared import Prepared
from app.purchases.models import PURCHASES
from app.staff.models import Store
from app.stamps import rules
from app.stamps.models import CARDS, REWARDS, VERSIONS
from app.stamps.rules import Sale, Sheet, StampDraft, Version

_STORES = table_of(Store)


# Cards ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Card:
    """A stamp card with its versions, oldest first."""

    id: int
    code: str
    is_active: bool
    versions: tuple[Version, ...]

    @property
    def terms(self) -> StampDraft:
        return self.versions[-1].terms

    @property
    def version(self) -> int:
        return len(self.versions)


_KEPT = "stamps.running"
_CARDS = (
    sa.select(
        CARDS.c.id,
        CARDS.c.code,
        CARDS.c.is_active,
        VERSIONS.c.id.label("version_id"),
        VERSIONS.c.since_on,
        VERSIONS.c.digest,
    )
    .join_from(CARDS, VERSIONS, VERSIONS.c.card_id == CARDS.c.id)
    .order_by(CARDS.c.id, VERSIONS.c.version)
)
_RUNNING = Prepared(_CARDS.where(CARDS.c.is_active.is_(True)))
_ALL = Prepared(_CARDS)
_TERMS = sa.select(VERSIONS.c.terms).where(VERSIONS.c.id == sa.bindparam("version"))


def running(session: Session) -> list[Card]:
    """Cards that are stamped now, in the order in which they were made. Asked for once a
    transaction."""
    kept: list[Card] | None = session.info.get(_KEPT)
    if kept is None:
        kept = session.info[_KEPT] = _cards(session, _RUNNING)
    return kept


def forget_kept(session: Session) -> None:
    """Cards changed in this transaction."""
    session.info.pop(_KEPT, None)


def cards(session: Session) -> list[Card]:
    """All of them, also those that were stopped."""
    return _cards(session, _ALL)


def card_by_code(session: Session, code: str) -> Card | None:
    return next((card for card in cards(session) if card.code == code), None)


def _cards(session: Session, statement: Prepared) -> list[Card]:
    found: dict[int, list[Any]] = {}
    for row in statement.rows(session, {}):
        found.setdefault(row.id, []).append(row)
    return [
        Card(
            id=card_id,
            code=rows[0].code,
            is_active=bool(rows[0].is_active),
            versions=tuple(Version(row.since_on, _terms(session, row)) for row in rows),
        )
        for card_id, rows in found.items()
    ]


def _terms(session: Session, row: Any) -> StampDraft:
    """A version never changes, so it is parsed once."""
    key = (row.version_id, row.digest)
    if key not in _parsed:
        document = session.execute(_TERMS, {"version": row.version_id}).scalar_one()
        _parsed[key] = rules.from_document(document)
    return _parsed[key]


_parsed: dict[tuple[int, str], StampDraft] = {}  # grows by one per version


# A member ---------------------------------------------------------------------------------------

_SALES = Prepared(
    sa.select(
        PURCHASES.c.id,
        PURCHASES.c.sold_on,
        (PURCHASES.c.amount - PURCHASES.c.refunded).label("net"),
        sa.func.coalesce(_STORES.c.code, "").label("store"),
    )
    .outerjoin_from(PURCHASES, _STORES, _STORES.c.id == PURCHASES.c.store_id)
    .where(
        PURCHASES.c.member_id == sa.bindparam("member"),
        PURCHASES.c.sold_at >= sa.bindparam("since", type_=PURCHASES.c.sold_at.type),
        PURCHASES.c.amount > PURCHASES.c.refunded,
    )
)


def sales_of(session: Session, member_id: int, found: Sequence[Card]) -> list[Sale]:
    """The member's sales since the first of these cards began."""
    first = min(version.terms.starts_on for card in found for version in card.versions)
    rows = _SALES.rows(session, {"member": member_id, "since": taipei_midnight(first)})
    return [Sale(*tuple(row)) for row in rows]


@dataclass(frozen=True, slots=True)
class Standing:
    """A running card as one member has it: the sheets that their sales filled, last the one under
    way. `is_over`: it is stamped no more."""

    card: Card
    sheets: tuple[Sheet, ...]
    is_over: bool

    @property
    def sheet(self) -> Sheet:
        """The one to show: under way, just full, or still empty."""
        return self.sheets[-1] if self.sheets else Sheet(1, self.card.terms)


def standings(session: Session, member_id: int, *, now: datetime) -> list[Standing]:
    """Cards that began and have a stamp or can still get one, in the order in which they were
    made."""
    today = taipei_date(now)
    found = [card for card in running(session) if card.terms.starts_on <= today]
    if not found:
        return []
    sales = sales_of(session, member_id, found)
    shown = [
        Standing(
            card,
            tuple(rules.sheets(card.versions, sales)),
            (card.terms.ends_on or date.max) < today,
        )
        for card in found
    ]
    return [item for item in shown if item.sheets or not item.is_over]


@dataclass(frozen=True, slots=True)
class Reward:
    id: int
    card_id: int
    milestone: int
    ordinal: int
    reached_at: datetime
    takes_back: bool
    status: str
    points: int
    coupon_id: int | None
    fell_at: datetime | None
    taken_points: int
    taken_coupon: bool
    turn: int


_REWARDS = Prepared(
    sa.select(*(REWARDS.c[name] for name in Reward.__dataclass_fields__))
    .where(REWARDS.c.member_id == sa.bindparam("member"))
    .order_by(REWARDS.c.id)
)


def rewards_of(session: Session, member_id: int) -> list[Reward]:
    """Oldest first."""
    return [Reward(*tuple(row)) for row in _REWARDS.rows(session, {"member": member_id})]


# All members ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a milestone was reached and by how many members, and what went out for it."""

    milestone: int
    members: int
    times: int
    points: int
    coupons: int
    fallen: int  # reached, then taken below by a refund


def tallies(session: Session) -> dict[int, list[Tally]]:
    """By card, the milestones in order; one statement."""
    rows = session.execute(
        sa.select(
            REWARDS.c.card_id,
            REWARDS.c.milestone,
            sa.func.count(REWARDS.c.member_id.distinct()),
            sa.func.count(),
            sa.func.sum(REWARDS.c.points),
            sa.func.count(REWARDS.c.coupon_id),
            sa.func.count(REWARDS.c.fell_at),
        )
        .group_by(REWARDS.c.card_id, REWARDS.c.milestone)
        .order_by(REWARDS.c.card_id, REWARDS.c.milestone)
    )
    found: dict[int, list[Tally]] = {}
    for card_id, *counts in rows:
        found.setdefault(card_id, []).append(Tally(*(int(count) for count in counts)))
    return found


def holders(session: Session, card: Card) -> int:
    """Members with a stamp or more: who has a sale that is worth one. One statement."""
    worth = [
        sa.and_(
            PURCHASES.c.sold_at >= taipei_midnight(max(first, version.terms.starts_on)),
            PURCHASES.c.sold_at < taipei_midnight(until) if until else sa.true(),
            PURCHASES.c.amount - PURCHASES.c.refunded >= version.terms.amount,
            _STORES.c.code.in_(version.terms.stores) if version.terms.stores else sa.true(),
        )
        for version, first, until in _spans(card)
    ]
    found = session.scalar(
        sa.select(sa.func.count(PURCHASES.c.member_id.distinct()))
        .outerjoin_from(PURCHASES, _STORES, _STORES.c.id == PURCHASES.c.store_id)
        .where(sa.or_(*worth))
    )
    return int(found or 0)


def _spans(card: Card) -> list[tuple[Version, date, date | None]]:
    """(version, first day, first day after it) for which it says what sales are worth."""
    firsts = [date.min, *(version.since for version in card.versions[1:])]
    ends = [*firsts[1:], None]
    spans = []
    for version, first, end in zip(card.versions, firsts, ends, strict=True):
        last = version.terms.ends_on
        over = None if last is None else date.fromordinal(last.toordinal() + 1)
        until = min((day for day in (end, over) if day is not None), default=None)
        spans.append((version, first, until))
    return spans

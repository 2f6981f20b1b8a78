"""Which missions run, what a member did, which rounds they are in and what they won."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date, taipei_midnight
from app.core.db import table_of
from app.members.models import Member
from app.missions import rules
from app.missions.models import DEEDS, MISSIONS, REWARDS, ROUNDS, VERSIONS
from app.missions.rules import Bought, Day, Deed, MissionDraft, Record
from app.purchases.models import DAYS, ITEMS, PURCHASES, REFUNDS
from app.staff.models import Store

_MEMBERS, _STORES = table_of(Member), table_of(Store)


# Missions ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Running:
    """A mission with its newest version, and how many rewards of it went out."""

    id: int
    version_id: int
    version: int
    terms: MissionDraft
    reward_limit: int | None
    given: int
    is_active: bool

    @property
    def is_sold_out(self) -> bool:
        return self.reward_limit is not None and self.given >= self.reward_limit


_KEPT = "missions.running"
_LATER = VERSIONS.alias("later")
_STATES = (
    sa.select(
        MISSIONS.c.id,
        VERSIONS.c.id.label("version_id"),
        VERSIONS.c.version,
        VERSIONS.c.digest,
        MISSIONS.c.reward_limit,
        MISSIONS.c.given,
        MISSIONS.c.is_active,
    )
    .join_from(
        MISSIONS,
        VERSIONS,
        sa.and_(
            VERSIONS.c.mission_id == MISSIONS.c.id,
            ~sa.exists().where(
                _LATER.c.mission_id == VERSIONS.c.mission_id,
                _LATER.c.version > VERSIONS.c.version,
            ),
        ),
    )
    .order_by(MISSIONS.c.id)
)
_ACTIVE = _STATES.where(MISSIONS.c.is_active.is_(True))
_TERMS = sa.select(VERSIONS.c.digest, VERSIONS.c.terms).where(
    VERSIONS.c.id == sa.bindparam("version")
)


def running(session: Session) -> list[Running]:
    """Missions that are given now, in the order in which they were made. Asked for once a
    transaction; counters may be behind what the transaction itself did."""
    kept: list[Running] | None = session.info.get(_KEPT)
    if kept is None:
        kept = session.info[_KEPT] = [_state(session, row) for row in session.execute(_ACTIVE)]
    return kept


def forget_kept(session: Session) -> None:
    """Missions changed in this transaction."""
    session.info.pop(_KEPT, None)


def missions(session: Session) -> list[Running]:
    """All of them, also those that were stopped."""
    return [_state(session, row) for row in session.execute(_STATES)]


def mission_by_code(session: Session, code: str) -> Running | None:
    row = session.execute(_STATES.where(MISSIONS.c.code == code)).one_or_none()
    return None if row is None else _state(session, row)


def _state(session: Session, row: Any) -> Running:
    terms = _parsed.get((row.version_id, row.digest)) or terms_of(session, row.version_id)
    return Running(
        id=row.id,
        version_id=row.version_id,
        version=row.version,
        terms=terms,
        reward_limit=row.reward_limit,
        given=row.given,
        is_active=row.is_active,
    )


def terms_of(session: Session, version_id: int) -> MissionDraft:
    """A version never changes, so it is parsed once."""
    row = session.execute(_TERMS, {"version": version_id}).one()
    terms = _parsed.get((version_id, row.digest))
    if terms is None:
        terms = _parsed[version_id, row.digest] = rules.from_document(row.terms)
    return terms


_parsed: dict[tuple[int, str], MissionDraft] = {}  # grows by one per version


@dataclass(frozen=True, slots=True)
class Version:
    version: int
    terms: MissionDraft
    created_at: datetime


def versions_of(session: Session, mission_id: int) -> list[Version]:
    """Newest first."""
    rows = session.execute(
        sa.select(VERSIONS.c.version, VERSIONS.c.terms, VERSIONS.c.created_at)
        .where(VERSIONS.c.mission_id == mission_id)
        .order_by(VERSIONS.c.version.desc())
    )
    return [Version(row.version, rules.from_document(row.terms), row.created_at) for row in rows]


# A member ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Participant:
    id: int
    is_member: bool
    line_user_id: str | None
    joined_on: date
    birth_month: int | None
    profile: frozenset[str]  # fields that are filled in


_PARTICIPANT = sa.select(
    _MEMBERS.c.id,
    _MEMBERS.c.status,
    _MEMBERS.c.line_user_id,
    _MEMBERS.c.joined_at,
    _MEMBERS.c.created_at,
    _MEMBERS.c.birth_month,
    *(_MEMBERS.c[name] for name in rules.PROFILE_FIELDS),
).where(_MEMBERS.c.id == sa.bindparam("member"))


def participant(session: Session, member_id: int) -> Participant:
    row = session.execute(_PARTICIPANT, {"member": member_id}).one()
    filled = (name for name in rules.PROFILE_FIELDS if getattr(row, name))
    return Participant(
        id=row.id,
        is_member=row.status == "member",
        line_user_id=row.line_user_id,
        joined_on=taipei_date(row.joined_at or row.created_at),
        birth_month=row.birth_month,
        profile=frozenset(filled),
    )


@dataclass(frozen=True, slots=True)
class Reward:
    id: int
    mission_id: int
    round: str
    version_id: int
    first: date
    until: date
    completed_at: datetime
    status: str
    points: int
    coupon_id: int | None
    fell_at: datetime | None
    taken_points: int
    taken_coupon: bool
    turn: int


_REWARDS = (
    sa.select(
        REWARDS.c.id,
        REWARDS.c.mission_id,
        REWARDS.c.round,
        REWARDS.c.version_id,
        REWARDS.c.first_on,
        REWARDS.c.until_on,
        REWARDS.c.completed_at,
        REWARDS.c.status,
        REWARDS.c.points,
        REWARDS.c.coupon_id,
        REWARDS.c.fell_at,
        REWARDS.c.taken_points,
        REWARDS.c.taken_coupon,
        REWARDS.c.turn,
    )
    .where(REWARDS.c.member_id == sa.bindparam("member"))
    .order_by(REWARDS.c.id)
)


def rewards_of(session: Session, member_id: int) -> list[Reward]:
    """Oldest first."""
    return [Reward(*tuple(row)) for row in session.execute(_REWARDS, {"member": member_id})]


@dataclass(frozen=True, slots=True)
class Begun:
    """A period that a member takes part in, and the version that holds for it."""

    mission_id: int
    version_id: int
    round: str
    first: date
    until: date


_ROUNDS = sa.select(
    ROUNDS.c.mission_id, ROUNDS.c.version_id, ROUNDS.c.round, ROUNDS.c.first_on, ROUNDS.c.until_on
).where(
    ROUNDS.c.member_id == sa.bindparam("member"),
    ROUNDS.c.until_on >= sa.bindparam("since"),
    ROUNDS.c.first_on <= sa.bindparam("through"),
)


def rounds_of(session: Session, member_id: int, *, since: date, through: date) -> list[Begun]:
    """Periods that touch these days, or end with the day before them."""
    rows = session.execute(_ROUNDS, {"member": member_id, "since": since, "through": through})
    return [Begun(*tuple(row)) for row in rows]


# What a member did --------------------------------------------------------------------------------

_DAYS_OF = sa.select(DAYS.c.day, DAYS.c["count"], DAYS.c.net).where(
    DAYS.c.member_id == sa.bindparam("member"),
    DAYS.c.day >= sa.bindparam("first"),
    DAYS.c.day < sa.bindparam("until"),
)
_SALES_OF = (
    sa.select(
        PURCHASES.c.id,
        PURCHASES.c.sold_on,
        PURCHASES.c.amount - PURCHASES.c.refunded,
        sa.func.coalesce(_STORES.c.code, ""),
    )
    .outerjoin_from(PURCHASES, _STORES, _STORES.c.id == PURCHASES.c.store_id)
    .where(
        PURCHASES.c.member_id == sa.bindparam("member"),
        PURCHASES.c.sold_at >= sa.bindparam("since"),
        PURCHASES.c.sold_at < sa.bindparam("before"),
    )
)
_DEEDS_OF = sa.select(DEEDS.c.day, DEEDS.c.kind, DEEDS.c.key, DEEDS.c.amount).where(
    DEEDS.c.member_id == sa.bindparam("member"),
    DEEDS.c.day >= sa.bindparam("first"),
    DEEDS.c.day < sa.bindparam("until"),
)


def record_of(
    session: Session,
    who: Participant,
    drafts: Iterable[MissionDraft],
    *,
    first: date,
    until: date,
) -> Record:
    """What of [first, until) these missions look at, each table read once."""
    steps = [step for draft in drafts for step in draft.steps]
    span = {"member": who.id, "first": first, "until": until}
    kinds = {step.kind for step in steps}
    days = session.execute(_DAYS_OF, span).all() if kinds & rules.BOUGHT else []
    deeds = session.execute(_DEEDS_OF, span).all() if kinds & rules.DEEDS else []
    sales: Sequence[Bought] = ()
    if any(step.looks_at_sales for step in steps):
        sales = _sales(session, who.id, first, until, with_goods="items" in kinds)
    return Record(
        days=[Day(*tuple(row)) for row in days],
        sales=sales,
        deeds=[Deed(*tuple(row)) for row in deeds],
        profile=who.profile,
    )


def _sales(
    session: Session, member_id: int, first: date, until: date, *, with_goods: bool
) -> list[Bought]:
    rows = session.execute(
        _SALES_OF,
        {"member": member_id, "since": taipei_midnight(first), "before": taipei_midnight(until)},
    ).all()
    goods = _goods(session, [row[0] for row in rows]) if with_goods else {}
    return [Bought(row[0], row[1], row[2], row[3], goods.get(row[0], ())) for row in rows]


_LINES = (
    sa.select(ITEMS.c.purchase_id, ITEMS.c.sku, ITEMS.c.category, ITEMS.c.quantity)
    .where(ITEMS.c.purchase_id.in_(sa.bindparam("sales", expanding=True)))
    .order_by(ITEMS.c.purchase_id, ITEMS.c.line)
)
_GIVEN_BACK = sa.select(REFUNDS.c.purchase_id, REFUNDS.c["items"]).where(
    REFUNDS.c.purchase_id.in_(sa.bindparam("sales", expanding=True))
)


def _goods(
    session: Session, sales: Sequence[int]
) -> Mapping[int, tuple[tuple[str, str, int], ...]]:
    """(sku, category, quantity that stays) of each sale; a refund names what it takes by sku."""
    back: dict[tuple[int, str], int] = {}
    for purchase_id, items in session.execute(_GIVEN_BACK, {"sales": sales}):
        for item in items:
            key = (purchase_id, item.get("sku") or "")
            back[key] = back.get(key, 0) + item.get("quantity", 1)
    found: dict[int, list[tuple[str, str, int]]] = {}
    for purchase_id, sku, category, quantity in session.execute(_LINES, {"sales": sales}):
        gone = min(quantity, back.get((purchase_id, sku or ""), 0)) if sku else 0
        if gone:
            back[purchase_id, sku] -= gone
        found.setdefault(purchase_id, []).append((sku or "", category or "", quantity - gone))
    return {purchase_id: tuple(lines) for purchase_id, lines in found.items()}


# All members --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """How many members took part, how many rounds were completed, and what went out for them."""

    members: int
    completed: int
    points: int
    coupons: int
    fallen: int  # completed, then taken below by a refund


NO_TALLY = Tally(0, 0, 0, 0, 0)


def tallies(session: Session) -> dict[int, Tally]:
    """By mission; two statements."""
    begun = session.execute(
        sa.select(ROUNDS.c.mission_id, sa.func.count(ROUNDS.c.member_id.distinct())).group_by(
            ROUNDS.c.mission_id
        )
    )
    members = {row[0]: int(row[1]) for row in begun}
    won = session.execute(
        sa.select(
            REWARDS.c.mission_id,
            sa.func.count(),
            sa.func.sum(REWARDS.c.points),
            sa.func.count(REWARDS.c.coupon_id),
            sa.func.count(REWARDS.c.fell_at),
        ).group_by(REWARDS.c.mission_id)
    )
    found = {mission_id: Tally(number, 0, 0, 0, 0) for mission_id, number in members.items()}
    for mission_id, completed, points, coupons, fallen in won:
        found[mission_id] = Tally(
            members.get(mission_id, 0), int(completed), int(points), int(coupons), int(fallen)
        )
    return found

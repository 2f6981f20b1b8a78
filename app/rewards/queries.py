"""The catalogue, what a member exchanged, what the catalogue costs, and where its records
contradict each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.coupons import models as coupon_models
from app.coupons.models import COUPONS
from app.points import queries as points
from app.points.models import OPERATIONS
from app.programmes import queries as programmes
from app.programmes.rules import Terms
from app.rewards import rules
from app.rewards.models import CANCELLED, EXCHANGES, HOLDINGS, OFFERS, OPEN, RETURNED, REWARDS
from app.rewards.rules import RewardDraft
from app.tiers import queries as tiers

_KINDS, _COUPON_OFFERS = coupon_models.KINDS, coupon_models.OFFERS


@dataclass(frozen=True, slots=True)
class RewardState:
    """A reward with its newest offer; `price` is NT$ paid at the till besides the points."""

    reward_id: int
    offer_id: int
    version: int
    draft: RewardDraft
    price: int
    taken: int
    is_active: bool

    @property
    def left(self) -> int | None:
        return rules.left(self.draft.stock, self.taken)

    def is_shown(self, now: datetime) -> bool:
        """In the catalogue: offered now, or soon, and not over."""
        return self.is_active and (self.draft.ends_at is None or now < self.draft.ends_at)


_LATER = OFFERS.alias("later")
_NEWEST = sa.and_(
    OFFERS.c.reward_id == REWARDS.c.id,
    ~sa.exists().where(
        _LATER.c.reward_id == OFFERS.c.reward_id, _LATER.c.version > OFFERS.c.version
    ),
)
_LATER_COUPON = _COUPON_OFFERS.alias("later_coupon")
_COUPON = sa.and_(
    _COUPON_OFFERS.c.kind_id == _KINDS.c.id,
    ~sa.exists().where(
        _LATER_COUPON.c.kind_id == _COUPON_OFFERS.c.kind_id,
        _LATER_COUPON.c.version > _COUPON_OFFERS.c.version,
    ),
)
_DRAFTED = tuple(
    (REWARDS if name in REWARDS.c else OFFERS).c[name] for name in RewardDraft.__slots__
)
_STATES = sa.select(
    REWARDS.c.id.label("reward_id"),
    OFFERS.c.id.label("offer_id"),
    OFFERS.c.version,
    REWARDS.c.taken,
    REWARDS.c.is_active,
    _COUPON_OFFERS.c.type.label("coupon_type"),
    _COUPON_OFFERS.c.value.label("coupon_value"),
    *_DRAFTED,
).select_from(
    REWARDS.join(OFFERS, _NEWEST)
    .outerjoin(_KINDS, _KINDS.c.code == OFFERS.c.coupon)
    .outerjoin(_COUPON_OFFERS, _COUPON)
)


def rewards(session: Session) -> list[RewardState]:
    """All of them, cheapest first."""
    rows = session.execute(_STATES.order_by(OFFERS.c.points, REWARDS.c.id))
    return [_state(row._mapping) for row in rows]


def catalogue(session: Session, *, now: datetime) -> list[RewardState]:
    """What members see, cheapest first; what is sold out last."""
    shown = [reward for reward in rewards(session) if reward.is_shown(now)]
    return sorted(shown, key=lambda reward: reward.left == 0)


def reward(session: Session, reward_id: int) -> RewardState | None:
    row = session.execute(_STATES.where(REWARDS.c.id == reward_id)).one_or_none()
    return None if row is None else _state(row._mapping)


def reward_by_code(session: Session, code: str) -> RewardState | None:
    row = session.execute(_STATES.where(REWARDS.c.code == code)).one_or_none()
    return None if row is None else _state(row._mapping)


def _state(row: Mapping[Any, Any]) -> RewardState:
    drafted = {name: row[name] for name in RewardDraft.__slots__}
    drafted["tiers"] = tuple(drafted["tiers"])
    has_coupon = row["coupon_type"] is not None
    return RewardState(
        reward_id=row["reward_id"],
        offer_id=row["offer_id"],
        version=row["version"],
        draft=RewardDraft(**drafted),
        price=rules.price(row["coupon_type"], row["coupon_value"]) if has_coupon else 0,
        taken=row["taken"],
        is_active=row["is_active"],
    )


@dataclass(frozen=True, slots=True)
class Asker:
    """What decides whether a member can have a reward now, read once for a whole catalogue."""

    balance: int  # usable points, less debt
    tier: str
    taken: Mapping[int, int]  # by the reward's id
    terms: Terms


def asker(session: Session, member_id: int, *, now: datetime) -> Asker:
    return Asker(
        balance=points.standing(session, member_id, now=now).balance,
        tier=tiers.progress(session, member_id, now=now).tier.code,
        taken=taken_by(session, member_id),
        terms=programmes.terms_at(session, now),
    )


def taken_by(session: Session, member_id: int) -> dict[int, int]:
    """How many of each reward a member took, by the reward's id."""
    rows = session.execute(
        sa.select(HOLDINGS.c.reward_id, HOLDINGS.c.taken).where(HOLDINGS.c.member_id == member_id)
    )
    return {row.reward_id: row.taken for row in rows}


# Exchanges ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExchangeShown:
    """An exchange as its member knows it. `status` is open, picked_up, cancelled, lapsed or
    returned."""

    id: int
    reward_id: int
    member_id: int
    name: str
    colour: str
    icon: str
    points: int
    price: int
    status: str
    coupon_id: int | None
    coupon_code: str | None
    at: datetime
    expires_at: datetime
    picked_up_at: datetime | None
    cancel_until: datetime

    def may_cancel(self, now: datetime) -> bool:
        return self.status == OPEN and now < self.cancel_until and now < self.expires_at


_HELD_OFFER = coupon_models.OFFERS.alias("held_offer")
_SHOWN = sa.select(
    EXCHANGES.c.id,
    EXCHANGES.c.reward_id,
    EXCHANGES.c.member_id,
    OFFERS.c.name,
    OFFERS.c.colour,
    OFFERS.c.icon,
    EXCHANGES.c.points,
    _HELD_OFFER.c.type,
    _HELD_OFFER.c.value,
    EXCHANGES.c.status,
    EXCHANGES.c.coupon_id,
    COUPONS.c.code,
    COUPONS.c.status.label("coupon_status"),
    EXCHANGES.c.at,
    sa.func.coalesce(COUPONS.c.expires_at, EXCHANGES.c.expires_at).label("expires_at"),
    COUPONS.c.redeemed_at,
    OFFERS.c.cancel_hours,
).select_from(
    EXCHANGES.join(OFFERS, OFFERS.c.id == EXCHANGES.c.offer_id)
    .outerjoin(COUPONS, COUPONS.c.id == EXCHANGES.c.coupon_id)
    .outerjoin(_HELD_OFFER, _HELD_OFFER.c.id == COUPONS.c.offer_id)
)


def exchanges_of(session: Session, member_id: int, *, limit: int = 30) -> list[ExchangeShown]:
    """Newest first."""
    rows = session.execute(
        _SHOWN.where(EXCHANGES.c.member_id == member_id)
        .order_by(EXCHANGES.c.id.desc())
        .limit(limit)
    )
    return [_shown(row) for row in rows]


def exchange_of(session: Session, exchange_id: int, *, member_id: int) -> ExchangeShown | None:
    row = session.execute(
        _SHOWN.where(EXCHANGES.c.id == exchange_id, EXCHANGES.c.member_id == member_id)
    ).one_or_none()
    return None if row is None else _shown(row)


def latest(session: Session, *, limit: int = 50) -> list[ExchangeShown]:
    """Of everybody, newest first."""
    return [
        _shown(row) for row in session.execute(_SHOWN.order_by(EXCHANGES.c.id.desc()).limit(limit))
    ]


def _shown(row: Any) -> ExchangeShown:
    is_fetched = row.coupon_status == coupon_models.REDEEMED
    return ExchangeShown(
        id=row.id,
        reward_id=row.reward_id,
        member_id=row.member_id,
        name=row.name,
        colour=row.colour,
        icon=row.icon,
        points=row.points,
        price=0 if row.type is None else rules.price(row.type, row.value),
        status="picked_up" if row.status == OPEN and is_fetched else row.status,
        coupon_id=row.coupon_id,
        coupon_code=row.code,
        at=row.at,
        expires_at=row.expires_at,
        picked_up_at=row.redeemed_at,
        cancel_until=rules.cancellable_until(row.at, row.cancel_hours),
    )


@dataclass(frozen=True, slots=True)
class Turnover:
    """What became of the exchanges of a reward; `points` are those that did not come back."""

    exchanged: int
    picked_up: int
    waiting: int
    lapsed: int
    undone: int  # cancelled, or returned unclaimed
    points: int


NOTHING = Turnover(0, 0, 0, 0, 0, 0)


def turnover(session: Session) -> dict[int, Turnover]:
    """By the reward's id; counted in one statement."""
    is_open = EXCHANGES.c.status == OPEN
    is_fetched = COUPONS.c.status == coupon_models.REDEEMED
    is_undone = EXCHANGES.c.status.in_((CANCELLED, RETURNED))

    def number(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

    rows = session.execute(
        sa.select(
            EXCHANGES.c.reward_id,
            sa.func.count(),
            number(sa.and_(is_open, is_fetched)),
            number(sa.and_(is_open, ~is_fetched)),
            number(EXCHANGES.c.status == "lapsed"),
            number(is_undone),
            sa.func.coalesce(sa.func.sum(sa.case((is_undone, 0), else_=EXCHANGES.c.points)), 0),
        )
        .outerjoin(COUPONS, COUPONS.c.id == EXCHANGES.c.coupon_id)
        .group_by(EXCHANGES.c.reward_id)
    )
    return {row[0]: Turnover(*(int(value) for value in row[1:])) for row in rows}


def broken(session: Session, *, limit: int = 20) -> list[str]:
    """Evidence of exchanges whose records contradict each other."""
    counts = EXCHANGES.c.status.not_in((CANCELLED, RETURNED))
    gone = (
        sa.select(sa.func.count())
        .where(EXCHANGES.c.reward_id == REWARDS.c.id, counts)
        .scalar_subquery()
    )
    held = (
        sa.select(sa.func.count())
        .where(
            EXCHANGES.c.reward_id == HOLDINGS.c.reward_id,
            EXCHANGES.c.member_id == HOLDINGS.c.member_id,
            counts,
        )
        .scalar_subquery()
    )
    miscounted = session.execute(
        sa.select(REWARDS.c.code, REWARDS.c.taken, gone).where(REWARDS.c.taken != gone).limit(limit)
    )
    found = [f"reward {row[0]}: {row[1]} taken, {row[2]} exchanges" for row in miscounted]
    misheld = session.execute(
        sa.select(HOLDINGS.c.reward_id, HOLDINGS.c.member_id, HOLDINGS.c.taken, held)
        .where(HOLDINGS.c.taken != held)
        .limit(limit)
    )
    found += [f"reward {r} of member {m}: {taken} taken, {n} held" for r, m, taken, n in misheld]
    unpaid = session.scalars(
        sa.select(EXCHANGES.c.id)
        .outerjoin(OPERATIONS, OPERATIONS.c.id == EXCHANGES.c.operation_id)
        .where(sa.func.coalesce(-OPERATIONS.c.amount, 0) != EXCHANGES.c.points)
        .limit(limit)
    )
    return found + [f"exchange {number}: its points were not spent" for number in unpaid]

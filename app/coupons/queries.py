"""What coupons a member holds, and which of their records contradict each other."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids
from app.core.db import dump_json, table_of
from app.core.errors import NotFound
from app.coupons import rules
from app.coupons.models import (
    ACCEPTED,
    COUPONS,
    EVENTS,
    GIFTS,
    GOODWILL,
    ISSUED,
    KINDS,
    OFFERS,
    OPEN,
    REDEEMED,
    RESERVED,
)
from app.coupons.rules import GIFT_ORDER, Chosen, Conditions, KindDraft, Offer
from app.purchases.models import Purchase
from app.staff.models import Store

_STORES, _PURCHASES = table_of(Store), table_of(Purchase)


@dataclass(frozen=True, slots=True)
class HeldCoupon:
    id: int
    code: str
    status: str
    name: str
    kind_code: str
    type: str
    value: int
    cap: int | None
    min_spend: int
    terms: str
    image: str | None
    source: str
    issued_at: datetime
    usable_from: datetime
    expires_at: datetime | None
    redeemed_at: datetime | None
    discount: int | None
    stacking: str
    buys: int
    reserved_until: datetime | None
    reserved_for: str | None
    giving: str
    given: int  # to friends, so often
    conditions: Conditions

    def is_aside(self, now: datetime) -> bool:
        """Put aside for a friend who has not taken it yet."""
        is_waiting = self.reserved_until is not None and now < self.reserved_until
        return is_waiting and (self.reserved_for or "").startswith(GIFT_ORDER)

    def may_be_given(self, now: datetime) -> bool:
        is_alive = self.expires_at is None or now < self.expires_at
        is_let_go = self.reserved_until is not None and self.reserved_until <= now
        is_free = self.status == ISSUED or (self.status == RESERVED and is_let_go)
        return is_free and is_alive and rules.may_give(self.giving, self.given)

    @property
    def offer(self) -> Offer:
        return Offer(
            type=self.type,
            value=self.value,
            cap=self.cap,
            min_spend=self.min_spend,
            stacking=self.stacking,
            conditions=self.conditions,
            buys=self.buys,
        )

    def chosen(self, goods: int | None = None) -> Chosen:
        """As it is put on a sale; `goods`: what its goods cost, NT$, where lines are not known."""
        return Chosen(self.code, self.offer, self.kind_code, goods)

    def is_usable(self, now: datetime) -> bool:
        is_alive = self.expires_at is None or now < self.expires_at
        is_let_go = self.reserved_until is not None and self.reserved_until <= now
        is_free = self.status == ISSUED or (self.status == RESERVED and is_let_go)
        return is_free and is_alive and self.usable_from <= now


_HELD = sa.select(
    COUPONS.c.id,
    COUPONS.c.code,
    COUPONS.c.status,
    OFFERS.c.name,
    KINDS.c.code.label("kind_code"),
    OFFERS.c.type,
    OFFERS.c.value,
    OFFERS.c.cap,
    OFFERS.c.min_spend,
    OFFERS.c.terms,
    OFFERS.c.image,
    COUPONS.c.source,
    COUPONS.c.issued_at,
    COUPONS.c.usable_from,
    COUPONS.c.expires_at,
    COUPONS.c.redeemed_at,
    COUPONS.c.discount,
    OFFERS.c.stacking,
    OFFERS.c.buys,
    COUPONS.c.reserved_until,
    COUPONS.c.reserved_for,
    OFFERS.c.giving,
    COUPONS.c.given,
    OFFERS.c.conditions,
).select_from(
    COUPONS.join(KINDS, KINDS.c.id == COUPONS.c.kind_id).join(
        OFFERS, OFFERS.c.id == COUPONS.c.offer_id
    )
)


def is_free_for(
    order_id: str | sa.BindParameter[str], now: datetime | sa.BindParameter[datetime]
) -> sa.ColumnElement[bool]:
    """Held for this order, which may use it though its own end came meanwhile; or unused and not
    over, and not held for another."""
    is_held = sa.and_(COUPONS.c.status == RESERVED, COUPONS.c.reserved_until > now)
    is_free = sa.or_(
        COUPONS.c.status == ISSUED,
        sa.and_(COUPONS.c.status == RESERVED, COUPONS.c.reserved_until <= now),
    )
    is_alive = sa.or_(COUPONS.c.expires_at.is_(None), COUPONS.c.expires_at > now)
    return sa.or_(sa.and_(is_held, COUPONS.c.reserved_for == order_id), sa.and_(is_free, is_alive))


_NOW: sa.BindParameter[datetime] = sa.bindparam("now", type_=COUPONS.c.usable_from.type)
_ORDER: sa.BindParameter[str] = sa.bindparam("order", type_=sa.String)
_USABLE_ALL = _HELD.where(
    COUPONS.c.member_id == sa.bindparam("member"),
    COUPONS.c.status.in_((ISSUED, RESERVED)),  # said apart for the index of the member's
    COUPONS.c.usable_from <= _NOW,
    is_free_for(_ORDER, _NOW),
)
_USABLE = _USABLE_ALL.order_by(
    COUPONS.c.expires_at.is_(None), COUPONS.c.expires_at, COUPONS.c.id
).limit(sa.bindparam("limit"))


def usable_coupons(
    session: Session, member_id: int, *, now: datetime, limit: int = 50, order_id: str = ""
) -> list[HeldCoupon]:
    """Soonest end first; with what the order holds, when one is given."""
    values = {"member": member_id, "now": now, "limit": limit, "order": order_id}
    return [_held(row) for row in session.execute(_USABLE, values)]


def usable_by_code(
    session: Session,
    member_id: int,
    *,
    codes: Collection[str],
    now: datetime,
    order_id: str = "",
) -> dict[str, HeldCoupon]:
    """Those of the member's usable coupons that have one of these codes, by it."""
    values = {"member": member_id, "now": now, "order": order_id}
    rows = session.execute(_USABLE_ALL.where(COUPONS.c.code.in_(codes)), values)
    return {held.code: held for held in map(_held, rows)}


def coupons_of(session: Session, member_id: int, *, limit: int = 100) -> list[HeldCoupon]:
    """All of them, newest first: used and expired too."""
    rows = session.execute(
        _HELD.where(COUPONS.c.member_id == member_id).order_by(COUPONS.c.id.desc()).limit(limit)
    )
    return [_held(row) for row in rows]


def coupon_of_member(session: Session, coupon_id: int, *, member_id: int) -> HeldCoupon | None:
    row = session.execute(
        _HELD.where(COUPONS.c.id == coupon_id, COUPONS.c.member_id == member_id)
    ).one_or_none()
    return None if row is None else _held(row)


def coupon_by_code(session: Session, code: str) -> HeldCoupon | None:
    row = session.execute(_HELD.where(COUPONS.c.code == code.strip().upper())).one_or_none()
    return None if row is None else _held(row)


def _held(row: Any) -> HeldCoupon:
    values: list[Any] = list(row)  # in the fields' order; the last is the conditions' JSON
    values[-1] = Conditions.from_json(values[-1])
    return HeldCoupon(*values)


# Gifts --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GiftShown:
    """A coupon on its way to a friend, or there."""

    id: int
    coupon_id: int
    kind_id: int
    name: str
    per_member_limit: int | None
    giver_id: int
    friend_id: int | None
    status: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None


_GIFTS = (
    sa.select(
        GIFTS.c.id,
        GIFTS.c.coupon_id,
        COUPONS.c.kind_id,
        OFFERS.c.name,
        KINDS.c.per_member_limit,
        GIFTS.c.giver_id,
        GIFTS.c.friend_id,
        GIFTS.c.status,
        GIFTS.c.created_at,
        GIFTS.c.expires_at,
        GIFTS.c.ended_at,
    )
    .join_from(GIFTS, COUPONS, COUPONS.c.id == GIFTS.c.coupon_id)
    .join(KINDS, KINDS.c.id == COUPONS.c.kind_id)
    .join(OFFERS, OFFERS.c.id == COUPONS.c.offer_id)
)


# The coupon is put aside for this very gift.
IS_FOR_GIFT = COUPONS.c.reserved_for == sa.literal(GIFT_ORDER).concat(
    sa.cast(GIFTS.c.id, sa.String)
)


def gift_by_token(session: Session, token: str) -> GiftShown | None:
    row = session.execute(_GIFTS.where(GIFTS.c.digest == ids.digest(token))).one_or_none()
    return None if row is None else GiftShown(*tuple(row))


def gifts(session: Session, gift_ids: Collection[int]) -> list[GiftShown]:
    rows = session.execute(_GIFTS.where(GIFTS.c.id.in_(gift_ids)).order_by(GIFTS.c.id))
    return [GiftShown(*tuple(row)) for row in rows]


def gifts_given(session: Session, giver_id: int, *, limit: int = 20) -> list[GiftShown]:
    """Those a friend took, newest first."""
    rows = session.execute(
        _GIFTS.where(GIFTS.c.giver_id == giver_id, GIFTS.c.status == ACCEPTED)
        .order_by(GIFTS.c.id.desc())
        .limit(limit)
    )
    return [GiftShown(*tuple(row)) for row in rows]


def coupon(session: Session, coupon_id: int) -> HeldCoupon:
    """Whoever holds it."""
    return _held(session.execute(_HELD.where(COUPONS.c.id == coupon_id)).one())


# Kinds --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KindState:
    """A kind with its newest offer, and how many there are of it."""

    kind_id: int
    version: int
    draft: KindDraft
    issued: int
    redeemed: int
    spent: int  # NT$ of discounts
    is_active: bool

    @property
    def seal(self) -> str:
        """Differs when anything that people wrote down differs, limits too."""
        return ids.digest(dump_json(asdict(self.draft)))


_LATER = OFFERS.alias("later")
_NEWEST = sa.and_(
    OFFERS.c.kind_id == KINDS.c.id,
    ~sa.exists().where(_LATER.c.kind_id == OFFERS.c.kind_id, _LATER.c.version > OFFERS.c.version),
)


def kinds(session: Session) -> list[KindState]:
    """In the order in which they were made."""
    rows = session.execute(_KIND_STATES.order_by(KINDS.c.id))
    return [_kind_state(row._mapping) for row in rows]


def names(session: Session) -> dict[str, str]:
    """What each kind is called now, by its code."""
    return {kind.draft.code: kind.draft.name for kind in kinds(session)}


def newest_offer(session: Session, code: str) -> KindState | None:
    row = session.execute(_KIND_STATES.where(KINDS.c.code == code)).one_or_none()
    return None if row is None else _kind_state(row._mapping)


def kind_by_id(session: Session, kind_id: int) -> KindState:
    """Raises NotFound."""
    row = session.execute(_KIND_STATES.where(KINDS.c.id == kind_id)).one_or_none()
    if row is None:
        raise NotFound("coupon kind", kind_id)
    return _kind_state(row._mapping)


def kind_of_word(session: Session, word: str) -> str | None:
    """The code of the kind that the word gives, whether or not it is given now."""
    return session.scalar(sa.select(KINDS.c.code).where(KINDS.c.word == word))


_DRAFTED = tuple((KINDS if name in KINDS.c else OFFERS).c[name] for name in KindDraft.__slots__)
_KIND_STATES = sa.select(
    KINDS.c.id.label("kind_id"),
    OFFERS.c.version,
    KINDS.c.issued,
    KINDS.c.redeemed,
    KINDS.c.spent,
    KINDS.c.is_active,
    *_DRAFTED,
).join_from(KINDS, OFFERS, _NEWEST)


def _kind_state(row: Mapping[Any, Any]) -> KindState:
    drafted = {name: row[name] for name in KindDraft.__slots__}
    drafted["conditions"] = Conditions.from_json(drafted["conditions"])
    return KindState(
        kind_id=row["kind_id"],
        version=row["version"],
        draft=KindDraft(**drafted),
        issued=row["issued"],
        redeemed=row["redeemed"],
        spent=row["spent"],
        is_active=row["is_active"],
    )


def names_on_sale(session: Session, purchase_id: int) -> list[tuple[int, str]]:
    """(coupon id, name) of the coupons used on a sale."""
    rows = session.execute(
        sa.select(COUPONS.c.id, OFFERS.c.name)
        .join_from(COUPONS, OFFERS, OFFERS.c.id == COUPONS.c.offer_id)
        .where(COUPONS.c.purchase_id == purchase_id, COUPONS.c.status == REDEEMED)
        .order_by(COUPONS.c.id)
    )
    return [(row.id, row.name) for row in rows]


def used_on_sale(session: Session, purchase_id: int) -> list[HeldCoupon]:
    rows = session.execute(
        _HELD.where(COUPONS.c.purchase_id == purchase_id, COUPONS.c.status == REDEEMED).order_by(
            COUPONS.c.id
        )
    )
    return [_held(row) for row in rows]


def used_of_word(
    session: Session, word: str, *, member_id: int, order_id: str, since: datetime
) -> HeldCoupon | None:
    """The coupon of a word that this order used, or that was handed over without one since."""
    row = session.execute(
        _HELD.outerjoin(_PURCHASES, _PURCHASES.c.id == COUPONS.c.purchase_id)
        .where(
            KINDS.c.word == word,
            COUPONS.c.member_id == member_id,
            COUPONS.c.source == "word",
            COUPONS.c.status == REDEEMED,
            COUPONS.c.redeemed_at >= since,
            sa.or_(COUPONS.c.purchase_id.is_(None), _PURCHASES.c.external_id == order_id),
        )
        .order_by(COUPONS.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _held(row)


def goodwill_kinds(session: Session) -> list[KindState]:
    """What staff may give now, by name."""
    rows = session.execute(
        _KIND_STATES.where(KINDS.c.goodwill.is_(True), KINDS.c.is_active.is_(True)).order_by(
            OFFERS.c.name
        )
    ).mappings()
    return [_kind_state(row) for row in rows]


def goodwill_given(session: Session, staff_id: int, *, now: datetime) -> tuple[int, int]:
    """How many this person gave today and this month."""
    periods = rules.goodwill_periods(now)
    rows = session.execute(
        sa.select(GOODWILL.c.period, GOODWILL.c.given).where(
            GOODWILL.c.staff_id == staff_id, GOODWILL.c.period.in_(periods.values())
        )
    )
    given = {row.period: int(row.given) for row in rows}
    return given.get(periods["day"], 0), given.get(periods["month"], 0)


def goodwill_of(session: Session, dedup_key: str, *, member_id: int) -> HeldCoupon | None:
    """What this form gave the member."""
    row = session.execute(
        _HELD.where(
            COUPONS.c.dedup_key == f"{rules.GOODWILL_SOURCE}:{dedup_key}",
            COUPONS.c.member_id == member_id,
        )
    ).one_or_none()
    return None if row is None else _held(row)


@dataclass(frozen=True, slots=True)
class CouponStep:
    """One thing that happened to a coupon."""

    kind: str
    at: datetime
    store: str | None
    facts: dict[str, Any]


def steps_of(session: Session, coupon_id: int) -> list[CouponStep]:
    """Oldest first."""
    rows = session.execute(
        sa.select(EVENTS.c.kind, EVENTS.c.at, _STORES.c.name, EVENTS.c.facts)
        .outerjoin_from(EVENTS, _STORES, _STORES.c.id == EVENTS.c.store_id)
        .where(EVENTS.c.coupon_id == coupon_id)
        .order_by(EVENTS.c.id)
    )
    return [CouponStep(row[0], row[1], row[2], row[3] or {}) for row in rows]


def broken(session: Session, *, limit: int = 20) -> list[str]:
    """Evidence of coupons whose records contradict each other."""
    net = (
        sa.select(
            EVENTS.c.coupon_id,
            sa.func.sum(
                sa.case(
                    (EVENTS.c.kind == "redeemed", 1), (EVENTS.c.kind == "rolled_back", -1), else_=0
                )
            ).label("net"),
        )
        .group_by(EVENTS.c.coupon_id)
        .subquery()
    )
    is_redeemed = sa.case((COUPONS.c.status == REDEEMED, 1), else_=0)
    odd = session.scalars(
        sa.select(COUPONS.c.id)
        .outerjoin(net, net.c.coupon_id == COUPONS.c.id)
        .where(sa.func.coalesce(net.c.net, -1) != is_redeemed)
        .limit(limit)
    )
    found = [f"coupon {coupon_id}: its state and its events differ" for coupon_id in odd]
    used = (
        sa.select(sa.func.count())
        .where(COUPONS.c.kind_id == KINDS.c.id, COUPONS.c.status == REDEEMED)
        .scalar_subquery()
    )
    given = sa.select(sa.func.count()).where(COUPONS.c.kind_id == KINDS.c.id).scalar_subquery()
    spent = (
        sa.select(sa.func.coalesce(sa.func.sum(COUPONS.c.discount), 0))
        .where(COUPONS.c.kind_id == KINDS.c.id, COUPONS.c.status == REDEEMED)
        .scalar_subquery()
    )
    miscounted = session.execute(
        sa.select(KINDS.c.code, KINDS.c.issued, given, KINDS.c.redeemed, used, KINDS.c.spent, spent)
        .where(sa.or_(KINDS.c.redeemed != used, KINDS.c.issued != given, KINDS.c.spent != spent))
        .limit(limit)
    )
    found += [f"coupon kind {row[0]}: counts {tuple(row[1:])} differ" for row in miscounted]
    found += _broken_gifts(session, limit)
    return found


def _broken_gifts(session: Session, limit: int) -> list[str]:
    """Coupons that went from hand to hand without a gift, or are put aside for one that ended."""
    moved = (
        sa.select(GIFTS.c.coupon_id, sa.func.count().label("times"))
        .where(GIFTS.c.status == ACCEPTED)
        .group_by(GIFTS.c.coupon_id)
        .subquery()
    )
    uncounted = session.scalars(
        sa.select(COUPONS.c.id)
        .outerjoin(moved, moved.c.coupon_id == COUPONS.c.id)
        .where(COUPONS.c.given != sa.func.coalesce(moved.c.times, 0))
        .limit(limit)
    )
    is_open = sa.exists().where(
        GIFTS.c.coupon_id == COUPONS.c.id, GIFTS.c.status == OPEN, IS_FOR_GIFT
    )
    stray = session.scalars(
        sa.select(COUPONS.c.id)
        .where(COUPONS.c.reserved_for.startswith(GIFT_ORDER), ~is_open)
        .limit(limit)
    )
    return [
        *(f"coupon {coupon_id}: its gifts are miscounted" for coupon_id in uncounted),
        *(f"coupon {coupon_id}: put aside for no gift" for coupon_id in stray),
    ]


def last_day_of(expires: datetime | None) -> str:
    """As a member reads it, or an empty text for a voucher without an end."""
    return "" if expires is None else f"{rules.last_day(expires):%Y/%m/%d}"

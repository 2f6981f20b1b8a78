"""Putting rewards into the catalogue; exchanging points for one, taking that back, and what happens
to what nobody fetched.

An exchange is one transaction: the member's account is held, then the stock is counted down by a
conditional update, the points are spent and the coupon is given. Whatever is refused rolls all of
it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core.db import changed, inserted, switch
from app.core.errors import Conflict, NotFound
from app.coupons import models as coupon_models
from app.coupons import service as coupons
from app.coupons.models import COUPONS
from app.coupons.service import LimitReached
from app.points import service as points
from app.points.service import Cause
from app.programmes import queries as programmes
from app.rewards import queries, rules
from app.rewards.models import (
    CANCELLED,
    EXCHANGES,
    HOLDINGS,
    LAPSED,
    OFFERS,
    OPEN,
    RETURNED,
    REWARDS,
)
from app.rewards.queries import RewardState
from app.rewards.rules import NotCancellable, RewardDraft, RewardRefused
from app.tiers import queries as tiers
from app.timeline import service as timeline

SYSTEM, MEMBER = "system", "member"
_LIMITS = ("stock", "per_member_limit")
_OFFERED = tuple(name for name in RewardDraft.__slots__ if name not in (*_LIMITS, "code"))


@dataclass(frozen=True, slots=True)
class Exchanged:
    """`is_new` False: the same page sent again."""

    exchange_id: int
    is_new: bool


# The catalogue ------------------------------------------------------------------------------------


def create_reward(session: Session, *, draft: RewardDraft, now: datetime) -> int:
    """Raises Invalid naming the field."""
    rules.check_draft(draft)
    values = {name: getattr(draft, name) for name in ("code", *_LIMITS)}
    values |= {"taken": 0, "is_active": True, "created_at": now}
    reward_id: int = session.execute(
        sa.insert(REWARDS).returning(REWARDS.c.id), values
    ).scalar_one()
    _offer(session, reward_id, draft, version=1, now=now)
    return reward_id


def revise_reward(session: Session, *, draft: RewardDraft, now: datetime) -> bool:
    """Offer something else under a known code from now on; False when nothing differs. A stock
    below what is gone already only stops further exchanges.

    Raises Invalid naming the field, NotFound for an unknown code."""
    rules.check_draft(draft)
    newest = queries.reward_by_code(session, draft.code)
    if newest is None:
        raise NotFound("reward", draft.code)
    limits = {
        "stock": None if draft.stock is None else max(draft.stock, newest.taken),
        "per_member_limit": draft.per_member_limit,
    }
    has_changed = changed(
        session,
        sa.update(REWARDS)
        .where(
            REWARDS.c.id == newest.reward_id,
            sa.or_(*(REWARDS.c[name].is_distinct_from(value) for name, value in limits.items())),
        )
        .values(limits),
    )
    if _offered(newest.draft) == _offered(draft):
        return bool(has_changed)
    _offer(session, newest.reward_id, draft, version=newest.version + 1, now=now)
    return True


def set_active(session: Session, *, code: str, is_active: bool) -> bool:
    """Begin or stop offering a reward; what was exchanged stays good. False when it was so."""
    return switch(session, REWARDS, code=code, is_active=is_active)


def _offered(draft: RewardDraft) -> dict[str, Any]:
    return {name: getattr(draft, name) for name in _OFFERED} | {"tiers": list(draft.tiers)}


def _offer(
    session: Session, reward_id: int, draft: RewardDraft, *, version: int, now: datetime
) -> None:
    values = _offered(draft) | {"reward_id": reward_id, "version": version, "created_at": now}
    session.execute(sa.insert(OFFERS), values)


# Exchanging ---------------------------------------------------------------------------------------


def exchange(
    session: Session, *, reward_id: int, member_id: int, form_id: str, now: datetime
) -> Exchanged:
    """Points for a reward, once for each `form_id`, which is made with the page or the button.

    Raises RewardRefused, NotEnoughPoints, NotFound, Conflict; then the caller must roll back."""
    points.lock(session, member_id=member_id, now=now)
    external_id = f"{member_id}:{form_id}"
    known = _known(session, external_id, reward_id)
    if known is not None:
        return Exchanged(known, is_new=False)
    wanted = queries.reward(session, reward_id)
    if wanted is None:
        raise NotFound("reward", reward_id)
    tier = tiers.progress(session, member_id, now=now).tier.code
    rules.check(wanted.draft, is_active=wanted.is_active, tier=tier, now=now)
    _take_one(session, wanted, member_id)
    exchange_id = _write_down(session, wanted, member_id, external_id, now)
    operation_id = _spend(session, wanted, member_id, exchange_id, now)
    coupon_id, expires_at = _give(session, wanted, member_id, exchange_id, now)
    session.execute(
        sa.update(EXCHANGES)
        .where(EXCHANGES.c.id == exchange_id)
        .values(operation_id=operation_id, coupon_id=coupon_id, expires_at=expires_at)
    )
    _tell(session, member_id, "reward.exchanged", exchange_id, wanted.draft.name, now)
    return Exchanged(exchange_id, is_new=True)


def _known(session: Session, external_id: str, reward_id: int) -> int | None:
    """Raises Conflict."""
    row = session.execute(
        sa.select(EXCHANGES.c.id, EXCHANGES.c.reward_id).where(
            EXCHANGES.c.external_id == external_id
        )
    ).one_or_none()
    if row is None:
        return None
    if row.reward_id != reward_id:
        raise Conflict("form_id", external_id)
    return int(row.id)


_COUNT_DOWN = (
    sa.update(REWARDS)
    .where(
        REWARDS.c.id == sa.bindparam("reward"),
        REWARDS.c.is_active.is_(True),
        sa.or_(REWARDS.c.stock.is_(None), REWARDS.c.taken < REWARDS.c.stock),
    )
    .values(taken=REWARDS.c.taken + 1)
)
_HOLD = {
    dialect: insert(HOLDINGS).on_conflict_do_update(
        index_elements=["reward_id", "member_id"],
        set_={"taken": HOLDINGS.c.taken + 1},
        where=HOLDINGS.c.taken < sa.bindparam("most", type_=sa.Integer()),
    )
    for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_NO_LIMIT = 2**31 - 1


def _take_one(session: Session, wanted: RewardState, member_id: int) -> None:
    """Raises RewardRefused."""
    limit = wanted.draft.per_member_limit
    most = _NO_LIMIT if limit is None else limit
    row = {"reward_id": wanted.reward_id, "member_id": member_id, "taken": 1, "most": most}
    if most < 1 or not inserted(session, _HOLD[session.get_bind().dialect.name], row):
        raise RewardRefused("per_member", limit=limit)
    result: Any = session.execute(_COUNT_DOWN, {"reward": wanted.reward_id})
    if not result.rowcount:
        raise RewardRefused("sold_out")


def _write_down(
    session: Session, wanted: RewardState, member_id: int, external_id: str, now: datetime
) -> int:
    values = {
        "external_id": external_id,
        "reward_id": wanted.reward_id,
        "offer_id": wanted.offer_id,
        "member_id": member_id,
        "status": OPEN,
        "points": wanted.draft.points,
        "at": now,
        "expires_at": rules.pickup_until(wanted.draft, now),
    }
    found: int = session.execute(
        sa.insert(EXCHANGES).returning(EXCHANGES.c.id), values
    ).scalar_one()
    return found


def _spend(
    session: Session, wanted: RewardState, member_id: int, exchange_id: int, now: datetime
) -> int:
    posted = points.redeem(
        session,
        member_id=member_id,
        points=wanted.draft.points,
        cause=Cause(
            external_id=f"exchange:{exchange_id}",
            actor=MEMBER,
            reason=f"兌換「{wanted.draft.name}」",
            source="exchange",
            source_id=exchange_id,
            programme_version=programmes.terms_at(session, now).version,
        ),
        now=now,
        facts={"reward": wanted.draft.code, "version": wanted.version, "price": wanted.price},
    )
    return posted.operation_id


def _give(
    session: Session, wanted: RewardState, member_id: int, exchange_id: int, now: datetime
) -> tuple[int, datetime]:
    """The coupon to fetch it with, and until when. Raises RewardRefused."""
    until = rules.pickup_until(wanted.draft, now)
    try:
        issued = coupons.issue(
            session,
            kind_code=wanted.draft.coupon,
            member_id=member_id,
            source=f"reward:{wanted.draft.code}"[:40],
            dedup_key=f"exchange:{exchange_id}",
            now=now,
            until=until,
        )
    except (LimitReached, NotFound) as error:
        raise RewardRefused("coupon") from error
    assert issued is not None  # the exchange is new, and so is the key
    return issued.coupon_id, issued.expires_at or until


# Undoing ------------------------------------------------------------------------------------------


def cancel(session: Session, *, exchange_id: int, member_id: int, now: datetime) -> int:
    """Take an exchange back before it was fetched; returns the points that came back.

    Raises NotFound, NotCancellable; then the caller must roll back."""
    points.lock(session, member_id=member_id, now=now)
    held = queries.exchange_of(session, exchange_id, member_id=member_id)
    if held is None:
        raise NotFound("exchange", exchange_id)
    if held.status != OPEN:
        raise NotCancellable("picked_up" if held.status == "picked_up" else "over")
    if not held.may_cancel(now):
        raise NotCancellable("late")
    if held.coupon_id is None or not coupons.revoke(
        session, coupon_id=held.coupon_id, reason="取消兌換", staff_id=None, now=now
    ):
        raise NotCancellable("picked_up")
    if not _end(session, exchange_id, CANCELLED, now):
        raise NotCancellable("over")
    return _undo(session, exchange_id, member_id, CANCELLED, "取消兌換", now)


_NOW: sa.BindParameter[datetime] = sa.bindparam("now", type_=COUPONS.c.expires_at.type)
# Its time is over, and it will not come back as a used one does with a refund.
_UNCLAIMED = (
    sa.select(EXCHANGES.c.id, EXCHANGES.c.member_id, OFFERS.c.unclaimed, OFFERS.c.name)
    .join(OFFERS, OFFERS.c.id == EXCHANGES.c.offer_id)
    .join(COUPONS, COUPONS.c.id == EXCHANGES.c.coupon_id)
    .where(
        EXCHANGES.c.status == OPEN,
        EXCHANGES.c.expires_at <= _NOW,
        sa.or_(
            COUPONS.c.status == coupon_models.EXPIRED,
            sa.and_(COUPONS.c.status == coupon_models.ISSUED, COUPONS.c.expires_at <= _NOW),
        ),
    )
    .order_by(EXCHANGES.c.member_id, EXCHANGES.c.id)
    .limit(sa.bindparam("limit"))
)


def lapse_due(session: Session, *, now: datetime, limit: int = 500) -> int:
    """End up to `limit` exchanges that nobody fetched in time; by the terms of each its points are
    lost or come back. Returns how many. Safe to run twice."""
    rows = session.execute(_UNCLAIMED, {"now": now, "limit": limit}).all()
    for row in rows:
        points.lock(session, member_id=row.member_id, now=now)
        status = RETURNED if row.unclaimed == "returned" else LAPSED
        if not _end(session, row.id, status, now):
            continue  # taken back by the member at this very moment
        if status == RETURNED:
            _undo(session, row.id, row.member_id, RETURNED, "逾期未領退回", now)
        else:
            _tell(session, row.member_id, "reward.lapsed", row.id, row.name, now)
    return len(rows)


def fold_holdings(session: Session, *, member_ids: Sequence[int]) -> None:
    """Count anew how many of each reward these members took."""
    session.execute(sa.delete(HOLDINGS).where(HOLDINGS.c.member_id.in_(member_ids)))
    counted = (
        sa.select(EXCHANGES.c.reward_id, EXCHANGES.c.member_id, sa.func.count())
        .where(
            EXCHANGES.c.member_id.in_(member_ids),
            EXCHANGES.c.status.not_in((CANCELLED, RETURNED)),
        )
        .group_by(EXCHANGES.c.reward_id, EXCHANGES.c.member_id)
    )
    session.execute(sa.insert(HOLDINGS).from_select(["reward_id", "member_id", "taken"], counted))


def _undo(
    session: Session, exchange_id: int, member_id: int, status: str, reason: str, now: datetime
) -> int:
    """Points to their lots, the piece into the stock. The member's account is held, and the
    exchange was ended by this very transaction."""
    row = session.execute(
        sa.select(EXCHANGES.c.reward_id, EXCHANGES.c.operation_id, OFFERS.c.name)
        .join(OFFERS, OFFERS.c.id == EXCHANGES.c.offer_id)
        .where(EXCHANGES.c.id == exchange_id)
    ).one()
    posted = points.restore(
        session,
        member_id=member_id,
        redemption_id=row.operation_id,
        external_id=f"exchange-back:{exchange_id}",
        actor=MEMBER if status == CANCELLED else SYSTEM,
        reason=f"{reason}「{row.name}」",
        terms=programmes.terms_at(session, now).points,
        now=now,
    )
    for table, own in (
        (REWARDS, REWARDS.c.id == row.reward_id),
        (HOLDINGS, sa.and_(HOLDINGS.c.reward_id == row.reward_id,
                           HOLDINGS.c.member_id == member_id)),
    ):  # fmt: skip
        changed(session, sa.update(table).where(own).values(taken=table.c.taken - 1))
    _tell(session, member_id, f"reward.{status}", exchange_id, row.name, now)
    return posted.points


def _end(session: Session, exchange_id: int, status: str, now: datetime) -> bool:
    won = changed(
        session,
        sa.update(EXCHANGES)
        .where(EXCHANGES.c.id == exchange_id, EXCHANGES.c.status == OPEN)
        .values(status=status, ended_at=now),
    )
    return bool(won)


def _tell(
    session: Session, member_id: int, kind: str, exchange_id: int, name: str, now: datetime
) -> None:
    timeline.record(
        session,
        member_id=member_id,
        kind=kind,
        at=now,
        facts={"exchange_id": exchange_id, "name": name},
    )

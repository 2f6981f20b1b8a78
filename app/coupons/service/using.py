"""Redeem coupons, each once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import changed, inserted
from app.core.errors import NotFound
from app.coupons import rules
from app.coupons.models import (
    COUPON_DAYS,
    COUPONS,
    EXPIRED,
    ISSUED,
    KINDS,
    OFFERS,
    REDEEMED,
    RESERVED,
)
from app.coupons.queries import is_free_for
from app.coupons.rules import (
    GIFT_ORDER,
    Chosen,
    Conditions,
    CouponNotUsable,
    Offer,
    Situation,
)
from app.coupons.service.locking import lock_kinds
from app.coupons.service.records import note
from app.timeline import service as timeline


@dataclass(frozen=True, slots=True)
class Use:
    """A coupon to be used, by its code; `goods`: NT$ of its goods where lines are not known."""

    code: str
    goods: int | None = None


@dataclass(frozen=True, slots=True)
class Redeemed:
    coupon_id: int
    code: str
    member_id: int | None
    kind_name: str
    type: str
    discount: int  # NT$
    at: datetime
    lines: tuple[int, ...] = ()  # NT$ that all coupons of the sale took off each line


_OFFERS = (
    sa.select(
        COUPONS.c.id,
        COUPONS.c.code,
        COUPONS.c.member_id,
        COUPONS.c.kind_id,
        COUPONS.c.status,
        COUPONS.c.usable_from,
        COUPONS.c.expires_at,
        COUPONS.c.redeemed_at,
        COUPONS.c.reserved_for,
        COUPONS.c.reserved_until,
        KINDS.c.code.label("kind_code"),
        KINDS.c.per_day_limit,
        OFFERS.c.name,
        OFFERS.c.type,
        OFFERS.c.value,
        OFFERS.c.cap,
        OFFERS.c.min_spend,
        OFFERS.c.stacking,
        OFFERS.c.conditions,
        OFFERS.c.buys,
    )
    .join_from(COUPONS, OFFERS, OFFERS.c.id == COUPONS.c.offer_id)
    .join(KINDS, KINDS.c.id == COUPONS.c.kind_id)
    .where(COUPONS.c.code.in_(sa.bindparam("codes", expanding=True)))
)


def redeem(
    session: Session,
    *,
    code: str,
    member_id: int | None,
    store_id: int | None,
    staff_id: int | None,
    situation: Situation,
    now: datetime,
    purchase_id: int | None = None,
) -> Redeemed:
    """Use one coupon once, as `redeem_all` does."""
    [used] = redeem_all(
        session,
        uses=[Use(code)],
        member_id=member_id,
        store_id=store_id,
        staff_id=staff_id,
        situation=situation,
        now=now,
        purchase_id=purchase_id,
    )
    return used


def redeem_all(
    session: Session,
    *,
    uses: Sequence[Use],
    member_id: int | None,
    store_id: int | None,
    staff_id: int | None,
    situation: Situation,
    now: datetime,
    purchase_id: int | None = None,
    order_id: str = "",
) -> list[Redeemed]:
    """Use coupons on one sale, each once, all or none; returned in the order in which they were
    taken off, which does not depend on the order of `uses`. What is held for the sale of another
    `order_id` cannot be used, nor on a sale what takes nothing off it.

    Raises CouponNotUsable, then the caller must roll back; NotFound when no such code exists, or it
    belongs to somebody else (which is not told apart, so that codes cannot be tried out)."""
    rows = owned(session, uses, member_id, order_id, now)
    lock_kinds(session, codes=[code for code, _ in rows])
    chosen = [
        Chosen(code, _offer(row), row.kind_code, use.goods)
        for (code, row), use in zip(rows, uses, strict=True)
    ]
    stack = rules.stack(chosen, situation)
    by_code = dict(rows)
    found = [(by_code[code], off) for code, off in stack.parts.items()]
    if purchase_id is not None:
        _check_worth(found)
    _use_up(session, found, store_id, staff_id, purchase_id, order_id, now)
    for row, off in found:
        facts = {"discount": off, "amount": situation.amount, "purchase_id": purchase_id}
        facts |= {"together": len(found)} if len(found) > 1 else {}
        note(session, row.id, "redeemed", now, store_id, staff_id, facts)
        if row.member_id is not None:
            timeline.record(
                session,
                member_id=row.member_id,
                kind="coupon.redeemed",
                at=now,
                facts={
                    "coupon_id": row.id,
                    "name": row.name,
                    "discount": off,
                    "store_id": store_id,
                },
            )
    return [
        Redeemed(row.id, row.code, row.member_id, row.name, row.type, off, now, stack.lines)
        for row, off in found
    ]


def owned(
    session: Session, uses: Sequence[Use], member_id: int | None, order_id: str, now: datetime
) -> list[tuple[str, Any]]:
    """What is known of each usable coupon, by its code, in the order given. Raises NotFound,
    CouponNotUsable."""
    codes = [use.code.strip().upper() for use in uses]
    by_code = {row.code: row for row in session.execute(_OFFERS, {"codes": codes})}
    for code in codes:
        row = by_code.get(code)
        if row is None or (row.member_id is not None and row.member_id != member_id):
            raise NotFound("coupon", code)
        _check_state(row, order_id, now)
    return [(code, by_code[code]) for code in codes]


def _offer(row: Any) -> Offer:
    return Offer(
        type=row.type,
        value=row.value,
        cap=row.cap,
        min_spend=row.min_spend,
        stacking=row.stacking,
        conditions=Conditions.from_json(row.conditions),
        buys=row.buys,
    )


def _check_state(row: Any, order_id: str, now: datetime) -> None:
    if row.status == REDEEMED:
        raise CouponNotUsable("already_redeemed", at=row.redeemed_at, coupon=row.code)
    is_held = row.status == RESERVED and now < row.reserved_until
    is_own = is_held and row.reserved_for == order_id
    is_over = row.expires_at is not None and row.expires_at <= now
    if row.status == EXPIRED or (is_over and not is_own):
        raise CouponNotUsable("expired", expires_at=row.expires_at, coupon=row.code)
    if is_held and not is_own and row.reserved_for.startswith(GIFT_ORDER):
        raise CouponNotUsable("gift", coupon=row.code)
    if (is_held and not is_own) or row.status not in (ISSUED, RESERVED):
        raise CouponNotUsable(row.status, coupon=row.code)
    if now < row.usable_from:
        raise CouponNotUsable("not_yet", usable_from=row.usable_from, coupon=row.code)


def _check_worth(found: Sequence[tuple[Any, int]]) -> None:
    """On a sale nobody loses a coupon for nothing; in the chat the bill is not known."""
    for row, off in found:
        if off == 0 and _offer(row).takes_money_off:
            raise CouponNotUsable("takes_nothing", coupon=row.code)


def _use_up(
    session: Session,
    found: Sequence[tuple[Any, int]],
    store_id: int | None,
    staff_id: int | None,
    purchase_id: int | None,
    order_id: str,
    now: datetime,
) -> None:
    """The kinds are held by now; the coupons follow in the order of their ids: two sales that use
    coupons of the same kinds wait for each other and never in a ring."""
    for row, off in sorted(found, key=lambda each: each[0].id):
        won = changed(
            session,
            sa.update(COUPONS)
            .where(COUPONS.c.id == row.id, is_free_for(order_id, now))
            .values(
                status=REDEEMED,
                reserved_for=None,
                reserved_until=None,
                redeemed_at=now,
                store_id=store_id,
                staff_id=staff_id,
                purchase_id=purchase_id,
                discount=off,
            ),
        )
        if not won:
            raise CouponNotUsable("already_redeemed", at=None, coupon=row.code)
    for row, off in sorted(found, key=lambda each: (each[0].kind_id, each[0].id)):
        _count(session, row, off, taipei_date(now))


_NO_LIMIT = 2**31 - 1
_DAY = {
    dialect: insert(COUPON_DAYS).on_conflict_do_update(
        index_elements=["kind_id", "day"],
        set_={"redeemed": COUPON_DAYS.c.redeemed + 1},
        where=COUPON_DAYS.c.redeemed < sa.bindparam("most", type_=sa.Integer()),
    )
    for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


def _count(session: Session, row: Any, off: int, day: date) -> None:
    """Raises CouponNotUsable with the limit of the kind that is reached."""
    counted = changed(
        session,
        sa.update(KINDS)
        .where(
            KINDS.c.id == row.kind_id,
            sa.or_(KINDS.c.redeem_limit.is_(None), KINDS.c.redeemed < KINDS.c.redeem_limit),
            sa.or_(KINDS.c.budget.is_(None), KINDS.c.spent + off <= KINDS.c.budget),
        )
        .values(redeemed=KINDS.c.redeemed + 1, spent=KINDS.c.spent + off),
    )
    if not counted:
        raise CouponNotUsable(_limit_reached(session, row.kind_id), coupon=row.code)
    most = _NO_LIMIT if row.per_day_limit is None else row.per_day_limit
    values = {"kind_id": row.kind_id, "day": day, "redeemed": 1, "most": most}
    if most < 1 or not inserted(session, _DAY[session.get_bind().dialect.name], values):
        raise CouponNotUsable("per_day", coupon=row.code)


def _limit_reached(session: Session, kind_id: int) -> str:
    kind = session.execute(
        sa.select(KINDS.c.redeem_limit, KINDS.c.redeemed).where(KINDS.c.id == kind_id)
    ).one()
    is_full = kind.redeem_limit is not None and kind.redeemed >= kind.redeem_limit
    return "redeem_limit" if is_full else "budget"

"""Give coupons, redeem them, take a redemption back, let them expire.

Every limit is held by a conditional UPDATE or a unique row, never by a look beforehand."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import ids
from app.core.db import changed, insert_or_ignore, inserted
from app.core.errors import DomainError, NotFound
from app.coupons import queries, rules
from app.coupons.models import (
    COUPONS,
    EVENTS,
    EXPIRED,
    HOLDINGS,
    ISSUED,
    KINDS,
    OFFERS,
    REDEEMED,
    REVOKED,
    Coupon,
)
from app.coupons.rules import Conditions, CouponNotUsable, KindDraft, Offer, Situation
from app.timeline import service as timeline

CODE_LENGTH = 12


class LimitReached(DomainError):
    """No more may be given. `limit` is total, per_member or inactive."""

    def __init__(self, limit: str) -> None:
        super().__init__(f"coupon limit reached: {limit}")
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Issued:
    coupon_id: int
    code: str
    kind_name: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Redeemed:
    coupon_id: int
    code: str
    member_id: int | None
    kind_name: str
    type: str
    discount: int  # NT$
    at: datetime


_LIMITS = ("issue_limit", "redeem_limit", "per_member_limit")
_OFFERED = tuple(
    name for name in KindDraft.__slots__ if name not in (*_LIMITS, "code", "conditions")
)


def create_kind(session: Session, *, draft: KindDraft, now: datetime) -> int:
    """Raises Invalid naming the field."""
    rules.check_draft(draft)
    values = {name: getattr(draft, name) for name in ("code", *_LIMITS)}
    values |= {"issued": 0, "redeemed": 0, "is_active": True, "created_at": now}
    kind_id: int = session.execute(sa.insert(KINDS).returning(KINDS.c.id), values).scalar_one()
    _offer(session, kind_id, draft, version=1, now=now)
    return kind_id


def revise_kind(session: Session, *, draft: KindDraft, now: datetime) -> bool:
    """Offer something else under a known code from now on; False when nothing differs. Holders
    keep what they hold; a limit below what is given already only stops further giving.

    Raises Invalid naming the field, NotFound for an unknown code."""
    rules.check_draft(draft)
    newest = queries.newest_offer(session, draft.code)
    if newest is None:
        raise NotFound("coupon kind", draft.code)
    limits = {
        "issue_limit": _at_least(draft.issue_limit, newest.issued),
        "redeem_limit": _at_least(draft.redeem_limit, newest.redeemed),
        "per_member_limit": draft.per_member_limit,
    }
    has_changed = changed(
        session,
        sa.update(KINDS)
        .where(
            KINDS.c.id == newest.kind_id,
            sa.or_(*(KINDS.c[name].is_distinct_from(value) for name, value in limits.items())),
        )
        .values(limits),
    )
    if _offered(newest.draft) == _offered(draft):
        return bool(has_changed)
    _offer(session, newest.kind_id, draft, version=newest.version + 1, now=now)
    return True


def set_active(session: Session, *, code: str, is_active: bool) -> bool:
    """Begin or stop giving a kind; what was given stays good. False when it was so already."""
    return bool(
        changed(
            session,
            sa.update(KINDS)
            .where(KINDS.c.code == code, KINDS.c.is_active.is_not(is_active))
            .values(is_active=is_active),
        )
    )


def _at_least(limit: int | None, counted: int) -> int | None:
    return None if limit is None else max(limit, counted)


def _offered(draft: KindDraft) -> dict[str, Any]:
    return {name: getattr(draft, name) for name in _OFFERED} | {
        "conditions": asdict(draft.conditions)
    }


def _offer(
    session: Session, kind_id: int, draft: KindDraft, *, version: int, now: datetime
) -> None:
    session.execute(
        sa.insert(OFFERS),
        _offered(draft) | {"kind_id": kind_id, "version": version, "created_at": now},
    )


_KIND = (
    sa.select(
        KINDS.c.id,
        OFFERS.c.id.label("offer_id"),
        OFFERS.c.name,
        OFFERS.c.valid_days,
        OFFERS.c.starts_at,
        OFFERS.c.ends_at,
        KINDS.c.per_member_limit,
    )
    .join_from(KINDS, OFFERS, OFFERS.c.kind_id == KINDS.c.id)
    .where(KINDS.c.code == sa.bindparam("code"))
    .order_by(OFFERS.c.version.desc())
    .limit(1)
)


_ADD = {
    dialect: insert_or_ignore(Coupon, dialect).returning(COUPONS.c.id)
    for dialect in ("sqlite", "postgresql")
}
_COUNT = (
    sa.update(KINDS)
    .where(
        KINDS.c.id == sa.bindparam("of_kind"),
        KINDS.c.is_active.is_(True),
        sa.or_(KINDS.c.issue_limit.is_(None), KINDS.c.issued < KINDS.c.issue_limit),
    )
    .values(issued=KINDS.c.issued + 1)
)
_HOLD = {
    dialect: insert(HOLDINGS).on_conflict_do_update(
        index_elements=["kind_id", "member_id"],
        set_={"issued": HOLDINGS.c.issued + 1},
        where=HOLDINGS.c.issued < sa.bindparam("most", type_=sa.Integer()),
    )
    for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_NO_LIMIT = 2**31 - 1


def issue(
    session: Session,
    *,
    kind_code: str,
    member_id: int,
    source: str,
    dedup_key: str,
    now: datetime,
    until: datetime | None = None,
) -> Issued | None:
    """Give a member one coupon, good as long as its kind says but not beyond `until`. None when
    this dedup key gave one before.

    Raises NotFound for an unknown kind, LimitReached when no more may be given."""
    kind = session.execute(_KIND, {"code": kind_code}).one_or_none()
    if kind is None:
        raise NotFound("coupon kind", kind_code)
    code = ids.random_code(CODE_LENGTH)
    expires = rules.expires_at(issued_at=now, valid_days=kind.valid_days, ends_at=kind.ends_at)
    if until is not None:
        expires = until if expires is None else min(expires, until)
    if expires is not None and expires <= now:
        raise LimitReached("ended")
    usable_from = now if kind.starts_at is None else max(now, kind.starts_at)
    coupon_id = session.execute(
        _ADD[session.get_bind().dialect.name],
        {
            "kind_id": kind.id,
            "offer_id": kind.offer_id,
            "member_id": member_id,
            "code": code,
            "status": ISSUED,
            "source": source,
            "dedup_key": dedup_key,
            "issued_at": now,
            "usable_from": usable_from,
            "expires_at": expires,
        },
    ).scalar_one_or_none()
    if coupon_id is None:
        return None
    _count_issue(session, kind.id, member_id, kind.per_member_limit)
    _event(session, coupon_id, "issued", now, facts={"source": source})
    timeline.record(
        session,
        member_id=member_id,
        kind="coupon.issued",
        at=now,
        facts={"coupon_id": coupon_id, "name": kind.name, "source": source},
    )
    return Issued(coupon_id, code, kind.name, expires)


def _count_issue(
    session: Session, kind_id: int, member_id: int, per_member_limit: int | None
) -> None:
    if not _rows(session.execute(_COUNT, {"of_kind": kind_id})):
        raise LimitReached("total")
    most = _NO_LIMIT if per_member_limit is None else per_member_limit
    row = {"kind_id": kind_id, "member_id": member_id, "issued": 1, "most": most}
    if most < 1 or not inserted(session, _HOLD[session.get_bind().dialect.name], row):
        raise LimitReached("per_member")


_OFFER = (
    sa.select(
        COUPONS.c.id,
        COUPONS.c.member_id,
        COUPONS.c.kind_id,
        COUPONS.c.status,
        COUPONS.c.usable_from,
        COUPONS.c.expires_at,
        COUPONS.c.redeemed_at,
        OFFERS.c.name,
        OFFERS.c.type,
        OFFERS.c.value,
        OFFERS.c.cap,
        OFFERS.c.min_spend,
        OFFERS.c.stacking,
        OFFERS.c.conditions,
    )
    .join_from(COUPONS, OFFERS, OFFERS.c.id == COUPONS.c.offer_id)
    .where(COUPONS.c.code == sa.bindparam("code"))
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
    """Use a coupon once. Raises CouponNotUsable; NotFound when no such code exists, or it belongs
    to somebody else (which is not told apart, so that codes cannot be tried out)."""
    row = session.execute(_OFFER, {"code": code.strip().upper()}).one_or_none()
    if row is None or (row.member_id is not None and row.member_id != member_id):
        raise NotFound("coupon", code)
    _check_state(row, now)
    offer = Offer(
        type=row.type,
        value=row.value,
        cap=row.cap,
        min_spend=row.min_spend,
        stacking=row.stacking,
        conditions=Conditions.from_json(row.conditions),
    )
    rules.check(offer, situation)
    off = rules.discount(offer, situation)
    _take(session, row, store_id, staff_id, purchase_id, off, now)
    facts = {"discount": off, "amount": situation.amount, "purchase_id": purchase_id}
    _event(session, row.id, "redeemed", now, store_id, staff_id, facts)
    if row.member_id is not None:
        timeline.record(
            session,
            member_id=row.member_id,
            kind="coupon.redeemed",
            at=now,
            facts={"coupon_id": row.id, "name": row.name, "discount": off, "store_id": store_id},
        )
    return Redeemed(row.id, code, row.member_id, row.name, row.type, off, now)


def _check_state(row: Any, now: datetime) -> None:
    if row.status == REDEEMED:
        raise CouponNotUsable("already_redeemed", at=row.redeemed_at)
    if row.status == EXPIRED or (row.expires_at is not None and row.expires_at <= now):
        raise CouponNotUsable("expired", expires_at=row.expires_at)
    if row.status != ISSUED:
        raise CouponNotUsable(row.status)
    if now < row.usable_from:
        raise CouponNotUsable("not_yet", usable_from=row.usable_from)


def _take(
    session: Session,
    row: Any,
    store_id: int | None,
    staff_id: int | None,
    purchase_id: int | None,
    off: int,
    now: datetime,
) -> None:
    won = changed(
        session,
        sa.update(COUPONS)
        .where(
            COUPONS.c.id == row.id,
            COUPONS.c.status == ISSUED,
            sa.or_(COUPONS.c.expires_at.is_(None), COUPONS.c.expires_at > now),
        )
        .values(
            status=REDEEMED,
            redeemed_at=now,
            store_id=store_id,
            staff_id=staff_id,
            purchase_id=purchase_id,
            discount=off,
        ),
    )
    if not won:
        raise CouponNotUsable("already_redeemed", at=None)
    counted = changed(
        session,
        sa.update(KINDS)
        .where(
            KINDS.c.id == row.kind_id,
            sa.or_(KINDS.c.redeem_limit.is_(None), KINDS.c.redeemed < KINDS.c.redeem_limit),
        )
        .values(redeemed=KINDS.c.redeemed + 1),
    )
    if not counted:
        raise CouponNotUsable("redeem_limit")


def rollback(
    session: Session, *, coupon_id: int, reason: str, staff_id: int | None, now: datetime
) -> None:
    """Give a used coupon back with its old end date, at least three days to live.

    Raises NotFound when it is not redeemed (any more)."""
    row = session.execute(
        sa.select(COUPONS.c.kind_id, COUPONS.c.expires_at, COUPONS.c.member_id).where(
            COUPONS.c.id == coupon_id
        )
    ).one_or_none()
    if row is None:
        raise NotFound("coupon", coupon_id)
    won = changed(
        session,
        sa.update(COUPONS)
        .where(COUPONS.c.id == coupon_id, COUPONS.c.status == REDEEMED)
        .values(
            status=ISSUED,
            expires_at=rules.expiry_after_rollback(row.expires_at, now=now),
            redeemed_at=None,
            store_id=None,
            staff_id=None,
            purchase_id=None,
            discount=None,
        ),
    )
    if not won:
        raise NotFound("redeemed coupon", coupon_id)
    changed(
        session,
        sa.update(KINDS)
        .where(KINDS.c.id == row.kind_id, KINDS.c.redeemed > 0)
        .values(redeemed=KINDS.c.redeemed - 1),
    )
    _event(session, coupon_id, "rolled_back", now, None, staff_id, {"reason": reason})
    if row.member_id is not None:
        timeline.record(
            session,
            member_id=row.member_id,
            kind="coupon.rolled_back",
            at=now,
            facts={"coupon_id": coupon_id, "reason": reason},
        )


def revoke(
    session: Session, *, coupon_id: int, reason: str, staff_id: int | None, now: datetime
) -> bool:
    """Take an unused coupon away. False when it is not unused (any more)."""
    won = changed(
        session,
        sa.update(COUPONS)
        .where(COUPONS.c.id == coupon_id, COUPONS.c.status == ISSUED)
        .values(status=REVOKED),
    )
    if won:
        _event(session, coupon_id, "revoked", now, None, staff_id, {"reason": reason})
    return bool(won)


def reinstate(session: Session, *, coupon_id: int, reason: str, now: datetime) -> bool:
    """Give a coupon back that was taken away for this very reason, with its old end date. False
    when it was not."""
    last = session.execute(
        sa.select(EVENTS.c.kind, EVENTS.c.facts)
        .where(EVENTS.c.coupon_id == coupon_id)
        .order_by(EVENTS.c.id.desc())
        .limit(1)
    ).one_or_none()
    if last is None or last.kind != "revoked" or last.facts.get("reason") != reason:
        return False
    won = changed(
        session,
        sa.update(COUPONS)
        .where(COUPONS.c.id == coupon_id, COUPONS.c.status == REVOKED)
        .values(status=ISSUED),
    )
    if won:
        _event(session, coupon_id, "reinstated", now, facts={"after": reason})
    return bool(won)


# When two members turn out to be one ------------------------------------------------------------


def was_given(session: Session, *, member_id: int, source: str) -> bool:
    """Whether a coupon was ever given to the member for that reason."""
    given = sa.exists().where(COUPONS.c.member_id == member_id, COUPONS.c.source == source)
    return bool(session.scalar(sa.select(given)))


def revoke_all(
    session: Session,
    *,
    member_id: int,
    source: str,
    reason: str,
    staff_id: int | None,
    now: datetime,
) -> None:
    """Take the member's unused coupons of one source away."""
    unused = sa.select(COUPONS.c.id).where(
        COUPONS.c.member_id == member_id, COUPONS.c.source == source, COUPONS.c.status == ISSUED
    )
    for coupon_id in session.scalars(unused).all():
        revoke(session, coupon_id=coupon_id, reason=reason, staff_id=staff_id, now=now)


def reinstate_all(session: Session, *, member_id: int, reason: str, now: datetime) -> None:
    """Give back what was taken from the member for this very reason."""
    taken = sa.select(COUPONS.c.id).where(
        COUPONS.c.member_id == member_id, COUPONS.c.status == REVOKED
    )
    for coupon_id in session.scalars(taken).all():
        reinstate(session, coupon_id=coupon_id, reason=reason, now=now)


def fold_holdings(session: Session, *, member_ids: Sequence[int]) -> None:
    """Count anew how many of each kind these members were given."""
    session.execute(sa.delete(HOLDINGS).where(HOLDINGS.c.member_id.in_(member_ids)))
    counted = (
        sa.select(COUPONS.c.kind_id, COUPONS.c.member_id, sa.func.count())
        .where(COUPONS.c.member_id.in_(member_ids))
        .group_by(COUPONS.c.kind_id, COUPONS.c.member_id)
    )
    session.execute(sa.insert(HOLDINGS).from_select(["kind_id", "member_id", "issued"], counted))


def expire_due(session: Session, *, now: datetime, limit: int = 5000) -> int:
    """Mark coupons whose time is over; return how many. Safe to run twice."""
    due = (
        sa.select(COUPONS.c.id)
        .where(COUPONS.c.status == ISSUED, COUPONS.c.expires_at <= now)
        .order_by(COUPONS.c.expires_at)
        .limit(limit)
    )
    expired = session.scalars(
        sa.update(COUPONS)
        .where(COUPONS.c.id.in_(due), COUPONS.c.status == ISSUED)
        .values(status=EXPIRED)
        .returning(COUPONS.c.id)
    ).all()
    if expired:
        session.execute(
            sa.insert(EVENTS),
            [
                {"coupon_id": coupon_id, "kind": "expired", "at": now, "facts": {}}
                for coupon_id in expired
            ],
        )
    return len(expired)


_ADD_EVENT = sa.insert(EVENTS)


def _rows(result: sa.Result[Any]) -> int:
    return int(result.rowcount)  # type: ignore[attr-defined]  # CursorResult


def _event(
    session: Session,
    coupon_id: int,
    kind: str,
    now: datetime,
    store_id: int | None = None,
    staff_id: int | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    session.execute(
        _ADD_EVENT,
        {
            "coupon_id": coupon_id,
            "kind": kind,
            "at": now,
            "store_id": store_id,
            "staff_id": staff_id,
            "facts": facts or {},
        },
    )

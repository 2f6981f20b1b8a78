"""The wait is over: inviter and friend are rewarded, exactly once. What looks odd waits for a
person first.

Accounts are held before the referral's row, in the order of ids, as the till does: so neither waits
for the other in a circle, and the cap of an inviter holds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed
from app.core.errors import NotFound
from app.coupons import service as coupons
from app.coupons.service import LimitReached
from app.members import queries as members
from app.members.queries import Person
from app.points import service as points
from app.points.service import Cause
from app.programmes.rules import PointTerms, Reward, Terms
from app.referrals import messages, queries, rules
from app.referrals.models import JOINED, PENDING, REFERRALS, REJECTED, REWARDED
from app.referrals.rules import NotWaiting
from app.referrals.service.records import move, note, terms_of
from app.staff import service as staff
from app.timeline import service as timeline
from flex_templates.theme import Theme

_DUE = (
    sa.select(REFERRALS.c.id, REFERRALS.c.member_id, REFERRALS.c.inviter_id)
    .where(
        REFERRALS.c.status == PENDING,
        REFERRALS.c.is_flagged.is_(False),
        REFERRALS.c.due_at <= sa.bindparam("now", type_=REFERRALS.c.due_at.type),
    )
    .order_by(REFERRALS.c.due_at, REFERRALS.c.id)
    .limit(sa.bindparam("limit"))
)
_FRESH = sa.select(REFERRALS).where(REFERRALS.c.id == sa.bindparam("referral"))


def pay_due(session: Session, *, theme: Theme, now: datetime, limit: int = 50) -> int:
    """Reward up to `limit` referrals whose return window is over; return how many were looked at.
    Safe beside the till and beside another of its kind."""
    due = session.execute(_DUE, {"now": now, "limit": limit}).all()
    accounts = {row.member_id for row in due} | {row.inviter_id for row in due}
    for member_id in sorted(accounts):
        points.lock(session, member_id=member_id, now=now)
    for row in due:
        _pay(session, row.id, theme, now)
    return len(due)


def _pay(session: Session, referral_id: int, theme: Theme, now: datetime) -> None:
    row = session.execute(_FRESH, {"referral": referral_id}).one()
    friend = members.person(session, row.member_id)
    if not friend.is_member:
        facts = {"reason": "left"}
        move(session, row.id, from_=(PENDING,), to=REJECTED, now=now, reason="left", facts=facts)
        return
    terms = terms_of(session, row.programme_version)
    inviter = members.person(session, row.inviter_id)
    why_not = _why_not_paid(session, inviter, terms, now)
    try:
        with session.begin_nested():
            _reward(session, row, friend, inviter, terms, why_not, theme, now)
    except (LimitReached, NotFound) as error:  # the coupon cannot be given: somebody must decide
        changed(
            session,
            sa.update(REFERRALS)
            .where(REFERRALS.c.id == row.id, REFERRALS.c.status == PENDING)
            .values(is_flagged=True),
        )
        note(session, row.id, "flagged", now, facts={"reason": "coupon", "error": str(error)})


def _why_not_paid(session: Session, inviter: Person, terms: Terms, now: datetime) -> str | None:
    """Why the inviter gets nothing, while the friend does; None when they are paid."""
    if not inviter.is_member:
        return "left"
    if queries.is_staff(session, inviter.id):
        return "staff"
    cap = terms.referral.cap_per_month
    if cap is None:
        return None
    first, following = rules.month_of(now)
    paid = session.scalar(
        sa.select(sa.func.count()).where(
            REFERRALS.c.inviter_id == inviter.id,
            REFERRALS.c.status == REWARDED,
            REFERRALS.c.inviter_is_paid.is_(True),
            REFERRALS.c.rewarded_at >= first,
            REFERRALS.c.rewarded_at < following,
        )
    )
    return "cap" if int(paid or 0) >= cap else None


@dataclass(frozen=True, slots=True)
class Given:
    points: int
    coupon: str = ""  # its name


def _reward(
    session: Session,
    row: Any,
    friend: Person,
    inviter: Person,
    terms: Terms,
    why_not: str | None,
    theme: Theme,
    now: datetime,
) -> None:
    facts = {"inviter": why_not or "paid"}
    if not move(
        session,
        row.id,
        from_=(PENDING,),
        to=REWARDED,
        now=now,
        facts=facts,
        rewarded_at=now,
        inviter_is_paid=why_not is None,
    ):
        return  # the sale was given back, or another job was faster
    referral = terms.referral
    parties = [("friend", friend, referral.friend, "好友推薦入會禮")]
    if why_not is None:
        parties.append(("inviter", inviter, referral.inviter, "推薦好友獎勵"))
    for party, person, reward, reason in parties:
        if reward.is_nothing:
            continue
        given = _give(session, row.id, party, person, reward, terms.points, reason, now)
        timeline.record(
            session,
            member_id=person.id,
            kind="referral.rewarded",
            at=now,
            facts={"referral_id": row.id, "points": given.points, "coupon": given.coupon},
        )
        messages.send_rewarded(
            session,
            referral_id=row.id,
            party=party,
            person=person,
            friend=friend,
            points=given.points,
            coupon=given.coupon,
            theme=theme,
            now=now,
        )


def _give(
    session: Session,
    referral_id: int,
    party: str,
    person: Person,
    reward: Reward,
    terms: PointTerms,
    reason: str,
    now: datetime,
) -> Given:
    """Raises LimitReached, NotFound."""
    key = f"referral:{referral_id}:{party}"
    if reward.points:
        points.award(
            session,
            member_id=person.id,
            points=reward.points,
            cause=Cause(key, "system", reason, "referral", referral_id),
            terms=terms,
            now=now,
        )
    if reward.coupon is None:
        return Given(reward.points)
    issued = coupons.issue(
        session,
        kind_code=reward.coupon,
        member_id=person.id,
        source="referral",
        dedup_key=key,
        now=now,
    )
    return Given(reward.points, "" if issued is None else issued.kind_name)


# Staff --------------------------------------------------------------------------------------------


def approve(
    session: Session, *, referral_id: int, staff_id: int, device: str | None, now: datetime
) -> None:
    """Somebody looked at it and found it right: it goes its way. Raises NotWaiting."""
    won = changed(
        session,
        sa.update(REFERRALS)
        .where(
            REFERRALS.c.id == referral_id,
            REFERRALS.c.is_flagged.is_(True),
            REFERRALS.c.status.in_((JOINED, PENDING)),
        )
        .values(is_flagged=False),
    )
    if not won:
        raise NotWaiting(referral_id)
    note(session, referral_id, "approved", now, staff_id=staff_id)
    _audit(session, "referral.approved", referral_id, staff_id, device, {}, now)


def reject(
    session: Session,
    *,
    referral_id: int,
    reason: str,
    staff_id: int,
    device: str | None,
    now: datetime,
) -> None:
    """Nobody is rewarded. Raises NotWaiting when that is decided already."""
    facts = {"reason": reason}
    if not move(
        session,
        referral_id,
        from_=(JOINED, PENDING),
        to=REJECTED,
        now=now,
        staff_id=staff_id,
        reason=reason,
        facts=facts,
    ):
        raise NotWaiting(referral_id)
    _audit(session, "referral.rejected", referral_id, staff_id, device, facts, now)


def _audit(
    session: Session,
    action: str,
    referral_id: int,
    staff_id: int,
    device: str | None,
    after: dict[str, Any],
    now: datetime,
) -> None:
    staff.audit(
        session,
        staff_id=staff_id,
        action=action,
        object=f"referral:{referral_id}",
        after=after or None,
        device=device,
        now=now,
    )

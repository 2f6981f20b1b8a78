"""What a friend does moves the referral on: joining, the first sale large enough, giving it back,
or nothing in time."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import changed
from app.core.prepared import Prepared
from app.members import queries as members
from app.programmes.rules import Terms
from app.referrals import messages, rules
from app.referrals.models import (
    BOUND,
    CANCELLED,
    CODES,
    JOINED,
    PENDING,
    REFERRALS,
    REJECTED,
    STAFF_MEMBERSHIPS,
)
from app.referrals.rules import CannotInvite, Newcomer
from app.referrals.service.inviting import check_inviter
from app.referrals.service.records import lapse, move, note, terms_of
from app.timeline import service as timeline


def joined(session: Session, *, guest_id: int, friend: Newcomer, now: datetime) -> None:
    """A guest became a member, or turned out to be one. Without an invitation nothing happens."""
    row = session.execute(
        sa.select(REFERRALS).where(REFERRALS.c.member_id == guest_id, REFERRALS.c.status == BOUND)
    ).one_or_none()
    if row is None:
        return
    if row.join_by <= now:
        lapse(session, row.id, BOUND, "expired", now)
        return
    reason = _why_refused(session, row.inviter_id, friend, now)
    if reason is not None:
        move(
            session,
            row.id,
            from_=(BOUND,),
            to=REJECTED,
            now=now,
            reason=reason,
            facts={"reason": reason},
            joined_at=now,
        )
        return
    terms = terms_of(session, row.programme_version).referral
    is_burst = _joined_lately(session, row.inviter_id, now) >= terms.burst_joins
    if not move(
        session,
        row.id,
        from_=(BOUND,),
        to=JOINED,
        now=now,
        joined_at=now,
        buy_by=rules.buy_by(terms, now),
        is_flagged=is_burst,
    ):
        return
    if is_burst:
        note(session, row.id, "flagged", now, facts={"reason": "burst"})
    person = members.person(session, friend.member_id)
    timeline.record(
        session,
        member_id=row.inviter_id,
        kind="referral.joined",
        at=now,
        facts={"referral_id": row.id},
    )
    messages.send_joined(session, referral_id=row.id, inviter_id=row.inviter_id, friend=person,
                         terms=terms, now=now)  # fmt: skip


def _why_refused(session: Session, inviter_id: int, friend: Newcomer, now: datetime) -> str | None:
    try:
        check_inviter(session, members.person(session, inviter_id), now=now)
        may_invite = True
    except CannotInvite as refusal:
        # A programme that ended keeps its word to who was invited before.
        may_invite = refusal.reason == "closed" and members.person(session, inviter_id).is_member
    is_circular = session.scalar(
        sa.select(REFERRALS.c.id)
        .where(REFERRALS.c.member_id == inviter_id, REFERRALS.c.inviter_id == friend.member_id)
        .limit(1)
    )
    return rules.why_refused(
        friend,
        inviter_id=inviter_id,
        may_invite=may_invite,
        is_circular=is_circular is not None,
        today=taipei_date(now),
    )


def _joined_lately(session: Session, inviter_id: int, now: datetime) -> int:
    """How many friends of this inviter joined within a day. The inviter's code is held meanwhile,
    so two that join at once are both counted."""
    changed(
        session,
        sa.update(CODES).where(CODES.c.member_id == inviter_id).values(touched_at=now),
    )
    found = session.scalar(
        sa.select(sa.func.count()).where(
            REFERRALS.c.inviter_id == inviter_id, REFERRALS.c.joined_at > now - rules.BURST
        )
    )
    return int(found or 0)


_WAITING_FOR_SALE = Prepared(
    sa.select(REFERRALS).where(
        REFERRALS.c.member_id == sa.bindparam("member"), REFERRALS.c.status == JOINED
    )
)


def bought(
    session: Session,
    *,
    member_id: int,
    purchase_id: int,
    amount: int,
    sold_at: datetime,
    sold_on: date,
    staff_id: int | None,
    now: datetime,
) -> tuple[str, ...]:
    """The first sale of at least the minimum counts, NT$ paid. Return a note for the receipt."""
    row = _WAITING_FOR_SALE.row(session, {"member": member_id})
    if row is None or sold_on < taipei_date(row.joined_at) or sold_at >= row.buy_by:
        return ()
    terms = terms_of(session, row.programme_version)
    if amount < max(terms.referral.min_spend, 1):
        return ()
    if staff_id is not None and _is_own(session, staff_id, (member_id, row.inviter_id)):
        facts = {"reason": "staff", "purchase_id": purchase_id}
        move(session, row.id, from_=(JOINED,), to=REJECTED, now=now, reason="staff", facts=facts)
        return ()
    return _count_sale(session, row, terms, JOINED, "purchased", purchase_id, amount, sold_on, now)


def _count_sale(
    session: Session,
    row: Any,
    terms: Terms,
    from_: str,
    event: str,
    purchase_id: int,
    amount: int,
    sold_on: date,
    now: datetime,
) -> tuple[str, ...]:
    """From now on this sale counts, once its return window is over."""
    due = rules.due_at(terms.referral, return_window=terms.return_window_days, sold_on=sold_on)
    if not move(
        session,
        row.id,
        from_=(from_,),
        to=PENDING,
        event=event,
        now=now,
        facts={"purchase_id": purchase_id, "amount": amount},
        purchase_id=purchase_id,
        due_at=due,
    ):
        return ()
    return messages.note_of_sale(terms.referral, due)


def _is_own(session: Session, staff_id: int, member_ids: tuple[int, ...]) -> bool:
    """Whether who sold is the friend or the inviter."""
    found = session.scalar(
        sa.select(STAFF_MEMBERSHIPS.c.staff_id).where(
            STAFF_MEMBERSHIPS.c.staff_id == staff_id,
            STAFF_MEMBERSHIPS.c.member_id.in_(member_ids),
        )
    )
    return found is not None


_WAITING_FOR_WINDOW = sa.select(REFERRALS).where(
    REFERRALS.c.purchase_id == sa.bindparam("purchase"), REFERRALS.c.status == PENDING
)


def refunded(session: Session, *, purchase_id: int, net: int, now: datetime) -> tuple[str, ...]:
    """Money of the sale that counts went back, NT$ `net` stay: below the minimum nobody is
    rewarded. After the reward nothing is taken back."""
    row: Any = session.execute(_WAITING_FOR_WINDOW, {"purchase": purchase_id}).one_or_none()
    if row is None:
        return ()
    terms = terms_of(session, row.programme_version)
    if net >= max(terms.referral.min_spend, 1):
        return ()
    return _cancel(session, row, net, now)


def _cancel(session: Session, row: Any, net: int, now: datetime) -> tuple[str, ...]:
    facts = {"reason": "refund", "net": net}
    if not move(
        session, row.id, from_=(PENDING,), to=CANCELLED, now=now, reason="refund", facts=facts
    ):
        return ()
    return ("好友推薦獎勵因退貨取消",)


def exchanged(
    session: Session,
    *,
    purchase_id: int,
    net: int,
    by: int,
    amount: int,
    sold_on: date,
    now: datetime,
) -> tuple[str, ...]:
    """The sale that counts was exchanged for the sale `by` of NT$ `amount`. If too little of it
    stays (`net`), a new one of at least the minimum takes its place, with a return window of its
    own; otherwise nobody is rewarded."""
    row: Any = session.execute(_WAITING_FOR_WINDOW, {"purchase": purchase_id}).one_or_none()
    if row is None:
        return ()
    terms = terms_of(session, row.programme_version)
    least = max(terms.referral.min_spend, 1)
    if net >= least:
        return ()
    if amount < least:
        return _cancel(session, row, net, now)
    return _count_sale(session, row, terms, PENDING, "exchanged", by, amount, sold_on, now)


def lapse_due(session: Session, *, now: datetime, limit: int = 500) -> int:
    """End what took too long; return how many. Tills upload sales late, so these get some days."""
    late = {
        BOUND: (REFERRALS.c.join_by <= now, "expired"),
        JOINED: (REFERRALS.c.buy_by <= now - rules.LATE_SALES, "no_purchase"),
    }
    ended = 0
    for status, (is_late, reason) in late.items():
        due = sa.select(REFERRALS.c.id).where(REFERRALS.c.status == status, is_late)
        for referral_id in session.scalars(due.order_by(REFERRALS.c.id).limit(limit)).all():
            ended += lapse(session, referral_id, status, reason, now)
    return ended

"""Write the letters of a broadcast: queue each, hold it for another day, or drop it, with a reason
a marketer can read. Everything about a member is judged again here, since the list may be days
old."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.attention import service as governor
from app.campaigns import messages, queries, rules
from app.campaigns.messages import Brand, To
from app.campaigns.models import BROADCASTS, RECIPIENTS
from app.campaigns.queries import BroadcastShown, Reader
from app.core.clock import taipei_date
from app.core.errors import NotFound
from app.core.prepared import Prepared
from app.coupons import queries as coupon_queries
from app.coupons import service as coupons
from app.coupons.queries import HeldCoupon
from app.coupons.service import LimitReached
from app.members import models as members
from app.outbox import service as outbox
from app.outbox.models import PROMOTION

BLOCKED: Final = "已封鎖或不再是好友"
REFUSED: Final = "已停止接收行銷訊息"
PARTED: Final = "已不是會員"
CAPPED: Final = f"{attention.CAPPED}，延至 {{day:%m/%d}}"
NO_DAY_LEFT: Final = f"{attention.CAPPED}，三天內已無可發送的日子"
NO_COUPON: Final = {
    "total": "優惠券已發完",
    "per_member": "已領過這種優惠券",
    "ended": "優惠券已過期",
}
COUPON_GONE: Final = "優惠券已停止發放"


@dataclass(frozen=True, slots=True)
class _Verdict:
    status: str
    reason: str | None = None
    due_at: datetime | None = None  # of what is held
    coupon_id: int | None = None


class _Undone(Exception):
    """What was begun for a member is taken back; `verdict` is what remains."""

    def __init__(self, verdict: _Verdict) -> None:
        super().__init__(verdict.status)
        self.verdict = verdict


_DUE = Prepared(
    sa.select(RECIPIENTS.c.member_id)
    .join_from(RECIPIENTS, BROADCASTS, BROADCASTS.c.id == RECIPIENTS.c.broadcast_id)
    .where(
        RECIPIENTS.c.broadcast_id == sa.bindparam("broadcast"),
        sa.or_(*(RECIPIENTS.c.status == status for status in rules.OPEN)),
        RECIPIENTS.c.due_at <= sa.bindparam("now", type_=RECIPIENTS.c.due_at.type),
        BROADCASTS.c.status == rules.SENDING,
    )
    .order_by(RECIPIENTS.c.due_at, RECIPIENTS.c.member_id)
    .limit(sa.bindparam("limit"))
    .with_for_update(skip_locked=True, of=RECIPIENTS)
)
_DECIDED = Prepared(
    sa.update(RECIPIENTS)
    .where(
        RECIPIENTS.c.broadcast_id == sa.bindparam("b_broadcast"),
        RECIPIENTS.c.member_id == sa.bindparam("b_member"),
        sa.or_(*(RECIPIENTS.c.status == status for status in rules.OPEN)),
    )
    .values(
        status=sa.bindparam("b_status"),
        reason=sa.bindparam("b_reason"),
        due_at=sa.func.coalesce(
            sa.bindparam("b_due", type_=RECIPIENTS.c.due_at.type), RECIPIENTS.c.due_at
        ),
        coupon_id=sa.bindparam("b_coupon"),
        decided_at=sa.bindparam("b_now", type_=RECIPIENTS.c.decided_at.type),
    )
)


def compose(
    session: Session, broadcast: BroadcastShown, *, brand: Brand, now: datetime, limit: int = 200
) -> int:
    """Decide up to `limit` recipients whose turn has come; return how many. None at night.

    Of two composers at once each gets rows of its own; a pause or an end counts from the next
    call on."""
    if attention.is_quiet(now):
        return 0
    values = {"broadcast": broadcast.id, "now": now, "limit": limit}
    # By member, so that two composers book days in the same order and never wait for each other.
    due = sorted(member_id for (member_id,) in _DUE.rows(session, values))
    if not due:
        return 0
    people = queries.readers(session, due)
    desk = _Desk(session, broadcast, brand, now)
    verdicts = [(member_id, desk.decide(people[member_id])) for member_id in due]
    _record(session, broadcast.id, verdicts, now)
    return len(due)


def _record(
    session: Session, broadcast_id: int, verdicts: Sequence[tuple[int, _Verdict]], now: datetime
) -> None:
    rows: list[dict[str, Any]] = [
        {
            "b_broadcast": broadcast_id,
            "b_member": member_id,
            "b_status": verdict.status,
            "b_reason": verdict.reason,
            "b_due": verdict.due_at,
            "b_coupon": verdict.coupon_id,
            "b_now": now,
        }
        for member_id, verdict in verdicts
    ]
    _DECIDED.many(session, rows)


@dataclass(frozen=True, slots=True)
class _Desk:
    """What one batch is written with."""

    session: Session
    broadcast: BroadcastShown
    brand: Brand
    now: datetime

    def key(self, to: Reader) -> str:
        """Of everything one member gets through this broadcast: once, whatever happens."""
        return f"{queries.kind_of(self.broadcast.id)}:{to.id}"

    def decide(self, to: Reader) -> _Verdict:
        refusal = _refusal(to)
        if refusal is not None:
            return _Verdict(rules.DROPPED, refusal)
        try:
            with self.session.begin_nested():  # the day, the coupon and the letter, or none of them
                return self._queue(to)
        except _Undone as undone:
            return undone.verdict

    def _queue(self, to: Reader) -> _Verdict:
        today = taipei_date(self.now)
        if not governor.take_day(self.session, member_id=to.id, day=today, what=self.key(to)):
            return self._moved(to)
        held = self._coupon(to)
        letter = messages.compose(
            self.broadcast.letter, self._to(to), self.brand, now=self.now, held=held
        )
        is_queued = outbox.push(
            self.session,
            member_id=to.id,
            recipient=to.line_user_id or "",
            messages=[letter],
            kind=queries.kind_of(self.broadcast.id),
            klass=PROMOTION,
            dedup_key=self.key(to),
            now=self.now,
        )
        if not is_queued:
            raise _Undone(_Verdict(rules.DROPPED, BLOCKED))
        return _Verdict(rules.QUEUED, coupon_id=None if held is None else held.id)

    def _to(self, to: Reader) -> To:
        letter = self.broadcast.letter
        person = messages.person(self.session, letter, member_id=to.id, name=to.name, now=self.now)
        return To(self.broadcast.id, to.id, person)

    def _moved(self, to: Reader) -> _Verdict:
        """Their day is taken: another one soon, or none."""
        day = governor.next_day(self.session, member_id=to.id, today=taipei_date(self.now))
        started = self.broadcast.started_at or self.now
        if day is None or attention.send_time(day) > started + rules.HELD_FOR:
            return _Verdict(rules.DROPPED, NO_DAY_LEFT)
        return _Verdict(rules.HELD, CAPPED.format(day=day), attention.send_time(day))

    def _coupon(self, to: Reader) -> HeldCoupon | None:
        """Give the letter's coupon. Raises _Undone when there is none to give: a letter about a
        coupon that is not there is worse than none."""
        code = self.broadcast.letter.coupon
        if not code:
            return None
        try:
            issued = coupons.issue(
                self.session,
                kind_code=code,
                member_id=to.id,
                source=queries.kind_of(self.broadcast.id),
                dedup_key=self.key(to),
                now=self.now,
            )
        except LimitReached as reached:
            reason = NO_COUPON.get(reached.limit, COUPON_GONE)
            raise _Undone(_Verdict(rules.DROPPED, reason)) from reached
        except NotFound as missing:
            raise _Undone(_Verdict(rules.DROPPED, COUPON_GONE)) from missing
        assert issued is not None  # the recipient's row was open, so the key is new
        return coupon_queries.coupon_of_member(self.session, issued.coupon_id, member_id=to.id)


def _refusal(to: Reader) -> str | None:
    if to.status != members.MEMBER:
        return PARTED
    if not to.is_friend or to.line_user_id is None:
        return BLOCKED
    return None if to.marketing_ok else REFUSED

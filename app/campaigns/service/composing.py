"""Write the letters of a broadcast: queue each, hold it for another day, or drop it, with a reason
a marketer can read. Everything about a member is judged again here, since the list may be days
old."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
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
from app.core.clock import taipei_date, taipei_midnight
from app.core.errors import NotFound
from app.core.prepared import Prepared
from app.coupons import service as coupons
from app.coupons.service import Given, Issued, LimitReached
from app.members import models as members
from app.outbox import service as outbox
from app.outbox.models import PROMOTION
from flex_templates.coupons import CouponView
from flex_templates.parts import Message

BLOCKED: Final = "已封鎖或不再是好友"
REFUSED: Final = "已停止接收行銷訊息"
PARTED: Final = "已不是會員"
CAPPED: Final = f"{attention.CAPPED}，延至 {{day:%m/%d}}"
AWAITING: Final = "當天有更重要的訊息，延至 {day:%m/%d}"
NO_DAY_LEFT: Final = f"{attention.CAPPED}，三天內已無可發送的日子"
NO_COUPON: Final = {
    "total": "優惠券已發完",
    "per_member": "已領過這種優惠券",
    "ended": "優惠券已過期",
}
COUPON_GONE: Final = "優惠券已停止發放"


# Of these members: who is to have something that matters more before that instant.
Awaiting = Callable[[Session, Sequence[int], datetime], Collection[int]]


def nobody(_session: Session, _member_ids: Sequence[int], _until: datetime) -> Collection[int]:
    return ()


@dataclass(frozen=True, slots=True)
class _Verdict:
    status: str
    reason: str | None = None
    due_at: datetime | None = None  # of what is held
    coupon_id: int | None = None


class _BlockedMeanwhile(Exception):
    """Somebody blocked us between the look at them and the message."""


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
    session: Session,
    broadcast: BroadcastShown,
    *,
    brand: Brand,
    now: datetime,
    limit: int = 200,
    awaiting: Awaiting = nobody,
) -> int:
    """Decide up to `limit` recipients whose turn has come; return how many. None at night. Who is
    `awaiting` something today that matters more gets the letter another day.

    Of two composers at once each gets rows of its own; a pause or an end counts from the next
    call on."""
    if attention.is_quiet(now):
        return 0
    values = {"broadcast": broadcast.id, "now": now, "limit": limit}
    # By member, so that two composers book days in the same order and never wait for each other.
    due = sorted(member_id for (member_id,) in _DUE.rows(session, values))
    if due:
        verdicts = _written(_Batch(session, broadcast, brand, now, awaiting), due)
        _record(session, broadcast.id, verdicts, now)
    return len(due)


def _written(batch: "_Batch", due: Sequence[int]) -> Mapping[int, _Verdict]:
    """Days, coupons and messages of all, or of none: who blocked us meanwhile is seen next time."""
    for _ in range(3):
        with suppress(_BlockedMeanwhile), batch.session.begin_nested():
            return batch.write(due)
    raise RuntimeError(f"messages of broadcast {batch.broadcast.id} were queued before")


def _record(
    session: Session, broadcast_id: int, verdicts: Mapping[int, _Verdict], now: datetime
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
        for member_id, verdict in verdicts.items()
    ]
    _DECIDED.many(session, rows)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some recipients of one broadcast, decided together: a handful of statements for all."""

    session: Session
    broadcast: BroadcastShown
    brand: Brand
    now: datetime
    awaiting: Awaiting = nobody

    @property
    def prefix(self) -> str:
        """With a member's id the key of everything they get through this broadcast: once."""
        return f"{queries.kind_of(self.broadcast.id)}:"

    def write(self, due: Sequence[int]) -> dict[int, _Verdict]:
        """Raises _BlockedMeanwhile."""
        people = queries.readers(self.session, due)
        verdicts = {
            member_id: _Verdict(rules.DROPPED, reason)
            for member_id in due
            if (reason := _refusal(people[member_id])) is not None
        }
        free = self._with_a_day([id_ for id_ in due if id_ not in verdicts], verdicts)
        given = self._with_a_coupon(free, verdicts)
        readers = [people[id_] for id_ in free if id_ not in verdicts]
        self._queue(readers, given)
        for reader in readers:
            issued = given.get(reader.id)
            coupon_id = None if issued is None else issued.coupon_id
            verdicts[reader.id] = _Verdict(rules.QUEUED, coupon_id=coupon_id)
        return verdicts

    def _with_a_day(self, asked: Sequence[int], verdicts: dict[int, _Verdict]) -> list[int]:
        """Who may have marketing today; the others get a verdict: another day soon, or none."""
        today = taipei_date(self.now)
        awaiting = self.awaiting(self.session, asked, taipei_midnight(today + attention.DAY))
        asked_today = [member_id for member_id in asked if member_id not in awaiting]
        free = governor.take_days(
            self.session, member_ids=asked_today, day=today, what_prefix=self.prefix
        )
        last = (self.broadcast.started_at or self.now) + rules.HELD_FOR
        for member_id in asked:
            if member_id in free:
                continue
            day = governor.next_day(self.session, member_id=member_id, today=today)
            if day is None or attention.send_time(day) > last:
                verdicts[member_id] = _Verdict(rules.DROPPED, NO_DAY_LEFT)
            else:
                due_at = attention.send_time(day)
                reason = (AWAITING if member_id in awaiting else CAPPED).format(day=day)
                verdicts[member_id] = _Verdict(rules.HELD, reason, due_at)
        return [member_id for member_id in asked if member_id in free]

    def _with_a_coupon(
        self, asked: Sequence[int], verdicts: dict[int, _Verdict]
    ) -> Mapping[int, Issued]:
        """Give the letter's coupon. Who cannot have it gets no letter about it, and keeps the
        day."""
        if not self.broadcast.letter.coupon:
            return {}
        given = self._issued(asked)
        for member_id, limit in given.refused.items():
            reason = NO_COUPON.get(limit, COUPON_GONE)
            verdicts[member_id] = _Verdict(rules.DROPPED, reason)
        governor.give_all_back(
            self.session,
            member_ids=list(given.refused),
            day=taipei_date(self.now),
            what_prefix=self.prefix,
        )
        return given.to

    def _issued(self, asked: Sequence[int]) -> Given:
        try:
            return coupons.issue_to_all(
                self.session,
                kind_code=self.broadcast.letter.coupon,
                member_ids=asked,
                source=queries.kind_of(self.broadcast.id),
                dedup_prefix=self.prefix,
                now=self.now,
            )
        except LimitReached as reached:
            return Given({}, dict.fromkeys(asked, reached.limit))
        except NotFound:
            return Given({}, dict.fromkeys(asked, "gone"))

    def _queue(self, readers: Sequence[Reader], given: Mapping[int, Issued]) -> None:
        letter = self.broadcast.letter
        offer = messages.offer(self.session, letter, now=self.now)
        pushes = [
            outbox.Push(
                member_id=reader.id,
                recipient=reader.line_user_id or "",
                messages=[self._letter(reader, offer, given.get(reader.id))],
                dedup_key=f"{self.prefix}{reader.id}",
            )
            for reader in readers
        ]
        kind = queries.kind_of(self.broadcast.id)
        queued = outbox.push_all(self.session, pushes, kind=kind, klass=PROMOTION, now=self.now)
        if queued < len(pushes):
            raise _BlockedMeanwhile

    def _letter(self, reader: Reader, offer: CouponView | None, issued: Issued | None) -> Message:
        letter = self.broadcast.letter
        said = messages.person(
            self.session, letter, member_id=reader.id, name=reader.name, now=self.now
        )
        to = To(self.broadcast.id, reader.id, said)
        return messages.compose(letter, to, self.brand, offer=offer, issued=issued)


def _refusal(to: Reader) -> str | None:
    if to.status != members.MEMBER:
        return PARTED
    if not to.is_friend or to.line_user_id is None or to.has_blocked:
        return BLOCKED
    return None if to.marketing_ok else REFUSED

"""Write the letters of a broadcast: queue each, hold it for another day, or drop it, with a reason
a marketer can read. Everything about a member is judged again here, since the list may be days
old."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.campaigns import messages, queries, rules
from app.campaigns.messages import Brand
from app.campaigns.models import BROADCASTS, RECIPIENTS
from app.campaigns.queries import BroadcastShown
from app.campaigns.rules import letters, timing
from app.campaigns.service import mailing as mailer
from app.campaigns.service.mailing import Awaiting, Mailing, Verdict, nobody
from app.core.prepared import Prepared
from app.line.limits import MULTICAST_RECIPIENTS
from app.outbox.models import PROMOTION

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

    Of two composers at once each gets rows of its own; who pauses or ends it waits for them, and
    then finds what they wrote."""
    if attention.is_quiet(now):
        return 0
    limit = _room(session, broadcast, limit, now)
    values = {"broadcast": broadcast.id, "now": now, "limit": limit}
    # By member, so that two composers book days in the same order and never wait for each other.
    due = sorted(member_id for (member_id,) in _DUE.rows(session, values)) if limit else []
    if due:
        mailing = _mailing(broadcast, now)
        verdicts = mailer.send(session, mailing, due, brand=brand, now=now, awaiting=awaiting)
        _record(session, broadcast.id, verdicts, now)
        if broadcast.most is not None:
            queued = sum(verdict.status == rules.QUEUED for verdict in verdicts.values())
            _WRITTEN.changed(session, {"b_id": broadcast.id, "b_more": queued})
    return len(due)


def portion(broadcast: BroadcastShown, *, usual: int) -> int:
    """How many are decided at once: as many as one request takes when the letter is the same for
    all."""
    return MULTICAST_RECIPIENTS if letters.is_same_for_all(broadcast.letter) else usual


# Who composes something that has a limit has its row until the end: the next one sees what is left.
_HOLD = Prepared(
    sa.update(BROADCASTS)
    .where(BROADCASTS.c.id == sa.bindparam("b_id"), BROADCASTS.c.status == rules.SENDING)
    .values(written=BROADCASTS.c.written)
    .returning(BROADCASTS.c.most - BROADCASTS.c.written)
)
# Without a limit several may compose at once, but nobody pauses or ends it meanwhile.
_GOING = Prepared(
    sa.select(BROADCASTS.c.id)
    .where(BROADCASTS.c.id == sa.bindparam("b_id"), BROADCASTS.c.status == rules.SENDING)
    .with_for_update(read=True)
)
_WRITTEN = Prepared(
    sa.update(BROADCASTS)
    .where(BROADCASTS.c.id == sa.bindparam("b_id"))
    .values(written=BROADCASTS.c.written + sa.bindparam("b_more", type_=sa.Integer))
)
_SPENT = Prepared(
    sa.update(BROADCASTS)
    .where(
        BROADCASTS.c.id == sa.bindparam("b_id"),
        BROADCASTS.c.status == rules.SENDING,
        sa.exists().where(
            RECIPIENTS.c.broadcast_id == BROADCASTS.c.id,
            sa.or_(*(RECIPIENTS.c.status == status for status in rules.OPEN)),
        ),
    )
    .values(
        status=rules.PAUSED,
        paused_for=rules.BUDGET,
        changed_at=sa.bindparam("b_now", type_=BROADCASTS.c.changed_at.type),
    )
)


def _room(session: Session, broadcast: BroadcastShown, limit: int, now: datetime) -> int:
    """How many may be written now. At its limit it stops for a person, if anybody is left."""
    if broadcast.most is None:
        is_going = _GOING.rows(session, {"b_id": broadcast.id})
        return limit if is_going else 0
    room = _HOLD.value(session, {"b_id": broadcast.id})
    if room is None:
        return 0  # it was stopped meanwhile
    if room <= 0:
        _SPENT.changed(session, {"b_id": broadcast.id, "b_now": now})
    return int(max(0, min(limit, room)))


def _mailing(broadcast: BroadcastShown, now: datetime) -> Mailing:
    kind = queries.kind_of(broadcast.id)
    turn = timing.latest(broadcast.pace, broadcast.hours, broadcast.started_at or now)
    last = turn + rules.HELD_FOR
    ref = messages.ref_of(broadcast.id)
    return Mailing(
        broadcast.letter,
        kind,
        PROMOTION,
        f"{kind}:",
        ref=lambda _: ref,
        last=lambda _: last,
        is_shared=True,
    )


def _record(
    session: Session, broadcast_id: int, verdicts: Mapping[int, Verdict], now: datetime
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

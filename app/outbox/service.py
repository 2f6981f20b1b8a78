"""Queue what is to be sent; claim it, record how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import ids
from app.core.db import changed, insert_for, insert_or_ignore, table_of, utf8_bytes
from app.core.prepared import Prepared, among
from app.line.limits import (
    MESSAGES_PER_REQUEST,
    MULTICAST_RECIPIENTS,
    REPLY_TOKEN_SAFE_SECONDS,
)
from app.outbox import models, rules
from app.outbox.models import READERS, OutboxRow, Quota, StoppedRecipient
from app.outbox.rules import LEASE, PASSING, Step, Tried, Verdict

MARKETING = ("lifecycle", models.PROMOTION)
_UNSENT = (models.WAITING, models.PARKED)  # what is parked might be sent by hand
Message = dict[str, Any] | bytes


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row this sender holds. `payload` is a JSON array of messages, or an SMS text; UTF-8.
    `readers` are whom a multicast is for, always in the same order."""

    id: int
    recipient: str
    reply_token: str | None
    payload: bytes
    retry_key: str
    tried: Tried
    readers: tuple[str, ...] = ()

    @property
    def lane(self) -> str:
        """What goes one after the other."""
        return self.recipient or f"{self.tried.channel}:{self.id}"


@dataclass(frozen=True, slots=True)
class Result:
    id: int
    verdict: Verdict
    request_id: str | None = None
    quota: bool | None = None  # of a counted message: LINE took it, or the month's are used up


def reply_row(
    *,
    member_id: int | None,
    recipient: str,
    reply_token: str,
    received_at: datetime,
    messages: Sequence[Message],
    kind: str,
    now: datetime,
    is_lasting: bool = False,
) -> dict[str, Any]:
    """The row that answers an event. All messages of one token go in one request: at most five.
    What is lasting becomes a push if the token dies unused."""
    return _row(
        channel=models.REPLY,
        klass="service" if is_lasting else PASSING,
        kind=kind,
        member_id=member_id,
        recipient=recipient,
        reply_token=reply_token,
        reply_until=received_at + timedelta(seconds=REPLY_TOKEN_SAFE_SECONDS),
        payload=payload_of(messages),
        due_at=now,
        created_at=now,
    )


def reply_all(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Queue the answers of a batch, made by `reply_row`."""
    _INSERT.many(session, rows)


def push(
    session: Session,
    *,
    member_id: int | None,
    recipient: str,
    messages: Sequence[Message],
    kind: str,
    klass: str,
    dedup_key: str | None,
    now: datetime,
    due_at: datetime | None = None,
    topic: str | None = None,
) -> bool:
    """Queue a push. False when the dedup key was used before or the recipient blocked us."""
    return _queue(
        session,
        channel=models.PUSH,
        klass=klass,
        kind=kind,
        topic=topic,
        member_id=member_id,
        recipient=recipient,
        payload=payload_of(messages),
        dedup_key=dedup_key,
        due_at=due_at or now,
        created_at=now,
    )


@dataclass(frozen=True, slots=True)
class Push:
    """One of many pushes that are queued together; what `push` takes of each."""

    member_id: int
    recipient: str
    messages: Sequence[Message]
    dedup_key: str


def push_all(
    session: Session,
    pushes: Sequence[Push],
    *,
    kind: str,
    klass: str,
    now: datetime,
    topic: str | None = None,
) -> int:
    """Queue many; return how many were. The others had the dedup key before, or blocked us."""
    rows = [
        _row(
            channel=models.PUSH,
            klass=klass,
            kind=kind,
            topic=topic,
            member_id=push.member_id,
            recipient=push.recipient,
            payload=payload_of(push.messages),
            dedup_key=push.dedup_key,
            due_at=now,
            created_at=now,
        )
        for push in pushes
    ]
    if not rows:
        return 0
    before = _OF_KEYS.value(session, keys := {"keys": [push.dedup_key for push in pushes]})
    _QUEUE.many(session, rows)
    return int(_OF_KEYS.value(session, keys)) - int(before)


@dataclass(frozen=True, slots=True)
class Reader:
    """One of those whom a multicast is for."""

    member_id: int
    recipient: str


_READ = Prepared(
    {
        dialect: insert(READERS)
        .from_select(
            ["outbox_id", "member_id", "kind", "recipient", "status"],
            sa.select(
                *(
                    sa.bindparam(name, type_=READERS.c[name].type).label(name)
                    for name in ("outbox_id", "member_id", "kind", "recipient", "status")
                )
            ).where(
                ~sa.exists().where(
                    StoppedRecipient.recipient == sa.bindparam("recipient", type_=sa.String())
                )
            ),
        )
        .on_conflict_do_nothing()
        for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
    }
)


def multicast(
    session: Session,
    readers: Sequence[Reader],
    messages: Sequence[Message],
    *,
    kind: str,
    klass: str,
    now: datetime,
    topic: str | None = None,
) -> int:
    """Queue the same messages for many, in one request; return for how many. The others got
    something of this `kind` before, or blocked us. Raises ValueError for more than LINE takes."""
    if not 1 <= len(readers) <= MULTICAST_RECIPIENTS:
        raise ValueError(f"one to {MULTICAST_RECIPIENTS} people are in one multicast")
    row = _row(
        channel=models.MULTICAST,
        klass=klass,
        kind=kind,
        topic=topic,
        recipient="",
        payload=payload_of(messages),
        due_at=now,
        created_at=now,
    )
    outbox_id = session.execute(sa.insert(_TABLE).returning(_TABLE.c.id), row).scalar_one()
    common = {"outbox_id": outbox_id, "kind": kind, "status": models.READING}
    rows = [
        common | {"member_id": reader.member_id, "recipient": reader.recipient}
        for reader in readers
    ]
    _READ.many(session, rows)
    mine = sa.select(sa.func.count()).where(READERS.c.outbox_id == outbox_id)
    return session.scalar(mine) or 0


def sms(session: Session, *, phone: str, text: str, dedup_key: str, now: datetime) -> bool:
    return _queue(
        session,
        channel=models.SMS,
        klass="service",
        kind="sms",
        recipient=phone,
        payload=text,
        dedup_key=dedup_key,
        due_at=now,
        created_at=now,
    )


def link_menu(
    session: Session, *, member_id: int, recipient: str, menu: str, dedup_key: str, now: datetime
) -> bool:
    """Show a person another rich menu. `menu` is an alias: `guest` or `member`."""
    return _queue(
        session,
        channel=models.MENU,
        klass="service",
        kind="menu",
        member_id=member_id,
        recipient=recipient,
        payload=menu,
        dedup_key=dedup_key,
        due_at=now,
        created_at=now,
    )


def payload_of(messages: Sequence[Message]) -> bytes:
    """Raises ValueError unless there are one to five messages, as LINE takes in one request."""
    if not 1 <= len(messages) <= MESSAGES_PER_REQUEST:
        raise ValueError(f"one to {MESSAGES_PER_REQUEST} messages go in one request")
    parts = [part if isinstance(part, bytes) else orjson.dumps(part) for part in messages]
    return b"[" + b",".join(parts) + b"]"


def _row(**values: Any) -> dict[str, Any]:
    blank = {
        "member_id": None,
        "topic": None,
        "reply_token": None,
        "reply_until": None,
        "dedup_key": None,
        "status": models.WAITING,
        "attempts": 0,
        "retry_key": ids.retry_key(),
    }
    return blank | values


_COLUMNS = tuple(
    sorted(
        _row(
            **dict.fromkeys(
                ("channel", "klass", "kind", "recipient", "payload", "due_at", "created_at")
            )
        )
    )
)
_TABLE = table_of(OutboxRow)
_INSERT = Prepared(sa.insert(_TABLE))
# Nothing is queued for somebody who blocked us, whoever asks: the check is in the INSERT itself.
_UNLESS_STOPPED = sa.select(
    *(sa.bindparam(name, type_=_TABLE.c[name].type).label(name) for name in _COLUMNS)
).where(
    ~sa.exists().where(StoppedRecipient.recipient == sa.bindparam("recipient", type_=sa.String()))
)


_QUEUE = Prepared(
    {
        "sqlite": sqlite.insert(_TABLE)
        .from_select(_COLUMNS, _UNLESS_STOPPED)
        .on_conflict_do_nothing(),
        "postgresql": postgresql.insert(_TABLE)
        .from_select(_COLUMNS, _UNLESS_STOPPED)
        .on_conflict_do_nothing(),
    }
)


_OF_KEYS = Prepared(
    sa.select(sa.func.count()).select_from(_TABLE).where(among(_TABLE.c.dedup_key, "keys"))
)


def _queue(session: Session, **values: Any) -> bool:
    # (dedup_key) is the only constraint a new row can run into.
    return bool(_QUEUE.changed(session, _row(**values)))


def stop(session: Session, *, recipient: str, now: datetime) -> int:
    """The recipient blocked us: cancel what waits, queue no more. Return how many."""
    session.execute(
        insert_or_ignore(StoppedRecipient, session.get_bind().dialect.name),
        {"recipient": recipient, "stopped_at": now},
    )
    return changed(
        session,
        sa.update(OutboxRow)
        .where(
            OutboxRow.recipient == recipient,
            OutboxRow.status == models.WAITING,
            OutboxRow.channel != models.SMS,
        )
        .values(status=models.CANCELLED, reason="the recipient blocked the account"),
    )


def resume(session: Session, *, recipient: str) -> None:
    session.execute(sa.delete(StoppedRecipient).where(StoppedRecipient.recipient == recipient))


def cancel_marketing(session: Session, *, member_id: int) -> int:
    """The member refused marketing: what is queued goes no more."""
    reason = "the member refused marketing"
    left = _leave(session, member_id, reason, OutboxRow.klass.in_(MARKETING))
    return left + changed(
        session,
        sa.update(OutboxRow)
        .where(
            OutboxRow.member_id == member_id,
            OutboxRow.status.in_(_UNSENT),
            OutboxRow.klass.in_(MARKETING),
        )
        .values(status=models.CANCELLED, reason=reason),
    )


def cancel_topic(session: Session, *, member_id: int, topic: str, reason: str) -> int:
    """The member wants to hear no more of this topic: what is queued of it goes no more."""
    left = _leave(session, member_id, reason, OutboxRow.topic == topic)
    return left + changed(
        session,
        sa.update(OutboxRow)
        .where(
            OutboxRow.member_id == member_id,
            OutboxRow.status.in_(_UNSENT),
            OutboxRow.topic == topic,
        )
        .values(status=models.CANCELLED, reason=reason),
    )


def _leave(session: Session, member_id: int, reason: str, *which: sa.ColumnElement[bool]) -> int:
    """Take somebody off the lists of the multicasts that LINE was not asked for yet.

    Of the others the reason is kept: if LINE takes nothing of such a one, who claims it next takes
    them off. Then the rows are touched: a sender that claims one at this instant is waited for, and
    has then tried it; one that comes later reads the shorter list."""
    untried = (OutboxRow.status == models.WAITING, OutboxRow.first_tried_at.is_(None))
    theirs = (READERS.c.member_id == member_id, READERS.c.status == models.READING)
    unsent = sa.select(OutboxRow.id).where(OutboxRow.status.in_((*_UNSENT, models.SENDING)), *which)
    wish = sa.update(READERS).where(*theirs, READERS.c.outbox_id.in_(unsent))
    changed(session, wish.values(reason=reason))
    asked = sa.select(READERS.c.outbox_id).where(*theirs)
    held = (
        sa.update(OutboxRow)
        .where(OutboxRow.id.in_(asked), *untried, *which)
        .values(due_at=OutboxRow.due_at)
        .returning(OutboxRow.id)
    )
    rows = session.scalars(held.execution_options(synchronize_session=False)).all()
    if not rows:
        return 0
    gone = sa.update(READERS).where(READERS.c.outbox_id.in_(rows), *theirs)
    return changed(session, gone.values(status=models.LEFT, reason=reason))


def forget(session: Session, *, member_id: int) -> None:
    """Nobody can tell any more whom a multicast went to; that it went to somebody stays."""
    _leave(session, member_id, "the member was wiped")
    mine = sa.update(READERS).where(READERS.c.member_id == member_id)
    changed(session, mine.values(recipient=""))


def withdraw(session: Session, *, member_id: int, reason: str) -> int:
    """Cancel every push that waits for somebody who is no member any more."""
    left = _leave(session, member_id, reason)
    return left + changed(
        session,
        sa.update(OutboxRow)
        .where(
            OutboxRow.member_id == member_id,
            OutboxRow.status.in_(_UNSENT),
            OutboxRow.channel == models.PUSH,
        )
        .values(status=models.CANCELLED, reason=reason),
    )


def withdraw_kind(session: Session, *, kind: str, reason: str) -> int:
    """Cancel every message of one kind that waits, or is parked; return how many."""
    return sum(
        changed(
            session,
            sa.update(OutboxRow)
            .where(part, OutboxRow.kind == kind, OutboxRow.status == status)
            .values(status=models.CANCELLED, reason=reason),
        )
        # In two parts, so that only what is open or parked is looked through.
        for part, status in (
            (models.IS_OPEN, models.WAITING),
            (models.IS_PARKED, models.PARKED),
        )
    )


def hand_over(session: Session, *, from_id: int, to_id: int) -> None:
    """Two rows turned out to be one person: the messages of one are those of the other."""
    changed(
        session, sa.update(OutboxRow).where(OutboxRow.member_id == from_id).values(member_id=to_id)
    )


_OPEN = (models.WAITING, models.SENDING)
_DUE = Prepared(
    sa.select(_TABLE.c.id)
    .where(
        sa.or_(*(_TABLE.c.status == status for status in _OPEN)),
        _TABLE.c.due_at <= sa.bindparam("now", type_=_TABLE.c.due_at.type),
    )
    .order_by(_TABLE.c.due_at, _TABLE.c.id)
    .limit(sa.bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_TAKE = Prepared(
    sa.update(_TABLE)
    .where(among(_TABLE.c.id, "ids"), sa.or_(*(_TABLE.c.status == status for status in _OPEN)))
    .values(
        status=models.SENDING,
        lease=sa.bindparam("b_lease"),
        due_at=sa.bindparam("b_until"),
        attempts=_TABLE.c.attempts + 1,
        first_tried_at=sa.func.coalesce(
            _TABLE.c.first_tried_at, sa.bindparam("b_now", type_=_TABLE.c.first_tried_at.type)
        ),
    )
    .returning(
        _TABLE.c.id,
        _TABLE.c.recipient,
        _TABLE.c.reply_token,
        utf8_bytes(_TABLE.c.payload).label("payload"),
        _TABLE.c.retry_key,
        _TABLE.c.channel,
        _TABLE.c.klass,
        _TABLE.c.kind,
        _TABLE.c.attempts,
        _TABLE.c.first_tried_at,
        _TABLE.c.reply_until,
        _TABLE.c.created_at,
    )
)
# Who wanted to leave while LINE was being asked, and it took nothing then.
_TAKE_OFF = Prepared(
    sa.update(READERS)
    .where(
        among(READERS.c.outbox_id, "ids"),
        READERS.c.status == models.READING,
        READERS.c.reason.is_not(None),
    )
    .values(status=models.LEFT)
)


def claim(session: Session, *, lease: str, now: datetime, limit: int = 500) -> list[Claimed]:
    """Take what is due. A row still `sending` whose lease ended belonged to a dead sender."""
    due = [id_ for (id_,) in _DUE.rows(session, {"now": now, "limit": limit})]
    if not due:
        return []
    taken = _TAKE.rows(
        session, {"ids": due, "b_lease": lease, "b_until": now + LEASE, "b_now": now}
    )
    rows = [
        Claimed(id_, recipient, token, payload, key, _tried(tried, now))
        for id_, recipient, token, payload, key, *tried in sorted(taken)
    ]
    many = [row for row in rows if row.tried.channel == models.MULTICAST]
    if untaken := [row.id for row in many if row.tried.is_first]:
        _TAKE_OFF.changed(session, {"ids": untaken})
    lists = _readers(session, [row.id for row in many])
    return [replace(row, readers=lists[row.id]) if row.id in lists else row for row in rows]


def _tried(values: Sequence[Any], now: datetime) -> Tried:
    channel, klass, kind, attempts, first_tried_at, reply_until, created_at = values
    return Tried(
        channel,
        klass,
        kind,
        attempts,
        first_tried_at,
        reply_until,
        created_at,
        is_first=first_tried_at == now,
    )


_SEPARATOR = "\n"
_IN_ORDER = (
    sa.select(READERS.c.outbox_id, READERS.c.recipient)
    .where(
        among(READERS.c.outbox_id, "ids"),
        READERS.c.status == models.READING,
        READERS.c.recipient != "",
    )
    .order_by(READERS.c.outbox_id, READERS.c.member_id)
    .subquery()
)
# One text a multicast: a batch may hold a quarter of a million people.
_LISTS = Prepared(
    {
        "sqlite": sa.select(
            _IN_ORDER.c.outbox_id,
            sa.func.group_concat(_IN_ORDER.c.recipient, sa.literal_column("char(10)")),
        ).group_by(_IN_ORDER.c.outbox_id),
        "postgresql": sa.select(
            READERS.c.outbox_id,
            sa.func.string_agg(
                READERS.c.recipient,
                postgresql.aggregate_order_by(sa.literal_column("chr(10)"), READERS.c.member_id),
            ),
        )
        .where(
            among(READERS.c.outbox_id, "ids"),
            READERS.c.status == models.READING,
            READERS.c.recipient != "",
        )
        .group_by(READERS.c.outbox_id),
    }
)


def _readers(session: Session, outbox_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Whom these multicasts are for, by their ids; nobody: none."""
    if not outbox_ids:
        return {}
    rows = _LISTS.rows(session, {"ids": list(outbox_ids)})
    return {outbox_id: tuple(found.split(_SEPARATOR)) for outbox_id, found in rows}


def _mine() -> sa.Update:
    return sa.update(_TABLE).where(
        _TABLE.c.id == sa.bindparam("b_id"),
        _TABLE.c.lease == sa.bindparam("b_lease"),
        _TABLE.c.status == models.SENDING,
    )


_SENT = Prepared(
    _mine().values(
        status=models.SENT,
        sent_at=sa.bindparam("b_now"),
        request_id=sa.bindparam("b_request"),
        reason=sa.bindparam("b_reason"),
        lease=None,
    )
)
_AGAIN = Prepared(
    _mine().values(
        status=models.WAITING,
        due_at=sa.bindparam("b_due"),
        reason=sa.bindparam("b_reason"),
        lease=None,
    )
)
_ANEW = Prepared(
    _mine().values(
        status=models.WAITING,
        first_tried_at=None,
        retry_key=sa.bindparam("b_key"),  # the list may be shorter next time: another request
        due_at=sa.bindparam("b_due"),
        reason=sa.bindparam("b_reason"),
        lease=None,
    )
)
_PUSH = Prepared(
    _mine().values(
        status=models.WAITING,
        channel=models.PUSH,
        reply_token=None,
        reply_until=None,
        attempts=0,
        first_tried_at=None,
        due_at=sa.bindparam("b_due"),
        lease=None,
    )
)
_ENDED = Prepared(
    _mine().values(status=sa.bindparam("b_status"), reason=sa.bindparam("b_reason"), lease=None)
)
_STATEMENTS = {
    Step.SENT: _SENT,
    Step.AGAIN: _AGAIN,
    Step.ANEW: _ANEW,
    Step.PUSH: _PUSH,
    Step.DROP: _ENDED,
    Step.PARK: _ENDED,
}


def record(session: Session, results: Sequence[Result], *, lease: str, now: datetime) -> None:
    """Write down how a claimed batch ended; rows another sender took over are left alone."""
    by_step: dict[Step, list[dict[str, Any]]] = {}
    for result in results:
        by_step.setdefault(result.verdict.step, []).append(
            {"b_id": result.id, "b_lease": lease} | _outcome(result, now)
        )
    for step, rows in by_step.items():
        _STATEMENTS[step].many(session, rows)


def note_quota(session: Session, *, is_used_up: bool, now: datetime) -> None:
    """What LINE said of the month's messages; one that it takes after all says they are back."""
    if not is_used_up:
        changed(session, sa.delete(Quota))
        return
    until = rules.quota_returns(now)
    insert = insert_for(session, Quota).values(id=1, used_up_until=until)
    again = insert.on_conflict_do_update(index_elements=["id"], set_={"used_up_until": until})
    session.execute(again)


def _outcome(result: Result, now: datetime) -> dict[str, Any]:
    verdict = result.verdict
    reason = None if verdict.reason is None else verdict.reason[:500].replace("\x00", "")
    match verdict.step:
        case Step.SENT:
            return {"b_now": now, "b_request": result.request_id, "b_reason": reason}
        case Step.AGAIN:
            return {"b_due": now + verdict.after, "b_reason": reason}
        case Step.ANEW:
            key = ids.retry_key()
            return {"b_due": now + verdict.after, "b_reason": reason, "b_key": key}
        case Step.PUSH:
            return {"b_due": now}
        case Step.DROP:
            return {"b_status": models.CANCELLED, "b_reason": reason}
        case Step.PARK:
            return {"b_status": models.PARKED, "b_reason": reason}


def retry_menus(session: Session, *, now: datetime) -> int:
    """Menus were published: link them to everybody who came before they were. Return how many."""
    return changed(
        session,
        sa.update(OutboxRow)
        .where(OutboxRow.status == models.PARKED, OutboxRow.channel == models.MENU)
        .values(status=models.WAITING, attempts=0, first_tried_at=None, due_at=now),
    )


def retry(session: Session, row_id: int, *, now: datetime) -> bool:
    """A person says: send a parked row again. False when it is not parked (any more), or is a
    reply: its token is dead, and as a push it might come a second time.

    The retry key stays as it was: should LINE have accepted it within the last day, it says so."""
    return bool(
        changed(
            session,
            sa.update(OutboxRow)
            .where(
                OutboxRow.id == row_id,
                OutboxRow.status == models.PARKED,
                OutboxRow.channel != models.REPLY,
            )
            .values(status=models.WAITING, attempts=0, first_tried_at=None, due_at=now),
        )
    )

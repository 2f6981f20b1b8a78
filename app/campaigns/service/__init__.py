"""Write a broadcast, plan it, stop it; `freezing` and `composing` do the rest."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import queries as attention
from app.campaigns import pictures, queries, rules
from app.campaigns.models import BROADCASTS, RECIPIENTS, LetterPicture
from app.campaigns.rules import costs, letters, timing
from app.campaigns.rules.letters import Letter
from app.campaigns.rules.shares import Share
from app.core.db import changed, insert_ignore
from app.core.errors import DomainError, Invalid
from app.core.prepared import Prepared
from app.coupons import queries as coupons
from app.outbox import service as outbox
from app.segments import queries as segments
from app.segments import rules as segment_rules
from app.tags import queries as tags
from app.tags import service as tag_service
from app.tags.rules import Source

EVERYBODY = "全部會員"
UNPRESSED = "收到「{}」而沒按的人"


class NotNow(DomainError):
    """The broadcast has gone on, or was stopped; `status` is what it is now."""

    def __init__(self, status: str) -> None:
        super().__init__(f"not while the broadcast is {status}")
        self.status = status


def create(
    session: Session,
    *,
    name: str,
    segment_id: int | None,
    letter: Letter,
    staff_id: int | None,
    now: datetime,
    unpressed_of: int | None = None,
) -> int:
    """Keep a draft, however unfinished. It is for a segment, for who has not pressed the button of
    another broadcast, or for all members. Raises Invalid, NotFound for what is not there."""
    values = _drafted(session, name, segment_id, unpressed_of, letter)
    values |= {
        "status": rules.DRAFT,
        "pace": timing.AT_ONCE,
        "hours": 0,
        "written": 0,
        "members": 0,
        "frozen": 0,
        "made_by": staff_id,
        "created_at": now,
        "changed_at": now,
    }
    broadcast_id: int = session.execute(
        sa.insert(BROADCASTS).returning(BROADCASTS.c.id), values
    ).scalar_one()
    return broadcast_id


def revise(
    session: Session,
    *,
    broadcast_id: int,
    name: str,
    segment_id: int | None,
    letter: Letter,
    now: datetime,
    unpressed_of: int | None = None,
) -> None:
    """Raises Invalid, NotFound; NotNow when it is no draft any more."""
    values = _drafted(session, name, segment_id, unpressed_of, letter)
    _move(session, broadcast_id, (rules.DRAFT,), **values, changed_at=now)


def remove(session: Session, *, broadcast_id: int) -> None:
    """Throw a draft away. Raises NotFound, NotNow."""
    gone = sa.delete(BROADCASTS).where(
        BROADCASTS.c.id == broadcast_id, BROADCASTS.c.status == rules.DRAFT
    )
    if not changed(session, gone):
        raise NotNow(queries.broadcast(session, broadcast_id).status)


def _drafted(
    session: Session,
    name: str,
    segment_id: int | None,
    unpressed_of: int | None,
    letter: Letter,
) -> dict[str, Any]:
    named = " ".join(name.split())
    if not 1 <= len(named) <= rules.NAME:
        raise Invalid("name", f"名稱須為 1–{rules.NAME} 個字")
    called = EVERYBODY
    if unpressed_of is not None:
        segment_id, called = None, UNPRESSED.format(queries.broadcast(session, unpressed_of).name)
    elif segment_id is not None:
        called = segments.segment(session, segment_id).name
    return {
        "name": named,
        "segment_id": segment_id,
        "unpressed_of": unpressed_of,
        "segment_name": called,
        "letter": letter.document(),
    }


# Planning -----------------------------------------------------------------------------------------


def plan(
    session: Session,
    *,
    broadcast_id: int,
    send_at: datetime,
    now: datetime,
    pace: str = timing.AT_ONCE,
    hours: int = 0,
    most: int | None = None,
    share: Share | None = None,
) -> None:
    """From now on nothing of it changes: the letter and the segment's conditions are copied, and
    at `send_at` the list is made. A time gone by means at once. It goes out at its `pace`, spread
    over so many `hours` if that says so, and stops for a person after `most` messages. `share`:
    for those alone.

    Raises Invalid with the first thing that is wrong, NotFound, NotNow."""
    found = queries.broadcast(session, broadcast_id)
    if found.status != rules.DRAFT:
        raise NotNow(found.status)
    check(session, found.letter)
    if send_at > now + rules.LONGEST_AHEAD:
        raise Invalid("send_at", "最多排到一年後")
    if pace not in timing.PACES:
        raise Invalid("pace", "請選擇怎麼寄")
    if pace == timing.STAGGERED and hours not in timing.HOURS:
        raise Invalid("hours", f"請填 {timing.HOURS[0]}–{timing.HOURS[-1]} 小時")
    if most is not None and not 1 <= most <= costs.MOST:
        raise Invalid("most", f"請填 1–{costs.MOST:,}")
    values: dict[str, Any] = {"tree": sa.null(), "segment_version": None}
    if found.segment_id is not None:
        segment = segments.segment(session, found.segment_id)
        if not segment.is_active:
            raise Invalid("segment", "這個分眾已刪除，請另選")
        values = {
            "tree": segment_rules.to_document(segment.tree),
            "segment_version": segment.version,
            "segment_name": segment.name,
        }
    _move(
        session,
        broadcast_id,
        (rules.DRAFT,),
        status=rules.DUE,
        send_at=max(send_at, now),
        pace=pace,
        hours=hours if pace == timing.STAGGERED else 0,
        most=most,
        share=sa.null() if share is None else share.document(),
        changed_at=now,
        **values,
    )


def check(session: Session, letter: Letter) -> None:
    """Raises Invalid with the first thing that keeps the letter from going out."""
    for field, reason in faults(session, letter):
        raise Invalid(field, reason)


def faults(session: Session, letter: Letter) -> Iterator[tuple[str, str]]:
    """(field, what is wrong) for everything that keeps the letter from going out."""
    yield from letters.faults(letter)
    if letter.tag and letter.tag not in tags.names(session):
        yield "tag", "這個標籤已刪除，請另選"
    if letter.topic not in {topic.code for topic in attention.topics(session)}:
        yield "topic", "這個主題已停用，請另選"
    there = queries.pictures(session, letters.pictures_of(letter))
    for number, part in enumerate(letter.parts):
        if part.coupon:
            kind = coupons.newest_offer(session, part.coupon)
            if kind is None or not kind.is_active:
                yield f"m{number}-coupon", "這種優惠券已停止發放，請另選"
        if part.picture and part.picture not in there:
            yield f"m{number}-picture", "找不到這張圖片，請再選一次"


def keep_picture(session: Session, uploaded: bytes, *, staff_id: int | None, now: datetime) -> str:
    """Keep a picture for letters; return its digest. Raises Invalid."""
    made = pictures.made(uploaded)
    digest = sha256(made.content).hexdigest()
    row = {
        "digest": digest,
        "kind": made.kind,
        "content": made.content,
        "small": made.small,
        "width": made.width,
        "height": made.height,
        "made_by": staff_id,
        "created_at": now,
    }
    insert_ignore(session, LetterPicture, row)
    return digest


def unplan(session: Session, *, broadcast_id: int, now: datetime) -> None:
    """Make a draft of it again. Raises NotFound, NotNow once it has begun, or when it is an arm of
    an experiment: planned again it would go to everybody. It can be cancelled."""
    back = (
        sa.update(BROADCASTS)
        .where(
            BROADCASTS.c.id == broadcast_id,
            BROADCASTS.c.status == rules.DUE,
            BROADCASTS.c.share.is_(sa.null()),
        )
        .values(status=rules.DRAFT, send_at=None, changed_at=now)
    )
    if not changed(session, back):
        raise NotNow(queries.broadcast(session, broadcast_id).status)


# Stopping -----------------------------------------------------------------------------------------


def pause(
    session: Session, *, broadcast_id: int, now: datetime, because: str | None = None
) -> None:
    """Write no more of it for now. What is written already goes; that is seconds' worth."""
    values = {"status": rules.PAUSED, "paused_for": because, "changed_at": now}
    _move(session, broadcast_id, (rules.SENDING,), **values)


def resume(session: Session, *, broadcast_id: int, now: datetime, more: int | None = None) -> None:
    """Go on, also when LINE said that the month's messages are used up: somebody may have bought
    more, and LINE will say so again if not. What stopped at its limit goes on for so many `more`
    messages, or to the end. Raises Invalid, NotFound, NotNow."""
    if more is not None and not 1 <= more <= costs.MOST:
        raise Invalid("more", f"請填 1–{costs.MOST:,}")
    outbox.note_quota(session, is_used_up=False, now=now)
    values: dict[str, Any] = {"status": rules.SENDING, "paused_for": None, "changed_at": now}
    if queries.broadcast(session, broadcast_id).paused_for == rules.BUDGET:
        values["most"] = sa.null() if more is None else BROADCASTS.c.written + more
    _move(session, broadcast_id, (rules.PAUSED,), **values)


def cancel(session: Session, *, broadcast_id: int, now: datetime) -> int:
    """Nobody else gets it: not who waits on the list, and not whose message waits for LINE. Return
    how many messages were called back. Raises NotFound, NotNow."""
    stoppable = (rules.DUE, rules.FREEZING, rules.SENDING, rules.PAUSED)
    values = {"status": rules.CANCELLED, "ended_at": now, "changed_at": now, "lease": None}
    _move(session, broadcast_id, stoppable, **values)
    reason = "the broadcast was cancelled"
    return outbox.withdraw_kind(session, kind=queries.kind_of(broadcast_id), reason=reason)


def finish(session: Session, *, broadcast_id: int, now: datetime) -> bool:
    """Nobody waits any more, neither today nor for another day: it is done."""
    return bool(_FINISHED.changed(session, {"b_id": broadcast_id, "b_now": now}))


_FINISHED = Prepared(
    sa.update(BROADCASTS)
    .where(
        BROADCASTS.c.id == sa.bindparam("b_id"),
        BROADCASTS.c.status == rules.SENDING,
        ~sa.exists().where(
            RECIPIENTS.c.broadcast_id == BROADCASTS.c.id,
            sa.or_(*(RECIPIENTS.c.status == status for status in rules.OPEN)),
        ),
    )
    .values(status=rules.DONE, ended_at=sa.bindparam("b_now", type_=BROADCASTS.c.ended_at.type))
)


def _move(session: Session, broadcast_id: int, while_: tuple[str, ...], **values: object) -> None:
    moved = (
        sa.update(BROADCASTS)
        .where(BROADCASTS.c.id == broadcast_id, BROADCASTS.c.status.in_(while_))
        .values(**values)
    )
    if not changed(session, moved):
        raise NotNow(queries.broadcast(session, broadcast_id).status)


# Readers ------------------------------------------------------------------------------------------


def followed(session: Session, *, broadcast_id: int, member_id: int, now: datetime) -> bool:
    """The member pressed the letter's button; the first time counts. False when it did before, or
    the letter was not theirs."""
    pressed = (
        sa.update(RECIPIENTS)
        .where(
            RECIPIENTS.c.broadcast_id == broadcast_id,
            RECIPIENTS.c.member_id == member_id,
            RECIPIENTS.c.status == rules.QUEUED,
            RECIPIENTS.c.clicked_at.is_(None),
        )
        .values(clicked_at=now)
    )
    if not changed(session, pressed):
        return False
    letter = queries.broadcast(session, broadcast_id).letter
    tag_reader(session, letter, member_id, source="letter", source_id=broadcast_id, now=now)
    return True


def tag_reader(
    session: Session,
    letter: Letter,
    member_id: int,
    *,
    source: Source,
    source_id: int,
    now: datetime,
) -> None:
    """Who pressed gets the letter's tag, if it has one and that is still in use."""
    if letter.tag and letter.tag in tags.names(session):
        tag_service.put(
            session,
            tag_id=int(letter.tag),
            member_ids=[member_id],
            source=source,
            source_id=source_id,
            now=now,
        )

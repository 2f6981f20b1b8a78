"""Decide what is due now: queue it, hold it, or drop it, each with a reason a marketer can read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import queries as topics
from app.attention import rules as attention
from app.attention import service as governor
from app.core.clock import taipei_date
from app.core.db import changed
from app.lifecycle import messages, queries, rules
from app.lifecycle.messages import Brand, Gone, Occasion
from app.lifecycle.models import DROPPED, HELD, OPEN, QUEUED, SENDS
from app.lifecycle.queries import Recipient
from app.lifecycle.rules import Rule
from app.lifecycle.service import gifts
from app.members import models as members
from app.outbox import service as outbox

STALE = "已過時效，不再發送"
NIGHT = f"{attention.NIGHT}，延至 {{day:%m/%d}} 09:00"
NIGHT_STALE = f"{attention.NIGHT}，到早上已過時效"
CAPPED = f"{attention.CAPPED}，延至 {{day:%m/%d}}"
NO_DAY_LEFT = f"{attention.CAPPED}，時效內已無可發送的日子"
BLOCKED = "已封鎖或未加入官方帳號"


@dataclass(frozen=True, slots=True)
class _Send:
    id: int
    member_id: int
    rule: Rule
    occasion: str
    step: int
    subject_id: int | None
    stale_at: datetime

    @property
    def dedup_key(self) -> str:
        return f"lifecycle:{self.rule.code}:{self.member_id}:{self.occasion}"


@dataclass(frozen=True, slots=True)
class _Verdict:
    status: str
    reason: str | None = None
    due_at: datetime | None = None  # of what is held


_DUE = (
    sa.select(
        SENDS.c.id,
        SENDS.c.member_id,
        SENDS.c.rule,
        SENDS.c.occasion,
        SENDS.c.step,
        SENDS.c.subject_id,
        SENDS.c.stale_at,
    )
    .where(SENDS.c.status.in_(OPEN), SENDS.c.due_at <= sa.bindparam("now"))
    .order_by(SENDS.c.priority, SENDS.c.due_at, SENDS.c.id)
    .limit(sa.bindparam("limit"))
    .with_for_update(skip_locked=True)
)


def compose(session: Session, *, brand: Brand, now: datetime, limit: int = 200) -> int:
    """Decide up to `limit` messages that are due; return how many.

    The most urgent come first, so what is taken later finds the day booked. Of two composers at
    once each gets rows of its own, and the day of a member lets one of them through."""
    sends = _claim(session, now, limit)
    if not sends:
        return 0
    people = queries.recipients(session, sorted({send.member_id for send in sends}))
    gifts.grant_birthdays(session, _birthdays(sends, people), now=now)
    topic = topics.topic(session, attention.REMINDERS).name
    # By member, so that two composers book days in the same order and never wait for each other.
    for send in sorted(sends, key=lambda send: (send.member_id, send.rule.priority, send.id)):
        verdict = _decide(session, send, people.get(send.member_id), brand, topic, now)
        _record(session, send, verdict, now)
    return len(sends)


def _claim(session: Session, now: datetime, limit: int) -> list[_Send]:
    return [
        _Send(
            id=row.id,
            member_id=row.member_id,
            rule=rules.rule_of(row.rule),
            occasion=row.occasion,
            step=row.step,
            subject_id=row.subject_id,
            stale_at=row.stale_at,
        )
        for row in session.execute(_DUE, {"now": now, "limit": limit})
    ]


def _birthdays(sends: Sequence[_Send], people: dict[int, Recipient]) -> list[tuple[int, str]]:
    """Who gets the gift: every member, whatever comes of the message."""
    return sorted(
        (send.member_id, send.occasion)
        for send in sends
        if send.rule is rules.BIRTHDAY
        and send.member_id in people
        and people[send.member_id].status == members.MEMBER
        and not people[send.member_id].is_test
    )


def _decide(
    session: Session, send: _Send, to: Recipient | None, brand: Brand, topic: str, now: datetime
) -> _Verdict:
    if now >= send.stale_at:
        return _Verdict(DROPPED, STALE)
    if to is None:
        return _Verdict(DROPPED, "會員資料已刪除")
    refusal = _refusal(send.rule, to)
    if refusal is not None:
        return _Verdict(DROPPED, refusal)
    if attention.is_quiet(now):
        return _held_over_night(send, now)
    if _has_declined(session, send):
        return _Verdict(DROPPED, attention.declined(topic))
    this = Occasion(send.rule, send.step, send.occasion, send.subject_id, to, brand, now, topic)
    letter = messages.compose(session, this)
    if isinstance(letter, Gone):
        return _Verdict(DROPPED, letter.reason)
    return _queue(session, send, to, letter, topic, now)


def _has_declined(session: Session, send: _Send) -> bool:
    """They want to hear no more of what marketing the program sends by itself is about."""
    mine = [send.member_id] if send.rule.is_marketing else []
    return bool(topics.declined(session, mine, attention.REMINDERS))


def _refusal(rule: Rule, to: Recipient) -> str | None:
    """Why this person gets no such message, whatever it says; None when they may."""
    wanted = members.GUEST if rule is rules.NOT_JOINED else members.MEMBER
    if to.status != wanted:
        return "已經加入會員" if to.status == members.MEMBER else "已不是會員"
    if not to.is_friend or to.line_user_id is None:
        return BLOCKED
    if rule.is_marketing and to.is_test:
        return "測試會員不發送行銷訊息"
    if rule.is_marketing and attention.is_held_out(to.id):
        return attention.HELD_OUT
    if not rule.needs_consent or to.marketing_ok:
        return None
    # A friend who has not joined was never asked; only a refusal counts.
    if rule is rules.NOT_JOINED and not to.has_refused:
        return None
    return "未同意接收行銷訊息"


def _held_over_night(send: _Send, now: datetime) -> _Verdict:
    until = attention.quiet_until(now)
    if until >= send.stale_at:
        return _Verdict(DROPPED, NIGHT_STALE)
    return _Verdict(HELD, NIGHT.format(day=taipei_date(until)), until)


def _queue(
    session: Session,
    send: _Send,
    to: Recipient,
    letter: dict[str, Any],
    topic: str,
    now: datetime,
) -> _Verdict:
    today, key = taipei_date(now), send.dedup_key
    is_capped = send.rule.is_capped
    if is_capped and not governor.take_day(session, member_id=to.id, day=today, what=key):
        return _moved(session, send, today)
    # Again, now that the day is booked: who turns it off from here on waits until this is written.
    if is_capped and _has_declined(session, send):
        governor.give_back(session, member_id=to.id, day=today, what=key)
        return _Verdict(DROPPED, attention.declined(topic))
    is_queued = outbox.push(
        session,
        member_id=to.id,
        recipient=to.line_user_id or "",
        messages=[letter],
        kind=send.rule.code,
        klass=send.rule.klass,
        dedup_key=key,
        topic=attention.REMINDERS if send.rule.is_marketing else None,
        now=now,
    )
    if is_queued:
        return _Verdict(QUEUED)
    if is_capped:
        governor.give_back(session, member_id=to.id, day=today, what=key)
    return _Verdict(DROPPED, BLOCKED)


def _moved(session: Session, send: _Send, today: date) -> _Verdict:
    day = governor.next_day(session, member_id=send.member_id, today=today)
    if day is None or attention.send_time(day) >= send.stale_at:
        return _Verdict(DROPPED, NO_DAY_LEFT)
    return _Verdict(HELD, CAPPED.format(day=day), attention.send_time(day))


def _record(session: Session, send: _Send, verdict: _Verdict, now: datetime) -> None:
    values: dict[str, Any] = {
        "status": verdict.status,
        "reason": verdict.reason,
        "decided_at": now,
    }
    if verdict.due_at is not None:
        values["due_at"] = verdict.due_at
    changed(
        session,
        sa.update(SENDS).where(SENDS.c.id == send.id, SENDS.c.status.in_(OPEN)).values(values),
    )

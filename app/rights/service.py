"""A member's rights under 個資法 Article 3 that change something: to leave, to come back within a
week, to be wiped after it, and to ask a person of the shop."""

from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import service as governor
from app.cards.models import CardToken
from app.core import ids
from app.core.clock import taipei_date
from app.core.db import Table, changed, insert_for, insert_ignore, table_of
from app.core.errors import DomainError
from app.coupons.models import COUPONS, EVENTS, GIFTS
from app.coupons.rules import GOODWILL_SOURCE
from app.hooks import service as hooks
from app.inbox.models import InboxEvent
from app.members import models as members
from app.members import queries as member_queries
from app.members import service as member_service
from app.members.models import Member
from app.outbox import models as outbox_models
from app.outbox import service as outbox
from app.outbox.models import OutboxRow, StoppedRecipient
from app.points.models import CORRECTIONS, OPERATIONS
from app.richmenus import service as menus
from app.richmenus.models import RichMenuWearer
from app.rights import rules
from app.rights.models import REQUESTS, Closing, ForgottenPhone, PrivacyRequest
from app.scores import service as scores
from app.staff.models import AuditEntry
from app.tags import service as tags
from app.timeline import service as timeline
from app.timeline.models import Fact
from app.verifications.models import Verification, VerificationGate
from app.visits.models import Visit


class NoMember(DomainError):
    """Only a membership can be closed."""


class NothingToReopen(DomainError):
    """The membership was never closed, or it was wiped already."""


def close(session: Session, *, member_id: int, channel: str, now: datetime) -> datetime:
    """Stop everything at once; return when the data will be wiped. Raises NoMember."""
    won = changed(
        session,
        sa.update(Member)
        .where(Member.id == member_id, Member.status == members.MEMBER)
        .values(status=members.CLOSED, closed_at=now, marketing_ok=False),
    )
    if not won:
        raise NoMember(member_id)
    wipe_at = now + rules.WIPE_AFTER
    session.execute(
        sa.insert(Closing).values(
            member_id=member_id, channel=channel, asked_at=now, wipe_at=wipe_at
        )
    )
    outbox.withdraw(session, member_id=member_id, reason="the membership was closed")
    _show_menu(session, member_id, "guest", now)
    timeline.record(
        session, member_id=member_id, kind="member.closed", at=now, facts={"channel": channel}
    )
    return wipe_at


def reopen(session: Session, *, member_id: int, now: datetime) -> None:
    """Take the wish back: everything is as before, except that marketing stays off.

    Raises NothingToReopen.
    """
    won = changed(
        session,
        sa.update(Closing)
        .where(
            Closing.member_id == member_id,
            Closing.undone_at.is_(None),
            Closing.wiped_at.is_(None),
            Closing.wipe_at > now,
        )
        .values(undone_at=now),
    )
    if not won:
        raise NothingToReopen(member_id)
    changed(
        session,
        sa.update(Member)
        .where(Member.id == member_id)
        .values(status=members.MEMBER, closed_at=None),
    )
    _show_menu(session, member_id, "member", now)
    timeline.record(session, member_id=member_id, kind="member.reopened", at=now, facts={})


def wipe_due(session: Session, *, key: str, now: datetime, limit: int = 100) -> int:
    """Wipe what was closed a week ago; return how many were wiped."""
    due = session.execute(
        sa.select(Closing.id, Closing.member_id)
        .where(Closing.undone_at.is_(None), Closing.wiped_at.is_(None), Closing.wipe_at <= now)
        .order_by(Closing.wipe_at)
        .limit(limit)
    ).all()
    return sum(_wipe_one(session, row.id, row.member_id, key, now) for row in due)


def forget_old(session: Session, *, now: datetime) -> int:
    """Drop hashes of phones that need not be known any more."""
    return changed(session, sa.delete(ForgottenPhone).where(ForgottenPhone.until <= now))


def _wipe_one(session: Session, closing_id: int, member_id: int, key: str, now: datetime) -> bool:
    won = changed(
        session,
        sa.update(Closing)
        .where(Closing.id == closing_id, Closing.undone_at.is_(None), Closing.wiped_at.is_(None))
        .values(wiped_at=now),
    )
    if not won:
        return False
    for one in (member_id, *member_queries.absorbed_ids(session, member_id)):
        _wipe_row(session, one, key, now)
    timeline.record(session, member_id=member_id, kind="member.wiped", at=now, facts={})
    return True


def _wipe_row(session: Session, member_id: int, key: str, now: datetime) -> None:
    """One row of a person: their own, or that of a membership that became theirs."""
    phone = session.scalar(sa.select(Member.phone).where(Member.id == member_id))
    if phone is not None:
        until = now + rules.FORGET_AFTER
        insert = insert_for(session, ForgottenPhone).values(
            phone_hash=ids.keyed_hash(key, phone), until=until
        )
        session.execute(
            insert.on_conflict_do_update(index_elements=["phone_hash"], set_={"until": until})
        )
    _wipe_messages(session, member_id)
    governor.forget(session, member_id=member_id)
    _wipe_traces(session, member_id, None if phone is None else ids.keyed_hash(key, phone))
    _wipe_person(session, member_id)


# What is kept of a wiped member: the row itself, for the ledgers, and that it is closed.
_KEPT: Final = frozenset(
    {"id", "status", "created_at", "joined_at", "closed_at", "merged_into_id", "is_friend"}
    | {"birthday_edits", "marketing_ok", "is_test"}
)


def _wipe_person(session: Session, member_id: int) -> None:
    blank: dict[str, Any] = dict.fromkeys(set(table_of(Member).c.keys()) - _KEPT)
    changed(
        session,
        sa.update(Member).where(Member.id == member_id).values(**blank, is_friend=False),
    )


def _wipe_messages(session: Session, member_id: int) -> None:
    """What was said in either direction: the rows stay as counts, their content goes."""
    person = sa.select(Member.line_user_id, Member.phone).where(Member.id == member_id)
    line_user_id, phone = session.execute(person).one()
    own = sa.or_(OutboxRow.member_id == member_id, OutboxRow.recipient.in_([line_user_id, phone]))
    changed(
        session,
        sa.update(OutboxRow)
        .where(own, OutboxRow.status == outbox_models.WAITING)
        .values(status=outbox_models.CANCELLED, reason="the member was wiped"),
    )
    changed(
        session,
        sa.update(OutboxRow).where(own).values(recipient="", payload="[]", reply_token=None),
    )
    outbox.forget(session, member_id=member_id)
    changed(
        session,
        sa.update(InboxEvent)
        .where(InboxEvent.person == line_user_id)
        .values(body="{}", error=None, person=InboxEvent.webhook_event_id),
    )
    changed(session, sa.delete(StoppedRecipient).where(StoppedRecipient.recipient == line_user_id))


def _wipe_traces(session: Session, member_id: int, phone_hash: str | None) -> None:
    line_user_id = session.scalar(sa.select(Member.line_user_id).where(Member.id == member_id))
    gates = (f"line:{line_user_id}", f"phone:{phone_hash}")
    join_steps = Table.metadata.tables["join_steps"]  # its noun stands above this one
    for statement in (
        sa.delete(join_steps).where(
            sa.or_(join_steps.c.member_id == member_id, join_steps.c.joined_id == member_id)
        ),
        sa.delete(Verification).where(
            sa.or_(Verification.line_user_id == line_user_id, Verification.phone_hash == phone_hash)
        ),
        sa.delete(VerificationGate).where(VerificationGate.key.in_(gates)),
        sa.delete(CardToken).where(CardToken.member_id == member_id),
        sa.delete(Visit).where(Visit.line_user_id == line_user_id),
        sa.delete(RichMenuWearer).where(RichMenuWearer.member_id == member_id),
    ):
        session.execute(statement)
    tags.strip(session, member_id=member_id)
    scores.forget(session, member_id=member_id)
    hooks.wipe(session, member_id=member_id)
    _wipe_reasons(session, member_id)
    changed(
        session,
        sa.update(Fact)
        .where(Fact.member_id == member_id, Fact.kind.like("member.%"))
        .values(facts={}),
    )
    changed(
        session,
        sa.update(AuditEntry)
        .where(AuditEntry.object == f"member:{member_id}")
        .values(before=None, after=None),
    )


def _wipe_reasons(session: Session, member_id: int) -> None:
    """Why staff corrected points or gave a coupon is free text and may name somebody; the points
    and the coupon stay."""
    gave = sa.select(GIFTS.c.coupon_id).where(GIFTS.c.giver_id == member_id)
    given = sa.select(COUPONS.c.id).where(  # also what became a friend's since
        sa.or_(COUPONS.c.member_id == member_id, COUPONS.c.id.in_(gave)),
        COUPONS.c.dedup_key.startswith(f"{GOODWILL_SOURCE}:", autoescape=True),
    )
    for statement in (
        sa.update(EVENTS)
        .where(EVENTS.c.coupon_id.in_(given), EVENTS.c.kind == "issued")
        .values(facts={"source": GOODWILL_SOURCE}),
        sa.update(OPERATIONS)
        .where(OPERATIONS.c.member_id == member_id, OPERATIONS.c.kind == "adjust")
        .values(reason=""),
        sa.update(CORRECTIONS).where(CORRECTIONS.c.member_id == member_id).values(reason=""),
        sa.update(REQUESTS).where(REQUESTS.c.member_id == member_id).values(note=""),
        sa.update(Fact)
        .where(Fact.member_id == member_id, Fact.kind == "points.adjusted")
        .values(facts={}),
    ):
        changed(session, statement)


def _show_menu(session: Session, member_id: int, menu: str, now: datetime) -> None:
    recipient = session.scalar(sa.select(Member.line_user_id).where(Member.id == member_id))
    if recipient is not None:
        menus.show(
            session,
            member_id=member_id,
            recipient=recipient,
            is_member=menu == "member",
            dedup_key=f"menu:{menu}:{member_id}:{now.timestamp():.6f}",
            now=now,
        )


# Requests to a person -----------------------------------------------------------------------------


class NotOpen(DomainError):
    """It was decided, or prolonged, before."""


def ask(
    session: Session,
    *,
    member_id: int,
    kind: str,
    channel: str,
    asked_on: date,
    note: str,
    form_id: str,
    staff_id: int,
    now: datetime,
) -> bool:
    """Write a request down with the day by which it is decided, once for each form. False when the
    form came before. Raises Invalid."""
    rules.check_request(kind, channel, asked_on, today=taipei_date(now))
    is_new = insert_ignore(
        session,
        PrivacyRequest,
        {
            "key": ids.digest(form_id),
            "member_id": member_id,
            "kind": kind,
            "channel": channel,
            "asked_on": asked_on,
            "due_on": rules.due_on(kind, asked_on),
            "is_prolonged": False,
            "status": rules.OPEN,
            "note": rules.noted(note, is_needed=False),
            "staff_id": staff_id,
            "created_at": now,
            "closed_at": None,
        },
    )
    if is_new:
        facts = {"kind": kind, "channel": channel}
        timeline.record(session, member_id=member_id, kind="member.asked", at=now, facts=facts)
    return bool(is_new)


def prolong(session: Session, *, request_id: int, note: str, staff_id: int) -> None:
    """Once, by as many days again; the person is told why in writing. Raises Invalid, NotOpen."""
    reason = rules.noted(note, is_needed=True)
    row = session.execute(
        sa.select(REQUESTS.c.kind, REQUESTS.c.asked_on).where(REQUESTS.c.id == request_id)
    ).one_or_none()
    won = row is not None and changed(
        session,
        sa.update(REQUESTS)
        .where(
            REQUESTS.c.id == request_id,
            REQUESTS.c.status == rules.OPEN,
            REQUESTS.c.is_prolonged.is_(False),
        )
        .values(
            is_prolonged=True,
            due_on=rules.due_on(row.kind, row.asked_on, is_prolonged=True),
            note=reason,
            staff_id=staff_id,
        ),
    )
    if not won:
        raise NotOpen(request_id)


def decide(
    session: Session,
    *,
    request_id: int,
    status: str,
    note: str,
    notice_version: str,
    staff_id: int,
    now: datetime,
) -> None:
    """Done, refused (with a reason) or withdrawn. What a program can carry out is carried out with
    it: the membership is closed, marketing ends. `notice_version` names the text the consent that
    ends was given to. Raises Invalid, NotOpen, NoMember."""
    if status not in rules.OUTCOMES:
        raise NotOpen(request_id)
    values: dict[str, Any] = {"status": status, "staff_id": staff_id, "closed_at": now}
    said = rules.noted(note, is_needed=status == rules.REFUSED)
    if said:
        values["note"] = said
    here = sa.update(REQUESTS).where(REQUESTS.c.id == request_id, REQUESTS.c.status == rules.OPEN)
    if not changed(session, here.values(**values)):
        raise NotOpen(request_id)
    if status == rules.DONE:
        _carry_out(session, request_id, notice_version, now)


def _carry_out(session: Session, request_id: int, notice_version: str, now: datetime) -> None:
    asked = session.execute(
        sa.select(REQUESTS.c.member_id, REQUESTS.c.kind, REQUESTS.c.channel).where(
            REQUESTS.c.id == request_id
        )
    ).one()
    member_id = member_queries.living_id(session, asked.member_id)
    if asked.kind == rules.DELETE:
        is_leaving = sa.select(Member.id).where(
            Member.id == member_id, Member.status == members.CLOSED
        )
        if session.scalar(is_leaving) is None:
            close(session, member_id=member_id, channel=asked.channel, now=now)
    elif asked.kind == rules.STOP:
        member_service.consent(
            session,
            member_id=member_id,
            kind="marketing",
            version=notice_version,
            is_given=False,
            channel=asked.channel,
            now=now,
        )

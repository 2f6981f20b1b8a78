"""The steps of joining, one verb each; whatever draws them calls them in this order: `begin`,
`ask_code`, `enter_code`, `finish`."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.cards import queries as cards
from app.core import text
from app.core.clock import taipei_date
from app.core.db import changed, insert_for
from app.enrolments import queries, rules
from app.enrolments.models import JoinStep
from app.enrolments.notice import notice
from app.enrolments.rules import (
    AlreadyMember,
    ClosingPending,
    ConsentMissing,
    Consents,
    Draft,
    How,
    Joined,
    NothingBegun,
    NoticeChanged,
    Profile,
)
from app.enrolments.service import gifts, linking
from app.members import queries as people
from app.members import service as members
from app.members.queries import Person
from app.members.service import Details
from app.referrals import service as referrals
from app.referrals.rules import Newcomer
from app.richmenus import service as menus
from app.rights import queries as rights
from app.timeline import service as timeline
from app.verifications import rules as verification_rules
from app.verifications import service as verifications
from app.verifications.rules import Expired, Wrong
from app.verifications.service import Passed, Sent


def begin(
    session: Session,
    *,
    member: Person,
    consents: Consents,
    channel: str,
    source: str | None,
    brand: str,
    now: datetime,
) -> None:
    """Keep what was ticked and ask for the phone next; an earlier joining begins anew.

    Raises AlreadyMember, ClosingPending, ConsentMissing, NoticeChanged.
    """
    refuse_unless_guest(session, member)
    if consents.version != notice(brand).version:
        raise NoticeChanged(consents.version)
    if not consents.terms:
        raise ConsentMissing(rules.REQUIRED_CONSENT)
    open_draft(
        session,
        member_id=member.id,
        step=rules.PHONE,
        consents=consents,
        channel=channel,
        source=source,
        now=now,
    )


def ask_code(
    session: Session, *, member: Person, phone: str, brand: str, key: str, now: datetime
) -> Sent:
    """Send a code to a phone as typed. The answer is the same for phones we know and do not know.

    Raises Invalid, NothingBegun and what `verifications.send_code` raises.
    """
    number = text.parse_phone(phone)
    _draft(session, member, now)
    sent = verifications.send_code(
        session,
        phone=number,
        line_user_id=member.line_user_id,
        purpose=verification_rules.JOIN,
        brand=brand,
        key=key,
        now=now,
    )
    step(
        session,
        member.id,
        step=rules.CODE,
        phone=number,
        again_at=sent.again_at,
        verification_id=None,
    )
    return sent


def enter_code(
    session: Session, *, member: Person, code: str, key: str, now: datetime
) -> Passed | Wrong | Expired:
    """Check the code of the SMS; what cannot be a code uses up no try.

    Raises Invalid, NothingBegun, TriedTooOften.
    """
    draft = _draft(session, member, now)
    if draft.phone is None:
        raise NothingBegun(member.id)
    checked = verifications.check_code(
        session,
        phone=draft.phone,
        line_user_id=member.line_user_id,
        purpose=verification_rules.JOIN,
        code=rules.read_code(code),
        key=key,
        now=now,
    )
    if isinstance(checked, Passed):
        step(session, member.id, step=rules.BIRTHDAY, verification_id=checked.id)
    return checked


def finish(
    session: Session,
    *,
    member: Person,
    profile: Profile,
    key: str,
    now: datetime,
) -> Joined:
    """Make the guest a member. Twice at once makes one member and answers both.

    Raises Invalid, TooYoung, GuardianNeeded, NothingBegun, NotVerified.
    """
    rules.check_profile(profile, taipei_date(now))
    draft = queries.draft(session, member.id, now=now)
    with session.begin_nested():  # a refusal leaves the joining where it was
        verification_id = _claim(session, member.id, now)
        if draft is None or draft.phone is None or verification_id is None:
            return _joined_before(session, member, now)
        verifications.use(
            session,
            verification_id=verification_id,
            phone=draft.phone,
            line_user_id=member.line_user_id,
            purpose=verification_rules.JOIN,
            key=key,
            now=now,
        )
        return _join(session, member, draft, _details(draft.phone, profile), key, now)


def _join(
    session: Session, member: Person, draft: Draft, details: Details, key: str, now: datetime
) -> Joined:
    source = draft.source or draft.channel
    linked = linking.settle(session, guest=member, details=details, source=source, now=now)
    _keep_consents(session, linked.member_id, draft, now)
    is_known = rights.is_forgotten(session, phone=details.phone, key=key, now=now)
    given = gifts.welcome(session, member_id=linked.member_id, is_known_phone=is_known, now=now)
    newcomer = Newcomer(linked.member_id, is_known or linked.how is not How.NEW, details.birthday)
    referrals.joined(session, guest_id=member.id, friend=newcomer, now=now)
    step(session, member.id, phone=None, birthday=None, again_at=None, joined_id=linked.member_id)
    _tell(session, linked.member_id, member, draft, linked.how, now)
    return _joined(session, linked.member_id, given, linked.how, now)


def cancel(session: Session, *, member_id: int) -> None:
    """Forget the joining with all that was typed."""
    session.execute(
        sa.delete(JoinStep).where(JoinStep.member_id == member_id, JoinStep.step != rules.DONE)
    )


def forget_old(session: Session, *, now: datetime) -> int:
    """Delete what was typed into joinings that were left lying."""
    return changed(
        session,
        sa.delete(JoinStep).where(JoinStep.step != rules.DONE, JoinStep.expires_at <= now),
    )


def refuse_unless_guest(session: Session, member: Person) -> None:
    """Raises AlreadyMember, ClosingPending."""
    if member.is_member:
        raise AlreadyMember(member.id)
    wipe_at = rights.wipe_at(session, member.id)
    if wipe_at is not None:
        raise ClosingPending(wipe_at)


def open_draft(
    session: Session,
    *,
    member_id: int,
    step: str,
    consents: Consents,
    channel: str,
    source: str | None,
    now: datetime,
) -> None:
    values: dict[str, Any] = {
        "step": step,
        "channel": channel,
        "version": consents.version,
        "terms": consents.terms,
        "marketing": consents.marketing,
        "sharing": consents.sharing,
        "phone": None,
        "again_at": None,
        "verification_id": None,
        "birthday": None,
        "source": None if source is None else source[:50],
        "started_at": now,
        "expires_at": now + rules.DRAFT_LIFE,
        "joined_id": None,
    }
    insert = insert_for(session, JoinStep).values(member_id=member_id, **values)
    session.execute(insert.on_conflict_do_update(index_elements=["member_id"], set_=values))


def step(session: Session, member_id: int, **values: Any) -> None:
    changed(session, sa.update(JoinStep).where(JoinStep.member_id == member_id).values(**values))


def _draft(session: Session, member: Person, now: datetime) -> Draft:
    """A joining in which the notice was agreed to. Raises NothingBegun."""
    draft = queries.draft(session, member.id, now=now)
    if draft is None or not draft.consents.terms:
        raise NothingBegun(member.id)
    return draft


def _claim(session: Session, member_id: int, now: datetime) -> int | None:
    """Close the joining for everybody else; None when it is not ready or somebody was faster."""
    won = changed(
        session,
        sa.update(JoinStep)
        .where(
            JoinStep.member_id == member_id,
            JoinStep.step.in_((rules.BIRTHDAY, rules.GUARDIAN)),
            JoinStep.verification_id.is_not(None),
            JoinStep.expires_at > now,
        )
        .values(step=rules.DONE),
    )
    if not won:
        return None
    return session.scalar(
        sa.select(JoinStep.verification_id).where(JoinStep.member_id == member_id)
    )


def _joined_before(session: Session, member: Person, now: datetime) -> Joined:
    """The answer to a form sent twice. Raises NothingBegun when there was no first time."""
    found = people.person_by_line_id(session, member.line_user_id or "")
    if found is None or not found.is_member:
        raise NothingBegun(member.id)
    return _joined(session, found.id, (), How.NEW, now, is_repeat=True)


def _details(phone: str, profile: Profile) -> Details:
    guardian = profile.guardian
    return Details(
        phone=phone,
        birthday=profile.birthday,
        name=profile.name,
        guardian_name=None if guardian is None else guardian.name,
        guardian_phone=None if guardian is None else guardian.phone,
    )


def _keep_consents(session: Session, member_id: int, draft: Draft, now: datetime) -> None:
    given = {
        "notice": True,
        "terms": draft.consents.terms,
        "marketing": draft.consents.marketing,
        "sharing": draft.consents.sharing,
    }
    for kind, is_given in given.items():
        members.consent(
            session,
            member_id=member_id,
            kind=kind,
            version=draft.consents.version,
            is_given=is_given,
            channel=draft.channel,
            now=now,
        )


def _tell(
    session: Session, member_id: int, guest: Person, draft: Draft, how: How, now: datetime
) -> None:
    timeline.record(
        session,
        member_id=member_id,
        kind="member.joined",
        at=now,
        facts={"channel": draft.channel, "source": draft.source, "how": how},
    )
    menus.show(
        session,
        member_id=member_id,
        recipient=guest.line_user_id or "",
        is_member=True,
        dedup_key=f"menu:joined:{member_id}:{now.timestamp():.6f}",
        now=now,
    )


def _joined(
    session: Session,
    member_id: int,
    given: tuple[str, ...],
    how: How,
    now: datetime,
    *,
    is_repeat: bool = False,
) -> Joined:
    person, card = people.person(session, member_id), cards.card(session, member_id, now=now)
    return Joined(
        member_id=member_id,
        line_user_id=person.line_user_id or "",
        number=card.number,
        name=card.name,
        tier=card.tier.name,
        points=card.points.balance,
        gifts=given,
        how=how,
        is_repeat=is_repeat,
    )

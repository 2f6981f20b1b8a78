"""Joining inside the chat, one answer at a time. What it asks next is kept in the joining itself,
so that it survives restarts, can be broken off, and can be taken up again for a day."""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from sqlalchemy.orm import Session

from app.core import text
from app.core.clock import taipei_date
from app.core.errors import DomainError, Invalid
from app.enrolments import messages, queries, rules
from app.enrolments.notice import notice
from app.enrolments.rules import ClosingPending, Consents, Draft, Guardian, Joined, Profile
from app.enrolments.service import joining
from app.members.queries import Person
from app.verifications.service import Passed

CHAT: Final = "chat"
CANCELLED, CLOSING, MEMBER, REFUSED = "cancelled", "closing", "member", "refused"

# What buttons say; a toggle is the consent's own name.
START, PROCEED, CANCEL, RESEND, CHANGE_PHONE, PICK = (
    "start",
    "proceed",
    "cancel",
    "resend",
    "change_phone",
    "pick",
)
_CANCEL_WORDS: Final = frozenset({"取消", "取消加入", "暫不加入", "cancel"})
# What the buttons below the code say may be typed as well.
_AT_CODE: Final = {
    "重新傳送驗證碼": RESEND,
    "重新傳送": RESEND,
    "更改手機號碼": CHANGE_PHONE,
    "更改手機": CHANGE_PHONE,
}
_GUARDIAN: Final = re.compile(r"(.*?)[\s,、，/:：]*([+(0-9][0-9\s()+-]{7,})")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to show next. `step` is one of the rules' steps, or how the conversation ended."""

    step: str
    problem: str = ""
    consents: Consents | None = None
    phone: str | None = None  # E.164, at `code`
    wipe_at: datetime | None = None  # at `closing`
    joined: Joined | None = None  # at `done`


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of the person, and what is needed to act on it."""

    session: Session
    member: Person
    brand: str
    key: str
    source: str | None
    now: datetime


def chat_step(
    session: Session,
    *,
    member: Person,
    brand: str,
    key: str,
    now: datetime,
    say: str = "",
    press: str = "",
    picked: date | None = None,
    source: str | None = None,
) -> Prompt | None:
    """Take what was typed (`say`) or tapped (`press`, with `picked` for the date picker) and return
    what to show next. None: there is no conversation that this could belong to."""
    turn = Turn(session, member, brand, key, source, now)
    try:
        joining.refuse_unless_guest(session, member)
    except ClosingPending as refusal:
        return Prompt(CLOSING, wipe_at=refusal.wipe_at) if press else None
    except rules.AlreadyMember:
        return Prompt(MEMBER) if press else None
    draft = queries.draft(session, member.id, now=now)
    if press == START:
        return _start(turn, draft)
    if draft is None:
        # An old button, or a joining that lay too long: begin anew rather than say nothing.
        return _start(turn, None) if press else None
    if press == CANCEL or text.fold(say) in _CANCEL_WORDS:
        joining.cancel(session, member_id=member.id)
        return Prompt(CANCELLED)
    if press:
        return _pressed(turn, draft, press, picked)
    return _said(turn, draft, say) if draft.channel == CHAT else None


def _start(turn: Turn, draft: Draft | None) -> Prompt:
    """Take up what was begun, in the page or here; else show the notice."""
    if draft is not None and draft.consents.version == notice(turn.brand).version:
        joining.step(turn.session, turn.member.id, channel=CHAT)
        return _prompt(draft)
    consents = Consents(notice(turn.brand).version)
    joining.open_draft(
        turn.session,
        member_id=turn.member.id,
        step=rules.NOTICE,
        consents=consents,
        channel=CHAT,
        source=turn.source,
        now=turn.now,
    )
    return Prompt(rules.NOTICE, consents=consents)


def _prompt(draft: Draft, problem: str = "") -> Prompt:
    return Prompt(draft.step, problem, consents=draft.consents, phone=draft.phone)


def _pressed(turn: Turn, draft: Draft, press: str, picked: date | None) -> Prompt:
    if press in rules.CONSENT_KINDS and draft.step == rules.NOTICE:
        return _toggle(turn, draft, press)
    if press == PROCEED and draft.step == rules.NOTICE:
        return _proceed(turn, draft)
    if press == RESEND and draft.step == rules.CODE and draft.phone is not None:
        return _ask_code(turn, draft, draft.phone)
    if press == CHANGE_PHONE and draft.step == rules.CODE:
        joining.step(turn.session, turn.member.id, step=rules.PHONE)
        return Prompt(rules.PHONE)
    if press == PICK and draft.step in (rules.BIRTHDAY, rules.GUARDIAN) and picked is not None:
        return _finish(turn, draft, Profile(picked))
    return _prompt(draft)  # a button of an earlier step


def _toggle(turn: Turn, draft: Draft, kind: str) -> Prompt:
    is_given = not getattr(draft.consents, kind)
    joining.step(turn.session, turn.member.id, **{kind: is_given})
    fresh = queries.draft(turn.session, turn.member.id, now=turn.now)
    return _prompt(fresh or draft)


def _proceed(turn: Turn, draft: Draft) -> Prompt:
    try:
        joining.begin(
            turn.session,
            member=turn.member,
            consents=draft.consents,
            channel=CHAT,
            source=draft.source,
            brand=turn.brand,
            now=turn.now,
        )
    except rules.NoticeChanged as refusal:
        return replace(_start(turn, None), problem=messages.explain(refusal))
    except rules.ConsentMissing as refusal:
        return _prompt(draft, messages.explain(refusal))
    return Prompt(rules.PHONE)


def _said(turn: Turn, draft: Draft, say: str) -> Prompt | None:
    if draft.step == rules.PHONE:
        return _ask_code(turn, draft, say)
    if draft.step == rules.CODE:
        typed = _AT_CODE.get(say.strip())
        return _pressed(turn, draft, typed, None) if typed else _enter_code(turn, draft, say)
    if draft.step == rules.BIRTHDAY:
        return _typed_birthday(turn, draft, say)
    if draft.step == rules.GUARDIAN and draft.birthday is not None:
        return _guardian(turn, draft, draft.birthday, say)
    return None


def _ask_code(turn: Turn, draft: Draft, phone: str) -> Prompt:
    try:
        joining.ask_code(
            turn.session,
            member=turn.member,
            phone=phone,
            brand=turn.brand,
            key=turn.key,
            now=turn.now,
        )
    except DomainError as refusal:
        return _prompt(draft, messages.explain(refusal))
    return Prompt(rules.CODE, phone=text.parse_phone(phone))


def _enter_code(turn: Turn, draft: Draft, code: str) -> Prompt:
    try:
        checked = joining.enter_code(
            turn.session, member=turn.member, code=code, key=turn.key, now=turn.now
        )
    except DomainError as refusal:
        return _prompt(draft, messages.explain(refusal))
    if isinstance(checked, Passed):
        return Prompt(rules.BIRTHDAY)
    return _prompt(draft, messages.explain(checked))


def _typed_birthday(turn: Turn, draft: Draft, say: str) -> Prompt:
    """The picker is the way, but whoever types a date has answered as well."""
    try:
        birthday = text.parse_date(say, field="birthday")
    except Invalid as refusal:
        return _prompt(draft, messages.explain(refusal))
    return _finish(turn, draft, Profile(birthday))


def _guardian(turn: Turn, draft: Draft, birthday: date, say: str) -> Prompt:
    try:
        guardian = read_guardian(say)
    except Invalid as refusal:
        return _prompt(draft, messages.explain(refusal))
    return _finish(turn, draft, Profile(birthday, guardian=guardian))


def read_guardian(say: str) -> Guardian:
    """Name and phone in one line, such as `王大明 0912-345-678`. Raises Invalid."""
    found = _GUARDIAN.fullmatch(text.half_width(say).strip())
    if found is None:
        raise Invalid("guardian", "needs a name and a phone")
    try:
        name = text.parse_name(found[1])
        return Guardian(name, text.parse_phone(found[2]))
    except Invalid as error:
        raise Invalid("guardian", str(error)) from error


def _finish(turn: Turn, draft: Draft, profile: Profile) -> Prompt:
    try:
        rules.check_profile(profile, taipei_date(turn.now))
        joined = joining.finish(
            turn.session, member=turn.member, profile=profile, key=turn.key, now=turn.now
        )
    except rules.GuardianNeeded:
        joining.step(turn.session, turn.member.id, step=rules.GUARDIAN, birthday=profile.birthday)
        return Prompt(rules.GUARDIAN)
    except rules.TooYoung as refusal:
        joining.cancel(turn.session, member_id=turn.member.id)
        return Prompt(REFUSED, messages.explain(refusal))
    except DomainError as refusal:
        return _prompt(draft, messages.explain(refusal))
    return Prompt(rules.DONE, joined=joined)

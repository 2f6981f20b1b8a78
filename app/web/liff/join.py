"""Joining: notice and phone on one screen, the code, the birthday, done."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request, Response

from app.core import text
from app.core.clock import taipei_date
from app.core.errors import DomainError, Invalid
from app.enrolments import messages, notice, queries, rules, service
from app.enrolments.rules import Consents, Draft, Guardian, Joined, Profile
from app.members.queries import Person
from app.rights import queries as rights
from app.verifications.service import Passed
from app.web.liff import invite as invitations
from app.web.liff import pages
from app.web.liff.guard import GoTo, LiffRoute, Looker

router = APIRouter(prefix="/liff", route_class=LiffRoute)

Field = Annotated[str, Form(max_length=200)]
Invite = Annotated[str, Query(max_length=60)]
Box = Annotated[bool, Form()]
CHANNEL: Final = "liff"
FIRST_YEAR: Final = rules.OLDEST


@dataclass(frozen=True, slots=True)
class Typed:
    """What the form holds; shown again as it was when it is refused."""

    phone: str = ""
    terms: bool = False
    marketing: bool = False
    sharing: bool = False
    name: str = ""
    year: str = ""
    month: str = ""
    day: str = ""
    guardian_name: str = ""
    guardian_phone: str = ""


@router.get("/view/join")
def show(request: Request, person: Looker, invite: Invite = "") -> Response:
    """The step at which this joining stands. `invite`: the card or code somebody came by."""
    if person.is_member:
        raise GoTo("card")
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        wipe_at = rights.wipe_at(session, person.id)
        draft = queries.draft(session, person.id, now=now)
        greeting = invitations.greeting(session, person, invite, now=now)
    if wipe_at is not None:
        return pages.render(request, "reopen.html", wipe_at=wipe_at)
    return _step(request, person, draft, greeting=greeting)


@router.post("/join/start")
def start(
    request: Request,
    person: Looker,
    version: Field,
    phone: Field = "",
    source: Field = "",
    invite: Field = "",
    terms: Box = False,
    marketing: Box = False,
    sharing: Box = False,
) -> Response:
    """Keep the ticks and send the code."""
    consents = Consents(version, terms=terms, marketing=marketing, sharing=sharing)
    typed = Typed(phone=phone, terms=terms, marketing=marketing, sharing=sharing)
    brand, now = _brand(request), request.app.state.clock()
    try:
        with request.app.state.db.transaction() as session:
            service.begin(
                session,
                member=person,
                consents=consents,
                channel=CHANNEL,
                source=source or None,
                brand=brand,
                now=now,
            )
            invitations.come_by(session, person, invite, now=now)
            _ask_code(request, session, person, phone, now)
    except rules.NoticeChanged as error:
        return _notice(request, Typed(phone=phone), messages.explain(error))
    except (rules.AlreadyMember, rules.ClosingPending) as error:
        raise GoTo("join") from error
    except DomainError as error:
        return _notice(request, typed, messages.explain(error))
    return show(request, person)


@router.post("/join/phone")
def other_phone(
    request: Request, person: Looker, phone: Field = "", invite: Field = ""
) -> Response:
    """Send a code to this phone: the first one after the chat, another one, or the same again."""
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        draft = queries.draft(session, person.id, now=now)
        invitations.come_by(session, person, invite, now=now)
        asked = phone or (draft.phone if draft is not None else "") or ""
        try:
            _ask_code(request, session, person, asked, now)
            problem = ""
        except rules.NothingBegun as error:
            raise GoTo("join") from error
        except DomainError as error:
            problem = messages.explain(error)
        fresh = queries.draft(session, person.id, now=now)
    if problem and phone:
        return _phone(request, phone, problem)
    return _step(request, person, fresh, problem, is_fresh=not problem)


@router.get("/view/join/phone")
def change_phone(request: Request, person: Looker) -> Response:
    return _phone(request, "", "")


@router.post("/join/code")
def code(request: Request, person: Looker, code: Field = "") -> Response:
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        try:
            checked = service.enter_code(
                session, member=person, code=code, key=_key(request), now=now
            )
            problem = "" if isinstance(checked, Passed) else messages.explain(checked)
        except rules.NothingBegun as error:
            raise GoTo("join") from error
        except DomainError as error:
            problem = messages.explain(error)
        draft = queries.draft(session, person.id, now=now)
    return _step(request, person, draft, problem)


@router.post("/join/finish")
def finish(
    request: Request,
    person: Looker,
    name: Field = "",
    year: Field = "",
    month: Field = "",
    day: Field = "",
    guardian_name: Field = "",
    guardian_phone: Field = "",
) -> Response:
    typed = Typed(
        name=name,
        year=year,
        month=month,
        day=day,
        guardian_name=guardian_name,
        guardian_phone=guardian_phone,
    )
    now = request.app.state.clock()
    try:
        profile = _profile(typed)
        with request.app.state.db.transaction() as session:
            joined = service.finish(
                session, member=person, profile=profile, key=_key(request), now=now
            )
            if not joined.is_repeat:
                messages.send_welcome(session, joined, links=links(request), now=now)
    except rules.NothingBegun as error:
        raise GoTo("join") from error
    except rules.GuardianNeeded as error:
        needs_guardian = bool(guardian_name or guardian_phone)
        problem = messages.explain(error) if needs_guardian else ""
        return _birthday(request, person, typed, problem, has_guardian=True)
    except DomainError as error:
        has_guardian = bool(guardian_name or guardian_phone)
        return _birthday(request, person, typed, messages.explain(error), has_guardian=has_guardian)
    return _done(request, joined)


@router.post("/join/cancel")
def cancel(request: Request, person: Looker) -> Response:
    with request.app.state.db.transaction() as session:
        service.cancel(session, member_id=person.id)
    return _notice(request, Typed(), "")


def links(request: Request) -> messages.Links:
    settings = request.app.state.settings
    if settings.liff_id:
        base = f"https://liff.line.me/{settings.liff_id}"
    else:
        base = f"{settings.public_base_url.rstrip('/')}/liff"
    return messages.Links(
        settings.brand_name, settings.brand_theme, f"{base}/card", f"{base}/coupons"
    )


def _ask_code(request: Request, session: Any, person: Person, phone: str, now: datetime) -> None:
    service.ask_code(
        session, member=person, phone=phone, brand=_brand(request), key=_key(request), now=now
    )


def _profile(typed: Typed) -> Profile:
    """Raises Invalid, naming the field."""
    birthday = text.parse_date(f"{typed.year}-{typed.month}-{typed.day}", field="birthday")
    name = text.parse_name(typed.name) if typed.name.strip() else None
    if not typed.guardian_name.strip() and not typed.guardian_phone.strip():
        return Profile(birthday, name)
    try:
        phone = text.parse_phone(typed.guardian_phone)
    except Invalid as error:
        raise Invalid("guardian_phone", error.reason) from error
    guardian = Guardian(text.parse_name(typed.guardian_name, field="guardian_name"), phone)
    return Profile(birthday, name, guardian)


def _step(
    request: Request,
    person: Person,
    draft: Draft | None,
    problem: str = "",
    *,
    is_fresh: bool = False,
    greeting: str = "",
) -> Response:
    if draft is None or draft.step == rules.NOTICE:
        return _notice(request, Typed(), problem, greeting)
    if draft.step == rules.PHONE or draft.phone is None:
        return _phone(request, "", problem, greeting)
    if draft.step == rules.CODE:
        return _code(request, draft, problem, is_fresh=is_fresh)
    return _birthday(request, person, _known(person, draft), problem, has_guardian=False)


def _known(person: Person, draft: Draft) -> Typed:
    """LINE's display name is a suggestion where it could be a name."""
    try:
        name = text.parse_name(person.name or person.display_name or "")
    except Invalid:
        name = ""
    if draft.birthday is None:
        return Typed(name=name)
    born = draft.birthday
    return Typed(name=name, year=str(born.year), month=str(born.month), day=str(born.day))


def _notice(request: Request, typed: Typed, problem: str, greeting: str = "") -> Response:
    return pages.render(
        request,
        "join_notice.html",
        422 if problem else 200,
        notice=notice.notice(_brand(request)),
        labels=notice,
        typed=typed,
        problem=problem,
        greeting=greeting,
    )


def _phone(request: Request, phone: str, problem: str, greeting: str = "") -> Response:
    return pages.render(
        request,
        "join_phone.html",
        422 if problem else 200,
        phone=phone,
        problem=problem,
        greeting=greeting,
    )


def _code(request: Request, draft: Draft, problem: str, *, is_fresh: bool) -> Response:
    now = request.app.state.clock()
    wait = 0 if draft.again_at is None else (draft.again_at - now).total_seconds()
    return pages.render(
        request,
        "join_code.html",
        422 if problem else 200,
        phone=draft.phone,
        wait=max(0, int(wait + 0.999)),
        problem=problem,
        is_fresh=is_fresh,
    )


def _birthday(
    request: Request, person: Person, typed: Typed, problem: str, *, has_guardian: bool
) -> Response:
    today: date = taipei_date(request.app.state.clock())
    return pages.render(
        request,
        "join_birthday.html",
        422 if problem else 200,
        typed=typed,
        years=[(str(year), year - text.ROC_OFFSET) for year in _years(today)],
        today=today.isoformat(),
        adult=rules.ADULT,
        has_guardian=has_guardian,
        problem=problem,
    )


def _years(today: date) -> range:
    """Newest first; nobody under seven can join, nobody is older than the oldest."""
    return range(today.year - rules.YOUNGEST, today.year - FIRST_YEAR, -1)


def _done(request: Request, joined: Joined) -> Response:
    return pages.render(request, "join_done.html", joined=joined)


def _brand(request: Request) -> str:
    return str(request.app.state.settings.brand_name)


def _key(request: Request) -> str:
    return str(request.app.state.settings.secret_key.get_secret_value())

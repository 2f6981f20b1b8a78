"""The member centre: what somebody may decide about themselves."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse

from app.attention import queries as topics
from app.attention import service as governor
from app.cards import queries as cards
from app.core import text
from app.core.clock import taipei_date
from app.core.errors import DomainError, Invalid
from app.enrolments import messages, rules
from app.enrolments.notice import notice
from app.members import queries, service
from app.members.queries import OwnProfile, Person
from app.members.service import GENDERS, BirthdayFixed, Correction
from app.missions import service as missions
from app.rights import queries as rights
from app.rights import service as right
from app.rights.rules import WIPE_AFTER
from app.web.liff import pages
from app.web.liff.guard import GoTo, LiffRoute, Looker, Member

router = APIRouter(prefix="/liff", route_class=LiffRoute)

CHANNEL: Final = "liff"
Field = Annotated[str, Form(max_length=254)]


@dataclass(frozen=True, slots=True)
class Typed:
    name: str
    gender: str
    email: str
    city: str
    birthday: str  # ISO, empty: as it was


@router.get("/view/centre")
def show(request: Request, person: Looker) -> Response:
    with request.app.state.db.reading() as session:
        wipe_at = rights.wipe_at(session, person.id)
        profile = queries.own_profile(session, person.id)
        offered, stopped = topics.topics(session), topics.stopped_by(session, person.id)
    if wipe_at is not None:
        return pages.render(request, "reopen.html", wipe_at=wipe_at)
    if not person.is_member:
        raise GoTo("join")
    return pages.render(
        request,
        "centre.html",
        profile=profile,
        number=person.number,
        topics=offered,
        stopped=stopped,
    )


@router.post("/centre/marketing")
def marketing(
    request: Request, member: Member, is_given: Annotated[bool, Form()] = False
) -> Response:
    """A refusal stops what is queued, too."""
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        service.consent(
            session,
            member_id=member.id,
            kind="marketing",
            version=notice(request.app.state.settings.brand_name).version,
            is_given=is_given,
            channel=CHANNEL,
            now=now,
        )
    return show(request, member)


@router.post("/centre/topic")
def topic(
    request: Request,
    member: Member,
    code: Annotated[str, Form(max_length=20)],
    is_wanted: Annotated[bool, Form()] = False,
) -> Response:
    """One thing that marketing is about, off or on; the rest stays as it is. Raises NotFound."""
    now, do = request.app.state.clock(), governor.stop_topic
    if is_wanted:
        do = governor.resume_topic
    with request.app.state.db.transaction() as session:
        do(session, member_id=member.id, topic=code, channel=CHANNEL, now=now)
    return show(request, member)


@router.get("/centre/data")
def held(request: Request, member: Member) -> Response:
    """Everything that is held about the member, as a JSON file."""
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        content = {"at": now.isoformat(), "held": rights.held(session, member.id)}
    name = f"my-data-{taipei_date(now).isoformat()}.json"
    headers = {"content-disposition": f'attachment; filename="{name}"', **pages.NO_STORE}
    return JSONResponse(content, headers=headers)


@router.get("/view/centre/profile")
def profile(request: Request, member: Member) -> Response:
    with request.app.state.db.reading() as session:
        known = queries.own_profile(session, member.id)
    return _profile(request, known, _typed(known), "")


@router.post("/centre/profile")
def correct(
    request: Request,
    member: Member,
    name: Field = "",
    gender: Field = "",
    email: Field = "",
    city: Field = "",
    birthday: Field = "",
) -> Response:
    typed = Typed(name, gender, email, city, birthday)
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        known = queries.own_profile(session, member.id)
        try:
            correction = _correction(typed, known, taipei_date(now))
            service.correct(session, member_id=member.id, correction=correction, now=now)
            missions.profile_changed(session, member_id=member.id, now=now)
        except BirthdayFixed:
            return _profile(request, known, typed, "生日已修改過一次，如需再次更正請洽門市。")
        except DomainError as error:
            return _profile(request, known, typed, messages.explain(error))
    raise GoTo("centre?saved")


def _typed(known: OwnProfile) -> Typed:
    return Typed(
        known.name or "",
        known.gender or "",
        known.email or "",
        known.city or "",
        "" if known.birthday is None else known.birthday.isoformat(),
    )


def _correction(typed: Typed, known: OwnProfile, today: date) -> Correction:
    """Raises Invalid, TooYoung."""
    if typed.gender and typed.gender not in GENDERS:
        raise Invalid("gender", "is not one of the choices")
    birthday = None
    if typed.birthday.strip():
        birthday = text.parse_date(typed.birthday, field="birthday")
        if birthday != known.birthday:
            rules.check_birthday(birthday, today)
    return Correction(
        name=text.parse_name(typed.name) if typed.name.strip() else None,
        gender=typed.gender or None,
        email=text.parse_email(typed.email) if typed.email.strip() else None,
        city=text.parse_city(typed.city) if typed.city else None,
        birthday=birthday,
    )


def _profile(request: Request, known: OwnProfile, typed: Typed, problem: str) -> Response:
    return pages.render(
        request,
        "profile.html",
        422 if problem else 200,
        known=known,
        typed=typed,
        problem=problem,
        cities=text.CITIES,
        can_edit_birthday=known.birthday_edits < service.BIRTHDAY_EDITS,
        today=taipei_date(request.app.state.clock()).isoformat(),
    )


@router.get("/view/centre/close")
def before_closing(request: Request, member: Member) -> Response:
    """What will be lost."""
    return _closing(request, member, "")


@router.post("/centre/close")
def close(request: Request, member: Member, is_sure: Annotated[bool, Form()] = False) -> Response:
    if not is_sure:
        return _closing(request, member, "請先勾選「我了解」，再送出刪除申請。")
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        wipe_at = right.close(session, member_id=member.id, channel=CHANNEL, now=now)
    return pages.render(request, "reopen.html", wipe_at=wipe_at)


@router.post("/centre/reopen")
def reopen(request: Request, person: Looker) -> Response:
    with request.app.state.db.transaction() as session:
        try:
            right.reopen(session, member_id=person.id, now=request.app.state.clock())
        except right.NothingToReopen as error:
            raise GoTo("join") from error
    raise GoTo("card")


def _closing(request: Request, member: Person, problem: str) -> Response:
    now: datetime = request.app.state.clock()
    with request.app.state.db.reading() as session:
        card = _card(session, member, now)
    return pages.render(
        request,
        "close.html",
        422 if problem else 200,
        card=card,
        problem=problem,
        days=WIPE_AFTER.days,
        wipe_at=now + WIPE_AFTER,
    )


def _card(session: Session, member: Person, now: datetime) -> cards.Card:
    return cards.card(session, member.id, now=now)

"""Inviting friends: the code, a card for a friend by LINE's picker, how far it has come; and what
somebody reads who comes by such a card."""

from contextlib import suppress
from datetime import datetime

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse

from app.members.queries import Person
from app.programmes import queries as programmes
from app.referrals import messages, queries, rules, service
from app.referrals.rules import CannotBeInvited, CannotInvite
from app.web.liff import pages
from app.web.liff.guard import LiffRoute, Member

router = APIRouter(prefix="/liff", route_class=LiffRoute)


@router.get("/view/invite")
def show(request: Request, member: Member) -> Response:
    """A transaction, as the first look makes the code."""
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        try:
            code = service.give_code(session, member=member, now=now)
        except CannotInvite as refusal:
            return pages.render(request, "invite_closed.html", why=messages.explain(refusal))
        terms = programmes.terms_at(session, now)
        view = messages.invite_view(
            code=code,
            terms=terms.referral,
            return_window=terms.return_window_days,
            progress=queries.progress(session, member.id),
            open_page=None,
        )
    return pages.render(request, "invite.html", page=view)


@router.post("/invite/share")
def share(request: Request, member: Member) -> Response:
    """One card for one friend, as messages for LINE's picker."""
    now = request.app.state.clock()
    settings = request.app.state.settings
    with request.app.state.db.transaction() as session:
        try:
            token = service.share(session, member=member, now=now)
        except CannotInvite as refusal:
            content = {"error": messages.explain(refusal)}
            return JSONResponse(content, 409, headers=pages.NO_STORE)
        terms = queries.terms_in_force(session, now)
    card = messages.invitation(
        inviter=member,
        terms=terms,
        link=messages.page_link(liff_id=settings.liff_id, token=token),
        until=rules.join_by(terms, now),
        theme=settings.theme,
    )
    return JSONResponse({"messages": [card]}, headers=pages.NO_STORE)


def come_by(session: Session, person: Person, invite: str, *, now: datetime) -> None:
    """`invite`: the token of a card, or a code. One that is not good any more stops no joining."""
    if not invite:
        return
    code = rules.read_code(rules.invitation(invite)) or ""
    with suppress(CannotBeInvited):
        service.bind(
            session,
            friend=person,
            code=code,
            token="" if code else invite,
            channel="liff",
            now=now,
        )


def greeting(session: Session, person: Person, invite: str, *, now: datetime) -> str:
    """Who invited them and what it brings; empty for who was not invited."""
    code = rules.read_code(rules.invitation(invite))
    found = queries.inviter_of(session, person.id) if not invite else None
    if invite and code:
        found = queries.inviting_by_code(session, code)
    elif invite:
        known = queries.inviter_of(session, person.id)
        found = queries.inviting_by_token(session, invite, now=now) or known
    if found is None:
        used = messages.explain(CannotBeInvited("used"))
        return f"{used}仍可直接加入會員。" if invite else ""
    gift = messages.reward_in_words(queries.terms_in_force(session, now).friend)
    brings = f"完成首次消費即可獲得 {gift}。" if gift else ""
    return f"{found.name} 邀請您加入會員。{brings}加入後，邀請人會看到您遮罩後的姓名與推薦進度。"

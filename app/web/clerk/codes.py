"""/clerk/serve/{pass}/code: who has no card at hand is known by a code sent to their phone."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.cards import service as cards
from app.core import text
from app.core.errors import DomainError, NotFound
from app.members import queries as members
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.verifications.rules import Expired, Wrong
from app.verifications.service import NotVerified, SentTooOften, SentTooRecently, TriedTooOften
from app.web import pages, security
from app.web.clerk.passes import OTP, Pass
from app.web.clerk.serve import pass_of
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/clerk/serve/{sealed}/code", route_class=StaffRoute)
Server = Annotated[Visitor, Depends(require(Permission.SERVE, needs_store=True))]


@router.get("")
def code_page(request: Request, visitor: Server, sealed: str) -> Response:
    given = pass_of(request, visitor, sealed)
    return given if isinstance(given, Response) else _page(request, sealed, given)


@router.post("")
def send(request: Request, visitor: Server, sealed: str) -> Response:
    given = pass_of(request, visitor, sealed)
    if isinstance(given, Response):
        return given
    settings, now = request.app.state.settings, request.app.state.clock()
    try:
        with request.app.state.db.transaction() as session:
            cards.send_code(
                session,
                member_id=given.member_id,
                brand=settings.brand_name,
                key=settings.secret_key.get_secret_value(),
                now=now,
            )
    except DomainError as error:
        return _page(request, sealed, given, error=_sentence(request, error))
    return RedirectResponse(f"/clerk/serve/{sealed}/code", 303)


@router.post("/check")
def check(
    request: Request,
    visitor: Server,
    sealed: str,
    code: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    given = pass_of(request, visitor, sealed)
    if isinstance(given, Response):
        return given
    key, now = request.app.state.settings.secret_key.get_secret_value(), request.app.state.clock()
    typed = "".join(text.half_width(code).split())
    try:
        with request.app.state.db.transaction() as session:
            checked = cards.check_code(
                session, member_id=given.member_id, code=typed, key=key, now=now
            )
            if isinstance(checked, Wrong | Expired):
                error = _not_right(checked)
            else:
                error = ""
                _note(request, session, visitor, given)
    except DomainError as refused:
        error = _sentence(request, refused)
    if error:
        return _page(request, sealed, given, error=error)
    proven = Pass.issue(
        member_id=given.member_id, proof=OTP, session_id=visitor.session_id, now=now
    )
    return RedirectResponse(f"/clerk/serve/{proven.sealed(key)}", 303)


def _note(request: Request, session: Session, visitor: Visitor, given: Pass) -> None:
    security.audit(
        request,
        session,
        visitor,
        "member.identified",
        f"member:{given.member_id}",
        after={"by": OTP},
    )


def _page(request: Request, sealed: str, given: Pass, *, error: str = "") -> Response:
    with request.app.state.db.reading() as session:
        phone = members.person(session, given.member_id).phone
    if phone is None:
        raise NotFound("phone", given.member_id)
    status = 409 if error else 200
    return pages.render(
        request,
        "clerk/code.html",
        status,
        sealed=sealed,
        phone=text.mask_phone(phone),
        error=error,
    )


def _not_right(checked: Wrong | Expired) -> str:
    if isinstance(checked, Expired):
        return "驗證碼已過期，請重新傳送。"
    return f"驗證碼不正確，還可以再試 {checked.tries_left} 次。"


def _sentence(request: Request, error: DomainError) -> str:
    now = request.app.state.clock()
    match error:
        case SentTooRecently(again_at=again_at):
            return f"驗證碼剛傳出，{pages.show_lasting(again_at - now)}後才能再傳一次。"
        case SentTooOften():
            return "這支手機今天的驗證碼次數已用完，請改用會員卡 QR。"
        case TriedTooOften(until=until):
            return f"輸入錯誤次數過多，請 {pages.show_lasting(until - now)}後再試。"
        case NotVerified():
            return "這個驗證碼已經使用過，請重新傳送。"
        case _:
            return "這位會員沒有留手機，請改用會員卡 QR。"

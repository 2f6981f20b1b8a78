"""The shell of the members' pages, and opening a visit with LINE's word for who it is."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from app.line.login import TOKEN_MAX, BadIdToken, LineUnreachable, Vouched
from app.members import queries as people
from app.members import service as members
from app.visits import queries, service
from app.web.liff import guard, pages
from app.web.liff.guard import LiffRoute
from app.web.security import check_origin

router = APIRouter(prefix="/liff", route_class=LiffRoute)
# Any other address below /liff is the shell, too: LINE opens views by their own address.
shell_router = APIRouter(prefix="/liff", route_class=LiffRoute)


class Opening(BaseModel):
    id_token: Annotated[str, StringConstraints(min_length=1, max_length=TOKEN_MAX)]


@router.post("/session")
async def open_visit(request: Request, opening: Opening) -> Response:
    """Set the cookie of a visit and return the token its page sends along."""
    check_origin(request)
    token = request.cookies.get(guard.cookie_name(request), "")
    if not await run_in_threadpool(_is_proven, request, token, opening.id_token):
        try:
            vouched = await request.app.state.id_tokens.verify(opening.id_token)
        except BadIdToken as error:
            return JSONResponse({"error": error.reason}, 401, headers=pages.NO_STORE)
        except LineUnreachable:
            return JSONResponse({"error": "LINE does not answer"}, 503, headers=pages.NO_STORE)
        token = await run_in_threadpool(_open, request, vouched, opening.id_token)
    answer = JSONResponse({"form_token": guard.form_token(token)}, headers=pages.NO_STORE)
    answer.set_cookie(
        guard.cookie_name(request),
        token,
        max_age=int(service.LIFE.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.app.state.settings.cookies_are_secure,
    )
    return answer


def _is_proven(request: Request, token: str, id_token: str) -> bool:
    """The same id token opened this visit before: LINE need not be asked again."""
    if not token:
        return False
    with request.app.state.db.reading() as session:
        now = request.app.state.clock()
        return queries.is_proven(session, token, id_token=id_token, now=now)


def _open(request: Request, vouched: Vouched, id_token: str) -> str:
    """Somebody may open a page before any event of theirs arrives, or without being a friend."""
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        members.meet(session, [vouched.user_id], now=now)
        person = people.person_by_line_id(session, vouched.user_id)
        if person is not None and person.display_name is None:
            members.set_profile(
                session,
                member_id=person.id,
                display_name=vouched.name,
                picture_url=vouched.picture_url,
                language=None,
                now=now,
            )
        token, _until = service.open_visit(
            session, line_user_id=vouched.user_id, id_token=id_token, now=now
        )
    return token


@shell_router.get("/theme.css")
def theme(request: Request) -> Response:
    return pages.theme_css(request)


@shell_router.get("")
@shell_router.get("/{view:path}")
def shell(request: Request, view: str = "") -> Response:
    return pages.shell(request)

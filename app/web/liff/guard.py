"""Who looks at a members' page, and proof that a request comes from a page of ours.

The cookie says which visit it is; the header `X-Form-Token`, made from the cookie, says that the
page that asks is the page that opened this visit. One browser may hold pages of two LINE accounts
(the simulator always does): the page of the other account then gets 401 and opens its own visit.
"""

import hmac
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse

from app.core import ids
from app.core.errors import DomainError, NotFound
from app.enrolments import messages
from app.members import queries as members
from app.members.queries import Person
from app.visits import queries as visits
from app.web.liff import pages
from app.web.security import SAFE_METHODS, ForeignForm, check_origin

TOKEN_HEADER: Final = "x-form-token"  # noqa: S105  # the name of a header
BODY_LIMIT: Final = 64 * 1024  # bytes


class NoVisit(Exception):
    """No cookie, an old one, or one that another account's page opened."""


class GoTo(Exception):
    """Another view is the right one now."""

    def __init__(self, view: str) -> None:
        super().__init__(view)
        self.view = view


def cookie_name(request: Request) -> str:
    return "__Host-liff" if request.app.state.settings.cookies_are_secure else "liff"


def form_token(token: str) -> str:
    """What a page shows beside its cookie."""
    return ids.keyed_hash(token, "liff form")


def looker(request: Request) -> Person:
    """The person whose page asks. Raises NoVisit, ForeignForm."""
    if request.method not in SAFE_METHODS:
        check_origin(request)
    token = request.cookies.get(cookie_name(request), "")
    shown = request.headers.get(TOKEN_HEADER, "")
    if not token or not hmac.compare_digest(shown.encode(), form_token(token).encode()):
        raise NoVisit
    db, now = request.app.state.db, request.app.state.clock()
    with db.reading() as session:
        line_user_id = visits.line_user_of(session, token, now=now)
        person = line_user_id and members.person_by_line_id(session, line_user_id)
    if not person:
        raise NoVisit
    return person


Looker = Annotated[Person, Depends(looker)]


def joined(person: Looker) -> Person:
    """The same for members only. Raises GoTo."""
    if not person.is_member:
        raise GoTo("join")
    return person


Member = Annotated[Person, Depends(joined)]


class LiffRoute(APIRoute):
    """Turns refusals into views. `limit`: bytes of a body."""

    limit = BODY_LIMIT

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_refusals(request: Request) -> Response:
            if _is_too_large(request, self.limit):
                return refusal(request, 413, "送出的內容太大了。")
            try:
                return await handle(request)
            except NoVisit:
                return JSONResponse({"error": "no visit"}, 401, headers=pages.NO_STORE)
            except GoTo as other:
                return Response(status_code=204, headers={"x-go": f"/liff/{other.view}"})
            except ForeignForm:
                return refusal(request, 403, "這個頁面已經過期，請關閉後重新開啟。")
            except NotFound:
                return refusal(request, 404, "找不到這筆資料。")
            except RequestValidationError:
                return refusal(request, 422, "網址或欄位的內容不正確。")
            except DomainError as error:
                return refusal(request, 409, messages.explain(error))

        return handle_refusals


def _is_too_large(request: Request, limit: int) -> bool:
    """A body that does not say how large it is counts as too large."""
    length = request.headers.get("content-length", "0")
    is_said = "transfer-encoding" not in request.headers and length.isdigit()
    return not is_said or int(length) > limit


def refusal(request: Request, status: int, sentence: str) -> Response:
    return pages.render(request, "refusal.html", status, sentence=sentence)

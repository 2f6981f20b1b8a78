"""/clerk: point the camera at a member's card, or type a number."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Form, Request, Response
from starlette.responses import JSONResponse, RedirectResponse

from app.core.errors import DomainError
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.clerk import reading, refusals
from app.web.clerk.identify import identify
from app.web.clerk.passes import Pass
from app.web.clerk.reading import NotAFrame
from app.web.security import StaffRoute, require


class CodeRoute(StaffRoute):
    judged = frozenset({"code"})


router = APIRouter(prefix="/clerk", route_class=CodeRoute)
Server = Annotated[Visitor, Depends(require(Permission.SERVE, needs_store=True))]
LONGEST_CODE = 200
NOTICES = {
    "late": "這次識別已經超過 15 分鐘，請重新識別會員。",
    "foreign": "這個頁面是另一次登入開的，請重新識別會員。",
}


async def body(request: Request) -> bytes:
    """Empty for a form, which has been read by then."""
    return b"" if security.is_form(request) else await request.body()


@router.get("")
def scan_page(request: Request, _: Server, notice: str = "") -> Response:
    return _page(request, error=NOTICES.get(notice, ""))


@router.post("/scan")
def scan(request: Request, visitor: Server, sent: Annotated[bytes, Depends(body)]) -> Response:
    """A camera frame (image/jpeg) or what the browser itself read ({"code": …})."""
    try:
        code = _code(request, sent)
    except (NotAFrame, ValueError):
        return JSONResponse({"error": "這個畫面無法讀取，請再試一次。"}, 422)
    if code is None:
        return JSONResponse({"found": False})
    try:
        return JSONResponse({"found": True, "url": _identified(request, visitor, code)})
    except DomainError as error:
        return JSONResponse({"found": True, "error": refusals.sentence(error)}, 409)


@router.post("/find")
def find(
    request: Request, visitor: Server, code: Annotated[str, Form(max_length=LONGEST_CODE)] = ""
) -> Response:
    try:
        return RedirectResponse(_identified(request, visitor, code), 303)
    except DomainError as error:
        return _page(request, 409, error=refusals.sentence(error), code=code)


def _code(request: Request, sent: bytes) -> str | None:
    """Raises NotAFrame, ValueError."""
    if request.headers.get("content-type", "").startswith("image/jpeg"):
        return reading.code_in(sent)
    read: Any = orjson.loads(sent)
    if not isinstance(read, dict) or not isinstance(read.get("code"), str):
        raise ValueError("a code is needed")
    return str(read["code"])[:LONGEST_CODE]


def _identified(request: Request, visitor: Visitor, code: str) -> str:
    """Return the page to serve the member on. Raises DomainError."""
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        found = identify(session, code, now=now)
        security.audit(
            request,
            session,
            visitor,
            "member.identified",
            f"member:{found.member_id}",
            after={"by": found.proof},
        )
    given = Pass.issue(
        member_id=found.member_id, proof=found.proof, session_id=visitor.session_id, now=now
    )
    key = request.app.state.settings.secret_key.get_secret_value()
    return f"/clerk/serve/{given.sealed(key)}"


def _page(request: Request, status: int = 200, *, error: str, code: str = "") -> Response:
    return pages.render(request, "clerk/scan.html", status, error=error, code=code)

"""/console/link/{token}: the address somebody was handed, to join or to set a new password."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response
from starlette.responses import RedirectResponse

from app.core.errors import Conflict, Invalid
from app.staff import queries
from app.staff import service as staff
from app.staff.queries import LinkShown
from app.staff.service import LinkDead
from app.web import login, pages, security
from app.web.security import MaybeVisitor, StaffRoute

router = APIRouter(prefix="/console/link", route_class=StaffRoute)
Token = Annotated[str, Path(max_length=100)]
Short = Annotated[str, Form(max_length=100)]
Secret = Annotated[str, Form(max_length=1000)]

DEAD = "這個連結已經用過、被收回或過期了。請跟負責人要一個新的。"
FAULTS = {
    "login": "帳號要 2 到 50 個字元，不能有空白。",
    "name": "姓名要 1 到 50 個字。",
    "password": "密碼要 10 到 200 個字元。",
}


@router.get("/{token}")
def link_page(request: Request, _: MaybeVisitor, token: Token) -> Response:
    return _page(request, token)


@router.post("/{token}")
def use(
    request: Request,
    _: MaybeVisitor,
    token: Token,
    login_name: Annotated[str, Form(alias="login", max_length=100)] = "",
    name: Short = "",
    password: Secret = "",
    again: Secret = "",
) -> Response:
    if password != again:
        fault = {"again": "兩次輸入的密碼不一樣。"}
        return _page(request, token, login_name, name, fault, 422)
    link = _link(request, token)
    if link is None:
        return security.refusal(request, 410, DEAD)
    try:
        if link.staff_id is None:
            return _join(request, token, login_name, name, password)
        return _set_password(request, token, password)
    except LinkDead:
        return security.refusal(request, 410, DEAD)
    except Invalid as wrong:
        fault = {wrong.field: FAULTS.get(wrong.field, wrong.reason)}
        return _page(request, token, login_name, name, fault, 422)
    except Conflict:
        fault = {"login": "這個帳號已經有人使用，請換一個。"}
        return _page(request, token, login_name, name, fault, 409)


def _join(request: Request, token: str, login_name: str, name: str, password: str) -> Response:
    """Raises LinkDead, Invalid, Conflict."""
    password_hash = login.hashed(password)
    with request.app.state.db.transaction() as session:
        now = request.app.state.clock()
        staff_id = staff.join(
            session,
            token=token,
            login=login_name,
            name=name,
            password_hash=password_hash,
            now=now,
        )
        person = queries.person_kept(session, staff_id, now=now)
        staff.audit(
            session,
            staff_id=staff_id,
            action="staff.joined",
            object=f"staff:{staff_id}",
            after={"login": person.login, "role": person.role, "store": person.store_name},
            device=security.device(request),
            now=now,
        )
        cookie = login.let_in(request, session, staff_id)
    return login.entered(request, cookie, "/console/account?notice=joined")


def _set_password(request: Request, token: str, password: str) -> Response:
    """To the door afterwards: who has a second factor still needs it. Raises LinkDead, Invalid."""
    password_hash = login.hashed(password)
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        staff_id = staff.set_password_by_link(
            session, token=token, password_hash=password_hash, now=now
        )
        staff.audit(
            session,
            staff_id=staff_id,
            action="staff.password_set",
            object=f"staff:{staff_id}",
            after={"how": "link"},
            device=security.device(request),
            now=now,
        )
    return RedirectResponse("/console/login?ended=password", 303)


def _link(request: Request, token: str) -> LinkShown | None:
    with request.app.state.db.reading() as session:
        return queries.link_by_token(session, token, now=request.app.state.clock())


def _page(
    request: Request,
    token: str,
    login_name: str = "",
    name: str | None = None,
    faults: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    link = _link(request, token)
    if link is None:
        return security.refusal(request, 410, DEAD)
    return pages.render(
        request,
        "link.html",
        status,
        link=link,
        login=login_name,
        name=link.name if name is None else name,
        faults=faults or {},
    )

"""The two doors of the staff pages: /console/login and /clerk/login, one session for both."""

import threading
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import RedirectResponse

from app.core.db import Database
from app.staff import queries, rules
from app.staff import service as staff
from app.staff.rules import Permission
from app.staff.service import Candidate, LoginBlocked
from app.web import cookies, pages, security
from app.web.security import MaybeVisitor, StaffRoute

router = APIRouter(route_class=StaffRoute)

# A check takes 64 MiB and a whole processor: two at a time, the others wait their turn.
_CHECKING: Final = threading.BoundedSemaphore(2)
STORE_COOKIE: Final = "store"  # the store this device was last used in
LOST: Final = "登入已經過期，剛才送出的這一筆沒有處理。請重新登入後再做一次。"
WRONG: Final = "帳號或密碼不正確。"


@router.get("/console/login")
@router.get("/clerk/login")
def login_page(
    request: Request, visitor: MaybeVisitor, next: str = "", ended: str = ""
) -> Response:
    if visitor is not None:
        return RedirectResponse(_after_login(request, visitor.role, next), 303)
    return _page(request, next=next, error=LOST if ended else "")


@router.post("/console/login")
@router.post("/clerk/login")
def log_in(
    request: Request,
    _: MaybeVisitor,
    login: Annotated[str, Form(max_length=100)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    db, now = request.app.state.db, request.app.state.clock()
    try:
        candidate = proven(
            db, login=login, password=password, address=security.address(request), now=now
        )
    except LoginBlocked as blocked:
        wait = pages.show_lasting(blocked.until - now)
        sentence = f"嘗試次數過多，請 {wait}後再試。"
        return _page(request, 429, next=next, login=login, error=sentence)
    if candidate is None:
        return _page(request, 401, next=next, login=login, error=WRONG)
    token = _let_in(request, db, candidate, now)
    response = RedirectResponse(_after_login(request, candidate.role or "", next), 303)
    cookies.set_session(request, response, token)
    return response


@router.post("/console/logout")
@router.post("/clerk/logout")
def log_out(request: Request, visitor: MaybeVisitor) -> Response:
    if visitor is not None:
        with request.app.state.db.transaction() as session:
            staff.end_session(session, session_id=visitor.session_id, now=request.app.state.clock())
    response = RedirectResponse(f"{security.area_of(request.url.path)}/login", 303)
    cookies.drop_session(request, response)
    return response


def proven(
    db: Database, *, login: str, password: str, address: str, now: datetime
) -> Candidate | None:
    """Whose password this is, or None. Raises LoginBlocked. Opens its own transactions, because
    the password is checked between them."""
    with db.transaction() as session:
        candidate = staff.begin_login(session, login=login, address=address, now=now)
    with _CHECKING:
        is_right = rules.is_password(password, candidate.password_hash)
    if not is_right:
        return None
    with db.transaction() as session:
        staff.finish_login(session, candidate=candidate)
    return candidate


def _let_in(request: Request, db: Database, candidate: Candidate, now: datetime) -> str:
    if candidate.staff_id is None:
        raise AssertionError("a password without a person")
    device = security.device(request)
    with db.transaction() as session:
        stores = queries.stores_of(session, candidate.staff_id)
        last = request.cookies.get(STORE_COOKIE, "")
        store_id = next((store.id for store in stores if store.code == last), None)
        if len(stores) == 1:
            store_id = stores[0].id
        token = staff.open_session(
            session, staff_id=candidate.staff_id, device=device, store_id=store_id, now=now
        )
        staff.audit(
            session,
            staff_id=candidate.staff_id,
            action="login",
            object=f"staff:{candidate.staff_id}",
            store_id=store_id,
            device=device,
            now=now,
        )
    return token


def _page(
    request: Request, status: int = 200, *, next: str = "", login: str = "", error: str = ""
) -> Response:
    area = security.area_of(request.url.path)
    return pages.render(
        request, "login.html", status, area=area, next=next, login=login, error=error
    )


def _after_login(request: Request, role: str, target: str) -> str:
    """Where they wanted to go, else the half of the house their role works in."""
    serves = rules.is_allowed(role, Permission.SERVE)
    reads = rules.is_allowed(role, Permission.READ_NUMBERS)
    area = security.area_of(request.url.path)
    is_till = not reads or (serves and area == "/clerk")
    return security.safe_next(target, "/clerk" if is_till else "/console")

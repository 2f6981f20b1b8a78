"""The two doors of the staff pages: /console/login and /clerk/login, one session for both. Who has
a second factor passes a second door, `…/login/code`."""

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.core.db import Database
from app.staff import queries, rules
from app.staff import service as staff
from app.staff.rules import Permission
from app.staff.service import Candidate, FactorUnreadable, LoginBlocked, WrongCode
from app.web import cookies, pages, second_step, security
from app.web.second_step import Ticket, TicketRefused
from app.web.security import MaybeVisitor, StaffRoute

router = APIRouter(route_class=StaffRoute)

# A check takes 64 MiB and a whole processor: two at a time, the others wait their turn.
_CHECKING: Final = threading.BoundedSemaphore(2)
STORE_COOKIE: Final = "store"  # the store this device was last used in
LOST: Final = "登入已經過期，剛才送出的這一筆沒有處理。請重新登入後再做一次。"
GOOD: Final = {
    "password": "密碼已更新，請用新密碼登入。",
}
WRONG: Final = "帳號或密碼不正確。"
WRONG_CODE: Final = "驗證碼不正確，或已經用過。請輸入手機上最新的一組。"
TOO_SLOW: Final = "輸入驗證碼的時間過了，請重新登入。"
UNREADABLE: Final = "這個帳號的兩步驟驗證無法讀取，請負責人重設後再登入。"


@router.get("/console/login")
@router.get("/clerk/login")
def login_page(
    request: Request, visitor: MaybeVisitor, next: str = "", ended: str = ""
) -> Response:
    if visitor is not None:
        return RedirectResponse(_after_login(request, visitor.role, next), 303)
    return _page(
        request, next=next, error=LOST if ended == "form" else "", good=GOOD.get(ended, "")
    )


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
        return _page(request, 429, next=next, login=login, error=wait_words(blocked, now))
    if candidate is None or candidate.staff_id is None or candidate.password_hash is None:
        return _page(request, 401, next=next, login=login, error=WRONG)
    if candidate.has_factor:
        ticket = Ticket.issue(
            staff_id=candidate.staff_id, password_hash=candidate.password_hash, now=now
        )
        return _code_page(request, ticket.signed(_key(request)), next=next)
    with db.transaction() as session:
        token = _let_in(request, session, candidate.staff_id, {})
    return entered(request, token, _after_login(request, candidate.role or "", next))


@router.post("/console/login/code")
@router.post("/clerk/login/code")
def second_door(
    request: Request,
    _: MaybeVisitor,
    ticket: Annotated[str, Form(max_length=200)] = "",
    code: Annotated[str, Form(max_length=100)] = "",
    next: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    now = request.app.state.clock()
    try:
        token, role = _pass_second_door(request, ticket, code, now)
    except LoginBlocked as blocked:
        return _code_page(request, ticket, 429, next=next, error=wait_words(blocked, now))
    except TicketRefused:
        return _page(request, 401, next=next, error=TOO_SLOW)
    except WrongCode:
        return _code_page(request, ticket, 401, next=next, error=WRONG_CODE)
    except FactorUnreadable:
        return _code_page(request, ticket, 409, next=next, error=UNREADABLE)
    return entered(request, token, _after_login(request, role, next))


def _pass_second_door(request: Request, ticket: str, code: str, now: datetime) -> tuple[str, str]:
    """Return the token for the cookie, and the role. Raises TicketRefused, LoginBlocked, WrongCode,
    FactorUnreadable."""
    key, address, db = _key(request), security.address(request), request.app.state.db
    given = second_step.opened(ticket, key=key)
    with db.reading() as session:  # an old ticket must not use up the owner's tries
        _role(session, given, now)
    with db.transaction() as session:
        staff.begin_code(session, staff_id=given.staff_id, address=address, now=now)
    with db.transaction() as session:
        role = _role(session, given, now)
        way = staff.accept_code(session, staff_id=given.staff_id, typed=code, key=key, now=now)
        staff.finish_code(session, staff_id=given.staff_id, address=address)
        return _let_in(request, session, given.staff_id, {"second_step": way}), role


def _role(session: Session, given: Ticket, now: datetime) -> str:
    """Of whom the ticket still lets through. Raises TicketRefused."""
    proof = queries.proof_of(session, given.staff_id)
    if proof is None:
        raise TicketRefused
    given.check(proof.password_hash, now=now)
    return proof.role


@router.post("/console/logout")
@router.post("/clerk/logout")
def log_out(request: Request, visitor: MaybeVisitor) -> Response:
    if visitor is not None:
        with request.app.state.db.transaction() as session:
            staff.end_session(session, session_id=visitor.session_id, now=request.app.state.clock())
    response = RedirectResponse(f"{security.area_of(request.url.path)}/login", 303)
    cookies.drop_session(request, response)
    return response


def hashed(password: str) -> str:
    """For a new password; outside of transactions. Raises Invalid."""
    rules.check_password(password)
    with _CHECKING:
        return rules.hash_password(password)


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


def let_in(request: Request, session: Session, staff_id: int) -> str:
    """Open a session for who proved to be this person in another way than by password; return the
    token for the cookie."""
    return _let_in(request, session, staff_id, {"second_step": "link"})


def _let_in(request: Request, session: Session, staff_id: int, how: Mapping[str, str]) -> str:
    now, device = request.app.state.clock(), security.device(request)
    stores = queries.stores_of(session, staff_id)
    last = request.cookies.get(STORE_COOKIE, "")
    store_id = next((store.id for store in stores if store.code == last), None)
    if len(stores) == 1:
        store_id = stores[0].id
    token = staff.open_session(
        session, staff_id=staff_id, device=device, store_id=store_id, now=now
    )
    staff.audit(
        session,
        staff_id=staff_id,
        action="login",
        object=f"staff:{staff_id}",
        after=how or None,
        store_id=store_id,
        device=device,
        now=now,
    )
    return token


def entered(request: Request, token: str, url: str) -> Response:
    response = RedirectResponse(url, 303)
    cookies.set_session(request, response, token)
    return response


def wait_words(blocked: LoginBlocked, now: datetime) -> str:
    return f"嘗試次數過多，請 {pages.show_lasting(blocked.until - now)}後再試。"


def _key(request: Request) -> str:
    return str(request.app.state.settings.secret_key.get_secret_value())


def _page(
    request: Request,
    status: int = 200,
    *,
    next: str = "",
    login: str = "",
    error: str = "",
    good: str = "",
) -> Response:
    area = security.area_of(request.url.path)
    return pages.render(
        request, "login.html", status, area=area, next=next, login=login, error=error, good=good
    )


def _code_page(
    request: Request, ticket: str, status: int = 200, *, next: str, error: str = ""
) -> Response:
    area = security.area_of(request.url.path)
    return pages.render(
        request, "login_code.html", status, area=area, next=next, ticket=ticket, error=error
    )


def _after_login(request: Request, role: str, target: str) -> str:
    """Where they wanted to go, else the half of the house their role works in."""
    serves = rules.is_allowed(role, Permission.SERVE)
    reads = rules.is_allowed(role, Permission.READ_NUMBERS)
    area = security.area_of(request.url.path)
    is_till = not reads or (serves and area == "/clerk")
    return security.safe_next(target, "/clerk" if is_till else "/console")

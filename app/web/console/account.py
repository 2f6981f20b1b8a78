"""/console/account: one's own password, second factor, and the browsers one is logged in with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.core import totp
from app.core.errors import Conflict, Invalid, NotFound
from app.staff import queries
from app.staff import service as staff
from app.staff.queries import PersonKept, SessionShown, Visitor
from app.staff.rules import Permission
from app.staff.service import FactorUnreadable, LoginBlocked, WrongCode
from app.web import login, pages, qr, security
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/account", route_class=StaffRoute)
Self = Annotated[Visitor, Depends(require(Permission.KEEP_ACCOUNT))]
Secret = Annotated[str, Form(max_length=1000)]

NOTICES: Final = {
    "joined": "歡迎加入！建議現在就開啟兩步驟驗證：密碼外洩時，別人也進不來。",
    "password": "密碼已更新，其他裝置都已登出。",
    "ended": "那個裝置已登出。",
    "others": "其他裝置都已登出。",
    "off": "兩步驟驗證已關閉，之後只用密碼登入。",
}


@dataclass(frozen=True, slots=True)
class AccountView:
    person: PersonKept
    sessions: tuple[SessionShown, ...]
    current: int
    codes_left: int
    notice: str
    faults: Mapping[str, str]  # by the form's field


class NotProven(Exception):
    """The present password is wrong, or was tried too often. Says so in words."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@router.get("")
def account(
    request: Request, visitor: Self, notice: Annotated[str, Query(max_length=10)] = ""
) -> Response:
    return _page(request, visitor, notice=NOTICES.get(notice, ""))


def _page(
    request: Request,
    visitor: Visitor,
    status: int = 200,
    *,
    notice: str = "",
    faults: Mapping[str, str] | None = None,
) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        view = AccountView(
            person=queries.person_kept(session, visitor.staff_id, now=now),
            sessions=tuple(queries.sessions_of(session, visitor.staff_id, now=now)),
            current=visitor.session_id,
            codes_left=queries.recovery_codes_left(session, visitor.staff_id),
            notice=notice,
            faults=faults or {},
        )
    return pages.render(request, "console/account.html", status, view=view)


def _prove(request: Request, visitor: Visitor, password: str) -> None:
    """Raises NotProven: who found an open browser must not take the account over."""
    now = request.app.state.clock()
    try:
        found = login.proven(
            request.app.state.db,
            login=visitor.login,
            password=password,
            address=security.address(request),
            now=now,
        )
    except LoginBlocked as blocked:
        raise NotProven(login.wait_words(blocked, now)) from blocked
    if found is None:
        raise NotProven("目前的密碼不正確。")


def _done(notice: str) -> Response:
    return RedirectResponse(f"/console/account?notice={notice}", 303)


def _audit(
    request: Request,
    session: Session,
    visitor: Visitor,
    action: str,
    after: Mapping[str, object] | None = None,
) -> None:
    security.audit(request, session, visitor, action, f"staff:{visitor.staff_id}", after=after)


# The password -------------------------------------------------------------------------------------


@router.post("/password")
def set_password(
    request: Request, visitor: Self, current: Secret = "", new: Secret = "", again: Secret = ""
) -> Response:
    try:
        if new != again:
            return _page(request, visitor, 422, faults={"again": "兩次輸入的新密碼不一樣。"})
        _prove(request, visitor, current)
        password_hash = login.hashed(new)
    except NotProven as refused:
        return _page(request, visitor, 422, faults={"current": refused.words})
    except Invalid:
        return _page(request, visitor, 422, faults={"new": "密碼要 10 到 200 個字元。"})
    with request.app.state.db.transaction() as session:
        staff.set_password_hash(
            session,
            staff_id=visitor.staff_id,
            password_hash=password_hash,
            but_session=visitor.session_id,
            now=request.app.state.clock(),
        )
        _audit(request, session, visitor, "staff.password_set", {"how": "self"})
    return _done("password")


# Browsers -----------------------------------------------------------------------------------------


@router.post("/sessions/others/end")
def end_others(request: Request, visitor: Self) -> Response:
    with request.app.state.db.transaction() as session:
        number = staff.end_sessions_of(
            session,
            staff_id=visitor.staff_id,
            but=visitor.session_id,
            now=request.app.state.clock(),
        )
        _audit(request, session, visitor, "staff.sessions_ended", {"browsers": number})
    return _done("others")


@router.post("/sessions/{session_id}/end")
def end_one(request: Request, visitor: Self, session_id: PathId) -> Response:
    if session_id == visitor.session_id:
        raise Conflict("session", session_id)  # that is logging out, and has its own button
    with request.app.state.db.transaction() as session:
        staff.end_own_session(
            session,
            session_id=session_id,
            staff_id=visitor.staff_id,
            now=request.app.state.clock(),
        )
        _audit(request, session, visitor, "staff.sessions_ended", {"browsers": 1})
    return _done("ended")


# The second factor --------------------------------------------------------------------------------


@router.post("/second/begin")
def begin_second(request: Request, visitor: Self, password: Secret = "") -> Response:
    try:
        _prove(request, visitor, password)
    except NotProven as refused:
        return _page(request, visitor, 422, faults={"password": refused.words})
    with request.app.state.db.transaction() as session:
        staff.offer_factor(
            session,
            staff_id=visitor.staff_id,
            key=_key(request),
            now=request.app.state.clock(),
        )
    return RedirectResponse("/console/account/second", 303)


@router.get("/second")
def second(request: Request, visitor: Self) -> Response:
    return _offer_page(request, visitor)


def _offer_page(request: Request, visitor: Visitor, fault: str = "") -> Response:
    try:
        with request.app.state.db.reading() as session:
            secret = staff.offered_secret(
                session,
                staff_id=visitor.staff_id,
                key=_key(request),
                now=request.app.state.clock(),
            )
    except FactorUnreadable:
        secret = None
    if secret is None:
        return RedirectResponse("/console/account", 303)
    address = totp.address(
        secret, issuer=request.app.state.settings.brand_name, account=visitor.login
    )
    return pages.render(
        request,
        "console/second.html",
        422 if fault else 200,
        picture=qr.picture(address),
        address=address,
        spelled=totp.spelled(secret),
        fault=fault,
    )


@router.post("/second")
def confirm_second(
    request: Request, visitor: Self, code: Annotated[str, Form(max_length=20)] = ""
) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            codes = staff.confirm_factor(
                session,
                staff_id=visitor.staff_id,
                typed=code,
                key=_key(request),
                now=request.app.state.clock(),
            )
            _audit(request, session, visitor, "staff.second_on")
    except WrongCode:
        words = "驗證碼不正確。請輸入手機上現在的 6 位數字；手機的時間要設成自動。"
        return _offer_page(request, visitor, words)
    except (NotFound, FactorUnreadable):
        return RedirectResponse("/console/account", 303)
    return pages.render(request, "console/recovery.html", codes=codes, is_new=True)


@router.post("/second/recovery")
def new_codes(request: Request, visitor: Self, password: Secret = "") -> Response:
    try:
        _prove(request, visitor, password)
    except NotProven as refused:
        return _page(request, visitor, 422, faults={"password": refused.words})
    with request.app.state.db.transaction() as session:
        codes = staff.new_recovery_codes(session, staff_id=visitor.staff_id, key=_key(request))
        _audit(request, session, visitor, "staff.recovery_codes_made")
    return pages.render(request, "console/recovery.html", codes=codes, is_new=False)


@router.post("/second/off")
def second_off(request: Request, visitor: Self, password: Secret = "") -> Response:
    try:
        _prove(request, visitor, password)
    except NotProven as refused:
        return _page(request, visitor, 422, faults={"password": refused.words})
    with request.app.state.db.transaction() as session:
        staff.drop_factor(session, staff_id=visitor.staff_id)
        _audit(request, session, visitor, "staff.second_off", {"how": "self"})
    return _done("off")


def _key(request: Request) -> str:
    return str(request.app.state.settings.secret_key.get_secret_value())

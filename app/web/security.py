"""Who may enter a page: sessions in cookies, permissions, and proof that a form is our own.

Every route of the staff pages declares a guard, `require(Permission.X)` or `anyone`; a route
without one stops the start of the program (`check_guarded`).
"""

import hmac
from collections.abc import Callable, Coroutine, Iterable
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse

from app.core.errors import Conflict, DomainError, Invalid, NotFound
from app.programmes.queries import NoProgramme
from app.staff import queries, rules
from app.staff import service as staff
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import cookies, pages

NO_PROGRAMME: Final = "還沒有會員制度，請負責人先到「設定導覽」選一個範本。"
NOT_NOW: Final = "目前的狀態不能這樣做，請重新整理後再看一次。"
MALFORMED: Final = "網址或欄位的內容不正確。"
UNSTORABLE: Final = "送出的內容含有看不見的控制字元，無法處理。請刪掉後重新輸入。"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_TOKEN: Final = "form_token"  # noqa: S105  # the name of a form field
FORM_TOKEN_HEADER: Final = "x-form-token"  # noqa: S105  # the name of a header

# Sent by a page that refreshes itself: nobody sits there, so it does not keep a session alive.
BACKGROUND_HEADER: Final = "x-background"


class LoginNeeded(Exception):
    pass


class StoreNeeded(Exception):
    """A till stands in a store: choose one first."""


class NotAllowed(Exception):
    def __init__(self, visitor: Visitor) -> None:
        super().__init__(f"{visitor.login} ({visitor.role})")
        self.visitor = visitor


class ForeignForm(Exception):
    """The form was not sent by a page of ours, or is of another session."""


class Unstorable(Invalid):
    """Something sent holds a character that no database can keep."""


def device(request: Request) -> str:
    return request.headers.get("user-agent", "")[: staff.DEVICE_LENGTH]


def audit(
    request: Request,
    session: Session,
    visitor: Visitor,
    action: str,
    object: str,
    *,
    before: Any = None,
    after: Any = None,
) -> None:
    """Write down what the visitor did, in the transaction that did it: `staff.service.audit`."""
    staff.audit(
        session,
        staff_id=visitor.staff_id,
        action=action,
        object=object,
        before=before,
        after=after,
        store_id=visitor.store_id,
        device=device(request),
        now=request.app.state.clock(),
    )


def address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


# Guards ------------------------------------------------------------------------------------------


class Guard:
    """A dependency that lets in who holds the permission. Forms must also prove their origin."""

    def __init__(self, permission: Permission, *, needs_store: bool = False) -> None:
        self.permission, self._needs_store = permission, needs_store

    async def __call__(self, request: Request) -> Visitor:
        visitor = await run_in_threadpool(visitor_of, request)
        if visitor is None:
            raise LoginNeeded
        request.state.visitor = visitor
        if not visitor.may(self.permission):
            raise NotAllowed(visitor)
        if request.method not in SAFE_METHODS:
            check_origin(request)
            await _check_form_token(request)
        if self._needs_store and visitor.store_id is None:
            raise StoreNeeded
        return visitor


class Anyone:
    """A dependency that lets everybody in and still refuses forms from other sites."""

    async def __call__(self, request: Request) -> Visitor | None:
        visitor = await run_in_threadpool(visitor_of, request)
        request.state.visitor = visitor
        if request.method not in SAFE_METHODS:
            check_origin(request)
        return visitor


anyone = Anyone()
MaybeVisitor = Annotated[Visitor | None, Depends(anyone)]


def require(permission: Permission, *, needs_store: bool = False) -> Guard:
    return Guard(permission, needs_store=needs_store)


def visitor_of(request: Request) -> Visitor | None:
    token = request.cookies.get(cookies.name(request))
    if not token:
        return None
    db, now = request.app.state.db, request.app.state.clock()
    with db.reading() as session:
        visitor = queries.visitor(session, token, now=now)
    is_person = BACKGROUND_HEADER not in request.headers
    if visitor is not None and is_person and now - visitor.seen_at >= rules.SEEN_EVERY:
        with db.transaction() as session:
            staff.saw(session, session_id=visitor.session_id, now=now)
    return visitor


def check_origin(request: Request) -> None:
    """Raises ForeignForm unless the browser vouches that a page of ours sent this."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise ForeignForm
        return
    origin = request.headers.get("origin")
    if origin is None or not _is_ours(request, origin):
        raise ForeignForm


def _is_ours(request: Request, origin: str) -> bool:
    public = urlsplit(request.app.state.settings.public_base_url)
    return origin in {
        f"{public.scheme}://{public.netloc}",
        f"{request.url.scheme}://{request.headers.get('host', '')}",
    }


async def _check_form_token(request: Request) -> None:
    sent = request.headers.get(FORM_TOKEN_HEADER)
    if sent is None and is_form(request):
        field = (await request.form()).get(FORM_TOKEN)
        sent = field if isinstance(field, str) else None
    if not sent or not hmac.compare_digest(sent.encode(), cookies.form_token(request).encode()):
        raise ForeignForm


def is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in {"application/x-www-form-urlencoded", "multipart/form-data"}


def check_guarded(routers: Iterable[APIRouter]) -> None:
    """Raises RuntimeError naming the first route that does not say who may enter."""
    for router in routers:
        for route in router.routes:
            if guard_of(route) is None:
                raise RuntimeError(f"{getattr(route, 'path', route)} declares no guard")


def guard_of(route: object) -> Guard | Anyone | None:
    if not isinstance(route, APIRoute):
        return None
    for dependency in route.dependant.dependencies:
        if isinstance(dependency.call, Guard | Anyone):
            return dependency.call
    return None


# Refusals ----------------------------------------------------------------------------------------


class StaffRoute(APIRoute):
    """Turns refusals into pages (JSON for our own scripts), for staff routes only.

    `judged` are fields whose page has a sentence of its own for what no database can keep."""

    judged: ClassVar[frozenset[str]] = frozenset()

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_refusals(request: Request) -> Response:
            try:
                await _check_storable(request, self.judged)
                return await handle(request)
            except LoginNeeded:
                return _to_login(request)
            except StoreNeeded:
                return _redirect_or_status(request, "/clerk/store", 409)
            except NotAllowed:
                return refusal(request, 403, "您的帳號不能使用這個頁面。")
            except ForeignForm:
                return refusal(request, 403, "這個表單已經過期，請重新整理頁面後再送出一次。")
            except NotFound:
                return refusal(request, 404, "找不到這筆資料，可能已經被移除。")
            except (Invalid, RequestValidationError) as error:
                is_unstorable = isinstance(error, Unstorable)
                return refusal(request, 422, UNSTORABLE if is_unstorable else MALFORMED)
            except Conflict:
                return refusal(request, 409, "同一個編號已經用在另一筆資料上。")
            except DomainError as error:
                is_new_brand = isinstance(error, NoProgramme)
                return refusal(request, 409, NO_PROGRAMME if is_new_brand else NOT_NOW)

        return handle_refusals


async def _check_storable(request: Request, judged: frozenset[str]) -> None:
    """Raises Unstorable for a text in the address or the form that PostgreSQL does not take (a NUL,
    half a character), so that no page has to think of it."""
    texts = [request.url.path, request.scope["path"]]
    texts += [text for pair in request.query_params.multi_items() for text in pair]
    if request.method not in SAFE_METHODS and is_form(request):
        for name, value in (await request.form()).multi_items():
            text = value if isinstance(value, str) else value.filename or ""
            texts += [name] if name in judged else [name, text]
    if not all(map(_is_storable, texts)):
        raise Unstorable("request", "holds characters that cannot be kept")


def _is_storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def refusal(request: Request, status: int, sentence: str) -> Response:
    if wants_json(request):
        return JSONResponse({"error": sentence}, status)
    return pages.render(request, "refusal.html", status, sentence=sentence, status=status)


def _to_login(request: Request) -> Response:
    area = area_of(request.url.path)
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    is_reading = request.method in SAFE_METHODS
    login = pages.with_query(
        f"{area}/login",
        next=target if is_reading and request.url.path != area else None,
        ended=None if is_reading else "form",
    )
    return _redirect_or_status(request, login, 401)


def _redirect_or_status(request: Request, url: str, status: int) -> Response:
    if wants_json(request):
        return JSONResponse({"error": "請重新登入。", "url": url}, status)
    return RedirectResponse(url, 303)


def area_of(path: str) -> str:
    return "/clerk" if path == "/clerk" or path.startswith("/clerk/") else "/console"


def safe_next(target: str | None, default: str) -> str:
    """A path of the staff pages to go on to; anything else gives the default."""
    if not target or not target.startswith(("/console", "/clerk")) or "\\" in target:
        return default
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or any(ord(sign) < 32 for sign in target):
        return default
    return target

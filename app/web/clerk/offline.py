"""/clerk/offline: the till while the network is lost. The page, what it needs to open without
network, and where its sales come in when there is one again."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse

from app.checkouts.service import Checkout
from app.core.clock import taipei_date
from app.core.errors import DomainError
from app.core.text import show_date
from app.offline import service as offline
from app.offline.rules import Entry, Limits
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.staff.service import LoginBlocked
from app.web import cookies, pages, security
from app.web.clerk import refusals
from app.web.clerk.today import NOT_APPROVED, approver_of
from app.web.login import wait_words
from app.web.security import MaybeVisitor, StaffRoute, require

router = APIRouter(prefix="/clerk", route_class=StaffRoute)
Server = Annotated[Visitor, Depends(require(Permission.SERVE, needs_store=True))]
WORKER: Final = Path(__file__).with_name("worker.js")
PAGE: Final = "/clerk/offline"
# All that the page loads; it must come up whole without network.
_ASSETS: Final = (
    "css/base.css",
    "css/clerk.css",
    "icon.svg",
    "js/theme.js",
    "js/queue.js",
    "js/offline.js",
)


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Sale(Body):
    id: Annotated[str, Field(max_length=80)]
    code: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
    amount: Annotated[int, Field(ge=-(2**31), lt=2**31)]
    at: AwareDatetime
    store_id: Annotated[int, Field(ge=1, lt=2**31)]
    typed_by: Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class Dismissal(Body):
    """A refused sale that a manager looked at."""

    id: Annotated[str, Field(max_length=80, pattern=r"^[0-9A-Za-z-]+$")]
    amount: Annotated[int, Field(ge=-(2**31), lt=2**31)]
    at: AwareDatetime
    reason: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    login: Annotated[str, Field(max_length=100)] = ""
    password: Annotated[str, Field(max_length=1000)] = ""


@router.get("/offline")
def page(request: Request, _: MaybeVisitor) -> Response:
    """Holds nothing of anybody, so that a browser may keep it."""
    return pages.render(request, "clerk/offline.html")


@router.get("/worker.js")
def worker(request: Request, _: MaybeVisitor) -> Response:
    """The service worker, for /clerk only. A change of any asset is a new worker."""
    kept = [PAGE, *(pages.asset(path) for path in _ASSETS)]
    head = f"const VERSION = {_js(pages.version())};\nconst KEPT = {_js(kept)};\n"
    return Response(
        head + WORKER.read_text("utf-8"),
        media_type="text/javascript",
        headers={"service-worker-allowed": "/clerk"},
    )


def _js(value: Any) -> str:
    return orjson.dumps(value).decode()


@router.get("/offline/settings")
def settings(request: Request, visitor: Server) -> Response:
    """What the page must know to keep sales, and the token to send them with."""
    limits = limits_of(request)
    return JSONResponse(
        {
            "token": cookies.form_token(request),
            "now": request.app.state.clock().timestamp(),
            "store": {"id": visitor.store_id, "name": visitor.store_name},
            "login": visitor.login,
            "limits": {"sale": limits.sale, "sales": limits.sales, "amount": limits.amount},
        }
    )


@router.post("/offline/sales")
def take_in(request: Request, visitor: Server, sale: Sale) -> Response:
    """One sale of the page. 200: it is recorded, now or before. 409 with `is_refused`: it stays on
    the page with the reason. Anything else: it goes on waiting."""
    if sale.store_id != visitor.store_id:
        return JSONResponse({"error": "這筆是在別家門市輸入的，請先換回那家門市再送出。"}, 409)
    entry = Entry(sale.id, sale.code, sale.amount, sale.at, sale.store_id, sale.typed_by)
    now = request.app.state.clock()
    try:
        done = request.app.state.db.carried_out(
            lambda session: _take_in(request, session, visitor, entry, now)
        )
    except DomainError as refused:
        sentence = refusals.sentence(refused)
        with request.app.state.db.transaction() as session:
            after = _noted(entry) | {"reason": sentence}
            security.audit(
                request, session, visitor, "offline.refused", _object(entry.id), after=after
            )
        return JSONResponse({"error": sentence, "is_refused": True}, 409)
    return JSONResponse({"is_new": done.is_new, "earned": done.facts["points"]["earned"]})


def _take_in(
    request: Request, session: Session, visitor: Visitor, entry: Entry, now: datetime
) -> Checkout:
    done = offline.take_in(
        session,
        entry=entry,
        staff_id=visitor.staff_id,
        limits=limits_of(request),
        now=now,
        theme=request.app.state.settings.theme,
    )
    if done.is_new:
        target = f"purchase:{done.purchase_id}"
        after = _noted(entry)
        security.audit(request, session, visitor, "offline.recorded", target, after=after)
    return done


@router.post("/offline/dismissals")
def dismiss(request: Request, visitor: Server, dismissal: Dismissal) -> Response:
    """A manager looked at a refused sale; the page may forget it."""
    try:
        approver = approver_of(request, visitor, dismissal.login, dismissal.password)
    except LoginBlocked as blocked:
        return JSONResponse({"error": wait_words(blocked, request.app.state.clock())}, 409)
    if approver is None:
        return JSONResponse({"error": NOT_APPROVED.replace("核准退款", "處理這筆")}, 409)
    after = {
        "amount": dismissal.amount,
        "at": dismissal.at.isoformat(),
        "reason": dismissal.reason,
        "approved_by": approver,
    }
    with request.app.state.db.transaction() as session:
        security.audit(
            request, session, visitor, "offline.dismissed", _object(dismissal.id), after=after
        )
    return JSONResponse({"done": True})


def limits_of(request: Request) -> Limits:
    settings = request.app.state.settings
    return Limits(
        sale=settings.offline_sale_max,
        sales=settings.offline_sales,
        amount=settings.offline_amount,
        lasts=settings.offline_lasts,
    )


def _object(entry_id: str) -> str:
    return f"offline:{entry_id}"[:100]


def _noted(entry: Entry) -> dict[str, Any]:
    """For the audit: not whose number it was, which the sale itself says where there is one."""
    on = show_date(taipei_date(entry.at))
    return {"amount": entry.amount, "day": on, "typed_by": entry.typed_by}

"""/clerk/store: which store this till stands in; remembered by the session and the device."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from app.staff import queries
from app.staff import service as staff
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.staff.service import WrongStore
from app.web import pages, security
from app.web.login import STORE_COOKIE
from app.web.params import FormId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/clerk/store", route_class=StaffRoute)
Server = Annotated[Visitor, Depends(require(Permission.SERVE))]
YEAR = 365 * 24 * 3600


@router.get("")
def stores(request: Request, visitor: Server) -> Response:
    with request.app.state.db.reading() as session:
        choices = queries.stores_of(session, visitor.staff_id)
    return pages.render(request, "clerk/store.html", stores=choices)


@router.post("")
def choose(request: Request, visitor: Server, store_id: FormId) -> Response:
    with request.app.state.db.transaction() as session:
        choices = queries.stores_of(session, visitor.staff_id)
        chosen = next((store for store in choices if store.id == store_id), None)
        if chosen is None:
            raise WrongStore(store_id)
        staff.choose_store(
            session,
            session_id=visitor.session_id,
            staff_id=visitor.staff_id,
            store_id=store_id,
        )
        staff.audit(
            session,
            staff_id=visitor.staff_id,
            action="store.chosen",
            object=f"store:{store_id}",
            store_id=store_id,
            device=security.device(request),
            now=request.app.state.clock(),
        )
    response = RedirectResponse("/clerk", 303)
    response.set_cookie(
        STORE_COOKIE,
        chosen.code,
        max_age=YEAR,
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.app.state.settings.cookies_are_secure,
    )
    return response

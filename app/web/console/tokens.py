"""/console/tokens: keys for tills, shops and programs that ask the REST interface."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from starlette.responses import RedirectResponse

from app.core.errors import Invalid, NotFound
from app.staff import queries
from app.staff import service as staff
from app.staff.queries import Visitor
from app.staff.rules import SCOPES, Permission
from app.web import pages, security
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/tokens", route_class=StaffRoute)
Keeper = Annotated[Visitor, Depends(require(Permission.MANAGE_TOKENS))]
Short = Annotated[str, Form(max_length=100)]

NOTICES: Final = {
    "revoked": (True, "已停用，最慢 5 秒後打不開任何資料。"),
    "late": (False, "這個權杖早就停用了。"),
}


@router.get("")
def tokens(
    request: Request, _: Keeper, notice: Annotated[str, Query(max_length=10)] = ""
) -> Response:
    return _list(request, notice=NOTICES.get(notice))


def _list(
    request: Request,
    status: int = 200,
    *,
    new: str = "",
    name: str = "",
    role: str = "pos",
    faults: Mapping[str, str] | None = None,
    notice: tuple[bool, str] | None = None,
) -> Response:
    with request.app.state.db.reading() as session:
        found = queries.tokens(session)
    return pages.render(
        request,
        "console/tokens.html",
        status,
        tokens=sorted(found, key=lambda token: (token.revoked_at is not None, -token.id)),
        roles=tuple(SCOPES),
        new=new,
        name=name,
        role=role,
        faults=faults or {},
        notice=notice,
    )


@router.post("")
def make(request: Request, visitor: Keeper, name: Short = "", role: Short = "") -> Response:
    """The token is on this one answer and nowhere else."""
    try:
        with request.app.state.db.transaction() as session:
            token = staff.create_token(session, name=name, role=role, now=request.app.state.clock())
            made = queries.machine(session, token)
            target = f"token:{made.id if made else ''}"
            after = {"name": name, "role": role}
            security.audit(request, session, visitor, "token.made", target, after=after)
    except Invalid as wrong:
        words = {"name": "請填寫給誰用，1 到 50 個字。", "role": "請選一種用途。"}
        faults = {wrong.field: words.get(wrong.field, wrong.reason)}
        return _list(request, 422, name=name, role=role, faults=faults)
    return _list(request, new=token)


@router.post("/{token_id}/revoke")
def revoke(request: Request, visitor: Keeper, token_id: PathId) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            staff.revoke_token(session, token_id=token_id, now=request.app.state.clock())
            security.audit(request, session, visitor, "token.revoked", f"token:{token_id}")
    except NotFound:
        return RedirectResponse("/console/tokens?notice=late", 303)
    return RedirectResponse("/console/tokens?notice=revoked", 303)

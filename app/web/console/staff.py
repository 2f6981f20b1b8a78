"""/console/staff: who may enter, what they may, and letting somebody in by a link that is handed
over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.core import ids
from app.core.errors import Invalid, NotFound
from app.staff import queries, rules
from app.staff import service as staff
from app.staff.queries import LinkShown, PersonKept, StoreShown, Visitor
from app.staff.rules import Permission, Role
from app.staff.service import LastOwner, OwnAccount
from app.web import pages, qr, security
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/staff", route_class=StaffRoute)
Keeper = Annotated[Visitor, Depends(require(Permission.MANAGE_STAFF))]
Short = Annotated[str, Form(max_length=100)]
Notice = Annotated[str, Query(max_length=10)]

NOTICES: Final = {
    "changed": (True, "已儲存，下一次按任何按鈕就生效。"),
    "off": (True, "已停用，所有裝置都已登出。"),
    "on": (True, "已恢復，用原本的密碼登入。"),
    "second": (True, "兩步驟驗證已重設，所有裝置都已登出；請本人登入後重新開啟。"),
    "ended": (True, "所有裝置都已登出。"),
    "revoked": (True, "連結已收回。"),
    "own": (False, "自己的角色、停用與重設要由另一位負責人處理。"),
    "last": (False, "這是最後一位負責人。請先讓另一位同仁當負責人。"),
    "late": (False, "這一步已經做過，沒有再做一次。"),
    "field": (False, "沒有這個角色或門市，請重新選擇。"),
}


@dataclass(frozen=True, slots=True)
class Invitation:
    """As typed."""

    name: str = ""
    role: str = Role.CLERK
    store: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StaffView:
    people: Sequence[PersonKept]
    links: Sequence[LinkShown]
    stores: Sequence[StoreShown]
    invitation: Invitation
    notice: tuple[bool, str] | None


@router.get("")
def people(request: Request, _: Keeper, notice: Notice = "") -> Response:
    return _list(request, notice=NOTICES.get(notice))


def _list(
    request: Request,
    status: int = 200,
    *,
    invitation: Invitation | None = None,
    notice: tuple[bool, str] | None = None,
) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        view = StaffView(
            people=queries.people_kept(session, now=now),
            links=queries.open_links(session, now=now),
            stores=queries.open_stores(session),
            invitation=invitation or Invitation(),
            notice=notice,
        )
    return pages.render(request, "console/staff.html", status, view=view, tied=rules.TIED_TO_STORES)


# Links --------------------------------------------------------------------------------------------


@router.post("/invite")
def invite(
    request: Request, visitor: Keeper, name: Short = "", role: Short = "", store: Short = ""
) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            store_id = _store_id(session, store)
            token = staff.invite(
                session,
                name=name,
                role=role,
                store_id=store_id,
                made_by=visitor.staff_id,
                now=request.app.state.clock(),
            )
            after = {"name": name, "role": role, "store": _store_name(session, role, store_id)}
            security.audit(request, session, visitor, "staff.invited", "staff:", after=after)
    except Invalid as wrong:
        words = {
            "name": "請填寫要給誰，1 到 50 個字。",
            "role": "請選一個角色。",
            "store": "沒有這家門市，或已經結束營業。",
        }
        faults = {wrong.field: words.get(wrong.field, wrong.reason)}
        return _list(request, 422, invitation=Invitation(name, role, store, faults))
    return _link_page(request, token)


@router.post("/links/{link_id}/revoke")
def revoke(request: Request, visitor: Keeper, link_id: PathId) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            staff.revoke_link(session, link_id=link_id, now=request.app.state.clock())
            security.audit(request, session, visitor, "staff.link_revoked", f"link:{link_id}")
    except NotFound:
        return RedirectResponse("/console/staff?notice=late", 303)
    return RedirectResponse("/console/staff?notice=revoked", 303)


def _link_page(request: Request, token: str) -> Response:
    """The link, this once: the database holds its digest only."""
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        link = queries.link_by_token(session, token, now=now)
    if link is None:  # taken back by somebody else meanwhile
        return RedirectResponse("/console/staff?notice=late", 303)
    address = f"{request.app.state.settings.public_base_url.rstrip('/')}/console/link/{token}"
    return pages.render(
        request, "console/staff_link.html", link=link, address=address, picture=qr.picture(address)
    )


def _store_id(session: Session, typed: str) -> int | None:
    """Empty for every store. Raises Invalid."""
    if not typed:
        return None
    wanted = ids.id_typed(typed)
    if wanted not in {store.id for store in queries.open_stores(session)}:
        raise Invalid("store", "is not open")
    return wanted


def _store_name(session: Session, role: str, store_id: int | None) -> str | None:
    home = rules.home_store(role, store_id)
    return None if home is None else queries.kept_store(session, home).store.name


# One person ---------------------------------------------------------------------------------------


@router.get("/{staff_id}")
def person(request: Request, visitor: Keeper, staff_id: PathId, notice: Notice = "") -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        found = queries.person_kept(session, staff_id, now=now)
        stores = queries.open_stores(session)
    return pages.render(
        request,
        "console/staff_person.html",
        person=found,
        stores=stores,
        is_me=found.id == visitor.staff_id,
        notice=NOTICES.get(notice),
        tied=rules.TIED_TO_STORES,
    )


def _back(staff_id: int, notice: str) -> Response:
    return RedirectResponse(f"/console/staff/{staff_id}?notice={notice}", 303)


@router.post("/{staff_id}")
def change(
    request: Request, visitor: Keeper, staff_id: PathId, role: Short = "", store: Short = ""
) -> Response:
    now = request.app.state.clock()
    try:
        with request.app.state.db.transaction() as session:
            before = queries.person_kept(session, staff_id, now=now)
            staff.change(
                session,
                staff_id=staff_id,
                role=role,
                # Kept although closed since: saving another role must not open every store.
                store_id=before.store_id
                if store == str(before.store_id)
                else _store_id(session, store),
                by=visitor.staff_id,
            )
            after = queries.person_kept(session, staff_id, now=now)
            if (before.role, before.store_id) != (after.role, after.store_id):
                security.audit(
                    request,
                    session,
                    visitor,
                    "staff.changed",
                    f"staff:{staff_id}",
                    before=_may(before),
                    after=_may(after),
                )
    except Invalid:
        return _back(staff_id, "field")
    except OwnAccount:
        return _back(staff_id, "own")
    except LastOwner:
        return _back(staff_id, "last")
    return _back(staff_id, "changed")


def _may(person: PersonKept) -> dict[str, object]:
    return {"role": person.role, "store": person.store_name}


@router.post("/{staff_id}/off")
def switch_off(request: Request, visitor: Keeper, staff_id: PathId) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            staff.deactivate(
                session,
                staff_id=staff_id,
                by=visitor.staff_id,
                now=request.app.state.clock(),
            )
            _audit(request, session, visitor, staff_id, "staff.deactivated")
    except OwnAccount:
        return _back(staff_id, "own")
    except LastOwner:
        return _back(staff_id, "last")
    except NotFound:
        return _back(staff_id, "late")
    return _back(staff_id, "off")


@router.post("/{staff_id}/on")
def switch_on(request: Request, visitor: Keeper, staff_id: PathId) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            staff.activate(session, staff_id=staff_id)
            _audit(request, session, visitor, staff_id, "staff.activated")
    except NotFound:
        return _back(staff_id, "late")
    return _back(staff_id, "on")


@router.post("/{staff_id}/password")
def offer_password(request: Request, visitor: Keeper, staff_id: PathId) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            token = staff.offer_password(
                session,
                staff_id=staff_id,
                made_by=visitor.staff_id,
                now=request.app.state.clock(),
            )
            _audit(request, session, visitor, staff_id, "staff.password_offered")
    except OwnAccount:
        return _back(staff_id, "own")
    except NotFound:
        return _back(staff_id, "late")
    return _link_page(request, token)


@router.post("/{staff_id}/second")
def reset_second(request: Request, visitor: Keeper, staff_id: PathId) -> Response:
    """They lost the phone, or somebody else has it: every browser is logged out, too."""
    if staff_id == visitor.staff_id:
        return _back(staff_id, "own")
    try:
        with request.app.state.db.transaction() as session:
            staff.drop_factor(session, staff_id=staff_id)
            staff.end_sessions_of(session, staff_id=staff_id, now=request.app.state.clock())
            _audit(request, session, visitor, staff_id, "staff.second_off")
    except NotFound:
        return _back(staff_id, "late")
    return _back(staff_id, "second")


@router.post("/{staff_id}/sessions/end")
def end_sessions(request: Request, visitor: Keeper, staff_id: PathId) -> Response:
    if staff_id == visitor.staff_id:
        return _back(staff_id, "own")
    with request.app.state.db.transaction() as session:
        now = request.app.state.clock()
        number = staff.end_sessions_of(session, staff_id=staff_id, now=now)
        security.audit(
            request,
            session,
            visitor,
            "staff.sessions_ended",
            f"staff:{staff_id}",
            after={"browsers": number},
        )
    return _back(staff_id, "ended")


def _audit(
    request: Request, session: Session, visitor: Visitor, staff_id: int, action: str
) -> None:
    security.audit(request, session, visitor, action, f"staff:{staff_id}")

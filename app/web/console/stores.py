"""/console/stores: the shops, as members and tills know them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from starlette.responses import RedirectResponse

from app.core.errors import Conflict, NotFound
from app.core.text import CITIES
from app.staff import queries, rules
from app.staff import service as staff
from app.staff.queries import StoreShown, Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/stores", route_class=StaffRoute)
Keeper = Annotated[Visitor, Depends(require(Permission.MANAGE_STORES))]
Words = Annotated[str, Form(max_length=400)]
Notice = Annotated[str, Query(max_length=10)]

NOTICES: Final = {
    "made": (True, "門市已新增。"),
    "changed": (True, "已儲存。"),
    "closed": (True, "已結束營業：不能再選這家門市，過去的消費都保留。"),
    "opened": (True, "已恢復營業。"),
    "late": (False, "這一步已經做過，沒有再做一次。"),
}
LENGTHS: Final = {"address": 200, "phone": 20, "hours": 100}
_FIELDS: Final = {"address": "地址", "phone": "電話", "hours": "營業時間"}


@dataclass(frozen=True, slots=True)
class Typed:
    """A store as typed."""

    code: str = ""
    name: str = ""
    city: str = ""
    address: str = ""
    phone: str = ""
    hours: str = ""

    def faults(self) -> dict[str, str]:
        """By field; empty when everything is well."""
        found = {}
        if not rules.is_store_code(self.code):
            found["code"] = "代碼要 1 到 20 個英文字母、數字或 . _ : / -，以字母或數字開頭。"
        if not 1 <= len(" ".join(self.name.split())) <= rules.LONGEST_NAME:
            found["name"] = "名稱要 1 到 50 個字。"
        if self.city and self.city not in CITIES:
            found["city"] = "請從清單選一個縣市。"
        for name, longest in LENGTHS.items():
            if len(getattr(self, name).strip()) > longest:
                found[name] = f"{_FIELDS[name]}最多 {longest} 個字。"
        return found

    def kept(self) -> dict[str, str | None]:
        """What is stored beside code and name; empty fields as nothing."""
        return {
            name: getattr(self, name).strip() or None
            for name in ("city", "address", "phone", "hours")
        }


def typed(
    code: Words = "",
    name: Words = "",
    city: Words = "",
    address: Words = "",
    phone: Words = "",
    hours: Words = "",
) -> Typed:
    return Typed(code.strip(), name, city, address, phone, hours)


Filled = Annotated[Typed, Depends(typed)]


@router.get("")
def stores(request: Request, _: Keeper, notice: Notice = "") -> Response:
    return _list(request, Typed(), {}, notice=NOTICES.get(notice))


def _list(
    request: Request,
    shown: Typed,
    faults: Mapping[str, str],
    status: int = 200,
    *,
    notice: tuple[bool, str] | None = None,
) -> Response:
    with request.app.state.db.reading() as session:
        kept = queries.all_stores(session)
    return pages.render(
        request,
        "console/stores.html",
        status,
        stores=kept,
        store=shown,
        faults=faults,
        cities=CITIES,
        notice=notice,
    )


@router.post("")
def make(request: Request, visitor: Keeper, store: Filled) -> Response:
    if faults := store.faults():
        return _list(request, store, faults, 422)
    try:
        with request.app.state.db.transaction() as session:
            store_id = staff.create_store(session, code=store.code, name=store.name, **store.kept())
            after = {"code": store.code, "name": store.name, **store.kept()}
            target = f"store:{store_id}"
            security.audit(request, session, visitor, "store.made", target, after=after)
    except Conflict:
        faults = {"code": "已經有門市用這個代碼。"}
        return _list(request, store, faults, 409)
    return RedirectResponse("/console/stores?notice=made", 303)


@router.get("/{store_id}")
def one(request: Request, _: Keeper, store_id: PathId, notice: Notice = "") -> Response:
    return _one(request, store_id, notice=NOTICES.get(notice))


def _one(
    request: Request,
    store_id: int,
    shown: Typed | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    *,
    notice: tuple[bool, str] | None = None,
) -> Response:
    with request.app.state.db.reading() as session:
        kept = queries.kept_store(session, store_id)
    return pages.render(
        request,
        "console/store.html",
        status,
        kept=kept,
        store=shown or _typed_as(kept.store),
        faults=faults or {},
        cities=CITIES,
        notice=notice,
    )


def _typed_as(store: StoreShown) -> Typed:
    return Typed(
        store.code,
        store.name,
        store.city or "",
        store.address or "",
        store.phone or "",
        store.hours or "",
    )


@router.post("/{store_id}")
def change(request: Request, visitor: Keeper, store_id: PathId, store: Filled) -> Response:
    """Everything but the code."""
    with request.app.state.db.transaction() as session:
        before = queries.kept_store(session, store_id).store
        store = replace(store, code=before.code)
        faults = store.faults()
        if store.city == before.city:
            faults.pop("city", None)  # brought in by command, in words of its own
        if not faults:
            staff.change_store(session, store_id=store_id, name=store.name, **store.kept())
            after = queries.kept_store(session, store_id).store
            security.audit(
                request,
                session,
                visitor,
                "store.changed",
                f"store:{store_id}",
                **_difference(before, after),
            )
    if faults:
        return _one(request, store_id, store, faults, 422)
    return RedirectResponse(f"/console/stores/{store_id}?notice=changed", 303)


def _difference(before: StoreShown, after: StoreShown) -> dict[str, dict[str, str | None]]:
    names = [
        name
        for name in ("name", "city", "address", "phone", "hours")
        if getattr(before, name) != getattr(after, name)
    ]
    return {
        "before": {name: getattr(before, name) for name in names},
        "after": {name: getattr(after, name) for name in names},
    }


@router.post("/{store_id}/close")
def close(request: Request, visitor: Keeper, store_id: PathId) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            staff.close_store(session, store_id=store_id)
            security.audit(request, session, visitor, "store.closed", f"store:{store_id}")
    except NotFound:
        return RedirectResponse(f"/console/stores/{store_id}?notice=late", 303)
    return RedirectResponse(f"/console/stores/{store_id}?notice=closed", 303)


@router.post("/{store_id}/open")
def reopen(request: Request, visitor: Keeper, store_id: PathId) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            staff.open_store(session, store_id=store_id)
            security.audit(request, session, visitor, "store.opened", f"store:{store_id}")
    except NotFound:
        return RedirectResponse(f"/console/stores/{store_id}?notice=late", 303)
    return RedirectResponse(f"/console/stores/{store_id}?notice=opened", 303)

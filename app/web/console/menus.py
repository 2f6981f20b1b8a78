"""/console/menus: draw the menus below the chat, say who sees which, publish, go back."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse

from app.core import ids
from app.core.clock import taipei_date
from app.core.errors import Invalid, NotFound
from app.programmes import queries as programmes
from app.programmes.queries import NoProgramme
from app.richmenus import pictures, queries, service
from app.richmenus.models import FAILED, LIVE, MAKING
from app.richmenus.queries import MenuShown, VersionShown
from app.richmenus.rules import audiences, document, layouts
from app.richmenus.rules.audiences import Special
from app.richmenus.rules.design import HEIGHTS, ICONS, KINDS, LINK, SAY, SIZES, TAB, WIDTH, Design
from app.richmenus.rules.layouts import LAYOUTS
from app.richmenus.service import NotNow
from app.segments import queries as segments
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import menu_forms
from app.web.console.menu_forms import Draft
from app.web.params import FormId, PathId
from app.web.security import StaffRoute, require
from flex_templates.theme import Theme

router = APIRouter(prefix="/console/menus", route_class=StaffRoute)
Marketer = Annotated[Visitor, Depends(require(Permission.REACH_MEMBERS))]
Number = Annotated[int, Path(ge=1, le=document.MAX_PAGES)]

SMALL, WIDE = 480, 1000  # px, of pictures in the list and while drawing
VALUES: Final = {
    LINK: ("網址", "https://", document.MAX_URI),
    SAY: ("會員會說的話", "例如：我想訂位", document.MAX_SAYING),
}


# The list -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    menu: MenuShown
    who: str
    state: str
    tone: str  # of the chip: good, warn, bad, or nothing


@router.get("")
def listed(request: Request, _visitor: Marketer) -> Response:
    with request.app.state.db.reading() as session:
        names = _names(session, request)
        lines = [_line(menu, names, request) for menu in queries.menus(session)]
    return pages.render(request, "console/menus.html", lines=lines)


@router.post("/ready")
def ready(request: Request, visitor: Marketer) -> Response:
    with request.app.state.db.transaction() as session:
        if service.ready(session, now=request.app.state.clock()):
            security.audit(request, session, visitor, "richmenu.ready", "richmenus")
    return RedirectResponse("/console/menus", 303)


def _line(menu: MenuShown, names: Mapping[str, str], request: Request) -> Line:
    state, tone = _state(menu)
    today = taipei_date(request.app.state.clock())
    special = Special(menu.id, menu.priority, menu.starts_on, menu.ends_on)
    if not menu.is_own and tone == "good" and not special.is_in_season(today):
        state, tone = "不在檔期", ""
    return Line(menu, _who(menu, names), state, tone)


def _state(menu: MenuShown) -> tuple[str, str]:
    if menu.is_at_work:
        return "發布中", "warn"
    if menu.latest is not None and menu.latest.status == FAILED:
        return "發布沒有成功", "bad"
    if menu.live is None:
        return "草稿", ""
    return ("使用中", "good") if not menu.differs else ("使用中，有未發布的修改", "good")


def _who(menu: MenuShown, names: Mapping[str, str]) -> str:
    if menu.audience == audiences.GUEST:
        return "還沒入會的人"
    if menu.audience == audiences.MEMBER:
        return "會員（沒有其他選單時）"
    return names.get(menu_forms.of(menu).audience, "（已不存在）")


def _names(session: Session, request: Request) -> dict[str, str]:
    """Whom a menu may be for, by what the form calls them."""
    try:
        tiers = programmes.terms_at(session, request.app.state.clock()).tiers
    except NoProgramme:
        tiers = ()
    return {f"tier:{tier.code}": f"等級：{tier.name}" for tier in tiers} | {
        f"segment:{item.id}": f"分眾：{item.name}" for item in segments.segments(session)
    }


# Drawing ------------------------------------------------------------------------------------------


@router.get("/new")
def new(request: Request, _visitor: Marketer) -> Response:
    return _editor(request, menu_forms.blank_draft(""))


@router.post("/draft")
async def redraw(request: Request, _visitor: Marketer) -> Response:
    """The form again, as it stands or with a page or place more or less; nothing is kept."""
    form = await request.form()
    return await run_in_threadpool(_redrawn, request, form)


def _redrawn(request: Request, form: FormData) -> Response:
    kept = None
    menu_id = ids.id_typed(str(form.get("menu", "")))
    if menu_id is not None:
        with request.app.state.db.reading() as session:
            kept = queries.menu(session, menu_id)
    draft = menu_forms.read(form, kept)
    for order in (*form.getlist("order"), *form.getlist("drawn")):
        if isinstance(order, str) and order:
            draft = menu_forms.rearranged(draft, order)
    return _editor(request, draft)


@router.post("")
async def create(request: Request, visitor: Marketer) -> Response:
    form = await request.form()
    return await run_in_threadpool(_save, request, visitor, form, None, None)


@router.get("/{menu_id}")
def one(request: Request, _visitor: Marketer, menu_id: PathId) -> Response:
    with request.app.state.db.reading() as session:
        kept = queries.menu(session, menu_id)
    return _editor(request, menu_forms.of(kept))


@router.post("/{menu_id}")
async def revise(request: Request, visitor: Marketer, menu_id: PathId) -> Response:
    form = await request.form()
    return await run_in_threadpool(_save, request, visitor, form, menu_id, None)


@router.post("/{menu_id}/picture")
async def upload(request: Request, visitor: Marketer, menu_id: PathId) -> Response:
    """The form with a picture for one of its pages."""
    form = await request.form()
    number = ids.id_typed(str(form.get("upload", ""))) or 1  # of the page
    file = form.get(f"p{number - 1}-file")
    content = await file.read() if isinstance(file, UploadFile) else b""
    await form.close()
    picture = (number - 1, content)
    return await run_in_threadpool(_save, request, visitor, form, menu_id, picture)


def _save(
    request: Request,
    visitor: Visitor,
    form: FormData,
    menu_id: int | None,
    picture: tuple[int, bytes] | None,
) -> Response:
    """Keep what was drawn; publish it when that was asked for and LINE would take it."""
    kept = None
    if menu_id is not None:
        with request.app.state.db.reading() as session:
            kept = queries.menu(session, menu_id)
    draft = menu_forms.read(form, kept)
    try:
        with request.app.state.db.transaction() as session:
            if picture is not None:
                draft = _with_picture(session, draft, *picture, request=request)
            kept_id = _keep(session, draft, menu_id, request)
            security.audit(request, session, visitor, "richmenu.saved", f"richmenu:{kept_id}")
    except Invalid as wrong:
        return _editor(request, replace(draft, problems={wrong.field: wrong.reason}), 422)
    if form.get("then") != "publish" or picture is not None:
        return RedirectResponse(f"/console/menus/{kept_id}", 303)
    return _publish(request, visitor, draft, kept_id)


def _publish(request: Request, visitor: Visitor, draft: Draft, menu_id: int) -> Response:
    """What was drawn is kept already, whatever comes of this."""
    try:
        with request.app.state.db.transaction() as session:
            service.begin(
                session,
                menu_id=menu_id,
                staff_id=visitor.staff_id,
                now=request.app.state.clock(),
            )
            security.audit(request, session, visitor, "richmenu.published", f"richmenu:{menu_id}")
    except Invalid:
        with request.app.state.db.reading() as session:
            kept = queries.menu(session, menu_id)
        return _editor(request, replace(draft, kept=kept, is_wanted=True), 422)
    except NotNow:  # a colleague was faster; the page shows how far it is
        pass
    return RedirectResponse(f"/console/menus/{menu_id}", 303)


def _with_picture(
    session: Session, draft: Draft, at: int, content: bytes, *, request: Request
) -> Draft:
    if at >= len(draft.design.pages):
        raise NotFound("page", at)
    try:
        digest = service.keep_picture(
            session, content, drawn=draft.design, now=request.app.state.clock()
        )
    except Invalid as wrong:
        raise Invalid(f"p{at}-file", wrong.reason) from wrong
    drawn = list(draft.design.pages)
    drawn[at] = replace(drawn[at], picture=digest)
    return replace(draft, design=replace(draft.design, pages=tuple(drawn)))


def _keep(session: Session, draft: Draft, menu_id: int | None, request: Request) -> int:
    meant, now = menu_forms.meant(draft), request.app.state.clock()
    if not draft.is_own and draft.audience not in _names(session, request):
        raise Invalid("audience", "請選一個等級或分眾")
    if menu_id is None:
        return service.create(session, name=draft.name, meant=meant, drawn=draft.design, now=now)
    service.revise(
        session, menu_id=menu_id, name=draft.name, meant=meant, drawn=draft.design, now=now
    )
    return menu_id


def _editor(request: Request, draft: Draft, status: int = 200) -> Response:
    with request.app.state.db.reading() as session:
        names = _names(session, request)
        drawings = [
            _drawing(session, draft.design, at, request.app.state.settings.theme)
            for at in range(len(draft.design.pages))
        ]
        state = None if draft.kept is None else _shown(session, draft.kept)
    problems = {fault.field: fault.reason for fault in document.faults(draft.design)}
    return pages.render(
        request,
        "console/menu.html",
        status,
        draft=draft,
        problems=problems | dict(draft.problems),
        names=names,
        drawings=drawings,
        view=state,
        sizes=SIZES,
        heights=HEIGHTS,
        wide=WIDTH,
        layouts=layouts.NAMES,
        sketches=_sketches(draft.design.size),
        tops=[layouts.top(draft.design, at) for at in range(len(draft.design.pages))],
        kinds=KINDS,
        icons=ICONS,
        values=VALUES,
        tab=TAB,
        most={
            "pages": document.MAX_PAGES,
            "cells": layouts.MOST_FREE,
            "bar": document.MAX_BAR_TEXT,
            "word": document.MAX_LABEL,
            "tab": document.MAX_TAB_NAME,
            "priority": audiences.MOST_PRIORITY,
        },
    )


@lru_cache
def _sketches(size: str) -> Mapping[str, Sequence[tuple[int, int, int, int]]]:
    """Each layout as small boxes on a width of 100."""
    height = HEIGHTS[size] * 100 // WIDTH
    found = {}
    for code, layout in LAYOUTS.items():
        columns = layouts.edges(layout.across, 0, 100)
        rows = layouts.edges(layout.down, 0, height)
        found[code] = [
            (columns[left], rows[top], columns[right] - columns[left], rows[bottom] - rows[top])
            for left, top, right, bottom in layout.boxes
        ]
    return found


# Pictures -----------------------------------------------------------------------------------------


@lru_cache(maxsize=64)  # of a form that is drawn again after each choice most pages are the same
def _drawn(design: Design, at: int, theme: Theme, width: int) -> bytes:
    return pictures.thumbnail(design, at, theme, width=width)


def _picture(session: Session, design: Design, at: int, theme: Theme, width: int) -> bytes:
    digest = design.pages[at].picture
    kept = queries.picture(session, digest) if digest else None
    if kept is not None:
        return pictures.shrunk(kept.content, width=width)
    return _drawn(design, at, theme, width)


def _drawing(session: Session, design: Design, at: int, theme: Theme) -> str:
    return (
        "data:image/jpeg;base64," + b64encode(_picture(session, design, at, theme, WIDE)).decode()
    )


@router.get("/{menu_id}/pictures/{number}")
def picture(request: Request, _visitor: Marketer, menu_id: PathId, number: Number) -> Response:
    """A page as people see it, or as it is drawn while nobody does; for the list."""
    with request.app.state.db.reading() as session:
        menu = queries.menu(session, menu_id)
        design = menu.draft if menu.live is None else menu.live.design
        if number > len(design.pages):
            raise NotFound("page", number)
        content = _picture(session, design, number - 1, request.app.state.settings.theme, SMALL)
    return Response(
        content, media_type="image/jpeg", headers={"cache-control": "private, max-age=600"}
    )


# What became of it --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
    menu: MenuShown
    versions: Sequence[VersionShown]
    step: str
    done: int
    steps: int


def _shown(session: Session, menu: MenuShown) -> View:
    versions = queries.versions(session, menu.id)
    step, done, steps = _progress(menu.latest)
    return View(menu, versions, step, done, steps)


def _progress(version: VersionShown | None) -> tuple[str, int, int]:
    """What is being done, and how far: a step a picture, one for the chat, one for the people."""
    if version is None:
        return "", 0, 1
    number = len(version.design.pages)
    if version.status == MAKING:
        return f"正在把第 {version.made + 1} 頁送到 LINE", version.made, number + 2
    if version.status == LIVE and not version.is_placed:
        return "圖都好了，正在換上", number, number + 2
    if version.status == LIVE and not version.is_moved:
        return "新的已經換上，正在替看著舊版的人換", number + 1, number + 2
    return "", number + 2, number + 2


@router.get("/{menu_id}/live")
def live(request: Request, _visitor: Marketer, menu_id: PathId) -> Response:
    """The part of the page that follows what happens on LINE."""
    with request.app.state.db.reading() as session:
        view = _shown(session, queries.menu(session, menu_id))
    return pages.render(request, "console/menu_state.html", view=view)


@router.post("/{menu_id}/stop")
def stop(
    request: Request,
    visitor: Marketer,
    menu_id: PathId,
    version_id: FormId,
) -> Response:
    with request.app.state.db.transaction() as session:
        queries.menu(session, menu_id)
        service.cancel(session, version_id=version_id, now=request.app.state.clock())
        security.audit(request, session, visitor, "richmenu.stopped", f"richmenu:{menu_id}")
    return RedirectResponse(f"/console/menus/{menu_id}", 303)


@router.post("/{menu_id}/back")
def back(
    request: Request,
    visitor: Marketer,
    menu_id: PathId,
    version_id: FormId,
) -> Response:
    with request.app.state.db.transaction() as session:
        service.roll_back(
            session,
            menu_id=menu_id,
            version_id=version_id,
            staff_id=visitor.staff_id,
            now=request.app.state.clock(),
        )
        security.audit(
            request,
            session,
            visitor,
            "richmenu.rolled_back",
            f"richmenu:{menu_id}",
            after={"version": version_id},
        )
    return RedirectResponse(f"/console/menus/{menu_id}", 303)


@router.post("/{menu_id}/remove")
def remove(request: Request, visitor: Marketer, menu_id: PathId) -> Response:
    with request.app.state.db.transaction() as session:
        service.remove(session, menu_id=menu_id, now=request.app.state.clock())
        security.audit(request, session, visitor, "richmenu.removed", f"richmenu:{menu_id}")
    return RedirectResponse("/console/menus", 303)

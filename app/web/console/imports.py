"""/console/imports: bring a file of sales — say what its columns are, see what would happen, record
it, fetch the rows that were refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response, UploadFile
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from app.core.errors import Invalid
from app.imports import queries, rules, service
from app.imports.queries import Progress
from app.imports.rules import FIELDS, NEEDED, Fault, Row
from app.staff import queries as people
from app.staff.queries import StoreShown, Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import looks
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/imports", route_class=StaffRoute)
Importer = Annotated[Visitor, Depends(require(Permission.IMPORT_SALES))]

MOST_FAULTS: Final = 100
MOST_SAMPLES: Final = 5
STATES: Final = {
    "columns": "請確認欄位",
    "checking": "試算中",
    "checked": "試算完成",
    "running": "匯入中",
    "done": "完成",
    "cancelled": "已停止",
}


@dataclass(frozen=True, slots=True)
class FileView:
    file: Progress
    state: str
    headings: Sequence[str]
    samples: Sequence[Row]
    stores: Sequence[StoreShown]
    faults: Sequence[Fault]
    reasons: Sequence[tuple[str, int]]
    problem: str = ""


@router.get("")
def files(request: Request, _visitor: Importer) -> Response:
    return _list(request)


def _list(request: Request, problem: str = "", status: int = 200) -> Response:
    with request.app.state.db.reading() as session:
        found = queries.latest(session)
    return pages.render(
        request, "console/imports.html", status, files=found, states=STATES, problem=problem
    )


@router.post("")
def bring(request: Request, visitor: Importer, file: UploadFile | None = None) -> Response:
    if file is None:
        return _list(request, "請選擇檔案", 422)
    content = file.file.read(rules.MOST_BYTES + 1)
    try:
        with request.app.state.db.transaction() as session:
            import_id = service.bring(
                session,
                name=file.filename or "",
                content=content,
                staff_id=visitor.staff_id,
                now=request.app.state.clock(),
            )
            security.audit(request, session, visitor, "sales.file_brought", f"import:{import_id}")
    except Invalid as wrong:
        return _list(request, wrong.reason, 422)
    return RedirectResponse(f"/console/imports/{import_id}", 303)


@router.get("/{import_id}")
def file(request: Request, _visitor: Importer, import_id: PathId) -> Response:
    return _file(request, import_id)


@router.get("/{import_id}/live")
def live(request: Request, _visitor: Importer, import_id: PathId) -> Response:
    """The part of the page that moves while a file is worked on."""
    return _file(request, import_id, template="console/import_state.html")


def _file(
    request: Request,
    import_id: int,
    *,
    problem: str = "",
    status: int = 200,
    template: str = "console/import.html",
) -> Response:
    with request.app.state.db.reading() as session:
        found = queries.progress(session, import_id)
        content = queries.content(session, import_id) if found.status == "columns" else None
        sheet = None if content is None else rules.read(content)
        view = FileView(
            file=found,
            state=STATES[found.status],
            headings=() if sheet is None else sheet.headings,
            samples=() if sheet is None else sheet.rows[:MOST_SAMPLES],
            stores=people.open_stores(session),
            faults=queries.faults(session, import_id, limit=MOST_FAULTS),
            reasons=queries.reasons(session, import_id),
            problem=problem,
        )
    return pages.render(
        request, template, status, view=view, fields=FIELDS, needed=NEEDED, states=STATES
    )


@router.post("/{import_id}/rehearse")
async def rehearse(request: Request, _visitor: Importer, import_id: PathId) -> Response:
    form = await request.form()
    return await run_in_threadpool(_rehearse, request, import_id, form)


def _rehearse(request: Request, import_id: int, form: FormData) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            service.rehearse(
                session,
                import_id=import_id,
                mapping={
                    name: _number(form.get(f"column-{name}"))
                    for name in FIELDS
                    if form.get(f"column-{name}") not in (None, "")
                },
                store_id=_store(session, form.get("store")),
                keeps_strangers=form.get("keeps_strangers") == "yes",
                tells=form.get("tells") == "yes",
            )
    except Invalid as wrong:
        if wrong.field in ("status", "file"):
            raise
        return _file(request, import_id, problem=wrong.reason, status=422)
    return RedirectResponse(f"/console/imports/{import_id}", 303)


def _number(typed: object) -> int:
    """Raises Invalid."""
    if not isinstance(typed, str) or not (typed.isascii() and typed.isdigit() and len(typed) < 4):
        raise Invalid("column", "沒有這一欄")
    return int(typed)


def _store(session: Session, typed: object) -> int | None:
    """Raises Invalid."""
    if not typed:
        return None
    found = {str(store.id): store.id for store in people.open_stores(session)}
    if not isinstance(typed, str) or typed not in found:
        raise Invalid("store", "沒有這個門市")
    return found[typed]


@router.post("/{import_id}/start")
def start(request: Request, visitor: Importer, import_id: PathId) -> Response:
    with request.app.state.db.transaction() as session:
        service.start(session, import_id=import_id)
        security.audit(request, session, visitor, "sales.import_started", f"import:{import_id}")
    return RedirectResponse(f"/console/imports/{import_id}", 303)


@router.post("/{import_id}/cancel")
def cancel(request: Request, visitor: Importer, import_id: PathId) -> Response:
    with request.app.state.db.transaction() as session:
        service.cancel(session, import_id=import_id, now=request.app.state.clock())
        security.audit(request, session, visitor, "sales.import_cancelled", f"import:{import_id}")
    return RedirectResponse(f"/console/imports/{import_id}", 303)


@router.get("/{import_id}/refused.csv")
def refused(request: Request, visitor: Importer, import_id: PathId) -> Response:
    """The rows that were refused, with the reason in front."""
    with request.app.state.db.reading() as session:
        found = queries.progress(session, import_id)
        content = queries.content(session, import_id)
        faults = queries.faults(session, import_id)
    if content is None:
        return security.refusal(request, 410, "檔案已經清除，無法再下載。")
    words = rules.faulty_rows(
        rules.read(content), found.mapping, {fault.line: fault.reason for fault in faults}
    )
    looks.note(request, visitor, "file", source=f"import:{import_id}", people=len(faults))
    headers = {"Content-Disposition": f'attachment; filename="refused-{import_id}.csv"'}
    return Response(words.encode(), media_type="text/csv; charset=utf-8", headers=headers)

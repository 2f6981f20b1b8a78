"""/console/segments: say who is meant, see at once how many and who, keep it under a name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from app.core import ids
from app.core.errors import Conflict, Invalid
from app.members import queries as people
from app.segments import queries, rules, service
from app.segments.queries import SegmentShown, Size
from app.segments.rules import Group
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import conditions, looks
from app.web.console.conditions import Block
from app.web.console.privacy import mask_for
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/segments", route_class=StaffRoute)
Marketer = Annotated[Visitor, Depends(require(Permission.REACH_MEMBERS))]
LONGEST_NAME: Final = 40


@dataclass(frozen=True, slots=True)
class Draft:
    """`kept` is the segment that is being changed; None for a new one."""

    name: str
    blocks: Sequence[Block]
    kept: SegmentShown | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What a draft comes to; `missing` says why it cannot be counted yet."""

    words: str
    missing: Sequence[str]
    size: Size | None
    some: Sequence[tuple[int, str]]  # ids and names


@router.get("")
def listed(request: Request, _visitor: Marketer) -> Response:
    with request.app.state.db.reading() as session:
        names = queries.choices(session, now=request.app.state.clock())
        kept = [(item, rules.words(item.tree, names)) for item in queries.segments(session)]
    ready = [(code, name, rules.words(tree, names)) for code, (name, tree) in rules.READY.items()]
    return pages.render(request, "console/segments.html", kept=kept, ready=ready)


@router.get("/new")
def new(
    request: Request, visitor: Marketer, ready: Annotated[str, Query(max_length=30)] = ""
) -> Response:
    name, tree = rules.ready(ready)
    return _page(request, visitor, Draft(name, conditions.blocks_of(tree)))


@router.post("/draft")
async def draft(request: Request, visitor: Marketer) -> Response:
    """The form again, as it stands or with a line more or less; nothing is kept."""
    form = await request.form()
    return await run_in_threadpool(_redrawn, request, visitor, form)


def _redrawn(request: Request, visitor: Visitor, form: FormData) -> Response:
    order = form.get("order")
    blocks = conditions.read(form)
    if isinstance(order, str):
        blocks = conditions.rearranged(blocks, order)
    kept = None
    segment_id = ids.id_typed(str(form.get("segment", "")))
    if segment_id is not None:
        with request.app.state.db.reading() as session:
            kept = queries.segment(session, segment_id)
    return _page(request, visitor, Draft(_name(form), blocks, kept))


@router.get("/{segment_id}")
def one(request: Request, visitor: Marketer, segment_id: PathId) -> Response:
    with request.app.state.db.reading() as session:
        kept = queries.segment(session, segment_id)
    return _page(request, visitor, Draft(kept.name, conditions.blocks_of(kept.tree), kept))


@router.get("/{segment_id}/size")
def size(request: Request, _visitor: Marketer, segment_id: PathId) -> Response:
    """Part of the list: what takes a while for many members comes after the page."""
    with request.app.state.db.reading() as session:
        kept = queries.segment(session, segment_id)
        found = queries.size(session, kept.tree, now=request.app.state.clock())
    return pages.render(request, "console/segment_size.html", size=found)


@router.post("")
async def create(request: Request, visitor: Marketer) -> Response:
    form = await request.form()
    return await run_in_threadpool(_save, request, visitor, form, None)


@router.post("/{segment_id}")
async def revise(request: Request, visitor: Marketer, segment_id: PathId) -> Response:
    form = await request.form()
    return await run_in_threadpool(_save, request, visitor, form, segment_id)


def _save(request: Request, visitor: Visitor, form: FormData, segment_id: int | None) -> Response:
    name, blocks, now = _name(form), conditions.read(form), request.app.state.clock()
    try:
        with request.app.state.db.transaction() as session:
            tree = conditions.tree(blocks)
            if segment_id is None:
                kept_id = service.create(session, name=name, tree=tree, now=now)
            else:
                kept_id = segment_id
                service.revise(session, segment_id=kept_id, name=name, tree=tree, now=now)
            security.audit(request, session, visitor, "segment.saved", f"segment:{kept_id}")
    except (Invalid, Conflict) as wrong:
        problem = wrong.reason if isinstance(wrong, Invalid) else f"已經有「{name}」，請換個名稱"
        kept = None
        if segment_id is not None:
            with request.app.state.db.reading() as session:
                kept = queries.segment(session, segment_id)
        return _page(request, visitor, Draft(name, blocks, kept, problem), 422)
    return RedirectResponse("/console/segments", 303)


@router.post("/{segment_id}/remove")
def remove(request: Request, visitor: Marketer, segment_id: PathId) -> Response:
    with request.app.state.db.transaction() as session:
        service.remove(session, segment_id=segment_id, now=request.app.state.clock())
        security.audit(request, session, visitor, "segment.removed", f"segment:{segment_id}")
    return RedirectResponse("/console/segments", 303)


def _page(request: Request, visitor: Visitor, draft: Draft, status: int = 200) -> Response:
    with request.app.state.db.reading() as session:
        names = queries.choices(session, now=request.app.state.clock())
        look = _look(request, session, visitor, draft, names)
    looks.note(request, visitor, "list", source="segment", people=len(look.some))
    context: dict[str, Any] = {
        "draft": draft,
        "look": look,
        "choices": names,
        "fields": rules.FIELDS,
        "shelves": conditions.SHELVES,
        "matches": conditions.MATCHES,
        "most": {"blocks": conditions.MOST_BLOCKS, "lines": rules.MOST_PARTS},
    }
    return pages.render(request, "console/segment.html", status, **context)


def _look(
    request: Request,
    session: Session,
    visitor: Visitor,
    draft: Draft,
    names: Mapping[str, Mapping[str, str]],
) -> Look:
    now = request.app.state.clock()
    try:
        tree = conditions.tree(draft.blocks)
    except Invalid as wrong:
        return Look("", [wrong.reason], None, [])
    missing = list(rules.faults(tree))
    if missing:
        return Look("", missing, None, [])
    return Look(
        words=rules.words(tree, names),
        missing=[],
        size=queries.size(session, tree, now=now),
        some=_some(session, visitor, tree, request),
    )


def _some(
    session: Session, visitor: Visitor, tree: Group, request: Request
) -> list[tuple[int, str]]:
    mask = mask_for(visitor)
    ids = queries.some(session, tree, now=request.app.state.clock())
    found = people.names(session, ids)
    return [(member_id, mask.name(found.get(member_id, ""))) for member_id in ids]


def _name(form: FormData) -> str:
    name = form.get("name")
    return " ".join(name.split())[: LONGEST_NAME + 1] if isinstance(name, str) else ""

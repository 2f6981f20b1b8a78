"""/console/broadcasts: write a letter to many, look at it, try it, send it, see what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from app.campaigns import queries, rules, service
from app.campaigns.queries import BroadcastShown
from app.campaigns.rules import letters as letter_rules
from app.campaigns.rules.letters import Letter
from app.core import ids
from app.core.errors import Invalid
from app.segments import queries as segments
from app.segments.queries import SegmentShown
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import broadcast_results, letters
from app.web.params import PathId, QueryId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/broadcasts", route_class=StaffRoute)
Marketer = Annotated[Visitor, Depends(require(Permission.REACH_MEMBERS))]

PAGE: Final = 30
_UNPRESSED: Final = "unpressed:"


@dataclass(frozen=True, slots=True)
class Draft:
    """The form as it stands; `kept` is None for a new one."""

    name: str
    audience: str  # a segment's id, `unpressed:` and a broadcast's, or nothing for all
    letter: Letter
    kept: BroadcastShown | None = None
    problems: Mapping[str, str] = field(default_factory=dict)


# Lists and drafts ---------------------------------------------------------------------------------


@router.get("")
def listed(request: Request, _visitor: Marketer, before: QueryId = None) -> Response:
    with request.app.state.db.reading() as session:
        found = queries.broadcasts(session, limit=PAGE + 1, before=before)
    more = found[PAGE - 1].id if len(found) > PAGE else None
    return pages.render(
        request,
        "console/broadcasts.html",
        found=found[:PAGE],
        more=more,
        is_first=before is None,
        states=broadcast_results.STATES,
    )


@router.get("/new")
def new(request: Request, visitor: Marketer, segment: QueryId = None) -> Response:
    letter = letter_rules.added(Letter(), letter_rules.CARD)
    return _editor(request, visitor, Draft("", "" if segment is None else str(segment), letter))


@router.post("/draft")
async def redraw(request: Request, _visitor: Marketer) -> Response:
    """The part of the form that shows the letter, asked for while somebody types."""
    form = await request.form()
    return await run_in_threadpool(letters.drawn, request, letters.read(form))


@router.post("")
async def create(request: Request, visitor: Marketer) -> Response:
    form = await request.form()
    uploaded = await letters.uploads(form)
    return await run_in_threadpool(_save, request, visitor, form, uploaded, None)


@router.get("/{broadcast_id}")
def one(request: Request, visitor: Marketer, broadcast_id: PathId) -> Response:
    with request.app.state.db.reading() as session:
        found = queries.broadcast(session, broadcast_id)
    if found.status != rules.DRAFT:
        return broadcast_results.page(request, found)
    return _editor(request, visitor, Draft(found.name, _audience(found), found.letter, found))


def _audience(found: BroadcastShown) -> str:
    if found.unpressed_of is not None:
        return f"{_UNPRESSED}{found.unpressed_of}"
    return "" if found.segment_id is None else str(found.segment_id)


@router.post("/{broadcast_id}")
async def revise(request: Request, visitor: Marketer, broadcast_id: PathId) -> Response:
    form = await request.form()
    uploaded = await letters.uploads(form)
    return await run_in_threadpool(_save, request, visitor, form, uploaded, broadcast_id)


def _save(
    request: Request,
    visitor: Visitor,
    form: FormData,
    uploaded: Mapping[int, bytes],
    broadcast_id: int | None,
) -> Response:
    """Keep the draft; go on to sending when that was asked for and nothing is missing. A button
    that only rearranges the letter gives the form back, and keeps nothing but pictures."""
    goes_on = form.get("then") == "send"
    draft = _draft(form)
    letter, wrong_pictures = letters.with_pictures(
        request, draft.letter, uploaded, visitor.staff_id
    )
    rearranged = letters.rearranged(form, letter)
    draft = replace(draft, letter=letter if rearranged is None else rearranged)
    if rearranged is not None or wrong_pictures:
        again = replace(draft, kept=_kept(request, broadcast_id), problems=wrong_pictures)
        return _editor(request, visitor, again, 422 if wrong_pictures else 200)
    try:
        with request.app.state.db.transaction() as session:
            kept_id = _keep(request, session, visitor, draft, broadcast_id)
            if goes_on:
                letters.check(request, session, draft.letter)
            security.audit(request, session, visitor, "broadcast.saved", f"broadcast:{kept_id}")
    except Invalid as wrong:
        return _editor(request, visitor, _again(request, draft, broadcast_id, wrong), 422)
    return RedirectResponse(f"/console/broadcasts/{kept_id}{'/send' if goes_on else ''}", 303)


def _keep(
    request: Request, session: Session, visitor: Visitor, draft: Draft, broadcast_id: int | None
) -> int:
    values: dict[str, Any] = {
        "name": draft.name,
        "segment_id": _id(draft.audience, ""),
        "unpressed_of": _id(draft.audience, _UNPRESSED),
        "letter": draft.letter,
        "now": request.app.state.clock(),
    }
    if broadcast_id is None:
        return service.create(session, staff_id=visitor.staff_id, **values)
    service.revise(session, broadcast_id=broadcast_id, **values)
    return broadcast_id


def _again(request: Request, draft: Draft, broadcast_id: int | None, wrong: Invalid) -> Draft:
    """The form with everything that is wrong with it, the first of all what stopped it."""
    problems = dict(letter_rules.faults(draft.letter)) | {wrong.field: wrong.reason}
    return replace(draft, kept=_kept(request, broadcast_id), problems=problems)


def _kept(request: Request, broadcast_id: int | None) -> BroadcastShown | None:
    """Raises NotFound."""
    if broadcast_id is None:
        return None
    with request.app.state.db.reading() as session:
        return queries.broadcast(session, broadcast_id)


def _draft(form: FormData) -> Draft:
    name = " ".join(letters.typed(form, "name", rules.NAME).split())
    return Draft(name, letters.typed(form, "audience", 30), letters.read(form))


def _id(audience: str, kind: str) -> int | None:
    """The id of that kind of audience; None when it is of another. Raises Invalid."""
    if not audience or audience.startswith(_UNPRESSED) != bool(kind):
        return None
    number = ids.id_typed(audience.removeprefix(kind))
    if number is None:
        raise Invalid("segment", "沒有這個分眾")
    return number


def _editor(request: Request, visitor: Visitor, draft: Draft, status: int = 200) -> Response:
    with request.app.state.db.reading() as session:
        groups: list[SegmentShown] = segments.segments(session)
        choices = letters.choices(session)
        preview = letters.drawing(request, session, draft.letter)
        lacking = [reason for _, reason in letters.problems(request, session, draft.letter)]
        art = letters.shown(session, draft.letter)
    return pages.render(
        request,
        "console/broadcast_draft.html",
        status,
        draft=draft,
        groups=groups,
        preview=preview,
        lacking=lacking,
        art=art,
        **choices,
    )


@router.post("/{broadcast_id}/remove")
def remove(request: Request, visitor: Marketer, broadcast_id: PathId) -> Response:
    with request.app.state.db.transaction() as session:
        service.remove(session, broadcast_id=broadcast_id)
        security.audit(request, session, visitor, "broadcast.removed", f"broadcast:{broadcast_id}")
    return RedirectResponse("/console/broadcasts", 303)

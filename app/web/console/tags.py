"""/console/tags: words put on members; on one, on a list, on everybody in a segment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.core.errors import Conflict, Invalid
from app.members import queries as people
from app.segments import compiling
from app.segments import queries as segments
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.tags import queries, rules, service
from app.tags.queries import TagShown
from app.web import pages, security
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/tags", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.TAG_MEMBERS))]
Marketer = Annotated[Visitor, Depends(require(Permission.REACH_MEMBERS))]
Name = Annotated[str, Form(max_length=100)]
Days = Annotated[str, Form(max_length=10)]

AT_ONCE: Final = 5_000  # members a transaction
MOST_LINES: Final = 10_000
MOST_UNKNOWN: Final = 20  # lines that are named


@dataclass(frozen=True, slots=True)
class Listed:
    """What came of a list: how many members it named, and the lines that named nobody."""

    found: int
    unknown: Sequence[str]


@router.get("")
def listed(request: Request, _visitor: Reader) -> Response:
    return _list(request)


def _list(request: Request, problem: str = "", status: int = 200) -> Response:
    with request.app.state.db.reading() as session:
        tags = queries.tags(session)
        counts = queries.counts(session, now=request.app.state.clock())
    return pages.render(
        request, "console/tags.html", status, tags=tags, counts=counts, problem=problem
    )


@router.post("")
def make(request: Request, visitor: Marketer, name: Name = "") -> Response:
    try:
        with request.app.state.db.transaction() as session:
            tag_id = service.make(session, name=name, now=request.app.state.clock())
            security.audit(request, session, visitor, "tag.made", f"tag:{tag_id}")
    except Invalid as wrong:
        return _list(request, wrong.reason, 422)
    return RedirectResponse("/console/tags", 303)


@router.get("/{tag_id}")
def one(request: Request, _visitor: Marketer, tag_id: PathId) -> Response:
    return _one(request, tag_id)


def _one(
    request: Request,
    tag_id: int,
    *,
    problem: str = "",
    done: Listed | None = None,
    status: int = 200,
) -> Response:
    with request.app.state.db.reading() as session:
        tag: TagShown = queries.tag(session, tag_id)
        worn: Mapping[int, int] = queries.counts(session, now=request.app.state.clock())
        groups = segments.segments(session)
    return pages.render(
        request,
        "console/tag.html",
        status,
        tag=tag,
        worn=worn.get(tag_id, 0),
        groups=groups,
        problem=problem,
        done=done,
        most=MOST_LINES,
    )


@router.post("/{tag_id}")
def rename(request: Request, visitor: Marketer, tag_id: PathId, name: Name = "") -> Response:
    try:
        with request.app.state.db.transaction() as session:
            before = queries.tag(session, tag_id).name
            service.rename(session, tag_id=tag_id, name=name)
            security.audit(request, session, visitor, "tag.renamed", f"tag:{tag_id}", before=before)
    except (Invalid, Conflict) as wrong:
        problem = wrong.reason if isinstance(wrong, Invalid) else "已經有這個標籤"
        return _one(request, tag_id, problem=problem, status=422)
    return RedirectResponse(f"/console/tags/{tag_id}", 303)


@router.post("/{tag_id}/remove")
def remove(request: Request, visitor: Marketer, tag_id: PathId) -> Response:
    with request.app.state.db.transaction() as session:
        worn = service.remove(session, tag_id=tag_id)
        target = f"tag:{tag_id}"
        security.audit(request, session, visitor, "tag.removed", target, before={"members": worn})
    return RedirectResponse("/console/tags", 303)


# On many ------------------------------------------------------------------------------------------


@router.post("/{tag_id}/segment")
def put_on_segment(
    request: Request,
    visitor: Marketer,
    tag_id: PathId,
    segment: Annotated[int, Form(ge=1, le=2**63 - 1)],
    days: Days = "",
) -> Response:
    """Everybody who is in the segment now, in portions."""
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        tree = segments.segment(session, segment).tree
        ids = segments.ids(session, compiling.members(tree, now=now))
    return _put_on(request, visitor, tag_id, ids, days, "segment", source_id=segment)


@router.post("/{tag_id}/list")
def put_on_list(
    request: Request,
    visitor: Marketer,
    tag_id: PathId,
    lines: Annotated[str, Form(max_length=400_000)] = "",
    days: Days = "",
) -> Response:
    """Members by phone or member number, one a line."""
    typed = list(dict.fromkeys(line.strip() for line in lines.splitlines() if line.strip()))
    if len(typed) > MOST_LINES:
        problem = f"一次最多 {MOST_LINES:,} 行，這裡有 {len(typed):,} 行"
        return _one(request, tag_id, problem=problem, status=422)
    with request.app.state.db.reading() as session:
        found = people.ids_as_typed(session, typed)
    unknown = [line for line in typed if line not in found]
    ids = sorted(set(found.values()))
    return _put_on(request, visitor, tag_id, ids, days, "list", unknown=unknown)


def _put_on(
    request: Request,
    visitor: Visitor,
    tag_id: int,
    member_ids: Sequence[int],
    days: str,
    source: rules.Source,
    *,
    source_id: int | None = None,
    unknown: Sequence[str] = (),
) -> Response:
    now, number = request.app.state.clock(), 0
    try:
        until = rules.until(_days(days), now=now)
    except Invalid as wrong:
        return _one(request, tag_id, problem=wrong.reason, status=422)
    for portion in _portions(member_ids):
        with request.app.state.db.transaction() as session:
            number += service.put(
                session,
                tag_id=tag_id,
                member_ids=portion,
                source=source,
                source_id=source_id,
                staff_id=visitor.staff_id,
                until=until,
                now=now,
            )
    with request.app.state.db.transaction() as session:
        after = {"members": number, "from": source, "id": source_id}
        security.audit(request, session, visitor, "tag.put", f"tag:{tag_id}", after=after)
    return _one(request, tag_id, done=Listed(number, unknown[:MOST_UNKNOWN]))


def _portions(member_ids: Sequence[int]) -> Iterator[list[int]]:
    left = iter(member_ids)
    while portion := list(islice(left, AT_ONCE)):
        yield portion


def _days(typed: str) -> int | None:
    """Raises Invalid."""
    text = typed.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise Invalid("days", "天數請填數字")
    return int(text)


# On one -------------------------------------------------------------------------------------------

members = APIRouter(prefix="/console/members", route_class=StaffRoute)


@members.post("/{member_id}/tags")
def put_on(
    request: Request, visitor: Reader, member_id: PathId, name: Name = "", days: Days = ""
) -> Response:
    """A tag by its name; who may say who is meant may also make a new one by naming it."""
    now = request.app.state.clock()
    try:
        until = rules.until(_days(days), now=now)
        with request.app.state.db.transaction() as session:
            people.person(session, member_id)
            tag_id = _named(session, visitor, name, now)
            service.put(
                session,
                tag_id=tag_id,
                member_ids=[member_id],
                source="staff",
                staff_id=visitor.staff_id,
                until=until,
                now=now,
            )
            target, after = f"member:{member_id}", {"tag": tag_id}
            security.audit(request, session, visitor, "tag.put", target, after=after)
    except Invalid as wrong:
        return security.refusal(request, 422, wrong.reason)
    return RedirectResponse(f"/console/members/{member_id}#tags", 303)


def _named(session: Session, visitor: Visitor, name: str, now: datetime) -> int:
    """Raises Invalid."""
    wanted = rules.named(name)
    for tag in queries.tags(session):
        if tag.name == wanted:
            return tag.id
    if not visitor.may(Permission.REACH_MEMBERS):
        raise Invalid("name", f"沒有「{wanted}」這個標籤，請負責人或行銷先新增。")
    return service.make(session, name=wanted, now=now)


@members.post("/{member_id}/tags/{tag_id}/remove")
def take_off(request: Request, visitor: Reader, member_id: PathId, tag_id: PathId) -> Response:
    with request.app.state.db.transaction() as session:
        if service.take_off(session, tag_id=tag_id, member_id=member_id):
            target, before = f"member:{member_id}", {"tag": tag_id}
            security.audit(request, session, visitor, "tag.taken_off", target, before=before)
    return RedirectResponse(f"/console/members/{member_id}#tags", 303)

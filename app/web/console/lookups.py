"""/console/lookups: who looked at whose personal data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session

from app.core import ids
from app.lookups import queries
from app.lookups.queries import LookupShown
from app.members import queries as members
from app.staff import queries as staff
from app.staff.queries import StaffShown, Visitor
from app.staff.rules import Permission
from app.web import pages, words
from app.web.console import exports
from app.web.params import QueryId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/lookups", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_LOOKUPS))]
PAGE = 50


@dataclass(frozen=True, slots=True)
class LookupsView:
    lines: tuple[LookupShown, ...]
    staff: tuple[StaffShown, ...]
    staff_id: int | None
    member: str
    is_unknown: bool  # the member that was typed
    next_url: str | None
    is_first: bool


@router.get("")
def lookups(
    request: Request,
    _: Reader,
    staff_id: Annotated[str, Query(alias="staff", max_length=20)] = "",
    member: Annotated[str, Query(max_length=30)] = "",
    before: QueryId = None,
) -> Response:
    person, member = ids.id_typed(staff_id), member.strip()
    with request.app.state.db.reading() as session:
        wanted = _member_ids(session, member)
        found = queries.lookups(
            session, staff_id=person, member_ids=wanted, before_id=before, limit=PAGE + 1
        )
        people = staff.staff_list(session)
    older = found[PAGE - 1].id if len(found) > PAGE else None
    url = pages.with_query("/console/lookups", staff=person, member=member, before=older)
    view = LookupsView(
        lines=tuple(found[:PAGE]),
        staff=tuple(people),
        staff_id=person,
        member=member,
        is_unknown=wanted == [],
        next_url=None if older is None else url,
        is_first=before is None,
    )
    return pages.render(request, "console/lookups.html", view=view)


@router.get("/list.csv")
def file(
    request: Request,
    visitor: Reader,
    staff_id: Annotated[str, Query(alias="staff", max_length=20)] = "",
    member: Annotated[str, Query(max_length=30)] = "",
) -> Response:
    db, person = request.app.state.db, ids.id_typed(staff_id)
    with db.reading() as session:
        wanted = _member_ids(session, member.strip())

    def portions() -> Iterator[list[list[object]]]:
        before: int | None = None
        while True:
            with db.reading() as session:
                found = queries.lookups(
                    session,
                    staff_id=person,
                    member_ids=wanted,
                    before_id=before,
                    limit=exports.PORTION,
                )
            yield [_cells(line) for line in found]
            if len(found) < exports.PORTION:
                return
            before = found[-1].id

    return exports.file(
        request,
        visitor,
        name="lookups",
        head=["時間", "人員", "做了什麼", "名單", "會員", "人數", "看到的程度", "門市", "裝置"],
        portions=portions(),
        filters={"staff": person},
    )


def _cells(line: LookupShown) -> list[object]:
    return [
        pages.show_moment(line.at),
        line.staff_name,
        words.of(words.LOOKUPS, line.what),
        None if line.source is None else words.list_of(line.source),
        None if line.member_id is None else f"#{line.member_id}",
        line.people,
        "完整" if line.is_full else "遮住中間",
        line.store_name,
        line.device,
    ]


def _member_ids(session: Session, typed: str) -> list[int] | None:
    """A phone, a member number or `#78`, with the memberships that became theirs; None for
    everybody, empty for nobody."""
    if not typed:
        return None
    if typed.startswith("#"):
        found = ids.id_typed(typed[1:])
    else:
        found = next(iter(members.ids_as_typed(session, [typed]).values()), None)
    return [] if found is None else [found, *members.absorbed_ids(session, found)]

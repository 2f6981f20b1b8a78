"""/console/lookups: who looked at whose personal data."""

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
from app.web import pages
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

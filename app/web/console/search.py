"""/console/search: one box for members, sales, invoices and coupons."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import RedirectResponse

from app.insights.queries import finder, portrait
from app.insights.queries.finder import Found
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages
from app.web.console import looks, members
from app.web.console.members import Line
from app.web.console.privacy import mask_for
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/search", route_class=StaffRoute)
Finder = Annotated[Visitor, Depends(require(Permission.SEARCH))]


@dataclass(frozen=True, slots=True)
class SearchView:
    words: str
    members: tuple[Line, ...]
    found: Found


@router.get("")
def search(
    request: Request, visitor: Finder, q: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """What is found once and is a member opens at once."""
    mask, now = mask_for(visitor), request.app.state.clock()
    with request.app.state.db.reading() as session:
        tiers = portrait.tier_names(session, now=now)
        found = finder.find(session, q, store_id=visitor.home_store_id, now=now)
    only = found.members[0].id if found.number == 1 and found.members else None
    if only is not None:
        return RedirectResponse(f"/console/members/{only}", 303)
    looks.note(request, visitor, "search", source="search", people=len(found.members))
    lines = tuple(members.line(row, mask, tiers) for row in found.members)
    view = SearchView(q.strip(), lines, found)
    return pages.render(request, "console/search.html", view=view)

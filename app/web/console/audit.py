"""/console/audit: who did what."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core import ids
from app.staff import queries
from app.staff.queries import AuditShown, StaffShown, Visitor
from app.staff.rules import Permission
from app.web import pages
from app.web.console import facts
from app.web.params import QueryId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/audit", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_AUDIT))]
PAGE = 50


@dataclass(frozen=True, slots=True)
class AuditView:
    entries: tuple[AuditShown, ...]
    staff: tuple[StaffShown, ...]
    staff_id: int | None
    action: str
    next_url: str | None
    is_first: bool


@router.get("")
def audit(
    request: Request,
    _: Reader,
    staff: Annotated[str, Query(max_length=20)] = "",
    action: Annotated[str, Query(max_length=40)] = "",
    before: QueryId = None,
) -> Response:
    staff_id = ids.id_typed(staff)
    with request.app.state.db.reading() as session:
        entries = queries.audit_entries(
            session,
            before_id=before,
            staff_id=staff_id,
            action=action or None,
            limit=PAGE + 1,
        )
        people = queries.staff_list(session)
    has_more = len(entries) > PAGE
    entries = entries[:PAGE]
    older = entries[-1].id if has_more else None
    view = AuditView(
        entries=tuple(entries),
        staff=tuple(people),
        staff_id=staff_id,
        action=action,
        next_url=_older_url(older, staff_id, action),
        is_first=before is None,
    )
    return pages.render(request, "console/audit.html", view=view, noted=facts.noted)


def _older_url(older: int | None, staff_id: int | None, action: str) -> str | None:
    if older is None:
        return None
    return pages.with_query("/console/audit", staff=staff_id, action=action, before=older)

"""/console/audit: who did what."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core import ids
from app.staff import queries
from app.staff.queries import AuditShown, StaffShown, Visitor
from app.staff.rules import Permission
from app.web import pages, words
from app.web.console import exports, facts
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


@router.get("/list.csv")
def file(
    request: Request,
    visitor: Reader,
    staff: Annotated[str, Query(max_length=20)] = "",
    action: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    db, staff_id = request.app.state.db, ids.id_typed(staff)

    def portions() -> Iterator[list[list[object]]]:
        before: int | None = None
        while True:
            with db.reading() as session:
                found = queries.audit_entries(
                    session,
                    before_id=before,
                    staff_id=staff_id,
                    action=action or None,
                    limit=exports.PORTION,
                )
            yield [_cells(entry) for entry in found]
            if len(found) < exports.PORTION:
                return
            before = found[-1].id

    return exports.file(
        request,
        visitor,
        name="audit",
        head=["時間", "人員", "動作", "對象", "原本", "之後", "門市", "裝置"],
        portions=portions(),
        filters={"staff": staff_id, "action": action},
    )


def _cells(entry: AuditShown) -> list[object]:
    return [
        pages.show_moment(entry.at),
        entry.staff_name or "系統",
        words.of(words.ACTIONS, entry.action),
        words.object_of(entry.object),
        None if entry.before is None else facts.noted(entry.before),
        None if entry.after is None else facts.noted(entry.after),
        entry.store_name,
        entry.device,
    ]


def _older_url(older: int | None, staff_id: int | None, action: str) -> str | None:
    if older is None:
        return None
    return pages.with_query("/console/audit", staff=staff_id, action=action, before=older)

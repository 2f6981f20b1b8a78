"""Who looked at whose personal data is kept, as the protection of personal data asks."""

from fastapi import Request

from app.lookups import service as lookups
from app.lookups.rules import What
from app.staff.queries import Visitor
from app.web import security
from app.web.console.privacy import mask_for


def note(
    request: Request,
    visitor: Visitor,
    what: What,
    *,
    member_id: int | None = None,
    source: str | None = None,
    people: int = 1,
) -> None:
    """One row for a page that showed somebody. Nothing for a reader who sees no names, and nothing
    for a page that showed nobody."""
    mask = mask_for(visitor)
    if people == 0 or not mask.may_search_names:
        return
    with request.app.state.db.transaction() as session:
        lookups.note(
            session,
            staff_id=visitor.staff_id,
            what=what,
            member_id=member_id,
            source=source,
            people=people,
            is_full=mask.is_full,
            store_id=visitor.store_id,
            device=security.device(request),
            now=request.app.state.clock(),
        )

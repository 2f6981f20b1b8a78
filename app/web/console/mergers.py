"""/console/members/{id}/merge: two memberships of one person become one, after a look at what comes
of it, and for thirty days can be two again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.cards import queries as cards
from app.core.db import Database
from app.core.errors import DomainError, Invalid, NotFound
from app.coupons import queries as coupons
from app.members import queries as members
from app.mergers import queries, service
from app.mergers.service import NotMergeable
from app.purchases import queries as purchases
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import looks
from app.web.console.privacy import Mask, mask_for
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console", route_class=StaffRoute)
Merging = Annotated[Visitor, Depends(require(Permission.MERGE_MEMBERS))]
Typing = Annotated[str, Query(max_length=20)]

REFUSALS: Final = {
    "same": "這就是同一位會員，請輸入另一位的會員編號或手機。",
    "not_member": "兩位都必須是會員，才能合併。",
    "undone": "這次合併已經取消過了。",
    "too_late": "合併超過 30 天，不能再取消。",
    "busy": "保留的會員之後又與別人合併或已退會，請先取消較晚的那次合併。",
}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two, or what they will be together."""

    id: int
    number: str | None
    name: str
    phone: str
    tier: str
    balance: int
    pending: int
    coupons: int
    purchases: int
    has_line: bool


@dataclass(frozen=True, slots=True)
class MergeView:
    kept: Side
    typed: str
    other: Side | None = None
    together: Side | None = None
    reason: str = ""
    error: str = ""


class _Rehearsed(Exception):
    """Ends a rehearsal: everything done in it is rolled back."""


@router.get("/members/{member_id}/merge")
def look(request: Request, visitor: Merging, member_id: PathId, who: Typing = "") -> Response:
    return _page(request, visitor, member_id, who)


@router.post("/members/{member_id}/merge")
def merge(
    request: Request,
    visitor: Merging,
    member_id: PathId,
    absorbed_id: Annotated[int, Form()],
    who: Annotated[str, Form(max_length=20)] = "",
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    now = request.app.state.clock()
    try:
        with request.app.state.db.transaction() as session:
            merger_id = service.merge(
                session,
                kept_id=member_id,
                absorbed_id=absorbed_id,
                staff_id=visitor.staff_id,
                reason=reason,
                now=now,
            )
            _audit(session, request, visitor, "member.merged", member_id, merger_id, absorbed_id)
    except (NotMergeable, Invalid, NotFound) as refused:
        return _page(request, visitor, member_id, who, reason=reason, error=_why(refused))
    return RedirectResponse(f"/console/members/{member_id}#mergers", 303)


@router.post("/mergers/{merger_id}/undo")
def undo(request: Request, visitor: Merging, merger_id: PathId) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            merger = service.part(
                session,
                merger_id=merger_id,
                staff_id=visitor.staff_id,
                now=request.app.state.clock(),
            )
            _audit(
                session,
                request,
                visitor,
                "member.parted",
                merger.kept_id,
                merger_id,
                merger.absorbed_id,
            )
    except NotMergeable as refused:
        with request.app.state.db.reading() as session:
            kept_id = queries.merger(session, merger_id).kept_id
        return _page(request, visitor, kept_id, "", error=_why(refused))
    return RedirectResponse(f"/console/members/{merger.kept_id}#mergers", 303)


def _page(
    request: Request,
    visitor: Visitor,
    member_id: int,
    who: str,
    *,
    reason: str = "",
    error: str = "",
) -> Response:
    db, now, mask = request.app.state.db, request.app.state.clock(), mask_for(visitor)
    with db.reading() as session:
        kept = _side(session, member_id, mask, now)
        found = _found(session, who)
        other = None if found is None else _side(session, found, mask, now)
    for shown in filter(None, (kept, other)):
        looks.note(request, visitor, "merge", member_id=shown.id)
    if who.strip() and other is None and not error:
        error = "找不到這位會員，請確認會員編號或手機。"
    together = None
    if other is not None and not error:
        together, error = _rehearse(db, kept.id, other.id, mask, now)
    view = MergeView(
        kept=kept, typed=who, other=other, together=together, reason=reason, error=error
    )
    return pages.render(request, "console/merge.html", 422 if error else 200, view=view)


def _found(session: Session, typed: str) -> int | None:
    person = members.person_as_typed(session, typed)
    return None if person is None else person.id


def _rehearse(
    db: Database, kept_id: int, absorbed_id: int, mask: Mask, now: datetime
) -> tuple[Side | None, str]:
    """What the two would be together, from the very code that does it, and undone."""
    together = None
    try:
        with db.transaction() as session:
            service.merge(
                session,
                kept_id=kept_id,
                absorbed_id=absorbed_id,
                staff_id=None,
                reason="預覽",
                now=now,
            )
            together = _side(session, kept_id, mask, now)
            raise _Rehearsed
    except _Rehearsed:
        return together, ""
    except NotMergeable as refused:
        return None, _why(refused)


def _why(refused: DomainError) -> str:
    if isinstance(refused, NotMergeable):
        return REFUSALS[refused.reason]
    return "請填寫原因。" if isinstance(refused, Invalid) else "找不到這位會員。"


def _side(session: Session, member_id: int, mask: Mask, now: datetime) -> Side:
    person = members.person(session, member_id)
    card = cards.card(session, member_id, now=now)
    return Side(
        id=person.id,
        number=person.number,
        name=mask.name(person.called),
        phone=mask.phone(person.phone),
        tier=card.tier.name,
        balance=card.points.balance,
        pending=card.points.pending,
        coupons=len(coupons.usable_coupons(session, member_id, now=now)),
        purchases=purchases.count_of(session, member_id),
        has_line=person.line_user_id is not None,
    )


def _audit(
    session: Session,
    request: Request,
    visitor: Visitor,
    action: str,
    member_id: int,
    merger_id: int,
    absorbed_id: int,
) -> None:
    security.audit(
        request,
        session,
        visitor,
        action,
        f"member:{member_id}",
        after={"merger": merger_id, "absorbed": absorbed_id},
    )

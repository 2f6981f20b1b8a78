"""/console/invoices: what members registered, and what waits for a person."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.core.errors import Invalid, NotFound
from app.invoices import messages, queries, service
from app.invoices.queries import Claim
from app.invoices.service import NotReviewable
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import looks
from app.web.console.privacy import mask_for
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/invoices", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_MEMBERS))]
Reviewer = Annotated[Visitor, Depends(require(Permission.REVIEW_INVOICES))]

DONE: Final = {
    "approved": "已確認這張發票。",
    "rejected": "已退回，點數一併收回。",
    "late": "這張發票已經處理過了。",
    "reason": "退回要填寫原因。",
}


@dataclass(frozen=True, slots=True)
class Line:
    claim: Claim
    name: str
    may_review: bool


@dataclass(frozen=True, slots=True)
class InvoicesView:
    lines: tuple[Line, ...]
    counts: dict[str, int]
    status: str
    notice: str


@router.get("")
def invoices(
    request: Request,
    visitor: Reader,
    status: Annotated[str, Query(max_length=10)] = "",
    done: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    mask = mask_for(visitor)
    known = status if status in messages.STATES else ""
    with request.app.state.db.reading() as session:
        found = queries.claims(session, status=known or None)
        counts = queries.counts(session)
    looks.note(request, visitor, "list", source="invoices", people=len(found))
    may_review = visitor.may(Permission.REVIEW_INVOICES)
    lines = tuple(
        Line(
            claim,
            mask.name(claim.member_name),
            may_review and claim.status in ("pending", "review"),
        )
        for claim in found
    )
    view = InvoicesView(lines, counts, known, DONE.get(done, ""))
    return pages.render(request, "console/invoices.html", view=view, states=messages.STATES)


@router.post("/{claim_id}/approve")
def approve(request: Request, visitor: Reviewer, claim_id: PathId) -> Response:
    now = request.app.state.clock()
    try:
        with request.app.state.db.transaction() as session:
            service.approve(session, claim_id=claim_id, staff_id=visitor.staff_id, now=now)
            security.audit(request, session, visitor, "invoice.approved", f"invoice:{claim_id}")
    except NotReviewable:
        return RedirectResponse("/console/invoices?done=late", 303)
    return RedirectResponse("/console/invoices?done=approved", 303)


@router.post("/{claim_id}/reject")
def reject(
    request: Request,
    visitor: Reviewer,
    claim_id: PathId,
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    now = request.app.state.clock()
    try:
        with request.app.state.db.transaction() as session:
            service.reject(
                session,
                claim_id=claim_id,
                staff_id=visitor.staff_id,
                reason=reason,
                theme=request.app.state.settings.theme,
                now=now,
            )
            security.audit(
                request,
                session,
                visitor,
                "invoice.rejected",
                f"invoice:{claim_id}",
                after={"reason": reason} if reason else None,
            )
    except NotReviewable:
        return RedirectResponse("/console/invoices?done=late", 303)
    except NotFound:
        raise
    except Invalid:
        return RedirectResponse("/console/invoices?done=reason", 303)
    return RedirectResponse("/console/invoices?done=rejected", 303)

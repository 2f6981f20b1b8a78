"""/console/referrals: how far invitations come, and what waits for somebody's decision."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from starlette.responses import RedirectResponse

from app.referrals import queries, service
from app.referrals.models import STATUSES
from app.referrals.queries import Listed
from app.referrals.rules import NotWaiting
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security, words
from app.web.console import looks
from app.web.console.privacy import Mask, mask_for
from app.web.params import PathId, QueryId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/referrals", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_MEMBERS))]
Reviewer = Annotated[Visitor, Depends(require(Permission.REVIEW_REFERRALS))]
PAGE = 50
DONE = {
    "approved": "已核准，獎勵會在退貨期滿後發放。",
    "rejected": "已退回，雙方都不會收到獎勵。",
    "late": "這一筆已經有結果，沒有再處理一次。",
    "reason": "請填寫退回的原因。",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the funnel: how many came at least so far."""

    name: str
    number: int
    share: str  # of those who accepted an invitation


@dataclass(frozen=True, slots=True)
class Line:
    referral: Listed
    inviter: str
    friend: str
    why: str


@dataclass(frozen=True, slots=True)
class ReferralsView:
    stages: tuple[Stage, ...]
    waiting: tuple[Line, ...]
    lines: tuple[Line, ...]
    status: str
    statuses: tuple[str, ...]
    may_review: bool
    notice: str
    next_url: str | None
    is_first: bool


@router.get("")
def referrals(
    request: Request,
    visitor: Reader,
    status: Annotated[str, Query(max_length=10)] = "",
    before: QueryId = None,
    done: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    with request.app.state.db.reading() as session:
        stages = _stages(queries.ever(session))
        waiting = queries.waiting_for_review(session)
        found = queries.listed(session, status=status, before_id=before, limit=PAGE + 1)
    shown = len(waiting) + len(found[:PAGE])
    looks.note(request, visitor, "list", source="referrals", people=2 * shown)
    mask = mask_for(visitor)
    view = ReferralsView(
        stages=stages,
        waiting=tuple(_line(item, mask) for item in waiting),
        lines=tuple(_line(item, mask) for item in found[:PAGE]),
        status=status,
        statuses=STATUSES,
        may_review=visitor.may(Permission.REVIEW_REFERRALS),
        notice=DONE.get(done, ""),
        next_url=_older_url(found[PAGE - 1].id, status) if len(found) > PAGE else None,
        is_first=before is None,
    )
    return pages.render(request, "console/referrals.html", view=view)


def _older_url(older: int, status: str) -> str:
    return pages.with_query("/console/referrals", status=status, before=older)


def _stages(ever: queries.Ever) -> tuple[Stage, ...]:
    named = (
        ("接受邀請", ever.bound),
        ("完成入會", ever.joined),
        ("達成首購", ever.bought),
        ("發出獎勵", ever.rewarded),
    )
    whole = ever.bound
    return tuple(
        Stage(name, number, f"{number * 100 // whole}%" if whole else "—") for name, number in named
    )


def _line(item: Listed, mask: Mask) -> Line:
    why = "" if item.reason is None else words.of(words.REFERRAL_REASONS, item.reason)
    return Line(item, mask.name(item.inviter_name), mask.name(item.friend_name), why)


@router.post("/{referral_id}/approve")
def approve(request: Request, visitor: Reviewer, referral_id: PathId) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            service.approve(
                session,
                referral_id=referral_id,
                staff_id=visitor.staff_id,
                device=security.device(request),
                now=request.app.state.clock(),
            )
    except NotWaiting:
        return _back("late")
    return _back("approved")


@router.post("/{referral_id}/reject")
def reject(
    request: Request,
    visitor: Reviewer,
    referral_id: PathId,
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    if not reason.strip():
        return _back("reason")
    try:
        with request.app.state.db.transaction() as session:
            service.reject(
                session,
                referral_id=referral_id,
                reason=reason.strip(),
                staff_id=visitor.staff_id,
                device=security.device(request),
                now=request.app.state.clock(),
            )
    except NotWaiting:
        return _back("late")
    return _back("rejected")


def _back(done: str) -> Response:
    return RedirectResponse(f"/console/referrals?done={done}", 303)

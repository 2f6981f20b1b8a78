"""Correcting a member's points: at once within the limit of the role, else /console/corrections,
where a second person decides."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.core.errors import Conflict, DomainError, Invalid
from app.points import queries as points
from app.points import service as point_service
from app.points.queries import CorrectionShown
from app.points.rules import NotEnoughPoints
from app.points.service import (
    AdjustmentTooLarge,
    AlreadyDecided,
    Correction,
    Person,
    SecondPersonNeeded,
)
from app.programmes import queries as programmes
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console", route_class=StaffRoute)
Corrector = Annotated[Visitor, Depends(require(Permission.ADJUST_POINTS))]
Short = Annotated[str, Form(max_length=100)]

NOTICES: Final = {
    "done": (True, "點數已調整，會員在點數明細看得到原因。"),
    "waiting": (True, "超過您可以單獨調整的點數，已送出申請，等另一位同仁核准。"),
    "approved": (True, "已核准，點數已調整。"),
    "rejected": (True, "已退回申請，點數沒有變動。"),
    "points": (False, "請輸入要加或減的點數，例如 100 或 -100。"),
    "reason": (False, "請寫原因，最多 200 個字。"),
    "member": (False, "這位已經不是會員，不能調整點數。"),
    "short": (False, "扣的點數超過會員目前可用的點數。"),
    "conflict": (False, "這張表單已經送出過另一筆調整，請重新填寫。"),
    "second": (False, "自己申請的調整要由另一位同仁核准。"),
    "limit": (False, "這筆超過您可以核准的點數。"),
    "decided": (False, "這筆申請已經處理過。"),
}


@dataclass(frozen=True, slots=True)
class CorrectionsView:
    waiting: tuple[CorrectionShown, ...]
    decided: tuple[CorrectionShown, ...]
    limit: int | None  # points this visitor may decide on
    notice: tuple[bool, str] | None


@router.post("/members/{member_id}/points")
def correct(
    request: Request,
    visitor: Corrector,
    member_id: PathId,
    change: Short = "",
    reason: Annotated[str, Form(max_length=1000)] = "",
    form_id: Short = "",
) -> Response:
    """`form_id` is made with the form, so that it counts once however often it is sent."""
    try:
        with request.app.state.db.transaction() as session:
            word = _correct(request, session, visitor, member_id, change, reason, form_id)
    except DomainError as error:
        word = word_for(error)
    return RedirectResponse(f"/console/members/{member_id}?notice={word}#points", 303)


def _correct(
    request: Request,
    session: Session,
    visitor: Visitor,
    member_id: int,
    change: str,
    reason: str,
    form_id: str,
) -> str:
    now = request.app.state.clock()
    wanted = Correction(
        f"{visitor.staff_id}-{form_id}"[:80], member_id, _signed(change), " ".join(reason.split())
    )
    terms = programmes.terms_at(session, now)
    done = point_service.correct(session, wanted, by=_person(visitor), terms=terms, now=now)
    if isinstance(done, int):
        _audit(request, session, visitor, "points.correction_asked", wanted)
        return "waiting"
    if done.is_new:
        _audit(request, session, visitor, "points.corrected", wanted)
    return "done"


@router.get("/corrections")
def corrections(request: Request, visitor: Corrector, notice: str = "") -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        view = CorrectionsView(
            waiting=tuple(points.corrections(session, is_waiting=True)),
            decided=tuple(points.corrections(session, is_waiting=False)),
            limit=programmes.terms_at(session, now).adjustments.limit(visitor.role),
            notice=NOTICES.get(notice),
        )
    return pages.render(request, "console/corrections.html", view=view)


@router.post("/corrections/{correction_id}/approve")
def approve(request: Request, visitor: Corrector, correction_id: PathId) -> Response:
    now = request.app.state.clock()
    try:
        with request.app.state.db.transaction() as session:
            terms = programmes.terms_at(session, now)
            done = point_service.approve(
                session, correction_id=correction_id, by=_person(visitor), terms=terms, now=now
            )
            _audit(request, session, visitor, "points.correction_approved", done)
    except DomainError as error:
        return _decided(word_for(error))
    return _decided("approved")


@router.post("/corrections/{correction_id}/reject")
def reject(request: Request, visitor: Corrector, correction_id: PathId) -> Response:
    now = request.app.state.clock()
    try:
        with request.app.state.db.transaction() as session:
            done = point_service.reject(
                session, correction_id=correction_id, by=_person(visitor), now=now
            )
            _audit(request, session, visitor, "points.correction_rejected", done)
    except DomainError as error:
        return _decided(word_for(error))
    return _decided("rejected")


def _decided(word: str) -> Response:
    return RedirectResponse(f"/console/corrections?notice={word}", 303)


def _person(visitor: Visitor) -> Person:
    return Person(visitor.staff_id, visitor.role)


def _signed(typed: str) -> int:
    """Raises Invalid."""
    digits = typed.strip().replace(",", "").replace("＋", "+").replace("－", "-").replace("−", "-")
    bare = digits.removeprefix("+").removeprefix("-")
    if not (bare.isascii() and bare.isdigit() and len(bare) <= 9):
        raise Invalid("points", "is no whole number")
    return -int(bare) if digits.startswith("-") else int(bare)


def word_for(error: DomainError) -> str:
    """The notice that says it; what is none of them goes on as an error. Raises DomainError."""
    match error:
        case Invalid(field="points" | "reason" | "member" as field):
            return field
        case NotEnoughPoints():
            return "short"
        case Conflict():
            return "conflict"
        case SecondPersonNeeded():
            return "second"
        case AdjustmentTooLarge():
            return "limit"
        case AlreadyDecided():
            return "decided"
    raise error


def _audit(
    request: Request, session: Session, visitor: Visitor, action: str, correction: Correction
) -> None:
    security.audit(
        request,
        session,
        visitor,
        action,
        f"member:{correction.member_id}",
        after={"points": correction.points, "reason": correction.reason},
    )

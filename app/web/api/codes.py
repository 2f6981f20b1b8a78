"""A member without their card at the till: a code by SMS stands in for the rotating QR."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.cards import service as cards
from app.core import text
from app.core.errors import DomainError
from app.members import queries as members
from app.staff.queries import Machine
from app.staff.rules import Scope
from app.verifications.rules import Expired, Wrong
from app.verifications.service import NotVerified, SentTooOften, SentTooRecently, TriedTooOften
from app.web.api import answers, bodies
from app.web.api.problems import Problem, responses
from app.web.api.tokens import Allowed

router = APIRouter(tags=["members"])
Till = Annotated[Machine, Depends(Allowed(Scope.WRITE_PURCHASES))]


@router.post(
    "/members/codes",
    status_code=202,
    response_model=bodies.CodeSentOut,
    responses=responses(400, 401, 403, 404, 413, 415, 422, 429, 503),
)
async def send(request: Request, body: bodies.CodeWanted, _till: Till) -> Response:
    """Send a six-digit code to a member's phone. It lives five minutes."""
    now = request.app.state.clock()

    def run() -> Any:
        with request.app.state.db.transaction() as session:
            sent = cards.send_code(
                session,
                member_id=_member_id(session, body.phone),
                brand=request.app.state.brand,
                key=request.app.state.key,
                now=now,
            )
        return {"again_at": sent.again_at.isoformat(), "expires_at": sent.expires_at.isoformat()}

    return answers.json_answer(await run_in_threadpool(_patiently, run, now), status=202)


@router.post(
    "/members/codes/check",
    response_model=bodies.CardOut,
    responses=responses(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
)
async def check(request: Request, body: bodies.CodeRead, _till: Till) -> Response:
    """Give the code that the member read out; get a `card` that is good for one sale, as the QR on
    their screen would be."""
    now = request.app.state.clock()

    def run() -> Any:
        with request.app.state.db.transaction() as session:
            member_id = _member_id(session, body.phone)
            checked = cards.check_code(
                session,
                member_id=member_id,
                code=body.code,
                key=request.app.state.key,
                now=now,
            )
            if isinstance(checked, Wrong | Expired):
                return checked  # committed: the try counts
            card = cards.issue_token(session, member_id=member_id, now=now)
        return {"card": card.text, "expires_at": card.expires_at.isoformat()}

    found = await run_in_threadpool(_patiently, run, now)
    if isinstance(found, Wrong):
        reason = f"wrong, {found.tries_left} tries left"
        raise Problem(409, "the code is wrong", errors=[("code", reason)])
    if isinstance(found, Expired):
        raise Problem(409, "no code is alive", errors=[("code", "expired, send a new one")])
    return answers.json_answer(found)


def _member_id(session: Session, phone: str) -> int:
    """Raises Invalid naming the field, Problem 404."""
    found = members.person_by_phone(session, text.parse_phone(phone))
    if found is None or not found.is_member:
        raise Problem(404, "no such member")
    return found.id


def _patiently(run: Any, now: datetime) -> Any:
    """Raises Problem 429 for what must wait, 409 for a code that was spent."""
    try:
        return run()
    except (SentTooRecently, SentTooOften) as error:
        raise _later(error, error.again_at, now) from error
    except TriedTooOften as error:
        raise _later(error, error.until, now) from error
    except NotVerified as error:
        reason = "was used, send a new one"
        raise Problem(409, "the code was used", errors=[("code", reason)]) from error


def _later(error: DomainError, at: datetime, now: datetime) -> Problem:
    seconds = max(1, int((at - now).total_seconds()))
    return Problem(429, str(error), retry_after=seconds)

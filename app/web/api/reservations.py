"""Coupons held for an order that is being checked out in a shop on the web."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.coupons import service as coupons
from app.staff.queries import Machine
from app.staff.rules import Scope
from app.web.api import answers, bodies
from app.web.api.members import find
from app.web.api.problems import responses
from app.web.api.tokens import Allowed
from app.web.api.writer import Posting, Writer

router = APIRouter(tags=["purchases"])
Till = Annotated[Machine, Depends(Allowed(Scope.WRITE_PURCHASES))]
ExternalId = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$", min_length=1, max_length=80)
]


@router.post(
    "/coupons/reservations",
    response_model=bodies.ReservationOut,
    responses=responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
async def reserve(request: Request, body: bodies.Reservation, _till: Till) -> Response:
    """Hold coupons for 15 minutes for the sale of this `external_id`; nothing else can use them.
    Again with the same id: 15 minutes from now."""
    now = request.app.state.clock()
    member = {name: value for name, value in body.member.model_dump().items() if value}

    def run(session: Session) -> dict[str, Any]:
        person = find(session, now, **member)
        codes = [code.upper() for code in dict.fromkeys(body.coupons)]
        until = coupons.reserve(
            session, codes=codes, member_id=person.id, order_id=body.external_id, now=now
        )
        return {"external_id": body.external_id, "coupons": codes, "until": until.isoformat()}

    writer: Writer = request.app.state.writer
    key = next(iter(member.values()))
    return answers.json_answer(await writer.submit(Posting(key, run)))


@router.delete(
    "/coupons/reservations/{external_id}",
    response_model=bodies.ReleasedOut,
    responses=responses(401, 403, 422, 503),
)
async def release(request: Request, external_id: ExternalId, _till: Till) -> Response:
    """Let go of what was held for the order, at once. Again: nothing more."""
    now = request.app.state.clock()

    def run(session: Session) -> dict[str, Any]:
        return {"released": coupons.release(session, order_id=external_id, now=now)}

    writer: Writer = request.app.state.writer
    return answers.json_answer(await writer.submit(Posting(external_id, run)))

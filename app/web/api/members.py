"""Who stands at the till, for a POS that shows it."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.cards import queries as cards
from app.cards import service as card_service
from app.core import text
from app.core.errors import Invalid
from app.coupons import queries as coupons
from app.members import queries as members
from app.members.queries import Person
from app.staff.queries import Machine
from app.staff.rules import Scope
from app.web.api import answers, bodies
from app.web.api.problems import Problem, responses
from app.web.api.tokens import Allowed

router = APIRouter(tags=["members"])
Reader = Annotated[Machine, Depends(Allowed(Scope.READ_MEMBERS))]


@router.get(
    "/members/lookup",
    response_model=bodies.MemberOut,
    responses=responses(401, 403, 404, 409, 422),
)
async def look_up(
    request: Request,
    _reader: Reader,
    number: Annotated[str | None, Query(max_length=20)] = None,
    phone: Annotated[str | None, Query(max_length=30)] = None,
    line_user_id: Annotated[str | None, Query(max_length=40)] = None,
    card: Annotated[str | None, Query(max_length=60)] = None,
) -> Response:
    """One member by exactly one of the four. Looking a card up does not use it up."""
    given = {
        name: value
        for name, value in (
            ("number", number),
            ("phone", phone),
            ("line_user_id", line_user_id),
            ("card", card),
        )
        if value
    }
    if len(given) != 1:
        reason = "give exactly one of number, phone, line_user_id, card"
        raise Problem(422, reason, errors=[("number", reason)])
    now = request.app.state.clock()

    def read() -> dict[str, Any]:
        with request.app.state.db.reading() as session:
            person = find(session, now, **given)
            shown = cards.card(session, person.id, now=now)
            held = coupons.usable_coupons(session, person.id, now=now)
            return answers.member(shown, held)

    return answers.json_answer(await run_in_threadpool(read))


def find(
    session: Session,
    now: datetime,
    *,
    number: str = "",
    phone: str = "",
    line_user_id: str = "",
    card: str = "",
) -> Person:
    """Raises Problem 404, Invalid naming the field, TokenDead."""
    found: Person | None
    if "\x00" in number + phone + line_user_id + card:
        raise Invalid("number", "control characters")
    if card:
        shown = card_service.shown(session, text=card.upper(), now=now)
        found = members.person(session, shown.member_id)
    elif number:
        found = members.person_by_number(session, number)
    elif phone:
        found = members.person_by_phone(session, text.parse_phone(phone))
    else:
        found = members.person_by_line_id(session, line_user_id)
    if found is None or not found.is_member:
        raise Problem(404, "no such member")
    return found

"""What coupons would take off a sale, before it is rung up: for a till that asks its cashier."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.checkouts import queries as checkouts
from app.coupons import queries as coupons
from app.coupons.queries import HeldCoupon
from app.coupons.rules import CouponNotUsable
from app.purchases.rules import Item
from app.staff.queries import Machine
from app.staff.rules import Scope
from app.web.api import answers, bodies
from app.web.api.members import find
from app.web.api.problems import Problem, responses
from app.web.api.tokens import Allowed

router = APIRouter(tags=["purchases"])
Reader = Annotated[Machine, Depends(Allowed(Scope.READ_MEMBERS))]


@router.post(
    "/coupons/quote",
    response_model=bodies.QuoteOut,
    responses=responses(400, 401, 403, 404, 409, 413, 415, 422),
)
async def quote(request: Request, body: bodies.QuoteWanted, _reader: Reader) -> Response:
    """What each coupon takes off and in which order, what the others would add or why they cannot
    be added. Nothing is recorded, no coupon is used, a card is not used up."""

    def read() -> dict[str, Any]:
        with request.app.state.db.reading() as session:
            return _quoted(session, body, request.app.state.clock())

    return answers.json_answer(await run_in_threadpool(read))


def _quoted(session: Session, body: bodies.QuoteWanted, now: datetime) -> dict[str, Any]:
    """Raises Problem, CouponNotUsable."""
    member = {name: value for name, value in body.member.model_dump().items() if value}
    person = find(session, now, **member)
    held = coupons.usable_coupons(session, person.id, now=now)
    by_code = {coupon.code: coupon for coupon in held}
    unknown = [code for code in body.coupons if code.upper() not in by_code]
    if unknown:
        raise Problem(409, "no such usable coupon of this member", errors=[("coupons", unknown[0])])
    items = tuple(Item(**item.model_dump()) for item in body.items)
    around = checkouts.situation(
        session,
        member_id=person.id,
        amount=body.amount,
        at=body.sold_at or now,
        store=body.store or "",
        channel="pos",
        items=items,
    )
    chosen = [by_code[code.upper()].chosen() for code in dict.fromkeys(body.coupons)]
    found = checkouts.quote(chosen, held, around)
    return {
        "coupons": [
            _coupon(by_code[code]) | {"discount": off} for code, off in found.stack.parts.items()
        ],
        "discount": found.stack.total,
        "to_pay": body.amount - found.stack.total,
        "others": [_other(by_code[code], more) for code, more in found.others.items()],
    }


def _coupon(held: HeldCoupon) -> dict[str, Any]:
    return {"code": held.code, "name": held.name, "type": held.type}


def _other(held: HeldCoupon, more: int | CouponNotUsable) -> dict[str, Any]:
    if isinstance(more, CouponNotUsable):
        return _coupon(held) | {"adds": None, "why_not": more.reason}
    return _coupon(held) | {"adds": more, "why_not": None}

"""What coupons would take off a sale, before it is rung up: for a till that asks its cashier."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.checkouts import queries as checkouts
from app.coupons import queries as coupons
from app.coupons import service as coupon_service
from app.coupons.queries import HeldCoupon
from app.coupons.rules import Chosen, CouponNotUsable, words
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
    order_id = body.external_id or ""
    held = coupons.usable_coupons(session, person.id, now=now, order_id=order_id)
    around = checkouts.situation(
        session,
        member_id=person.id,
        amount=body.amount,
        at=body.sold_at or now,
        store=body.store or "",
        channel="pos",
        items=tuple(Item(**item.model_dump()) for item in body.items),
    )
    priced = _priced(session, body.coupons, person.id, order_id, now)
    found = checkouts.quote([one.chosen for one in priced.values()], held, around)
    by_code = {coupon.code: coupon for coupon in held}
    return {
        "coupons": [
            {"code": code, "name": priced[code].name, "type": priced[code].chosen.offer.type}
            | {"discount": off}
            for code, off in found.stack.parts.items()
        ],
        "discount": found.stack.total,
        "to_pay": body.amount - found.stack.total,
        "others": [_other(by_code[code], more) for code, more in found.others.items()],
    }


@dataclass(frozen=True, slots=True)
class _Priced:
    chosen: Chosen
    name: str


def _priced(
    session: Session, said: Sequence[str], member_id: int, order_id: str, now: datetime
) -> dict[str, _Priced]:
    """What the sale would use for each code or word, by its code. A word that gave the member
    nothing yet is priced as what it gives now. Raises Problem."""
    codes = [code.upper() for code in dict.fromkeys(said)]
    own = {
        code: coupon_service.held_of_word(
            session, word=code, member_id=member_id, order_id=order_id, now=now
        )
        or code
        for code in codes
    }
    known = coupons.usable_by_code(
        session, member_id, codes=list(own.values()), now=now, order_id=order_id
    )
    found: dict[str, _Priced] = {}
    for code in codes:
        held = known.get(own[code])
        if held is not None:
            found[held.code] = _Priced(held.chosen(), held.name)
            continue
        kind_code = coupons.kind_of_word(session, code)
        kind = None if kind_code is None else coupons.newest_offer(session, kind_code)
        if kind is None:
            raise Problem(409, "no such usable coupon of this member", errors=[("coupons", code)])
        offer = words.offer_of(kind.draft)
        found[code] = _Priced(Chosen(code, offer, kind.draft.code), kind.draft.name)
    return found


def _other(held: HeldCoupon, more: int | CouponNotUsable) -> dict[str, Any]:
    told = {"code": held.code, "name": held.name, "type": held.type}
    if isinstance(more, CouponNotUsable):
        return told | {"adds": None, "why_not": more.reason}
    return told | {"adds": more, "why_not": None}

"""Sales and refunds of a till."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.cards import service as cards
from app.cards.service import TokenDead
from app.checkouts import service as checkouts
from app.checkouts.service import Checkout, CouponUse, ExchangeOrder, PointPayment
from app.core import text
from app.core.clock import taipei_date
from app.core.errors import Invalid, NotFound
from app.members import queries as members
from app.purchases import queries
from app.purchases.rules import Item, PurchaseOrder, RefundOrder
from app.staff import queries as staff
from app.staff.queries import Machine
from app.staff.rules import Scope
from app.web.api import answers, bodies
from app.web.api.problems import Problem, responses
from app.web.api.tokens import Allowed
from app.web.api.writer import Posting, Writer

router = APIRouter(tags=["purchases"])
Till = Annotated[Machine, Depends(Allowed(Scope.WRITE_PURCHASES))]
ExternalId = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$", min_length=1, max_length=80)
]


@router.post(
    "/purchases",
    status_code=201,
    response_model=bodies.CheckoutOut,
    responses=responses(400, 401, 403, 409, 413, 415, 422, 503)
    | {200: {"model": bodies.CheckoutOut, "description": "the same call was answered before"}},
)
async def record(request: Request, body: bodies.Purchase, _till: Till) -> Response:
    """Record a sale: points, tier, receipt follow at once. Repeat it freely with the same body."""
    return await _post(request, posting_of(request, body))


def posting_of(request: Request, body: bodies.Purchase) -> Posting:
    """The sale as the writer takes it. Raises Invalid for what only a member can use, and for a
    coupon said in two ways."""
    now = request.app.state.clock()
    sold_at = body.sold_at or now
    if body.coupon is not None and body.coupons:
        raise Invalid("coupons", "give either coupon or coupons")
    uses = _coupons(body)
    if uses and body.member is None:
        field = "coupons" if body.coupons else "coupon"
        raise Invalid(field, "needs a member whose coupon it is")
    if body.points is not None and (body.member is None or not body.member.card):
        raise Invalid("points", "needs member.card, the QR on the member's own screen")

    def run(session: Session) -> Checkout:
        order = _order(session, body, sold_at, now)
        return checkouts.record_purchase(
            session,
            order=order,
            now=now,
            coupons=uses,
            payment=_payment(body.points),
            theme=request.app.state.theme,
        )

    return Posting(_key(body.member), run)


@router.post(
    "/purchases/{external_id}/refunds",
    status_code=201,
    response_model=bodies.RefundedOut,
    responses=responses(400, 401, 403, 404, 409, 413, 415, 422, 503)
    | {200: {"model": bodies.RefundedOut, "description": "the same call was answered before"}},
)
async def refund(
    request: Request, external_id: ExternalId, body: bodies.Refund, _till: Till
) -> Response:
    """Give money of a sale back; points and tier follow. In parts, up to the whole sale."""
    now = request.app.state.clock()
    order = RefundOrder(
        external_id=body.external_id,
        purchase_external_id=external_id,
        amount=body.amount,
        items=tuple(item.model_dump() for item in body.items),
    )

    def run(session: Session) -> Checkout:
        return checkouts.refund_purchase(
            session, order=order, now=now, theme=request.app.state.theme
        )

    return await _post(request, Posting(external_id, run))


@router.post(
    "/purchases/{external_id}/exchanges",
    status_code=201,
    response_model=bodies.ExchangedOut,
    responses=responses(400, 401, 403, 404, 409, 413, 415, 422, 503)
    | {200: {"model": bodies.ExchangedOut, "description": "the same call was answered before"}},
)
async def exchange(
    request: Request, external_id: ExternalId, body: bodies.Exchange, _till: Till
) -> Response:
    """Goods come back and others go out: a refund and a sale in one step, or neither."""
    now = request.app.state.clock()
    sale = body.sale
    if sale.points is not None and not sale.card:
        raise Invalid("sale.points", "needs sale.card, the QR on the member's own screen")

    def run(session: Session) -> Checkout:
        if sale.card:
            _check_holder(session, sale.card, external_id, body.external_id, now)
        return checkouts.exchange_purchase(
            session,
            order=_exchange(session, external_id, body, now),
            now=now,
            coupons=_uses(sale.coupons),
            payment=_payment(sale.points),
            theme=request.app.state.theme,
        )

    return await _post(request, Posting(external_id, run))


def _exchange(
    session: Session, external_id: str, body: bodies.Exchange, now: datetime
) -> ExchangeOrder:
    sale = body.sale
    sold_at = sale.sold_at or now
    return ExchangeOrder(
        external_id=body.external_id,
        purchase_external_id=external_id,
        back=body.back.amount,
        items_back=tuple(item.model_dump() for item in body.back.items),
        amount=sale.amount,
        at=sold_at,
        items=tuple(Item(**item.model_dump()) for item in sale.items),
        store_id=None if sale.store is None else _store_id(session, sale.store),
        said=_said(body, sale.sold_at),
        **_invoice(sale.invoice_number, sold_at),
    )


def _check_holder(
    session: Session, card: str, external_id: str, exchange_id: str, now: datetime
) -> None:
    """The card pays for its own sale's exchange only. Raises TokenDead, Invalid."""
    holder = _card_holder(session, card, exchange_id, now)
    bought = queries.purchase_by_external_id(session, external_id)
    if bought is not None and bought.member_id != holder:
        raise Invalid("sale.card", "is the card of another member than the sale's")


@router.get(
    "/purchases/{external_id}",
    response_model=bodies.CheckoutOut,
    responses=responses(401, 403, 404, 422),
)
async def show(request: Request, external_id: ExternalId, _till: Till) -> Response:
    """What a sale was answered, with what of it was refunded since."""

    def read() -> Any:
        with request.app.state.db.reading() as session:
            return queries.purchase_by_external_id(session, external_id)

    found = await run_in_threadpool(read)
    if found is None:
        raise Problem(404, "no purchase has this external_id")
    facts = dict(found.receipt)
    facts["purchase"] = facts["purchase"] | {"refunded": found.refunded}
    return answers.json_answer(facts)


async def _post(request: Request, posting: Posting) -> Response:
    writer: Writer = request.app.state.writer
    done: Checkout = await writer.submit(posting)
    return answers.json_answer(done.facts, status=201 if done.is_new else 200)


def _key(member: bodies.MemberRef | None) -> str:
    if member is None:
        return ""
    return member.number or member.phone or member.line_user_id or member.card or ""


def _coupons(body: bodies.Purchase) -> tuple[CouponUse, ...]:
    if body.coupon is not None:
        return (CouponUse(body.coupon, body.coupon_discount),)
    return _uses(body.coupons or ())


def _uses(coupons: Sequence[bodies.CouponUsed]) -> tuple[CouponUse, ...]:
    return tuple(CouponUse(used.code, used.discount) for used in coupons)


def _payment(points: bodies.PointsUsed | None) -> PointPayment | None:
    return None if points is None else PointPayment(points.redeem, "card", points.discount)


def _order(
    session: Session, body: bodies.Purchase, sold_at: datetime, now: datetime
) -> PurchaseOrder:
    return PurchaseOrder(
        external_id=body.external_id,
        amount=body.amount,
        sold_at=sold_at,
        channel="pos",
        member_id=None if body.member is None else _member_id(session, body, body.member, now),
        store_id=None if body.store is None else _store_id(session, body.store),
        items=tuple(Item(**item.model_dump()) for item in body.items),
        said=_said(body, body.sold_at),
        **_invoice(body.invoice_number, sold_at),
    )


def _invoice(typed: str | None, sold_at: datetime) -> dict[str, Any]:
    """Number and period, as fields of an order."""
    if typed is None:
        return {}
    period = text.invoice_period(taipei_date(sold_at))
    return {"invoice_number": typed.replace("-", "").upper(), "invoice_period": period}


def _said(body: bodies.Body, sold_at: datetime | None) -> dict[str, Any]:
    """The call in one form, so that the same words give the same content."""
    said = body.model_dump(mode="json", exclude_none=True)
    if sold_at is not None:
        said["sold_at"] = sold_at.astimezone(UTC).isoformat()
    return said


def _member_id(
    session: Session, body: bodies.Purchase, member: bodies.MemberRef, now: datetime
) -> int:
    """Raises Invalid naming the field, TokenDead."""
    if member.card:
        return _card_holder(session, member.card, body.external_id, now)
    if member.number:
        found = members.person_by_number(session, member.number)
    elif member.phone:
        try:
            phone = text.parse_phone(member.phone)
        except Invalid as error:
            raise Invalid("member.phone", error.reason) from error
        found = members.person_by_phone(session, phone)
    else:
        found = members.person_by_line_id(session, member.line_user_id or "")
    if found is None or not found.is_member:
        raise Invalid("member", "no such member")
    return found.id


def _card_holder(session: Session, card: str, external_id: str, now: datetime) -> int:
    """The code is used up by the sale; the same sale told again finds it used. Raises TokenDead."""
    try:
        return cards.use_token(session, text=card.upper(), purpose="till", now=now)
    except TokenDead:
        known = queries.purchase_by_external_id(session, external_id)
        if known is None or known.member_id is None:
            raise
        return known.member_id


def _store_id(session: Session, code: str) -> int:
    try:
        return staff.store_by_code(session, code).id
    except NotFound as error:
        raise Invalid("store", "no such store") from error

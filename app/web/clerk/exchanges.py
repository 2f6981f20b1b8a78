"""/clerk/today/{sale}/exchange: goods come back and others go out, shown before it is done."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.checkouts import queries as checkout_queries
from app.checkouts import service as checkouts
from app.checkouts.service import Checkout, CouponUse, ExchangeOrder
from app.core import ids, money, text
from app.core.clock import taipei_date
from app.core.errors import DomainError, NotFound
from app.coupons import queries as coupons
from app.coupons import rules as coupon_rules
from app.insights.queries import till
from app.insights.queries.till import SaleShown
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.staff.service import LoginBlocked
from app.web import pages, security
from app.web.clerk import refusals
from app.web.clerk.baskets import CHANNEL, LARGEST, AmountTooLarge
from app.web.clerk.today import NOT_APPROVED, approver_of, masked, sale_of
from app.web.login import wait_words
from app.web.security import StaffRoute, require


class ExchangeRoute(StaffRoute):
    judged = frozenset({"back", "amount", "invoice"})


router = APIRouter(prefix="/clerk/today/{external_id}/exchange", route_class=ExchangeRoute)
Server = Annotated[Visitor, Depends(require(Permission.SERVE, needs_store=True))]
Short = Annotated[str, Form(max_length=100)]


class CouponStaysUsed(DomainError):
    """Of a sale that is given back in part the coupon stays used."""


@dataclass(frozen=True, slots=True)
class Typed:
    """As it came from the form. `amount` is of the goods that go out, before coupons."""

    back: str = ""
    amount: str = ""
    invoice: str = ""
    keeps_coupons: bool = False
    form_id: str = ""


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """`facts` of the rehearsed exchange; empty while the form is filled in."""

    sale: SaleShown
    name: str
    may_keep_coupons: bool
    needs_approval: bool
    typed: Typed
    facts: dict[str, Any]
    error: str = ""


class _Rehearsed(Exception):
    """Ends a rehearsal: everything done in it is rolled back."""

    def __init__(self, facts: dict[str, Any]) -> None:
        super().__init__("rehearsed")
        self.facts = facts


@router.get("")
def exchange_page(request: Request, visitor: Server, external_id: str) -> Response:
    return _page(request, visitor, external_id, None)


@router.post("")
def exchange(
    request: Request,
    visitor: Server,
    external_id: str,
    back: Short = "",
    amount: Short = "",
    invoice: Short = "",
    keeps_coupons: Short = "",
    form_id: Short = "",
    sure: Short = "",
    login: Short = "",
    password: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Shows what would happen; with `sure` it does."""
    typed = Typed(back, amount, invoice, bool(keeps_coupons), form_id or ids.random_code())
    try:
        facts = _rehearsed(request, visitor, external_id, typed)
    except NotFound as missing:
        if missing.what == "purchase":
            raise
        return _page(request, visitor, external_id, typed, error=refusals.sentence(missing))
    except DomainError as error:
        return _page(request, visitor, external_id, typed, error=_sentence(error))
    if not sure:
        return _page(request, visitor, external_id, typed, facts=facts)
    try:
        approver = approver_of(request, visitor, login, password)
    except LoginBlocked as blocked:
        sentence = wait_words(blocked, request.app.state.clock())
        return _page(request, visitor, external_id, typed, facts=facts, error=sentence)
    if approver is None:
        return _page(request, visitor, external_id, typed, facts=facts, error=NOT_APPROVED)

    def work(session: Session) -> None:
        _swap(request, session, visitor, approver, external_id, typed)

    try:
        request.app.state.db.carried_out(work)
    except DomainError as error:
        return _page(request, visitor, external_id, typed, error=_sentence(error))
    return RedirectResponse(f"/clerk/today#{facts['exchange']['external_id']}", 303)


def _rehearsed(
    request: Request, visitor: Visitor, external_id: str, typed: Typed
) -> dict[str, Any]:
    """What would happen, from the very code that does it, and undone. Raises DomainError."""

    def work(session: Session) -> None:
        raise _Rehearsed(_carry_out(request, session, visitor, external_id, typed).facts)

    try:
        request.app.state.db.carried_out(work)
    except _Rehearsed as ended:
        return ended.facts
    raise AssertionError("a rehearsal ends itself")


def _swap(
    request: Request,
    session: Session,
    visitor: Visitor,
    approver: int,
    external_id: str,
    typed: Typed,
) -> None:
    sale = sale_of(session, visitor, external_id)
    done = _carry_out(request, session, visitor, external_id, typed)
    if not done.is_new:
        return
    told = done.facts["exchange"]
    security.audit(
        request,
        session,
        visitor,
        "purchase.exchanged",
        f"purchase:{sale.id}",
        before={"refunded": sale.refunded},
        after={
            "refunded": sale.refunded + told["back"],
            "amount": told["amount"],
            "new": done.purchase_id,
            "approved_by": approver,
        },
    )


def _carry_out(
    request: Request, session: Session, visitor: Visitor, external_id: str, typed: Typed
) -> Checkout:
    """Raises DomainError."""
    now: datetime = request.app.state.clock()
    sale = sale_of(session, visitor, external_id)
    back = money.parse(typed.back, field="amount")
    amount = money.parse(typed.amount, field="amount")
    if amount > LARGEST:
        raise AmountTooLarge
    invoice = text.parse_invoice_number(typed.invoice) if typed.invoice.strip() else None
    exchange_id = f"exchange-{sale.id}-{typed.form_id}"[:80]
    uses: tuple[CouponUse, ...] = ()
    if typed.keeps_coupons:
        uses = _coupons(session, visitor, sale, back, amount, exchange_id, now)
    order = ExchangeOrder(
        external_id=exchange_id,
        purchase_external_id=external_id,
        back=back,
        amount=amount - sum(use.discount for use in uses),
        at=now,
        channel=CHANNEL,
        store_id=visitor.store_id,
        staff_id=visitor.staff_id,
        invoice_number=invoice,
        invoice_period=invoice and text.invoice_period(taipei_date(now)),
    )
    return checkouts.exchange_purchase(
        session,
        order=order,
        now=now,
        coupons=uses,
        theme=request.app.state.settings.theme,
    )


def _coupons(
    session: Session,
    visitor: Visitor,
    sale: SaleShown,
    back: int,
    amount: int,
    exchange_id: str,
    now: datetime,
) -> tuple[CouponUse, ...]:
    """The coupons of the sale, priced on the goods that go out. Raises CouponStaysUsed,
    CouponNotUsable."""
    known = till.sale(session, store_id=visitor.store_id or 0, external_id=exchange_id)
    if known is not None:  # the same form again
        used = coupons.used_on_sale(session, known.id)
        return tuple(CouponUse(one.code, one.discount or 0) for one in used)
    held = coupons.used_on_sale(session, sale.id)
    if sale.member_id is None or not held:
        return ()
    if back < sale.rest:
        raise CouponStaysUsed
    around = checkout_queries.situation(
        session,
        member_id=sale.member_id,
        amount=amount,
        at=now,
        store=visitor.store_code or "",
        channel=CHANNEL,
        instead_of=sale.id,
    )
    parts = coupon_rules.stack([coupon.chosen() for coupon in held], around).parts
    return tuple(CouponUse(code, off) for code, off in parts.items())


def _sentence(error: DomainError) -> str:
    if isinstance(error, CouponStaysUsed):
        return "整筆換貨時，原本的優惠券才會退回、可以再用。部分換貨請取消勾選。"
    return refusals.sentence(error)


def _page(
    request: Request,
    visitor: Visitor,
    external_id: str,
    typed: Typed | None,
    *,
    facts: dict[str, Any] | None = None,
    error: str = "",
) -> Response:
    with request.app.state.db.reading() as session:
        sale = sale_of(session, visitor, external_id)
        held = coupons.used_on_sale(session, sale.id)
    view = ExchangeView(
        sale=sale,
        name=masked(sale),
        may_keep_coupons=bool(held) and not any(one.offer.wants_goods for one in held),
        needs_approval=not visitor.may(Permission.REFUND),
        typed=typed or Typed(back=str(sale.rest), form_id=ids.random_code()),
        facts=facts or {},
        error=error,
    )
    return pages.render(request, "clerk/exchange.html", 409 if error else 200, view=view)

"""/clerk/today: what this store sold to members today, and giving money back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.checkouts import service as checkouts
from app.core import ids, money, text
from app.core.errors import DomainError, NotFound
from app.insights.queries import till
from app.insights.queries.till import DayAtStore, SaleShown
from app.purchases.rules import RefundOrder
from app.staff import queries
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.staff.service import LoginBlocked
from app.web import pages, security
from app.web.clerk import refusals
from app.web.login import proven, wait_words
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/clerk/today", route_class=StaffRoute)
Server = Annotated[Visitor, Depends(require(Permission.SERVE, needs_store=True))]
Short = Annotated[str, Form(max_length=100)]
NOT_APPROVED = "店長的帳號或密碼不正確，或這個帳號不能核准退款。"


@dataclass(frozen=True, slots=True)
class SaleLine:
    sale: SaleShown
    name: str  # masked


@dataclass(frozen=True, slots=True)
class TodayView:
    day: DayAtStore
    lines: tuple[SaleLine, ...]


@dataclass(frozen=True, slots=True)
class RefundView:
    sale: SaleShown
    name: str
    needs_approval: bool
    form_id: str
    amount: str
    error: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A refund as typed."""

    amount: str
    form_id: str
    login: str
    password: str


@router.get("")
def today(request: Request, visitor: Server) -> Response:
    now, store_id = request.app.state.clock(), _store_id(visitor)
    with request.app.state.db.reading() as session:
        day = till.day_at_store(session, store_id, now=now)
        sales = till.sales_today(session, store_id, now=now)
    lines = tuple(SaleLine(sale, masked(sale)) for sale in sales)
    return pages.render(request, "clerk/today.html", view=TodayView(day, lines))


@router.get("/{external_id}/refund")
def refund_page(request: Request, visitor: Server, external_id: str) -> Response:
    return _page(request, visitor, external_id)


@router.post("/{external_id}/refund")
def refund(
    request: Request,
    visitor: Server,
    external_id: str,
    amount: Short = "",
    form_id: Short = "",
    login: Short = "",
    password: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    asked = Asked(amount, form_id, login, password)
    try:
        approver = approver_of(request, visitor, asked.login, asked.password)
    except LoginBlocked as blocked:
        error = wait_words(blocked, request.app.state.clock())
        return _page(request, visitor, external_id, asked, error=error)
    if approver is None:
        return _page(request, visitor, external_id, asked, error=NOT_APPROVED)
    try:
        request.app.state.db.carried_out(
            lambda session: _give_back(request, session, visitor, approver, external_id, asked)
        )
    except NotFound:
        raise
    except DomainError as error:
        return _page(request, visitor, external_id, asked, error=refusals.sentence(error))
    return RedirectResponse(f"/clerk/today#{external_id}", 303)


def approver_of(request: Request, visitor: Visitor, login: str, password: str) -> int | None:
    """Who answers for the refund: the visitor, or a manager who types a password. Raises
    LoginBlocked."""
    if visitor.may(Permission.REFUND):
        return visitor.staff_id
    db, now = request.app.state.db, request.app.state.clock()
    address = security.address(request)
    candidate = proven(db, login=login, password=password, address=address, now=now)
    if candidate is None or candidate.staff_id is None:
        return None
    with db.reading() as session:
        may = queries.may_at_store(
            session, candidate.staff_id, Permission.REFUND, store_id=_store_id(visitor)
        )
    return candidate.staff_id if may else None


def _give_back(
    request: Request,
    session: Session,
    visitor: Visitor,
    approver: int,
    external_id: str,
    asked: Asked,
) -> None:
    """Raises DomainError."""
    now: datetime = request.app.state.clock()
    sale = sale_of(session, visitor, external_id)
    order = RefundOrder(
        external_id=f"refund-{sale.id}-{asked.form_id}"[:80],
        purchase_external_id=external_id,
        amount=money.parse(asked.amount),
        store_id=visitor.store_id,
        staff_id=visitor.staff_id,
    )
    theme = request.app.state.settings.theme
    done = checkouts.refund_purchase(session, order=order, now=now, theme=theme)
    if done.is_new:
        security.audit(
            request,
            session,
            visitor,
            "purchase.refunded",
            f"purchase:{sale.id}",
            before={"refunded": sale.refunded},
            after={"refunded": sale.refunded + order.amount, "approved_by": approver},
        )


def _page(
    request: Request,
    visitor: Visitor,
    external_id: str,
    asked: Asked | None = None,
    *,
    error: str = "",
) -> Response:
    with request.app.state.db.reading() as session:
        sale = sale_of(session, visitor, external_id)
    view = RefundView(
        sale=sale,
        name=masked(sale),
        needs_approval=not visitor.may(Permission.REFUND),
        form_id=asked.form_id if asked and asked.form_id else ids.random_code(),
        amount=asked.amount if asked else str(sale.rest),
        error=error,
    )
    return pages.render(request, "clerk/refund.html", 409 if error else 200, view=view)


def sale_of(session: Session, visitor: Visitor, external_id: str) -> SaleShown:
    """Raises NotFound, also for a sale of another store."""
    sale = till.sale(session, store_id=_store_id(visitor), external_id=external_id)
    if sale is None:
        raise NotFound("purchase", external_id)
    return sale


def _store_id(visitor: Visitor) -> int:
    if visitor.store_id is None:
        raise NotFound("store", None)
    return visitor.store_id


def masked(sale: SaleShown) -> str:
    return text.mask_name(sale.member_name) if sale.member_name else "非會員"

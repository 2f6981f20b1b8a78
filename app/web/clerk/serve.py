"""/clerk/serve/{pass}: the member at the till, the amount, the confirmation, the result."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.cards import queries as cards
from app.cards.queries import Card
from app.checkouts.service import Checkout
from app.core import text
from app.core.db import Database
from app.core.errors import DomainError, NotFound
from app.coupons import queries as coupons
from app.coupons.queries import HeldCoupon
from app.explanations import queries as explanations
from app.insights.queries import portrait, till
from app.insights.queries.till import SaleShown
from app.members import queries as members
from app.staff import queries
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.tiers.rules import words
from app.web import pages, security
from app.web.clerk import baskets, passes, refusals
from app.web.clerk.baskets import Basket, Typed
from app.web.clerk.passes import Pass, PassRefused
from app.web.params import QueryId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/clerk/serve/{sealed}", route_class=StaffRoute)
Server = Annotated[Visitor, Depends(require(Permission.SERVE, needs_store=True))]
Typing = Annotated[str, Query(max_length=20)]


@dataclass(frozen=True, slots=True)
class ServeView:
    sealed: str
    name: str  # masked
    number: str
    card: Card
    coupons: tuple[HeldCoupon, ...]
    may_redeem: bool
    has_phone: bool
    typed: Typed
    error: str = ""

    @property
    def window(self) -> str:
        return words.window(self.card.terms.tiering)

    @property
    def way_up(self) -> str:
        return words.way_up(self.card.progress)


@dataclass(frozen=True, slots=True)
class ConfirmView:
    sealed: str
    name: str
    typed: Typed
    basket: Basket
    facts: dict[str, Any]  # of the rehearsed checkout; empty for a coupon alone
    tier_before: str
    tier_after: str


@router.get("")
def serve(
    request: Request,
    visitor: Server,
    sealed: str,
    amount: Typing = "",
    coupon: Typing = "",
    points: Typing = "",
    invoice: Typing = "",
) -> Response:
    given = pass_of(request, visitor, sealed)
    if isinstance(given, Response):
        return given
    with request.app.state.db.reading() as session:
        if till.is_sold(session, given.purchase_id):
            return RedirectResponse(f"/clerk/serve/{sealed}/done", 303)
        view = _serve_view(request, session, sealed, given, Typed(amount, coupon, points, invoice))
    return pages.render(request, "clerk/serve.html", view=view)


@router.get("/why")
def why(request: Request, visitor: Server, sealed: str) -> Response:
    """What a clerk reads out when a member asks where a number comes from."""
    given = pass_of(request, visitor, sealed)
    if isinstance(given, Response):
        return given
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        figures = explanations.everything(session, given.member_id, now=now)
        name = members.person(session, given.member_id).called
    return pages.render(
        request,
        "clerk/why.html",
        figures=figures,
        sealed=sealed,
        name=text.mask_name(name) if name else "會員",
    )


@router.get("/confirm")
def confirm(
    request: Request,
    visitor: Server,
    sealed: str,
    amount: Typing = "",
    coupon: Typing = "",
    points: Typing = "",
    invoice: Typing = "",
) -> Response:
    given = pass_of(request, visitor, sealed)
    if isinstance(given, Response):
        return given
    typed = Typed(amount, coupon, points, invoice)
    now = request.app.state.clock()
    try:
        basket, checkout, before = _rehearsed(
            request.app.state.db, typed, given=given, visitor=visitor, now=now
        )
    except DomainError as error:
        return _refused(request, sealed, given, typed, error)
    if checkout is not None and not checkout.is_new:
        return RedirectResponse(f"/clerk/serve/{sealed}/done", 303)
    facts = {} if checkout is None else checkout.facts
    view = ConfirmView(
        sealed=sealed,
        name=text.mask_name(before.name) if before.name else "會員",
        typed=typed,
        basket=basket,
        facts=facts,
        tier_before=before.tier.name,
        tier_after=(facts.get("tier") or {}).get("name", before.tier.name),
    )
    return pages.render(request, "clerk/confirm.html", view=view)


@router.post("")
def check_out(
    request: Request,
    visitor: Server,
    sealed: str,
    amount: Annotated[str, Form(max_length=20)] = "",
    coupon: Annotated[str, Form(max_length=20)] = "",
    points: Annotated[str, Form(max_length=20)] = "",
    invoice: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    given = pass_of(request, visitor, sealed)
    if isinstance(given, Response):
        return given
    typed = Typed(amount, coupon, points, invoice)
    now = request.app.state.clock()
    try:
        with request.app.state.db.transaction() as session:
            basket = baskets.basket_of(session, typed, given=given, visitor=visitor)
            _carry_out(request, session, basket, given, visitor, now)
    except DomainError as error:
        return _refused(request, sealed, given, typed, error)
    used = basket.coupon.id if basket.is_coupon_only and basket.coupon is not None else None
    return RedirectResponse(pages.with_query(f"/clerk/serve/{sealed}/done", coupon=used), 303)


@router.get("/done")
def done(request: Request, visitor: Server, sealed: str, coupon: QueryId = None) -> Response:
    """Readable after the pass is late: a clerk may come back to it."""
    given = _opened(request, visitor, sealed)
    if given is None:
        return RedirectResponse("/clerk?notice=foreign", 303)
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        sale, used = _outcome(session, given, visitor, coupon)
        card = cards.card(session, given.member_id, now=now)
        tiers = portrait.tier_names(session, now=now)
    return pages.render(
        request,
        "clerk/done.html",
        sale=sale,
        used=used,
        card=card,
        name=text.mask_name(card.name) if card.name else "會員",
        lifted_to=tiers.get(sale.lifted_to or "", "") if sale else "",
    )


def _outcome(
    session: Session, given: Pass, visitor: Visitor, coupon_id: int | None
) -> tuple[SaleShown | None, HeldCoupon | None]:
    """Raises NotFound when nothing came of this pass."""
    if visitor.store_id is None:
        raise NotFound("store", None)
    if coupon_id is not None:
        held = coupons.coupon_of_member(session, coupon_id, member_id=given.member_id)
        if held is None or held.redeemed_at is None:
            raise NotFound("coupon", coupon_id)
        return None, held
    sale = till.sale(session, store_id=visitor.store_id, external_id=given.purchase_id)
    if sale is None:
        raise NotFound("purchase", given.purchase_id)
    return sale, None


def _carry_out(
    request: Request,
    session: Session,
    basket: Basket,
    given: Pass,
    visitor: Visitor,
    now: datetime,
) -> None:
    if basket.is_coupon_only and basket.coupon is not None:
        target, proof = f"coupon:{basket.coupon.id}", {"pass": given.purchase_id}
        if queries.last_done(session, visitor.staff_id, "coupon.redeemed", target) == proof:
            return  # the same page sent again
        baskets.redeem_alone(session, basket.coupon, given=given, visitor=visitor, now=now)
        security.audit(request, session, visitor, "coupon.redeemed", target, after=proof)
        return
    theme = request.app.state.settings.theme
    checkout = baskets.check_out(
        session, basket, given=given, visitor=visitor, theme=theme, now=now
    )
    if checkout.is_new:
        what = {"paid": basket.paid, "discount": basket.discount}
        if basket.points:
            what["points"] = basket.points
        target = f"purchase:{checkout.purchase_id}"
        security.audit(request, session, visitor, "purchase.recorded", target, after=what)


class _Rehearsed(Exception):
    """Ends a rehearsal: everything done in it is rolled back."""


def _rehearsed(
    db: Database, typed: Typed, *, given: Pass, visitor: Visitor, now: datetime
) -> tuple[Basket, Checkout | None, Card]:
    """What would happen, from the very code that does it, and undone. Raises DomainError."""
    checkout: Checkout | None = None
    try:
        with db.transaction() as session:
            before = cards.card(session, given.member_id, now=now)
            basket = baskets.basket_of(session, typed, given=given, visitor=visitor)
            if not basket.is_coupon_only:
                checkout = baskets.check_out(session, basket, given=given, visitor=visitor, now=now)
            raise _Rehearsed
    except _Rehearsed:
        return basket, checkout, before


def pass_of(request: Request, visitor: Visitor, sealed: str) -> Pass | Response:
    """The pass, or where to go instead."""
    given = _opened(request, visitor, sealed)
    if given is None:
        return RedirectResponse("/clerk?notice=foreign", 303)
    try:
        passes.check_life(given, now=request.app.state.clock())
    except PassRefused:
        return RedirectResponse("/clerk?notice=late", 303)
    return given


def _opened(request: Request, visitor: Visitor, sealed: str) -> Pass | None:
    key = request.app.state.settings.secret_key.get_secret_value()
    try:
        return passes.opened(sealed, key=key, session_id=visitor.session_id)
    except PassRefused:
        return None


def _refused(
    request: Request, sealed: str, given: Pass, typed: Typed, error: DomainError
) -> Response:
    with request.app.state.db.reading() as session:
        view = _serve_view(request, session, sealed, given, typed, error=refusals.sentence(error))
    return pages.render(request, "clerk/serve.html", 409, view=view)


def _serve_view(
    request: Request,
    session: Session,
    sealed: str,
    given: Pass,
    typed: Typed,
    *,
    error: str = "",
) -> ServeView:
    now = request.app.state.clock()
    card = cards.card(session, given.member_id, now=now)
    return ServeView(
        sealed=sealed,
        name=text.mask_name(card.name) if card.name else "會員",
        number=card.number,
        card=card,
        coupons=tuple(coupons.usable_coupons(session, given.member_id, now=now)),
        may_redeem=given.may_redeem,
        has_phone=members.person(session, given.member_id).phone is not None,
        typed=typed,
        error=error,
    )

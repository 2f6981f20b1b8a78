"""/clerk/serve/{pass}: the member at the till, the amount, the confirmation, the result."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from annotated_types import Ge, Le
from fastapi import APIRouter, Depends, Form, Query, Request, Response
from pydantic import StringConstraints
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.cards import queries as cards
from app.cards.queries import Card
from app.checkouts.service import Checkout
from app.core import ids, text
from app.core.db import Database
from app.core.errors import DomainError, NotFound
from app.coupons import queries as coupons
from app.coupons.queries import HeldCoupon
from app.coupons.rules import CouponNotUsable
from app.explanations import queries as explanations
from app.insights.queries import portrait, till
from app.insights.queries.till import SaleShown
from app.members import queries as members
from app.scores import messages as score_words
from app.scores import queries as scores
from app.staff import queries
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.tiers.rules import words
from app.web import pages, security
from app.web.clerk import baskets, passes, refusals
from app.web.clerk.baskets import Basket, Typed
from app.web.clerk.passes import Pass, PassRefused
from app.web.security import StaffRoute, require


class SaleRoute(StaffRoute):
    judged = frozenset({"amount"})


router = APIRouter(prefix="/clerk/serve/{sealed}", route_class=SaleRoute)
Server = Annotated[Visitor, Depends(require(Permission.SERVE, needs_store=True))]
MOST_COUPONS: Final = 50  # as many as the page lists
MOST_GOODS: Final = MOST_COUPONS + 1  # and those of a word
CouponId = Annotated[int, Ge(1), Le(ids.LARGEST)]
Short = Annotated[str, StringConstraints(max_length=20)]
Typing = Annotated[str, Query(max_length=20)]
Several = Annotated[list[Short] | None, Query(max_length=MOST_COUPONS)]
Goods = Annotated[list[Short] | None, Query(max_length=MOST_GOODS)]


def _typed_in_query(
    amount: Typing = "",
    coupon: Several = None,
    points: Typing = "",
    invoice: Typing = "",
    word: Annotated[str, Query(max_length=40)] = "",
    goods_of: Goods = None,
    goods: Goods = None,
) -> Typed:
    return _typed(amount, coupon, points, invoice, word, goods_of, goods)


def _typed_in_form(
    amount: Annotated[str, Form(max_length=20)] = "",
    coupon: Annotated[list[Short] | None, Form(max_length=MOST_COUPONS)] = None,
    points: Annotated[str, Form(max_length=20)] = "",
    invoice: Annotated[str, Form(max_length=20)] = "",
    word: Annotated[str, Form(max_length=40)] = "",
    goods_of: Annotated[list[Short] | None, Form(max_length=MOST_GOODS)] = None,
    goods: Annotated[list[Short] | None, Form(max_length=MOST_GOODS)] = None,
) -> Typed:
    return _typed(amount, coupon, points, invoice, word, goods_of, goods)


def _typed(
    amount: str,
    coupon: list[str] | None,
    points: str,
    invoice: str,
    word: str,
    goods_of: list[str] | None,
    goods: list[str] | None,
) -> Typed:
    """The goods of a coupon come as two lists, one of whose and one of how much."""
    said = tuple(pair for pair in zip(goods_of or (), goods or (), strict=False) if pair[1].strip())
    chosen = tuple(one for one in coupon or () if one.strip())
    return Typed(amount, chosen, points, invoice, said, word.strip())


InQuery = Annotated[Typed, Depends(_typed_in_query)]
InForm = Annotated[Typed, Depends(_typed_in_form)]


@dataclass(frozen=True, slots=True)
class ServeView:
    sealed: str
    name: str  # masked
    number: str
    card: Card
    coupons: tuple[HeldCoupon, ...]
    may_redeem: bool
    has_phone: bool
    has_goodwill: bool  # there is a kind that may be given
    typed: Typed
    hint: str = ""  # kind words about how they buy
    error: str = ""

    @property
    def window(self) -> str:
        return words.window(self.card.terms.tiering)

    @property
    def way_up(self) -> str:
        return words.way_up(self.card.progress)


@dataclass(frozen=True, slots=True)
class Other:
    """A coupon not used: NT$ it would add and the query with it, or why it cannot be added."""

    coupon: HeldCoupon
    adds: int
    query: str
    why_not: str


@dataclass(frozen=True, slots=True)
class ConfirmView:
    sealed: str
    name: str
    typed: Typed
    basket: Basket
    others: tuple[Other, ...]  # usable coupons that are not used
    facts: dict[str, Any]  # of the rehearsed checkout; empty for a coupon alone
    tier_before: str
    tier_after: str


@router.get("")
def serve(
    request: Request,
    visitor: Server,
    sealed: str,
    typed: InQuery,
) -> Response:
    given = pass_of(request, visitor, sealed)
    if isinstance(given, Response):
        return given
    with request.app.state.db.reading() as session:
        if till.is_sold(session, given.purchase_id):
            return RedirectResponse(f"/clerk/serve/{sealed}/done", 303)
        view = _serve_view(request, session, sealed, given, typed)
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
    typed: InQuery,
) -> Response:
    given = pass_of(request, visitor, sealed)
    if isinstance(given, Response):
        return given
    now = request.app.state.clock()
    try:
        found = _rehearsed(request.app.state.db, typed, given=given, visitor=visitor, now=now)
    except DomainError as error:
        return _refused(request, sealed, given, typed, error)
    checkout, before = found.checkout, found.before
    if checkout is not None and not checkout.is_new:
        return RedirectResponse(f"/clerk/serve/{sealed}/done", 303)
    facts = {} if checkout is None else checkout.facts
    view = ConfirmView(
        sealed=sealed,
        name=text.mask_name(before.name) if before.name else "會員",
        typed=typed,
        basket=found.basket,
        others=found.others,
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
    typed: InForm,
) -> Response:
    given = pass_of(request, visitor, sealed)
    if isinstance(given, Response):
        return given
    now = request.app.state.clock()

    def work(session: Session) -> Basket:
        basket = baskets.basket_of(session, typed, given=given, visitor=visitor, now=now)
        _carry_out(request, session, basket, given, visitor, now)
        return basket

    db: Database = request.app.state.db
    try:
        basket = db.carried_out(work)
    except DomainError as error:
        return _refused(request, sealed, given, typed, error)
    used = sorted(taken.coupon.id for taken in basket.coupons) if basket.is_coupon_only else ()
    return RedirectResponse(pages.with_query(f"/clerk/serve/{sealed}/done", coupon=used), 303)


@router.get("/done")
def done(
    request: Request,
    visitor: Server,
    sealed: str,
    coupon: Annotated[list[CouponId] | None, Query(max_length=MOST_COUPONS)] = None,
) -> Response:
    """Readable after the pass is late: a clerk may come back to it."""
    given = _opened(request, visitor, sealed)
    if given is None:
        return RedirectResponse("/clerk?notice=foreign", 303)
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        sale, used = _outcome(session, given, visitor, coupon or [])
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
    session: Session, given: Pass, visitor: Visitor, coupon_ids: list[int]
) -> tuple[SaleShown | None, list[HeldCoupon]]:
    """Raises NotFound when nothing came of this pass."""
    if visitor.store_id is None:
        raise NotFound("store", None)
    used = []
    for coupon_id in coupon_ids:
        held = coupons.coupon_of_member(session, coupon_id, member_id=given.member_id)
        if held is None or held.redeemed_at is None:
            raise NotFound("coupon", coupon_id)
        used.append(held)
    if used:
        return None, used
    sale = till.sale(session, store_id=visitor.store_id, external_id=given.purchase_id)
    if sale is None:
        raise NotFound("purchase", given.purchase_id)
    return sale, []


def _carry_out(
    request: Request,
    session: Session,
    basket: Basket,
    given: Pass,
    visitor: Visitor,
    now: datetime,
) -> None:
    if basket.is_coupon_only:
        _hand_over(request, session, basket, given, visitor, now)
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


def _hand_over(
    request: Request,
    session: Session,
    basket: Basket,
    given: Pass,
    visitor: Visitor,
    now: datetime,
) -> None:
    """Coupons without a purchase; the same page sent again does nothing."""
    proof, left = {"pass": given.purchase_id}, []
    for taken in basket.coupons:
        target = f"coupon:{taken.coupon.id}"
        if queries.last_done(session, visitor.staff_id, "coupon.redeemed", target) != proof:
            left.append(taken.coupon)
    if not left:
        return
    baskets.redeem_alone(session, left, given=given, visitor=visitor, now=now)
    for coupon in left:
        security.audit(
            request, session, visitor, "coupon.redeemed", f"coupon:{coupon.id}", after=proof
        )


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would happen: no checkout for coupons alone; the card as it is before."""

    basket: Basket
    others: tuple[Other, ...]
    checkout: Checkout | None
    before: Card


class _Rehearsed(Exception):
    """Ends a rehearsal: everything done in it is rolled back."""

    def __init__(self, found: Rehearsal) -> None:
        super().__init__("rehearsed")
        self.found = found


def _rehearsed(
    db: Database, typed: Typed, *, given: Pass, visitor: Visitor, now: datetime
) -> Rehearsal:
    """What would happen, from the very code that does it, and undone. Raises DomainError."""

    def work(session: Session) -> Rehearsal:
        checkout, others = None, list[Other]()
        before = cards.card(session, given.member_id, now=now)
        basket = baskets.basket_of(session, typed, given=given, visitor=visitor, now=now)
        if given.may_redeem and not any(one.coupon.redeemed_at for one in basket.coupons):
            others = _others(session, basket, typed, given, visitor, now)
        if not basket.is_coupon_only:
            checkout = baskets.check_out(session, basket, given=given, visitor=visitor, now=now)
        raise _Rehearsed(Rehearsal(basket, tuple(others), checkout, before))

    try:
        return db.carried_out(work)
    except _Rehearsed as ended:
        return ended.found


def _others(
    session: Session, basket: Basket, typed: Typed, given: Pass, visitor: Visitor, now: datetime
) -> list[Other]:
    found = []
    for coupon, more in baskets.quoted(session, basket, given=given, visitor=visitor, now=now):
        if isinstance(more, CouponNotUsable):
            found.append(Other(coupon, 0, "", refusals.sentence(more)))
        elif coupon.offer.wants_goods or (more == 0 and coupon.offer.takes_money_off):
            continue  # what its goods cost is not known here; or it would be lost for nothing
        else:
            with_it = typed.said | {"coupon": (*typed.coupons, str(coupon.id))}
            found.append(Other(coupon, more, pages.with_query("", **with_it), ""))
    return found


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
        has_goodwill=bool(coupons.goodwill_kinds(session)),
        typed=typed,
        hint=score_words.for_clerk(scores.score(session, given.member_id)),
        error=error,
    )

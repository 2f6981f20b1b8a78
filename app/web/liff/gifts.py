"""A coupon for a friend: the card by LINE's picker, taking it back, and what the friend sees."""

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse

from app.core import money
from app.core.errors import NotFound
from app.coupons import messages, queries, rules, service
from app.coupons.models import ACCEPTED, OPEN
from app.coupons.queries import GiftShown
from app.coupons.rules import GiftRefused
from app.members import queries as members
from app.members.queries import Person
from app.web.liff import pages
from app.web.liff.coupons import worth
from app.web.liff.guard import GoTo, LiffRoute, Looker, Member
from app.web.params import PathId

router = APIRouter(prefix="/liff", route_class=LiffRoute)


@router.post("/coupons/{coupon_id}/gift")
def offer(request: Request, member: Member, coupon_id: PathId) -> Response:
    """Put it aside, and the card for one friend as messages for LINE's picker."""
    now = request.app.state.clock()
    settings = request.app.state.settings
    with request.app.state.db.transaction() as session:
        held = queries.coupon_of_member(session, coupon_id, member_id=member.id)
        if held is None:
            raise NotFound("coupon", coupon_id)
        try:
            with session.begin_nested():
                gift = service.offer_gift(session, coupon_id=coupon_id, giver_id=member.id, now=now)
        except GiftRefused as refused:
            content = {"error": messages.explain(refused)}
            return JSONResponse(content, 409, headers=pages.NO_STORE)
    card = messages.gift_card(
        giver=member,
        held=held,
        link=messages.page_link(liff_id=settings.liff_id, token=gift.token),
        until=gift.expires_at,
        theme=settings.theme,
        now=now,
    )
    is_new = not held.is_aside(now)
    return JSONResponse({"messages": [card], "is_new": is_new}, headers=pages.NO_STORE)


@router.post("/coupons/{coupon_id}/gift/back")
def take_back(request: Request, member: Member, coupon_id: PathId) -> Response:
    """Twice is once; a friend who was faster keeps it."""
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        try:
            service.take_gift_back(session, coupon_id=coupon_id, giver_id=member.id, now=now)
        except GiftRefused as refused:
            if queries.coupon_of_member(session, coupon_id, member_id=member.id) is None:
                return _gone(request, refused)
    raise GoTo(f"coupons/{coupon_id}")


@router.get("/view/gift/{token}")
def show(request: Request, person: Looker, token: str) -> Response:
    """For guests, too: they join first."""
    with request.app.state.db.reading() as session:
        return _page(request, session, person, token)


@router.post("/gift/{token}/accept")
def accept(request: Request, member: Member, token: str) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        try:
            with session.begin_nested():
                service.accept_gift(
                    session,
                    token=token,
                    friend_id=member.id,
                    theme=request.app.state.settings.theme,
                    now=now,
                )
        except GiftRefused as refused:
            if refused.reason == "per_member":
                return _page(request, session, member, token, messages.explain(refused))
            return _gone(request, refused)
        return _page(request, session, member, token)


def _gone(request: Request, refused: GiftRefused) -> Response:
    return pages.render(request, "gift_gone.html", 409, why=messages.explain(refused))


def _page(
    request: Request, session: Session, person: Person, token: str, problem: str = ""
) -> Response:
    now = request.app.state.clock()
    gift = queries.gift_by_token(session, token)
    why = _why_not(gift, person, request)
    if gift is None or why:
        return pages.render(request, "gift_gone.html", 409, why=why)
    held = queries.coupon(session, gift.coupon_id)
    return pages.render(
        request,
        "gift.html",
        409 if problem else 200,
        token=token,
        giver=messages.name_of(members.person(session, gift.giver_id)),
        worth=worth(held),
        name=held.name,
        condition=f"消費滿 {money.show(held.min_spend)} 可用" if held.min_spend else "無消費門檻",
        ends_on=None if held.expires_at is None else rules.last_day(held.expires_at),
        terms=tuple(line.strip() for line in held.terms.splitlines() if line.strip()),
        until=gift.expires_at,
        is_taken=gift.status == ACCEPTED,
        is_member=person.is_member,
        problem=problem,
        now=now,
    )


def _why_not(gift: GiftShown | None, person: Person, request: Request) -> str:
    """Why there is nothing to take; empty when there is, or when it was taken by who looks."""
    if gift is None:
        return messages.explain(GiftRefused("unknown"))
    if gift.giver_id == person.id:
        return messages.explain(GiftRefused("own"))
    if gift.status == ACCEPTED and gift.friend_id == person.id:
        return ""
    if gift.status == OPEN:
        is_over = gift.expires_at <= request.app.state.clock()
        return messages.explain(GiftRefused("lapsed")) if is_over else ""
    return messages.explain(GiftRefused(gift.status))

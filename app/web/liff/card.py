"""The card: tier, number, points, progress, and the code that renews itself every minute."""

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from app.cards import queries
from app.cards import service as cards
from app.tiers.rules import words
from app.web.liff import pages
from app.web.liff.guard import LiffRoute, Member

router = APIRouter(prefix="/liff", route_class=LiffRoute)


@router.get("/view/card")
def show(request: Request, member: Member) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        card = queries.card(session, member.id, now=now)
    return pages.render(
        request,
        "card.html",
        card=card,
        progress=card.progress,
        way_up=words.way_up(card.progress),
        barcode=pages.barcode(card.number),
    )


@router.post("/card/code")
def fresh_code(request: Request, member: Member) -> Response:
    """A new code as a drawing, and for how many seconds it is good."""
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        token = cards.issue_token(session, member_id=member.id, now=now)
    seconds = int((token.expires_at - now).total_seconds())
    content = {"drawing": pages.qr(token.text), "seconds": seconds}
    return JSONResponse(content, headers=pages.NO_STORE)

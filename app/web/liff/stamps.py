"""集點卡: every stamp as a dot, the prizes where they lie."""

from fastapi import APIRouter, Request, Response

from app.coupons import queries as coupons
from app.stamps import messages, queries
from app.web.liff import pages
from app.web.liff.guard import LiffRoute, Member

router = APIRouter(prefix="/liff", route_class=LiffRoute)


@router.get("/view/stamps")
def show(request: Request, member: Member) -> Response:
    with request.app.state.db.reading() as session:
        found = queries.standings(session, member.id, now=request.app.state.clock())
        names = coupons.names(session) if found else {}
    cards = [messages.view(item, names) for item in found]
    return pages.render(request, "stamps.html", cards=cards)

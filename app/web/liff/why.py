"""為什麼是這個數字: every number of the member with all that made it."""

from fastapi import APIRouter, Request, Response

from app.explanations import queries
from app.web.liff import pages
from app.web.liff.guard import LiffRoute, Member

router = APIRouter(prefix="/liff", route_class=LiffRoute)


@router.get("/view/why")
def why(request: Request, member: Member) -> Response:
    with request.app.state.db.reading() as session:
        figures = queries.everything(session, member.id, now=request.app.state.clock())
    return pages.render(request, "why.html", figures=figures)

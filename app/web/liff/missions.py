"""任務: how far the member is in each, and what counted."""

from fastapi import APIRouter, Request, Response

from app.missions import messages, service
from app.web.liff import pages
from app.web.liff.guard import LiffRoute, Member

router = APIRouter(prefix="/liff", route_class=LiffRoute)


@router.get("/view/missions")
def show(request: Request, member: Member) -> Response:
    with request.app.state.db.reading() as session:
        found = service.standings(session, member.id, now=request.app.state.clock())
    return pages.render(request, "missions.html", missions=[messages.view(item) for item in found])

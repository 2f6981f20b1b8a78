"""/console/missions: what is asked of members, how many follow, and what it costs."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from app.missions import messages, queries
from app.missions.queries import Running, Tally
from app.missions.rules import Window
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/missions", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_NUMBERS))]

WINDOWS: Final = {"month": "每月", "week": "每週", "dates": "指定期間"}


@dataclass(frozen=True, slots=True)
class Line:
    mission: Running
    asked: str
    when: str
    prize: str
    tally: Tally


@router.get("")
def missions(request: Request, _visitor: Reader) -> Response:
    with request.app.state.db.reading() as session:
        tallies = queries.tallies(session)
        lines = [
            Line(
                mission,
                "、".join(messages.asked(step) for step in mission.terms.steps),
                _when(mission.terms.window, mission.terms.streak),
                messages.prize(mission.terms.reward),
                tallies.get(mission.id, queries.NO_TALLY),
            )
            for mission in queries.missions(session)
        ]
    return pages.render(request, "console/missions.html", lines=lines)


def _when(window: Window, streak: int) -> str:
    """`每月`, `每月，連續 3 期`, `入會 30 天內`."""
    words = WINDOWS.get(window.kind) or f"入會 {window.days} 天內"
    return f"{words}，連續 {streak} 期" if streak > 1 else words

"""/console/liability: what points that were given out are worth to the books."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.insights.queries import liability
from app.insights.queries.liability import Liability
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/liability", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_NUMBERS))]


@dataclass(frozen=True, slots=True)
class LiabilityView:
    found: Liability
    breakage: str
    by_month: tuple[str, ...]  # breakage of each month, in the order of `found.months`
    value: str


@router.get("")
def show(request: Request, _: Reader) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        found = liability.liability(session, now=now)
    view = LiabilityView(
        found=found,
        breakage=_percent(found.breakage),
        by_month=tuple(_percent(line.month.breakage) for line in found.months),
        value=f"NT${found.value:g}",
    )
    return pages.render(request, "console/liability.html", view=view)


def _percent(share: Fraction | None) -> str:
    """A dash where there is nothing to divide by."""
    return "—" if share is None else f"{float(share) * 100:.1f}%"

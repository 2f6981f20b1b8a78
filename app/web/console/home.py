"""/console: the numbers of today, kept fresh by `js/live.js`."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import HTMLResponse

from app.core import money
from app.insights.queries import numbers
from app.insights.queries.numbers import Delivery, People, Sales
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages
from app.web.console.charts import Chart, bars
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_NUMBERS))]
LATE = timedelta(minutes=1)  # a queue this old means that something stands still


@dataclass(frozen=True, slots=True)
class HomeView:
    people: People
    sales: Sales
    delivery: Delivery
    joins: Chart
    turnover: Chart
    whose: str  # what the sales are called
    is_late: bool


@router.get("")
def home(request: Request, visitor: Reader) -> Response:
    return pages.render(request, "console/home.html", view=_view(request, visitor))


@router.get("/live")
def live(request: Request, visitor: Reader) -> Response:
    """The changing part of the page, drawn by the same template."""
    return HTMLResponse(
        pages.rendered(request, "console/numbers.html", view=_view(request, visitor))
    )


def _view(request: Request, visitor: Visitor) -> HomeView:
    """Who works in one store only reads the sales of that store."""
    now, home = request.app.state.clock(), visitor.home_store_id
    with request.app.state.db.reading() as session:
        people = numbers.people(session, now=now)
        sales = numbers.sales(session, now=now, store_id=home)
        delivery = numbers.delivery(session, now=now)
        days = numbers.days(session, now=now, store_id=home)
    return HomeView(
        people=people,
        sales=sales,
        delivery=delivery,
        joins=bars([(d.day, d.joined) for d in days], show=lambda n: f"{n:,} 人", name="每日入會"),
        turnover=bars([(d.day, d.sales) for d in days], show=money.show, name="每日會員消費"),
        whose="本店會員消費" if home else "會員消費",
        is_late=max(delivery.inbox_lag, delivery.outbox_lag) >= LATE,
    )

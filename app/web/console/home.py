"""/console: the numbers of today, kept fresh by `js/live.js`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import HTMLResponse

from app.core import money
from app.insights.queries import numbers, waiting
from app.insights.queries.numbers import Delivery, People, Sales
from app.insights.queries.waiting import Waiting
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages
from app.web.console import setup
from app.web.console.charts import Chart, bars
from app.web.console.setup import Step
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_NUMBERS))]
LATE = timedelta(minutes=1)  # a queue this old means that something stands still


@dataclass(frozen=True, slots=True)
class Todo:
    """Something that waits for the visitor, and the page on which it is done."""

    text: str
    url: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class HomeView:
    people: People
    sales: Sales
    delivery: Delivery
    joins: Chart
    turnover: Chart
    whose: str  # what the sales are called
    is_late: bool
    todo: tuple["Todo", ...]
    health: str  # of the connection to LINE, in words
    steps: tuple[Step, ...]  # of the guide for a new brand; none when all are done


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
        waits = waiting.waiting(session, now=now)
        steps: tuple[Step, ...] = ()
        if visitor.may(Permission.MANAGE_STORES):
            steps = setup.progress(session, request.app.state.settings, now=now)
    return HomeView(
        people=people,
        sales=sales,
        delivery=delivery,
        joins=bars([(d.day, d.joined) for d in days], show=lambda n: f"{n:,} 人", name="每日入會"),
        turnover=bars([(d.day, d.sales) for d in days], show=money.show, name="每日會員消費"),
        whose="本店會員消費" if home else "會員消費",
        is_late=max(delivery.inbox_lag, delivery.outbox_lag) >= LATE,
        todo=tuple(_todo(visitor, waits, delivery)),
        health=_health(waits),
        steps=steps if any(not step.is_done for step in steps) else (),
    )


def _todo(visitor: Visitor, waits: Waiting, delivery: Delivery) -> Iterator[Todo]:
    """What the visitor may do something about, the most urgent first."""
    if waits.quota_until is not None and visitor.may(Permission.READ_DELIVERY):
        until = pages.show_day(waits.quota_until)
        yield Todo(f"本月的訊息則數用完了，{until} 才能再推播", "/console/delivery")
    counted = (
        (
            Permission.READ_DELIVERY,
            delivery.parked + delivery.inbox_parked,
            "傳送失敗的訊息與事件",
            "/console/delivery",
        ),
        (Permission.WRITE_PROGRAMME, waits.drafts, "會員制度的修改等待核准", "/console/programme"),
        (Permission.ADJUST_POINTS, waits.corrections, "點數調整等待核准", "/console/corrections"),
        (Permission.REVIEW_REFERRALS, waits.referrals, "好友推薦等待審核", "/console/referrals"),
        (Permission.REVIEW_INVOICES, waits.invoices, "發票等待審核", "/console/invoices"),
    )
    for permission, number, text, url in counted:
        if number and visitor.may(permission):
            yield Todo(text, url, number)
    if visitor.may(Permission.WRITE_COUPONS):
        for kind in waits.ending:
            last = pages.show_last_day(kind.ends_at)
            yield Todo(f"優惠券「{kind.name}」到 {last} 截止", f"/console/coupons/{kind.kind_id}")


def _health(waits: Waiting) -> str:
    heard, sent = (
        "還沒有" if at is None else pages.show_moment(at) for at in (waits.heard_at, waits.sent_at)
    )
    return f"LINE 連線：最近收到 {heard}・最近送出 {sent}"

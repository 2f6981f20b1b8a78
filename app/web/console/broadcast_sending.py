"""/console/broadcasts/{id}/send: the last look at a letter and who gets it; a trial; sending."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from app.attention import rules as attention
from app.campaigns import messages, queries, rules, service
from app.campaigns.queries import BroadcastShown
from app.campaigns.rules import costs, timing
from app.campaigns.rules.letters import is_same_for_all
from app.campaigns.service import NotNow
from app.core.clock import TAIPEI, taipei_date, taipei_midnight
from app.core.config import Settings
from app.core.errors import Invalid
from app.members import queries as people
from app.outbox import queries as outbox
from app.outbox import service as sending
from app.segments import queries as segments
from app.segments import rules as segment_rules
from app.segments.queries import Size
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import letters
from app.web.console.privacy import mask_for
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/broadcasts", route_class=StaffRoute)
Marketer = Annotated[Visitor, Depends(require(Permission.REACH_MEMBERS))]


# What the form of a plan says before anybody has typed.
FRESH: Final[Mapping[str, str]] = MappingProxyType(
    {
        "when": "now",
        "send_at": "",
        "pace": timing.AT_ONCE,
        "hours": "4",
        "most": "",
        "most_of": "messages",
    }
)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Who would get it if it went now; `sent` messages went to LINE this month already."""

    size: Size
    words: str
    held_out: int
    declined: int  # about, of those who can be reached: they turned its topic off
    sent: int
    plan: costs.Plan

    @property
    def letters(self) -> int:
        return max(0, self.size.reachable - self.held_out - self.declined)

    @property
    def cost(self) -> int:
        """NT$ that it comes to, on top of the month's plan."""
        return costs.cost(self.plan, sent=self.sent, more=self.letters)

    @property
    def left(self) -> int:
        """Messages of the month that cost nothing."""
        return max(0, self.plan.free - self.sent)


@router.get("/{broadcast_id}/send")
def ask(request: Request, _visitor: Marketer, broadcast_id: PathId) -> Response:
    return _ask(request, broadcast_id)


def _ask(
    request: Request,
    broadcast_id: int,
    *,
    problem: str = "",
    good: str = "",
    status: int = 200,
    typed: Mapping[str, str] = FRESH,
) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        found = queries.broadcast(session, broadcast_id)
        if found.status != rules.DRAFT:
            return RedirectResponse(f"/console/broadcasts/{broadcast_id}", 303)
        forecast = _forecast(session, found, now, request.app.state.settings)
        preview = letters.drawing(request, session, found.letter)
    return pages.render(
        request,
        "console/broadcast_send.html",
        status,
        found=found,
        forecast=forecast,
        preview=preview,
        problem=problem,
        good=good,
        typed=typed,
        paces=timing.PACES,
        hours=timing.HOURS,
        goes_to_many=is_same_for_all(found.letter),
        soonest=now.astimezone(TAIPEI).strftime("%Y-%m-%dT%H:%M"),
        percent=attention.HOLD_OUT_PERCENT,
        is_quiet=attention.is_quiet(now),
    )


def _forecast(session: Session, found: BroadcastShown, now: datetime, config: Settings) -> Forecast:
    tree, words = None, found.segment_name
    if found.segment_id is not None:
        tree = segments.segment(session, found.segment_id).tree
        words = segment_rules.words(tree, segments.choices(session, now=now))
    meant = queries.meant(tree, found.unpressed_of, now=now)
    size = segments.size_of(session, meant)
    declined = queries.declining(session, meant, found.letter.topic)
    month = taipei_midnight(taipei_date(now).replace(day=1))
    held_out = round(size.reachable * attention.HOLD_OUT_PERCENT / 100)
    return Forecast(
        size,
        words,
        held_out,
        declined,
        outbox.pushed_since(session, month),
        costs.Plan(config.line_free_messages, config.line_message_price),
    )


@router.post("/{broadcast_id}/test")
async def test(request: Request, visitor: Marketer, broadcast_id: PathId) -> Response:
    form = await request.form()
    return await run_in_threadpool(_test, request, visitor, broadcast_id, form.get("who"))


def _test(request: Request, visitor: Visitor, broadcast_id: int, typed: object) -> Response:
    """Send the letter, marked as a trial, to one member of the team; no coupon is given."""
    now = request.app.state.clock()
    try:
        with request.app.state.db.transaction() as session:
            found = queries.broadcast(session, broadcast_id)
            letters.check(request, session, found.letter)
            tester = _tester(session, typed)
            brand = letters.brand(request)
            said = messages.trial(session, found.letter, tester, brand, now=now)
            sending.push(
                session,
                member_id=tester.id,
                recipient=tester.line_user_id or "",
                messages=said,
                kind="trial",
                klass="service",
                dedup_key=None,
                now=now,
            )
            target = f"broadcast:{broadcast_id}"
            to = {"member": tester.id}
            security.audit(request, session, visitor, "broadcast.tried", target, after=to)
    except Invalid as wrong:
        return _ask(request, broadcast_id, problem=wrong.reason, status=422)
    return _ask(request, broadcast_id, good=f"已試寄給{mask_for(visitor).name(tester.called)}。")


def _tester(session: Session, typed: object) -> people.Person:
    """Raises Invalid."""
    found = people.person_as_typed(session, typed if isinstance(typed, str) else "")
    if found is None or not queries.is_tester(session, found.id):
        who = "測試會員，或已登記為人員的會員"
        raise Invalid("who", f"找不到這位測試人員。請輸入{who}的手機或會員編號。")
    if not found.is_friend or not found.line_user_id:
        raise Invalid("who", "這位會員不是官方帳號的好友，收不到訊息。")
    return found


@router.post("/{broadcast_id}/plan")
async def plan(request: Request, visitor: Marketer, broadcast_id: PathId) -> Response:
    form = await request.form()
    return await run_in_threadpool(_plan, request, visitor, broadcast_id, form)


def _plan(request: Request, visitor: Visitor, broadcast_id: int, form: FormData) -> Response:
    now = request.app.state.clock()
    typed = {name: letters.typed(form, name, 20) or usual for name, usual in FRESH.items()}
    try:
        send_at = now if typed["when"] == "now" else _moment(typed["send_at"], now)
        with request.app.state.db.reading() as session:  # counts a month: holds nobody up
            most = _most(session, typed, now, request.app.state.settings)
        with request.app.state.db.transaction() as session:
            letters.check(request, session, queries.broadcast(session, broadcast_id).letter)
            service.plan(
                session,
                broadcast_id=broadcast_id,
                send_at=send_at,
                pace=typed["pace"],
                hours=_number(typed["hours"], "hours"),
                most=most,
                now=now,
            )
            security.audit(
                request,
                session,
                visitor,
                "broadcast.planned",
                f"broadcast:{broadcast_id}",
                after={"send_at": send_at.isoformat(), "pace": typed["pace"], "most": most},
            )
    except Invalid as wrong:
        return _ask(request, broadcast_id, problem=wrong.reason, status=422, typed=typed)
    except NotNow:
        pass  # pressed twice: it is planned
    return RedirectResponse(f"/console/broadcasts/{broadcast_id}", 303)


def _most(
    session: Session, typed: Mapping[str, str], now: datetime, config: Settings
) -> int | None:
    """How many messages may go out: as many as were said, or as so many NT$ buy this month. None:
    no limit. Raises Invalid."""
    if not typed["most"]:
        return None
    limit = _number(typed["most"], "most")
    if typed["most_of"] == "messages":
        return limit
    month = taipei_midnight(taipei_date(now).replace(day=1))
    plan = costs.Plan(config.line_free_messages, config.line_message_price)
    most = costs.affordable(plan, sent=outbox.pushed_since(session, month), budget=limit)
    if not most:
        raise Invalid("most", "這個金額連一則也寄不出去")
    return most


def _number(typed: str, field: str) -> int:
    """Raises Invalid."""
    text = typed.replace(",", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Invalid(field, "請填數字")
    return int(text)


def _moment(typed: object, now: datetime) -> datetime:
    """A Taipei time as a browser's field gives it. Raises Invalid."""
    try:
        naive = datetime.fromisoformat(typed if isinstance(typed, str) else "")
    except ValueError:
        raise Invalid("send_at", "請選擇日期與時間") from None
    moment = naive.replace(tzinfo=TAIPEI)
    if moment < now.replace(second=0, microsecond=0):
        raise Invalid("send_at", "這個時間已經過了")
    return moment

"""/console/broadcasts: write a letter to many, look at it, try it, send it, see what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from app.attention import rules as attention
from app.campaigns import messages, queries, rules, service
from app.campaigns.messages import Brand
from app.campaigns.queries import BroadcastShown, Counts, Outcome, RecipientShown
from app.campaigns.rules import Letter, Person, Uplift
from app.campaigns.service import NotNow
from app.core.clock import TAIPEI, taipei_date, taipei_midnight
from app.core.errors import Invalid, NotFound
from app.coupons import queries as coupons
from app.members import queries as people
from app.outbox import queries as outbox
from app.outbox import service as sending
from app.previews import flex_html
from app.segments import queries as segments
from app.segments import rules as segment_rules
from app.segments.queries import SegmentShown, Size
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.tags import queries as tags
from app.web import pages, security
from app.web.console.privacy import mask_for
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/broadcasts", route_class=StaffRoute)
Marketer = Annotated[Visitor, Depends(require(Permission.REACH_MEMBERS))]
Id = Annotated[int | None, Query(ge=1, le=2**63 - 1)]

PAGE: Final = 30
READERS: Final = 50
STATES: Final = {
    rules.DRAFT: "草稿",
    rules.DUE: "已排程",
    rules.FREEZING: "準備名單",
    rules.SENDING: "發送中",
    rules.PAUSED: "已暫停",
    rules.DONE: "已完成",
    rules.CANCELLED: "已取消",
}
RECIPIENT_STATES: Final = {
    rules.QUEUED: "寄出",
    rules.TO_DO: "等候中",
    rules.HELD: "改天再送",
    rules.DROPPED: "不送",
    rules.CONTROL: "對照組",
}
_UNPRESSED: Final = "unpressed:"
SAMPLE: Final = Person("陳怡君", "金卡", 1_250)  # when there is nobody to show the letter as


@dataclass(frozen=True, slots=True)
class Draft:
    """The form as it stands; `kept` is None for a new one."""

    name: str
    audience: str  # a segment's id, `unpressed:` and a broadcast's, or nothing for all
    letter: Letter
    kept: BroadcastShown | None = None
    problems: Mapping[str, str] = field(default_factory=dict)


# Lists and drafts ---------------------------------------------------------------------------------


@router.get("")
def listed(request: Request, _visitor: Marketer, before: Id = None) -> Response:
    with request.app.state.db.reading() as session:
        found = queries.broadcasts(session, limit=PAGE + 1, before=before)
    more = found[PAGE - 1].id if len(found) > PAGE else None
    return pages.render(
        request,
        "console/broadcasts.html",
        found=found[:PAGE],
        more=more,
        is_first=before is None,
        states=STATES,
    )


@router.get("/new")
def new(request: Request, visitor: Marketer, segment: Id = None) -> Response:
    letter = Letter(label="看會員卡", place="card")
    return _editor(request, visitor, Draft("", "" if segment is None else str(segment), letter))


@router.post("/draft")
async def redraw(request: Request, visitor: Marketer) -> Response:
    """The form again with the letter as it would look; nothing is kept."""
    form = await request.form()
    return await run_in_threadpool(_editor, request, visitor, _draft(form))


@router.post("")
async def create(request: Request, visitor: Marketer) -> Response:
    form = await request.form()
    return await run_in_threadpool(_save, request, visitor, form, None)


@router.get("/{broadcast_id}")
def one(request: Request, visitor: Marketer, broadcast_id: PathId) -> Response:
    with request.app.state.db.reading() as session:
        found = queries.broadcast(session, broadcast_id)
    if found.status != rules.DRAFT:
        return _result(request, found)
    return _editor(request, visitor, Draft(found.name, _audience(found), found.letter, found))


def _audience(found: BroadcastShown) -> str:
    if found.unpressed_of is not None:
        return f"{_UNPRESSED}{found.unpressed_of}"
    return "" if found.segment_id is None else str(found.segment_id)


@router.post("/{broadcast_id}")
async def revise(request: Request, visitor: Marketer, broadcast_id: PathId) -> Response:
    form = await request.form()
    return await run_in_threadpool(_save, request, visitor, form, broadcast_id)


def _save(request: Request, visitor: Visitor, form: FormData, broadcast_id: int | None) -> Response:
    """Keep the draft; go on to sending when that was asked for and nothing is missing."""
    draft, goes_on = _draft(form), form.get("then") == "send"
    try:
        with request.app.state.db.transaction() as session:
            kept_id = _keep(request, session, visitor, draft, broadcast_id)
            if goes_on:
                service.check(session, draft.letter)
            security.audit(request, session, visitor, "broadcast.saved", f"broadcast:{kept_id}")
    except Invalid as wrong:
        return _editor(request, visitor, _again(request, draft, broadcast_id, wrong), 422)
    return RedirectResponse(f"/console/broadcasts/{kept_id}{'/send' if goes_on else ''}", 303)


def _keep(
    request: Request, session: Session, visitor: Visitor, draft: Draft, broadcast_id: int | None
) -> int:
    values: dict[str, Any] = {
        "name": draft.name,
        "segment_id": _id(draft.audience, ""),
        "unpressed_of": _id(draft.audience, _UNPRESSED),
        "letter": draft.letter,
        "now": request.app.state.clock(),
    }
    if broadcast_id is None:
        return service.create(session, staff_id=visitor.staff_id, **values)
    service.revise(session, broadcast_id=broadcast_id, **values)
    return broadcast_id


def _again(request: Request, draft: Draft, broadcast_id: int | None, wrong: Invalid) -> Draft:
    """The form with everything that is wrong with it, the first of all what stopped it."""
    problems = dict(rules.faults(draft.letter)) | {wrong.field: wrong.reason}
    kept = None
    if broadcast_id is not None:
        with request.app.state.db.reading() as session:
            kept = queries.broadcast(session, broadcast_id)
    return Draft(draft.name, draft.audience, draft.letter, kept, problems)


def _draft(form: FormData) -> Draft:
    def text(name: str, most: int) -> str:
        value = form.get(name)
        kept = value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""
        return kept.replace("\x00", "")[: most + 1]

    letter = Letter(
        title=" ".join(text("title", rules.TITLE).split()),
        body=text("body", rules.BODY),
        coupon=text("coupon", 40),
        label=" ".join(text("label", rules.LABEL).split()),
        place=text("place", 10),
        url=text("url", rules.URL),
        tag=text("tag", 19),
    )
    return Draft(" ".join(text("name", rules.NAME).split()), text("audience", 30), letter)


def _id(audience: str, kind: str) -> int | None:
    """The id of that kind of audience; None when it is of another. Raises Invalid."""
    if not audience or audience.startswith(_UNPRESSED) != bool(kind):
        return None
    number = audience.removeprefix(kind)
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise Invalid("segment", "沒有這個分眾")
    return int(number)


def _editor(request: Request, visitor: Visitor, draft: Draft, status: int = 200) -> Response:
    with request.app.state.db.reading() as session:
        kinds = coupons.kinds(session)
        groups: list[SegmentShown] = segments.segments(session)
        known_tags = tags.names(session)
        preview = _preview(request, session, draft.letter, SAMPLE)
    given = {kind.draft.code: kind.draft.name for kind in kinds if kind.is_active}
    return pages.render(
        request,
        "console/broadcast_draft.html",
        status,
        draft=draft,
        groups=groups,
        coupons=given,
        tags=known_tags,
        places=rules.PLACES,
        fields=rules.FIELDS,
        most={"title": rules.TITLE, "body": rules.BODY, "label": rules.LABEL},
        preview=preview,
    )


@router.post("/{broadcast_id}/remove")
def remove(request: Request, visitor: Marketer, broadcast_id: PathId) -> Response:
    with request.app.state.db.transaction() as session:
        service.remove(session, broadcast_id=broadcast_id)
        security.audit(request, session, visitor, "broadcast.removed", f"broadcast:{broadcast_id}")
    return RedirectResponse("/console/broadcasts", 303)


# Looking at the letter ----------------------------------------------------------------------------


def _brand(request: Request) -> Brand:
    config = request.app.state.settings
    key = config.secret_key.get_secret_value()
    return Brand(config.theme, config.public_base_url.rstrip("/"), key)


def _preview(request: Request, session: Session, letter: Letter, person: Person) -> str:
    """What the members' phones will draw, as JSON for the page's own script."""
    now = request.app.state.clock()
    message = messages.preview(session, letter, person, _brand(request), now=now)
    drawn = flex_html.render(message, interactive=False)
    return orjson.dumps({"html": drawn.html, "css": list(drawn.css)}).decode()


# Sending ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Forecast:
    """Who would get it if it went now; `sent` messages went to LINE this month already."""

    size: Size
    words: str
    held_out: int
    sent: int

    @property
    def letters(self) -> int:
        return self.size.reachable - self.held_out


@router.get("/{broadcast_id}/send")
def ask(request: Request, _visitor: Marketer, broadcast_id: PathId) -> Response:
    return _ask(request, broadcast_id)


def _ask(
    request: Request, broadcast_id: int, *, problem: str = "", good: str = "", status: int = 200
) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        found = queries.broadcast(session, broadcast_id)
        if found.status != rules.DRAFT:
            return RedirectResponse(f"/console/broadcasts/{broadcast_id}", 303)
        forecast = _forecast(session, found, now)
        preview = _preview(request, session, found.letter, SAMPLE)
    return pages.render(
        request,
        "console/broadcast_send.html",
        status,
        found=found,
        forecast=forecast,
        preview=preview,
        problem=problem,
        good=good,
        soonest=now.astimezone(TAIPEI).strftime("%Y-%m-%dT%H:%M"),
        percent=attention.HOLD_OUT_PERCENT,
        is_quiet=attention.is_quiet(now),
    )


def _forecast(session: Session, found: BroadcastShown, now: datetime) -> Forecast:
    tree, words = None, found.segment_name
    if found.segment_id is not None:
        tree = segments.segment(session, found.segment_id).tree
        words = segment_rules.words(tree, segments.choices(session, now=now))
    size = queries.size(session, queries.meant(tree, found.unpressed_of, now=now))
    month = taipei_midnight(taipei_date(now).replace(day=1))
    held_out = round(size.reachable * attention.HOLD_OUT_PERCENT / 100)
    return Forecast(size, words, held_out, outbox.pushed_since(session, month))


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
            service.check(session, found.letter)
            tester = _tester(session, typed)
            sending.push(
                session,
                member_id=tester.id,
                recipient=tester.line_user_id or "",
                messages=[messages.trial(session, found.letter, tester, _brand(request), now=now)],
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
    try:
        send_at = now if form.get("when") == "now" else _moment(form.get("send_at"), now)
        with request.app.state.db.transaction() as session:
            service.plan(session, broadcast_id=broadcast_id, send_at=send_at, now=now)
            security.audit(
                request,
                session,
                visitor,
                "broadcast.planned",
                f"broadcast:{broadcast_id}",
                after={"send_at": send_at.isoformat()},
            )
    except Invalid as wrong:
        return _ask(request, broadcast_id, problem=wrong.reason, status=422)
    except NotNow:
        pass  # pressed twice: it is planned
    return RedirectResponse(f"/console/broadcasts/{broadcast_id}", 303)


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


@router.post("/{broadcast_id}/again")
def again(request: Request, visitor: Marketer, broadcast_id: PathId) -> Response:
    """A draft of the same letter for who got it and has not pressed its button."""
    with request.app.state.db.transaction() as session:
        found = queries.broadcast(session, broadcast_id)
        if found.status not in (rules.DONE, rules.CANCELLED):
            raise NotNow(found.status)
        draft_id = service.create(
            session,
            name=f"{found.name[: rules.NAME - 4]}（再寄）",
            segment_id=None,
            unpressed_of=broadcast_id,
            letter=found.letter,
            staff_id=visitor.staff_id,
            now=request.app.state.clock(),
        )
        security.audit(request, session, visitor, "broadcast.saved", f"broadcast:{draft_id}")
    return RedirectResponse(f"/console/broadcasts/{draft_id}", 303)


_STEPS: Final = {
    "unplan": (service.unplan, "broadcast.unplanned"),
    "pause": (service.pause, "broadcast.paused"),
    "resume": (service.resume, "broadcast.resumed"),
    "cancel": (service.cancel, "broadcast.cancelled"),
}


@router.post("/{broadcast_id}/{step}")
def step(request: Request, visitor: Marketer, broadcast_id: PathId, step: str) -> Response:
    if step not in _STEPS:
        raise NotFound("step", step)
    do, action = _STEPS[step]
    try:
        with request.app.state.db.transaction() as session:
            do(session, broadcast_id=broadcast_id, now=request.app.state.clock())
            security.audit(request, session, visitor, action, f"broadcast:{broadcast_id}")
    except NotNow:
        pass  # it has gone on meanwhile; the page shows how far
    return RedirectResponse(f"/console/broadcasts/{broadcast_id}", 303)


# Results ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ResultView:
    found: BroadcastShown
    words: str
    counts: Counts
    outcome: Outcome | None
    uplift: Uplift | None
    is_moving: bool
    used_up_until: datetime | None  # LINE takes no counted messages until then
    counted_until: datetime | None

    @property
    def percent(self) -> int:
        """Of the list, how many are decided."""
        frozen = self.found.frozen
        return 100 * (frozen - self.counts.open) // frozen if frozen else 100


@router.get("/{broadcast_id}/live")
def live(request: Request, _visitor: Marketer, broadcast_id: PathId) -> Response:
    """The part of the page that moves while it goes out."""
    with request.app.state.db.reading() as session:
        found = queries.broadcast(session, broadcast_id)
    return _result(request, found, template="console/broadcast_state.html")


def _result(
    request: Request, found: BroadcastShown, *, template: str = "console/broadcast.html"
) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        counts = queries.counts(session, found.id)
        outcome = None
        if found.started_at is not None:
            outcome = queries.outcome(session, found.id, started_at=found.started_at)
        words = found.segment_name
        if found.tree is not None:
            words = segment_rules.words(found.tree, segments.choices(session, now=now))
        preview = _preview(request, session, found.letter, SAMPLE)
        used_up_until = outbox.used_up_until(session, now=now)
    waits_for_line = counts.by_sending.get("waiting", 0) + counts.by_sending.get("sending", 0)
    view = ResultView(
        found=found,
        words=words,
        counts=counts,
        outcome=outcome,
        uplift=None if outcome is None else rules.uplift(outcome.treated, outcome.control),
        is_moving=found.status in (rules.DUE, rules.FREEZING, rules.SENDING) or waits_for_line > 0,
        used_up_until=used_up_until,
        counted_until=found.started_at and rules.counted_until(found.started_at),
    )
    return pages.render(
        request,
        template,
        view=view,
        states=STATES,
        kinds=RECIPIENT_STATES,
        preview=preview,
        percent=attention.HOLD_OUT_PERCENT,
        least=rules.LEAST_ARM,
    )


@router.get("/{broadcast_id}/readers")
def readers(
    request: Request,
    visitor: Marketer,
    broadcast_id: PathId,
    status: Annotated[str, Query(max_length=10)] = rules.QUEUED,
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> Response:
    """Who is on the list, what became of each of them, and why."""
    if status not in RECIPIENT_STATES:
        raise NotFound("status", status)
    mask = mask_for(visitor)
    with request.app.state.db.reading() as session:
        found = queries.broadcast(session, broadcast_id)
        rows: Sequence[RecipientShown] = queries.recipients(
            session, broadcast_id, status=status, after=after, limit=READERS + 1
        )
        names = people.names(session, [row.member_id for row in rows])
    more = rows[READERS - 1].member_id if len(rows) > READERS else None
    return pages.render(
        request,
        "console/broadcast_readers.html",
        found=found,
        status=status,
        kinds=RECIPIENT_STATES,
        rows=[(row, mask.name(names.get(row.member_id, ""))) for row in rows[:READERS]],
        more=more,
    )

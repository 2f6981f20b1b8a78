"""/console/broadcasts/{id} once it is planned: how far it is, who got it, what came of it; stopping
it, and sending it again to who did not press."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from starlette.responses import RedirectResponse

from app.attention import rules as attention
from app.campaigns import messages, queries, rules, service
from app.campaigns.queries import BroadcastShown, Counts, Outcome, RecipientShown
from app.campaigns.rules import Uplift, timing
from app.campaigns.service import NotNow
from app.core import ids
from app.core.errors import Invalid, NotFound
from app.members import queries as people
from app.outbox import queries as outbox
from app.segments import queries as segments
from app.segments import rules as segment_rules
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import letters, looks
from app.web.console.privacy import mask_for
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/broadcasts", route_class=StaffRoute)
Marketer = Annotated[Visitor, Depends(require(Permission.REACH_MEMBERS))]

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
    rules.DECLINED: "不想收這類",
}


# Stopping, and again ----------------------------------------------------------------------------


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
def step(
    request: Request,
    visitor: Marketer,
    broadcast_id: PathId,
    step: str,
    more: Annotated[str, Form(max_length=12)] = "",
) -> Response:
    """`more` messages may go out of what stopped at its limit; nothing: all of them."""
    if step not in _STEPS:
        raise NotFound("step", step)
    do, action = _STEPS[step]
    values: dict[str, Any] = {}
    if step == "resume" and more.strip():
        values["more"] = ids.id_typed(more.strip().replace(",", "")) or 0
    try:
        with request.app.state.db.transaction() as session:
            do(session, broadcast_id=broadcast_id, now=request.app.state.clock(), **values)
            security.audit(request, session, visitor, action, f"broadcast:{broadcast_id}")
    except NotNow:
        pass  # it has gone on meanwhile; the page shows how far
    except Invalid as wrong:
        return security.refusal(request, 422, wrong.reason)
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
    topic: str
    last_turn: datetime | None  # of what is spread

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
    return page(request, found, template="console/broadcast_state.html")


def page(
    request: Request, found: BroadcastShown, *, template: str = "console/broadcast.html"
) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        counts = queries.counts(session, found.id)
        outcome = None
        if found.started_at is not None:
            outcome = queries.outcome(
                session, found.id, topic=found.letter.topic, started_at=found.started_at
            )
        words = found.segment_name
        if found.tree is not None:
            words = segment_rules.words(found.tree, segments.choices(session, now=now))
        preview = letters.drawing(request, session, found.letter)
        about = messages.topic_of(session, found.letter)
        used_up_until = outbox.used_up_until(session, now=now)
    start = found.started_at or found.send_at
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
        topic="" if about is None else about[1],
        last_turn=None if start is None else timing.latest(found.pace, found.hours, start),
    )
    return pages.render(
        request,
        template,
        view=view,
        states=STATES,
        kinds=RECIPIENT_STATES,
        paces=timing.PACES,
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
    looks.note(
        request,
        visitor,
        "recipients",
        source=f"broadcast:{broadcast_id}",
        people=len(rows[:READERS]),
    )
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

"""/console/delivery: messages and events that failed for good and wait for a person."""

from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import RedirectResponse

from app.inbox import queries as inbox
from app.inbox import service as inbox_service
from app.inbox.queries import ParkedEvent
from app.insights.queries import numbers
from app.insights.queries.numbers import Delivery
from app.outbox import queries as outbox
from app.outbox import service as outbox_service
from app.outbox.models import MULTICAST
from app.outbox.queries import Sending
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import looks
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/delivery", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_DELIVERY))]
Mender = Annotated[Visitor, Depends(require(Permission.RETRY_DELIVERY))]
DONE = {"1": "已重新排入，幾秒內會再試一次。", "0": "這一筆已經不在待處理清單，沒有再試一次。"}


@dataclass(frozen=True, slots=True)
class Parked:
    """A message that was not sent. `excerpt` is what it says, for somebody who may read it;
    `readers` how many people a multicast is for."""

    row: Sending
    excerpt: str
    may_retry: bool
    readers: int


@dataclass(frozen=True, slots=True)
class DeliveryView:
    state: Delivery
    messages: tuple[Parked, ...]
    events: tuple[ParkedEvent, ...]
    notice: str


@router.get("")
def delivery(
    request: Request, visitor: Reader, done: Annotated[str, Query(max_length=5)] = ""
) -> Response:
    with request.app.state.db.reading() as session:
        state = numbers.delivery(session, now=request.app.state.clock())
        rows = outbox.parked_rows(session)
        readers = outbox.readers_of(session, [row.id for row in rows if row.channel == MULTICAST])
        events = inbox.parked_events(session)
    looks.note(request, visitor, "list", source="delivery", people=len(rows))
    may_retry = visitor.may(Permission.RETRY_DELIVERY)
    view = DeliveryView(
        state=state,
        messages=tuple(
            Parked(
                row,
                excerpt(row),
                may_retry and row.channel != "reply",
                readers.get(row.id, 0),
            )
            for row in rows
        ),
        events=tuple(events),
        notice=DONE.get(done, ""),
    )
    return pages.render(request, "console/delivery.html", view=view)


@router.post("/messages/{row_id}/retry")
def retry_message(request: Request, visitor: Mender, row_id: PathId) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        is_queued = outbox_service.retry(session, row_id, now=now)
        if is_queued:
            security.audit(request, session, visitor, "message.retried", f"outbox:{row_id}")
    return RedirectResponse(f"/console/delivery?done={int(is_queued)}", 303)


@router.post("/events/{event_id}/retry")
def retry_event(request: Request, visitor: Mender, event_id: PathId) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        is_queued = inbox_service.retry(session, event_id, now=now)
        if is_queued:
            security.audit(request, session, visitor, "event.retried", f"inbox:{event_id}")
    return RedirectResponse(f"/console/delivery?done={int(is_queued)}", 303)


def excerpt(row: Sending) -> str:
    """The text or alternative text of the first message; an SMS never shows its code."""
    if row.channel == "sms":
        return "簡訊內容不顯示"
    try:
        messages = orjson.loads(row.payload)
    except orjson.JSONDecodeError:
        return row.payload[:60]
    if not isinstance(messages, list) or not messages or not isinstance(messages[0], dict):
        return ""
    first = messages[0]
    return str(first.get("text") or first.get("altText") or first.get("type", ""))[:80]

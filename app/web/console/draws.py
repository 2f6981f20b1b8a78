"""/console/draws: what runs, what was decided and its proof, prizes to hand over."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.draws import messages, queries, rules, service
from app.draws.models import DRAWN, FROZEN, OPEN
from app.draws.queries import DrawShown, WinShown
from app.draws.rules import NotOpen
from app.draws.service.handing import NothingToClaim
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import looks
from app.web.console.privacy import mask_for
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/draws", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_NUMBERS))]
Runner = Annotated[Visitor, Depends(require(Permission.RUN_DRAWS))]
DONE = {
    "frozen": "名單已凍結，雜湊已公布。",
    "drawn": "已開獎，中獎通知已排入傳送。",
    "claimed": "已記錄發放。",
    "late": "這一步已經做過，沒有再做一次。",
    "early": "時間還沒到，不能執行。",
}


@dataclass(frozen=True, slots=True)
class Listed:
    draw: DrawShown
    left: str


@dataclass(frozen=True, slots=True)
class Winner:
    win: WinShown
    name: str
    tax: str


@dataclass(frozen=True, slots=True)
class DrawView:
    draw: DrawShown
    left: str
    seed: str
    winners: tuple[Winner, ...]
    conditions: tuple[str, ...]
    can_freeze: bool
    can_draw: bool
    may_run: bool
    notice: str


@router.get("")
def listed(request: Request, _: Reader) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        found = queries.draws(session)
    shown = tuple(Listed(draw, messages.left(draw, now)) for draw in found)
    return pages.render(request, "console/draws.html", draws=shown)


@router.get("/{draw_id}")
def one(
    request: Request,
    visitor: Reader,
    draw_id: PathId,
    done: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        draw = queries.draw(session, draw_id)
        wins = queries.wins(session, draw_id)
        proof = queries.proof(session, draw_id)
    looks.note(request, visitor, "winners", source=f"draw:{draw_id}", people=len(wins))
    mask = mask_for(visitor)
    view = DrawView(
        draw=draw,
        left=messages.left(draw, now),
        seed="" if proof is None else proof.seed,
        winners=tuple(
            Winner(win, mask.name(win.name), rules.tax_note(win.value or 0)) for win in wins
        ),
        conditions=messages.conditions(draw),
        can_freeze=draw.status == OPEN and draw.ends_at <= now,
        can_draw=draw.status == FROZEN and draw.draw_at <= now,
        may_run=visitor.may(Permission.RUN_DRAWS),
        notice=DONE.get(done, ""),
    )
    return pages.render(request, "console/draw.html", view=view)


@router.post("/{draw_id}/freeze")
def freeze(request: Request, visitor: Runner, draw_id: PathId) -> Response:
    def work(session: Session) -> str:
        now = request.app.state.clock()
        if service.freeze(session, draw_id=draw_id, now=now):
            return "frozen"
        return "early" if queries.draw(session, draw_id).status == OPEN else "late"

    return _done(request, visitor, draw_id, "draw.frozen", work)


@router.post("/{draw_id}/decide")
def decide(request: Request, visitor: Runner, draw_id: PathId) -> Response:
    def work(session: Session) -> str:
        theme, now = request.app.state.settings.theme, request.app.state.clock()
        try:
            is_new = service.decide(session, draw_id=draw_id, theme=theme, now=now)
        except NotOpen:
            return "early"
        return DRAWN if is_new else "late"

    return _done(request, visitor, draw_id, "draw.decided", work)


def _done(
    request: Request,
    visitor: Visitor,
    draw_id: int,
    action: str,
    work: Callable[[Session], str],
) -> Response:
    with request.app.state.db.transaction() as session:
        done = work(session)
        if done in (FROZEN, DRAWN):
            security.audit(request, session, visitor, action, f"draw:{draw_id}")
    return RedirectResponse(f"/console/draws/{draw_id}?done={done}", 303)


@router.post("/{draw_id}/wins/{win_id}/claim")
def claim(request: Request, visitor: Runner, draw_id: PathId, win_id: PathId) -> Response:
    done = "claimed"
    try:
        with request.app.state.db.transaction() as session:
            service.claim(
                session,
                win_id=win_id,
                staff_id=visitor.staff_id,
                device=security.device(request),
                now=request.app.state.clock(),
            )
    except NothingToClaim:
        done = "late"
    return RedirectResponse(f"/console/draws/{draw_id}?done={done}", 303)

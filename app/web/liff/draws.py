"""Draws and wheels: what runs, one's own tickets, entering with a question before."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.errors import DomainError, NotFound
from app.draws import messages, queries, service
from app.draws.queries import DrawShown, Standing, WinShown
from app.members.queries import Person
from app.points import queries as points
from app.web.liff import pages
from app.web.liff.guard import LiffRoute, Member
from app.web.params import PathId

router = APIRouter(prefix="/liff", route_class=LiffRoute)

RESULTS_SHOWN: Final = timedelta(days=30)
LARGEST: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Shown:
    """A draw as one member sees it. `asks`: the question before the button does anything."""

    draw: DrawShown
    standing: Standing
    left: str
    mine: str
    wins: tuple[WinShown, ...]
    label: str  # empty: nothing to press
    asks: str
    odds: tuple[str, ...]
    conditions: tuple[str, ...]


@router.get("/view/draws")
def show(request: Request, member: Member) -> Response:
    return _page(request, member, "", "")


@router.post("/draws/{draw_id}/enter")
def enter(
    request: Request,
    member: Member,
    draw_id: PathId,
    turn: Annotated[int, Form(ge=0, le=LARGEST)],
) -> Response:
    """The form's `turn` makes a second tap the same press."""
    now = request.app.state.clock()
    try:
        with request.app.state.db.transaction() as session:
            entered = service.enter(session, draw_id=draw_id, member=member, turn=turn, now=now)
            draw = queries.draw(session, draw_id)
    except NotFound:
        raise
    except DomainError as refusal:
        return _page(request, member, "", messages.explain(refusal))
    if not draw.is_wheel:
        return _page(request, member, f"已登記參加，抽獎券號 {entered.ticket}。", "")
    if entered.prize is None:
        return _page(request, member, "這次沒有抽中，祝您下次好運。", "")
    how = messages.how_it_comes(draw, entered.prize, now)
    return _page(request, member, f"恭喜抽中「{entered.prize.name}」！{how}", "")


def _page(request: Request, member: Person, news: str, problem: str) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        found = queries.shown_to_members(session, now=now, since=now - RESULTS_SHOWN)
        shown = [_shown(session, draw, member, now) for draw in found]
        balance = points.standing(session, member.id, now=now).balance
    return pages.render(
        request,
        "draws.html",
        422 if problem else 200,
        shown=shown,
        balance=balance,
        news=news,
        problem=problem,
    )


def _shown(session: Session, draw: DrawShown, member: Person, now: datetime) -> Shown:
    standing = queries.standing(session, draw=draw, member_id=member.id, today=taipei_date(now))
    won = queries.wins_of(session, draw_id=draw.id, member_id=member.id)
    can_press = messages.can_press(draw, standing, now)
    cost = 0 if draw.is_wheel and standing.spare else draw.cost
    spends = f"將使用 {cost:,} 點" if cost else "不需要點數"
    return Shown(
        draw=draw,
        standing=standing,
        left=messages.left(draw, now),
        mine=messages.mine(draw, standing, won),
        wins=tuple(won),
        label=messages.label(draw, standing) if can_press else "",
        asks=f"參加「{draw.name}」{spends}，確定嗎？",
        odds=tuple(messages.odds(draw, prize) if draw.is_wheel else "" for prize in draw.prizes),
        conditions=messages.conditions(draw),
    )

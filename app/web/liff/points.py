"""Points: how many, which lapse when, and every movement down to the rule that made it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from app.core import money
from app.core.clock import taipei_date
from app.points import queries
from app.points.queries import Movement
from app.points.rules import formula_from_facts
from app.web.liff import pages
from app.web.liff.guard import LiffRoute, Member
from app.web.pages import show_day

router = APIRouter(prefix="/liff", route_class=LiffRoute)

PAGE: Final = 20
LOOK_AHEAD: Final = timedelta(days=365)
KINDS: Final = {
    "earn": "獲得點數",
    "award": "獎勵點數",
    "withdraw": "收回獎勵",
    "redeem": "使用點數",
    "restore": "點數退回",
    "expire": "點數到期",
    "revoke": "收回點數",
    "adjust": "點數調整",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One movement and, in words, how its number came about."""

    movement: Movement
    title: str
    is_pending: bool
    explanation: tuple[str, ...]


@router.get("/view/points")
def show(
    request: Request, member: Member, before: Annotated[int | None, Query(ge=1)] = None
) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        standing = queries.standing(session, member.id, now=now)
        found = queries.history(session, member.id, limit=PAGE + 1, before_id=before)
        lapsing = queries.expiring(session, member.id, now=now, until=now + LOOK_AHEAD)
    lines = [_line(movement, now) for movement in found[:PAGE]]
    return pages.render(
        request,
        "points.html",
        standing=standing,
        lines=lines,
        lapsing=[(item.points, _last_day(item.at)) for item in lapsing[:3]],
        more=found[PAGE - 1].id if len(found) > PAGE else None,
        is_first=before is None,
    )


def _line(movement: Movement, now: datetime) -> Line:
    is_pending = movement.usable_from is not None and movement.usable_from > now
    return Line(
        movement, KINDS.get(movement.kind, "點數異動"), is_pending, tuple(_explained(movement))
    )


def _explained(movement: Movement) -> list[str]:
    words = [movement.reason] if movement.kind == "adjust" and movement.reason else []
    words += _formula(movement.facts)
    if movement.usable_from is not None and movement.points > 0:
        words.append(f"{show_day(movement.usable_from)} 起可使用")
    if movement.expires_at is not None:
        words.append(f"有效期限至 {show_day(_last_day(movement.expires_at))}")
    return words


def _formula(facts: dict[str, Any]) -> list[str]:
    if "formula" not in facts:
        return []
    formula = formula_from_facts(facts["formula"])
    words = [f"每消費 {money.show(formula.unit)} 得 {formula.rate} 點"]
    words += [f"{factor.name} {factor.percent / 100:g} 倍" for factor in formula.factors]
    return words


def _last_day(end: datetime) -> date:
    """The day before the midnight from which they are gone."""
    return taipei_date(end - timedelta(microseconds=1))

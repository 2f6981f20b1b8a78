"""/console/rewards: the catalogue with its stock, what was exchanged, what it costs."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.core.money import round_half_up
from app.programmes import queries as programmes
from app.rewards import queries
from app.rewards.queries import NOTHING, ExchangeShown, RewardState, Turnover
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages
from app.web.security import StaffRoute, require
from flex_templates.rewards import cost

router = APIRouter(prefix="/console/rewards", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_NUMBERS))]


@dataclass(frozen=True, slots=True)
class Line:
    reward: RewardState
    cost: str  # 300 點 + NT$199
    turnover: Turnover
    worth: int  # NT$ of the points that did not come back


@dataclass(frozen=True, slots=True)
class RewardsView:
    lines: tuple[Line, ...]
    latest: tuple[ExchangeShown, ...]
    value: str  # NT$ a point stands for

    @property
    def total(self) -> Turnover:
        parts = [line.turnover for line in self.lines]
        return Turnover(
            *(
                sum(getattr(part, name) for part in parts)
                for name in ("exchanged", "picked_up", "waiting", "lapsed", "undone", "points")
            )
        )

    @property
    def worth(self) -> int:
        return sum(line.worth for line in self.lines)


@router.get("")
def rewards(request: Request, _: Reader) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        value = programmes.terms_at(session, now).points.value
        turnover = queries.turnover(session)
        lines = tuple(
            _line(reward, turnover.get(reward.reward_id, NOTHING), value)
            for reward in queries.rewards(session)
        )
        latest = tuple(queries.latest(session))
    view = RewardsView(lines, latest, f"NT${value:g}")
    return pages.render(request, "console/rewards.html", view=view)


def _line(reward: RewardState, turnover: Turnover, value: float) -> Line:
    worth = round_half_up(Decimal(str(value)) * turnover.points)
    return Line(reward, cost(reward.draft.points, reward.price), turnover, worth)

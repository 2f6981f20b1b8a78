"""Rewards for points: the catalogue, one reward, exchanging it, and taking that back."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.orm import Session

from app.core import ids
from app.core.errors import Conflict, NotFound
from app.members.queries import Person
from app.points.rules import NotEnoughPoints
from app.programmes import queries as programmes
from app.rewards import messages, queries, rules, service
from app.rewards.queries import Asker, ExchangeShown, RewardState
from app.rewards.rules import NotCancellable, RewardRefused
from app.web.liff import pages
from app.web.liff.guard import GoTo, LiffRoute, Member
from app.web.params import PathId
from flex_templates.rewards import LOW, cost

router = APIRouter(prefix="/liff", route_class=LiffRoute)


@dataclass(frozen=True, slots=True)
class Shown:
    """A reward as its member reads it."""

    id: int
    name: str
    colour: str
    icon: str
    cost: str  # 300 點, 300 點 + NT$199
    points: int
    price: int
    description: tuple[str, ...]
    few_left: int | None  # only when there are few
    hindrance: str
    fetch_until: date
    cancel_hours: int
    tiers: str
    per_member_limit: int | None


@dataclass(frozen=True, slots=True)
class Mine:
    """An exchange as its member reads it."""

    id: int
    name: str
    colour: str
    icon: str
    cost: str
    status: str  # open | picked_up | cancelled | lapsed | returned
    at: datetime
    fetch_until: date
    picked_up_at: datetime | None
    coupon_id: int | None
    cancel_until: datetime | None  # None: it cannot be taken back


@router.get("/view/rewards")
def catalogue(request: Request, member: Member) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        asker = queries.asker(session, member.id, now=now)
        shown = [_shown(reward, asker, now) for reward in queries.catalogue(session, now=now)]
        mine = [_mine(held, now) for held in queries.exchanges_of(session, member.id)]
    return pages.render(
        request, "rewards.html", balance=asker.balance, rewards=shown, exchanges=mine
    )


@router.get("/view/rewards/{reward_id}")
def one(request: Request, member: Member, reward_id: PathId) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        return _page(request, session, reward_id, member, now)


@router.post("/rewards/{reward_id}/exchange")
def exchange(
    request: Request,
    member: Member,
    reward_id: PathId,
    form_id: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Once for each page: `form_id` was made with it."""
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        try:
            with session.begin_nested():
                done = service.exchange(
                    session, reward_id=reward_id, member_id=member.id, form_id=form_id, now=now
                )
        except (RewardRefused, NotEnoughPoints, Conflict) as error:
            terms = programmes.terms_at(session, now)
            return _page(request, session, reward_id, member, now, messages.sentence(error, terms))
    raise GoTo(f"exchanges/{done.exchange_id}")


@router.get("/view/exchanges/{exchange_id}")
def exchanged(request: Request, member: Member, exchange_id: PathId) -> Response:
    return _result(request, member, exchange_id)


@router.post("/exchanges/{exchange_id}/cancel")
def cancel(request: Request, member: Member, exchange_id: PathId) -> Response:
    now = request.app.state.clock()
    problem = ""
    with request.app.state.db.transaction() as session:
        try:
            with session.begin_nested():
                service.cancel(session, exchange_id=exchange_id, member_id=member.id, now=now)
        except NotCancellable as error:
            problem = messages.sentence(error, programmes.terms_at(session, now))
    return _result(request, member, exchange_id, problem)


def _result(request: Request, member: Person, exchange_id: int, problem: str = "") -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        held = queries.exchange_of(session, exchange_id, member_id=member.id)
        balance = queries.asker(session, member.id, now=now).balance
    if held is None:
        raise NotFound("exchange", exchange_id)
    return pages.render(
        request,
        "exchange.html",
        409 if problem else 200,
        exchange=_mine(held, now),
        code=held.coupon_code,
        qr=pages.qr(held.coupon_code or ""),
        balance=balance,
        problem=problem,
    )


def _page(
    request: Request,
    session: Session,
    reward_id: int,
    member: Person,
    now: datetime,
    problem: str = "",
) -> Response:
    """Raises NotFound, also for what is not in the catalogue."""
    reward = queries.reward(session, reward_id)
    if reward is None or not reward.is_shown(now):
        raise NotFound("reward", reward_id)
    asker = queries.asker(session, member.id, now=now)
    return pages.render(
        request,
        "reward.html",
        409 if problem else 200,
        reward=_shown(reward, asker, now),
        balance=asker.balance,
        form_id=ids.random_code(),
        problem=problem,
    )


def _shown(reward: RewardState, asker: Asker, now: datetime) -> Shown:
    draft = reward.draft
    few = reward.left is not None and 0 < reward.left <= LOW
    return Shown(
        id=reward.reward_id,
        name=draft.name,
        colour=draft.colour,
        icon=draft.icon,
        cost=cost(draft.points, reward.price),
        points=draft.points,
        price=reward.price,
        description=tuple(line.strip() for line in draft.description.splitlines() if line.strip()),
        few_left=reward.left if few else None,
        hindrance=messages.hindrance(reward, asker, now=now),
        fetch_until=rules.last_day(rules.pickup_until(draft, now)),
        cancel_hours=draft.cancel_hours,
        tiers="、".join(asker.terms.tier(code).name for code in draft.tiers),
        per_member_limit=draft.per_member_limit,
    )


def _mine(held: ExchangeShown, now: datetime) -> Mine:
    return Mine(
        id=held.id,
        name=held.name,
        colour=held.colour,
        icon=held.icon,
        cost=cost(held.points, held.price),
        status=held.status,
        at=held.at,
        fetch_until=rules.last_day(held.expires_at),
        picked_up_at=held.picked_up_at,
        coupon_id=held.coupon_id,
        cancel_until=held.cancel_until if held.may_cancel(now) else None,
    )

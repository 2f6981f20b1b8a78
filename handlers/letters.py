"""The button of a letter: counted once, then answered like the same button elsewhere."""

from collections.abc import Callable, Mapping
from typing import Final

from app.journeys.service import pressing
from app.line.events import Event
from app.line.router import Reply, Router
from app.line.taps import (
    FollowLetter,
    ShowCard,
    ShowCoupons,
    ShowPoints,
    ShowRewards,
    ShowStores,
    ShowTiers,
    ShowWaysToEarn,
)
from handlers import card, coupons, points, rewards, stores, tiers
from handlers.context import Context

routes: Router[Context] = Router("letters")
# By campaigns' names of places.
PLACES: Final[Mapping[str, Callable[[Event, Context], Reply]]] = {
    "card": lambda event, ctx: card.show(event, ShowCard(), ctx),
    "coupons": lambda event, ctx: coupons.show(event, ShowCoupons(), ctx),
    "points": lambda event, ctx: points.show(event, ShowPoints(), ctx),
    "earn": lambda event, ctx: points.ways(event, ShowWaysToEarn(), ctx),
    "rewards": lambda event, ctx: rewards.show(event, ShowRewards(), ctx),
    "tiers": lambda event, ctx: tiers.show(event, ShowTiers(), ctx),
    "stores": lambda event, ctx: stores.show(event, ShowStores(), ctx),
}


@routes.postback(FollowLetter)
def follow(event: Event, data: FollowLetter, ctx: Context) -> Reply:
    pressing.pressed(ctx.session, data.ref, member_id=ctx.member.id, now=ctx.now)
    return PLACES.get(data.place, PLACES["card"])(event, ctx)

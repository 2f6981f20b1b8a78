"""What the account answers, one module per conversation. The list is the match order: the first
router that has an answer gives it; joining under way comes before the words, the fallback last."""

from typing import Final

from app.line.router import Router
from handlers import (
    benefits,
    card,
    centre,
    coupons,
    draws,
    explain,
    follow,
    invites,
    invoices,
    join,
    letters,
    menu,
    points,
    purchases,
    rewards,
    stores,
    tiers,
    words,
)
from handlers import (
    help as helping,
)
from handlers.context import Context

ROUTERS: Final[tuple[Router[Context], ...]] = (
    follow.routes,
    card.routes,
    points.routes,
    coupons.routes,
    rewards.routes,
    tiers.routes,
    benefits.routes,
    explain.routes,
    invoices.routes,
    purchases.routes,
    stores.routes,
    centre.routes,
    helping.routes,
    draws.routes,
    invites.routes,
    letters.routes,
    menu.routes,
    join.routes,
    words.routes,
    helping.fallback,
)

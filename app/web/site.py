"""The staff pages as one thing: `create_app` calls `add_staff_pages` once."""

from typing import Final

from fastapi import APIRouter, FastAPI

from app.web import letters, links, login, pages, proofs, security
from app.web.clerk import codes, exchanges, goodwill, offline, scan, serve, store, today
from app.web.console import (
    account,
    audit,
    broadcast_results,
    broadcast_sending,
    broadcasts,
    corrections,
    coupons,
    delivery,
    draws,
    home,
    imports,
    invoices,
    journey_plan,
    journeys,
    liability,
    lifecycle,
    lookups,
    members,
    menus,
    mergers,
    missions,
    referrals,
    rewards,
    segments,
    staff,
    stamps,
    stores,
    tags,
    tiers,
    tokens,
)
from app.web.headers import SecurityHeaders

ROUTERS: Final[tuple[APIRouter, ...]] = (
    login.router,
    links.router,
    home.router,
    imports.router,
    members.router,
    segments.router,
    tags.router,
    tags.members,
    broadcasts.router,
    broadcast_sending.router,
    broadcast_results.router,
    journeys.router,
    journey_plan.router,
    lifecycle.router,
    menus.router,
    corrections.router,
    missions.router,
    stamps.router,
    coupons.router,
    rewards.router,
    tiers.router,
    liability.router,
    mergers.router,
    invoices.router,
    referrals.router,
    draws.router,
    delivery.router,
    audit.router,
    lookups.router,
    staff.router,
    stores.router,
    tokens.router,
    account.router,
    store.router,
    scan.router,
    codes.router,
    serve.router,
    today.router,
    exchanges.router,
    goodwill.router,
    offline.router,
)
# For anybody: what was published and how it can be recomputed; the links of letters, which name
# their reader by a signature.
PUBLIC: Final[tuple[APIRouter, ...]] = (proofs.router, letters.router)


def add_staff_pages(app: FastAPI) -> None:
    """Also puts the security headers on every answer of the application.

    Raises RuntimeError when a route does not say who may enter."""
    security.check_guarded((*ROUTERS, *PUBLIC))
    app.add_middleware(SecurityHeaders, is_https=app.state.settings.cookies_are_secure)
    for router in (*ROUTERS, *PUBLIC):
        app.include_router(router)
    app.mount("/static", pages.Static(), name="static")

"""The members' pages as one thing: `create_app` calls `add_liff_pages` once."""

from typing import Final

from fastapi import APIRouter, FastAPI

from app.line.login import IdTokens, LineLogin
from app.web.liff import (
    card,
    centre,
    coupons,
    draws,
    gifts,
    invite,
    invoices,
    join,
    looks,
    missions,
    pages,
    points,
    rewards,
    session,
    stamps,
    why,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    session.router,
    join.router,
    card.router,
    points.router,
    why.router,
    invoices.router,
    invoices.frames,
    missions.router,
    stamps.router,
    coupons.router,
    gifts.router,
    rewards.router,
    looks.router,
    centre.router,
    invite.router,
    draws.router,
)


def add_liff_pages(app: FastAPI, *, id_tokens: IdTokens | None = None) -> None:
    """Needs `app.state.db`, `.clock` and `.settings`; `id_tokens` stands in for LINE in tests."""
    settings = app.state.settings
    app.state.id_tokens = id_tokens or LineLogin(
        base=settings.line_api_base, channel_id=settings.line_login_channel_id
    )
    app.mount("/liff/static", pages.Static(), name="liff-static")
    for router in (*ROUTERS, session.shell_router):  # the shell last: it answers everything
        app.include_router(router)

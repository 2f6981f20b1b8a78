"""The staff pages as one thing: `create_app` calls `add_staff_pages` once."""

from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

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
    experiments,
    home,
    hooks,
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
    programme,
    programme_drafts,
    referrals,
    requests,
    rewards,
    scores,
    search,
    segments,
    setup,
    staff,
    stamps,
    stores,
    tags,
    thresholds,
    tiers,
    tokens,
    topics,
)
from app.web.headers import CSP, SecurityHeaders, is_under

ROUTERS: Final[tuple[APIRouter, ...]] = (
    login.router,
    links.router,
    home.router,
    setup.router,
    imports.router,
    members.router,
    search.router,
    segments.router,
    tags.router,
    tags.members,
    topics.router,
    broadcasts.router,
    broadcast_sending.router,
    broadcast_results.router,
    journeys.router,
    journey_plan.router,
    lifecycle.router,
    experiments.router,
    scores.router,
    menus.router,
    corrections.router,
    programme.router,
    programme_drafts.router,
    thresholds.router,
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
    requests.router,
    staff.router,
    stores.router,
    tokens.router,
    hooks.router,
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
    app.add_exception_handler(HTTPException, _in_words)
    app.add_exception_handler(Exception, _failed)


async def _in_words(request: Request, error: Exception) -> Response:
    """An address that leads nowhere, said as a page to who reads pages."""
    assert isinstance(error, HTTPException)
    if error.status_code != 404 or not _reads_pages(request):
        return await http_exception_handler(request, error)
    return security.refusal(request, 404, "這個網址沒有東西。可能打錯了，或是這一頁已經搬走。")


async def _failed(request: Request, _: Exception) -> Response:
    """Nobody expected it: it is logged where it is raised again, and this stands on the screen."""
    if not _reads_pages(request):
        return PlainTextResponse("Internal Server Error", 500)
    at = pages.show_moment(request.app.state.clock())
    answer = security.refusal(
        request,
        500,
        f"系統出了問題，剛才的動作可能沒有完成。請回上一頁看一下再試；"
        f"一直發生的話，請把時間 {at} 告訴管理系統的人。",
    )
    answer.headers["content-security-policy"] = CSP  # it stands outside what adds it elsewhere
    answer.headers["cache-control"] = "no-store"
    return answer


def _reads_pages(request: Request) -> bool:
    is_page = "text/html" in request.headers.get("accept", "")
    return is_page and not is_under(request.url.path, ("/liff", "/api"))

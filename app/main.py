"""create_app(): routes, handlers, jobs and the gateway wired together."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.core.config import Settings
from app.runtime import EVERYTHING, Parts, Runtime
from app.web import health, pictures, webhook
from app.web.api.app import create_api
from app.web.liff.site import add_liff_pages
from app.web.site import add_staff_pages
from app.web.webhook import Receive, Scope, Send, Webhook


class Product(FastAPI):
    """LINE's door stands before everything else: no middleware costs it time."""

    door: Webhook

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == webhook.PATH:
            await self.door(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    settings: Settings, *, parts: Parts | None = None, roles: frozenset[str] = EVERYTHING
) -> Product:
    parts = parts or Parts.from_settings(settings)
    runtime = Runtime(parts, roles)
    door = Webhook(
        parts.db,
        settings.line_channel_secret.get_secret_value(),
        parts.clock,
        on_kept=runtime.wake,
    )
    api = create_api(
        parts.db,
        parts.clock,
        parts.settings.theme,
        brand=settings.brand_name,
        key=settings.secret_key.get_secret_value(),
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        runtime.start()
        yield
        await door.writer.close()
        await api.state.writer.close()
        await asyncio.to_thread(runtime.stop)
        parts.db.dispose()

    app = Product(
        title="Regulars", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.db, app.state.clock, app.state.settings = parts.db, parts.clock, settings
    app.door = door
    # As uvicorn would, from whom it would: the proxy in front says who called and over what.
    app.add_middleware(
        ProxyHeadersMiddleware, trusted_hosts=os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
    )
    app.include_router(health.router)
    app.include_router(pictures.router)
    add_staff_pages(app)
    add_liff_pages(app)
    app.mount("/api/v1", api)
    return app

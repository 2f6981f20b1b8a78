"""Every request gets an id: in its answer, and in each line logged on its way."""

import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

from app.core import ids, logs

log = structlog.get_logger(__name__)
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADER = b"x-request-id"
_GIVEN = re.compile(rb"[\w.-]{1,64}")  # a proxy's own id is kept when it looks like one
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


class RequestIds:
    """ASGI middleware. The query is never logged: it may hold a phone number."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _given(scope) or ids.retry_key()
        status, began = 500, time.perf_counter()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((HEADER, request_id.encode()))
            await send(message)

        with logs.bound(request_id=request_id):
            try:
                await self.app(scope, receive, answer)
            finally:
                if scope["path"] not in QUIET:
                    _tell(scope, status, time.perf_counter() - began)


def _given(scope: Scope) -> str | None:
    value = next((value for name, value in scope.get("headers", ()) if name == HEADER), b"")
    return value.decode() if _GIVEN.fullmatch(value) else None


def _tell(scope: Scope, status: int, seconds: float) -> None:
    """The route's pattern, not the path: codes and digests are part of some paths."""
    route = getattr(scope.get("route"), "path", None)
    log.info(
        "http.answered",
        method=scope["method"],
        route=route or "unknown",
        status=status,
        ms=round(seconds * 1000, 1),
    )

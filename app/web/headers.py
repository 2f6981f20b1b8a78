"""What every answer carries: what a page may load, who may frame it, what it may use. Pure ASGI, so
that it costs a few microseconds and never buffers. A header an answer already has is left alone."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

_OWN = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; "
)
CSP = _OWN + "frame-ancestors 'none'"
# Members' pages run inside LINE and inside the simulator's phone. LINE's SDK is the only script
# that is not ours: https://developers.line.biz/en/docs/liff/developing-liff-apps/
LIFF_CSP = (
    "default-src 'self'; script-src 'self' https://static.line-scdn.net; "
    "connect-src 'self' https://api.line.me https://access.line.me https://liffsdk.line-scdn.net; "
    "img-src 'self' data: blob: https://*.line-scdn.net; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'self'"
)
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)
_NOTHING = b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"
_CAMERA = b"camera=(self), microphone=(), geolocation=(), payment=(), usb=()"
_STAFF = ("/console", "/clerk")
BODY_LIMIT = 2 * 1024 * 1024  # bytes; the largest thing staff pages post is one camera frame


class SecurityHeaders:
    """Wrap the whole application. `is_https` adds HSTS."""

    def __init__(self, app: Asgi, *, is_https: bool = False) -> None:
        self._app, self._is_https = app, is_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        wanted = self._headers(path)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                headers += [pair for pair in wanted if pair[0] not in present]
                message = {**message, "headers": headers}
            await send(message)

        if is_under(path, _STAFF) and (status := _refused_body(scope)):
            await _refuse(send_with_headers, status)
            return
        await self._app(scope, receive, send_with_headers)

    def _headers(self, path: str) -> list[tuple[bytes, bytes]]:
        is_liff, is_clerk = is_under(path, ("/liff",)), is_under(path, ("/clerk",))
        headers = [
            *_ALWAYS,
            (b"content-security-policy", (LIFF_CSP if is_liff else CSP).encode()),
            (b"permissions-policy", _CAMERA if is_clerk or is_liff else _NOTHING),
        ]
        if not is_liff:
            headers.append((b"x-frame-options", b"DENY"))
        if is_under(path, _STAFF):
            headers.append((b"cache-control", b"no-store"))
            headers.append((b"cross-origin-opener-policy", b"same-origin"))
            headers.append((b"cross-origin-resource-policy", b"same-origin"))
        if self._is_https:
            headers.append((b"strict-transport-security", b"max-age=31536000"))
        return headers


def is_under(path: str, prefixes: tuple[str, ...]) -> bool:
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)


def _refused_body(scope: Scope) -> int | None:
    """A status for a body that is too large or does not say how large it is."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return 411
    length = headers.get(b"content-length", b"0")
    return None if length.isdigit() and int(length) <= BODY_LIMIT else 413


async def _refuse(send: Send, status: int) -> None:
    body = b"the request body is too large" if status == 413 else b"a content length is needed"
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

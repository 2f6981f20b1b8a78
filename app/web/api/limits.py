"""A body larger than any sale is refused before it is read into memory, and only JSON is read."""

from app.web.api.problems import Problem
from app.web.webhook import Receive, Scope, Send

BODY_LIMIT = 1024 * 1024  # bytes


class TooLarge(Exception):
    pass


class BodyLimit:
    """Pure ASGI. A POST must say JSON and stay within the limit, whatever length it claims."""

    def __init__(self, app: object) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT", "PATCH"):
            await self._app(scope, receive, send)  # type: ignore[operator]  # an ASGI app
            return
        headers = dict(scope["headers"])
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        length = headers.get(b"content-length", b"0")
        if kind != b"application/json":
            refusal = Problem(415, "send Content-Type: application/json")
        elif length.isdigit() and int(length) > BODY_LIMIT:
            refusal = Problem(413, f"the body is larger than {BODY_LIMIT} bytes")
        else:
            await self._limited(scope, receive, send)
            return
        await refusal.response()(scope, receive, send)

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read it here, so that a length that was not told does not get through."""
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            if len(body) > BODY_LIMIT:
                refusal = Problem(413, f"the body is larger than {BODY_LIMIT} bytes")
                await refusal.response()(scope, receive, send)
                return
            if not message.get("more_body"):
                break
        is_told = False

        async def replay() -> object:
            nonlocal is_told
            if is_told:
                return await receive()
            is_told = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)  # type: ignore[operator]  # an ASGI app

"""POST /line/webhook: verify, keep, answer 200. A raw ASGI route, because this is the hot path:
LINE wants its answer within two seconds even when ten thousand people tap at once.

Bodies are parsed by the thread that writes them: two busy threads would spend more time on handing
Python's lock to and fro than on the work."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import structlog
from sqlalchemy.exc import DBAPIError

from app.core.batch import Closed, GroupCommit
from app.core.clock import Clock
from app.core.db import Database
from app.inbox import service as inbox
from app.line.signature import is_signed

PATH = "/line/webhook"
BODY_LIMIT = 2 * 1024 * 1024  # bytes; LINE documents none for webhooks, 2 MB for what we send
log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class TooLarge(Exception):
    pass


class Malformed(ValueError):
    pass


class Webhook:
    """`on_kept` is called after events were committed, to wake the worker."""

    def __init__(
        self, db: Database, secret: str, clock: Clock, on_kept: Callable[[], None]
    ) -> None:
        self._db, self._secret, self._clock = db, secret.encode(), clock
        self._on_kept = on_kept
        self.writer: GroupCommit[bytes, None] = GroupCommit(self._keep, name="inbox-writer")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await _answer(send, 405, b'{"title":"POST only"}')
            return
        try:
            body = await _body(scope, receive)
        except TooLarge:
            await _answer(send, 413, b'{"title":"the body is too large"}')
            return
        signature = next(
            (value for name, value in scope["headers"] if name == b"x-line-signature"), b""
        )
        if not is_signed(self._secret, body, signature):
            await _answer(send, 401, b'{"title":"the signature is missing or wrong"}')
            return
        try:
            await self.writer.submit(body)
        except Malformed as error:
            await _answer(send, 400, orjson.dumps({"title": str(error)}))
        except (DBAPIError, Closed) as error:
            # Nothing is kept: a 5xx makes LINE deliver it again.
            log.error("webhook.not_kept", error=type(error).__name__)
            await _answer(send, 503, b'{"title":"not kept, deliver again"}')
        else:
            # LINE looks at the status only; without a body it goes out in one write.
            await _answer(send, 200, b"")

    def _keep(self, bodies: Sequence[bytes]) -> list[Malformed | None]:
        now = self._clock()
        rows: list[inbox.Row] = []
        results: list[Malformed | None] = []
        for body in bodies:
            try:
                rows += rows_of(body, received_at=now)
            except Malformed as error:
                results.append(error)
            else:
                results.append(None)
        if rows:
            with self._db.transaction() as session:
                inbox.keep(session, rows, received_at=now)
            self._on_kept()
        return results


def rows_of(body: bytes, *, received_at: datetime) -> list[inbox.Row]:
    """Raises Malformed when the body is not LINE's envelope; what is in an event is not judged."""
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("the body is not JSON") from error
    if not isinstance(envelope, dict):
        raise Malformed("the body is not an object")
    events = envelope.get("events")
    if not isinstance(events, list):
        raise Malformed("events: a list is needed")
    for index, event in enumerate(events):
        if not isinstance(event, dict):
            raise Malformed(f"events[{index}]: an object is needed")
    return [inbox.row_of(event, received_at=received_at) for event in events]


async def _body(scope: Scope, receive: Receive) -> bytes:
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    if declared.isdigit() and int(declared) > BODY_LIMIT:
        raise TooLarge
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            raise TooLarge
    return body


async def _answer(send: Send, status: int, body: bytes) -> None:
    kind = b"application/json" if status == 200 else b"application/problem+json"
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", kind), (b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": body})

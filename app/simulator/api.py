"""The Messaging API as one ASGI endpoint: faults, token, limits, then the handler of the path.

Written on bare ASGI because load tests push thousands of messages a second through it.
"""

import asyncio
import contextlib
import re
import socket
import struct
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from app.simulator import accounts, ids, menus, sending
from app.simulator.courier import Courier
from app.simulator.faults import Fault, Faults
from app.simulator.http import MAX_BODY_BYTES, Answer, Call, Refused, answer, refuse
from app.simulator.people import Request
from app.simulator.state import State

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Handler = Callable[[State, Call], Answer]

_SENDS = "/v2/bot/message/"
_RETRYABLE = frozenset({_SENDS + kind for kind in ("push", "multicast", "narrowcast", "broadcast")})
_WEBHOOK_TEST = "POST /v2/bot/channel/webhook/test"
_OPEN = frozenset(  # LINE Login calls: no channel access token
    {
        "POST /oauth2/v2.1/verify",
        "GET /oauth2/v2.1/verify",
        "GET /v2/profile",
        "GET /friendship/v1/status",
    }
)

ROUTES: dict[str, Handler] = {
    "POST /v2/bot/message/push": sending.push,
    "POST /v2/bot/message/reply": sending.reply,
    "POST /v2/bot/message/multicast": sending.multicast,
    "POST /v2/bot/message/broadcast": sending.broadcast,
    "POST /v2/bot/message/narrowcast": sending.narrowcast,
    "GET /v2/bot/message/progress/narrowcast": sending.narrowcast_progress,
    **{
        f"POST /v2/bot/message/validate/{kind}": sending.validate(kind)
        for kind in ("reply", "push", "multicast", "narrowcast", "broadcast")
    },
    "GET /v2/bot/message/quota": sending.quota,
    "GET /v2/bot/message/quota/consumption": sending.consumption,
    "GET /v2/bot/message/delivery/{kind}": sending.delivered,
    "GET /v2/bot/message/aggregation/info": sending.units_used,
    "GET /v2/bot/message/aggregation/list": sending.unit_names,
    "GET /v2/bot/message/{messageId}/content": accounts.content,
    "GET /v2/bot/message/{messageId}/content/preview": accounts.preview,
    "GET /v2/bot/message/{messageId}/content/transcoding": accounts.transcoding,
    "GET /v2/bot/profile/{userId}": accounts.profile,
    "GET /v2/bot/followers/ids": accounts.followers,
    "GET /v2/bot/info": accounts.bot,
    "POST /v2/bot/chat/loading/start": accounts.start_loading,
    "POST /v2/bot/chat/markAsRead": accounts.mark_as_read,
    "POST /v2/bot/user/{userId}/linkToken": accounts.link_token,
    "GET /v2/bot/channel/webhook/endpoint": accounts.get_webhook,
    "PUT /v2/bot/channel/webhook/endpoint": accounts.set_webhook,
    "POST /v2/bot/richmenu": menus.create,
    "POST /v2/bot/richmenu/validate": menus.validate,
    "GET /v2/bot/richmenu/list": menus.listed,
    "POST /v2/bot/richmenu/alias": menus.create_alias,
    "GET /v2/bot/richmenu/alias/list": menus.aliases,
    "POST /v2/bot/richmenu/alias/{richMenuAliasId}": menus.update_alias,
    "GET /v2/bot/richmenu/alias/{richMenuAliasId}": menus.get_alias,
    "DELETE /v2/bot/richmenu/alias/{richMenuAliasId}": menus.delete_alias,
    "POST /v2/bot/richmenu/batch": menus.batch,
    "POST /v2/bot/richmenu/bulk/link": menus.bulk_link,
    "POST /v2/bot/richmenu/bulk/unlink": menus.bulk_unlink,
    "GET /v2/bot/richmenu/{richMenuId}": menus.get,
    "DELETE /v2/bot/richmenu/{richMenuId}": menus.delete,
    "POST /v2/bot/richmenu/{richMenuId}/content": menus.upload,
    "GET /v2/bot/richmenu/{richMenuId}/content": menus.download,
    "GET /v2/bot/user/all/richmenu": menus.get_default,
    "DELETE /v2/bot/user/all/richmenu": menus.drop_default,
    "POST /v2/bot/user/all/richmenu/{richMenuId}": menus.set_default,
    "POST /v2/bot/user/{userId}/richmenu/{richMenuId}": menus.link,
    "GET /v2/bot/user/{userId}/richmenu": menus.linked,
    "DELETE /v2/bot/user/{userId}/richmenu": menus.unlink,
    "POST /oauth2/v2.1/verify": accounts.verify,
    "GET /oauth2/v2.1/verify": accounts.verify_access,
    "GET /v2/profile": accounts.login_profile,
    "GET /friendship/v1/status": accounts.friendship,
}


def _pattern(route: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(route)))


_EXACT = {route: handler for route, handler in ROUTES.items() if "{" not in route}
_PATTERNS = [(_pattern(route), route) for route in ROUTES if "{" in route]


def find_route(method: str, path: str) -> tuple[str, tuple[str, ...]] | None:
    """The route template that serves a request, and the values in its places."""
    wanted = f"{method} {path}"
    if wanted in _EXACT or wanted == _WEBHOOK_TEST:
        return wanted, ()
    for pattern, route in _PATTERNS:
        found = pattern.fullmatch(wanted)
        if found:
            return route, found.groups()
    return None


class MessagingApi:
    def __init__(self, state: State, courier: Courier, faults: Faults) -> None:
        self._state = state
        self._courier = courier
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        """Serve one request; `path` is what stands after `{base}/api`."""
        started = time.perf_counter()
        body = await _read(receive)
        if body is None:
            return  # the client went away
        call = Call(
            scope["method"],
            path,
            scope.get("query_string", b""),
            dict(scope["headers"]),
            body,
            ids.request_id(),
        )
        fault = self._faults.strike(call.method, path)
        given: Answer | None
        if fault is None:
            given = await self._answer(call)
        else:
            given = await self._answer_badly(call, fault)
        self._log(call, given, fault, started)
        if fault is not None and fault.hang:
            await _wait_for_end(receive)
        elif fault is not None and fault.drop:
            await _cut(receive, send)
        elif given is not None:
            await _respond(send, call, given)

    async def _answer_badly(self, call: Call, fault: Fault) -> Answer | None:
        """What a fault leaves of a request: None when it was neither processed nor answered."""
        if fault.delay_ms:
            await asyncio.sleep(fault.delay_ms / 1000)
        fails = fault.status is not None or fault.drop or fault.hang
        given = await self._answer(call) if not fails or fault.when == "after" else None
        if fault.status is None:
            return given
        body = {"message": "Internal Server Error"} if fault.body is None else fault.body
        raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
        faulty = Answer(fault.status, raw)
        faulty.headers = [(k.lower().encode(), v.encode()) for k, v in fault.headers.items()]
        return faulty

    async def _answer(self, call: Call) -> Answer:
        try:
            route = self._admit(call)
            if route == _WEBHOOK_TEST:
                return answer(await self._courier.test(accounts.test_target(self._state, call)))
            return ROUTES[route](self._state, call)
        except Refused as refusal:
            return refusal.answer

    def _admit(self, call: Call) -> str:
        """Check what every endpoint checks; answers the route.

        Raises:
            Refused: 401 token, 404 path, 405 method, 413 size, 400 retry key, 429 rate.
        """
        found = find_route(call.method, call.path)
        if found is None or found[0] not in _OPEN:
            _check_token(self._state.config.channel_access_token, call)
        if found is None:
            others = ("GET", "POST", "PUT", "DELETE")
            known = any(find_route(method, call.path) for method in others)
            raise Refused(refuse(405, "Method Not Allowed") if known else refuse(404, "Not found"))
        route, call.parts = found
        if len(call.body) > MAX_BODY_BYTES:
            raise Refused(refuse(413, "Request Entity Too Large"))
        key = call.headers.get(b"x-line-retry-key")
        if key is not None:
            _check_retry_key(call, key)
        if not self._state.limits.take(route, self._state.seconds()):
            sentence = "The API rate limit has been exceeded. Try again later."
            raise Refused(refuse(429, sentence))
        return route

    def _log(self, call: Call, given: Answer | None, fault: Fault | None, started: float) -> None:
        self._state.log(
            Request(
                self._state.next_request(),
                self._state.seconds(),
                call.method,
                call.path,
                given.status if given is not None else 0,
                call.request_id,
                call.body,
                call.content_type() == "application/json",
                round((time.perf_counter() - started) * 1000, 3),
                call.header(b"x-line-retry-key"),
                given.accepted_request_id if given is not None else None,
                call.user_id,
                fault.id if fault is not None else None,
            )
        )


def _check_token(token: str, call: Call) -> None:
    given = call.header(b"authorization") or ""
    scheme, _, value = given.partition(" ")
    if scheme.lower() == "bearer" and value.strip() == token:
        return
    reason = (
        "invalid token. Confirm that the access token in the authorization header is valid."
        if given
        else "missing Authorization header"
    )
    raise Refused(refuse(401, f"Authentication failed due to the following reason: {reason}"))


def _check_retry_key(call: Call, key: bytes) -> None:
    if call.path not in _RETRYABLE:
        sentence = "The 'X-Line-Retry-Key' parameter is not supported on this endpoint"
        raise Refused(refuse(400, sentence))
    if not ids.RETRY_KEY.fullmatch(key.decode("latin-1")):
        raise Refused(refuse(400, "The value for the 'X-Line-Retry-Key' parameter is invalid"))


async def _read(receive: Receive) -> bytes | None:
    """The whole body, cut off (and still too long) when it is far beyond the limit."""
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return body
    parts, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part: bytes = message.get("body", b"")
        size += len(part)
        if size <= MAX_BODY_BYTES + 65_536:
            parts.append(part)
    whole = b"".join(parts)
    return whole if len(whole) == size else whole.ljust(MAX_BODY_BYTES + 1)


async def _respond(send: Send, call: Call, given: Answer) -> None:
    headers = [
        (b"content-type", given.content_type),
        (b"content-length", b"%d" % len(given.body)),
        (b"x-line-request-id", call.request_id.encode()),
        *given.headers,
    ]
    await send({"type": "http.response.start", "status": given.status, "headers": headers})
    await send({"type": "http.response.body", "body": given.body})


async def _wait_for_end(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(receive: Receive, send: Send) -> None:
    """Reset the connection without an answer.

    Raises:
        ConnectionResetError: when no connection is in reach, as under an in-process client.
    """
    transport = _transport_behind(send)
    if transport is None:
        raise ConnectionResetError("the simulator was told to drop this request")
    raw = transport.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):  # linger 0 makes the kernel send a reset
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _wait_for_end(receive)  # so that the server sees the end before the app returns


def _transport_behind(send: Send) -> asyncio.Transport | None:
    """uvicorn's connection, reached through its bound `send`, also below wrapping middleware."""
    seen: list[object] = [send]
    for candidate in seen:
        owner = getattr(candidate, "__self__", None)
        found = getattr(owner, "transport", None)
        if isinstance(found, asyncio.Transport) or hasattr(found, "abort"):
            return found
        if len(seen) < 50:
            for cell in getattr(candidate, "__closure__", None) or ():
                with contextlib.suppress(ValueError):  # an empty cell
                    if callable(cell.cell_contents):
                        seen.append(cell.cell_contents)
    return None

"""The control API: what tests order and what the chat page shows. Shapes: package docstring."""

import asyncio
import re
import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from app.simulator import ids, tokens, views
from app.simulator.chats import CannotDo, Chats, Done, decoded
from app.simulator.clock import iso
from app.simulator.config import Rate
from app.simulator.courier import Courier, Delivery
from app.simulator.faults import Fault, Faults
from app.simulator.people import Entry, Json, Person
from app.simulator.state import State

LOOPBACK_ORIGIN = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")
MAX_WAIT = 30.0
KEEP_ALIVE_SECONDS = 15.0
_SETTABLE = {
    "displayName": "display_name",
    "pictureUrl": "picture_url",
    "language": "language",
    "statusMessage": "status_message",
}

Endpoint = Callable[[Request], Awaitable[Response]]


class Answered(Response):
    """JSON by orjson, never cached."""

    def __init__(self, content: object, status_code: int = 200) -> None:
        super().__init__(
            orjson.dumps(content),
            status_code,
            headers={"cache-control": "no-store"},
            media_type="application/json",
        )


def failure(sentence: str, status: int) -> Response:
    return JSONResponse({"error": sentence}, status)


def _guarded(endpoint: Endpoint) -> Endpoint:
    """Turn what cannot be done into an answer."""

    async def guarded(request: Request) -> Response:
        if _is_foreign(request):
            return failure("pages of other sites have no say here", 403)
        try:
            return await endpoint(request)
        except CannotDo as refusal:
            return failure(refusal.sentence, refusal.status)

    return guarded


def _is_foreign(request: Request) -> bool:
    """Whether a browser sends this for a page that is neither ours nor of this machine."""
    origin = request.headers.get("origin")
    if origin is None or LOOPBACK_ORIGIN.fullmatch(origin):
        return False
    return origin.partition("://")[2] != request.headers.get("host")


async def _body(request: Request) -> Json:
    raw = await request.body()
    if not raw:
        return {}
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise CannotDo(f"the body is not JSON: {error}", 400) from error
    if not isinstance(value, dict):
        raise CannotDo("the body must be a JSON object", 400)
    return value


def _number(values: Mapping[str, Any], key: str, default: float) -> float:
    try:
        return float(values.get(key, default))
    except (TypeError, ValueError) as error:
        raise CannotDo(f"{key} must be a number", 400) from error


def _text(values: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = values.get(key, default)
    if not isinstance(value, str):
        raise CannotDo(f"{key} must be text", 400)
    return value


def _count(values: Mapping[str, Any], key: str, default: int) -> int:
    return int(_number(values, key, default))


def _object(values: Mapping[str, Any], key: str) -> Json | None:
    value = values.get(key)
    if value is not None and not isinstance(value, dict):
        raise CannotDo(f"{key} must be an object", 400)
    return value


class Control:
    def __init__(self, state: State, courier: Courier, chats: Chats, faults: Faults) -> None:
        self._state = state
        self._courier = courier
        self._chats = chats
        self._faults = faults

    def routes(self) -> list[Route]:
        one = "/control/users/{user_id}"
        table: list[tuple[str, str, Endpoint]] = [
            ("GET", "/control/users", self.users),
            ("POST", "/control/users", self.create_users),
            ("GET", one, self.user),
            ("POST", one, self.change_user),
            ("POST", one + "/seen", self.seen),
            ("POST", one + "/delete", self.delete_user),
            ("GET", one + "/conversation", self.conversation),
            ("POST", one + "/liff/messages", self.liff_messages),
            ("POST", one + "/share", self.share),
            ("POST", one + "/{verb}", self.act),
            ("POST", "/control/liff/token", self.liff_token),
            ("GET", "/control/config", self.configuration),
            ("GET", "/control/content/{message_id}", self.content),
            ("GET", "/control/richmenus/{menu_id}/image", self.menu_image),
            ("GET", "/control/events", self.events),
            ("POST", "/control/sms", self.take_sms),
            ("GET", "/control/sms", self.sms),
            ("GET", "/control/log", self.log),
            ("GET", "/control/received", self.received),
            ("GET", "/control/state", self.totals),
            ("POST", "/control/faults", self.add_fault),
            ("GET", "/control/faults", self.list_faults),
            ("DELETE", "/control/faults", self.remove_faults),
            ("DELETE", "/control/faults/{fault_id:int}", self.remove_faults),
            ("POST", "/control/webhooks/settle", self.settle),
            ("POST", "/control/webhooks", self.order_webhooks),
            ("GET", "/control/webhooks", self.list_webhooks),
            ("POST", "/control/clock", self.set_clock),
            ("POST", "/control/quota", self.set_quota),
            ("POST", "/control/limits", self.set_limits),
            ("POST", "/control/reset", self.reset),
        ]
        return [
            Route(path, _guarded(endpoint), methods=[method]) for method, path, endpoint in table
        ]

    # People ------------------------------------------------------------------------------------

    async def users(self, request: Request) -> Response:
        query = request.query_params
        wanted = query.get("q", "").lower()
        limit, offset = _count(query, "limit", 200), _count(query, "offset", 0)
        with self._state.lock:
            people = [
                p
                for p in self._state.people.values()
                if (p.is_listed and not wanted)
                or (wanted and wanted in f"{p.display_name}\n{p.user_id}".lower())
            ]
            shown = [views.person(p) for p in people[offset : offset + limit]]
        return Answered({"users": shown, "total": len(people)})

    async def create_users(self, request: Request) -> Response:
        body = await _body(request)
        many = body.get("users")
        if many is None:
            return Answered(views.person(self._create(body)))
        if not isinstance(many, list):
            raise CannotDo("users must be a list", 400)
        made = [self._create(one) for one in many]
        return Answered({"users": [views.person(p) for p in made]})

    def _create(self, body: Json) -> Person:
        user_id = _text(body, "userId", "") or ids.user_id()
        if not ids.USER_ID.fullmatch(user_id):
            raise CannotDo("userId must be U and 32 hexadecimal digits", 400)
        with self._state.lock:
            if user_id in self._state.people:
                raise CannotDo("there is a person with this userId")
            made = Person(user_id, _text(body, "displayName", "") or f"User {user_id[1:5]}")
            self._change(made, body)
            made.is_following = bool(body.get("following", False))
            made.is_listed = bool(body.get("listed", True))
            self._state.people[user_id] = made
        self._state.hub.publish("user", userId=user_id)
        return made

    def _change(self, person: Person, body: Json) -> None:
        for key, name in _SETTABLE.items():
            if body.get(key) is not None:
                setattr(person, name, _text(body, key))

    def _person(self, request: Request) -> Person:
        found = self._state.person(request.path_params["user_id"])
        if found is None:
            raise CannotDo("no such person", 404)
        return found

    async def user(self, request: Request) -> Response:
        return Answered(views.person(self._person(request)))

    async def change_user(self, request: Request) -> Response:
        person = self._person(request)
        self._change(person, await _body(request))
        self._state.hub.publish("user", userId=person.user_id)
        return Answered(views.person(person))

    async def seen(self, request: Request) -> Response:
        person = self._person(request)
        person.seen_n = person.entries[-1].n if person.entries else 0
        self._state.hub.publish("user", userId=person.user_id)
        return Answered(views.person(person))

    async def delete_user(self, request: Request) -> Response:
        person = self._person(request)
        person.is_deleted, person.is_following = True, False
        self._state.hub.publish("user", userId=person.user_id)
        return Answered(views.person(person))

    # What they do ------------------------------------------------------------------------------

    async def act(self, request: Request) -> Response:
        person, verb = self._person(request), request.path_params["verb"]
        if verb in ("image", "video", "audio", "file"):
            return await self._media(request, person, verb)
        body = await _body(request)
        extra: Json = {}
        if verb == "follow" or verb == "unblock":
            done = self._chats.follow(person)
        elif verb == "block" or verb == "unfollow":
            done = self._chats.block(person)
        elif verb == "postback":
            params, shown = _object(body, "params"), body.get("displayText")
            text = shown if isinstance(shown, str) else None
            done = self._chats.postback(person, _text(body, "data"), params, text)
        elif verb == "richmenuswitch":
            alias, data = _text(body, "richMenuAliasId"), _text(body, "data", "")
            done = self._chats.switch_menu(person, alias, data)
        elif verb == "unsend":
            done = self._chats.unsend(person, _text(body, "messageId"))
        elif verb == "action":
            action = _object(body, "action") or {}
            done, extra = self._chats.tap(person, action, _object(body, "params"))
        elif verb == "event":
            done = self._chats.send(person, _object(body, "event") or {})
        else:
            quoted = body.get("quotedMessageId")
            message = _message(verb, body)
            done = self._chats.write(person, message, quoted=str(quoted) if quoted else None)
        return await self._done(done, bool(body.get("wait")), extra)

    async def _media(self, request: Request, person: Person, kind: str) -> Response:
        content_type = request.headers.get("content-type", "").partition(";")[0]
        if content_type.startswith(("image/", "video/", "audio/")):
            data = await request.body()
            done = self._chats.write_media(person, kind, content_type, data)
            return await self._done(done, request.query_params.get("wait") == "true", {})
        body = await _body(request)
        data = decoded(_text(body, "base64", ""))
        done = self._chats.write_media(person, kind, _text(body, "contentType", ""), data)
        return await self._done(done, bool(body.get("wait")), {})

    async def _done(self, done: Done, wait: bool, extra: Json) -> Response:
        delivery = done.delivery
        if wait and delivery is not None:
            await _delivered(delivery, self._state.config.webhook_timeout + 5)
        told: Json = {
            "events": [_short(event) for event in done.events],
            "webhook": delivery.view() if delivery is not None else None,
            **extra,
        }
        if done.message_id:
            told["messageId"] = done.message_id
        return Answered(told)

    # Conversations -----------------------------------------------------------------------------

    async def conversation(self, request: Request) -> Response:
        person, query = self._person(request), request.query_params
        after, limit = _count(query, "after", 0), _count(query, "limit", 200)
        await self._wait(query, lambda: _has_news(person, after))
        base = str(request.scope.get("root_path", ""))
        shown = views.conversation(self._state, person, after=after, limit=limit, base=base)
        return Answered(shown)

    async def received(self, request: Request) -> Response:
        query = request.query_params
        after, limit = _count(query, "after", 0), _count(query, "limit", 10_000)
        user_id, least = query.get("userId"), _count(query, "count", 1)

        def found() -> Sequence[Entry]:
            person = self._state.people.get(user_id) if user_id is not None else None
            if user_id is None:
                return _newer(self._state.received, after)
            entries = _newer(person.entries, after) if person else []
            return [entry for entry in entries if entry.author == "bot"]

        await self._wait(query, lambda: len(found()) >= least)
        entries = found()
        last = entries[:limit][-1].n if entries else after
        return Answered(
            {
                "received": [views.received(e) for e in entries[:limit]],
                "last": last,
                "total": len(self._state.received),
            }
        )

    async def _wait(self, query: Mapping[str, str], is_met: Callable[[], bool]) -> None:
        """Hold an answer until something is true, as long as `wait` in the query allows."""
        seconds = min(_number(query, "wait", 0), MAX_WAIT)
        if seconds <= 0 or is_met():
            return
        until = time.monotonic() + seconds
        async with self._state.hub.watch() as watcher:
            while not is_met() and (left := until - time.monotonic()) > 0:
                await watcher.next(left)
                watcher.drain()

    async def content(self, request: Request) -> Response:
        found = self._state.contents.get(request.path_params["message_id"])
        if found is None or found.is_gone:
            raise CannotDo("no such content", 404)
        return _file(found.data, found.content_type)

    async def menu_image(self, request: Request) -> Response:
        menu = self._state.menus.get(request.path_params["menu_id"])
        if menu is None or menu.image is None:
            raise CannotDo("no such picture", 404)
        return _file(menu.image, menu.image_type)

    async def events(self, request: Request) -> Response:
        async def stream() -> Any:
            async with self._state.hub.watch() as watcher:
                yield 'data: {"kind":"hello"}\n\n'
                while True:
                    change = await watcher.next(KEEP_ALIVE_SECONDS)
                    if change is None:
                        yield ": still here\n\n"
                    else:
                        yield f"data: {orjson.dumps(change).decode()}\n\n"

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)

    # LIFF --------------------------------------------------------------------------------------

    async def liff_token(self, request: Request) -> Response:
        body = await _body(request)
        person = self._state.person(_text(body, "userId"))
        if person is None or person.is_deleted:
            raise CannotDo("no such person", 404)
        nonce = body.get("nonce")
        return Answered(
            {
                "id_token": tokens.issue_id_token(
                    self._state, person, nonce if isinstance(nonce, str) else None
                ),
                "access_token": tokens.issue_access_token(self._state, person),
                "expires_in": tokens.ACCESS_TOKEN_SECONDS,
                "client_id": self._state.config.login_channel_id,
            }
        )

    async def liff_messages(self, request: Request) -> Response:
        body = await _body(request)
        done = self._chats.send_from_liff(self._person(request), body.get("messages"))
        return Answered({"webhooks": [d.delivery.view() for d in done if d.delivery]})

    async def share(self, request: Request) -> Response:
        person, body = self._person(request), await _body(request)
        to = body.get("to")
        friends = [self._state.people.get(str(i)) for i in to] if isinstance(to, list) else []
        reached = [friend for friend in friends if friend is not None]
        self._chats.share(person, body.get("messages"), reached)
        return Answered({"status": "success" if reached else None})

    async def configuration(self, request: Request) -> Response:
        config = self._state.config
        return Answered(
            {
                "botName": config.bot_name,
                "botUserId": config.bot_user_id,
                "basicId": config.basic_id,
                "pictureUrl": config.picture_url,
                "liffId": config.liff_id,
                "liffEndpoint": config.liff_endpoint,
                "loginChannelId": config.login_channel_id,
                "webhookUrl": self._state.webhook_url,
                "now": iso(self._state.now()),
            }
        )

    # SMS ---------------------------------------------------------------------------------------

    async def take_sms(self, request: Request) -> Response:
        body = await _body(request)
        key = request.headers.get("idempotency-key")
        return Answered({"n": self._state.add_sms(_text(body, "to"), _text(body, "text"), key)})

    async def sms(self, request: Request) -> Response:
        query = request.query_params
        after, to = _count(query, "after", 0), query.get("to")

        def found() -> list[Json]:
            return [
                {**sms, "at": views.moment(float(str(sms["at"])))}
                for sms in self._state.sms
                if int(str(sms["n"])) > after and to in (None, sms["to"])
            ]

        await self._wait(query, lambda: bool(found()))
        return Answered({"sms": found()})

    # Judging -----------------------------------------------------------------------------------

    async def log(self, request: Request) -> Response:
        query = request.query_params
        after, limit, path = (
            _count(query, "after", 0),
            _count(query, "limit", 1000),
            query.get("path"),
        )
        with self._state.lock:
            found = [r for r in self._state.requests if r.n > after and path in (None, r.path)][
                :limit
            ]
        last = found[-1].n if found else after
        return Answered({"requests": [views.request(r) for r in found], "last": last})

    async def totals(self, request: Request) -> Response:
        return Answered(self._totals())

    def _totals(self) -> Json:
        statuses = [delivery.status for delivery in self._courier.deliveries]
        return views.totals(self._state, statuses)

    async def add_fault(self, request: Request) -> Response:
        return Answered({"id": self._faults.add(_fault(await _body(request))).id})

    async def list_faults(self, request: Request) -> Response:
        orders = self._faults.orders()
        names = [field.name for field in fields(Fault)]
        return Answered({"faults": [{n: getattr(o, n) for n in names} for o in orders]})

    async def remove_faults(self, request: Request) -> Response:
        self._faults.remove(request.path_params.get("fault_id"))
        return Answered({})

    async def order_webhooks(self, request: Request) -> Response:
        body = await _body(request)
        action = _text(body, "action")
        order = _ORDERS.get(action)
        if order is None:
            raise CannotDo(f"unknown action {action!r}", 400)
        sent = order(self._courier, self._chats, body)
        if body.get("wait"):
            for delivery in sent:
                await _delivered(delivery, self._state.config.webhook_timeout + 5)
        return Answered({"webhooks": [delivery.view() for delivery in sent]})

    async def list_webhooks(self, request: Request) -> Response:
        after = _count(request.query_params, "after", 0)
        limit = _count(request.query_params, "limit", 10_000)
        found = [d for d in list(self._courier.deliveries) if d.n > after][:limit]
        last = found[-1].n if found else after
        return Answered({"webhooks": [d.view() for d in found], "last": last})

    async def settle(self, request: Request) -> Response:
        seconds = _number(await _body(request), "timeout", 10)
        return Answered({"settled": await self._courier.settle(min(seconds, 120))})

    async def set_clock(self, request: Request) -> Response:
        body = await _body(request)
        if "now" in body:
            self._state.clock.fix(_instant(body["now"]))
        if "advance" in body:
            self._state.clock.advance(_number(body, "advance", 0))
        return Answered({"now": iso(self._state.now())})

    async def set_quota(self, request: Request) -> Response:
        body = await _body(request)
        limit, used = body.get("limit"), body.get("used")
        self._state.quota.set(
            limit if isinstance(limit, int) else None,
            used if isinstance(used, int) else None,
            self._state.now(),
        )
        return Answered(self._totals())

    async def set_limits(self, request: Request) -> Response:
        body = await _body(request)
        for endpoint, rate in body.items():
            if endpoint == "enabled":
                self._state.limits.enabled = bool(rate)
            elif isinstance(rate, dict):
                count, seconds = _number(rate, "count", 1), _number(rate, "per_seconds", 1)
                self._state.limits.override(endpoint, Rate(count, seconds))
            else:
                raise CannotDo(f"{endpoint} must be an object", 400)
        return Answered({"enabled": self._state.limits.enabled})

    async def reset(self, request: Request) -> Response:
        body = await _body(request)
        self._faults.remove()
        self._courier.forget()
        self._state.reset(
            keep_people=bool(body.get("keep_users")), keep_menus=bool(body.get("keep_menus"))
        )
        return Answered(self._totals())


# Pieces ----------------------------------------------------------------------------------------


def _message(verb: str, body: Json) -> Json:
    """The webhook shape of what a person types, picks or sends."""
    if verb == "message":
        return {"type": "text", "text": _text(body, "text")}
    if verb == "sticker":
        return {
            "type": "sticker",
            "packageId": _text(body, "packageId", "446"),
            "stickerId": _text(body, "stickerId", "1988"),
            "stickerResourceType": "STATIC",
        }
    if verb == "location":
        return {
            "type": "location",
            "title": _text(body, "title", "台北車站"),
            "address": _text(body, "address", "台北市中正區北平西路3號"),
            "latitude": _number(body, "latitude", 25.0478),
            "longitude": _number(body, "longitude", 121.5170),
        }
    raise CannotDo(f"nobody can {verb!r} here", 404)


def _short(event: Json) -> Json:
    keys = ("webhookEventId", "type", "timestamp", "replyToken")
    return {key: event[key] for key in keys if key in event}


def _newer(entries: Sequence[Entry], after: int) -> Sequence[Entry]:
    """The entries with a greater n; they are kept in that order."""
    return entries[bisect_right(entries, after, key=lambda entry: entry.n) :]


def _has_news(person: Person, after: int) -> bool:
    return any(entry.author == "bot" for entry in _newer(person.entries, after))


def _file(data: bytes, content_type: str) -> Response:
    headers = {"x-content-type-options": "nosniff", "cache-control": "private, max-age=3600"}
    return Response(data, media_type=content_type, headers=headers)


async def _delivered(delivery: Delivery, seconds: float) -> None:
    if delivery.status == "queued":
        await asyncio.wait([asyncio.wrap_future(delivery.done)], timeout=seconds)


def _instant(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise CannotDo("now must be an ISO 8601 instant", 400) from error
    if instant.tzinfo is None:
        raise CannotDo("now needs a time zone", 400)
    return instant


def _fault(body: Json) -> Fault:
    drop, hang = body.get("drop"), body.get("hang")
    when = body.get("when") or drop or hang or "before"
    if when not in ("before", "after"):
        raise CannotDo('drop, hang and when are "before" or "after"', 400)
    headers = _object(body, "headers") or {}
    status, times, method = body.get("status"), body.get("times"), body.get("method")
    return Fault(
        0,
        _text(body, "path", "*"),
        method=str(method).upper() if method else None,
        status=_count(body, "status", 0) if status is not None else None,
        body=body.get("body"),
        headers={str(k): str(v) for k, v in headers.items()},
        delay_ms=_number(body, "delay_ms", 0),
        when="after" if when == "after" else "before",
        drop=bool(drop),
        hang=bool(hang),
        times=_count(body, "times", 1) if times is not None else None,
        every=max(1, _count(body, "every", 1)),
        skip=_count(body, "skip", 0),
        probability=_number(body, "probability", 1),
        seed=_count(body, "seed", 0),
    )


def _send_raw(courier: Courier, chats: Chats, body: Json) -> list[Delivery]:
    events = body.get("events", [])
    if not isinstance(events, list):
        raise CannotDo("events must be a list", 400)
    for event in events:
        source = event.get("source") if isinstance(event, dict) else None
        if isinstance(source, dict) and isinstance(source.get("userId"), str):
            chats.register(event, source["userId"])
    raw, signature = body.get("body"), body.get("signature")
    delivery = courier.submit(
        [event for event in events if isinstance(event, dict)],
        signature=signature if isinstance(signature, str) else None,
        raw=raw.encode() if isinstance(raw, str) else None,
    )
    return [delivery]


def _hold(courier: Courier, chats: Chats, body: Json) -> list[Delivery]:
    courier.hold()
    return []


def _release(courier: Courier, chats: Chats, body: Json) -> list[Delivery]:
    return courier.release(_text(body, "order", "fifo"), _count(body, "seed", 0))


def _redeliver(courier: Courier, chats: Chats, body: Json) -> list[Delivery]:
    return [courier.redeliver(old) for old in _past(courier, body)]


def _duplicate(courier: Courier, chats: Chats, body: Json) -> list[Delivery]:
    if "next" in body:
        courier.duplicate_next(_count(body, "next", 1))
        return []
    return [courier.repeat(old) for old in _past(courier, body)]


def _past(courier: Courier, body: Json) -> list[Delivery]:
    wanted = body.get("id")
    found = courier.find(str(wanted) if wanted else None, _count(body, "last", 1))
    if not found:
        raise CannotDo("no such webhook", 404)
    return found


def _reorder(courier: Courier, chats: Chats, body: Json) -> list[Delivery]:
    courier.reorder_next(_count(body, "next", 2))
    return []


def _batch(courier: Courier, chats: Chats, body: Json) -> list[Delivery]:
    courier.batch_next(_count(body, "next", 2))
    return []


def _drop(courier: Courier, chats: Chats, body: Json) -> list[Delivery]:
    courier.drop_next(_count(body, "next", 1))
    return []


_ORDERS: dict[str, Callable[[Courier, Chats, Json], list[Delivery]]] = {
    "send": _send_raw,
    "hold": _hold,
    "release": _release,
    "redeliver": _redeliver,
    "duplicate": _duplicate,
    "reorder": _reorder,
    "batch": _batch,
    "drop": _drop,
}

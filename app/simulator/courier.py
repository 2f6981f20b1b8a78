"""Signs webhooks and carries them to the account, the way LINE does or as badly as it is told to.

It owns a thread with an event loop, so that it works the same under uvicorn, mounted in another
app, or behind a test client that has no loop of its own between requests.
"""

import asyncio
import base64
import copy
import hashlib
import hmac
import itertools
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import aiohttp
import orjson

from app.simulator.clock import iso
from app.simulator.config import Deliver
from app.simulator.people import Json
from app.simulator.state import State

MOST_AT_ONCE = 64


def sign(secret: str, body: bytes) -> str:
    """The `x-line-signature` of a body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


@dataclass(slots=True, eq=False)
class Delivery:
    """One POST to the account, and what became of it."""

    n: int
    id: str
    at: str
    events: list[Json]
    is_redelivery: bool = False
    status: str = "queued"
    http_status: int | None = None
    reason: str | None = None
    attempts: int = 0
    ms: float | None = None
    signature: str | None = None
    """None signs properly; "none" leaves the header out; "bad" and other text lie."""
    raw: bytes | None = None
    done: "Future[None]" = field(default_factory=Future)

    def finish(self, status: str) -> None:
        self.status = status
        if not self.done.done():
            self.done.set_result(None)

    def view(self) -> Json:
        return {
            "n": self.n,
            "id": self.id,
            "at": self.at,
            "status": self.status,
            "httpStatus": self.http_status,
            "reason": self.reason,
            "attempts": self.attempts,
            "ms": self.ms,
            "isRedelivery": self.is_redelivery,
            "events": self.events,
        }


class Courier:
    def __init__(self, state: State) -> None:
        self._state = state
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._session: aiohttp.ClientSession | None = None
        self._gate: asyncio.Semaphore | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.forget()

    def forget(self) -> None:
        """Lose what was sent and what was ordered; deliveries under way run on."""
        with self._lock:
            self.deliveries: list[Delivery] = []
            self.is_holding = False
            self._held: list[Delivery] = []
            self._batch: list[Delivery] = []
            self._batch_size = 0
            self._shuffle: list[Delivery] = []
            self._shuffle_size = 0
            self._duplicates = 0
            self._drops = 0

    # Orders ------------------------------------------------------------------------------------

    def hold(self) -> None:
        with self._lock:
            self.is_holding = True

    def release(self, order: str = "fifo", seed: int = 0) -> list[Delivery]:
        """Send everything held, one after the other in this order."""
        with self._lock:
            self.is_holding = False
            held, self._held = self._held, []
        ready = _ordered(held, order, seed)
        self._send_all(ready)
        return ready

    def duplicate_next(self, count: int) -> None:
        with self._lock:
            self._duplicates = count

    def reorder_next(self, count: int) -> None:
        with self._lock:
            self._shuffle_size = count

    def batch_next(self, count: int) -> None:
        with self._lock:
            self._batch_size = count

    def drop_next(self, count: int) -> None:
        with self._lock:
            self._drops = count

    def find(self, delivery_id: str | None, last: int) -> list[Delivery]:
        """One past delivery by id, or the last few."""
        with self._lock:
            if delivery_id is not None:
                return [d for d in self.deliveries if d.id == delivery_id]
            return self.deliveries[-last:]

    def redeliver(self, old: Delivery) -> Delivery:
        """The same events again, marked as a redelivery."""
        events = copy.deepcopy(old.events)
        for event in events:
            event["deliveryContext"] = {"isRedelivery": True}
        again = self._new(events, is_redelivery=True)
        self._start(again)
        return again

    def repeat(self, old: Delivery) -> Delivery:
        """The very same body again."""
        again = self._new(copy.deepcopy(old.events), is_redelivery=old.is_redelivery)
        self._start(again)
        return again

    # Sending -----------------------------------------------------------------------------------

    def submit(
        self, events: list[Json], *, signature: str | None = None, raw: bytes | None = None
    ) -> Delivery:
        """Take a webhook and send it, unless an order in force says otherwise."""
        with self._lock:
            delivery = self._new(events, signature=signature, raw=raw)
            return self._place(delivery)

    def _place(self, delivery: Delivery) -> Delivery:
        if self._batch_size > 0:
            return self._collect(delivery)
        if self._drops > 0:
            self._drops -= 1
            delivery.finish("dropped")
        elif self.is_holding:
            delivery.status = "held"
            self._held.append(delivery)
        elif self._shuffle_size > 0:
            delivery.status = "held"
            self._shuffle.append(delivery)
            self._shuffle_size -= 1
            if self._shuffle_size == 0:
                ready, self._shuffle = self._shuffle, []
                self._send_all(ready[::-1])
        else:
            self._start(delivery)
            if self._duplicates > 0:
                self._duplicates -= 1
                self.repeat(delivery)
        return delivery

    def _collect(self, delivery: Delivery) -> Delivery:
        """Put events aside until there are enough for one POST with all of them."""
        self._batch_size -= 1
        self._batch.append(delivery)
        delivery.status = "held"
        if self._batch_size > 0:
            return delivery
        parts, self._batch = self._batch, []
        whole = self._new([event for part in parts for event in part.events])

        def tell(_: object) -> None:
            for part in parts:
                part.finish(whole.status)

        whole.done.add_done_callback(tell)
        return self._place(whole)

    def _new(
        self,
        events: list[Json],
        *,
        is_redelivery: bool = False,
        signature: str | None = None,
        raw: bytes | None = None,
    ) -> Delivery:
        with self._lock:
            delivery = Delivery(
                next(self._numbers),
                secrets.token_hex(8),
                iso(self._state.now()),
                events,
                is_redelivery=is_redelivery,
                signature=signature,
                raw=raw,
            )
            self.deliveries.append(delivery)
        return delivery

    def body(self, delivery: Delivery) -> bytes:
        if delivery.raw is not None:
            return delivery.raw
        destination = self._state.config.bot_user_id
        return orjson.dumps({"destination": destination, "events": delivery.events})

    def _headers(self, delivery: Delivery, body: bytes) -> dict[str, str]:
        headers = {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "LineBotWebhook/2.0",
        }
        given = delivery.signature
        if given is None:
            headers["x-line-signature"] = sign(self._state.config.channel_secret, body)
        elif given == "bad":
            headers["x-line-signature"] = sign("another secret", body)
        elif given != "none":
            headers["x-line-signature"] = given
        return headers

    def _start(self, delivery: Delivery) -> None:
        self._spawn([delivery])

    def _send_all(self, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            self._spawn(deliveries)

    def _spawn(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            delivery.status = "queued"
        loop = self._running_loop()
        loop.call_soon_threadsafe(self._begin, deliveries)

    def _begin(self, deliveries: Sequence[Delivery]) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(deliveries))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, deliveries: Sequence[Delivery]) -> None:
        if self._gate is None:
            self._gate = asyncio.Semaphore(MOST_AT_ONCE)
        async with self._gate:
            for delivery in deliveries:
                await self._post(delivery)
                self._state.hub.publish("webhook", id=delivery.id, status=delivery.status)

    async def _post(self, delivery: Delivery) -> None:
        body = self.body(delivery)
        headers = self._headers(delivery, body)
        tokens = [t for e in delivery.events if isinstance(t := e.get("replyToken"), str)]
        self._state.hand_over(tokens)
        delivery.attempts += 1
        started = time.perf_counter()
        url = self._state.webhook_url
        delivery.http_status, delivery.reason = await self._try(url, headers, body)
        delivery.ms = round((time.perf_counter() - started) * 1000, 2)
        if delivery.reason is None:
            delivery.finish("delivered")
            return
        self._redeliver_later(delivery)
        delivery.finish("failed")

    async def _try(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int | None, str | None]:
        """One POST: (status, why LINE would count it as failed)."""
        deliver: Deliver = self._state.config.deliver or self._deliver_by_http
        limit = self._state.config.webhook_timeout
        try:
            status = await asyncio.wait_for(deliver(url, headers, body), timeout=limit)
        except TimeoutError:
            return None, "request_timeout"
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL):
            return None, "could_not_connect"
        except (aiohttp.ClientError, OSError):
            return None, "unclassified"
        return status, None if 200 <= status < 300 else "error_status_code"

    async def _deliver_by_http(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        if self._session is None:
            # No environment proxies: webhooks go to this machine.
            connector = aiohttp.TCPConnector(limit=MOST_AT_ONCE)
            self._session = aiohttp.ClientSession(trust_env=False, connector=connector)
        async with self._session.post(url, data=body, headers=headers) as answer:
            await answer.read()
            return answer.status

    def _redeliver_later(self, delivery: Delivery) -> None:
        """LINE's redelivery, when the configuration switched it on."""
        config = self._state.config
        if not config.redelivery_attempts:
            return
        earlier = sum(1 for d in self.deliveries[-500:] if _is_same(d, delivery))
        if earlier > config.redelivery_attempts or delivery.raw is not None:
            return
        loop = asyncio.get_running_loop()
        loop.call_later(config.redelivery_delay, self.redeliver, delivery)

    async def test(self, url: str) -> Json:
        """LINE's webhook test: an empty delivery to an address."""
        delivery = Delivery(0, "", iso(self._state.now()), [])
        body = self.body(delivery)
        headers = self._headers(delivery, body)
        attempt = asyncio.run_coroutine_threadsafe(
            self._try(url, headers, body), self._running_loop()
        )
        status, reason = await asyncio.wrap_future(attempt)
        return {
            "success": reason is None,
            "timestamp": iso(self._state.now()),
            "statusCode": status or 0,
            "reason": "OK" if reason is None else reason.upper(),
            "detail": str(status) if status else (reason or ""),
        }

    # Waiting and ending ------------------------------------------------------------------------

    async def settle(self, seconds: float) -> bool:
        """Wait until nothing is queued any more; False when that took too long."""
        until = time.monotonic() + seconds
        while waiting := [d for d in self.deliveries if d.status == "queued"]:
            futures = [asyncio.wrap_future(d.done) for d in waiting]
            _, late = await asyncio.wait(futures, timeout=max(0.0, until - time.monotonic()))
            if late:
                return False
        return True

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                run = self._loop.run_forever
                self._thread = threading.Thread(target=run, name="line-courier", daemon=True)
                self._thread.start()
            return self._loop

    def close(self) -> None:
        """Stop the thread; deliveries under way are lost, as when LINE has a bad day."""
        with self._lock:
            loop, self._loop = self._loop, None
            session, self._session, self._gate = self._session, None, None
        if loop is None:
            return

        async def end() -> None:
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if session is not None:
                await session.close()

        asyncio.run_coroutine_threadsafe(end(), loop).result(timeout=5)
        loop.call_soon_threadsafe(loop.stop)
        if self._thread is not None:
            self._thread.join(timeout=5)
        loop.close()


def _is_same(one: Delivery, other: Delivery) -> bool:
    first = [event.get("webhookEventId") for event in one.events]
    return first == [event.get("webhookEventId") for event in other.events]


def _ordered(deliveries: list[Delivery], order: str, seed: int) -> list[Delivery]:
    if order == "reverse":
        return deliveries[::-1]
    if order == "shuffle":
        return sorted(deliveries, key=lambda d: hashlib.sha256(f"{seed}:{d.n}".encode()).digest())
    return deliveries

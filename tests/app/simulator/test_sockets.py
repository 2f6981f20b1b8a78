"""The simulator as a server of its own: real connections, real webhooks, real resets."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from app.simulator import SimulatorConfig, create_simulator
from tests.app.simulator.desk import SECRET, TOKEN, Account, key, text

HEADERS = {"authorization": f"Bearer {TOKEN}"}


class Server:
    """An ASGI app on a free port of this machine."""

    def __init__(self, app: Any, **options: Any) -> None:
        config = uvicorn.Config(app, port=0, log_level="error", access_log=False, **options)
        self._server = uvicorn.Server(config)
        self._ready = threading.Event()
        startup = self._server.startup

        async def started(sockets: Any = None) -> None:
            await startup(sockets)
            self._ready.set()

        self._server.startup = started  # type: ignore[method-assign]  # uvicorn has no hook
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        assert self._ready.wait(20)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=20)


class Bot:
    """A little webhook server that keeps what it was sent."""

    def __init__(self) -> None:
        self.account = Account()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {k.decode(): v.decode() for k, v in scope["headers"]}
        status = await self.account(scope["path"], headers, body)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def config(webhook: str = "") -> SimulatorConfig:
    return SimulatorConfig(channel_secret=SECRET, channel_access_token=TOKEN, webhook_url=webhook)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=20) as made:
        yield made


def friend(client: httpx.Client, base: str) -> str:
    made = client.post(f"{base}/control/users", json={"following": True}).json()
    return str(made["userId"])


def push(client: httpx.Client, base: str, to: str, retry: str) -> httpx.Response:
    body = {"to": to, "messages": [text()]}
    headers = HEADERS | {"x-line-retry-key": retry}
    return client.post(f"{base}/api/v2/bot/message/push", json=body, headers=headers)


def test_webhooks_arrive_signed_over_http_and_are_answered(client: httpx.Client) -> None:
    bot = Bot()
    with (
        Server(bot, lifespan="off") as target,
        Server(create_simulator(config(f"{target}/line/webhook"))) as base,
    ):
        hana = friend(client, base)
        done = client.post(
            f"{base}/control/users/{hana}/message", json={"text": "會員卡", "wait": True}
        ).json()
        assert done["webhook"]["status"] == "delivered"
        assert bot.account.posts[0][0] == "/line/webhook"
        assert bot.account.signatures_hold()
        body = {"replyToken": done["events"][0]["replyToken"], "messages": [text("卡")]}
        replied = client.post(f"{base}/api/v2/bot/message/reply", json=body, headers=HEADERS)
        assert replied.status_code == 200


def test_a_webhook_nobody_listens_to_could_not_connect(client: httpx.Client) -> None:
    with Server(create_simulator(config("http://127.0.0.1:9/"))) as base:
        hana = friend(client, base)
        body = {"text": "hi", "wait": True}
        done = client.post(f"{base}/control/users/{hana}/message", json=body).json()
        assert done["webhook"]["reason"] == "could_not_connect"


@pytest.mark.parametrize("http", ["httptools", "h11"])
@pytest.mark.parametrize(("drop", "second"), [("before", 200), ("after", 409)])
def test_a_dropped_request_sees_its_connection_reset(
    client: httpx.Client, http: Any, drop: str, second: int
) -> None:
    with Server(create_simulator(config()), http=http) as base:
        hana, retry = friend(client, base), key()
        fault = {"path": "/v2/bot/message/push", "drop": drop, "times": 1}
        client.post(f"{base}/control/faults", json=fault)
        with pytest.raises(httpx.TransportError):
            push(client, base, hana, retry)
        assert push(client, base, hana, retry).status_code == second
        received = client.get(f"{base}/control/received").json()
        assert received["total"] == 1


def test_a_hanging_request_is_never_answered(client: httpx.Client) -> None:
    with Server(create_simulator(config())) as base:
        hana, retry = friend(client, base), key()
        fault = {"path": "/v2/bot/message/push", "hang": "after", "times": 1}
        client.post(f"{base}/control/faults", json=fault)
        with httpx.Client(trust_env=False, timeout=0.2) as hasty, pytest.raises(httpx.ReadTimeout):
            push(hasty, base, hana, retry)
        assert push(client, base, hana, retry).status_code == 409


def test_it_works_mounted_below_a_path(client: httpx.Client) -> None:
    simulator = create_simulator(config())
    host = Starlette(routes=[Mount("/simulator", simulator)])
    with Server(host) as origin:
        base = f"{origin}/simulator"
        hana = friend(client, base)
        assert push(client, base, hana, key()).status_code == 200
        sent = client.post(f"{base}/control/users/{hana}/image", json={}).json()
        chat = client.get(f"{base}/control/users/{hana}/conversation").json()
        address = chat["messages"][-1]["message"]["contentUrl"]
        assert address == f"/simulator/control/content/{sent['messageId']}"
        assert client.get(origin + address).content.startswith(b"\x89PNG")
        assert client.get(f"{base}/").status_code == 200
        fault = {"path": "/v2/bot/message/push", "drop": "before", "times": 1}
        client.post(f"{base}/control/faults", json=fault)
        with pytest.raises(httpx.TransportError):
            push(client, base, hana, key())
    simulator.close()


def test_changes_stream_to_the_page(client: httpx.Client) -> None:
    with Server(create_simulator(config())) as base:
        hana = friend(client, base)
        with client.stream("GET", f"{base}/control/events") as stream:
            lines = (line for line in stream.iter_lines() if line)
            assert next(lines) == 'data: {"kind":"hello"}'
            with httpx.Client(trust_env=False) as other:
                push(other, base, hana, key())
            told = [next(lines), next(lines)]
        assert any('"conversation"' in line and hana in line for line in told)
        assert any('"request"' in line for line in told)

"""A desk to test the simulator from: its API, its controls, and an account that takes webhooks."""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from starlette.testclient import TestClient

from app.simulator import SimulatorConfig
from app.simulator.app import Simulator, create_simulator
from tests.support.times import NOW

SECRET = "channel-secret"
TOKEN = "channel-token"
STRANGER = "U" + "9" * 32


@dataclass
class Hands:
    """A clock moved by hand."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Account:
    """The bot's side of a webhook: keeps what came, answers what it is told to."""

    status: int = 200
    error: BaseException | None = None
    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.posts.append((url, dict(headers), body))
        if self.error is not None:
            raise self.error
        return self.status

    def events(self) -> list[dict[str, Any]]:
        return [event for _, _, body in self.posts for event in orjson.loads(body)["events"]]

    def signatures_hold(self) -> bool:
        return all(
            headers["x-line-signature"]
            == base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
            for _, headers, body in self.posts
        )


class Desk:
    """Short calls for long paths. Nothing here sleeps: event calls wait for their webhook."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Hands()
        self.account = Account()
        config = SimulatorConfig(
            channel_secret=SECRET,
            channel_access_token=TOKEN,
            webhook_url="http://account.test/webhook",
            clock=self.clock,
            deliver=self.account,
            **settings,
        )
        self.simulator: Simulator = create_simulator(config)
        self.http = TestClient(self.simulator)

    def close(self) -> None:
        self.simulator.close()
        self.http.close()

    def friend(self, name: str = "Hana", *, following: bool = True) -> str:
        body = {"displayName": name, "following": following}
        user_id: str = self.post("users", body)["userId"]
        return user_id

    def post(self, path: str, body: object = None, status: int = 200) -> Any:
        answer = self.http.post(f"/control/{path}", json=body or {})
        assert answer.status_code == status, answer.text
        return answer.json()

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.http.get(f"/control/{path}")
        assert answer.status_code == status, answer.text
        return answer.json()

    def does(self, user_id: str, what: str, status: int = 200, **body: Any) -> Any:
        """An event call that waits for its webhook."""
        return self.post(f"users/{user_id}/{what}", {**body, "wait": True}, status)

    def api(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """A Messaging API request with the right token; answers the response."""
        sent = {
            "authorization": f"Bearer {TOKEN}",
            **{k.replace("_", "-"): headers[k] for k in headers},
        }
        if body is None:
            return self.http.request(method, f"/api{path}", headers=sent)
        if isinstance(body, bytes):
            sent.setdefault("content-type", "application/json")
            return self.http.request(method, f"/api{path}", content=body, headers=sent)
        return self.http.request(method, f"/api{path}", json=body, headers=sent)

    def push(self, to: str, *messages: object, key: str | None = None, **more: object) -> Any:
        headers = {"x_line_retry_key": key} if key else {}
        body = {"to": to, "messages": list(messages) or [text()], **more}
        return self.api("POST", "/v2/bot/message/push", body, **headers)

    def reply(self, token: str, *messages: object) -> Any:
        body = {"replyToken": token, "messages": list(messages) or [text()]}
        return self.api("POST", "/v2/bot/message/reply", body)

    def token(self, user_id: str, words: str = "hi") -> str:
        """A fresh reply token, handed over by a delivered webhook."""
        event = self.does(user_id, "message", text=words)["events"][0]
        reply_token: str = event["replyToken"]
        return reply_token

    def received(self, user_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"received?userId={user_id}")["received"]
        return found


def text(words: str = "哈囉") -> dict[str, Any]:
    return {"type": "text", "text": words}


def key() -> str:
    return str(uuid.uuid4())


def details(answer: Any) -> list[tuple[str, str]]:
    """(property, message) of an error answer."""
    return [(d["property"], d["message"]) for d in answer.json()["details"]]

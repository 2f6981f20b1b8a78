"""How the product talks to LINE. `LineGateway` is the real one; tests bring their own.

Our own small client, not the SDK, on these calls: the SDK's models cost 25 times the CPU, drop what
they do not know and may raise after LINE accepted a message.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import quote

import orjson

from app.line.http import NO_HEADERS, Answer, Broken, Host

TIMEOUT_SECONDS = 10
_JSON = {"Content-Type": "application/json"}
_QUOTA_TEXT = "monthly limit"  # LINE words it "You have reached your monthly limit."


class Failure(StrEnum):
    PERMANENT = "permanent"  # LINE refused; the same request will be refused again
    RATE = "rate"  # too fast; nothing was sent
    QUOTA = "quota"  # the month's messages are used up; nothing was sent
    UNKNOWN = "unknown"  # no answer or a 5xx: LINE may or may not have accepted it


class SendError(Exception):
    def __init__(self, failure: Failure, reason: str, *, status: int = 0) -> None:
        super().__init__(f"{failure}: {reason}")
        self.failure, self.reason, self.status = failure, reason, status

    @property
    def is_permanent(self) -> bool:
        return self.failure is Failure.PERMANENT


@dataclass(frozen=True, slots=True)
class Accepted:
    """LINE has it. `is_repeat`: an earlier request with the same retry key was the accepted one."""

    request_id: str | None
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    display_name: str | None
    picture_url: str | None
    language: str | None


class Gateway(Protocol):
    async def reply(self, token: str, messages: bytes) -> Accepted: ...
    async def push(self, to: str, messages: bytes, retry_key: str) -> Accepted: ...
    async def multicast(self, to: bytes, messages: bytes, retry_key: str) -> Accepted: ...
    async def link_menu(self, user_id: str, rich_menu_id: str) -> Accepted: ...
    async def rich_menu_of_alias(self, alias: str) -> str | None: ...
    async def profile(self, user_id: str) -> Profile | None: ...
    async def content(self, message_id: str) -> bytes | None: ...
    async def close(self) -> None: ...


class LineGateway:
    """`messages` are JSON arrays ready to send; they are spliced into the body unparsed."""

    def __init__(
        self, *, base: str, token: str, data_base: str | None = None, connections: int = 300
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._host = Host(base, headers=headers, connections=connections, timeout=TIMEOUT_SECONDS)
        # What people sent lives on a host of its own at LINE.
        self._data = Host(
            data_base or base, headers=headers, connections=4, timeout=TIMEOUT_SECONDS
        )

    async def reply(self, token: str, messages: bytes) -> Accepted:
        body = b'{"replyToken":' + orjson.dumps(token) + b',"messages":' + messages + b"}"
        return await self._send("/v2/bot/message/reply", body)

    async def push(self, to: str, messages: bytes, retry_key: str) -> Accepted:
        body = b'{"to":' + orjson.dumps(to) + b',"messages":' + messages + b"}"
        return await self._send("/v2/bot/message/push", body, retry_key=retry_key)

    async def multicast(self, to: bytes, messages: bytes, retry_key: str) -> Accepted:
        """`to` is a JSON array of at most 500 user ids."""
        body = b'{"to":' + to + b',"messages":' + messages + b"}"
        return await self._send("/v2/bot/message/multicast", body, retry_key=retry_key)

    async def link_menu(self, user_id: str, rich_menu_id: str) -> Accepted:
        return await self._send(
            f"/v2/bot/user/{_part(user_id)}/richmenu/{_part(rich_menu_id)}", b""
        )

    async def rich_menu_of_alias(self, alias: str) -> str | None:
        found = await self._get(f"/v2/bot/richmenu/alias/{_part(alias)}")
        return None if found is None else str(found.get("richMenuId"))

    async def profile(self, user_id: str) -> Profile | None:
        """None when LINE knows no such friend (404: unknown, blocked, no consent)."""
        found = await self._get(f"/v2/bot/profile/{_part(user_id)}")
        if found is None:
            return None
        return Profile(
            display_name=_optional(found, "displayName"),
            picture_url=_optional(found, "pictureUrl"),
            language=_optional(found, "language"),
        )

    async def content(self, message_id: str) -> bytes | None:
        """The bytes of a picture that somebody sent; None when LINE does not keep it any more.
        Raises SendError, also while LINE still prepares it."""
        try:
            answer = await self._data.request("GET", f"/v2/bot/message/{_part(message_id)}/content")
        except Broken as error:
            raise SendError(Failure.UNKNOWN, str(error)) from error
        if answer.status in (404, 410):
            return None
        if answer.status != 200:
            raise refusal(answer.status if answer.status != 202 else 503, answer.text)
        return answer.body

    async def close(self) -> None:
        await self._host.close()
        await self._data.close()

    async def _send(self, path: str, body: bytes, *, retry_key: str | None = None) -> Accepted:
        headers = _JSON if retry_key is None else {**_JSON, "X-Line-Retry-Key": retry_key}
        answer = await self._ask("POST", path, body, headers)
        if answer.status < 300:
            # The body is not looked at: LINE has accepted, whatever it says there.
            return Accepted(answer.headers.get("x-line-request-id"))
        if answer.status == 409:
            return Accepted(answer.headers.get("x-line-accepted-request-id"), is_repeat=True)
        raise refusal(answer.status, answer.text)

    async def _get(self, path: str) -> Mapping[str, Any] | None:
        answer = await self._ask("GET", path)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise refusal(answer.status, answer.text)
        try:
            found = orjson.loads(answer.body)
        except orjson.JSONDecodeError as error:
            raise SendError(Failure.UNKNOWN, "an answer that is not JSON") from error
        return found if isinstance(found, dict) else {}

    async def _ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = NO_HEADERS
    ) -> Answer:
        try:
            return await self._host.request(method, path, body, headers)
        except Broken as error:
            raise SendError(Failure.UNKNOWN, str(error)) from error


def _part(text: str) -> str:
    """A piece of a path."""
    return quote(text, safe="")


def refusal(status: int, text: str) -> SendError:
    """What an answer of LINE that is no success means."""
    reason = f"HTTP {status}: {text[:300]}"
    if status == 429:
        failure = Failure.QUOTA if _QUOTA_TEXT in text else Failure.RATE
    elif status >= 500:
        failure = Failure.UNKNOWN
    else:
        failure = Failure.PERMANENT
    return SendError(failure, reason, status=status)


def _optional(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    return value.replace("\x00", "") if isinstance(value, str) else None

"""Who carries one-time passwords. Beside LINE because it is the same edge: a request that may fail.

`HttpSms` posts `{"to": "+8869…", "text": "…"}` with a bearer token: the shape most Taiwanese SMS
resellers offer through a small relay; the simulator takes it too. Write a class with `send` for
another shape.
"""

from typing import Protocol

import aiohttp

from app.line.gateway import Accepted, Failure, SendError

TIMEOUT_SECONDS = 10


class SmsGateway(Protocol):
    async def send(self, to: str, text: str, key: str) -> Accepted: ...
    async def close(self) -> None: ...


class HttpSms:
    """`key` goes along as Idempotency-Key, so that a provider that knows it sends once."""

    def __init__(self, *, url: str, token: str = "") -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._session: aiohttp.ClientSession | None = None

    async def send(self, to: str, text: str, key: str) -> Accepted:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS), headers=self._headers
            )
        try:
            async with self._session.post(
                self._url, json={"to": to, "text": text}, headers={"Idempotency-Key": key}
            ) as answer:
                if answer.status < 300:
                    return Accepted(answer.headers.get("x-request-id"))
                failure = Failure.UNKNOWN if answer.status >= 500 else Failure.PERMANENT
                raise SendError(failure, f"SMS HTTP {answer.status}", status=answer.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise SendError(Failure.UNKNOWN, type(error).__name__) from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class NoSms:
    """No provider is set up: the message is parked with that reason, nothing is lost."""

    async def send(self, to: str, text: str, key: str) -> Accepted:
        raise SendError(Failure.PERMANENT, "no SMS provider is set up (REGULARS_SMS_URL)")

    async def close(self) -> None:
        return None

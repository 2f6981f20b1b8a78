"""Ask LINE who a browser belongs to: an id token from the LIFF SDK, verified at LINE's endpoint.

A user id or profile that a browser posts is never believed.
https://developers.line.biz/en/reference/line-login/#verify-id-token
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import orjson

from app.line.events import is_user_id

TIMEOUT_SECONDS = 8
TOKEN_MAX = 4096  # characters; LINE's own are below 1,000


class BadIdToken(Exception):
    """LINE says no. `reason` is LINE's own sentence, such as `IdToken expired.`"""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LineUnreachable(Exception):
    """No usable answer: neither yes nor no."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """Who LINE says it is."""

    user_id: str
    name: str | None
    picture_url: str | None


class IdTokens(Protocol):
    async def verify(self, id_token: str) -> Vouched: ...


class LineLogin:
    """One request a verification; pages are opened seldom enough for that."""

    def __init__(self, *, base: str, channel_id: str) -> None:
        self._url = f"{base.rstrip('/')}/oauth2/v2.1/verify"
        self._channel_id = channel_id

    async def verify(self, id_token: str) -> Vouched:
        """Raises BadIdToken, LineUnreachable."""
        if not 0 < len(id_token) <= TOKEN_MAX:
            raise BadIdToken("Invalid IdToken.")
        form = {"id_token": id_token, "client_id": self._channel_id}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                http.post(self._url, data=form) as answer,
            ):
                status, body = answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise LineUnreachable(type(error).__name__) from error
        return self._vouched(status, _object(body))

    def _vouched(self, status: int, claims: Mapping[str, Any]) -> Vouched:
        if status == 400:
            raise BadIdToken(str(claims.get("error_description", "")))
        if status != 200:
            raise LineUnreachable(f"HTTP {status}")
        # LINE has checked issuer, audience, signature and expiry; a wrong audience would open our
        # pages to tokens made for another shop, so that one is looked at twice.
        if claims.get("aud") != self._channel_id:
            raise BadIdToken("Invalid IdToken Audience.")
        user_id = claims.get("sub")
        if not isinstance(user_id, str) or not is_user_id(user_id):
            raise BadIdToken("Invalid IdToken Subject Identifier.")
        return Vouched(user_id, _text(claims.get("name")), _text(claims.get("picture")))


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    return value.replace("\x00", "") if isinstance(value, str) else None

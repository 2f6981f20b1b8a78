import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from app.line.login import BadIdToken, LineLogin, LineUnreachable, Vouched

CHANNEL = "1234567890"
KEN = "U" + "1" * 32
CLAIMS = {"iss": "https://access.line.me", "sub": KEN, "aud": CHANNEL, "name": "肯肯",
          "picture": "https://profile.line-scdn.net/ken"}  # fmt: skip


def verify(status: int, body: Any, token: str = "a token") -> tuple[Vouched, Mapping[str, str]]:
    """Ask a LINE that answers like this; return what came of it and what was sent."""
    seen: dict[str, str] = {}

    async def answer(request: web.Request) -> web.Response:
        seen.update({name: str(value) for name, value in (await request.post()).items()})
        seen["path"] = request.path
        if isinstance(body, bytes):
            return web.Response(status=status, body=body)
        return web.json_response(body, status=status)

    async def run() -> Vouched:
        app = web.Application()
        app.router.add_post("/oauth2/v2.1/verify", answer)
        async with TestServer(app) as line:
            login = LineLogin(base=str(line.make_url("/")), channel_id=CHANNEL)
            return await login.verify(token)

    return asyncio.run(run()), seen


def test_lines_endpoint_is_asked_with_token_and_channel() -> None:
    vouched, seen = verify(200, CLAIMS)
    assert vouched == Vouched(KEN, "肯肯", "https://profile.line-scdn.net/ken")
    assert seen == {"id_token": "a token", "client_id": CHANNEL, "path": "/oauth2/v2.1/verify"}


def test_name_and_picture_may_be_missing() -> None:
    vouched, _ = verify(200, {"sub": KEN, "aud": CHANNEL})
    assert vouched == Vouched(KEN, None, None)


def test_lines_no_is_told_in_lines_words() -> None:
    with pytest.raises(BadIdToken) as refused:
        verify(400, {"error": "invalid_request", "error_description": "IdToken expired."})
    assert refused.value.reason == "IdToken expired."


@pytest.mark.parametrize(
    "claims",
    [CLAIMS | {"aud": "999"}, CLAIMS | {"sub": "ken"}, CLAIMS | {"sub": None}, {}, {"sub": KEN}],
)
def test_a_yes_for_somebody_else_or_another_shop_is_a_no(claims: dict[str, Any]) -> None:
    with pytest.raises(BadIdToken):
        verify(200, claims)


@pytest.mark.parametrize(("status", "body"), [(500, {}), (429, {}), (401, {}), (503, b"<html>")])
def test_no_clear_answer_is_neither_yes_nor_no(status: int, body: Any) -> None:
    with pytest.raises(LineUnreachable):
        verify(status, body)


@pytest.mark.parametrize("body", [b"", b"[]", b"not json"])
def test_a_yes_without_claims_is_a_no(body: bytes) -> None:
    with pytest.raises(BadIdToken):
        verify(200, body)


@pytest.mark.parametrize("token", ["", "x" * 5000])
def test_a_token_that_cannot_be_one_is_not_sent(token: str) -> None:
    login = LineLogin(base="http://127.0.0.1:9", channel_id=CHANNEL)
    with pytest.raises(BadIdToken):
        asyncio.run(login.verify(token))


def test_nobody_there() -> None:
    login = LineLogin(base="http://127.0.0.1:9", channel_id=CHANNEL)
    with pytest.raises(LineUnreachable):
        asyncio.run(login.verify("a token"))

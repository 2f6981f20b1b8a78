"""How answers of LINE are read, against a small server on this machine."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from app.line.gateway import Accepted, Failure, LineGateway, Profile, SendError
from tests.support.product import free_port

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def against(answer: Answer, call: Callable[[LineGateway], Awaitable[object]]) -> object:
    async def run() -> object:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        line = LineGateway(base=f"http://127.0.0.1:{port}", token="secret-token")
        try:
            return await call(line)
        finally:
            await line.close()
            await runner.cleanup()

    return asyncio.run(run())


def fixed(status: int, text: str = "{}", **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=text, headers=names)

    return answer


def push(line: LineGateway) -> Awaitable[object]:
    return line.push("U1", b'[{"type":"text","text":"hi"}]', "key-1")


def test_a_push_carries_body_token_and_retry_key() -> None:
    seen: dict[str, object] = {}

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.update(
            path=request.path,
            key=request.headers["X-Line-Retry-Key"],
            token=request.headers["Authorization"],
            body=await request.json(),
        )
        return web.json_response({}, headers={"x-line-request-id": "r1"})

    assert against(answer, push) == Accepted("r1")
    assert seen == {
        "path": "/v2/bot/message/push",
        "key": "key-1",
        "token": "Bearer secret-token",
        "body": {"to": "U1", "messages": [{"type": "text", "text": "hi"}]},
    }


def test_a_reply_has_no_retry_key() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert "X-Line-Retry-Key" not in request.headers
        assert (await request.json())["replyToken"] == "t1"
        return web.json_response({})

    assert against(answer, lambda line: line.reply("t1", b"[]")) == Accepted(None)


def test_an_odd_body_after_200_is_still_accepted() -> None:
    assert against(fixed(200, "<html>", x_line_request_id="r"), push) == Accepted("r")


def test_409_means_an_earlier_request_was_accepted() -> None:
    answer = fixed(409, "{}", x_line_accepted_request_id="r0")
    assert against(answer, push) == Accepted("r0", is_repeat=True)


@pytest.mark.parametrize(
    ("status", "text", "failure"),
    [
        (400, "Invalid reply token", Failure.PERMANENT),
        (401, "", Failure.PERMANENT),
        (403, "", Failure.PERMANENT),
        (413, "", Failure.PERMANENT),
        (429, "The API rate limit has been exceeded. Try again later.", Failure.RATE),
        (429, "You have reached your monthly limit.", Failure.QUOTA),
        (500, "", Failure.UNKNOWN),
        (503, "", Failure.UNKNOWN),
    ],
)
def test_refusals_are_told_apart(status: int, text: str, failure: Failure) -> None:
    with pytest.raises(SendError) as refused:
        against(fixed(status, text), push)
    assert refused.value.failure is failure


def test_a_cut_line_leaves_the_outcome_unknown() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    with pytest.raises(SendError) as refused:
        against(cut, push)
    assert refused.value.failure is Failure.UNKNOWN


def test_a_profile_is_read_and_its_absence_too() -> None:
    found = fixed(200, '{"displayName": "花", "language": "zh-Hant", "pictureUrl": 5}')
    assert against(found, lambda line: line.profile("U1")) == Profile("花", None, "zh-Hant")
    assert against(fixed(404), lambda line: line.profile("U1")) is None


def test_a_picture_comes_as_it_is_or_not_at_all() -> None:
    async def picture(request: web.Request) -> web.StreamResponse:
        assert request.path == "/v2/bot/message/m 1/content"
        return web.Response(body=b"\xff\xd8jpeg", content_type="image/jpeg")

    assert against(picture, lambda line: line.content("m 1")) == b"\xff\xd8jpeg"
    assert against(fixed(404), lambda line: line.content("m1")) is None
    for status in (202, 500):  # 202: LINE still prepares it
        with pytest.raises(SendError) as trouble:
            against(fixed(status), lambda line: line.content("m1"))
        assert trouble.value.failure is Failure.UNKNOWN

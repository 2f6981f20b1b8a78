"""The client against servers that behave, misbehave and vanish, on both kinds of event loop."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop

from app.line import http
from app.line.http import Answer, Broken, Host

CERTIFICATE = Path(__file__).parents[2] / "support" / "tls" / "localhost.pem"
OK = b"HTTP/1.1 200 OK\r\nX-Id: 1\r\nContent-Length: 2\r\n\r\nhi"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Server:
    """Answers each request with the next of `answers`; b"" cuts the connection."""

    answers: list[bytes]
    closes: bool = False
    is_silent: bool = False
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    open: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                if self.is_silent:
                    await reader.read()
                writer.write(self.answers.pop(0))
                if self.closes or not self.answers:
                    break
            writer.close()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


Use = Callable[[Host, Server], Awaitable[object]]


def run(
    server: Server,
    use: Use,
    *,
    path: str = "",
    timeout: float = 5.0,
    connections: int = 100,
    headers: dict[str, str] | None = None,
    tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
    loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop,
) -> object:
    async def main() -> object:
        listening = await asyncio.start_server(
            server.serve, "localhost", 0, ssl=tls[0] if tls else None
        )
        port = listening.sockets[0].getsockname()[1]
        host = Host(
            f"{'https' if tls else 'http'}://localhost:{port}{path}",
            headers=headers or {},
            connections=connections,
            timeout=timeout,
            tls=tls[1] if tls else None,
        )
        try:
            return await use(host, server)
        finally:
            await host.close()
            listening.close()
            for writer in server.open:
                writer.close()
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main())


async def post(host: Host, _server: Server) -> Answer:
    return await host.request("POST", "/call", b"{}", {"X-Line-Retry-Key": "k"})


async def post_thrice(host: Host, server: Server) -> int:
    for _ in range(3):
        assert (await post(host, server)).body == b"hi"
    return server.connections


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_request_says_what_was_asked(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    server = Server([OK, OK])
    found = run(server, post, path="/base/", headers={"Authorization": "Bearer t"}, loop=loop)
    assert found == Answer(200, {"x-id": "1", "content-length": "2"}, b"hi")
    [head, body] = server.requests[0].split(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert (first, body) == ("POST /base/call HTTP/1.1", b"{}")
    assert "Authorization: Bearer t" in lines
    assert "X-Line-Retry-Key: k" in lines
    assert any(line.startswith("Host: localhost:") for line in lines)


def test_one_connection_serves_many_requests() -> None:
    assert run(Server([OK] * 4), post_thrice) == 1


def test_a_connection_that_the_server_ends_is_not_used_again() -> None:
    closing = OK.replace(b"X-Id: 1", b"Connection: close")
    assert run(Server([closing] * 4, closes=True), post_thrice) == 3


def test_a_connection_that_died_while_idle_is_replaced() -> None:
    async def use(host: Host, server: Server) -> int:
        await post(host, server)
        server.open[0].close()
        await server.open[0].wait_closed()
        for _ in range(100):  # the news travels
            await asyncio.sleep(0)
        await post(host, server)
        return server.connections

    assert run(Server([OK] * 3), use) == 2


def test_a_connection_idle_for_long_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "KEEP_SECONDS", -1.0)
    assert run(Server([OK] * 4), post_thrice) == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.0 200 OK\r\n\r\nhi",  # up to the end of the connection
    ],
)
def test_answers_come_in_several_shapes(answer: bytes) -> None:
    found = run(Server([answer]), post)
    assert isinstance(found, Answer)
    assert (found.status, found.body) == (200, b"hi")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    ],
)
def test_half_an_answer_is_none(answer: bytes) -> None:
    with pytest.raises(Broken):
        run(Server([answer]), post)


def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "ANSWER_LIMIT", 20)
    with pytest.raises(Broken, match="too long"):
        run(Server([OK, OK]), post)


def test_two_answers_to_one_request_end_the_connection() -> None:
    """Else the second would be taken for the answer to the next request."""
    wrong = OK.replace(b"hi", b"no")
    server = Server([OK + wrong, OK, OK, OK])
    assert run(server, post_thrice) == 2


def test_silence_ends_with_the_time_out_and_the_connection_is_dropped() -> None:
    async def use(host: Host, server: Server) -> int:
        with pytest.raises(Broken, match="TimeoutError"):
            await post(host, server)
        server.is_silent = False
        await post(host, server)
        return server.connections

    assert run(Server([OK] * 3, is_silent=True), use, timeout=0.1) == 2


def test_nobody_listening_is_a_broken_call() -> None:
    async def use(_host: Host, server: Server) -> object:
        return await post(Host("http://127.0.0.1:9"), server)

    with pytest.raises(Broken):
        run(Server([]), use)


def test_no_more_connections_than_allowed_however_many_calls() -> None:
    async def use(host: Host, server: Server) -> tuple[int, int]:
        answers = await asyncio.gather(*(post(host, server) for _ in range(50)))
        return len(answers), server.connections

    assert run(Server([OK] * 51), use, connections=3) == (50, 3)


def tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(server, client that trusts it)."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(CERTIFICATE)
    return server, ssl.create_default_context(cafile=CERTIFICATE)


def test_calls_go_over_tls_on_one_connection() -> None:
    assert run(Server([OK] * 4), post_thrice, tls=tls()) == 1


def test_a_host_nobody_vouches_for_is_not_spoken_to() -> None:
    server = Server([OK])
    with pytest.raises(Broken, match="SSLCertVerificationError"):
        run(server, post, tls=(tls()[0], ssl.create_default_context()))
    assert server.requests == []


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "王"])
def test_a_value_cannot_break_out_of_its_header(value: str) -> None:
    with pytest.raises(ValueError, match="Authorization"):
        Host("http://localhost", headers={"Authorization": value})


@pytest.mark.parametrize("base", ["", "localhost", "ftp://localhost"])
def test_an_address_must_be_one(base: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Host(base)

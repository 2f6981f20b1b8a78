"""A small HTTP/1.1 client for many short calls to one host, over connections that stay open.

A reply or push is one small POST with one small answer; a general client spends several times as
much on each as the call itself. What is done here: TLS, time-outs, keep-alive, answers with a
length, in chunks or up to the end of the connection. What is not: redirects, cookies, proxies,
compression. A request is never repeated here: whoever asked knows what that would mean.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast
from urllib.parse import urlsplit

import httptools

ANSWER_LIMIT = 4 * 1024 * 1024  # bytes, with headers
KEEP_SECONDS = 15.0  # an idle connection may be dead without our knowing: after this it is not used
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Broken(Exception):
    """No whole answer came: not connected, cut off, too late, or not HTTP. Unless the connection
    itself failed, the host may have done what was asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


class Host:
    """At most `connections` requests at a time; further ones wait, within their `timeout` (in
    seconds, for all of a request). Belongs to the event loop in which it is first used."""

    def __init__(
        self,
        base: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        connections: int = 100,
        timeout: float = 10.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        url = urlsplit(base)
        if url.scheme not in ("http", "https") or url.hostname is None:
            raise ValueError(f"not an address of a host: {base!r}")
        self._name, self._path = url.hostname, url.path.rstrip("/")
        self._tls = (tls or ssl.create_default_context()) if url.scheme == "https" else None
        self._port = url.port or (443 if self._tls else 80)
        self._always = _lines({"Host": url.netloc.rpartition("@")[2]} | dict(headers))
        self._timeout = timeout
        self._free = asyncio.Semaphore(connections)
        self._idle: deque[_Connection] = deque()  # the longest idle first

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = NO_HEADERS
    ) -> Answer:
        """`path` is quoted already. Raises Broken."""
        lines = _lines(headers) if headers else b""
        head = f"{method} {self._path}{path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n".encode()
        try:
            async with asyncio.timeout(self._timeout), self._free:
                return await self._exchange(head + self._always + lines + b"\r\n" + body)
        except (OSError, TimeoutError) as error:
            raise Broken(type(error).__name__) from error

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().abort()
        await asyncio.sleep(0)  # lets the transports say goodbye

    async def _exchange(self, request: bytes) -> Answer:
        connection = self._kept() or await self._connected()
        try:
            answer = await connection.exchange(request)
        except BaseException:
            connection.abort()  # a late answer must not be taken for the next one's
            raise
        if connection.is_reusable:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.abort()
        return answer

    def _kept(self) -> "_Connection | None":
        oldest = asyncio.get_running_loop().time() - KEEP_SECONDS
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.popleft().abort()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_reusable:
                return connection
        return None

    async def _connected(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            _Connection, self._name, self._port, ssl=self._tls
        )
        return connection


class _Connection(asyncio.Protocol):
    """One request at a time, then its answer. The parser calls the `on_…` methods."""

    def __init__(self) -> None:
        self.is_reusable = True
        self.idle_since = 0.0
        self._answer: asyncio.Future[Answer] | None = None

    def exchange(self, request: bytes) -> "asyncio.Future[Answer]":
        self._parser = httptools.HttpResponseParser(self)
        self._size, self._has_headers = 0, False
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def abort(self) -> None:
        self.is_reusable = False
        self._transport.abort()

    # What the transport says -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by type

    def data_received(self, data: bytes) -> None:
        self._size += len(data)
        if self._is_idle() or self._size > ANSWER_LIMIT:
            self._fail("an answer too long, or that nobody asked for")
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(type(error).__name__)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_reusable = False
        if self._is_idle():
            return
        has_length = "content-length" in self._headers or "transfer-encoding" in self._headers
        if error is None and self._has_headers and not has_length:
            self._finish()  # the end of the connection is the end of the answer
        else:
            self._fail("ConnectionError" if error is None else type(error).__name__)

    # What the parser says ----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._is_idle():
            self.is_reusable = False  # a second answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._has_headers = self._parser.get_status_code() >= 200

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._has_headers:
            self.is_reusable = self.is_reusable and self._parser.should_keep_alive()
            self._finish()
        else:  # 100 Continue, 103 Early Hints: the answer itself is still to come
            self._headers = {}

    def _is_idle(self) -> bool:
        return self._answer is None or self._answer.done()

    def _finish(self) -> None:
        if self._answer is not None and not self._answer.done():
            status = self._parser.get_status_code()
            self._answer.set_result(Answer(status, self._headers, b"".join(self._body)))

    def _fail(self, reason: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Broken(reason))
        self.abort()


def _lines(headers: Mapping[str, str]) -> bytes:
    """Raises ValueError for a value that would break out of its line."""
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"header {name}: a value must be printable ASCII")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()

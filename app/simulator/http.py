"""Requests and answers of the Messaging API as plain values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import orjson

from app.simulator.people import Json
from app.simulator.validate import Refusal

MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 200  # orjson writes at most 254 levels


@dataclass(slots=True)
class Call:
    """One request below `{base}/api`."""

    method: str
    path: str
    query_string: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    request_id: str
    parts: tuple[str, ...] = ()
    """What stood in the path's places, in order."""
    user_id: str | None = None
    """Whom it concerned, for the log."""

    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True))

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("latin-1"), keep_blank_values=True))

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return value.decode("latin-1") if value is not None else None

    def content_type(self) -> str:
        return (self.header(b"content-type") or "").partition(";")[0].strip().lower()


@dataclass(slots=True)
class Answer:
    status: int = 200
    body: bytes = b"{}"
    content_type: bytes = b"application/json"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    accepted_request_id: str | None = None


def answer(value: object, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps(value))


def refuse(status: int, message: str) -> Answer:
    return Answer(status, orjson.dumps({"message": message}))


def refused(refusal: Refusal, status: int = 400) -> Answer:
    return Answer(status, orjson.dumps(refusal.body()))


class Refused(Exception):
    """Ends a request early with an answer."""

    def __init__(self, given: Answer) -> None:
        super().__init__(given.status)
        self.answer = given


def bad(refusal: Refusal, status: int = 400) -> Refused:
    return Refused(refused(refusal, status))


def not_found(message: str = "Not found") -> Refused:
    return Refused(refuse(404, message))


def json_of(call: Call) -> Json:
    """The JSON object of a request.

    Raises:
        Refused: 415 for another content type, 400 for broken JSON or something that is no object.
    """
    kind = call.content_type()
    if kind != "application/json":
        raise Refused(refuse(415, f"The content type, {kind or 'null'}, is not supported"))
    try:
        value = orjson.loads(call.body)
    except orjson.JSONDecodeError as error:
        place = f"(line: {error.lineno}, column: {error.colno})"
        sentence = f"The request body could not be parsed as JSON {place}"
        raise Refused(refuse(400, sentence)) from error
    if not isinstance(value, dict) or _is_too_deep(call.body, value):
        sentence = "The request body could not be parsed as JSON (line: -, column: -)"
        raise Refused(refuse(400, sentence))
    return value


def _is_too_deep(body: bytes, value: Json) -> bool:
    """Whether JSON is nested deeper than it could be written out again."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return True


def _children(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()

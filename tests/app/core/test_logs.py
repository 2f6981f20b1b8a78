"""What a log line looks like, and what is never in one."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from app.core import logs


class Book(io.StringIO):
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def book() -> Iterator[Book]:
    root, server = logging.getLogger(), logging.getLogger("uvicorn.error")
    before = (root.handlers[:], root.level, server.level)
    server.setLevel(logging.NOTSET)  # a server that ran in this process may have hushed it
    stream = Book()
    logs.set_up(stream=stream)
    yield stream
    root.handlers[:], root.level = before[:2]
    server.setLevel(before[2])
    structlog.reset_defaults()


def test_a_line_is_json_with_the_ids_of_the_request(book: Book) -> None:
    with logs.bound(request_id="r-1"):
        structlog.get_logger("t").info("inbox.kept", events=3)
    (line,) = book.lines()
    assert line["event"] == "inbox.kept"
    assert (line["events"], line["request_id"], line["level"]) == (3, "r-1", "info")
    assert "timestamp" in line


def test_lines_of_libraries_look_the_same(book: Book) -> None:
    with logs.bound(request_id="r-2"):
        logging.getLogger("uvicorn.error").warning("to %s", "0912-345-678")
    (line,) = book.lines()
    assert line["request_id"] == "r-2"
    assert line["event"] == f"to {logs.HIDDEN}"


def test_an_id_is_gone_after_its_request(book: Book) -> None:
    with logs.bound(request_id="r-3"):
        pass
    structlog.get_logger("t").info("later")
    assert "request_id" not in book.lines()[0]


@pytest.mark.parametrize(
    "secret",
    [
        "U" + "0a" * 16,
        "0912345678",
        "0912-345-678",
        "+886912345678",
        "+886-912-345-678",
        "hana@example.com",
        "Bearer abc.def-ghi",
        "[parameters: {'name': '王小美'}]",
        "DETAIL:  Key (phone)=(12) already exists.",
        "postgresql://brand:secret@db/regulars",
    ],
)
def test_personal_data_never_reaches_a_line(book: Book, secret: str) -> None:
    log = structlog.get_logger("t")
    log.info("about " + secret)  # noqa: G003  # what somebody might write
    log.info("nested", facts={"list": [f"with {secret}"]})
    try:
        raise ValueError(secret)
    except ValueError:
        log.exception("failed")
    kept = secret.removeprefix("postgresql://").split("@db")[0]
    assert kept not in book.getvalue()
    assert book.getvalue().count(logs.HIDDEN) >= 2


@pytest.mark.parametrize("field", ["phone", "name", "line_user_id", "birthday", "payload"])
def test_fields_about_a_person_are_hidden(book: Book, field: str) -> None:
    structlog.get_logger("t").info("x", **{field: "王小美"})
    assert book.lines()[0][field] == logs.HIDDEN


@pytest.mark.parametrize("harmless", ["2026-07-04T04:00:00Z", "order 1091234567890", "member 42"])
def test_numbers_that_are_no_phones_stay(book: Book, harmless: str) -> None:
    structlog.get_logger("t").info(harmless)
    assert book.lines()[0]["event"] == harmless

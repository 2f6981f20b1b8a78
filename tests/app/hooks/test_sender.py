"""What really arrives at an address, and what never leaves the house."""

import base64
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from app.core.db import Database
from app.hooks import queries, rules, sender, service
from app.hooks.rules import HookDraft
from app.hooks.service import Made
from app.jobs import hooks as job
from app.timeline import service as timeline
from tests.support.people import regular
from tests.support.times import NOW

KEY = "a secret key"


@dataclass
class Receiver:
    """Somebody's server: keeps what comes, answers as it is told."""

    url: str = ""
    answers: list[int] = field(default_factory=list)  # then 200
    got: list[tuple[dict[str, str], str]] = field(default_factory=list)
    seconds: float = 0  # that an answer takes
    at_once: int = 0
    most_at_once: int = 0
    gate: threading.Lock = field(default_factory=threading.Lock)
    never: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        with self.gate:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.never.wait(self.seconds)
        with self.gate:
            self.at_once -= 1


@contextmanager
def receiving() -> Iterator[Receiver]:
    here = Receiver()

    class Desk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            here.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            here.work()
            self.send_response(here.answers.pop(0) if here.answers else 200)
            self.send_header("location", here.url)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    here.url = f"http://127.0.0.1:{server.server_port}/in"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield here
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as here:
        yield here


def made_for(db: Database, url: str, sales: int = 2) -> Made:
    with db.transaction() as session:
        draft = HookDraft("ERP", url, ("purchase.recorded",))
        made = service.create(
            session, draft=draft, form_id=url, key=KEY, allows_private=True, now=NOW
        )
        hana = regular(session, joined_at=None)
        for amount in range(1, sales + 1):
            timeline.record(
                session, member_id=hana, kind="purchase.recorded", at=NOW, facts={"amount": amount}
            )
    return made


def tell(db: Database, *, allows_private: bool = True) -> int:
    return job.tell(db, key=KEY, allows_private=allows_private, is_stopping=lambda: False, now=NOW)


def lines(db: Database, made: Made) -> list[queries.DeliveryShown]:
    with db.reading() as session:
        return queries.deliveries(session, made.hook_id)


def test_every_fact_arrives_signed_so_that_the_receiver_can_check(
    db: Database, receiver: Receiver
) -> None:
    made = made_for(db, receiver.url)
    assert tell(db) == 2
    assert tell(db) == 0
    assert len(receiver.got) == 2
    key = base64.b64decode(made.secret.removeprefix("whsec_"))
    for headers, body in receiver.got:
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}"
        signed = base64.b64encode(hmac.new(key, content.encode(), sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{signed}"
    assert {one.status for one in lines(db, made)} == {rules.DELIVERED}


def test_an_answer_that_was_lost_brings_the_same_id_again(
    sqlite_db: Database, receiver: Receiver
) -> None:
    made = made_for(sqlite_db, receiver.url)
    receiver.answers = [500, 200]
    tell(sqlite_db)
    waiting = [one for one in lines(sqlite_db, made) if one.status == rules.WAITING]
    (waits,) = waiting
    job.tell(sqlite_db, key=KEY, allows_private=True, is_stopping=lambda: False, now=waits.due_at)
    ids = [headers["webhook-id"] for headers, _ in receiver.got]
    assert len(ids) == 3
    assert len(set(ids)) == 2
    assert {one.status for one in lines(sqlite_db, made)} == {rules.DELIVERED}


def test_a_redirect_is_not_followed(sqlite_db: Database, receiver: Receiver) -> None:
    made = made_for(sqlite_db, receiver.url)
    receiver.answers = [302, 302]
    tell(sqlite_db)
    assert len(receiver.got) == 2
    assert {one.answer for one in lines(sqlite_db, made)} == {302}
    assert {one.status for one in lines(sqlite_db, made)} == {rules.WAITING}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_what_resolves_to_our_own_network_is_never_connected_to(
    sqlite_db: Database, receiver: Receiver, host: str
) -> None:
    """The address was good when it was typed; what counts is where the connection would go."""
    made = made_for(sqlite_db, receiver.url.replace("127.0.0.1", host))
    tell(sqlite_db, allows_private=False)
    assert receiver.got == []
    assert {one.trouble for one in lines(sqlite_db, made)} == {rules.UNSAFE}


def test_nobody_there_is_said_in_the_row(sqlite_db: Database) -> None:
    with receiving() as gone:
        url = gone.url
    made = made_for(sqlite_db, url)
    tell(sqlite_db)
    assert {one.trouble for one in lines(sqlite_db, made)} == {rules.REFUSED}


def test_who_waits_for_a_turn_is_not_timed(
    sqlite_db: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver that takes half the time for each answers all, five at a time."""
    monkeypatch.setattr(sender, "TIMEOUT_SECONDS", 0.4)
    receiver.seconds = 0.2
    made = made_for(sqlite_db, receiver.url, sales=3 * sender.AT_ONCE)
    assert tell(sqlite_db) == 3 * sender.AT_ONCE
    assert {one.status for one in lines(sqlite_db, made)} == {rules.DELIVERED}
    assert receiver.most_at_once <= sender.AT_ONCE

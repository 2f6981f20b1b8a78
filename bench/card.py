"""(b) "Show my card", from the webhook to LINE's answer, against the SDK's echo sample replying
plain text; (c) the same with 1,000 and 1,000,000 members. CPU of the serving process per event."""

import asyncio
import itertools
import statistics
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import orjson
import sqlalchemy as sa

from app.core import clock
from app.core.db import Database
from app.firings.models import RUNNING, JobRun
from app.jobs.schedule import JOBS
from app.line.signature import sign
from app.outbox.models import IS_OPEN, OutboxRow
from bench import crowd, load, servers
from bench.databases import databases, tidied
from bench.servers import Server

ROUNDS = 5
CONNECTIONS = 32
EVENTS = 3_000
SMALL, LARGE = 1_000, 1_000_000
WAIT_SECONDS = 120
CAUGHT_UP_SECONDS = 1_800
_ids = itertools.count()


@dataclass(frozen=True)
class Party:
    server: Server
    sink: Server
    members: int


def requests(members: int) -> list[bytes]:
    return [_request(members) for _ in range(EVENTS)]


def _request(members: int) -> bytes:
    number = next(_ids)
    event = {
        "type": "message",
        "message": {"type": "text", "id": str(number), "quoteToken": "q", "text": "會員卡"},
        "webhookEventId": f"01C{number:023d}",
        "deliveryContext": {"isRedelivery": False},
        "timestamp": int(time.time() * 1000),
        "source": {
            "type": "user",
            "userId": crowd.line_user_id(1 + number * 7919 % members),
        },
        "replyToken": f"{number:032d}",
        "mode": "active",
    }
    body = orjson.dumps({"destination": "U" + "0" * 32, "events": [event]})
    headers = {
        "X-Line-Signature": sign(servers.SECRET.encode(), body).decode(),
        "Content-Type": "application/json",
    }
    return load.request("/line/webhook", body, headers)


def measure(party: Party) -> float:
    """CPU microseconds per event, until LINE has got the last answer."""
    sent = requests(party.members)
    before, began = _count(party.sink), party.server.cpu()
    result = asyncio.run(load.run(party.server.port, sent, connections=CONNECTIONS))
    if set(result.statuses) != {200}:
        raise RuntimeError(f"answers were not all 200: {result.statuses}")
    deadline = time.monotonic() + WAIT_SECONDS
    while _count(party.sink) < before + EVENTS:
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {_count(party.sink) - before} of {EVENTS} answers came")
        time.sleep(0.02)
    return (party.server.cpu() - began) / EVENTS * 1e6


def _count(sink: Server) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{sink.port}/count") as answer:
        return int(answer.read())


@contextmanager
def ours(url: str, members: int) -> Iterator[Party]:
    crowd.fill(url, members)
    with ExitStack() as stack:
        sink = stack.enter_context(_sink())
        port = servers.free_port()
        env = servers.settings_env(database_url=url, line_base=f"http://127.0.0.1:{sink.port}")
        command = ["-m", "app.cli", "serve", "--port", str(port)]
        server = stack.enter_context(servers.started(command, port=port, env=env))
        _caught_up(url)
        yield Party(server, sink, members)


def _caught_up(url: str) -> None:
    """Wait for the timed jobs that were missed: a night's work for a million is no card's cost."""
    timed = {job.name for job in JOBS if job.cron is not None}
    ended = sa.select(JobRun.job).where(JobRun.status != RUNNING)
    owed = sa.select(OutboxRow.id).where(IS_OPEN, OutboxRow.due_at <= sa.bindparam("now")).limit(1)
    db = Database(url)
    deadline = time.monotonic() + CAUGHT_UP_SECONDS
    while True:
        with db.reading() as session:
            is_idle = session.scalar(owed, {"now": clock.system()}) is None
            if is_idle and timed <= set(session.scalars(ended)):
                break
        if time.monotonic() > deadline:
            raise RuntimeError("the timed jobs do not come to an end")
        time.sleep(1)
    db.dispose()


@contextmanager
def theirs() -> Iterator[Party]:
    with ExitStack() as stack:
        sink = stack.enter_context(_sink())
        port = servers.free_port()
        command = ["-m", "bench.baselines", "echo", str(port), f"http://127.0.0.1:{sink.port}"]
        yield Party(stack.enter_context(servers.started(command, port=port)), sink, SMALL)


@contextmanager
def _sink() -> Iterator[Server]:
    port = servers.free_port()
    with servers.started(["-m", "bench.sink", str(port)], port=port) as sink:
        yield sink


def main() -> None:
    print("\n(b) show my card (4 kB, personal) against the SDK's echo sample (plain text)")
    print(f"(c) and with {SMALL:,} against {LARGE:,} members; {EVENTS} events, {ROUNDS} rounds")
    for name, url in databases():
        with ours(url, SMALL) as card, theirs() as echo:
            measure(card)
            measure(echo)
            tidied(url)
            pairs = [(measure(card), measure(echo)) for _ in range(ROUNDS)]
        mine, other = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(f"    {name:<10} card {mine:6.0f} µs CPU, echo {other:6.0f} µs = {mine / other:.2f}×")
    for (name, few), (_, many) in zip(databases(), databases(), strict=True):
        with ours(few, SMALL) as one, ours(many, LARGE) as other_party:
            measure(one)
            measure(other_party)
            tidied(few)
            tidied(many)
            pairs = [(measure(one), measure(other_party)) for _ in range(ROUNDS)]
        mine, other = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(
            f"    {name:<10} {SMALL:,} members {mine:6.0f} µs, {LARGE:,} members "
            f"{other:6.0f} µs = {other / mine:.2f}×"
        )

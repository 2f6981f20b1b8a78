"""(a) A webhook with everything durable before the 200, against FastAPI + WebhookParser storing
nothing; CPU of the serving process per event, wall time, p99 at 32 connections."""

import asyncio
import itertools
import statistics
from dataclasses import dataclass

import orjson

from app.line.signature import sign
from bench import load, servers
from bench.databases import databases, tidied
from bench.servers import Server

ROUNDS = 5
CONNECTIONS = 32
_ids = itertools.count()


def delivery(events: int) -> bytes:
    body = orjson.dumps(
        {"destination": "U" + "0" * 32, "events": [_event() for _ in range(events)]}
    )
    signature = sign(servers.SECRET.encode(), body).decode()
    headers = {"X-Line-Signature": signature, "Content-Type": "application/json"}
    return load.request("/line/webhook", body, headers)


def _event() -> dict[str, object]:
    number = next(_ids)
    return {
        "type": "message",
        "message": {
            "type": "text",
            "id": str(468789577898262530 + number),
            "quoteToken": "q3Plxr4AgKd",
            "markAsReadToken": "m" * 40,
            "text": "會員卡",
        },
        "webhookEventId": f"01H{number:023d}",
        "deliveryContext": {"isRedelivery": False},
        "timestamp": 1_783_000_000_000 + number,
        "source": {"type": "user", "userId": f"U{number % 997:032x}"},
        "replyToken": f"{number:032d}",
        "mode": "active",
    }


@dataclass(frozen=True)
class Figure:
    cpu_us: float  # CPU microseconds per event
    events_per_second: float
    p99_ms: float


def measure(server: Server, *, events: int) -> Figure:
    requests = [delivery(events) for _ in range(max(200, 8000 // events))]
    began = server.cpu()
    result = asyncio.run(load.run(server.port, requests, connections=CONNECTIONS))
    cpu = server.cpu() - began
    if set(result.statuses) != {200}:
        raise RuntimeError(f"answers were not all 200: {result.statuses} {result.bodies[:1]}")
    total = len(requests) * events
    return Figure(cpu / total * 1e6, total / result.seconds, result.p(0.99) * 1000)


def median(figures: list[Figure]) -> Figure:
    return Figure(
        statistics.median(figure.cpu_us for figure in figures),
        statistics.median(figure.events_per_second for figure in figures),
        statistics.median(figure.p99_ms for figure in figures),
    )


def main() -> None:
    print("\n(a) webhook, durable before the 200, against FastAPI + SDK parser storing nothing")
    print(f"    {CONNECTIONS} connections, {ROUNDS} interleaved rounds, medians")
    for name, url in databases():
        _compare(name, url)


def _compare(name: str, url: str) -> None:
    ours_port, theirs_port = servers.free_port(), servers.free_port()
    env = servers.settings_env(database_url=url, line_base="http://127.0.0.1:9")
    ours_command = ["-m", "app.cli", "web", "--port", str(ours_port)]
    theirs_command = ["-m", "bench.baselines", "parser", str(theirs_port)]
    with (
        servers.started(ours_command, port=ours_port, env=env) as ours,
        servers.started(theirs_command, port=theirs_port) as theirs,
    ):
        for events in (1, 20, 100):
            measure(ours, events=events)
            measure(theirs, events=events)
            tidied(url)
            pairs = [
                (measure(ours, events=events), measure(theirs, events=events))
                for _ in range(ROUNDS)
            ]
            mine, other = (median(list(side)) for side in zip(*pairs, strict=True))
            print(
                f"    {name:<10} {events:>3} events: CPU {mine.cpu_us:6.0f} µs/event against "
                f"{other.cpu_us:6.0f} = {mine.cpu_us / other.cpu_us:.2f}×; "
                f"{mine.events_per_second:7.0f}/s against {other.events_per_second:7.0f}/s; "
                f"p99 {mine.p99_ms:.0f} ms against {other.p99_ms:.0f} ms"
            )

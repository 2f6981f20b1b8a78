"""(e) Purchases over REST with all rules, each durable before its 201: one and 32 clients, spread
over the members and all on one."""

import asyncio
import itertools
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass

import orjson

from bench import crowd, load, servers
from bench.databases import databases, tidied
from bench.servers import Server

ROUNDS = 3
MEMBERS = 10_000
SALES = {1: 200, 32: 1_500}
_ids = itertools.count()


@dataclass(frozen=True)
class Figure:
    per_second: float
    cpu_us: float
    p99_ms: float


def sale(token: str, *, member: int) -> bytes:
    number = next(_ids)
    body = orjson.dumps(
        {
            "external_id": f"bench-{number}",
            "member": {"number": f"{member:010d}"},
            "amount": 100 + number % 900,
            "items": [{"sku": "T1", "name": "茶", "quantity": 1, "unit_price": 100}],
        }
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return load.request("/api/v1/purchases", body, headers)


def measure(server: Server, token: str, *, clients: int, is_hot: bool) -> Figure:
    sales = [
        sale(token, member=7 if is_hot else 1 + number * 7919 % MEMBERS)
        for number in range(SALES[clients])
    ]
    began = server.cpu()
    result = asyncio.run(load.run(server.port, sales, connections=clients))
    if set(result.statuses) != {201}:
        raise RuntimeError(f"answers were not all 201: {result.statuses} {result.bodies[:1]}")
    cpu = (server.cpu() - began) / len(sales) * 1e6
    return Figure(len(sales) / result.seconds, cpu, result.p(0.99) * 1000)


def token_for(env: dict[str, str]) -> str:
    made = subprocess.run(
        [sys.executable, "-m", "app.cli", "token", "create", "--name", "bench"],
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.strip().splitlines()[-1]


def main() -> None:
    print(f"\n(e) purchases over REST, durable, {MEMBERS:,} members; medians of {ROUNDS} rounds")
    for name, url in databases():
        crowd.fill(url, MEMBERS)
        port = servers.free_port()
        env = servers.settings_env(database_url=url, line_base="http://127.0.0.1:9")
        token = token_for(env)
        command = ["-m", "app.cli", "web", "--port", str(port)]
        with servers.started(command, port=port, env=env) as server:
            _print_all(name, url, server, token)


def _print_all(name: str, url: str, server: Server, token: str) -> None:
    kinds = [(1, False), (32, False), (32, True)]
    for clients, is_hot in kinds:
        measure(server, token, clients=clients, is_hot=is_hot)
    tidied(url)
    rounds = [
        [measure(server, token, clients=clients, is_hot=is_hot) for clients, is_hot in kinds]
        for _ in range(ROUNDS)
    ]
    medians = [
        Figure(
            statistics.median(figure.per_second for figure in column),
            statistics.median(figure.cpu_us for figure in column),
            statistics.median(figure.p99_ms for figure in column),
        )
        for column in zip(*rounds, strict=True)
    ]
    first = medians[0]
    for (clients, is_hot), figure in zip(kinds, medians, strict=True):
        who = "one hot member" if is_hot else "spread"
        print(
            f"    {name:<10} {clients:>2} clients, {who:<14} {figure.per_second:6.0f}/s "
            f"({figure.per_second / first.per_second:.1f}×), CPU {figure.cpu_us:6.0f} µs "
            f"({figure.cpu_us / first.cpu_us:.2f}×), p99 {figure.p99_ms:.0f} ms"
        )

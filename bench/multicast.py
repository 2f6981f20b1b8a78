"""The same letter for a million people: requests for 500 each, through the outbox and the sender,
to a bare LINE that takes 200 a second. How near the limit we come, and whether we pass it."""

import asyncio
import sys
import time
import urllib.request

import orjson
import sqlalchemy as sa

from app.core import ids, migrate
from app.core.clock import system
from app.core.db import Database
from app.line.buckets import Buckets
from app.line.gateway import LineGateway
from app.line.limits import MULTICAST_RECIPIENTS, PER_SECOND
from app.line.sms import NoSms
from app.outbox.models import MULTICAST, READERS, READING, WAITING, OutboxRow
from app.outbox.sender import Sender
from bench.databases import databases, tidied
from bench.servers import free_port, started

PEOPLE = 1_000_000
KIND = "broadcast:1"
LETTER = orjson.dumps([{"type": "text", "text": "今年的夏茶到了。" * 20}]).decode()


def prepare(url: str, people: int) -> None:
    db = Database(url)
    migrate.upgrade(db)
    now = system()
    numbers = range(1, -(-people // MULTICAST_RECIPIENTS) + 1)
    rows = [
        {
            "id": number,
            "channel": MULTICAST,
            "klass": "promotion",
            "kind": KIND,
            "topic": "news",
            "recipient": "",
            "payload": LETTER,
            "retry_key": ids.retry_key(),
            "status": WAITING,
            "due_at": now,
            "attempts": 0,
            "created_at": now,
        }
        for number in numbers
    ]
    with db.transaction() as session:
        session.execute(sa.insert(OutboxRow), rows)
    for number in numbers:
        first = (number - 1) * MULTICAST_RECIPIENTS
        readers = [
            {
                "outbox_id": number,
                "member_id": member,
                "kind": KIND,
                "recipient": f"U{member:032x}",
                "status": READING,
            }
            for member in range(first + 1, min(first + MULTICAST_RECIPIENTS, people) + 1)
        ]
        with db.transaction() as session:
            session.execute(sa.insert(READERS), readers)
    db.dispose()
    tidied(url)


async def sent(db: Database, port: int) -> float:
    """Seconds until nothing waits any more."""
    line = LineGateway(base=f"http://127.0.0.1:{port}", token="bench")
    buckets = Buckets(PER_SECOND, time.monotonic)
    sender = Sender(db, line, NoSms(), system, buckets)
    began = time.perf_counter()
    while True:
        if not await sender.send_once():
            with db.reading() as session:
                waiting = sa.select(sa.func.count()).where(OutboxRow.status != "sent")
                if not session.scalar(waiting):
                    break
            await asyncio.sleep(0.1)  # a refused one backs off
    took = time.perf_counter() - began
    await line.close()
    return took


def main(people: int = PEOPLE) -> None:
    print(f"\nmulticast, {people:,} people in requests of {MULTICAST_RECIPIENTS}, durable")
    for name, url in databases():
        prepare(url, people)
        db = Database(url)
        port = free_port()
        with started(["-m", "bench.limited", str(port)], port=port):
            took = asyncio.run(sent(db, port))
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/count") as answer:
                found = orjson.loads(answer.read())
        db.dispose()
        requests = found["came"].get("200", 0)
        # What a full bucket and its refilling allow in that time.
        allowed = PER_SECOND["multicast"] * (1 + found["seconds"])
        if found["people"] != people or found["doubled"]:
            raise RuntimeError(f"of {people} people {found['people']} got it: {found}")
        print(
            f"    {name:<10} {took:5.1f} s  {people / took:9,.0f} people/s"
            f"  {100 * requests / allowed:5.1f} % of what LINE allows"
            f"  refused {found['came'].get('429', 0)}  again {found['came'].get('409', 0)}"
            f"  most in a second {found['most_in_a_second']}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE)

"""Stands for LINE's multicast in a measurement: a token bucket of 200 a second and at most a
second's worth of savings, as LINE documents its limits; beyond it 429. A retry key that was
accepted is answered with 409. `python -m bench.limited PORT`; GET /count answers what came.

https://developers.line.biz/en/reference/messaging-api/#rate-limits"""

import asyncio
import sys
import time
from collections import Counter

import orjson

RATE = 200
LINES = {200: b"200 OK", 409: b"409 Conflict", 429: b"429 Too Many Requests"}
tokens, filled_at = float(RATE), time.monotonic()
keys: set[bytes] = set()
came: Counter[int] = Counter()  # by status
seconds: Counter[int] = Counter()  # accepted, by second
people: set[str] = set()
doubled = 0
first_at = last_at = 0.0


def judged(key: bytes, body: bytes) -> int:
    global tokens, filled_at, doubled, first_at, last_at
    now = time.monotonic()
    tokens, filled_at = min(float(RATE), tokens + (now - filled_at) * RATE), now
    if tokens < 1:
        return 429
    tokens -= 1
    if key in keys:
        return 409
    keys.add(key)
    to = orjson.loads(body)["to"]
    before = len(people)
    people.update(to)
    doubled += len(to) - (len(people) - before)
    first_at, last_at = first_at or now, now
    seconds[int(now - first_at)] += 1
    return 200


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(
                line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line
            )
            body = await reader.readexactly(int(fields.get(b"content-length", 0)))
            answer, status = b"{}", 200
            if head.startswith(b"GET /count"):
                answer = counted()
            else:
                status = judged(fields.get(b"x-line-retry-key", b""), body)
                came[status] += 1
            writer.write(
                b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (LINES[status], len(answer), answer)
            )
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def counted() -> bytes:
    return orjson.dumps(
        {
            "came": {str(status): number for status, number in came.items()},
            "people": len(people),
            "doubled": doubled,
            "seconds": last_at - first_at,
            "most_in_a_second": max(seconds.values(), default=0),
        }
    )


async def main(port: int) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", port, limit=2**20)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

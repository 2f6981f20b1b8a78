"""Send what addresses are owed: claim, post, record; no network inside a transaction."""

import asyncio
import socket
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import aiohttp

from app.core import ids
from app.core.db import Database
from app.hooks import queries, rules, service
from app.hooks.rules import Answer
from app.hooks.service import Try

TIMEOUT_SECONDS = 10  # for all of one try
AT_ONCE = 5  # tries of one address; all of its tries of a batch end within its lease


class Unsafe(OSError):
    """The address leads into a network of ours."""


def send_due(db: Database, now: datetime, *, key: str, allows_private: bool) -> int:
    """One batch of what is due now; return how many were tried."""
    with db.reading() as session:
        if not queries.has_due(session, now=now):
            return 0
    lease = ids.retry_key()
    with db.transaction() as session:
        claimed = service.claim(session, lease=lease, key=key, now=now)
    if not claimed:
        return 0
    answers = asyncio.run(_post_all(claimed, now, allows_private))
    with db.transaction() as session:
        tries = list(zip(claimed, answers, strict=True))
        service.record(session, lease=lease, tries=tries, now=now)
    return len(claimed)


async def _post_all(tries: Sequence[Try], now: datetime, allows_private: bool) -> list[Answer]:
    # Without limits of its own: who waits for a connection there is being timed already.
    connector = aiohttp.TCPConnector(limit=0, socket_factory=None if allows_private else _guarded)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    turns = {one.hook_id: asyncio.Semaphore(AT_ONCE) for one in tries}

    async def post(http: aiohttp.ClientSession, one: Try) -> Answer:
        async with turns[one.hook_id]:
            return await _post(http, one, now)

    # No proxy of the environment: the guard must see the address that is really connected to.
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as http:
        return list(await asyncio.gather(*(post(http, one) for one in tries)))


async def _post(http: aiohttp.ClientSession, one: Try, now: datetime) -> Answer:
    headers = rules.headers(one.secrets, one.event_id, now, one.body)
    try:
        async with http.post(
            one.url, data=one.body.encode(), headers=headers, allow_redirects=False
        ) as answer:
            return Answer(answer.status)
    except TimeoutError:
        return Answer(trouble=rules.TIMED_OUT)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Answer(trouble=_trouble(error))


def _trouble(error: BaseException) -> str:
    told: BaseException | None = error
    while told is not None:
        if isinstance(told, Unsafe):
            return rules.UNSAFE
        if isinstance(told, ConnectionRefusedError):
            return rules.REFUSED
        told = told.__cause__ or told.__context__
    return rules.UNREACHABLE


def _guarded(address: Any) -> socket.socket:
    """A socket for an address that a name really resolved to. Raises Unsafe: whatever the name
    said when it was looked at before, this is what will be connected to."""
    family, kind, protocol, _name, where = address
    if rules.is_unsafe(where[0]):
        raise Unsafe(where[0])
    return socket.socket(family=family, type=kind, proto=protocol)

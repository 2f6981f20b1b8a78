"""Send what the outbox holds: claim (transaction 1) → send → record the result (transaction 2).

The database is called straight from the event loop, which is the sender's own: while it claims or
records, nothing is in flight."""

import asyncio
from collections.abc import Sequence
from itertools import groupby
from random import random

import orjson
import structlog

from app.core import ids
from app.core.clock import Clock
from app.core.db import Database
from app.line.buckets import Buckets
from app.line.gateway import Accepted, Failure, Gateway, SendError
from app.line.sms import SmsGateway
from app.outbox import rules, service
from app.outbox.rules import Step, Verdict
from app.outbox.service import Claimed, Result

log = structlog.get_logger(__name__)
BATCH = 500


class Sender:
    """`send_once` may run in several processes; one object serves one loop."""

    def __init__(
        self, db: Database, line: Gateway, sms: SmsGateway, clock: Clock, buckets: Buckets
    ) -> None:
        self._db, self._line, self._sms = db, line, sms
        self._clock, self._buckets = clock, buckets
        self._menus: dict[str, str] = {}

    async def send_once(self, *, limit: int = BATCH) -> int:
        """Send one batch; return how many rows were in it."""
        lease = ids.retry_key()
        self._menus.clear()  # an alias may have been moved to a newer menu
        batch = self._claim(lease, limit)
        if not batch:
            return 0
        # One recipient's messages go one after the other, different recipients' at once.
        ordered = sorted(batch, key=lambda row: (row.lane, row.id))
        lanes = [list(lane) for _, lane in groupby(ordered, key=lambda row: row.lane)]
        results = await asyncio.gather(*(self._send_lane(lane) for lane in lanes))
        flat = [result for lane in results for result in lane]
        self._record(flat, lease)
        return len(batch)

    def _claim(self, lease: str, limit: int) -> list[Claimed]:
        with self._db.transaction() as session:
            return service.claim(session, lease=lease, now=self._clock(), limit=limit)

    def _record(self, results: Sequence[Result], lease: str) -> None:
        with self._db.transaction() as session:
            service.record(session, results, lease=lease, now=self._clock())
            told = {result.quota for result in results} - {None}
            if told:
                service.note_quota(session, is_used_up=False in told, now=self._clock())

    async def _send_lane(self, lane: Sequence[Claimed]) -> list[Result]:
        return [await self._send(row) for row in lane]

    async def _send(self, row: Claimed) -> Result:
        now = self._clock()
        verdict = rules.before_sending(row.tried, now=now)
        if verdict is None and row.tried.channel == "multicast" and not row.readers:
            verdict = Verdict(Step.DROP, "nobody is left on its list")
        if verdict is not None:
            return Result(row.id, verdict)
        try:
            accepted = await self._request(row)
        except SendError as error:
            verdict = rules.after_failure(row.tried, error, now=self._clock(), jitter=random())  # noqa: S311  # spreads retries, guards nothing
            _log_failure(row, error, verdict)
            quota = False if error.failure is Failure.QUOTA else None
            return Result(row.id, verdict, quota=quota)
        except Exception as error:  # one odd row must not hold up the others
            log.exception("outbox.send_failed", outbox_id=row.id, error=type(error).__name__)
            unknown = SendError(Failure.UNKNOWN, type(error).__name__)
            return Result(
                row.id, rules.after_failure(row.tried, unknown, now=self._clock(), jitter=0.5)
            )
        is_counted = row.tried.channel in rules.COUNTED
        return Result(
            row.id, Verdict(Step.SENT), accepted.request_id, quota=True if is_counted else None
        )

    async def _request(self, row: Claimed) -> Accepted:
        channel = row.tried.channel
        await self._buckets.take(channel)
        if channel == "reply":
            return await self._line.reply(row.reply_token or "", row.payload)
        if channel == "push":
            return await self._line.push(row.recipient, row.payload, row.retry_key)
        if channel == "multicast":
            return await self._line.multicast(orjson.dumps(row.readers), row.payload, row.retry_key)
        if channel == "sms":
            return await self._sms.send(row.recipient, row.payload.decode(), row.retry_key)
        return await self._line.link_menu(row.recipient, await self._menu(row.payload.decode()))

    async def _menu(self, alias: str) -> str:
        """Raises SendError when no such menu was published yet."""
        if alias not in self._menus:
            found = await self._line.rich_menu_of_alias(alias)
            if found is None:
                raise SendError(Failure.PERMANENT, f"no rich menu is published as {alias!r}")
            self._menus[alias] = found
        return self._menus[alias]


def _log_failure(row: Claimed, error: SendError, verdict: Verdict) -> None:
    log.warning(
        "outbox.not_sent",
        outbox_id=row.id,
        kind=row.tried.kind,
        failure=error.failure.value,
        status=error.status,
        attempts=row.tried.attempts,
        step=verdict.step.value,
    )

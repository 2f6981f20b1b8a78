"""The moving parts of one process: worker, sender and clock over one database, started and stopped
together. `serve` runs all of them; `web`, `worker` and `clock` run some."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
import uvloop

from app.core.clock import Clock, clock_from
from app.core.config import Settings
from app.core.db import Database
from app.core.loops import Loop
from app.inbox.worker import BATCH as WORKER_BATCH
from app.inbox.worker import Worker
from app.jobs.clockwork import Clockwork
from app.line.buckets import Buckets
from app.line.gateway import Gateway, LineGateway
from app.line.limits import PER_SECOND
from app.line.sms import HttpSms, NoSms, SmsGateway
from app.outbox.sender import BATCH as SENDER_BATCH
from app.outbox.sender import Sender
from handlers import ROUTERS
from handlers.context import Brand
from handlers.conversation import Conversation

log = structlog.get_logger(__name__)
EVERYTHING = frozenset({"web", "worker", "clock"})


@dataclass(frozen=True, slots=True)
class Parts:
    """What a process is made of, so that tests and the demo can bring their own."""

    settings: Settings
    db: Database
    clock: Clock

    @classmethod
    def from_settings(cls, settings: Settings) -> "Parts":
        return cls(settings, Database(settings.database_url), clock_from(settings.regulars_clock))

    def line(self) -> Gateway:
        return LineGateway(
            base=self.settings.line_api_base,
            data_base=self.settings.line_data_base,
            token=self.settings.line_channel_access_token.get_secret_value(),
        )

    def sms(self) -> SmsGateway:
        if not self.settings.regulars_sms_url:
            return NoSms()
        return HttpSms(
            url=self.settings.regulars_sms_url,
            token=self.settings.regulars_sms_token.get_secret_value(),
        )

    def brand(self) -> Brand:
        return Brand(
            name=self.settings.brand_name,
            base_url=self.settings.public_base_url.rstrip("/"),
            liff_id=self.settings.liff_id,
            secret_key=self.settings.secret_key.get_secret_value(),
            theme_code=self.settings.brand_theme,
            basic_id=self.settings.line_basic_id,
        )


class Runtime:
    def __init__(self, parts: Parts, roles: frozenset[str] = EVERYTHING) -> None:
        self.parts, self.roles = parts, roles
        self._loops: list[Loop] = []
        self._closers: list[Callable[[], None]] = []

    def start(self) -> None:
        if "worker" in self.roles:
            self._start_sender()
            self._start_worker()
        if "clock" in self.roles:
            self._start_clock()

    def wake(self) -> None:
        """Something was put in the inbox: handle it now, not at the next look."""
        for loop in self._loops:
            loop.wake()

    def stop(self) -> None:
        """The worker first: what it queues, the sender still sends."""
        for loop in reversed(self._loops):
            loop.stop()
        for close in self._closers:
            close()

    def _start_worker(self) -> None:
        conversation = Conversation(ROUTERS, self.parts.brand())
        worker = Worker(self.parts.db, conversation, self.parts.clock)
        sender = self._loops[-1]

        def step() -> int:
            done = worker.work_once()
            if done:
                sender.wake()
            return done

        self._begin(Loop("worker", step, full=WORKER_BATCH))

    def _start_sender(self) -> None:
        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        line, sms = self.parts.line(), self.parts.sms()
        buckets = Buckets(PER_SECOND, time.monotonic)
        sender = Sender(self.parts.db, line, sms, self.parts.clock, buckets)

        async def close() -> None:
            await line.close()
            await sms.close()

        def close_all() -> None:
            runner.run(close())
            runner.close()

        self._begin(Loop("sender", lambda: runner.run(sender.send_once()), full=SENDER_BATCH))
        self._closers.append(close_all)

    def _start_clock(self) -> None:
        clockwork = Clockwork(
            self.parts.db, self.parts.clock, self.parts.line(), self.parts.settings
        )
        clockwork.start()
        self._closers.append(clockwork.stop)

    def _begin(self, loop: Loop) -> None:
        self._loops.append(loop)
        loop.start()

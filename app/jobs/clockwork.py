"""Run the jobs of the schedule when they are due.

APScheduler ticks and lends threads; what is due is told by the table of jobs and the rows of
`job_runs`, on the product's own clock, so that a moved clock (REGULARS_CLOCK) moves the jobs too. A
firing missed while nothing ran is done once, its latest time only.
"""

import asyncio
import threading
import time
import traceback
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from app.core import logs
from app.core.clock import TAIPEI, Clock
from app.core.config import Settings
from app.core.db import Database
from app.firings import service as firings
from app.jobs import leader
from app.jobs.schedule import JOBS, Desk, Job
from app.line.gateway import Gateway

log = structlog.get_logger(__name__)
TICK_SECONDS = 1
LOOK_FOR_LEAD_SECONDS = 5.0
THREADS = 6
TRACE_LENGTH = 4000


class Clockwork:
    def __init__(
        self,
        db: Database,
        clock: Clock,
        line: Gateway,
        config: Settings,
        *,
        jobs: tuple[Job, ...] = JOBS,
    ) -> None:
        self._db, self._clock, self._line, self._jobs = db, clock, line, jobs
        self._runner = asyncio.Runner()
        self._desk = Desk(db, line, self._runner.run, config, threading.Event())
        self._leader = leader.leader_of(db)
        self._leads, self._lead_looked_at = False, 0.0
        self._idle_until: dict[str, datetime] = {}
        self._looked_at: datetime | None = None
        self._interval_due: dict[str, float] = {}
        self._busy: set[str] = set()
        self._scheduler = BackgroundScheduler(
            timezone=TAIPEI,
            executors={"default": ThreadPoolExecutor(THREADS)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        self._scheduler.add_job(self._tick, IntervalTrigger(seconds=TICK_SECONDS), id="tick")
        self._scheduler.start()

    def stop(self) -> None:
        """Let the jobs under way finish their batch, then end."""
        self._desk.is_stopping.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
        self._leader.resign()
        self._runner.run(self._line.close())
        self._runner.close()

    def run_due(self, now: datetime) -> list[str]:
        """Run what is due at `now`, in the order of the schedule; return the names of what ran.
        For a virtual clock: tests and rehearsals. Who leads is not asked, the rows decide."""
        return [job.name for job in self._jobs if self._fire(job, now)]

    def _tick(self) -> None:
        if not self._is_leading():
            return
        now = self._clock()
        if self._looked_at is not None and now < self._looked_at:
            self._idle_until.clear()  # the clock was set back
        self._looked_at = now
        for job in self._jobs:
            if job.name not in self._busy and self._is_time(job, now):
                self._busy.add(job.name)
                self._scheduler.add_job(self._work, args=[job, now], id=job.name)

    def _is_time(self, job: Job, now: datetime) -> bool:
        """A look that costs no query."""
        if job.every is None:
            until = self._idle_until.get(job.name)
            return until is None or until <= now
        moment = time.monotonic()
        if self._interval_due.get(job.name, 0.0) > moment:
            return False
        self._interval_due[job.name] = moment + job.every.total_seconds()
        return True

    def _work(self, job: Job, now: datetime) -> None:
        try:
            self._fire(job, now)
        except Exception as error:  # the database went away; the next tick tries again
            log.exception("job.not_fired", job=job.name, error=type(error).__name__)
        finally:
            self._busy.discard(job.name)

    def _fire(self, job: Job, now: datetime) -> bool:
        """Do the latest firing due by `now` unless somebody did."""
        if job.cron is None:
            return bool(job.work(self._desk, now))
        due_at = latest_due(job.cron, now)
        with self._db.transaction() as session:
            run_id = firings.take(session, job=job.name, due_at=due_at, now=now)
        self._idle_until[job.name] = min(next_due(job.cron, now), now + firings.AGAIN_AFTER)
        if run_id is None:
            return False
        with logs.bound(job=job.name, run_id=run_id):
            self._run(job, run_id, now)
        return True

    def _run(self, job: Job, run_id: int, now: datetime) -> None:
        began = time.perf_counter()
        try:
            result = job.work(self._desk, now)
        except Exception as error:  # recorded on the firing's row, logged once
            log.exception("job.failed", error=type(error).__name__)
            trace = logs.scrubbed(traceback.format_exc())[-TRACE_LENGTH:]
            with self._db.transaction() as session:
                firings.fail(session, run_id, error=trace, now=now)
            return
        with self._db.transaction() as session:
            firings.finish(session, run_id, result=result, now=now)
        if result:
            log.info("job.done", result=result, ms=round((time.perf_counter() - began) * 1000))

    def _is_leading(self) -> bool:
        moment = time.monotonic()
        if self._lead_looked_at and moment - self._lead_looked_at < LOOK_FOR_LEAD_SECONDS:
            return self._leads
        self._lead_looked_at = moment
        leads = self._leader.leads()
        if leads and not self._leads:
            with self._db.transaction() as session:
                lost = firings.release_lost(session, now=self._clock())
            self._idle_until.clear()
            log.info("clock.leads", firings_of_a_lost_process=lost)
        elif self._leads and not leads:
            log.warning("clock.lost_the_lead")
        self._leads = leads
        return leads


# How far back to look for the latest firing: the nearest span that holds one decides.
_SPANS = (
    timedelta(minutes=2),
    timedelta(hours=2),
    timedelta(days=2),
    timedelta(days=40),
    timedelta(days=400),
)


@lru_cache
def _trigger(cron: str) -> CronTrigger:
    return CronTrigger.from_crontab(cron, timezone=TAIPEI)


def latest_due(cron: str, now: datetime) -> datetime:
    """The last time up to `now` that a crontab line names. Raises ValueError when it names none
    within a year."""
    trigger = _trigger(cron)
    for span in _SPANS:
        found: datetime | None = trigger.get_next_fire_time(None, now - span)
        if found is None or found > now:
            continue
        following: datetime | None = found
        while following is not None and following <= now:
            found = following
            following = trigger.get_next_fire_time(found, now)
        return found.astimezone(UTC)
    raise ValueError(f"{cron!r} is never due")


def next_due(cron: str, now: datetime) -> datetime:
    following = _trigger(cron).get_next_fire_time(None, now + timedelta(microseconds=1))
    return now + timedelta(days=1) if following is None else following

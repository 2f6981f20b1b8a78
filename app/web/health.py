"""/healthz: the process answers. /readyz: it can work. /metrics: figures for Prometheus.

The figures come from the database at the moment of the scrape, so any process can be asked and
several need no adding up. They tell a shop's volume: they are for the machine itself and for who
holds a token.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, PlainTextResponse, Response

from app.core import migrate
from app.core.db import Database
from app.firings import queries as firings
from app.inbox import queries as inbox
from app.outbox import queries as outbox
from app.staff import queries as staff

router = APIRouter()
SENT_WITHIN = timedelta(hours=1)


@router.get("/healthz", include_in_schema=False)
async def healthz() -> Response:
    """Touches nothing: a slow database must not get the process killed."""
    return PlainTextResponse("ok")


@router.get("/readyz", include_in_schema=False)
def readyz(request: Request) -> Response:
    checks = {"database": _answers(request.app.state.db)}
    checks["migrations"] = checks["database"] and _is_migrated(request)
    is_ready = all(checks.values())
    body = {name: "ok" if is_fine else "failed" for name, is_fine in checks.items()}
    return JSONResponse({"ready": is_ready, "checks": body}, status_code=200 if is_ready else 503)


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request) -> Response:
    db: Database = request.app.state.db
    with db.reading() as session:
        if not (_is_local(request) or _has_token(request, session)):
            return PlainTextResponse(
                "a bearer token is needed from outside this machine\n",
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
        registry = CollectorRegistry()
        registry.register(Figures(session, request.app.state.clock()))
        text = generate_latest(registry)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)


class Figures(Collector):
    """What stands in the database at `now`."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session, self._now = session, now

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield from self._inbox()
        yield from self._outbox()
        yield from self._jobs()

    def _inbox(self) -> Iterator[Metric]:
        state = inbox.state(self._session)
        yield _gauge("regulars_inbox_lag_seconds", "Age of the oldest event not handled yet",
                     self._age(state.oldest_received_at))  # fmt: skip
        events = GaugeMetricFamily("regulars_inbox_events", "Open events", labels=["status"])
        events.add_metric(["waiting"], state.waiting)
        events.add_metric(["parked"], state.parked)
        yield events

    def _outbox(self) -> Iterator[Metric]:
        state = outbox.state(self._session, since=self._now - SENT_WITHIN, now=self._now)
        yield _gauge("regulars_outbox_lag_seconds", "How long the oldest due message waits",
                     self._age(state.oldest_due_at))  # fmt: skip
        sends = GaugeMetricFamily(
            "regulars_sends", "Messages by result; sent: within the hour before", labels=["result"]
        )
        sends.add_metric(["waiting"], state.waiting)
        sends.add_metric(["sent"], state.sent_since)
        sends.add_metric(["parked"], state.parked)
        yield sends

    def _jobs(self) -> Iterator[Metric]:
        ages = GaugeMetricFamily(
            "regulars_job_age_seconds", "Time since a job last finished well", labels=["job"]
        )
        failures = GaugeMetricFamily(
            "regulars_job_failed", "1 when a job's last firing failed", labels=["job"]
        )
        for state in firings.states(self._session):
            if state.done_at is not None:
                ages.add_metric([state.job], self._age(state.done_at))
            failures.add_metric([state.job], float(state.is_failing))
        yield ages
        yield failures

    def _age(self, since: datetime | None) -> float:
        return 0.0 if since is None else max(0.0, (self._now - since).total_seconds())


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _answers(db: Database) -> bool:
    try:
        with db.reading() as session:
            session.connection().exec_driver_sql("SELECT 1")
    except SQLAlchemyError:
        return False
    return True


def _is_migrated(request: Request) -> bool:
    """Looked at until it is so once: a running process never un-migrates."""
    state = request.app.state
    if not getattr(state, "is_migrated", False):
        try:
            state.is_migrated = migrate.is_current(state.db)
        except SQLAlchemyError:
            return False
    return bool(state.is_migrated)


def _is_local(request: Request) -> bool:
    """Not through a proxy, whose visitors all look local."""
    if request.client is None or "x-forwarded-for" in request.headers:
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _has_token(request: Request, session: Session) -> bool:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return kind.lower() == "bearer" and staff.machine(session, token) is not None

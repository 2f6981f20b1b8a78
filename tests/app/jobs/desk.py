"""A clockwork that is not started: tests move it by hand."""

from datetime import datetime

from app.core.config import Settings
from app.core.db import Database
from app.jobs.clockwork import Clockwork
from app.jobs.schedule import JOBS, Job
from tests.support.fake_line import FakeLine
from tests.support.times import NOW


def clockwork(
    db: Database,
    *,
    now: datetime = NOW,
    line: FakeLine | None = None,
    jobs: tuple[Job, ...] = JOBS,
) -> Clockwork:
    config = Settings.model_validate({"secret_key": "k" * 32, "brand_name": "小日子選物"})
    return Clockwork(db, lambda: now, line or FakeLine(), config, jobs=jobs)

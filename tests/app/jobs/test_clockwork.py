"""Firings: on time, once, made good after an outage, and by one leader."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.firings import queries as firings
from app.firings import service as firing_service
from app.firings.models import JobRun
from app.jobs import clockwork as module
from app.jobs.clockwork import latest_due, next_due
from app.jobs.leader import leader_of
from app.jobs.schedule import JOBS, Desk, Job
from tests.app.jobs.desk import clockwork
from tests.support.times import NOW

MINUTE = timedelta(minutes=1)


class Counted:
    """A job that counts, and fails while it is told to."""

    def __init__(self, cron: str = "30 4 * * *") -> None:
        self.calls: list[datetime] = []
        self.failures = 0
        self.job = Job("counted", "數一數", self.work, cron=cron)

    def work(self, _desk: Desk, now: datetime) -> dict[str, int]:
        self.calls.append(now)
        if self.failures:
            self.failures -= 1
            raise RuntimeError("0912345678 broke it")
        return {"calls": len(self.calls)}


def taipei(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00").astimezone(UTC)


@pytest.mark.parametrize(
    ("cron", "now", "due"),
    [
        ("30 4 * * *", "2026-07-04T04:30", "2026-07-04T04:30"),
        ("30 4 * * *", "2026-07-04T04:29", "2026-07-03T04:30"),
        ("1 * * * *", "2026-07-04T00:00", "2026-07-03T23:01"),
        ("1 * * * *", "2026-07-04T00:01", "2026-07-04T00:01"),
        ("* * * * *", "2026-07-04T00:01", "2026-07-04T00:01"),
        ("0 10 1 * *", "2026-07-31T23:59", "2026-07-01T10:00"),
        ("0 0 29 2 *", "2030-02-01T00:00", None),
    ],
)
def test_the_latest_firing_of_a_crontab_line(cron: str, now: str, due: str | None) -> None:
    if due is None:
        with pytest.raises(ValueError, match="never due"):
            latest_due(cron, taipei(now))
        return
    assert latest_due(cron, taipei(now)) == taipei(due)
    assert latest_due(cron, taipei(now) + timedelta(seconds=59)) == taipei(due)


def test_the_next_firing_is_after_now() -> None:
    assert next_due("30 4 * * *", taipei("2026-07-04T04:30")) == taipei("2026-07-05T04:30")


def test_a_firing_is_done_once(db: Database) -> None:
    counted = Counted()
    works = clockwork(db, jobs=(counted.job,))
    assert works.run_due(taipei("2026-07-04T04:30")) == ["counted"]
    assert works.run_due(taipei("2026-07-04T04:30")) == []
    assert works.run_due(taipei("2026-07-05T04:29")) == []
    assert works.run_due(taipei("2026-07-05T04:30")) == ["counted"]
    assert len(counted.calls) == 2


def test_what_an_outage_swallowed_is_done_once(db: Database) -> None:
    counted = Counted("* * * * *")
    works = clockwork(db, jobs=(counted.job,))
    works.run_due(NOW)
    assert works.run_due(NOW + timedelta(days=90)) == ["counted"]
    assert works.run_due(NOW + timedelta(days=90)) == []


def test_several_clocks_at_once_do_it_once(db: Database) -> None:
    counted, gate = Counted(), threading.Barrier(6)

    def one() -> None:
        works = clockwork(db, jobs=(counted.job,))
        gate.wait()
        works.run_due(NOW)

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counted.calls) == 1


def test_a_clock_set_back_does_nothing_again(db: Database) -> None:
    counted = Counted("1 * * * *")
    works = clockwork(db, jobs=(counted.job,))
    for shift in (0, 60, 0, 60, 30):
        works.run_due(NOW + shift * MINUTE)
    assert len(counted.calls) == 2


def test_a_failure_is_recorded_without_personal_data_and_tried_again(db: Database) -> None:
    counted = Counted()
    counted.failures = 1
    works = clockwork(db, jobs=(counted.job,))
    works.run_due(NOW)
    with db.reading() as session:
        failed = firings.latest(session, "counted")
        assert failed is not None
        assert failed.status == "failed"
        assert "RuntimeError" in str(failed.error)
        assert "0912345678 broke it" not in str(failed.error)
        assert [state.is_failing for state in firings.states(session)] == [True]
    assert works.run_due(NOW + 4 * MINUTE) == []
    assert works.run_due(NOW + 5 * MINUTE) == ["counted"]
    with db.reading() as session:
        mended = firings.latest(session, "counted")
        assert mended is not None
        assert (mended.status, mended.attempts, mended.error) == ("done", 2, None)
        assert mended.result == {"calls": 2}


def test_it_is_tried_three_times_and_then_left(db: Database) -> None:
    counted = Counted()
    counted.failures = 9
    works = clockwork(db, jobs=(counted.job,))
    for step in range(6):
        works.run_due(NOW + step * 5 * MINUTE)
    assert len(counted.calls) == firing_service.MOST_ATTEMPTS


def test_a_failing_job_does_not_stop_the_others(db: Database) -> None:
    broken, sound = Counted(), Counted()
    broken.failures = 1
    sound.job = Job("sound", "好的", sound.work, cron="30 4 * * *")
    clockwork(db, jobs=(broken.job, sound.job)).run_due(NOW)
    assert len(sound.calls) == 1


def test_what_a_dead_process_left_running_is_taken_up(db: Database) -> None:
    counted = Counted()
    due = latest_due("30 4 * * *", NOW)
    with db.transaction() as session:
        assert firing_service.take(session, job="counted", due_at=due, now=due) is not None
    works = clockwork(db, jobs=(counted.job,))
    assert works.run_due(NOW) == []
    with db.transaction() as session:
        assert firing_service.release_lost(session, now=NOW) == 1
    assert works.run_due(NOW) == ["counted"]


def test_old_firings_are_forgotten_but_never_the_newest(db: Database) -> None:
    counted = Counted()
    works = clockwork(db, jobs=(counted.job,))
    for day in range(3):
        works.run_due(NOW + timedelta(days=day))
    with db.transaction() as session:
        firing_service.forget_old(session, now=NOW + timedelta(days=400))
        assert session.scalar(sa.select(sa.func.count()).select_from(JobRun)) == 1
    assert works.run_due(NOW + timedelta(days=2)) == []


def test_one_leads_until_it_resigns(db: Database) -> None:
    one, other = leader_of(db), leader_of(db)
    assert one.leads()
    assert not other.leads()
    assert one.leads()
    one.resign()
    assert other.leads()
    assert not one.leads()
    other.resign()


def test_a_lost_connection_is_a_lost_lead(db: Database) -> None:
    if db.is_sqlite:
        return
    one, other = leader_of(db), leader_of(db)
    assert one.leads()
    with db.engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
            # Other tests hold such locks in databases of their own.
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    assert not one.leads()
    assert other.leads()
    other.resign()


def test_a_started_clock_runs_what_is_due_and_stops(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one test of real ticks: two clocks, one leads, the job is done once."""
    monkeypatch.setattr(module, "TICK_SECONDS", 0.05)
    done = threading.Event()
    counted = Counted()

    def work(desk: Desk, now: datetime) -> dict[str, int]:
        done.set()
        return counted.work(desk, now)

    job = Job("counted", "數一數", work, cron="30 4 * * *")
    clocks = [clockwork(db, jobs=(job,)) for _ in range(2)]
    for works in clocks:
        works.start()
    assert done.wait(10)
    for works in clocks:
        works.stop()
    assert len(counted.calls) == 1
    with db.reading() as session:
        last = firings.latest(session, "counted")
        assert last is not None
        assert last.status == "done"


def test_every_job_has_a_name_a_time_and_words() -> None:
    assert len({job.name for job in JOBS}) == len(JOBS)
    for job in JOBS:
        assert (job.cron is None) is not (job.every is None)
        assert job.does
        assert job.cron is None or latest_due(job.cron, NOW) <= NOW

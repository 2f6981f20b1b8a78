"""What a rehearsal foretells is what then happens; and nobody notices that there was one."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.campaigns.rules.letters import Letter
from app.cli import main
from app.core.clock import taipei_date
from app.core.config import Settings
from app.core.copies import copy_to
from app.core.db import Database, Table
from app.jobs import journeys as jobs_of_journeys
from app.jobs import rehearsal
from app.jobs.rehearsal import AT_DAWN, AWAKE, BY_DAY, Rehearsal
from app.jobs.rehearsal_words import lines
from app.jobs.schedule import JOBS
from app.journeys import service as journeys
from app.journeys.rules import Entry, Plan, Step
from app.outbox.models import OutboxRow
from app.segments.rules import Condition, Group
from tests.app.jobs.desk import clockwork
from tests.app.journeys.brand import audience, started
from tests.app.journeys.test_rules import GOOD_LETTER
from tests.app.lifecycle.brand import DAY, at, buy, earn, give, open_brand, person

D = date(2026, 7, 22)
NOW = at(D, 8)
CONFIG = Settings.model_validate({"secret_key": "k" * 32, "brand_name": "小日子選物"})
DAYS = 12
REHEARSED = tuple(job for job in JOBS if job.name in (*AT_DAWN, *BY_DAY))


def settled(db: Database) -> int:
    """A few members with something before them; return one of them."""
    with db.transaction() as session:
        open_brand(session)
        hana = person(session, joined=D - 400 * DAY, birth_month=8, birth_day=1, name="陳花")
        buy(session, hana, D - 40 * DAY, 6_000)
        earn(session, hana, 100, D - 350 * DAY)
        give(session, hana, "autumn", D - DAY, "season")
        for days in (3, 40, 55):
            buy(session, person(session, joined=D - 90 * DAY), D - days * DAY)
        person(session, joined=D)
        person(session, joined=None, friended_at=at(D, 7))
        bought = audience(session, "買過的", Group("all", (Condition("purchases", at_least=1),)))
        started(
            session,
            Step("s1", "letter", letter=GOOD_LETTER),
            Step("s2", "wait", days=9, hour=15),
            Step("s3", "letter", letter=GOOD_LETTER),
            entry=Entry("", bought, 11, again=30),
            now=NOW,
        )
    return hana


def rehearsed(db: Database, folder: Path, **more: object) -> Rehearsal:
    options: dict[str, object] = {"days": DAYS, "now": NOW} | more
    return rehearsal.rehearse(db, CONFIG, folder=folder, **options)  # type: ignore[arg-type]


def rows_in(db: Database) -> dict[str, int]:
    with db.reading() as session:
        return {
            table.name: session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in Table.metadata.sorted_tables
        }


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_it_foretells_is_what_happens(db: Database, tmp_path: Path) -> None:
    settled(db)
    before = rows_in(db)
    found = rehearsed(db, tmp_path)
    assert rows_in(db) == before, "nobody notices"

    works = clockwork(db, jobs=REHEARSED)
    works.run_due(NOW)
    for ahead in range(DAYS):
        day = D + ahead * DAY
        for moment in (at(day, 0, 10), *(at(day, hour, 6) for hour in AWAKE)):
            if moment > NOW:
                works.run_due(moment)
    with db.reading() as session:
        rows = session.execute(
            sa.select(OutboxRow.kind, OutboxRow.created_at).where(OutboxRow.kind != "receipt")
        )
        real = Counter((taipei_date(at_), kind) for kind, at_ in rows if at_ >= NOW)
    told = Counter(
        {(day, kind): number for day, kinds in found.sent.items() for kind, number in kinds.items()}
    )
    assert told == real
    assert {"dormant", "coupon_expiring", "journey:1"} <= set(found.by_kind)


def test_it_shows_what_a_member_would_get_and_what_nobody_would(
    sqlite_db: Database, tmp_path: Path
) -> None:
    hana = settled(sqlite_db)
    seen: list[int] = []
    found = rehearsed(sqlite_db, tmp_path, days=20, member_id=hana, told=seen.append)
    assert seen == list(range(1, 21))
    assert [letter.kind for letter in found.letters if letter.kind.startswith("journey")]
    assert all(letter.says for letter in found.letters)
    assert found.entered == {"回訪（1）": 4}
    assert found.idle == []
    assert "等級即將到期" in found.never
    told = "\n".join(lines(found, limit=3))
    for words in (
        "從 2026/07/22 起 20 天",
        "超過方案",
        "旅程「回訪（1）」：4 人進來",
        "這位會員會收到",
    ):
        assert words in told


def test_a_draft_is_tried_before_it_is_published(sqlite_db: Database, tmp_path: Path) -> None:
    with sqlite_db.transaction() as session:
        open_brand(session)
        hana = person(session, joined=D - 90 * DAY)
        buy(session, hana, D - 4 * DAY)
        bought = audience(session, "買過的", Group("all", (Condition("purchases", at_least=1),)))
        steps = (Step("s1", "letter", letter=GOOD_LETTER),)
        plan = Plan(Entry("", bought), steps, hold_out=0)
        journeys.create(session, name="寫好的", plan=plan, staff_id=None, now=NOW)
        half = Plan(Entry("", bought), (Step("s1", "letter", letter=Letter()),))
        journeys.create(session, name="沒寫完的", plan=half, staff_id=None, now=NOW)
    assert rehearsed(sqlite_db, tmp_path, days=2).by_kind == Counter()
    (tmp_path / "rehearsal.db").unlink()
    found = rehearsed(sqlite_db, tmp_path, days=2, with_drafts=True)
    assert found.entered == {"寫好的（1）": 1}
    assert found.by_kind["journey:1"] == 1
    assert found.unfinished == ["沒寫完的：請至少加一則訊息"]


def test_what_takes_several_calls_is_still_of_one_day(
    sqlite_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real clock calls again after seconds; the rehearsal does not wait for the next hour."""
    settled(sqlite_db)
    whole = rehearsed(sqlite_db, tmp_path, days=1)
    (tmp_path / "rehearsal.db").unlink()
    monkeypatch.setattr(jobs_of_journeys, "MOST", 1)
    monkeypatch.setattr(jobs_of_journeys, "AT_ONCE", 1)
    assert rehearsed(sqlite_db, tmp_path, days=1).sent == whole.sent
    assert whole.sent[D]["journey:1"] > 1


def test_what_stands_still_is_not_started_by_a_rehearsal(
    sqlite_db: Database, tmp_path: Path
) -> None:
    settled(sqlite_db)
    with sqlite_db.transaction() as session:
        journeys.pause(session, journey_id=1, now=NOW)
    found = rehearsed(sqlite_db, tmp_path, days=2, with_drafts=True)
    assert found.by_kind["journey:1"] == 0
    assert found.entered == {}


def test_a_copy_holds_everything_of_one_instant(db: Database, tmp_path: Path) -> None:
    settled(db)
    copy = copy_to(db, tmp_path / "copy.db", without=("timeline",))
    assert rows_in(copy) == rows_in(db) | {"timeline": 0}
    with db.reading() as source, copy.reading() as target:
        for name in ("members", "point_lots", "journey_versions", "outbox"):
            table = Table.metadata.tables[name]
            query = sa.select(table).order_by(*table.primary_key.columns)
            assert source.execute(query).all() == target.execute(query).all(), name
    copy.dispose()


def test_the_command_says_it_in_words(
    sqlite_db: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settled(sqlite_db)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{sqlite_db.url.database}")
    monkeypatch.setenv("SECRET_KEY", "k" * 32)
    monkeypatch.setenv("REGULARS_CLOCK", (NOW + timedelta(minutes=1)).isoformat())
    with pytest.raises(SystemExit) as done:
        main(["rehearse", "--days", "3"])
    assert done.value.code in (0, None)
    assert "起 3 天" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        main(["rehearse", "--days", "3", "--member", "0999999999"])
    assert stopped.value.code == 2

"""Files of sales: rehearsed without a trace, recorded once, gone on with after a death."""

import threading
from collections.abc import Iterable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.clock import TAIPEI
from app.core.db import Database
from app.core.errors import Invalid, NotFound
from app.imports import queries, service
from app.imports.queries import Progress
from app.insights.checks import broken_invariants
from app.jobs import imports as job
from app.outbox.models import OutboxRow
from app.points import queries as points
from app.purchases.models import PURCHASES, REFUNDS
from tests.support.loyalty import new_store, publish
from tests.support.people import bought, regular
from tests.support.times import NOW

PHONE = "+886912345678"
HEAD = "單號,日期,金額,手機,門市代碼"


def lines(*rows: str) -> bytes:
    return "\n".join((HEAD, *rows)).encode()


def sold(numbers: Iterable[int], phone: str = "0912345678") -> list[str]:
    return [f"A{number},2026/06/0{1 + number % 9},500,{phone},xinyi" for number in numbers]


@pytest.fixture
def hana(db: Database) -> int:
    with db.transaction() as session:
        publish(session)
        new_store(session)
        return regular(session, phone=PHONE)


def brought(db: Database, content: bytes, **how: bool) -> int:
    wishes: dict[str, bool] = {"keeps_strangers": False, "tells": False} | how
    with db.transaction() as session:
        import_id = service.bring(session, name="六月.csv", content=content, staff_id=None, now=NOW)
        mapping = queries.progress(session, import_id).mapping
        service.rehearse(session, import_id=import_id, mapping=mapping, store_id=None, **wishes)
    return import_id


def worked(db: Database) -> int:
    return job.advance(db, is_stopping=lambda: False, now=NOW)


def state(db: Database, import_id: int) -> Progress:
    with db.reading() as session:
        return queries.progress(session, import_id)


def counts(file: Progress) -> tuple[str, int, int, int, int]:
    return file.status, file.sales, file.created, file.repeated, file.refused


def started(db: Database, import_id: int) -> None:
    with db.transaction() as session:
        service.start(session, import_id=import_id)


def purchases(db: Database) -> int:
    with db.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(PURCHASES)) or 0


def test_a_rehearsal_says_what_would_be_and_leaves_nothing(db: Database, hana: int) -> None:
    file = brought(db, lines(*sold(range(3)), "X,2026/06/09,oops,,", "Y,2026/06/09,1,0999999999,"))
    assert worked(db) == 5
    found = state(db, file)
    assert counts(found) == ("checked", 5, 3, 0, 2)
    assert (found.amount, found.points, found.strangers) == (1_500, 15, 0)
    assert purchases(db) == 0
    with db.reading() as session:
        assert points.standing(session, hana, now=NOW).pending == 0
        assert [(fault.line, fault.field) for fault in queries.faults(session, file)] == [
            (5, "amount"),
            (6, "phone"),
        ]
        assert queries.reasons(session, file)[0][1] == 1
    assert worked(db) == 0


def test_then_each_sale_is_recorded_once(db: Database, hana: int) -> None:
    file = brought(db, lines(*sold(range(3))))
    worked(db)
    started(db, file)
    assert worked(db) == 3
    assert counts(state(db, file)) == ("done", 3, 3, 0, 0)
    with db.reading() as session:
        held = points.standing(session, hana, now=NOW)
        assert held.balance + held.pending == 15
        assert broken_invariants(session, now=NOW) == []
        assert session.scalar(sa.select(sa.func.count(OutboxRow.id))) == 0  # nobody is told
    again = brought(db, lines(*sold(range(4))))
    worked(db)
    assert counts(state(db, again)) == ("checked", 4, 1, 3, 0)
    started(db, again)
    worked(db)
    assert counts(state(db, again)) == ("done", 4, 1, 3, 0)
    assert purchases(db) == 4


def test_members_are_told_when_they_should_be(db: Database, hana: int) -> None:
    file = brought(db, lines(*sold(range(2))), tells=True)
    worked(db)
    with db.reading() as session:
        assert session.scalar(sa.select(sa.func.count(OutboxRow.id))) == 0
    started(db, file)
    worked(db)
    with db.reading() as session:
        kinds = session.scalars(sa.select(OutboxRow.kind)).all()
        assert list(kinds).count("receipt") == 2


def test_strangers_are_kept_only_when_wanted(db: Database, hana: int) -> None:
    rows = [*sold([1]), *sold([2], "0987654321"), "C,2026/06/09,70,,"]
    file = brought(db, lines(*rows))
    worked(db)
    assert counts(state(db, file)) == ("checked", 3, 2, 0, 1)
    file = brought(db, lines(*rows), keeps_strangers=True)
    worked(db)
    assert counts(state(db, file)) == ("checked", 3, 3, 0, 0)
    assert state(db, file).strangers == 2


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ("A,2026/06/01,5,0912345678,nowhere", "store", "沒有門市 nowhere"),
        ("A,2099/06/01,5,,", "sold_at", "日期在未來，或早於 2000 年"),
        ("A,2001/06/01,5,,", "sold_at", "2001/06/01 還沒有會員制度"),
        ("A,2026/06/01,\"900,000,000\",,", "amount", "金額須為 0 到 1 億元"),
        (f"{'A' * 81},2026/06/01,5,,", "external_id", "交易編號最多 80 個看得見的字"),
    ],
)  # fmt: skip
def test_the_rules_of_the_till_hold(
    db: Database, hana: int, row: str, field: str, reason: str
) -> None:
    file = brought(db, lines(row, *sold([1])))
    worked(db)
    assert counts(state(db, file)) == ("checked", 2, 1, 0, 1)
    with db.reading() as session:
        (fault,) = queries.faults(session, file)
    assert (fault.line, fault.field, fault.reason) == (2, field, reason)


def test_a_number_that_the_till_used_for_another_sale_is_refused(db: Database, hana: int) -> None:
    with db.transaction() as session:
        key = bought(session, hana, 70, store_id=new_store(session, "other"))
    file = brought(db, lines(f"{key},2026/06/01,500,0912345678,xinyi"))
    worked(db)
    with db.reading() as session:
        assert [fault.reason for fault in queries.faults(session, file)] == [
            "這個交易編號已經有一筆內容不同的消費"
        ]


def test_what_was_done_stays_done_when_the_process_dies(
    db: Database, hana: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "AT_ONCE", 4)
    file = brought(db, lines(*sold(range(10)), *sold([99], "0987654321")))
    worked(db)
    started(db, file)
    steps = iter([False, True])
    assert job.advance(db, is_stopping=lambda: next(steps), now=NOW) == 4
    assert (purchases(db), state(db, file).done) == (4, 4)

    class Death(BaseException):
        """kill -9"""

    def dies(*_args: object, **_more: object) -> bool:
        raise Death

    with monkeypatch.context() as moment:
        moment.setattr(service, "_write_down", dies)
        with pytest.raises(Death):
            worked(db)
    assert (purchases(db), state(db, file).done) == (4, 4)
    worked(db)
    assert counts(state(db, file)) == ("done", 11, 10, 0, 1)
    assert purchases(db) == 10


def test_a_file_can_be_stopped_and_what_happened_stays(db: Database, hana: int) -> None:
    file = brought(db, lines(*sold(range(3))))
    with pytest.raises(Invalid):
        started(db, file)  # not tried yet
    worked(db)
    started(db, file)
    with pytest.raises(Invalid):
        started(db, file)  # twice
    with db.transaction() as session:
        service.cancel(session, import_id=file, now=NOW)
    assert worked(db) == 0
    assert counts(state(db, file)) == ("cancelled", 3, 0, 0, 0)
    with db.transaction() as session, pytest.raises(Invalid):
        service.cancel(session, import_id=file, now=NOW)
    with db.reading() as session, pytest.raises(NotFound):
        queries.progress(session, 999)


def test_the_file_is_wiped_a_week_after_its_end(db: Database, hana: int) -> None:
    ended, left, at_work = (brought(db, lines(*sold([n]))) for n in range(3))
    with db.transaction() as session:
        service.cancel(session, import_id=ended, now=NOW)
        assert service.forget(session, now=NOW + timedelta(days=7)) == 0
        assert service.forget(session, now=NOW + timedelta(days=8)) == 1
        assert queries.content(session, ended) is None
    with db.transaction() as session:
        service.cancel(session, import_id=left, now=NOW + timedelta(days=30))
        assert service.forget(session, now=NOW + timedelta(days=40)) == 1
        assert queries.content(session, at_work) is not None
    with db.transaction() as session, pytest.raises(Invalid):
        service.rehearse(
            session, import_id=ended, mapping={}, store_id=None, keeps_strangers=False, tells=False
        )


def test_two_processes_share_a_file(
    db: Database, hana: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "AT_ONCE", 3)
    file = brought(db, lines(*sold(range(9))))
    for _ in range(2):
        barrier = threading.Barrier(2)

        def run() -> None:
            barrier.wait()  # noqa: B023
            worked(db)

        both = [threading.Thread(target=run) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        if state(db, file).status == "checked":
            started(db, file)
    assert counts(state(db, file)) == ("done", 9, 9, 0, 0)
    assert purchases(db) == 9
    with db.reading() as session:
        held = points.standing(session, hana, now=NOW)
        assert held.balance + held.pending == 45


# Refunds ------------------------------------------------------------------------------------------

BACK = "交易編號,日期,金額,手機,門市代碼,類型,原交易編號"


def with_refunds(*rows: str) -> bytes:
    return "\n".join((BACK, *rows)).encode()


SALE = "A1,2026/06/01,1000,0912345678,xinyi,,"
PART = "R1,2026/06/03,-300,,xinyi,,A1"
REST = "R2,2026/06/04,700,,,退貨,A1"


@pytest.mark.parametrize("rows", [(SALE, PART, REST), (REST, PART, SALE), (PART, SALE, REST)])
def test_refunds_in_any_order_with_their_sale_are_rehearsed_and_recorded(
    db: Database, hana: int, rows: tuple[str, ...]
) -> None:
    file = brought(db, with_refunds(*rows, *more_sales(120)))
    worked(db)
    assert counts(state(db, file)) == ("checked", 123, 123, 0, 0)
    assert (state(db, file).refunds, state(db, file).amount) == (2, 60_000)
    assert purchases(db) == 0
    started(db, file)
    worked(db)
    found = state(db, file)
    assert counts(found) == ("done", 123, 123, 0, 0)
    with db.reading() as session:
        sale = session.execute(sa.select(PURCHASES).where(PURCHASES.c.external_id == "A1")).one()
        assert (sale.amount, sale.refunded) == (1_000, 1_000)
        refunds = session.execute(sa.select(REFUNDS.c.external_id, REFUNDS.c.refunded_at))
        days = {key: f"{at.astimezone(TAIPEI):%m/%d}" for key, at in refunds}
        assert days == {"R1": "06/03", "R2": "06/04"}
        assert broken_invariants(session, now=NOW) == []
        assert session.scalar(sa.select(sa.func.count(OutboxRow.id))) == 0


def more_sales(number: int) -> list[str]:
    return [f"B{one},2026/06/02,500,0912345678,xinyi,," for one in range(number)]


def test_the_same_refunds_again_change_nothing(db: Database, hana: int) -> None:
    rows = (SALE, PART, "A1,2026/06/05,-100,,,,")
    for is_again in (False, True):
        file = brought(db, with_refunds(*rows))
        worked(db)
        started(db, file)
        worked(db)
        new, old = (0, 3) if is_again else (3, 0)
        assert counts(state(db, file)) == ("done", 3, new, old, 0)
    with db.reading() as session:
        assert session.scalars(sa.select(PURCHASES.c.refunded)).all() == [400]


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ("R1,2026/06/03,-1001,,,,A1", "amount", "最多只能再退 NT$1,000"),
        ("R1,2026/06/03,-300,,,,A2", "refund_of", "找不到原交易"),
        ("R1,2026/05/31,-300,,,,A1", "sold_at", "早於原本的消費"),
        ("R1,2099/05/31,-300,,,,A1", "sold_at", "未來"),
        ("R1,2026/06/03,-300,,nowhere,,A1", "store", "沒有門市"),
    ],
)
def test_a_refund_that_cannot_be_is_refused_with_its_reason(
    db: Database, hana: int, row: str, field: str, reason: str
) -> None:
    file = brought(db, with_refunds(row, SALE))
    worked(db)
    assert counts(state(db, file)) == ("checked", 2, 1, 0, 1)
    started(db, file)
    worked(db)
    assert counts(state(db, file)) == ("done", 2, 1, 0, 1)
    with db.reading() as session:
        (fault,) = queries.faults(session, file)
    assert (fault.line, fault.field) == (2, field)
    assert reason in fault.reason


def test_two_refunds_that_are_too_much_together_are_told_by_the_rehearsal(
    db: Database, hana: int
) -> None:
    file = brought(db, with_refunds(SALE, PART, "R2,2026/06/04,-701,,,,A1", *more_sales(99)))
    worked(db)
    assert counts(state(db, file)) == ("checked", 102, 101, 0, 1)


def test_a_number_used_for_another_refund_is_refused(db: Database, hana: int) -> None:
    file = brought(db, with_refunds(SALE, PART, "A3,2026/06/01,5,,,,", "R1,2026/06/03,-299,,,,A1"))
    worked(db)
    assert counts(state(db, file)) == ("checked", 4, 3, 0, 1)

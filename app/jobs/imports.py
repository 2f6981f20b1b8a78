"""Files of sales, a hundred a transaction, until they are through or somebody stops them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.core.db import Database
from app.core.errors import Invalid, NotFound
from app.imports import queries, rules, service
from app.imports.queries import Progress
from app.imports.rules import Fault, Refund, Sale, Sheet
from app.staff import queries as staff


def advance(db: Database, *, is_stopping: Callable[[], bool], now: datetime) -> int:
    """Go on with the file that waits; return how many sales were tried or recorded."""
    with db.reading() as session:
        work = queries.at_work(session)
        content = None if work is None else queries.content(session, work.id)
    if work is None or content is None:
        return 0
    sales = list(rules.sales(rules.read(content), work.mapping))
    return _work(db, work, sales, is_stopping=is_stopping, now=now).done - work.done


def _work(
    db: Database,
    work: Progress,
    sales: Sequence[Sale | Refund | Fault],
    *,
    is_stopping: Callable[[], bool],
    now: datetime,
) -> Progress:
    """Until the rehearsal or the recording is through; returns how far it came."""
    phase = work.status
    while work.status == phase and not is_stopping():
        batch = sales[work.done : work.done + service.AT_ONCE]
        with db.transaction() as session:
            if not service.step(session, work, batch, now=now):
                session.rollback()  # another process was faster, or somebody stopped it
        with db.reading() as session:
            work = queries.progress(session, work.id)
    return work


# By command ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wish:
    """A file with what is to be done with it. `columns`: field → heading, over the guess."""

    name: str
    content: bytes
    columns: Mapping[str, str]
    store: str | None
    keeps_strangers: bool
    tells: bool
    is_rehearsal: bool


@dataclass(frozen=True, slots=True)
class Done:
    file: Progress
    faults: Sequence[Fault]
    refused_rows: str


def run(db: Database, wish: Wish, *, now: datetime) -> Done:
    """Rehearse a file and, unless that is all, record it, at once.

    Raises Invalid, NotFound for a store."""
    sheet = rules.read(wish.content)
    mapping = _mapping(sheet, wish.columns)
    work = _brought(db, wish, mapping, now)
    sales = list(rules.sales(sheet, mapping))
    work = _work(db, work, sales, is_stopping=lambda: False, now=now)
    if not wish.is_rehearsal:
        with db.transaction() as session:
            service.start(session, import_id=work.id)
            work = queries.progress(session, work.id)
        work = _work(db, work, sales, is_stopping=lambda: False, now=now)
    with db.reading() as session:
        faults = queries.faults(session, work.id)
    rows = rules.faulty_rows(sheet, mapping, {fault.line: fault.reason for fault in faults})
    return Done(work, faults, rows)


def _brought(db: Database, wish: Wish, mapping: Mapping[str, int], now: datetime) -> Progress:
    with db.transaction() as session:
        codes = {store.code: store.id for store in staff.open_stores(session)}
        if wish.store is not None and wish.store not in codes:
            raise NotFound("store", wish.store)
        import_id = service.bring(
            session, name=wish.name, content=wish.content, staff_id=None, now=now
        )
        service.rehearse(
            session,
            import_id=import_id,
            mapping=mapping,
            store_id=None if wish.store is None else codes[wish.store],
            keeps_strangers=wish.keeps_strangers,
            tells=wish.tells,
        )
        return queries.progress(session, import_id)


def _mapping(sheet: Sheet, columns: Mapping[str, str]) -> dict[str, int]:
    mapping = rules.guess(sheet)
    for name, heading in columns.items():
        if heading not in sheet.headings:
            raise Invalid(name, f"檔案裡沒有「{heading}」這一欄")
        mapping[name] = sheet.headings.index(heading)
    return mapping

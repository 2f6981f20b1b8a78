"""Files that were brought, and what was wrong with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import table_of
from app.core.errors import NotFound
from app.imports.models import AT_WORK, FAULTS, IMPORTS
from app.imports.rules import Fault
from app.staff.models import Staff

_STAFF = table_of(Staff)


@dataclass(frozen=True, slots=True)
class Progress:
    """A file and how far it is; `sales` and the counters are sales, `amount` NT$."""

    id: int
    name: str
    status: str
    mapping: Mapping[str, int]
    store_id: int | None
    keeps_strangers: bool
    tells: bool
    sales: int
    done: int
    created: int
    repeated: int
    refused: int
    strangers: int
    refunds: int
    amount: int
    points: int
    first_at: datetime | None
    last_at: datetime | None
    made_at: datetime
    ended_at: datetime | None
    made_by: str | None
    has_content: bool

    @property
    def is_at_work(self) -> bool:
        return self.status in AT_WORK

    @property
    def percent(self) -> int:
        return self.done * 100 // self.sales if self.sales else 0


_PROGRESS = (
    sa.select(
        IMPORTS.c.id,
        IMPORTS.c.name,
        IMPORTS.c.status,
        IMPORTS.c.mapping,
        IMPORTS.c.store_id,
        IMPORTS.c.keeps_strangers,
        IMPORTS.c.tells,
        IMPORTS.c.sales,
        IMPORTS.c.done,
        IMPORTS.c.created,
        IMPORTS.c.repeated,
        IMPORTS.c.refused,
        IMPORTS.c.strangers,
        IMPORTS.c.refunds,
        IMPORTS.c.amount,
        IMPORTS.c.points,
        IMPORTS.c.first_at,
        IMPORTS.c.last_at,
        IMPORTS.c.made_at,
        IMPORTS.c.ended_at,
        _STAFF.c.name,
        IMPORTS.c.content.is_not(None),
    )
    .outerjoin_from(IMPORTS, _STAFF, _STAFF.c.id == IMPORTS.c.made_by)
    .order_by(IMPORTS.c.id.desc())
)


def latest(session: Session, *, limit: int = 50) -> list[Progress]:
    """Newest first."""
    return [_progress(row) for row in session.execute(_PROGRESS.limit(limit))]


def progress(session: Session, import_id: int) -> Progress:
    """Raises NotFound."""
    row = session.execute(_PROGRESS.where(IMPORTS.c.id == import_id)).one_or_none()
    if row is None:
        raise NotFound("import", import_id)
    return _progress(row)


def _progress(row: Any) -> Progress:
    return Progress(*tuple(row))


def content(session: Session, import_id: int) -> bytes | None:
    """None once it was wiped."""
    found: bytes | None = session.scalar(
        sa.select(IMPORTS.c.content).where(IMPORTS.c.id == import_id)
    )
    return found


def at_work(session: Session) -> Progress | None:
    """The file to go on with: the one that waits longest."""
    row = session.execute(
        _PROGRESS.where(sa.or_(*(IMPORTS.c.status == status for status in AT_WORK)))
        .order_by(None)
        .order_by(IMPORTS.c.id)
        .limit(1)
    ).one_or_none()
    return None if row is None else _progress(row)


def faults(session: Session, import_id: int, *, limit: int | None = None) -> list[Fault]:
    """In the order of the file."""
    rows = session.execute(
        sa.select(FAULTS.c.line, FAULTS.c.field, FAULTS.c.reason)
        .where(FAULTS.c.import_id == import_id)
        .order_by(FAULTS.c.line)
        .limit(limit)
    )
    return [Fault(*tuple(row)) for row in rows]


def reasons(session: Session, import_id: int) -> list[tuple[str, int]]:
    """Each reason with how often it came, the most frequent first."""
    rows = session.execute(
        sa.select(FAULTS.c.reason, sa.func.count())
        .where(FAULTS.c.import_id == import_id)
        .group_by(FAULTS.c.reason)
        .order_by(sa.func.count().desc(), FAULTS.c.reason)
    )
    return [(reason, int(number)) for reason, number in rows]

"""Keep segments by name."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed
from app.core.errors import Conflict, Invalid, NotFound
from app.segments import rules
from app.segments.models import SEGMENTS
from app.segments.rules import Group


def create(session: Session, *, name: str, tree: Group, now: datetime) -> int:
    """Raises Invalid, Conflict for a known name."""
    named = _named(session, name, None)
    check(tree)
    values = {
        "name": named,
        "version": 1,
        "tree": rules.to_document(tree),
        "is_active": True,
        "created_at": now,
        "changed_at": now,
    }
    segment_id: int = session.execute(
        sa.insert(SEGMENTS).returning(SEGMENTS.c.id), values
    ).scalar_one()
    return segment_id


def revise(session: Session, *, segment_id: int, name: str, tree: Group, now: datetime) -> None:
    """Raises Invalid, Conflict, NotFound."""
    named = _named(session, name, segment_id)
    check(tree)
    _change(
        session,
        segment_id,
        name=named,
        tree=rules.to_document(tree),
        version=SEGMENTS.c.version + 1,
        changed_at=now,
    )


def remove(session: Session, *, segment_id: int, now: datetime) -> None:
    """It is offered no more; what was sent to it stays. Raises NotFound."""
    freed = sa.func.substr(SEGMENTS.c.name, 1, 40).concat(f" #{segment_id}")
    _change(session, segment_id, is_active=False, name=freed, changed_at=now)


def check(tree: Group) -> None:
    """Raises Invalid with the first thing that is wrong."""
    for reason in rules.faults(tree):
        raise Invalid("tree", reason)


def _named(session: Session, name: str, segment_id: int | None) -> str:
    named = " ".join(name.split())
    if not 1 <= len(named) <= 40:
        raise Invalid("name", "名稱須為 1–40 個字")
    other = session.scalar(sa.select(SEGMENTS.c.id).where(SEGMENTS.c.name == named))
    if other not in (None, segment_id):
        raise Conflict("name", named)
    return named


def _change(session: Session, segment_id: int, **values: object) -> None:
    row = sa.update(SEGMENTS).where(SEGMENTS.c.id == segment_id, SEGMENTS.c.is_active.is_(True))
    if not changed(session, row.values(**values)):
        raise NotFound("segment", segment_id)

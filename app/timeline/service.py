"""Write down what became true of a member."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed, table_of
from app.core.prepared import Prepared
from app.timeline.models import Fact

_RECORD = Prepared(sa.insert(table_of(Fact)))


def record(
    session: Session, *, member_id: int, kind: str, at: datetime, facts: Mapping[str, Any]
) -> None:
    """`kind` is a dotted word such as `purchase.recorded`; `facts` is a small JSON object."""
    _RECORD.many(session, [{"member_id": member_id, "kind": kind, "at": at, "facts": dict(facts)}])


def record_all(
    session: Session, *, kind: str, at: datetime, facts: Mapping[int, Mapping[str, Any]]
) -> None:
    """The same kind of thing became true of many; `facts` by member."""
    rows = [
        {"member_id": member_id, "kind": kind, "at": at, "facts": dict(what)}
        for member_id, what in facts.items()
    ]
    _RECORD.many(session, rows)


def hand_over(session: Session, *, from_id: int, to_id: int) -> None:
    """Two rows turned out to be one person: what happened to the one happened to the other."""
    changed(session, sa.update(Fact).where(Fact.member_id == from_id).values(member_id=to_id))

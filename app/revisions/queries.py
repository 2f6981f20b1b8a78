"""Changes of the programme that wait, and those that were decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import table_of
from app.core.errors import NotFound
from app.programmes import rules as programmes
from app.programmes.rules import Terms
from app.revisions.models import DRAFTS
from app.staff.models import Staff
from app.staff.rules import Permission, roles_that_may

UNDER_WAY: Final = ("open", "waiting")
DECIDED: Final = ("approved", "rejected", "withdrawn")


@dataclass(frozen=True, slots=True)
class Draft:
    """`terms` have no version yet; `based_on` is the newest version they were made from."""

    id: int
    based_on: int
    terms: Terms
    starts_at: datetime | None
    note: str
    author: int
    author_name: str
    edition: int
    status: str
    changed_at: datetime
    decided_by_name: str | None
    decided_at: datetime | None
    reason: str
    version: int | None

    @property
    def is_under_way(self) -> bool:
        return self.status in UNDER_WAY


_STAFF = table_of(Staff)
_AUTHOR, _DECIDER = _STAFF.alias("author"), _STAFF.alias("decider")
_DRAFT = (
    sa.select(
        DRAFTS.c.id,
        DRAFTS.c.based_on,
        DRAFTS.c.terms,
        DRAFTS.c.starts_at,
        DRAFTS.c.note,
        DRAFTS.c.author,
        _AUTHOR.c.name.label("author_name"),
        DRAFTS.c.edition,
        DRAFTS.c.status,
        DRAFTS.c.changed_at,
        _DECIDER.c.name.label("decided_by_name"),
        DRAFTS.c.decided_at,
        DRAFTS.c.reason,
        DRAFTS.c.version,
    )
    .join_from(DRAFTS, _AUTHOR, _AUTHOR.c.id == DRAFTS.c.author)
    .outerjoin(_DECIDER, _DECIDER.c.id == DRAFTS.c.decided_by)
)


def _draft(row: Any) -> Draft:
    values = row._asdict()
    return Draft(**{**values, "terms": programmes.from_document(values["terms"])})


def draft(session: Session, draft_id: int) -> Draft:
    """Raises NotFound."""
    row = session.execute(_DRAFT.where(DRAFTS.c.id == draft_id)).one_or_none()
    if row is None:
        raise NotFound("draft", draft_id)
    return _draft(row)


def by_form(session: Session, form_id: str) -> int | None:
    """The draft that this form made."""
    found: int | None = session.scalar(sa.select(DRAFTS.c.id).where(DRAFTS.c.form_id == form_id))
    return found


def drafts(session: Session, *, statuses: Sequence[str], limit: int = 20) -> list[Draft]:
    """Newest first."""
    rows = session.execute(
        _DRAFT.where(DRAFTS.c.status.in_(statuses)).order_by(DRAFTS.c.id.desc()).limit(limit)
    )
    return [_draft(row) for row in rows]


def waiting_count(session: Session) -> int:
    """Changes that a second person is asked to decide on."""
    return (
        session.scalar(
            sa.select(sa.func.count()).select_from(DRAFTS).where(DRAFTS.c.status == "waiting")
        )
        or 0
    )


def is_alone(session: Session, staff_id: int) -> bool:
    """Nobody else could approve a change of the programme."""
    others = sa.select(_STAFF.c.id).where(
        _STAFF.c.id != staff_id,
        _STAFF.c.is_active.is_(True),
        _STAFF.c.role.in_(roles_that_may(Permission.WRITE_PROGRAMME)),
    )
    return session.execute(others.limit(1)).first() is None

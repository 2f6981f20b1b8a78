"""Which memberships became one."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import table_of
from app.core.errors import NotFound
from app.members.models import Member
from app.mergers import rules
from app.mergers.models import Merger
from app.staff.models import Staff

_ABSORBED = table_of(Member).alias("absorbed")


@dataclass(frozen=True, slots=True)
class MergerShown:
    """`absorbed_number` is the member number that leads to the kept member now."""

    id: int
    kept_id: int
    absorbed_id: int
    absorbed_number: str | None
    reason: str
    staff_name: str | None
    at: datetime
    undone_at: datetime | None

    @property
    def undo_until(self) -> datetime:
        return self.at + rules.UNDO_FOR

    def can_be_undone(self, now: datetime) -> bool:
        return self.undone_at is None and now < self.undo_until


_SHOWN = (
    sa.select(
        Merger.id,
        Merger.kept_id,
        Merger.absorbed_id,
        _ABSORBED.c.number,
        Merger.reason,
        Staff.name,
        Merger.at,
        Merger.undone_at,
    )
    .join(_ABSORBED, _ABSORBED.c.id == Merger.absorbed_id)
    .outerjoin(Staff, Staff.id == Merger.staff_id)
)


def mergers_of(session: Session, member_id: int) -> list[MergerShown]:
    """Newest first, those that were undone, too."""
    rows = session.execute(
        _SHOWN.where(sa.or_(Merger.kept_id == member_id, Merger.absorbed_id == member_id)).order_by(
            Merger.id.desc()
        )
    )
    return [MergerShown(*tuple(row)) for row in rows]


def merger(session: Session, merger_id: int) -> MergerShown:
    """Raises NotFound."""
    row = session.execute(_SHOWN.where(Merger.id == merger_id)).one_or_none()
    if row is None:
        raise NotFound("merger", merger_id)
    return MergerShown(*tuple(row))


def absorbed_by(session: Session, member_id: int) -> list[int]:
    """The memberships that a member had absorbed, whatever became of that member since."""
    rows = session.scalars(
        sa.select(Merger.absorbed_id).where(Merger.kept_id == member_id, Merger.undone_at.is_(None))
    )
    return list(rows)


_GONE = table_of(Member).alias("gone")


def broken(session: Session, *, limit: int = 20) -> list[str]:
    """Evidence of members that lead nowhere: merged by no merger, or not merged though one says
    so."""
    running = sa.exists().where(Merger.absorbed_id == _GONE.c.id, Merger.undone_at.is_(None))
    odd = session.scalars(
        sa.select(_GONE.c.id)
        .where(
            sa.or_(
                sa.and_(_GONE.c.merged_into_id.is_not(None), ~running),
                sa.and_(_GONE.c.merged_into_id.is_(None), running),
            )
        )
        .limit(limit)
    )
    return [f"member {member_id}: merged without a merger, or the reverse" for member_id in odd]

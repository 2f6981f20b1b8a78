"""What is held about somebody, and whether they are leaving."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids
from app.core.db import Table
from app.members.models import Member
from app.rights import rules
from app.rights.models import REQUESTS, Closing, ForgottenPhone
from app.staff.models import Staff

# Not the member's: keys of ours that would open something if they leaked, and the browsers of those
# who looked.
_SECRETS: Final = frozenset(
    {"proof", "device"}
    | {"digest", "code_digest", "content_hash", "retry_key", "lease", "reply_token", "dedup_key"}
)


def wipe_at(session: Session, member_id: int) -> datetime | None:
    """When a membership under closing is wiped; None when it is not under closing."""
    return session.scalar(
        sa.select(Closing.wipe_at).where(
            Closing.member_id == member_id, Closing.undone_at.is_(None), Closing.wiped_at.is_(None)
        )
    )


@dataclass(frozen=True, slots=True)
class RequestShown:
    id: int
    member_id: int
    name: str | None
    kind: str
    channel: str
    asked_on: date
    due_on: date
    is_prolonged: bool
    status: str
    note: str
    staff_name: str
    closed_at: datetime | None

    def days_left(self, today: date) -> int:
        """Negative when it is late."""
        return (self.due_on - today).days


_REQUEST = (
    sa.select(
        REQUESTS.c.id,
        REQUESTS.c.member_id,
        sa.func.coalesce(Member.name, Member.display_name).label("name"),
        *(REQUESTS.c[name] for name in ("kind", "channel", "asked_on", "due_on", "is_prolonged")),
        REQUESTS.c.status,
        REQUESTS.c.note,
        Staff.name,
        REQUESTS.c.closed_at,
    )
    .join(Member, Member.id == REQUESTS.c.member_id)
    .join(Staff, Staff.id == REQUESTS.c.staff_id)
)


def open_requests(session: Session, *, limit: int = 200) -> list[RequestShown]:
    """The longest overdue first."""
    rows = session.execute(
        _REQUEST.where(REQUESTS.c.status == rules.OPEN)
        .order_by(REQUESTS.c.due_on, REQUESTS.c.id)
        .limit(limit)
    )
    return [RequestShown(*tuple(row)) for row in rows]


def open_request(session: Session, request_id: int) -> RequestShown | None:
    row = session.execute(
        _REQUEST.where(REQUESTS.c.id == request_id, REQUESTS.c.status == rules.OPEN)
    ).one_or_none()
    return None if row is None else RequestShown(*tuple(row))


def decided_requests(
    session: Session, *, before_id: int | None = None, limit: int = 50
) -> list[RequestShown]:
    """The newest first."""
    query = _REQUEST.where(REQUESTS.c.status != rules.OPEN)
    if before_id is not None:
        query = query.where(REQUESTS.c.id < before_id)
    rows = session.execute(query.order_by(REQUESTS.c.id.desc()).limit(limit))
    return [RequestShown(*tuple(row)) for row in rows]


@dataclass(frozen=True, slots=True)
class ClosingShown:
    """A membership that its member closed, and when its data go by themselves."""

    member_id: int
    asked_at: datetime
    wipe_at: datetime


def closings(session: Session, *, limit: int = 50) -> list[ClosingShown]:
    rows = session.execute(
        sa.select(Closing.member_id, Closing.asked_at, Closing.wipe_at)
        .where(Closing.undone_at.is_(None), Closing.wiped_at.is_(None))
        .order_by(Closing.wipe_at)
        .limit(limit)
    )
    return [ClosingShown(*row) for row in rows]


def is_forgotten(session: Session, *, phone: str, key: str, now: datetime) -> bool:
    """Whether this phone was a member's who was wiped within the last year."""
    found = session.scalar(
        sa.select(ForgottenPhone.until).where(
            ForgottenPhone.phone_hash == ids.keyed_hash(key, phone), ForgottenPhone.until > now
        )
    )
    return found is not None


def held(session: Session, member_id: int) -> dict[str, Any]:
    """Everything any table holds about a member, as plain JSON values.

    It goes by the tables themselves, so that a table made tomorrow is in it, too.
    """
    return {
        table.name: [_plain(row) for row in session.execute(query).mappings()]
        for table, query in ((table, _rows_of(table, member_id)) for table in tables())
        if query is not None
    }


def tables() -> list[sa.Table]:
    return list(Table.metadata.sorted_tables)


def _rows_of(table: sa.Table, member_id: int) -> sa.Select[Any] | None:
    own = of_member(table, member_id)
    if own is None:
        return None
    if table.name == "outbox":  # what went to them with others is theirs, too
        readers = Table.metadata.tables["outbox_readers"]
        shared = sa.select(readers.c.outbox_id).where(
            readers.c.member_id == member_id, readers.c.status == "reading"
        )
        own = sa.or_(own, table.c.id.in_(shared))
    kept = [column for column in table.c if column.name not in _SECRETS]
    return sa.select(*kept).where(own).order_by(*table.primary_key.columns)


def of_member(table: sa.Table, member_id: int) -> sa.ColumnElement[bool] | None:
    """Which rows of a table are about a member: by id, by what is theirs, or by LINE id."""
    if table.name == "members":
        return sa.or_(table.c.id == member_id, table.c.merged_into_id == member_id)
    own = [
        column
        for column in table.c
        if column.name == "member_id"
        or any(key.column.table.name == "members" for key in column.foreign_keys)
    ]
    if own:  # a referral is the friend's and the inviter's
        return sa.or_(*(column == member_id for column in own))
    for key in table.foreign_keys:  # parts of something of theirs: lines of a sale, say
        whole = key.column.table
        if "member_id" in whole.c:
            return key.parent.in_(sa.select(key.column).where(whole.c.member_id == member_id))
    members = Table.metadata.tables["members"]
    line_user_id = (
        sa.select(members.c.line_user_id).where(members.c.id == member_id).scalar_subquery()
    )
    if table.name == "inbox":
        return table.c.person == line_user_id
    if "line_user_id" in table.c:
        return table.c.line_user_id == line_user_id
    return None


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date | datetime) else value
        for name, value in row.items()
    }

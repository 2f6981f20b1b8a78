"""What is held about somebody, and whether they are leaving."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids
from app.core.db import Table
from app.rights.models import Closing, ForgottenPhone

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

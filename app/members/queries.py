"""Find people."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import text
from app.core.db import table_of
from app.core.errors import Invalid, NotFound
from app.core.prepared import Prepared, among
from app.members.models import Member


@dataclass(frozen=True, slots=True)
class Person:
    """What a conversation needs to know of somebody."""

    id: int
    line_user_id: str | None
    status: str
    number: str | None
    is_friend: bool
    display_name: str | None
    name: str | None
    phone: str | None
    birthday: date | None
    joined_at: datetime | None
    marketing_ok: bool
    language: str | None

    @property
    def is_member(self) -> bool:
        return self.status == "member"

    @property
    def called(self) -> str:
        """How a message addresses them; empty when nothing is known yet."""
        return self.name or self.display_name or ""


_PERSON = sa.select(
    Member.id,
    Member.line_user_id,
    Member.status,
    Member.number,
    Member.is_friend,
    Member.display_name,
    Member.name,
    Member.phone,
    Member.birthday,
    Member.joined_at,
    Member.marketing_ok,
    Member.language,
)
_BY_LINE_IDS = Prepared(_PERSON.where(among(table_of(Member).c.line_user_id, "ids")))
_BY_ID = _PERSON.where(Member.id == sa.bindparam("id"))
_ROW = sa.orm.aliased(Member)
_LIVING = sa.select(sa.func.coalesce(_ROW.merged_into_id, _ROW.id))  # who a merged row became
_BY_NUMBER = _PERSON.where(
    Member.id == _LIVING.where(_ROW.number == sa.bindparam("number")).scalar_subquery()
)
_BY_PHONE = _PERSON.where(
    Member.id == _LIVING.where(_ROW.phone == sa.bindparam("phone")).scalar_subquery()
)


def people_by_line_id(session: Session, line_user_ids: Sequence[str]) -> dict[str, Person]:
    people = (Person(*row) for row in _BY_LINE_IDS.rows(session, {"ids": list(line_user_ids)}))
    return {person.line_user_id or "": person for person in people}


def person(session: Session, member_id: int) -> Person:
    """Raises NotFound."""
    row = session.execute(_BY_ID, {"id": member_id}).one_or_none()
    if row is None:
        raise NotFound("member", member_id)
    return Person(*tuple(row))


def person_by_line_id(session: Session, line_user_id: str) -> Person | None:
    return people_by_line_id(session, [line_user_id]).get(line_user_id)


def names(session: Session, member_ids: Sequence[int]) -> dict[int, str]:
    """What members are called, by id: their own name, else the one on LINE."""
    name = sa.func.coalesce(Member.name, Member.display_name, "")
    rows = session.execute(sa.select(Member.id, name).where(Member.id.in_(member_ids)))
    return {row[0]: row[1] for row in rows}


def living_id(session: Session, member_id: int) -> int:
    """The member that this one was merged into, or the member itself."""
    living = session.scalar(_LIVING.where(_ROW.id == member_id))
    return member_id if living is None else living


def absorbed_ids(session: Session, member_id: int) -> list[int]:
    """The memberships that became this one."""
    rows = session.scalars(
        sa.select(Member.id).where(Member.merged_into_id == member_id).order_by(Member.id)
    )
    return list(rows)


def person_by_number(session: Session, number: str) -> Person | None:
    """A number of a merged membership finds the member it became."""
    row = session.execute(_BY_NUMBER, {"number": number}).one_or_none()
    return None if row is None else Person(*tuple(row))


def person_by_phone(session: Session, phone: str) -> Person | None:
    """`phone` is E.164, as stored. That of a merged membership finds the member it became."""
    row = session.execute(_BY_PHONE, {"phone": phone}).one_or_none()
    return None if row is None else Person(*tuple(row))


def person_as_typed(session: Session, typed: str) -> Person | None:
    """By member number or phone, as somebody types them."""
    with suppress(Invalid):
        found = person_by_number(session, text.parse_member_number(typed))
        if found is not None:
            return found
    with suppress(Invalid):
        return person_by_phone(session, text.parse_phone(typed))
    return None


def ids_as_typed(session: Session, lines: Sequence[str]) -> dict[str, int]:
    """Ids of members by what was typed for each, a phone or a member number, in two statements.
    Lines that name nobody are left out; a merged membership names the member it became."""
    numbers, phones = {}, {}
    for line in lines:
        with suppress(Invalid):
            numbers[line] = text.parse_member_number(line)
        with suppress(Invalid):
            phones[line] = text.parse_phone(line)
    by_number = _living_by(session, Member.number, set(numbers.values()))
    by_phone = _living_by(session, Member.phone, set(phones.values()))
    found = {line: by_phone[phone] for line, phone in phones.items() if phone in by_phone}
    return found | {line: by_number[no] for line, no in numbers.items() if no in by_number}


def _living_by(session: Session, column: Any, values: Collection[str]) -> dict[str, int]:
    living = sa.func.coalesce(Member.merged_into_id, Member.id)
    rows = session.execute(sa.select(column, living).where(column.in_(values)))
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True, slots=True)
class ProfileDue:
    id: int
    line_user_id: str


def profiles_due(session: Session, *, now: datetime, limit: int = 100) -> list[ProfileDue]:
    rows = session.execute(
        sa.select(Member.id, Member.line_user_id)
        .where(Member.profile_due_at <= now, Member.line_user_id.is_not(None))
        .order_by(Member.profile_due_at)
        .limit(limit)
    )
    return [ProfileDue(row.id, row.line_user_id or "") for row in rows]


@dataclass(frozen=True, slots=True)
class OwnProfile:
    """What a member sees and may correct of themselves."""

    name: str | None
    display_name: str | None
    phone: str | None
    birthday: date | None
    birthday_edits: int
    gender: str | None
    email: str | None
    city: str | None
    marketing_ok: bool
    joined_at: datetime | None


def own_profile(session: Session, member_id: int) -> OwnProfile:
    row = session.execute(
        sa.select(
            Member.name,
            Member.display_name,
            Member.phone,
            Member.birthday,
            Member.birthday_edits,
            Member.gender,
            Member.email,
            Member.city,
            Member.marketing_ok,
            Member.joined_at,
        ).where(Member.id == member_id)
    ).one()
    return OwnProfile(*tuple(row))

"""A brand with its programme, a store and people, for tests of what happens at the till."""

from datetime import date, datetime, timedelta
from itertools import count

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.members.models import Member
from app.programmes import service as programmes
from app.programmes.rules import DEFAULT, Terms
from app.staff.models import Staff, Store
from tests.support.times import NOW

_numbers = count(1)


def publish(
    session: Session, terms: Terms = DEFAULT, *, starts_at: datetime = NOW - timedelta(days=3650)
) -> int:
    return programmes.publish(session, terms, starts_at=starts_at, actor="test", now=starts_at)


def new_member(
    session: Session,
    *,
    name: str = "Hana",
    joined_at: datetime = NOW - timedelta(days=400),
    birthday: date | None = None,
    is_friend: bool = True,
    line_user_id: str | None = None,
) -> int:
    serial = next(_numbers)
    member_id: int = session.execute(
        sa.insert(Member).returning(Member.id),
        {
            "number": f"{serial:010d}",
            "status": "member",
            "line_user_id": line_user_id or f"U{serial:032x}",
            "is_friend": is_friend,
            "name": name,
            "birthday": birthday,
            "birth_month": birthday.month if birthday else None,
            "birth_day": birthday.day if birthday else None,
            "joined_at": joined_at,
            "created_at": joined_at,
            "birthday_edits": 0,
            "marketing_ok": True,
            "is_test": False,
        },
    ).scalar_one()
    return member_id


def new_store(session: Session, code: str = "xinyi", name: str = "信義門市") -> int:
    store_id: int = session.execute(
        sa.insert(Store).returning(Store.id), {"code": code, "name": name, "is_active": True}
    ).scalar_one()
    return store_id


def new_clerk(session: Session, store_id: int, login: str = "aoi") -> int:
    staff_id: int = session.execute(
        sa.insert(Staff).returning(Staff.id),
        {
            "login": login,
            "name": "Aoi",
            "password_hash": "x",
            "role": "clerk",
            "store_id": store_id,
            "is_active": True,
            "created_at": NOW,
        },
    ).scalar_one()
    return staff_id

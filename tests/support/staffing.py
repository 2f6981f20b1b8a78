"""The people of the shop: Aoi sells, Ren manages, Yui owns, Sora markets, Nagi counts."""

from dataclasses import dataclass
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.staff import rules, service
from app.staff.models import Staff
from app.staff.rules import Role
from tests.support.times import NOW

PASSWORD = "open sesame please"
LOGINS = {
    Role.OWNER: "yui",
    Role.MARKETER: "sora",
    Role.ANALYST: "nagi",
    Role.STORE_MANAGER: "ren",
    Role.CLERK: "aoi",
    Role.SUPPORT: "kei",
}


@lru_cache
def password_hash() -> str:
    return rules.hash_password(PASSWORD)


@dataclass(frozen=True, slots=True)
class Shop:
    """Ids of two stores and of one person per role. Ren and Aoi work in the first store only."""

    store_id: int
    other_store_id: int
    staff: dict[Role, int]


def staffed_shop(session: Session) -> Shop:
    store_id = service.create_store(session, code="TPE01", name="台北永康店", city="臺北市")
    other_id = service.create_store(session, code="KHH01", name="高雄駁二店", city="高雄市")
    staff = {}
    for role, login in LOGINS.items():
        is_tied = role in (Role.STORE_MANAGER, Role.CLERK)
        staff[role] = session.scalars(
            sa.insert(Staff)
            .values(
                login=login,
                name=login.capitalize(),
                password_hash=password_hash(),
                role=role,
                store_id=store_id if is_tied else None,
                is_active=True,
                created_at=NOW,
            )
            .returning(Staff.id)
        ).one()
    return Shop(store_id, other_id, staff)

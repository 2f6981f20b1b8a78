"""Open stores, keep what is said of them, close them."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed, insert_ignore
from app.core.errors import Conflict, Invalid, NotFound
from app.staff import rules
from app.staff.models import Store


def create_store(
    session: Session,
    *,
    code: str,
    name: str,
    city: str | None = None,
    address: str | None = None,
    phone: str | None = None,
    hours: str | None = None,
) -> int:
    """Return the store's id. Raises Invalid for an odd code or name, Conflict when the code is
    taken."""
    if not rules.is_store_code(code):
        raise Invalid("code", "must be 1 to 20 letters, digits and . _ : / -")
    name = rules.named(name)
    values = {
        "code": code,
        "name": name,
        "city": city,
        "address": address,
        "phone": phone,
        "hours": hours,
        "is_active": True,
    }
    if not insert_ignore(session, Store, values):
        raise Conflict("code", code)
    return session.scalars(sa.select(Store.id).where(Store.code == code)).one()


def change_store(
    session: Session,
    *,
    store_id: int,
    name: str,
    city: str | None,
    address: str | None,
    phone: str | None,
    hours: str | None,
) -> None:
    """The code stays as it is: tills, coupons and past sales name the store by it. Raises Invalid,
    NotFound."""
    values = {
        "name": rules.named(name),
        "city": city,
        "address": address,
        "phone": phone,
        "hours": hours,
    }
    if not changed(session, sa.update(Store).where(Store.id == store_id).values(values)):
        raise NotFound("store", store_id)


def close_store(session: Session, *, store_id: int) -> None:
    """No till stands in it any more; its sales stay. Raises NotFound when it is not open."""
    _switch(session, store_id, is_active=False)


def open_store(session: Session, *, store_id: int) -> None:
    """Again. Raises NotFound when it is not closed."""
    _switch(session, store_id, is_active=True)


def _switch(session: Session, store_id: int, *, is_active: bool) -> None:
    other = Store.is_active.is_not(is_active)
    update = sa.update(Store).where(Store.id == store_id, other).values(is_active=is_active)
    if not changed(session, update):
        raise NotFound("store", store_id)

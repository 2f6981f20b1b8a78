"""Take in a sale that a clerk's page kept while the network was lost. It earns; nothing is redeemed
by it. Once per id of the page, at the time it was typed, within what a clerk may bring in a day."""

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.cards import service as cards
from app.cards.rules import PREFIX
from app.cards.service import TokenDead
from app.checkouts import service as checkouts
from app.checkouts.service import Checkout
from app.core import text
from app.core.clock import taipei_date
from app.core.db import inserted
from app.core.errors import Invalid, NotFound
from app.members import queries as members
from app.members.queries import Person
from app.offline import rules
from app.offline.models import OFFLINE_DAYS
from app.offline.rules import CHANNEL, Entry, Limits, OfflineRefused
from app.purchases import queries as purchases
from app.purchases.rules import PurchaseOrder
from flex_templates.theme import CAMPHOR, Theme


def take_in(
    session: Session,
    *,
    entry: Entry,
    staff_id: int,
    limits: Limits,
    now: datetime,
    theme: Theme = CAMPHOR,
) -> Checkout:
    """The same entry again changes nothing and is answered alike.

    Raises Invalid, NotFound for nobody known, TokenDead, OfflineRefused, and Conflict when the id
    was used for something else; then the caller must roll back."""
    entry = replace(entry, code=text.half_width(entry.code).strip().upper())
    known = purchases.purchase_by_external_id(session, entry.external_id)
    member_id = None if known is None else known.member_id
    if member_id is None:
        rules.check(entry, limits, now=now)
        try:
            member_id = _member(session, entry, now)
        except TokenDead:  # perhaps by this very entry, sent from another tab meanwhile
            known = purchases.purchase_by_external_id(session, entry.external_id)
            if known is None or known.member_id is None:
                raise
            member_id = known.member_id
    order = PurchaseOrder(
        external_id=entry.external_id,
        amount=entry.amount,
        sold_at=min(entry.at, now),
        member_id=member_id,
        store_id=entry.store_id,
        staff_id=staff_id,
        channel=CHANNEL,
        said=entry.said,
    )
    done = checkouts.record_purchase(session, order=order, now=now, theme=theme)
    if done.is_new:
        _count(session, entry, staff_id, limits)
    return done


def _member(session: Session, entry: Entry, now: datetime) -> int:
    """Raises TokenDead, OfflineRefused, NotFound, Invalid."""
    if entry.code.startswith(PREFIX):
        return _of_card(session, entry, now)
    try:
        number = text.parse_member_number(entry.code)
    except Invalid:
        try:
            phone = text.parse_phone(entry.code)
        except Invalid as wrong:
            raise Invalid("code", "is neither a card, a member number nor a phone") from wrong
        return _joined(members.person_by_phone(session, phone), entry.code)
    return _joined(members.person_by_number(session, number), entry.code)


def _of_card(session: Session, entry: Entry, now: datetime) -> int:
    """The code is long dead; it counts when it was alive as it was scanned, and once."""
    card = cards.late(session, text=entry.code)
    if not rules.was_shown(card.issued_at, card.expires_at, entry.at):
        raise OfflineRefused("card_of_another_time")
    cards.use_late(session, token_id=card.token_id, purpose=CHANNEL, now=now)
    return _joined(members.person(session, card.member_id), entry.code)


def _joined(person: Person | None, key: str) -> int:
    if person is None or not person.is_member:
        raise NotFound("member", key)
    return person.id


_COUNT = {
    dialect: insert(OFFLINE_DAYS).on_conflict_do_update(
        index_elements=["staff_id", "day"],
        set_={
            "sales": OFFLINE_DAYS.c.sales + 1,
            "amount": OFFLINE_DAYS.c.amount + sa.bindparam("more", type_=sa.BigInteger),
        },
        where=sa.and_(
            OFFLINE_DAYS.c.sales < sa.bindparam("most_sales", type_=sa.Integer),
            OFFLINE_DAYS.c.amount + sa.bindparam("more", type_=sa.BigInteger)
            <= sa.bindparam("most", type_=sa.BigInteger),
        ),
    )
    for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


def _count(session: Session, entry: Entry, staff_id: int, limits: Limits) -> None:
    """Raises OfflineRefused when the day is full; of many at once none slips past."""
    day = taipei_date(entry.at)
    row = {"staff_id": staff_id, "day": day, "sales": 1, "amount": entry.amount}
    bounds = {"more": entry.amount, "most_sales": limits.sales, "most": limits.amount}
    is_first_too_much = limits.sales < 1 or entry.amount > limits.amount
    statement = _COUNT[session.get_bind().dialect.name]
    if is_first_too_much or not inserted(session, statement, row | bounds):
        used = session.execute(
            sa.select(OFFLINE_DAYS.c.sales).filter_by(staff_id=staff_id, day=day)
        ).scalar_one_or_none()
        if (used or 0) >= limits.sales:
            raise OfflineRefused("sales", most=limits.sales)
        raise OfflineRefused("amount", most=limits.amount)

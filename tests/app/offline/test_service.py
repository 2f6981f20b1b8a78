"""Sales that a clerk's page kept while the network was lost."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.cards import service as cards
from app.cards.service import TokenDead
from app.checkouts.service import Checkout
from app.core.db import Database
from app.core.errors import Conflict, Invalid, NotFound
from app.offline import rules, service
from app.offline.models import OFFLINE_DAYS
from app.offline.rules import Entry, Limits, OfflineRefused
from app.points import queries as points
from app.purchases.models import Purchase
from tests.support.at_once import at_once
from tests.support.loyalty import publish
from tests.support.people import number_of, regular
from tests.support.staffing import Shop, staffed_shop
from tests.support.times import NOW

LATER = NOW + timedelta(hours=5)
USUAL = Limits()
ID = "5e0c0f3c-6a5a-4a07-9f1e-8f8e6a2d1c00"


@pytest.fixture
def shop(session: Session) -> Shop:
    publish(session)
    return staffed_shop(session)


def typed(shop: Shop, code: str, **more: Any) -> Entry:
    return replace(Entry(ID, code, 790, NOW, shop.store_id), **more)


def take_in(
    session: Session, shop: Shop, entry: Entry, limits: Limits = USUAL, now: datetime = LATER
) -> Checkout:
    staff_id = next(iter(shop.staff.values()))
    return service.take_in(session, entry=entry, staff_id=staff_id, limits=limits, now=now)


def test_it_is_recorded_at_the_time_it_was_typed_and_marked(session: Session, shop: Shop) -> None:
    hana = regular(session, phone="+886912345678")
    done = take_in(session, shop, typed(shop, "0912-345-678"))
    assert done.facts["points"]["earned"] == 7
    sale = session.scalars(sa.select(Purchase)).one()
    assert (sale.member_id, sale.sold_at, sale.channel) == (hana, NOW, "offline")


def test_the_same_entry_again_changes_nothing(session: Session, shop: Shop) -> None:
    code = number_of(session, regular(session))
    first = take_in(session, shop, typed(shop, code))
    again = take_in(session, shop, typed(shop, code), now=LATER + timedelta(days=9))
    assert (again.is_new, again.facts) == (False, first.facts)
    with pytest.raises(Conflict):
        take_in(session, shop, typed(shop, code, amount=791))


def scanned(session: Session, member: int, at: datetime = NOW) -> str:
    return cards.issue_token(session, member_id=member, now=at).text


def test_a_card_that_was_alive_when_it_was_scanned_counts_once(
    session: Session, shop: Shop
) -> None:
    hana = regular(session)
    code = scanned(session, hana)
    assert take_in(session, shop, typed(shop, code.lower())).is_new
    assert not take_in(session, shop, typed(shop, code)).is_new
    with pytest.raises(TokenDead):
        take_in(session, shop, typed(shop, code, id=ID.replace("5", "6")))


@pytest.mark.parametrize("minutes", [-6, 7, 60])
def test_a_card_that_was_not_shown_then_proves_nothing(
    session: Session, shop: Shop, minutes: int
) -> None:
    code = scanned(session, regular(session))
    at = NOW + timedelta(minutes=minutes)
    with pytest.raises(OfflineRefused, match="card_of_another_time"):
        take_in(session, shop, typed(shop, code, at=at))


def test_a_card_used_at_another_till_meanwhile_is_refused(session: Session, shop: Shop) -> None:
    code = scanned(session, regular(session))
    cards.use_token(session, text=code, purpose="till", now=NOW)
    with pytest.raises(TokenDead, match="used"):
        take_in(session, shop, typed(shop, code))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("0999999999", NotFound),
        ("RG1.0123456789ABCDEFGHJKMN", TokenDead),
        ("hello", Invalid),
        ("", Invalid),
    ],
)
def test_nobody_known_is_refused(
    session: Session, shop: Shop, code: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        take_in(session, shop, typed(shop, code))


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"amount": 0}, Invalid),
        ({"amount": -1}, Invalid),
        ({"amount": 20_001}, OfflineRefused),
        ({"at": LATER + timedelta(minutes=6)}, Invalid),
        ({"at": LATER - timedelta(hours=72, seconds=1)}, OfflineRefused),
        ({"id": "short"}, Invalid),
        ({"id": "not/one/of/ours/at/all"}, Invalid),
        ({"id": "x" * 61}, Invalid),
    ],
)
def test_what_no_page_of_ours_would_send_is_refused(
    session: Session, shop: Shop, more: dict[str, Any], error: type[Exception]
) -> None:
    code = number_of(session, regular(session))
    with pytest.raises(error):
        take_in(session, shop, typed(shop, code, **more))


def test_a_clock_slightly_ahead_is_now(session: Session, shop: Shop) -> None:
    code = number_of(session, regular(session))
    take_in(session, shop, typed(shop, code, at=LATER + timedelta(minutes=4)))
    assert session.scalars(sa.select(Purchase.sold_at)).all() == [LATER]


@pytest.mark.parametrize(
    ("limits", "reason"), [(Limits(sales=2), "sales"), (Limits(amount=2_000), "amount")]
)
def test_a_day_takes_in_at_most_its_caps(
    session: Session, shop: Shop, limits: Limits, reason: str
) -> None:
    code = number_of(session, regular(session))
    for key in "ab":
        take_in(session, shop, typed(shop, code, id=key * 20), limits)
    with pytest.raises(OfflineRefused, match=reason):
        take_in(session, shop, typed(shop, code, id="c" * 20), limits)
    yesterday = NOW - timedelta(days=1)
    assert take_in(session, shop, typed(shop, code, id="d" * 20, at=yesterday), limits).is_new


@given(issued=st.integers(-600, 600), scanned=st.integers(-1_200, 1_200))
def test_the_minute_of_a_code_and_five_beside_it_are_believed(issued: int, scanned: int) -> None:
    began = NOW + timedelta(seconds=issued)
    at = NOW + timedelta(seconds=scanned)
    is_near = -300 <= scanned - issued < 360
    assert rules.was_shown(began, began + timedelta(seconds=60), at) is is_near


def test_one_entry_from_many_tabs_at_once_is_one_sale(db: Database) -> None:
    with db.transaction() as session:
        publish(session)
        shop = staffed_shop(session)
        code = scanned(session, regular(session))

    def send() -> bool:
        return db.carried_out(lambda session: take_in(session, shop, typed(shop, code))).is_new

    ended = at_once(*[send] * 6)
    assert sorted(map(str, ended)) == ["False"] * 5 + ["True"]
    with db.reading() as session:
        assert session.execute(sa.select(OFFLINE_DAYS.c.sales, OFFLINE_DAYS.c.amount)).all() == [
            (1, 790)
        ]
        assert points.unbalanced(session) == []


def test_many_entries_at_once_never_pass_the_cap(db: Database) -> None:
    with db.transaction() as session:
        publish(session)
        shop = staffed_shop(session)
        codes = [number_of(session, regular(session, phone=f"+88691234567{n}")) for n in range(6)]
    limits = Limits(sales=3)

    def send(number: int) -> bool:
        entry = typed(shop, codes[number], id=str(number) * 20)
        return db.carried_out(lambda session: take_in(session, shop, entry, limits)).is_new

    ended = at_once(*[lambda n=n: send(n) for n in range(6)])
    assert [type(one) for one in ended].count(OfflineRefused) == 3
    with db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Purchase)) == 3

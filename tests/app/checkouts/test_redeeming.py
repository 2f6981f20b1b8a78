"""Coupons of a sale: several at once, words, and what comes back; also of many sales at once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.checkouts import service
from app.checkouts.service import Checkout, CouponUse
from app.core.db import Database
from app.core.errors import NotFound
from app.coupons import queries
from app.coupons import service as coupons
from app.coupons.models import COUPONS
from app.coupons.rules import CouponNotUsable, KindDraft
from app.programmes.rules import DEFAULT
from app.purchases.rules import PurchaseOrder, RefundOrder
from app.tiers import service as tiers
from tests.app.coupons.test_limits import give, new_kind, outcome, spent
from tests.support import loyalty
from tests.support.at_once import at_once
from tests.support.times import NOW


def join(session: Session) -> int:
    member = loyalty.new_member(session)
    tiers.begin(session, member_id=member, now=NOW - timedelta(days=400))
    return member


@pytest.fixture
def member(session: Session) -> int:
    loyalty.publish(session, DEFAULT)
    return join(session)


def buy(session: Session, member: int, key: str, codes: Sequence[str], off: int = 100) -> Checkout:
    uses = tuple(CouponUse(code, off) for code in codes)
    order = PurchaseOrder(key, 2_000 - off * len(uses), NOW, member_id=member)
    return service.record_purchase(session, order=order, now=NOW, coupons=uses)


def give_back(session: Session, key: str, amount: int) -> None:
    refund = RefundOrder(f"back-{key}", key, amount)
    service.refund_purchase(session, order=refund, now=NOW + timedelta(hours=1))


def test_refunds_of_the_same_kinds_in_another_order_all_go_through(db: Database) -> None:
    sales = 12
    with db.transaction() as session:
        loyalty.publish(session, DEFAULT)
        kinds = [new_kind(session), new_kind(session)]
        for number in range(sales):
            member = join(session)  # the coupons of every other one are older in the second kind
            pair = [give(session, kind, member) for kind in kinds[:: 1 if number % 2 else -1]]
            buy(session, member, f"p{number}", pair)

    def refund(number: int) -> None:
        with db.transaction() as session:
            give_back(session, f"p{number}", 1_800)

    ended = Counter(outcome(one) for one in at_once(*(partial(refund, n) for n in range(sales))))
    assert ended == {"done": sales}
    with db.reading() as session:
        assert [spent(session, kind) for kind in kinds] == [(0, 0), (0, 0)]
        assert queries.broken(session) == []


def test_a_word_and_a_coupon_of_an_older_kind_never_wait_in_a_ring(db: Database) -> None:
    sales = 12
    with db.transaction() as session:
        loyalty.publish(session, DEFAULT)
        older, newer = new_kind(session), new_kind(session, word="RING100")
        members = [join(session) for _ in range(sales)]
        codes = [
            [
                give(session, older, member),
                "RING100" if number % 2 else give(session, newer, member),
            ]
            for number, member in enumerate(members)
        ]

    def sell(number: int) -> None:
        with db.transaction() as session:
            buy(session, members[number], f"p{number}", codes[number][:: 1 if number % 3 else -1])

    ended = Counter(outcome(one) for one in at_once(*(partial(sell, n) for n in range(sales))))
    assert ended == {"done": sales}
    with db.reading() as session:
        assert spent(session, older) == spent(session, newer) == (sales, 100 * sales)
        assert queries.broken(session) == []


def test_saying_a_word_in_the_chat_and_at_the_till_at_once_ends_well(db: Database) -> None:
    with db.transaction() as session:
        loyalty.publish(session, DEFAULT)
        new_kind(session, word="BOTH100", per_member_limit=5)
        member = join(session)

    def chat() -> None:
        with db.transaction() as session:
            coupons.claim_word(
                session, word="BOTH100", member_id=member, joined_on=NOW.date(), now=NOW
            )

    def sell(number: int) -> None:
        with db.transaction() as session:
            buy(session, member, f"p{number}", ["BOTH100"])

    works = [chat if number % 2 else partial(sell, number) for number in range(6)]
    ended = Counter(outcome(one) for one in at_once(*works))
    assert set(ended) <= {"done", "per_member", "word_per_member"}
    with db.reading() as session:
        assert queries.broken(session) == []
        assert states(session).count("redeemed") == 3


def test_one_coupon_of_several_that_cannot_come_back_stops_all(
    session: Session, member: int
) -> None:
    kind = new_kind(session)
    codes = [give(session, kind, member) for _ in range(2)]
    buy(session, member, "p1", codes)
    used = list(session.scalars(sa.select(COUPONS.c.id).order_by(COUPONS.c.id)))
    coupons.rollback(session, coupon_id=used[1], reason="測試", staff_id=None, now=NOW)
    with pytest.raises(NotFound, match="redeemed coupon"), session.begin_nested():
        coupons.rollback_all(session, coupon_ids=used, reason="退貨", staff_id=None, now=NOW)
    assert spent(session, kind) == (1, 100)


def test_what_the_till_took_off_must_be_what_the_coupon_gives(
    session: Session, member: int
) -> None:
    code = give(session, new_kind(session), member)
    with pytest.raises(CouponNotUsable, match="discount"):
        buy(session, member, "p1", [code], off=99)


# Words, and what takes nothing off ----------------------------------------------------------------


def test_a_word_stands_for_the_coupon_it_gave_before(session: Session, member: int) -> None:
    new_kind(session, word="HELLO100", per_member_limit=2)
    chat = coupons.claim_word(
        session, word="HELLO100", member_id=member, joined_on=NOW.date(), now=NOW
    )
    assert chat is not None
    first = buy(session, member, "p1", ["hello100"])
    assert [one["code"] for one in first.facts["coupons"]] == [chat.code]
    second = buy(session, member, "p2", ["HELLO100"])
    assert [one["code"] for one in second.facts["coupons"]] != [chat.code]
    with pytest.raises(CouponNotUsable, match="word_per_member"), session.begin_nested():
        buy(session, member, "p3", ["HELLO100"])


def test_a_words_coupon_held_for_another_order_is_not_taken(session: Session, member: int) -> None:
    new_kind(session, word="HELD100")
    chat = coupons.claim_word(
        session, word="HELD100", member_id=member, joined_on=NOW.date(), now=NOW
    )
    assert chat is not None
    coupons.reserve(session, codes=[chat.code], member_id=member, order_id="p1", now=NOW)
    with pytest.raises(CouponNotUsable, match="word_per_member"), session.begin_nested():
        buy(session, member, "p2", ["HELD100"])
    assert buy(session, member, "p1", ["HELD100"]).facts["coupons"][0]["code"] == chat.code


@pytest.mark.parametrize(("price", "off"), [(2_000, 0), (1_999, 1)])
def test_a_coupon_that_takes_nothing_off_is_not_lost(
    session: Session, member: int, price: int, off: int
) -> None:
    code = give(session, new_kind(session, type="fixed_price", value=price), member)
    if off:
        buy(session, member, "p1", [code], off=off)
    else:
        with pytest.raises(CouponNotUsable, match="takes_nothing"), session.begin_nested():
            buy(session, member, "p1", [code], off=off)
    assert states(session) == ["redeemed" if off else "issued"]


def test_a_gift_takes_nothing_off_and_is_used(session: Session, member: int) -> None:
    code = give(session, new_kind(session, type="gift", value=0), member)
    buy(session, member, "p1", [code], off=0)
    assert states(session) == ["redeemed"]


# What the order held ------------------------------------------------------------------------------


def test_the_sale_lets_go_of_what_it_held_and_did_not_use(session: Session, member: int) -> None:
    kind = new_kind(session)
    first, second, third = (give(session, kind, member) for _ in range(3))
    for order, codes in (("p1", [first, second]), ("p2", [third])):
        coupons.reserve(session, codes=codes, member_id=member, order_id=order, now=NOW)
    buy(session, member, "p1", [first])
    assert states(session) == ["redeemed", "issued", "reserved"]
    buy(session, member, "p2", [])
    assert states(session) == ["redeemed", "issued", "issued"]


def states(session: Session) -> list[str]:
    return list(session.scalars(sa.select(COUPONS.c.status).order_by(COUPONS.c.id)))


# The gift of a tier -------------------------------------------------------------------------------


def lifted(session: Session, member: int) -> str:
    """The code of the gift that came with silver."""
    new = KindDraft("silver-gift", "銀卡升等禮", "amount_off", 100, valid_days=90)
    gift = next(tier.gift for tier in DEFAULT.tiers if tier.code == "silver")
    coupons.create_kind(session, draft=replace(new, code=gift or ""), now=NOW - timedelta(days=1))
    order = PurchaseOrder("up", 6_000, NOW, member_id=member)
    service.record_purchase(session, order=order, now=NOW)
    return str(session.scalar(sa.select(COUPONS.c.code)))


def test_a_gift_held_for_an_order_goes_with_its_tier(session: Session, member: int) -> None:
    gift = lifted(session, member)
    coupons.reserve(session, codes=[gift], member_id=member, order_id="p1", now=NOW)
    give_back(session, "up", 6_000)
    assert states(session) == ["revoked"]


def test_a_gift_that_comes_back_after_its_tier_was_taken_goes_too(
    session: Session, member: int
) -> None:
    buy(session, member, "p1", [lifted(session, member)])
    give_back(session, "up", 6_000)
    assert states(session) == ["redeemed"]
    give_back(session, "p1", 1_900)
    assert states(session) == ["revoked"]
    assert queries.broken(session) == []
    order = PurchaseOrder("again", 6_000, NOW + timedelta(days=1), member_id=member)
    service.record_purchase(session, order=order, now=order.sold_at)
    assert states(session) == ["issued"]  # it comes back with the tier


def test_a_gift_that_comes_back_while_its_tier_lasts_stays(session: Session, member: int) -> None:
    buy(session, member, "p1", [lifted(session, member)])
    give_back(session, "p1", 1_900)
    assert states(session) == ["issued"]

"""Goods come back and others go out in one step."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.checkouts import service
from app.checkouts.service import Checkout, CouponUse, ExchangeOrder, PointPayment
from app.core.db import Database
from app.core.errors import Conflict, NotFound
from app.coupons import service as coupons
from app.coupons.models import COUPONS
from app.coupons.rules import KindDraft
from app.outbox.models import OutboxRow
from app.points import queries as points
from app.programmes.rules import DEFAULT, Redemption
from app.purchases import queries as purchases
from app.purchases.models import REFUNDS, Purchase
from app.purchases.rules import PurchaseOrder, RefundOrder, RefundTooLarge
from app.stamps import queries as stamps
from app.tiers import queries as tiers
from app.timeline.models import Fact
from tests.app.checkouts.test_payments import grant
from tests.app.checkouts.test_service import open_shop
from tests.support.at_once import at_once
from tests.support.times import NOW

PAYS = replace(
    DEFAULT, redemption=Redemption(is_on=True, step=100, pays=10, minimum=100, max_percent=50)
)


@pytest.fixture
def member(session: Session) -> int:
    return open_shop(session, PAYS)


def buy(session: Session, member: int | None, amount: int, key: str = "p1", **more: Any) -> None:
    order = PurchaseOrder(key, amount, NOW, member_id=member)
    service.record_purchase(session, order=order, now=NOW, **more)


def exchange(
    session: Session, back: int, amount: int, key: str = "x1", sale: str = "p1", **more: Any
) -> Checkout:
    order = ExchangeOrder(key, sale, back, amount, NOW)
    return service.exchange_purchase(session, order=order, now=NOW, **more)


def sent(session: Session) -> list[str]:
    return list(session.scalars(sa.select(OutboxRow.kind).order_by(OutboxRow.id)))


def evidence(session: Session) -> list[object]:
    return [*points.unbalanced(session), *tiers.broken(session), *purchases.broken(session)]


def test_the_difference_earns_and_one_receipt_says_both(session: Session, member: int) -> None:
    buy(session, member, 790)
    done = exchange(session, 790, 1_280)
    assert done.is_new
    assert done.facts["exchange"] == {
        "external_id": "x1",
        "purchase_external_id": "p1",
        "back": 790,
        "amount": 1_280,
        "to_pay": 490,
    }
    told = done.facts["points"]
    assert (told["revoked"], told["earned"], told["pending"]) == (7, 12, 12)
    assert sent(session) == ["receipt", "exchange"]
    assert evidence(session) == []


def test_the_same_exchange_again_is_answered_alike(session: Session, member: int) -> None:
    buy(session, member, 790)
    first = exchange(session, 790, 1_280)
    again = exchange(session, 790, 1_280)
    assert (again.is_new, again.facts) == (False, first.facts)
    assert sent(session) == ["receipt", "exchange"]


@pytest.mark.parametrize(("back", "amount", "sale"), [(790, 1_281, "p1"), (1, 1_280, "p1")])
def test_the_same_id_with_other_content_is_refused(
    session: Session, member: int, back: int, amount: int, sale: str
) -> None:
    buy(session, member, 790)
    exchange(session, 790, 1_280)
    with pytest.raises(Conflict):
        exchange(session, back, amount, sale=sale)


def test_a_sale_of_the_same_id_is_not_taken_for_the_exchange(session: Session, member: int) -> None:
    buy(session, member, 790)
    buy(session, member, 1_280, "x1")
    with pytest.raises(Conflict):
        exchange(session, 790, 1_280)


def test_an_unknown_sale_and_more_than_is_left_are_refused(session: Session, member: int) -> None:
    buy(session, member, 790)
    with pytest.raises(NotFound):
        exchange(session, 790, 1_280, sale="nothing")
    with pytest.raises(RefundTooLarge):
        exchange(session, 791, 1_280)


def test_what_the_new_sale_refuses_leaves_the_old_one_as_it_was(sqlite_db: Database) -> None:
    with sqlite_db.transaction() as session:
        buy(session, open_shop(session), 790)
    with pytest.raises(NotFound), sqlite_db.transaction() as session:
        exchange(session, 790, 700, coupons=(CouponUse("NOSUCHCODE22", 90),))
    with sqlite_db.reading() as session:
        assert session.scalars(sa.select(Purchase.refunded)).all() == [0]


def test_an_exchange_without_a_member_tells_nobody(session: Session, member: int) -> None:
    buy(session, None, 790)
    done = exchange(session, 790, 900)
    assert done.facts["tier"] is None
    assert sent(session) == []


def held(session: Session, member: int) -> str:
    draft = KindDraft("hundred", "百元券", "amount_off", 100, valid_days=30)
    coupons.create_kind(session, draft=draft, now=NOW)
    given = coupons.issue(
        session, kind_code="hundred", member_id=member, source="test", dedup_key="1", now=NOW
    )
    assert given is not None
    return given.code


def test_a_coupon_that_comes_back_pays_for_the_goods_that_go_out(
    session: Session, member: int
) -> None:
    code = held(session, member)
    buy(session, member, 690, coupons=(CouponUse(code, 100),))
    done = exchange(session, 690, 900, coupons=(CouponUse(code, 100),))
    assert [one["code"] for one in done.facts["coupons"]] == [code]
    assert done.facts["coupons_returned"] == []
    assert session.scalars(sa.select(COUPONS.c.status)).all() == ["redeemed"]


def test_a_coupon_that_is_not_used_again_is_the_members_again(
    session: Session, member: int
) -> None:
    code = held(session, member)
    buy(session, member, 690, coupons=(CouponUse(code, 100),))
    done = exchange(session, 690, 900)
    assert done.facts["coupons_returned"] == ["百元券"]
    assert session.scalars(sa.select(COUPONS.c.status)).all() == ["issued"]


def test_of_two_coupons_of_one_name_the_one_not_used_again_is_told(
    session: Session, member: int
) -> None:
    draft = KindDraft("hundred", "百元券", "amount_off", 100, valid_days=30, stacking="stackable")
    coupons.create_kind(session, draft=draft, now=NOW)
    uses = []
    for key in "12":
        given = coupons.issue(
            session, kind_code="hundred", member_id=member, source="test", dedup_key=key, now=NOW
        )
        assert given is not None
        uses.append(CouponUse(given.code, 100))
    buy(session, member, 590, coupons=tuple(uses))
    done = exchange(session, 590, 800, coupons=(uses[0],))
    assert done.facts["coupons_returned"] == ["百元券"]


def test_points_that_come_back_pay_again(session: Session, member: int) -> None:
    grant(session, member, 300, "g1")
    payment = PointPayment(300, "card")
    buy(session, member, 470, payment=payment)
    done = exchange(session, 470, 770, payment=payment)
    told = done.facts["points"]
    assert (told["restored"], told["redeemed"], told["balance"]) == (300, 300, 0)
    assert evidence(session) == []


def test_a_tier_that_the_exchange_keeps_is_neither_lost_nor_celebrated_again(
    session: Session, member: int
) -> None:
    buy(session, member, 20_000)
    before = sent(session)
    done = exchange(session, 20_000, 20_500)
    assert done.facts["tier"]["code"] == "gold"
    assert sent(session) == [*before, "exchange"]
    told = sa.select(OutboxRow.payload).where(OutboxRow.kind == "exchange")
    assert "等級調整" not in str(session.scalars(told).one())
    assert session.scalars(sa.select(COUPONS.c.status)).all() == ["issued"]


def lifted(session: Session) -> list[str]:
    """What was told of the tier."""
    kinds = sa.select(Fact.kind).where(Fact.kind.startswith("tier.")).order_by(Fact.id)
    return list(session.scalars(kinds))


def periods(session: Session, member: int) -> list[tuple[object, ...]]:
    return [
        (held.tier_code, held.starts_at, held.ends_at) for held in tiers.history(session, member)
    ]


def test_a_tier_that_the_exchange_keeps_has_not_moved(session: Session, member: int) -> None:
    buy(session, member, 20_000)
    before, told = periods(session, member), lifted(session)
    later = NOW + timedelta(days=3)
    order = ExchangeOrder("x1", "p1", 20_000, 20_000, later)
    done = service.exchange_purchase(session, order=order, now=later)
    assert (periods(session, member), lifted(session)) == (before, told)
    assert done.facts["points"]["earned"] == done.facts["points"]["revoked"]  # at the same rate
    assert tiers.progress(session, member, now=later).to_keep  # it does not renew as well
    assert evidence(session) == []


def test_a_tier_that_the_exchange_loses_goes_before_the_sale(session: Session, member: int) -> None:
    buy(session, member, 20_000)
    done = exchange(session, 20_000, 6_000)
    assert done.facts["tier"]["code"] == "silver"
    assert lifted(session)[-2:] == ["tier.revoked", "tier.upgraded"]
    statuses = session.execute(sa.select(COUPONS.c.source, COUPONS.c.status)).all()
    assert sorted(map(tuple, statuses)) == [
        ("upgrade:gold", "revoked"),
        ("upgrade:silver", "issued"),
    ]
    assert evidence(session) == []


def test_what_took_the_place_of_a_sale_can_be_given_back_with_its_tier(
    session: Session, member: int
) -> None:
    buy(session, member, 6_000, "p0")
    buy(session, member, 14_000)
    exchange(session, 14_000, 14_500)
    service.refund_purchase(session, order=RefundOrder("r1", "x1", 14_500), now=NOW)
    held = tiers.open_period(session, member)
    assert held is not None
    assert held.tier_code == "silver"
    assert evidence(session) == []


amounts = st.integers(0, 3_000)


@given(sale=st.integers(1, 25_000), share=st.integers(1, 100), amount=amounts, before=amounts)
@settings(max_examples=15, suppress_health_check=list(HealthCheck), derandomize=True)
def test_an_exchange_is_worth_the_refund_and_then_the_sale(
    sqlite_db: Database, sale: int, share: int, amount: int, before: int
) -> None:
    back = max(1, sale * share // 100)

    def in_one_step(session: Session) -> None:
        exchange(session, back, amount)

    def in_two_steps(session: Session) -> None:
        service.refund_purchase(session, order=RefundOrder("r1", "p1", back), now=NOW)
        buy(session, session.scalars(sa.select(Purchase.member_id).limit(1)).one(), amount, "x1")

    found = []
    for do in (in_one_step, in_two_steps):
        with sqlite_db.transaction() as session:
            session.begin_nested()
            hana = open_shop(session)
            buy(session, hana, sale)
            buy(session, hana, before, "p0")
            do(session)
            assert evidence(session) == []
            found.append(books(session, hana))
            session.rollback()
    assert found[0] == found[1]


def books(session: Session, member: int) -> tuple[object, ...]:
    """All that a member owns."""
    return (
        points.standing(session, member, now=NOW),
        tiers.progress(session, member, now=NOW),
        purchases.worths(session, [member], first=NOW.date()),
        session.execute(sa.select(COUPONS.c.status, COUPONS.c.source)).all(),
        stamps.standings(session, member, now=NOW),
    )


def test_the_same_exchange_many_times_at_once_happens_once(db: Database) -> None:
    with db.transaction() as session:
        buy(session, open_shop(session), 790)

    def post() -> bool:
        return db.carried_out(lambda session: exchange(session, 790, 1_280)).is_new

    assert sorted(map(str, at_once(*[post] * 8))) == ["False"] * 7 + ["True"]
    with db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(REFUNDS)) == 1
        assert sent(session).count("exchange") == 1
        assert evidence(session) == []


def test_exchanges_and_refunds_at_once_never_give_back_more_than_was_paid(db: Database) -> None:
    with db.transaction() as session:
        buy(session, open_shop(session), 1_000)

    def swap(number: int) -> None:
        db.carried_out(lambda session: exchange(session, 300, 200, f"x{number}"))

    def refund(number: int) -> None:
        order = RefundOrder(f"r{number}", "p1", 300)
        db.carried_out(lambda session: service.refund_purchase(session, order=order, now=NOW))

    works = [lambda n=n: swap(n) for n in range(4)] + [lambda n=n: refund(n) for n in range(4)]
    ended = at_once(*works)
    assert sum(one is None for one in ended) == 3
    assert {type(one) for one in ended if one is not None} == {RefundTooLarge}
    with db.reading() as session:
        assert evidence(session) == []

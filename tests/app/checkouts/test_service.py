"""What happens at the till, whole: sale, points, tier, gift, receipt, refund; and all at once."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.checkouts import service
from app.checkouts.service import Checkout
from app.core.db import Database
from app.core.errors import Conflict
from app.coupons import service as coupons
from app.coupons.models import COUPONS
from app.coupons.rules import KindDraft
from app.outbox.models import OutboxRow
from app.points import queries as points
from app.programmes.rules import DEFAULT, Terms, Tier
from app.purchases import queries as purchases
from app.purchases.rules import Item, PurchaseOrder, RefundOrder, RefundTooLarge
from app.tiers import queries as tiers
from app.tiers import service as tier_service
from app.timeline.models import Fact
from tests.support import loyalty
from tests.support.times import NOW

DAY = timedelta(days=1)


def open_shop(session: Session, terms: Terms = DEFAULT) -> int:
    """A brand with its upgrade gifts; returns a member of the lowest tier."""
    loyalty.publish(session, terms)
    for tier in terms.tiers:
        if tier.gift:
            draft = KindDraft(tier.gift, f"{tier.name}升等禮", "amount_off", 100, valid_days=30)
            coupons.create_kind(session, draft=draft, now=NOW - 900 * DAY)
    return join(session)


def join(session: Session, birthday: date | None = None) -> int:
    member = loyalty.new_member(session, birthday=birthday)
    tier_service.begin(session, member_id=member, now=NOW - 400 * DAY)
    return member


@pytest.fixture
def member(session: Session) -> int:
    return open_shop(session)


def order(member: int | None, amount: int, key: str = "p1", **fields: Any) -> PurchaseOrder:
    return replace(PurchaseOrder(key, amount, NOW, member_id=member), **fields)


def buy(session: Session, given: PurchaseOrder) -> Checkout:
    return service.record_purchase(session, order=given, now=max(NOW, given.sold_at))


def give_back(
    session: Session, amount: int, key: str = "r1", sale: str = "p1", after: timedelta = timedelta()
) -> Checkout:
    return service.refund_purchase(session, order=RefundOrder(key, sale, amount), now=NOW + after)


def sent(session: Session) -> list[str]:
    return list(session.scalars(sa.select(OutboxRow.kind).order_by(OutboxRow.id)))


def gifts(session: Session) -> list[str]:
    return list(session.scalars(sa.select(COUPONS.c.status).order_by(COUPONS.c.id)))


def evidence(session: Session) -> list[object]:
    return [*points.unbalanced(session), *tiers.broken(session), *purchases.broken(session)]


def test_a_sale_earns_and_is_answered_with_points_and_tier(session: Session, member: int) -> None:
    done = buy(session, order(member, 790))
    assert done.is_new
    points_told = {"earned": 7, "redeemed": 0, "discount": 0, "pending": 7, "balance": 0}
    assert done.facts["points"] == points_told
    assert done.facts["tier"] == {"code": "basic", "name": "普卡"}
    assert sent(session) == ["receipt"]
    kinds = set(session.scalars(sa.select(Fact.kind).where(Fact.member_id == member)))
    assert "purchase.recorded" in kinds
    assert evidence(session) == []


def test_the_same_sale_again_is_answered_alike_and_changes_nothing(
    session: Session, member: int
) -> None:
    first = buy(session, order(member, 790))
    buy(session, order(member, 500, "p2"))
    again = buy(session, order(member, 790))
    assert (again.is_new, again.facts) == (False, first.facts)
    assert sent(session) == ["receipt", "receipt"]
    with pytest.raises(Conflict):
        buy(session, order(member, 791))


def test_the_sale_that_lifts_still_earns_at_the_old_rate(session: Session, member: int) -> None:
    lifted = buy(session, order(member, 20_000))
    assert lifted.facts["points"]["earned"] == 200
    assert lifted.facts["tier"]["code"] == "gold"
    after = buy(session, order(member, 1_000, "p2", sold_at=NOW + timedelta(seconds=1)))
    assert after.facts["points"]["earned"] == 15
    assert gifts(session) == ["issued"]
    assert sorted(sent(session)) == ["receipt", "receipt", "tier.upgraded"]


def test_in_the_birth_month_points_double(session: Session, member: int) -> None:
    hana = join(session, birthday=date(1990, 7, 31))
    assert buy(session, order(hana, 790)).facts["points"]["earned"] == 14


def test_excluded_lines_neither_earn_nor_lift(session: Session, member: int) -> None:
    voucher = Item(name="禮券", category="voucher", unit_price=4_000)
    done = buy(session, order(member, 5_000, items=(voucher,)))
    assert done.facts["points"]["earned"] == 10
    assert done.facts["tier"]["code"] == "basic"


def test_a_day_earns_at_most_its_cap(session: Session) -> None:
    capped = replace(DEFAULT, earning=replace(DEFAULT.earning, cap_per_day=10))
    member = open_shop(session, capped)
    earned = [
        buy(session, order(member, 790, f"p{number}")).facts["points"]["earned"]
        for number in range(3)
    ]
    tomorrow = buy(session, order(member, 790, "p9", sold_at=NOW + DAY))
    assert [*earned, tomorrow.facts["points"]["earned"]] == [7, 3, 0, 7]


def test_a_sale_after_the_tier_ended_earns_at_the_new_rate(session: Session, member: int) -> None:
    buy(session, order(member, 6_000))
    end = NOW + 365 * DAY - timedelta(hours=12)  # 00:00 in Taipei a year later
    before = buy(session, order(member, 1_000, "p2", sold_at=end - timedelta(seconds=1)))
    after = buy(session, order(member, 1_000, "p3", sold_at=end))
    earned = [done.facts["points"]["earned"] for done in (before, after)]
    assert earned == [12, 10]
    assert after.facts["tier"]["code"] == "basic"


def test_a_late_sale_earns_at_the_rate_of_its_time(session: Session, member: int) -> None:
    buy(session, order(member, 6_000))
    late = order(member, 1_000, "p2", sold_at=NOW - DAY)
    assert buy(session, late).facts["points"]["earned"] == 10


def test_an_unknown_buyer_is_recorded_without_points(session: Session, member: int) -> None:
    done = buy(session, order(None, 790))
    assert done.facts["points"]["earned"] == 0
    assert done.facts["tier"] is None
    assert give_back(session, 790).is_new
    assert evidence(session) == []


def test_refunds_in_pieces_take_back_exactly_what_was_earned(session: Session, member: int) -> None:
    buy(session, order(member, 790))
    revoked = [
        give_back(session, amount, f"r{number}").facts["points"]["revoked"]
        for number, amount in enumerate((290, 100, 400))
    ]
    assert sum(revoked) == 7
    standing = points.standing(session, member, now=NOW)
    assert (standing.balance, standing.pending, standing.debt) == (0, 0, 0)
    assert evidence(session) == []


def test_the_same_refund_again_is_answered_alike(session: Session, member: int) -> None:
    buy(session, order(member, 790))
    first = give_back(session, 300)
    again = give_back(session, 300)
    assert (again.is_new, again.facts) == (False, first.facts)
    with pytest.raises(Conflict):
        give_back(session, 301)
    with pytest.raises(RefundTooLarge):
        give_back(session, 500, "r2")
    assert evidence(session) == []


def test_a_refund_in_the_return_window_takes_tier_and_unused_gift(
    session: Session, member: int
) -> None:
    buy(session, order(member, 6_000))
    done = give_back(session, 6_000, after=5 * DAY)
    assert done.facts["tier"]["code"] == "basic"
    assert gifts(session) == ["revoked"]
    assert evidence(session) == []


def test_buying_again_after_the_refund_brings_the_gift_back_and_no_second_one(
    session: Session, member: int
) -> None:
    buy(session, order(member, 6_000))
    give_back(session, 6_000, after=DAY)
    again = order(member, 6_000, "p2", sold_at=NOW + 2 * DAY)
    assert buy(session, again).facts["tier"]["code"] == "silver"
    assert gifts(session) == ["issued"]


def test_a_used_gift_stays_used_and_is_not_given_again(session: Session, member: int) -> None:
    buy(session, order(member, 6_000))
    session.execute(sa.update(COUPONS).values(status="redeemed", redeemed_at=NOW))
    give_back(session, 6_000, after=DAY)
    assert gifts(session) == ["redeemed"]
    reported = session.scalars(sa.select(Fact.kind).where(Fact.member_id == member))
    assert "coupon.used_before_revocation" in set(reported)
    buy(session, order(member, 6_000, "p2", sold_at=NOW + 2 * DAY))
    assert gifts(session) == ["redeemed"]


def test_an_upgrade_happens_although_its_gift_cannot_be_given(session: Session) -> None:
    loyalty.publish(session)  # no coupon kind exists
    member = join(session)
    assert buy(session, order(member, 6_000)).facts["tier"]["code"] == "silver"


def at_once(number: int, work: Callable[[int], None]) -> None:
    together = threading.Barrier(number)

    def run(turn: int) -> None:
        together.wait()
        work(turn)

    threads = [threading.Thread(target=run, args=(turn,)) for turn in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture
def shop(db: Database) -> tuple[Database, int]:
    with db.transaction() as session:
        return db, open_shop(session)


def test_the_same_sale_posted_twenty_times_at_once_is_one(shop: tuple[Database, int]) -> None:
    db, member = shop
    answers: list[Checkout] = []

    def post(_turn: int) -> None:
        with db.transaction() as session:
            done = buy(session, order(member, 790))
        answers.append(done)

    at_once(20, post)
    assert len(answers) == 20
    assert sum(answer.is_new for answer in answers) == 1
    assert all(answer.facts == answers[0].facts for answer in answers)
    with db.transaction() as session:
        assert points.standing(session, member, now=NOW).pending == 7
        assert sent(session) == ["receipt"]
        assert evidence(session) == []


def test_two_sales_that_both_cross_a_threshold_lift_once_with_one_gift(
    shop: tuple[Database, int],
) -> None:
    db, member = shop

    def post(turn: int) -> None:
        with db.transaction() as session:
            buy(session, order(member, 6_000, f"p{turn}"))

    at_once(2, post)
    with db.transaction() as session:
        held = [period.tier_code for period in tiers.history(session, member)]
        assert held == ["basic", "silver"]
        assert gifts(session) == ["issued"]
        assert Counter(sent(session)) == {"receipt": 2, "tier.upgraded": 1}
        assert evidence(session) == []


def test_refunds_at_once_never_give_back_more_than_was_paid(shop: tuple[Database, int]) -> None:
    db, member = shop
    with db.transaction() as session:
        buy(session, order(member, 1_000))
    results: Counter[str] = Counter()

    def post(turn: int) -> None:
        try:
            with db.transaction() as session:
                give_back(session, 300, f"r{turn}")
            results["done"] += 1
        except RefundTooLarge:
            results["refused"] += 1

    at_once(10, post)
    assert results == {"done": 3, "refused": 7}
    with db.transaction() as session:
        assert points.standing(session, member, now=NOW).pending == 1
        assert evidence(session) == []


def test_sales_and_refunds_of_many_members_at_once_keep_all_books(
    shop: tuple[Database, int],
) -> None:
    db, first = shop
    with db.transaction() as session:
        members = [first, *(join(session) for _ in range(3))]

    def post(turn: int) -> None:
        member = members[turn % 4]
        with db.transaction() as session:
            buy(session, order(member, 1_500 + turn, f"p{turn}"))
        if turn % 3 == 0:
            with db.transaction() as session:
                give_back(session, 700, f"r{turn}", f"p{turn}")

    at_once(24, post)
    with db.transaction() as session:
        assert evidence(session) == []


# Tiers that count points --------------------------------------------------------------------------


def test_points_that_purchases_earned_lift_and_fall_with_a_refund(session: Session) -> None:
    silver = Tier("silver", "銀卡", 0, percent=120, points=20)
    member = open_shop(session, replace(DEFAULT, tiers=(DEFAULT.tiers[0], silver)))
    buy(session, order(member, 1_900, "p1"))
    assert tiers.progress(session, member, now=NOW).tier.code == "basic"
    facts = buy(session, order(member, 100, "p2")).facts
    assert facts["tier"]["code"] == "silver"
    receipt = session.scalars(
        sa.select(OutboxRow.payload).where(OutboxRow.dedup_key.like("receipt:%"))
    ).first()
    assert "再以消費得 1 點 即可升等銀卡" in str(receipt)
    service.refund_purchase(session, order=RefundOrder("r1", "p2", 1), now=NOW + DAY)
    assert tiers.progress(session, member, now=NOW + DAY).tier.code == "basic"


def test_a_refund_that_took_no_points_is_not_blamed(session: Session) -> None:
    """The first refund took points outside the return window, the second takes none."""
    silver = Tier("silver", "銀卡", 0, percent=120, points=20)
    terms = replace(DEFAULT, tiers=(DEFAULT.tiers[0], silver))
    member = open_shop(session, terms)
    old = buy(session, order(member, 1_000, "p1"))
    assert old.is_new
    buy(session, order(member, 1_050, "p2", sold_at=NOW + 40 * DAY))
    later = NOW + 41 * DAY
    service.refund_purchase(session, order=RefundOrder("r1", "p1", 500), now=later)
    assert tiers.progress(session, member, now=later).tier.code == "silver"
    service.refund_purchase(session, order=RefundOrder("r2", "p2", 10), now=later)
    assert tiers.progress(session, member, now=later).tier.code == "silver"

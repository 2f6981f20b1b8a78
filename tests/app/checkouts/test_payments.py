"""Points as payment at the till: what they pay, what is refused, and how they come back."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.checkouts import service
from app.checkouts.service import Checkout, CouponUse, PointPayment
from app.core.db import Database
from app.core.errors import Invalid
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.outbox.models import OutboxRow
from app.points import queries as points
from app.points import service as point_service
from app.points.models import LOTS
from app.points.rules import NotEnoughPoints, PaymentRefused
from app.points.service import Cause
from app.programmes.rules import DEFAULT, PointTerms, Redemption
from app.purchases import queries as purchases
from app.purchases.rules import PurchaseOrder, RefundOrder, RefundTooLarge
from app.tiers import service as tiers
from tests.support import loyalty
from tests.support.times import NOW

DAY = timedelta(days=1)
ANY = replace(DEFAULT, redemption=Redemption(is_on=True))


def grant(session: Session, member: int, number: int, key: str, days: int | None = None) -> None:
    """Usable points; with `days`, which expire after so many."""
    posted = point_service.adjust(
        session,
        member_id=member,
        points=number,
        cause=Cause(key, "test", "期初"),
        terms=PointTerms(),
        now=NOW - DAY,
    )
    if days is not None:
        session.execute(
            sa.update(LOTS)
            .where(LOTS.c.operation_id == posted.operation_id)
            .values(expires_at=NOW + timedelta(days=days))
        )


def hana(session: Session, number: int = 300) -> int:
    member = loyalty.new_member(session)
    tiers.begin(session, member_id=member, now=NOW - 400 * DAY)
    if number:
        grant(session, member, number, f"start:{member}")
    return member


@pytest.fixture
def member(session: Session) -> int:
    loyalty.publish(session, ANY)
    return hana(session)


def buy(
    session: Session, member: int | None, paid: int, used: int, key: str = "p1", **more: object
) -> Checkout:
    order = PurchaseOrder(key, paid, NOW, member_id=member)
    payment = PointPayment(used, "card", more.pop("discount", None))  # type: ignore[arg-type]  # int
    return service.record_purchase(session, order=order, now=NOW, payment=payment, **more)  # type: ignore[arg-type]  # a coupon


def give_back(session: Session, amount: int, key: str = "r1", days: int = 0) -> Checkout:
    order = RefundOrder(key, "p1", amount)
    return service.refund_purchase(session, order=order, now=NOW + timedelta(days=days))


def left(session: Session, member: int, days: int = 0) -> int:
    return points.standing(session, member, now=NOW + timedelta(days=days)).balance


def sound(session: Session) -> bool:
    return not [*points.unbalanced(session), *purchases.broken(session)]


def test_points_pay_and_only_what_is_paid_besides_earns(session: Session, member: int) -> None:
    done = buy(session, member, 690, 100)
    assert done.facts["purchase"]["amount"] == 690
    assert done.facts["points"] == {
        "earned": 6,
        "redeemed": 100,
        "discount": 100,
        "pending": 6,
        "balance": 200,
    }
    payment = points.payment_of(session, done.purchase_id)
    assert payment is not None
    assert (payment.points, payment.worth, payment.restored) == (100, 100, 0)
    newest = points.history(session, member)[1]
    assert (newest.kind, newest.points, newest.reason) == ("redeem", -100, "消費折抵 NT$100")
    assert newest.facts["proof"] == "card"
    assert sound(session)


def test_the_receipt_says_so(session: Session, member: int) -> None:
    buy(session, member, 690, 100)
    payload = session.scalars(sa.select(OutboxRow.payload)).one()
    assert "使用點數 100 點" in payload
    assert "-NT$100" in payload


def test_the_same_sale_again_spends_nothing_more(session: Session, member: int) -> None:
    first = buy(session, member, 690, 100)
    again = buy(session, member, 690, 100)
    assert (again.is_new, again.facts) == (False, first.facts)
    assert left(session, member) == 200


def test_line_discounts_then_coupon_then_points(session: Session, member: int) -> None:
    """NT$1,000: the coupon's least spend is judged before points, its NT$100 come off first, and
    points may pay half of the NT$900 that are left."""
    half = replace(ANY, redemption=Redemption(is_on=True, max_percent=50))
    loyalty.publish(session, half, starts_at=NOW - DAY)
    draft = KindDraft("c", "NT$100", "amount_off", 100, min_spend=1_000, valid_days=9)
    coupons.create_kind(session, draft=draft, now=NOW - DAY)
    grant(session, member, 400, "more")
    issued = coupons.issue(
        session, kind_code="c", member_id=member, source="x", dedup_key="x", now=NOW - DAY
    )
    assert issued is not None
    use = CouponUse(issued.code, 100)
    with pytest.raises(PaymentRefused) as refused, session.begin_nested():
        buy(session, member, 449, 451, coupons=(use,))
    assert refused.value.facts == {"most": 450, "percent": 50}
    done = buy(session, member, 450, 450, coupons=(use,))
    assert done.facts["points"]["earned"] == 4
    assert sound(session)


@pytest.mark.parametrize(
    ("rule", "paid", "used", "reason"),
    [
        (Redemption(is_on=False), 690, 100, "off"),
        (Redemption(is_on=True, minimum=50), 690, 49, "minimum"),
        (Redemption(is_on=True, step=100, pays=10), 690, 150, "step"),
        (Redemption(is_on=True, max_percent=10), 690, 100, "share"),
    ],
)
def test_what_the_terms_do_not_allow_is_refused(
    session: Session, member: int, rule: Redemption, paid: int, used: int, reason: str
) -> None:
    loyalty.publish(session, replace(ANY, redemption=rule), starts_at=NOW - DAY)
    with pytest.raises(PaymentRefused) as refused, session.begin_nested():
        buy(session, member, paid, used)
    assert refused.value.reason == reason
    assert left(session, member) == 300
    assert purchases.purchase_by_external_id(session, "p1") is None


def test_a_till_that_took_another_amount_off_is_refused(session: Session, member: int) -> None:
    with pytest.raises(PaymentRefused, match="worth"), session.begin_nested():
        buy(session, member, 690, 100, discount=99)
    assert buy(session, member, 690, 100, discount=100).is_new


def test_nobody_cannot_pay_with_points(session: Session, member: int) -> None:
    with pytest.raises(Invalid, match="points"):
        buy(session, None, 690, 100)


def test_more_than_usable_is_refused_whole(session: Session, member: int) -> None:
    with pytest.raises(NotEnoughPoints), session.begin_nested():
        buy(session, member, 690, 301)
    assert left(session, member) == 300


def test_pending_and_expired_points_cannot_pay(session: Session) -> None:
    loyalty.publish(session, ANY)
    member = hana(session, 0)
    grant(session, member, 100, "short", days=0)  # gone at this very instant
    order = PurchaseOrder("earns", 50_000, NOW, member_id=member)
    assert service.record_purchase(session, order=order, now=NOW).facts["points"]["pending"] == 500
    with pytest.raises(NotEnoughPoints) as refused, session.begin_nested():
        buy(session, member, 690, 1)
    assert refused.value.balance == 0


def test_while_the_balance_is_negative_points_cannot_pay(session: Session, member: int) -> None:
    order = PurchaseOrder("p1", 40_000, NOW - 30 * DAY, member_id=member)
    service.record_purchase(session, order=order, now=NOW - 30 * DAY)
    order = PurchaseOrder("p2", 1_000, NOW, member_id=member)
    held = left(session, member)
    service.record_purchase(session, order=order, now=NOW, payment=PointPayment(held - 1, "card"))
    give_back(session, 40_000)
    assert left(session, member) < 0
    with pytest.raises(NotEnoughPoints), session.begin_nested():
        buy(session, member, 690, 1, "p3")


def test_a_whole_refund_brings_the_points_back_to_their_own_lots(
    session: Session, member: int
) -> None:
    grant(session, member, 50, "soon", days=40)
    ends = {lot.id: lot.expires_at for lot in points.lots(session, member)}
    buy(session, member, 700, 120)
    done = give_back(session, 700)
    assert done.facts["points"]["restored"] == 120
    back = {lot.id: lot.expires_at for lot in points.lots(session, member)}
    assert back == ends
    assert sorted(lot.remaining for lot in points.lots(session, member)) == [50, 300]
    assert sound(session)


def test_points_that_lapsed_meanwhile_live_fourteen_days_more(
    session: Session, member: int
) -> None:
    grant(session, member, 50, "soon", days=3)
    buy(session, member, 700, 50)
    give_back(session, 700, days=10)
    assert left(session, member, days=10) == 350
    assert left(session, member, days=24) == 350
    assert left(session, member, days=25) == 300


@pytest.mark.parametrize("parts", [(700,), (1, 699), (233, 233, 234), (100,) * 7, (699, 1)])
def test_partial_refunds_give_back_exactly_what_was_used(
    session: Session, member: int, parts: tuple[int, ...]
) -> None:
    buy(session, member, 700, 101)
    told = [
        give_back(session, part, f"r{number}").facts["points"] for number, part in enumerate(parts)
    ]
    assert sum(back["restored"] for back in told) == 101
    assert sum(back["revoked"] for back in told) == 7
    assert left(session, member) == 300
    assert sound(session)


def test_a_sale_that_points_paid_for_wholly_can_be_given_back_once(
    session: Session, member: int
) -> None:
    assert buy(session, member, 0, 300).facts["points"]["earned"] == 0
    assert left(session, member) == 0
    done = give_back(session, 0)
    assert done.facts["points"]["restored"] == 300
    assert give_back(session, 0).facts == done.facts
    with pytest.raises(RefundTooLarge):
        give_back(session, 0, "r2")
    assert left(session, member) == 300
    assert sound(session)


def test_nothing_is_no_refund_of_a_sale_that_was_paid(session: Session, member: int) -> None:
    buy(session, member, 700, 100)
    with pytest.raises(Invalid, match="amount"):
        give_back(session, 0)


def test_of_two_tills_at_once_exactly_one_gets_the_points(db: Database) -> None:
    with db.transaction() as session:
        loyalty.publish(session, ANY)
        member = hana(session)
    together, ended = threading.Barrier(8), []

    def pay(turn: int) -> None:
        together.wait()
        try:
            with db.transaction() as session:
                buy(session, member, 100, 300, f"p{turn}")
            ended.append("paid")
        except NotEnoughPoints:
            ended.append("refused")

    threads = [threading.Thread(target=pay, args=(turn,)) for turn in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["paid"] + ["refused"] * 7
    with db.reading() as session:
        assert left(session, member) == 0
        assert sound(session)

"""The liability of points, counted from the ledger of a small shop on both databases."""

from datetime import date, datetime, timedelta
from fractions import Fraction

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.checkouts import service as checkouts
from app.checkouts.service import PointPayment
from app.core.db import Database
from app.insights.queries import liability
from app.members.models import Member
from app.points import service as points
from app.programmes.rules import PointTerms, Redemption, Terms, Tier
from app.purchases.rules import PurchaseOrder, RefundOrder
from tests.support.loyalty import new_member, publish
from tests.support.people import grant_points
from tests.support.times import NOW

PLAIN = Terms(
    (Tier("basic", "普卡", 0),),
    points=PointTerms(pending_days=0, value=1.0),
    redemption=Redemption(is_on=True),
)
DAY = timedelta(days=1)
OLD, YOUNG = NOW - 430 * DAY, NOW - 40 * DAY  # 2025-04-30 and 2026-05-25


def buy(session: Session, member: int, key: str, paid: int, at: datetime, used: int = 0) -> None:
    order = PurchaseOrder(key, paid, at, member_id=member)
    payment = PointPayment(used, "card") if used else None
    checkouts.record_purchase(session, order=order, now=at, payment=payment)


def test_nothing_was_given_out_yet(db: Database) -> None:
    with db.transaction() as session:
        publish(session, PLAIN)
    with db.reading() as session:
        found = liability.liability(session, now=NOW)
    assert (found.outstanding, found.worth, found.deferred, found.months) == (0, 0, 0, ())
    assert found.breakage is None


def test_points_by_issue_month_and_what_they_are_worth(db: Database) -> None:
    with db.transaction() as session:
        publish(session, PLAIN)
        member, tester = new_member(session), new_member(session)
        session.execute(sa.update(Member).where(Member.id == tester).values(is_test=True))
        buy(session, tester, "t1", 90_000, YOUNG)
        # April 2025: 1,000 points; 750 pay a month later, the rest lapses with April 2026.
        buy(session, member, "a1", 100_000, OLD)
        buy(session, member, "a2", 50, OLD + 20 * DAY, used=750)
        while points.settle_due(session, now=YOUNG):
            pass
        # May 2026: 2,000 points, of which a refund takes 400 and a payment 300.
        buy(session, member, "b1", 200_000, YOUNG)
        back = RefundOrder("r1", "b1", 40_000)
        checkouts.refund_purchase(session, order=back, now=YOUNG + DAY)
        buy(session, member, "b2", 0, YOUNG + 2 * DAY, used=300)
        grant_points(session, member, 77, now=YOUNG)
    with db.reading() as session:
        found = liability.liability(session, now=NOW)
    old = next(line for line in found.months if line.month.first == date(2025, 4, 1))
    young = next(line for line in found.months if line.month.first == date(2026, 5, 1))
    month = old.month
    assert (month.issued, month.used, month.expired, month.withdrawn, month.remaining) == (
        1_000, 750, 250, 0, 0,
    )  # fmt: skip
    month = young.month
    assert (month.issued, month.used, month.expired, month.withdrawn, month.remaining) == (
        2_000, 300, 0, 400, 1_300,
    )  # fmt: skip
    assert month.sales == 160_000
    assert found.breakage == Fraction(1, 4)  # 250 of the 1,000 that ended
    assert (found.outstanding, found.from_gifts) == (1_377, 77)
    assert (found.gross, found.worth) == (1_377, 1_033)  # 1,377 × 3/4 = 1,032.75
    assert old.deferral.left == 0
    # 1,600 points stay, 1,200 are expected: 160,000 × 1,200 / 161,200 = 1,191.07; 300 of 1,200.
    assert (young.deferral.set_aside, young.deferral.recognised) == (1_191, 298)
    assert found.deferred == 893


def test_points_given_back_into_a_new_lot_stay_in_their_month(db: Database) -> None:
    """The payment is refunded after the points lapsed: they live on in a lot of their own."""
    with db.transaction() as session:
        publish(session, PLAIN)
        member = new_member(session)
        buy(session, member, "a1", 100_000, OLD)
        buy(session, member, "a2", 100, OLD + 20 * DAY, used=800)
        while points.settle_due(session, now=NOW):
            pass
        checkouts.refund_purchase(session, order=RefundOrder("r1", "a2", 100), now=NOW)
    with db.reading() as session:
        month = liability.liability(session, now=NOW).months[-1].month
    assert month.first == date(2025, 4, 1)
    assert (month.issued, month.used, month.expired, month.remaining) == (1_000, 0, 200, 800)


def test_who_left_is_owed_nothing(db: Database) -> None:
    with db.transaction() as session:
        publish(session, PLAIN)
        member = new_member(session)
        buy(session, member, "a1", 100_000, YOUNG)
        session.execute(sa.update(Member).values(status="closed"))
    with db.reading() as session:
        found = liability.liability(session, now=NOW)
    assert (found.outstanding, found.deferred) == (0, 0)
    assert found.months[-1].month.withdrawn == 1_000

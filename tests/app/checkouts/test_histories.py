"""Random histories at the till against a simple model of the rules: what each sale still earns, at
the rate of the tier held at its time, less what was spent."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.checkouts import service as checkouts
from app.checkouts.service import PointPayment
from app.core.clock import taipei_date
from app.core.db import Database
from app.points import queries as points
from app.points import service as point_service
from app.points.rules import NotEnoughPoints, payable
from app.points.service import Cause
from app.programmes import queries as programmes
from app.programmes.rules import DEFAULT, PointTerms
from app.purchases import queries as purchases
from app.purchases.rules import PurchaseOrder, RefundOrder, RefundTooLarge
from app.tiers import queries as tiers
from app.tiers import service as tier_service
from tests.support import loyalty
from tests.support.times import NOW

DAY = timedelta(days=1)
LASTING = replace(DEFAULT, points=PointTerms(expiry="never"))
_ids = count(1)


@dataclass
class Sold:
    key: str
    amount: int
    at: datetime
    percent: int
    rest: int
    used: int = 0  # points that paid for it, NT$1 each

    @property
    def kept(self) -> int:
        base = self.rest // 100
        return base + base * (self.percent - 100) // 100

    @property
    def still_used(self) -> int:
        """Of the points that paid, those that did not come back with refunds, pro rata."""
        if self.rest == 0:
            return 0
        return self.used - self.used * (self.amount - self.rest) // self.amount


@dataclass
class Model:
    sales: list[Sold] = field(default_factory=list)
    spent: int = 0

    @property
    def total(self) -> int:
        """Usable and pending points, less debt."""
        return sum(sale.kept - sale.still_used for sale in self.sales) - self.spent

    def window(self, day: datetime) -> int:
        last = taipei_date(day)
        first = last.replace(year=last.year - 1)  # no leap day in these histories
        return sum(sale.rest for sale in self.sales if first < taipei_date(sale.at) <= last)


class Member:
    def __init__(self, session: Session) -> None:
        self.session, self.model, self.now = session, Model(), NOW
        self.id = loyalty.new_member(session)
        self.terms = programmes.terms_at(session, NOW)
        tier_service.begin(session, member_id=self.id, now=NOW)

    def buy(self, amount: int, used: int = 0) -> None:
        key = f"h{next(_ids)}"
        paid = amount - used
        order = PurchaseOrder(key, paid, self.now, member_id=self.id)
        held = self._tier_percent()
        payment = PointPayment(used, "card") if used else None
        done = checkouts.record_purchase(self.session, order=order, now=self.now, payment=payment)
        self.model.sales.append(Sold(key, paid, self.now, held, paid, used))
        assert done.facts["points"]["earned"] == self.model.sales[-1].kept
        period = tiers.open_period(self.session, self.id)
        assert period is not None
        reached = [t for t in DEFAULT.tiers if self.model.window(self.now) >= t.threshold][-1]
        assert DEFAULT.rank(period.tier_code) >= DEFAULT.rank(reached.code)

    def pay(self, amount: int) -> None:
        """Buy with as many points as may pay."""
        held = points.standing(self.session, self.id, now=self.now).balance
        self.buy(amount, payable(self.terms.redemption, balance=held, amount=amount))

    def _tier_percent(self) -> int:
        tier = tier_service.tier_of_sale(
            self.session, member_id=self.id, sold_at=self.now, terms=self.terms, now=self.now
        )
        return tier.percent

    def refund(self, amount: int) -> None:
        if not self.model.sales:
            return
        sale = self.model.sales[amount % len(self.model.sales)]
        order = RefundOrder(f"h{next(_ids)}", sale.key, amount)
        if amount > sale.rest:
            with pytest.raises(RefundTooLarge) as refused:
                checkouts.refund_purchase(self.session, order=order, now=self.now)
            assert refused.value.rest == sale.rest
        else:
            checkouts.refund_purchase(self.session, order=order, now=self.now)
            sale.rest -= amount

    def redeem(self, amount: int) -> None:
        cause = Cause(f"h{next(_ids)}", "staff:1", "兌換")
        asked = amount // 200 + 1
        before = points.standing(self.session, self.id, now=self.now)
        try:
            point_service.redeem(
                self.session, member_id=self.id, points=asked, cause=cause, now=self.now
            )
        except NotEnoughPoints:
            assert before.debt or before.balance < asked
        else:
            self.model.spent += asked

    def check(self) -> None:
        standing = points.standing(self.session, self.id, now=self.now)
        assert standing.balance + standing.pending == self.model.total
        if standing.balance > 0:
            assert standing.debt == 0


steps = st.lists(
    st.tuples(
        st.sampled_from(["buy", "buy", "pay", "refund", "redeem", "wait"]),
        st.integers(1, 9_000),
        st.integers(0, 45),
    ),
    min_size=5,
    max_size=40,
)


@pytest.fixture
def shop(db: Database) -> Database:
    with db.transaction() as session:
        loyalty.publish(session, LASTING)
    return db


@settings(
    max_examples=60,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking against a database is slow
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps)
def test_any_history_ends_as_the_model_says(
    shop: Database, history: list[tuple[str, int, int]]
) -> None:
    with shop.transaction() as session:
        member = Member(session)
        for verb, amount, days in history:
            member.now += timedelta(days=days, minutes=1)
            if verb == "buy":
                member.buy(amount)
            elif verb == "refund":
                member.refund(amount)
            elif verb == "redeem":
                member.redeem(amount)
            else:
                tier_service.review_at_expiry(session, now=member.now)
                point_service.settle_due(session, now=member.now)
            member.check()
        assert points.unbalanced(session) == []
        assert tiers.broken(session) == []
        assert purchases.broken(session) == []

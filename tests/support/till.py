"""The till as tiers see it: sales and refunds, without the points that come with them."""

from datetime import datetime, timedelta
from itertools import count

from sqlalchemy.orm import Session

from app.core.clock import TAIPEI
from app.points import service as points
from app.programmes import queries as programmes
from app.programmes.rules import DEFAULT, Terms
from app.purchases import service as purchases
from app.purchases.rules import PurchaseOrder, RefundOrder
from app.tiers import queries, service
from app.tiers.service import TierChange
from tests.support import loyalty

DAY = timedelta(days=1)
START = datetime(2026, 3, 10, 15, 0, tzinfo=TAIPEI)
_ids = count(1)


class Till:
    """Sales and refunds of one member, with the tier looked at after each."""

    def __init__(
        self, session: Session, terms: Terms = DEFAULT, joined_at: datetime = START - 800 * DAY
    ) -> None:
        self.session = session
        loyalty.publish(session, terms)
        self.terms = programmes.terms_at(session, START)
        self.member = loyalty.new_member(session, joined_at=joined_at)
        service.begin(session, member_id=self.member, now=joined_at)

    def buy(
        self, amount: int, at: datetime, now: datetime | None = None
    ) -> tuple[str, TierChange | None]:
        key = f"p{next(_ids)}"
        entered = now or at
        points.lock(self.session, member_id=self.member, now=entered)
        order = PurchaseOrder(key, amount, at, member_id=self.member)
        sale = purchases.record(self.session, order=order, terms=self.terms, now=entered)
        change = service.review_after_purchase(
            self.session,
            member_id=self.member,
            purchase_id=sale.id,
            sold_at=at,
            terms=self.terms,
            now=entered,
        )
        return key, change

    def refund(self, key: str, amount: int, now: datetime) -> TierChange | None:
        points.lock(self.session, member_id=self.member, now=now)
        done = purchases.refund(
            self.session, order=RefundOrder(f"r{next(_ids)}", key, amount), now=now
        )
        fall = service.fall_after_refund(
            self.session,
            member_id=self.member,
            purchase_id=done.purchase_id,
            terms=self.terms,
            now=now,
        )
        return None if fall is None else service.carry_out(self.session, fall, now=now)

    @property
    def code(self) -> str:
        period = queries.open_period(self.session, self.member)
        assert period is not None
        return period.tier_code

    @property
    def until(self) -> datetime | None:
        period = queries.open_period(self.session, self.member)
        assert period is not None
        return period.ends_at

    def expire(self, now: datetime) -> list[str]:
        return [change.kind for change in service.review_at_expiry(self.session, now=now)]

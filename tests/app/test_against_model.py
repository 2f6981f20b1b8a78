"""Random histories of several members — purchases, points and coupons as payment, partial refunds,
spending and giving back, corrections, members who become one, nights and months — against the
simple model of `tests/support/model.py`. `make soak` walks much further."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.orm import Session

from app.checkouts import service as checkouts
from app.checkouts.service import CouponUse, PointPayment
from app.core.db import Database
from app.coupons import queries as coupons
from app.coupons import service as coupon_service
from app.coupons.rules import CouponNotUsable, KindDraft
from app.explanations import queries as explanations
from app.insights.checks import broken_invariants
from app.mergers import service as mergers
from app.points import queries as points
from app.points import service as point_service
from app.points.rules import NotEnoughPoints, payable
from app.points.service import Cause
from app.programmes import queries as programmes
from app.programmes.rules import DEFAULT, PointTerms
from app.purchases.rules import PurchaseOrder, RefundOrder, RefundTooLarge
from app.tiers import queries as tiers
from app.tiers import rules as tier_rules
from app.tiers import service as tier_service
from tests.support import loyalty, model
from tests.support.model import Account, Sale
from tests.support.times import NOW

WALK = 100  # steps of one history
SOAK = "SOAK_STEPS" in os.environ
STEPS = int(os.environ.get("SOAK_STEPS", "10000"))  # on each database
PARTS = 5  # share the steps, so that a slow machine ends each in its time
TERMS = replace(
    DEFAULT,
    points=PointTerms(
        pending_days=model.PENDING_DAYS,
        expiry_months=model.LIFE_MONTHS,
        restore_min_days=model.RESTORED_DAYS,
    ),
)
TREAT, TREAT_DAYS = 100, 30  # NT$ off, days to live
TENTH = 10  # percent off
_ids = count(1)
WHO = st.integers(0, 2)
AMOUNTS = st.one_of(st.integers(1, 300), st.integers(1, 9_000))


class Shop(RuleBasedStateMachine):
    """One brand, three members at a time, one clock."""

    database: Database
    steps = 0

    @initialize()
    def open(self) -> None:
        self.block = self.database.transaction()
        self.session: Session = self.block.__enter__()
        self.now = NOW
        loyalty.publish(self.session, TERMS)
        self.terms = programmes.terms_at(self.session, NOW)
        for draft in (
            KindDraft("treat", "NT$100 優惠券", "amount_off", TREAT, valid_days=TREAT_DAYS,
                      stacking="stackable"),
            KindDraft("tenth", "9 折券", "percent_off", TENTH, valid_days=TREAT_DAYS,
                      stacking="tenths"),
        ):  # fmt: skip
            coupon_service.create_kind(self.session, draft=draft, now=NOW)
        self.members = [self._newcomer() for _ in range(3)]

    def _newcomer(self) -> tuple[int, Account]:
        member_id = loyalty.new_member(self.session, joined_at=self.now)
        tier_service.begin(self.session, member_id=member_id, now=self.now)
        return member_id, Account()

    def teardown(self) -> None:
        try:
            self.night()  # what is overdue would be told of
            assert broken_invariants(self.session, now=self.now) == []
            for member_id, _ in self.members:
                self._figures_add_up(member_id)
        finally:
            self.session.rollback()
            self.block.__exit__(None, None, None)

    def _figures_add_up(self, member_id: int) -> None:
        for figure in explanations.everything(self.session, member_id, now=self.now):
            if figure.amount is not None and figure.lines:
                assert sum(line.amount or 0 for line in figure.lines) == figure.amount

    # What time brings -----------------------------------------------------------------------------

    @rule(days=st.integers(0, 40), minutes=st.integers(1, 1_439))
    def wait(self, days: int, minutes: int) -> None:
        self.now += timedelta(days=days, minutes=minutes)

    @rule()
    def night(self) -> None:
        point_service.settle_due(self.session, now=self.now)
        tier_service.review_at_expiry(self.session, now=self.now)
        coupon_service.expire_due(self.session, now=self.now)

    # At the till ----------------------------------------------------------------------------------

    @rule(who=WHO, amount=AMOUNTS)
    def buy(self, who: int, amount: int) -> None:
        self._buy(who, amount)

    @rule(who=WHO, amount=AMOUNTS)
    def buy_with_points(self, who: int, amount: int) -> None:
        member_id, _ = self._ticked(who)
        held = points.standing(self.session, member_id, now=self.now).balance
        self._buy(who, amount, used=payable(TERMS.redemption, balance=held, amount=amount))

    @rule(who=WHO, amount=AMOUNTS, which=st.integers(0, 99))
    def buy_with_coupon(self, who: int, amount: int, which: int) -> None:
        _, account = self._ticked(who)
        if not account.coupons:
            return
        self._buy_with(who, amount, [account.coupons[which % len(account.coupons)]])

    @rule(
        who=WHO,
        amount=AMOUNTS,
        which=st.lists(st.integers(0, 99), min_size=2, max_size=4, unique=True),
    )
    def buy_with_coupons(self, who: int, amount: int, which: list[int]) -> None:
        """Several at once: two of the kind that takes a tenth do not go together."""
        _, account = self._ticked(who)
        held = account.coupons
        if held:
            places = dict.fromkeys(place % len(held) for place in which)
            self._buy_with(who, amount, [held[place] for place in places])

    def _buy_with(self, who: int, amount: int, chosen: list[model.Coupon]) -> None:
        is_dead = any(coupon.is_used or coupon.expires_at <= self.now for coupon in chosen)
        tenths = [coupon for coupon in chosen if coupon.percent]
        offs = model.taken_off(amount, chosen, TREAT)
        is_lost = any(off == 0 for _, off in offs)  # nobody loses a coupon for nothing
        if not is_dead and not is_lost and len(tenths) < 2:
            self._buy(who, amount, chosen=chosen)
            return
        savepoint = self.session.begin_nested()
        uses = tuple(CouponUse(coupon.code, off) for coupon, off in offs)
        with pytest.raises(CouponNotUsable):
            self._record(who, amount - sum(off for _, off in offs), uses, 0)
        savepoint.rollback()

    def _buy(
        self, who: int, amount: int, used: int = 0, chosen: Sequence[model.Coupon] = ()
    ) -> None:
        member_id, account = self._ticked(who)
        percent = tier_service.tier_of_sale(
            self.session, member_id=member_id, sold_at=self.now, terms=self.terms, now=self.now
        ).percent
        offs = model.taken_off(amount, chosen, TREAT)
        off = sum(each for _, each in offs)
        uses = tuple(CouponUse(coupon.code, each) for coupon, each in offs)
        key, facts = self._record(who, amount - off - used, uses, used)
        paid = amount - off - used
        sale = Sale(key, self.now, paid, percent, None, paid)
        if used:
            sale.points_off = account.spend(used)
            assert sale.points_off is not None
        for coupon in chosen:
            coupon.is_used = True
        sale.coupons = list(chosen)
        earned = sale.earns(paid)
        assert facts["points"]["earned"] == earned
        if earned:
            usable_from = model.midnight(
                model.day_of(self.now) + timedelta(days=model.PENDING_DAYS)
            )
            sale.lot = account.add(
                earned, self.now, usable_from, model.end_of_life(self.now), next(_ids)
            )
        account.sales.append(sale)
        self._holds_what_was_earned(member_id)

    def _record(
        self, who: int, paid: int, uses: tuple[CouponUse, ...], used: int
    ) -> tuple[str, dict[str, Any]]:
        key = f"m{next(_ids)}"
        done = checkouts.record_purchase(
            self.session,
            order=PurchaseOrder(key, paid, self.now, member_id=self.members[who][0]),
            now=self.now,
            coupons=uses,
            payment=PointPayment(used, "card") if used else None,
        )
        return key, done.facts

    def _holds_what_was_earned(self, member_id: int) -> None:
        """After a purchase the tier is never below what the window reaches."""
        held = tiers.open_period(self.session, member_id)
        assert held is not None
        spent = tiers.progress(self.session, member_id, now=self.now).sums
        earned = tier_rules.earned_tier(TERMS, spent)
        assert TERMS.rank(held.tier_code) >= TERMS.rank(earned.code)

    @rule(who=WHO, which=st.integers(0, 99), amount=AMOUNTS, is_all=st.booleans())
    def refund(self, who: int, which: int, amount: int, is_all: bool) -> None:
        _, account = self._ticked(who)
        if not account.sales:
            return
        sale = account.sales[which % len(account.sales)]
        amount = sale.rest if is_all and sale.rest else amount
        order = RefundOrder(f"r{next(_ids)}", sale.key, amount)
        if amount > sale.rest:
            with pytest.raises(RefundTooLarge):
                checkouts.refund_purchase(self.session, order=order, now=self.now)
            return
        checkouts.refund_purchase(self.session, order=order, now=self.now)
        account.refund(sale, amount, self.now, next(_ids))

    # Points and coupons by hand -------------------------------------------------------------------

    @rule(who=WHO, amount=st.integers(1, 150))
    def spend(self, who: int, amount: int) -> None:
        member_id, account = self._ticked(who)
        cause = Cause(f"s{next(_ids)}", "staff:1", "兌換")
        spent = account.spend(amount)
        try:
            point_service.redeem(
                self.session, member_id=member_id, points=amount, cause=cause, now=self.now
            )
        except NotEnoughPoints:
            assert spent is None
        else:
            assert spent is not None

    @rule(who=WHO, amount=st.integers(-60, 60).filter(bool))
    def correct(self, who: int, amount: int) -> None:
        member_id, account = self._ticked(who)
        cause = Cause(f"c{next(_ids)}", "staff:1", "補登")
        spent = account.spend(-amount) if amount < 0 else None
        try:
            point_service.adjust(
                self.session,
                member_id=member_id,
                points=amount,
                cause=cause,
                terms=TERMS.points,
                now=self.now,
            )
        except NotEnoughPoints:
            assert amount < 0
            assert spent is None
            return
        if amount > 0:
            account.add(amount, self.now, self.now, model.end_of_life(self.now), next(_ids))
            account.tick(self.now)

    @rule(who=WHO, is_tenth=st.booleans())
    def give_coupon(self, who: int, is_tenth: bool) -> None:
        member_id, account = self._ticked(who)
        given = coupon_service.issue(
            self.session,
            kind_code="tenth" if is_tenth else "treat",
            member_id=member_id,
            source="staff",
            dedup_key=f"g{next(_ids)}",
            now=self.now,
        )
        assert given is not None
        until = model.midnight(model.day_of(self.now) + timedelta(days=TREAT_DAYS + 1))
        account.coupons.append(model.Coupon(given.code, until, TENTH if is_tenth else 0))

    # Two become one -------------------------------------------------------------------------------

    @rule(kept=WHO, absorbed=WHO, is_meant=st.integers(0, 3))
    def merge(self, kept: int, absorbed: int, is_meant: int) -> None:
        if kept == absorbed or is_meant:  # rarely, or nobody grows old
            return
        (kept_id, account), (absorbed_id, other) = self._ticked(kept), self._ticked(absorbed)
        mergers.merge(
            self.session,
            kept_id=kept_id,
            absorbed_id=absorbed_id,
            staff_id=None,
            reason="同一人",
            now=self.now,
        )
        account.join(other)
        self.members[absorbed] = self._newcomer()

    # Always ---------------------------------------------------------------------------------------

    def _ticked(self, who: int) -> tuple[int, Account]:
        member_id, account = self.members[who]
        account.tick(self.now)
        return member_id, account

    @invariant()
    def agrees_with_the_model(self) -> None:
        type(self).steps += 1
        first = tier_rules.window_start(model.day_of(self.now))
        for who in range(3):
            member_id, account = self._ticked(who)
            standing = points.standing(self.session, member_id, now=self.now)
            assert (standing.balance, standing.pending, standing.debt) == (
                account.balance,
                account.pending,
                account.debt,
            )
            assert standing.debt == 0 or standing.balance == -standing.debt
            progress = tiers.progress(self.session, member_id, now=self.now)
            assert progress.spent == account.spent_since(first)
            usable = [
                coupon.code
                for coupon in account.coupons
                if not coupon.is_used and coupon.expires_at > self.now
            ]
            held = coupons.usable_coupons(self.session, member_id, now=self.now, limit=1_000)
            assert sorted(coupon.code for coupon in held) == sorted(usable)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_history_agrees_with_the_model(db: Database, part: int) -> None:
    class OfThisDatabase(Shop):
        database = db

    run_state_machine_as_test(
        # `make test` walks the same ways each time, a soak new ones.
        OfThisDatabase if SOAK else seed(part)(OfThisDatabase),
        settings=settings(
            max_examples=STEPS * 3 // (WALK * PARTS * 2),  # some histories are shorter
            stateful_step_count=WALK,
            deadline=None,
            database=None,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking on a database is slow
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert OfThisDatabase.steps >= STEPS // PARTS

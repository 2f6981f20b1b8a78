"""Two members become one and can be two again: nothing is lost, nothing is counted twice."""

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

import app.tables  # noqa: F401
from app.checkouts import service as checkouts
from app.core.db import Database, Table
from app.core.errors import Conflict, Invalid
from app.coupons import service as coupons
from app.coupons.models import COUPONS
from app.coupons.rules import KindDraft
from app.insights import checks
from app.members import queries as members
from app.members.models import Member
from app.mergers import queries, rules, service
from app.mergers.service import NotMergeable
from app.points import queries as points
from app.points import service as point_service
from app.points.rules import NotEnoughPoints
from app.points.service import Cause
from app.programmes.rules import DEFAULT, PointTerms
from app.purchases import queries as purchases
from app.purchases.rules import PurchaseOrder, RefundOrder, RefundTooLarge
from app.rights import service as rights
from app.tiers import queries as tiers
from flex_templates.theme import CAMPHOR
from tests.support import loyalty, people
from tests.support.staffing import staffed_shop
from tests.support.times import NOW

LASTING = replace(DEFAULT, points=PointTerms(expiry="never", pending_days=0))
DAY = timedelta(days=1)
_ids = count(1)


@pytest.fixture
def shop(db: Database) -> Database:
    with db.transaction() as session:
        loyalty.publish(session, LASTING)
    return db


def give_kinds(session: Session) -> None:
    for code in ("welcome", "upgrade_silver"):
        draft = KindDraft(code=code, name=code, type="amount_off", value=100, valid_days=30)
        coupons.create_kind(session, draft=draft, now=NOW)


def pair(session: Session) -> tuple[int, int]:
    kept = people.regular(session, phone=f"+8869{next(_ids):08d}")
    return kept, people.regular(session, name="王曉明", phone=f"+8869{next(_ids):08d}")


def buy(session: Session, member_id: int, amount: int) -> str:
    key = f"m{next(_ids)}"
    order = PurchaseOrder(key, amount, NOW, member_id=member_id)
    checkouts.record_purchase(session, order=order, now=NOW)
    return key


def merge(session: Session, kept_id: int, absorbed_id: int) -> int:
    return service.merge(
        session, kept_id=kept_id, absorbed_id=absorbed_id, staff_id=None, reason="同一人", now=NOW
    )


def part(session: Session, merger_id: int) -> None:
    service.part(session, merger_id=merger_id, staff_id=None, now=NOW)


def test_a_goodwill_coupon_for_who_was_merged_is_the_kept_members(shop: Database) -> None:
    kind = KindDraft("sorry", "招待飲料", "gift", valid_days=30, goodwill=True)
    with shop.transaction() as session:
        coupons.create_kind(session, draft=kind, now=NOW)
        till = staffed_shop(session)
        by = coupons.Giver(next(iter(till.staff.values())), till.store_id, (None, None))
        kept, absorbed = pair(session)
        merge(session, kept, absorbed)
        checkouts.give_goodwill(
            session,
            kind_code="sorry",
            member_id=absorbed,
            by=by,
            reason="久等",
            form_id="1",
            now=NOW,
        )
        assert session.scalars(sa.select(COUPONS.c.member_id)).all() == [kept]


def total(session: Session, member_id: int) -> int:
    standing = points.standing(session, member_id, now=NOW)
    return standing.balance + standing.pending


def tier_of(session: Session, member_id: int) -> str:
    period = tiers.open_period(session, member_id)
    assert period is not None
    return period.tier_code


def test_every_column_that_names_a_member_has_its_fate() -> None:
    naming = {
        f"{table.name}.{column.name}"
        for table in Table.metadata.tables.values()
        for column in table.c
        if column.name == "member_id"
        or any(key.column.table.name == "members" for key in column.foreign_keys)
    }
    assert naming == set(rules.FATES)
    for name, fate in rules.FATES.items():
        table = Table.metadata.tables[name.partition(".")[0]]
        if fate == "moves":
            assert len(table.primary_key.columns) == 1, name


def test_everything_of_one_becomes_the_others(shop: Database) -> None:
    with shop.transaction() as session:
        kept, absorbed = pair(session)
        buy(session, kept, 3_000)
        buy(session, absorbed, 1_500)
        merge(session, kept, absorbed)
        assert total(session, kept) == 45
        assert total(session, absorbed) == 0
        assert len(purchases.purchases_of(session, kept)) == 2
        assert purchases.purchases_of(session, absorbed) == []
        spent = purchases.spent(session, kept, first=NOW.date(), last=NOW.date())
        assert spent.amount == 4_500
        assert [item.absorbed_id for item in queries.mergers_of(session, kept)] == [absorbed]
        assert checks.broken_invariants(session, now=NOW) == []


def test_both_old_numbers_and_phones_find_the_one_member(shop: Database) -> None:
    with shop.transaction() as session:
        kept, absorbed = pair(session)
        old = members.person(session, absorbed)
        merge(session, kept, absorbed)
        by_number = members.person_by_number(session, old.number or "")
        by_phone = members.person_by_phone(session, old.phone or "")
        assert by_number is not None
        assert by_phone is not None
        assert by_number.id == by_phone.id == kept


def test_a_store_member_gets_the_line_account_and_gives_it_back(shop: Database) -> None:
    with shop.transaction() as session:
        kept, absorbed = pair(session)
        session.execute(
            sa.update(Member).where(Member.id == kept).values(line_user_id=None, phone=None)
        )
        before = members.person(session, absorbed)
        merger_id = merge(session, kept, absorbed)
        after = members.person(session, kept)
        assert (after.line_user_id, after.phone) == (before.line_user_id, before.phone)
        part(session, merger_id)
        assert members.person(session, absorbed) == before
        assert members.person(session, kept).line_user_id is None


def test_a_second_line_account_is_a_guests_again(shop: Database) -> None:
    with shop.transaction() as session:
        kept, absorbed = pair(session)
        second = members.person(session, absorbed).line_user_id or ""
        merge(session, kept, absorbed)
        guest = members.person_by_line_id(session, second)
        assert guest is not None
        assert guest.status == "guest"


def test_the_better_tier_stays_and_goes_back(shop: Database) -> None:
    with shop.transaction() as session:
        kept, absorbed = pair(session)
        buy(session, absorbed, 20_000)
        buy(session, kept, 5_000)
        merger_id = merge(session, kept, absorbed)
        assert tier_of(session, kept) == "gold"
        part(session, merger_id)
        assert tier_of(session, kept) == "silver"
        assert tier_of(session, absorbed) == "gold"
        assert checks.broken_invariants(session, now=NOW) == []


def test_what_both_spent_may_lift_and_the_gift_comes_once(shop: Database) -> None:
    with shop.transaction() as session:
        give_kinds(session)
        kept, absorbed = pair(session)
        buy(session, kept, 3_000)
        buy(session, absorbed, 3_000)
        merge(session, kept, absorbed)
        assert tier_of(session, kept) == "silver"
        gifts = session.scalars(sa.select(COUPONS.c.source).where(COUPONS.c.member_id == kept))
        assert Counter(gifts.all())["upgrade:silver"] == 1


def test_nobody_is_welcomed_twice(shop: Database) -> None:
    with shop.transaction() as session:
        give_kinds(session)
        kept, absorbed = pair(session)
        for member_id in (kept, absorbed):
            coupons.issue(
                session,
                kind_code="welcome",
                member_id=member_id,
                source="welcome",
                dedup_key=f"welcome:{member_id}",
                now=NOW,
            )
        merger_id = merge(session, kept, absorbed)
        states = sa.select(COUPONS.c.status).where(COUPONS.c.source == "welcome")
        assert sorted(session.scalars(states.where(COUPONS.c.member_id == kept))) == [
            "issued",
            "revoked",
        ]
        part(session, merger_id)
        assert session.scalars(states.where(COUPONS.c.member_id == absorbed)).all() == ["issued"]
        assert checks.broken_invariants(session, now=NOW) == []


def test_a_welcome_gift_that_was_passed_on_counts(session: Session) -> None:
    loyalty.publish(session, LASTING)
    kind = KindDraft("welcome", "入會禮", "amount_off", 100, valid_days=30, giving="once")
    coupons.create_kind(session, draft=kind, now=NOW)
    kept, absorbed = pair(session)
    friend = people.regular(session, phone=f"+8869{next(_ids):08d}")
    for member_id in (kept, absorbed):
        held = coupons.issue(
            session,
            kind_code="welcome",
            member_id=member_id,
            source="welcome",
            dedup_key=f"welcome:{member_id}",
            now=NOW,
        )
        if member_id == kept and held is not None:
            gift = coupons.offer_gift(session, coupon_id=held.coupon_id, giver_id=kept, now=NOW)
            coupons.accept_gift(session, token=gift.token, friend_id=friend, theme=CAMPHOR, now=NOW)
    merge(session, kept, absorbed)
    states = sa.select(COUPONS.c.status).where(COUPONS.c.member_id == kept)
    assert session.scalars(states).all() == ["revoked"]


def test_a_sale_scanned_before_the_merger_is_the_kept_members(shop: Database) -> None:
    with shop.transaction() as session:
        kept, absorbed = pair(session)
        merge(session, kept, absorbed)
        buy(session, absorbed, 700)
        assert total(session, kept) == 7


def test_what_cannot_be_merged(shop: Database) -> None:
    with shop.transaction() as session:
        kept, absorbed = pair(session)
        guest = people.regular(session, joined_at=None)
        for one, other, reason in (
            (kept, kept, "same"),
            (kept, guest, "not_member"),
            (guest, kept, "not_member"),
        ):
            with pytest.raises(NotMergeable) as refused:
                merge(session, one, other)
            assert refused.value.reason == reason
        with pytest.raises(Invalid):
            service.merge(
                session, kept_id=kept, absorbed_id=absorbed, staff_id=None, reason=" ", now=NOW
            )


def test_what_cannot_be_parted(shop: Database) -> None:
    with shop.transaction() as session:
        kept, absorbed = pair(session)
        merger_id = merge(session, kept, absorbed)
        with pytest.raises(NotMergeable) as late:
            service.part(session, merger_id=merger_id, staff_id=None, now=NOW + rules.UNDO_FOR)
        assert late.value.reason == "too_late"
        third = people.regular(session)
        last = merge(session, third, kept)
        with pytest.raises(NotMergeable) as busy, session.begin_nested():
            part(session, merger_id)
        assert busy.value.reason == "busy"
        assert members.absorbed_ids(session, third) == sorted([kept, absorbed])
        part(session, last)
        assert members.absorbed_ids(session, kept) == [absorbed]
        part(session, merger_id)
        with pytest.raises(NotMergeable) as again:
            part(session, merger_id)
        assert again.value.reason == "undone"


def test_who_leaves_is_forgotten_in_every_row(shop: Database) -> None:
    with shop.transaction() as session:
        kept, absorbed = pair(session)
        merge(session, kept, absorbed)
        rights.close(session, member_id=kept, channel="liff", now=NOW)
        assert rights.wipe_due(session, key="k" * 32, now=NOW + 8 * DAY) == 1
        rows = session.execute(
            sa.select(Member.name, Member.phone, Member.number).where(
                Member.id.in_([kept, absorbed])
            )
        ).all()
        assert [tuple(row) for row in rows] == [(None, None, None)] * 2


def test_the_nightly_check_finds_a_member_that_leads_nowhere(shop: Database) -> None:
    with shop.transaction() as session:
        kept, absorbed = pair(session)
        merge(session, kept, absorbed)
        assert queries.broken(session) == []
        session.execute(sa.update(Member).where(Member.id == absorbed).values(merged_into_id=None))
        assert len(queries.broken(session)) == 1


# Histories ----------------------------------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.sampled_from(["buy", "buy", "refund", "redeem"]), st.booleans(), st.integers(1, 9_000)
    ),
    max_size=12,
)


class Book:
    """Two members and their sales; `one` is whoever acts for both while they are merged."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.kept, self.absorbed = pair(session)
        self.sales: list[str] = []

    def run(self, history: list[tuple[str, bool, int]], *, merged: bool) -> None:
        for step, is_kept, amount in history:
            member_id = self.kept if merged or is_kept else self.absorbed
            if step == "buy":
                self.sales.append(buy(self.session, member_id, amount))
            elif step == "refund" and self.sales:
                key = self.sales[amount % len(self.sales)]
                order = RefundOrder(f"m{next(_ids)}", key, amount)
                with suppress(RefundTooLarge):
                    checkouts.refund_purchase(self.session, order=order, now=NOW)
            elif step == "redeem":
                cause = Cause(f"m{next(_ids)}", "staff:1", "兌換")
                with suppress(NotEnoughPoints):
                    point_service.redeem(
                        self.session,
                        member_id=member_id,
                        points=amount // 200 + 1,
                        cause=cause,
                        now=NOW,
                    )

    def totals(self) -> tuple[int, int]:
        return total(self.session, self.kept), total(self.session, self.absorbed)


@settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps, steps, steps)
def test_no_point_is_lost_or_made_by_merging_and_parting(
    shop: Database,
    before: list[tuple[str, bool, int]],
    between: list[tuple[str, bool, int]],
    after: list[tuple[str, bool, int]],
) -> None:
    with shop.transaction() as session:
        book = Book(session)
        book.run(before, merged=False)
        apart = book.totals()
        merger_id = merge(session, book.kept, book.absorbed)
        assert book.totals() == (sum(apart), 0)
        book.run(between, merged=True)
        together = sum(book.totals())
        part(session, merger_id)
        assert sum(book.totals()) == together
        if not between and min(apart) >= 0:
            assert book.totals() == apart
        book.run(after, merged=False)
        assert checks.broken_invariants(session, now=NOW) == []


# Races --------------------------------------------------------------------------------------------


def at_once(*works: object) -> Counter[str]:
    barrier, ended = threading.Barrier(len(works)), Counter[str]()

    def one(work: object) -> None:
        assert callable(work)
        barrier.wait()
        try:
            work()
        except (NotMergeable, Conflict) as refused:
            ended[str(getattr(refused, "reason", "conflict"))] += 1
        else:
            ended["done"] += 1

    threads = [threading.Thread(target=one, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


def test_crosswise_mergers_leave_one_member(shop: Database) -> None:
    with shop.transaction() as session:
        one, other = pair(session)
        buy(session, one, 1_000)
        buy(session, other, 1_000)

    def joins(kept: int, absorbed: int) -> object:
        def work() -> None:
            with shop.transaction() as session:
                merge(session, kept, absorbed)

        return work

    assert at_once(*[joins(one, other), joins(other, one)] * 3) == {"done": 1, "not_member": 5}
    with shop.transaction() as session:
        assert sorted((total(session, one), total(session, other))) == [0, 20]


def test_sales_and_refunds_beside_a_merger_land_where_they_belong(shop: Database) -> None:
    with shop.transaction() as session:
        kept, absorbed = pair(session)
        sold = [buy(session, absorbed, 300) for _ in range(6)]

    def sells() -> None:
        with shop.transaction() as session:
            buy(session, absorbed, 300)

    def merges() -> None:
        with shop.transaction() as session:
            merge(session, kept, absorbed)

    def refunds(key: str) -> object:
        def work() -> None:
            with shop.transaction() as session:
                order = RefundOrder(f"m{next(_ids)}", key, 300)
                checkouts.refund_purchase(session, order=order, now=NOW)

        return work

    ended = at_once(merges, *[sells] * 6, *(refunds(key) for key in sold))
    assert ended == {"done": 13}
    with shop.transaction() as session:
        assert (total(session, kept), total(session, absorbed)) == (18, 0)
        assert checks.broken_invariants(session, now=NOW) == []

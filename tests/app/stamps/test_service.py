"""Stamp cards under use: milestones given once, lowered by refunds, moved by mergers."""

import threading
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.checkouts import service as checkouts
from app.core.clock import taipei_date
from app.core.db import Database
from app.core.errors import Conflict, Invalid, NotFound
from app.coupons import queries as coupon_queries
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.explanations import queries as explanations
from app.mergers import service as mergers
from app.points.models import OPERATIONS
from app.purchases.rules import PurchaseOrder, RefundOrder
from app.stamps import messages, queries, rules, service
from app.stamps.models import REWARDS
from app.stamps.rules import Milestone, StampDraft
from tests.support.loyalty import new_member, publish
from tests.support.times import NOW

DAY = timedelta(days=1)
TODAY = taipei_date(NOW)
CARD = StampDraft("tea", "茶香", 4, (Milestone(2, points=30), Milestone(4, points=50)), TODAY)
_ids = count(1)


@pytest.fixture
def member(session: Session) -> int:
    publish(session)
    return new_member(session)


def buy(
    session: Session, member: int, day: int = 0, amount: int = 500, late: datetime | None = None
) -> tuple[str, list[str]]:
    """(the sale's id, the notes that are about stamp cards)"""
    key, at = f"s{next(_ids)}", NOW + day * DAY
    order = PurchaseOrder(key, amount, at, member_id=member)
    done = checkouts.record_purchase(session, order=order, now=late or at)
    return key, [note for note in done.facts.get("notes", ()) if note.startswith("集點卡")]


def give_back(session: Session, sale: str, day: int, amount: int = 500) -> list[str]:
    order = RefundOrder(f"s{next(_ids)}", sale, amount)
    done = checkouts.refund_purchase(session, order=order, now=NOW + day * DAY)
    return [note for note in done.facts.get("notes", ()) if note.startswith("集點卡")]


def awarded(session: Session, member: int) -> int:
    """Points that stamp cards brought, less those taken back."""
    statement = sa.select(sa.func.coalesce(sa.func.sum(OPERATIONS.c.amount), 0)).where(
        OPERATIONS.c.member_id == member, OPERATIONS.c.kind.in_(("award", "withdraw"))
    )
    return int(session.scalar(statement) or 0)


def standing(session: Session, member: int, day: int = 0) -> tuple[int, int]:
    """(which card, how many stamps)"""
    (found,) = queries.standings(session, member, now=NOW + day * DAY)
    return found.sheet.number, found.sheet.stamps


def test_milestones_are_given_once_and_a_full_card_is_followed_by_another(
    session: Session, member: int
) -> None:
    service.create(session, draft=CARD, now=NOW)
    assert standing(session, member) == (1, 0)
    assert buy(session, member)[1] == ["集點卡「茶香」1/4"]
    assert buy(session, member)[1] == ["集點卡「茶香」1/4"]
    assert buy(session, member, 1)[1] == ["集點卡「茶香」2/4，集滿 2 格，獲得 30 點"]
    assert buy(session, member, 2)[1] == ["集點卡「茶香」3/4"]
    assert buy(session, member, 3)[1] == ["集點卡「茶香」4/4，集滿 4 格，獲得 50 點"]
    assert standing(session, member, 3) == (1, 4)
    assert buy(session, member, 4)[1] == ["集點卡「茶香」1/4"]
    assert standing(session, member, 4) == (2, 1)
    assert buy(session, member, 5)[1] == ["集點卡「茶香」2/4，集滿 2 格，獲得 30 點"]
    assert awarded(session, member) == 110


def test_one_large_sale_fills_several_cards(session: Session, member: int) -> None:
    service.create(
        session, draft=replace(CARD, per="amount", amount=100, cap_per_day=None), now=NOW
    )
    assert buy(session, member, amount=1_050)[1] == [
        "集點卡「茶香」2/4，集滿 2 格，獲得 30 點，集滿 2 格，獲得 30 點，集滿 2 格，獲得 30 點，"
        "集滿 4 格，獲得 50 點，集滿 4 格，獲得 50 點"
    ]
    assert awarded(session, member) == 190


def test_a_sale_of_before_the_card_brings_nothing(session: Session, member: int) -> None:
    service.create(session, draft=replace(CARD, starts_on=TODAY + DAY), now=NOW)
    assert buy(session, member)[1] == []
    assert queries.standings(session, member, now=NOW) == []


def test_a_sale_told_of_late_stamps_its_own_day(session: Session, member: int) -> None:
    service.create(session, draft=CARD, now=NOW)
    buy(session, member, 2)
    assert buy(session, member, 1, late=NOW + 5 * DAY)[1] == [
        "集點卡「茶香」2/4，集滿 2 格，獲得 30 點"
    ]
    assert buy(session, member, 2, late=NOW + 5 * DAY)[1] == ["集點卡「茶香」2/4"]


def test_a_refund_takes_its_stamp_and_what_is_kept_comes_no_second_time(
    session: Session, member: int
) -> None:
    service.create(session, draft=CARD, now=NOW)
    buy(session, member)
    sale, _ = buy(session, member, 1)
    assert give_back(session, sale, 1) == ["集點卡「茶香」1/4"]
    (reward,) = queries.rewards_of(session, member)
    assert (reward.status, reward.fell_at) == ("given", NOW + DAY)
    assert buy(session, member, 2)[1] == ["集點卡「茶香」2/4"]
    (reward,) = queries.rewards_of(session, member)
    assert reward.fell_at is None
    assert awarded(session, member) == 30


def test_what_is_taken_back_is_given_again(session: Session, member: int) -> None:
    service.create(session, draft=replace(CARD, on_refund="take_back"), now=NOW)
    buy(session, member)
    sale, _ = buy(session, member, 1)
    assert give_back(session, sale, 1) == ["集點卡「茶香」1/4，第 2 格退貨後未達，收回未使用的獎勵"]
    assert awarded(session, member) == 0
    assert buy(session, member, 2)[1] == ["集點卡「茶香」2/4，第 2 格再次達成，獎勵已還給您"]
    assert awarded(session, member) == 30


def test_a_partial_refund_below_the_amount_takes_the_stamp(session: Session, member: int) -> None:
    service.create(session, draft=replace(CARD, amount=400), now=NOW)
    sale, _ = buy(session, member)
    give_back(session, sale, 0, 100)
    assert standing(session, member) == (1, 1)
    give_back(session, sale, 0, 1)
    assert standing(session, member) == (1, 0)


def test_a_coupon_is_the_prize(session: Session, member: int) -> None:
    kind = KindDraft("cup", "茶品一杯", "gift", valid_days=30, terms="一杯。")
    coupons.create_kind(session, draft=kind, now=NOW)
    draft = replace(CARD, size=1, milestones=(Milestone(1, coupon="cup"),))
    service.create(session, draft=draft, now=NOW)
    assert buy(session, member)[1] == ["集點卡「茶香」1/1，集滿 1 格，獲得 茶品一杯"]
    (held,) = coupon_queries.usable_coupons(session, member, now=NOW, limit=9)
    figure = explanations.coupon(session, held.id, member_id=member)
    assert figure is not None
    assert figure.lines[0].words == "集點卡獎勵發出"
    view = messages.view(queries.standings(session, member, now=NOW)[0], {"cup": "茶品一杯"})
    assert (view.prizes[0].words, view.state) == ("茶品一杯", "集滿了！下次消費就開始新的一張")


def test_a_prize_that_is_gone_is_said_to_be_gone(session: Session, member: int) -> None:
    draft = replace(CARD, size=1, milestones=(Milestone(1, coupon="nothing"),))
    service.create(session, draft=draft, now=NOW)
    assert buy(session, member)[1] == ["集點卡「茶香」1/1，集滿 1 格，獎勵已送完"]


def test_a_change_counts_from_the_next_day_and_cards_begun_stay(
    session: Session, member: int
) -> None:
    service.create(session, draft=CARD, now=NOW)
    buy(session, member)
    shorter = replace(CARD, size=3, milestones=(Milestone(3, points=7),), amount=1_000)
    assert service.revise(session, draft=shorter, now=NOW)
    assert not service.revise(session, draft=shorter, now=NOW)
    buy(session, member, 1)  # NT$500 are not enough any more
    assert standing(session, member, 1) == (1, 1)
    for day in (2, 3, 4):
        buy(session, member, day, 1_000)
    assert awarded(session, member) == 80
    assert standing(session, member, 4) == (1, 4)
    assert buy(session, member, 5, 1_000)[1] == ["集點卡「茶香」1/3"]


def test_a_stopped_card_gives_nothing_and_is_not_shown(session: Session, member: int) -> None:
    service.create(session, draft=CARD, now=NOW)
    assert service.set_active(session, code="tea", is_active=False)
    assert not service.set_active(session, code="tea", is_active=False)
    assert buy(session, member)[1] == []
    assert queries.standings(session, member, now=NOW) == []


def test_a_card_that_is_over_is_shown_to_who_has_stamps(session: Session, member: int) -> None:
    service.create(session, draft=replace(CARD, ends_on=TODAY), now=NOW)
    assert len(queries.standings(session, member, now=NOW)) == 1
    assert queries.standings(session, member, now=NOW + DAY) == []
    buy(session, member)
    (found,) = queries.standings(session, member, now=NOW + DAY)
    assert messages.view(found, {}).state == "集點期間已結束"


def test_codes_are_unique_and_known(session: Session) -> None:
    service.create(session, draft=CARD, now=NOW)
    with pytest.raises(Conflict):
        service.create(session, draft=CARD, now=NOW)
    with pytest.raises(NotFound):
        service.revise(session, draft=replace(CARD, code="other"), now=NOW)
    with pytest.raises(Invalid):
        service.revise(session, draft=replace(CARD, size=0), now=NOW)


def test_why_names_the_days(session: Session, member: int) -> None:
    service.create(session, draft=replace(CARD, cap_per_day=None), now=NOW)
    buy(session, member)
    buy(session, member)
    buy(session, member, 2)
    figure = explanations.everything(session, member, now=NOW + 2 * DAY)[-1]
    assert (figure.title, figure.value) == ("集點卡「茶香」", "3/4 格")
    assert [(line.words, figure.show(line.amount or 0)) for line in figure.lines] == [
        ("2 筆消費", "+2 格"),
        ("1 筆消費", "+1 格"),
    ]
    assert figure.adds_up


def test_two_memberships_that_become_one_have_their_stamps_together(db: Database) -> None:
    with db.transaction() as session:
        publish(session)
        one, other = new_member(session), new_member(session)
        service.create(session, draft=CARD, now=NOW)
        for day in range(3):
            buy(session, one, day)
            buy(session, other, 10 + day)
        assert (awarded(session, one), awarded(session, other)) == (30, 30)
        merger = mergers.merge(
            session,
            kept_id=one,
            absorbed_id=other,
            staff_id=None,
            reason="同一人",
            now=NOW + 20 * DAY,
        )
        assert standing(session, one, 20) == (2, 2)
        assert awarded(session, one) == 110  # the fourth stamp, which neither had reached
        mergers.part(session, merger_id=merger, staff_id=None, now=NOW + 21 * DAY)
        assert standing(session, one, 21) == (1, 3)
        buy(session, one, 22)
        buy(session, other, 22)
        fallen = session.scalar(sa.select(sa.func.count(REWARDS.c.fell_at)))
        assert fallen == 0
        assert awarded(session, one) + awarded(session, other) == 160


def test_many_tills_at_once_give_each_milestone_once(db: Database) -> None:
    with db.transaction() as session:
        publish(session)
        member = new_member(session)
        service.create(session, draft=replace(CARD, cap_per_day=None), now=NOW)
    barrier = threading.Barrier(8)

    def till() -> None:
        barrier.wait()
        with db.transaction() as session:
            buy(session, member)

    threads = [threading.Thread(target=till) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.transaction() as session:
        given = [(item.milestone, item.ordinal) for item in queries.rewards_of(session, member)]
        assert sorted(given) == [(2, 1), (2, 2), (4, 1), (4, 2)]
        assert awarded(session, member) == 160
        (card,) = queries.cards(session)
        assert queries.holders(session, card) == 1
        tallies = queries.tallies(session)[card.id]
        assert [(t.milestone, t.members, t.times, t.points) for t in tallies] == [
            (2, 1, 2, 60),
            (4, 1, 2, 100),
        ]


STEPS = st.lists(
    st.tuples(st.sampled_from(["buy", "back"]), st.integers(0, 9), st.integers(1, 700)),
    min_size=1,
    max_size=14,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(steps=STEPS, takes_back=st.booleans())
def test_what_was_given_is_what_the_sales_reach(
    db: Database, steps: list[tuple[str, int, int]], takes_back: bool
) -> None:
    """After any history the milestones that stand are those that the fold reaches, and points that
    are taken back and given again are never more or fewer than they."""
    with db.transaction() as session:
        publish(session)
        member = new_member(session)
        draft = replace(
            CARD, code=f"c{next(_ids)}", per="amount", amount=100, cap_per_day=6,
            on_refund="take_back" if takes_back else "keep",
        )  # fmt: skip
        service.create(session, draft=draft, now=NOW)
        sales: list[list[object]] = []
        for day, (what, which, amount) in enumerate(steps):
            if what == "buy" or not sales:
                sales.append([buy(session, member, day, amount)[0], amount])
                continue
            key, left = sales[which % len(sales)]
            assert isinstance(left, int)
            if left:
                give_back(session, str(key), day, min(left, amount))
                sales[which % len(sales)][1] = left - min(left, amount)
        card = queries.card_by_code(session, draft.code)
        assert card is not None
        reached = rules.sheets(card.versions, queries.sales_of(session, member, [card]))
        rewards = queries.rewards_of(session, member)
        for milestone in draft.milestones:
            here = [item for item in rewards if item.milestone == milestone.at]
            standing = [item for item in here if item.fell_at is None]
            assert len(standing) == len(rules.reached(reached, milestone.at))
            assert all(item.status == "given" for item in standing)
        if takes_back:
            worth = {item.at: item.points for item in draft.milestones}
            standing_now = [item for item in rewards if item.fell_at is None]
            assert awarded(session, member) == sum(worth[item.milestone] for item in standing_now)
        service.set_active(session, code=draft.code, is_active=False)
        session.rollback()


def test_holders_are_those_with_a_stamp(session: Session, member: int) -> None:
    draft = replace(CARD, amount=400, starts_on=date(2026, 1, 1), ends_on=TODAY + 30 * DAY)
    service.create(session, draft=draft, now=NOW)
    (card,) = queries.cards(session)
    assert queries.holders(session, card) == 0
    buy(session, member, amount=399)
    assert queries.holders(session, card) == 0
    buy(session, member, amount=400)
    buy(session, new_member(session), day=31)  # after its last day
    assert queries.holders(session, card) == 1
    service.revise(session, draft=replace(draft, amount=100, ends_on=None), now=NOW + 30 * DAY)
    (card,) = queries.cards(session)
    assert queries.holders(session, card) == 2

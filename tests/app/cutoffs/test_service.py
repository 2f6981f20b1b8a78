"""Cuts are counted as the plain computation does, frozen for their period, and put in force."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.checkouts import service as checkouts
from app.core.clock import TAIPEI, taipei_date
from app.core.db import Database
from app.cutoffs import queries, rules, service
from app.cutoffs.models import CUTS
from app.explanations import queries as explanations
from app.members.models import Member
from app.programmes import queries as programmes
from app.programmes.rules import DEFAULT, Terms
from app.purchases.models import DAYS
from app.purchases.rules import PurchaseOrder
from app.rulebooks import queries as books
from app.rulebooks import service as rulebooks
from app.rulebooks.starters import STARTER
from app.tiers import queries as tiers
from app.tiers import service as tier_service
from tests.app.cutoffs.test_rules import ladder
from tests.support.loyalty import new_member, publish
from tests.support.times import NOW

DAY = timedelta(days=1)
JULY = datetime(2026, 7, 1, 0, 5, tzinfo=TAIPEI)


def buyer(session: Session, *amounts: tuple[str, int]) -> int:
    member = new_member(session)
    tier_service.begin(session, member_id=member, now=NOW - 400 * DAY)
    for number, (day, amount) in enumerate(amounts):
        sold_at = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=TAIPEI)
        order = PurchaseOrder(f"s-{member}-{number}", amount, sold_at, member_id=member)
        checkouts.record_purchase(session, order=order, now=sold_at)
    return member


def run(session: Session, now: datetime) -> int | None:
    cuts = queries.due(session, now=now)
    return None if cuts is None else service.publish(session, cuts, now=now)


def thresholds(session: Session, now: datetime) -> list[int]:
    return [tier.threshold for tier in programmes.terms_at(session, now).tiers]


def small(session: Session) -> Terms:
    """Ten members with NT$1,000 to NT$10,000 each; silver from 500, the upper two by percent."""
    terms = ladder(20, 10, floor=3_000)
    tiers_ = (terms.tiers[0], replace(terms.tiers[1], threshold=500), *terms.tiers[2:])
    terms = replace(terms, tiers=tiers_)
    publish(session, terms)
    for thousand in range(1, 11):
        buyer(session, ("2026-05-05", thousand * 1_000))
    return terms


def test_on_the_first_day_the_thresholds_are_counted_and_published_once(db: Database) -> None:
    with db.transaction() as session:
        small(session)
        assert run(session, JULY) == 2
    with db.transaction() as session:
        assert run(session, JULY + timedelta(minutes=1)) is None
        assert queries.due(session, now=JULY + 80 * DAY) is None
        assert thresholds(session, JULY) == [0, 500, 9_000, 10_000]
        assert thresholds(session, JULY - DAY) == [0, 500, 20_000, 60_000]
        rows = session.execute(sa.select(CUTS.c.tier_code, CUTS.c.ranked, CUTS.c.amount)).all()
        assert [tuple(row) for row in rows] == [("gold", 10, 9_000), ("platinum", 10, 10_000)]
        assert tiers.broken(session) == []


def test_what_is_bought_later_moves_nothing_until_the_next_period(session: Session) -> None:
    small(session)
    run(session, JULY)
    rich = buyer(session, ("2026-07-20", 50_000))
    late = buyer(session, ("2026-06-30", 40_000))
    assert run(session, JULY + 30 * DAY) is None
    assert thresholds(session, JULY + 30 * DAY) == [0, 500, 9_000, 10_000]
    for member in (rich, late):
        held = tiers.open_period(session, member)
        assert held is not None
        assert held.tier_code == ("platinum" if member == rich else "gold")  # by June's number
    october = datetime(2026, 10, 1, tzinfo=TAIPEI)
    assert run(session, october) == 3
    assert thresholds(session, october) == [0, 500, 10_000, 40_000]  # of 12: three, and two


def test_the_way_up_is_exact_and_says_until_when(session: Session) -> None:
    small(session)
    run(session, JULY)
    member = buyer(session, ("2026-06-10", 2_000), ("2026-07-02", 6_999))
    way = tiers.progress(session, member, now=JULY + 3 * DAY)
    assert (way.next_tier and way.next_tier.code, way.to_next) == ("gold", 1)
    story = explanations.progress(session, member, now=JULY + 3 * DAY)
    assert "金卡門檻是 NT$9,000（消費前 20% 的會員；目前門檻，10/1 重新計算）" in story.sentence
    buyer_at = JULY + 3 * DAY
    order = PurchaseOrder("last", 1, buyer_at, member_id=member)
    checkouts.record_purchase(session, order=order, now=buyer_at)
    held = tiers.open_period(session, member)
    assert held is not None
    assert (held.tier_code, held.programme_version) == ("gold", 2)


def test_who_holds_a_tier_keeps_it_when_the_threshold_rises(session: Session) -> None:
    small(session)
    run(session, JULY)
    member = buyer(session, ("2026-07-02", 9_500))
    for _ in range(9):
        buyer(session, ("2026-07-03", 30_000))
    october = datetime(2026, 10, 1, tzinfo=TAIPEI)
    run(session, october)
    held = tiers.open_period(session, member)
    assert held is not None
    assert held.tier_code == "gold"
    assert thresholds(session, october)[2] > 9_500


def test_a_file_does_not_bring_an_old_threshold_back(session: Session) -> None:
    small(session)
    run(session, JULY)
    book = books.book_at(session, JULY)
    assert book is not None
    stale = list(book.terms.tiers)
    stale[2] = replace(stale[2], threshold=3_500)
    old = replace(STARTER, terms=replace(book.terms, tiers=tuple(stale)))
    assert books.as_applied(session, old, now=JULY + DAY).terms.tiers == book.terms.tiers
    rulebooks.apply(session, old, starts_at=JULY + DAY, actor="test", now=JULY + DAY)
    assert thresholds(session, JULY + DAY) == [0, 500, 9_000, 10_000]
    wider = replace(old, terms=replace(old.terms, tiers=(
        *stale[:2], replace(stale[2], top_percent=40), stale[3],
    )))  # fmt: skip
    rulebooks.apply(session, wider, starts_at=JULY + 2 * DAY, actor="test", now=JULY + 2 * DAY)
    assert thresholds(session, JULY + 2 * DAY) == [0, 500, 7_000, 10_000]
    assert run(session, JULY + 3 * DAY) is None
    rulebooks.apply(session, old, starts_at=JULY + 4 * DAY, actor="test", now=JULY + 4 * DAY)
    assert thresholds(session, JULY + 4 * DAY) == [0, 500, 9_000, 10_000]


def test_without_such_tiers_or_any_programme_nothing_is_counted(session: Session) -> None:
    assert queries.due(session, now=JULY) is None
    publish(session, DEFAULT)
    assert queries.due(session, now=JULY) is None


def test_members_of_the_house_are_not_ranked(session: Session) -> None:
    small(session)
    before = queries.cuts(session, programmes.terms_at(session, JULY), now=JULY)
    tester = buyer(session, ("2026-05-05", 90_000))
    session.execute(sa.update(Member).where(Member.id == tester).values(is_test=True))
    after = queries.cuts(session, programmes.terms_at(session, JULY), now=JULY)
    assert after == before


def test_an_empty_brand_has_its_floors(session: Session) -> None:
    publish(session, ladder())
    assert run(session, JULY) == 2
    assert thresholds(session, JULY) == [0, 5_000, 20_000, 20_001]


def test_refunds_count_and_who_left_does_not(session: Session) -> None:
    small(session)
    gone = buyer(session, ("2026-05-05", 90_000))
    session.execute(sa.update(Member).where(Member.id == gone).values(status="closed"))
    back = buyer(session, ("2026-05-06", 80_000))
    session.execute(sa.update(DAYS).where(DAYS.c.member_id == back).values(qualifying=0))
    run(session, JULY)
    assert thresholds(session, JULY) == [0, 500, 9_000, 10_000]


@pytest.mark.parametrize("percents", [(20, 10), (7, 1), (50, 33)])
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    spends=st.lists(
        st.lists(st.tuples(st.integers(-5, 400), st.integers(-50, 300)), max_size=4), max_size=14
    )
)
def test_the_statements_count_as_the_plain_computation_does(
    session: Session, percents: tuple[int, int], spends: list[list[tuple[int, int]]]
) -> None:
    """Days before JULY and NT$ of each member; the window is 2025-07-01 to 2026-06-30."""
    terms = ladder(*percents, floor=5_001)
    amounts: list[int] = []
    with session.begin_nested() as rolled_back:
        for days in spends:
            member = new_member(session)
            total: dict[int, int] = dict(days)
            for back, amount in total.items():
                day = taipei_date(JULY) - back * DAY
                session.execute(
                    sa.insert(DAYS),
                    {"member_id": member, "day": day, "count": 1, "net": amount,
                     "qualifying": amount},
                )  # fmt: skip
            inside = sum(amount for back, amount in total.items() if 1 <= back <= 365)
            if inside > 0:
                amounts.append(inside)
        found = queries.cuts(session, terms, now=JULY)
        rolled_back.rollback()
    assert found == {tier.code: rules.cut(tier, amounts) for tier in terms.tiers[2:]}

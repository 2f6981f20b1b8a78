from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.core.clock import TAIPEI
from app.core.db import Database
from app.core.errors import Conflict, NotFound
from app.points import queries, rules, service
from app.points.models import ENTRIES, OPERATIONS
from app.points.rules import Formula, NotEnoughPoints
from app.points.service import AdjustmentTooLarge, Cause, Posted
from app.programmes.rules import PointTerms
from app.timeline.models import Fact
from tests.support.loyalty import new_member
from tests.support.times import NOW

DAY = timedelta(days=1)
TERMS = PointTerms()  # pending 7 days, 12 months to the end of the month
AT_ONCE = PointTerms(pending_days=0)
FORMULA = {"formula": rules.formula_to_facts(Formula(100, 1))}


def earn(
    session: Session,
    member: int,
    points: int,
    *,
    sale: int = 1,
    terms: PointTerms = AT_ONCE,
    after: timedelta = timedelta(),
) -> Posted:
    return service.earn(
        session,
        member_id=member,
        points=points,
        cause=Cause(f"purchase:{sale}", "pos", "消費", "purchase", sale),
        terms=terms,
        earned_at=NOW + after,
        now=NOW + after,
        facts=FORMULA,
    )


def redeem(
    session: Session, member: int, points: int, key: str = "r1", after: timedelta = timedelta()
) -> Posted:
    return service.redeem(
        session,
        member_id=member,
        points=points,
        cause=Cause(key, "staff:1", "兌換"),
        now=NOW + after,
    )


def revoke(
    session: Session,
    member: int,
    *,
    remaining: int = 0,
    sale: int = 1,
    refund: int = 1,
    after: timedelta = timedelta(),
) -> Posted:
    return service.revoke(
        session,
        member_id=member,
        purchase_id=sale,
        remaining=remaining,
        cause=Cause(f"refund:{refund}", "pos", "退貨", "purchase", sale),
        now=NOW + after,
    )


def restore(
    session: Session,
    member: int,
    redemption: Posted,
    *,
    points: int | None = None,
    key: str = "b1",
    after: timedelta = timedelta(),
) -> Posted:
    return service.restore(
        session,
        member_id=member,
        redemption_id=redemption.operation_id,
        external_id=key,
        actor="staff:1",
        reason="取消兌換",
        terms=TERMS,
        now=NOW + after,
        points=points,
    )


def balances(session: Session, member: int, after: timedelta = timedelta()) -> tuple[int, int, int]:
    standing = queries.standing(session, member, now=NOW + after)
    return standing.balance, standing.pending, standing.debt


def test_points_are_pending_until_the_seventh_midnight(session: Session) -> None:
    member = new_member(session)
    earn(session, member, 10, terms=TERMS)
    usable = NOW.astimezone(TAIPEI).replace(hour=0, minute=0) + 7 * DAY - NOW
    assert balances(session, member, usable - timedelta(microseconds=1)) == (0, 10, 0)
    assert balances(session, member, usable) == (10, 0, 0)
    with pytest.raises(NotEnoughPoints):
        redeem(session, member, 1, after=usable - timedelta(microseconds=1))
    assert redeem(session, member, 10, after=usable).standing.balance == 0
    assert queries.unbalanced(session) == []


def test_the_same_earning_twice_is_one_entry(session: Session) -> None:
    member = new_member(session)
    first = earn(session, member, 10)
    again = earn(session, member, 10)
    assert (first.is_new, again.is_new) == (True, False)
    assert again.operation_id == first.operation_id
    assert balances(session, member) == (10, 0, 0)


def test_the_same_id_with_other_content_is_refused_and_changes_nothing(session: Session) -> None:
    member = new_member(session)
    earn(session, member, 10)
    with pytest.raises(Conflict):
        earn(session, member, 11)
    with pytest.raises(Conflict):
        earn(session, new_member(session), 10)
    assert balances(session, member) == (10, 0, 0)


def test_redeeming_is_all_or_nothing(session: Session) -> None:
    member = new_member(session)
    earn(session, member, 10)
    with pytest.raises(NotEnoughPoints):
        redeem(session, member, 11)
    assert session.scalar(sa.select(sa.func.count()).select_from(OPERATIONS)) == 1
    assert redeem(session, member, 10).points == -10
    assert redeem(session, member, 10).is_new is False
    assert balances(session, member) == (0, 0, 0)


def test_expired_points_cannot_be_used(session: Session) -> None:
    member = new_member(session)
    earn(session, member, 10)
    gone = rules.expires_at(TERMS, NOW)
    assert gone is not None
    assert balances(session, member, gone - NOW - timedelta(microseconds=1)) == (10, 0, 0)
    assert balances(session, member, gone - NOW) == (0, 0, 0)
    with pytest.raises(NotEnoughPoints):
        redeem(session, member, 1, after=gone - NOW)
    expiry = queries.history(session, member)[0]
    assert (expiry.kind, expiry.points, expiry.at) == ("expire", -10, gone)
    facts = session.execute(sa.select(Fact.kind, Fact.facts, Fact.at)).all()
    assert [tuple(row) for row in facts] == [("points.expired", {"points": 10}, gone)]


def test_partial_refunds_take_back_exactly_what_was_earned(session: Session) -> None:
    member = new_member(session)
    earn(session, member, 7)  # NT$790
    remains = [(500, -2), (401, -1), (399, -1), (0, -3)]
    for number, (remaining, points) in enumerate(remains):
        assert revoke(session, member, remaining=remaining, refund=number).points == points
    assert balances(session, member) == (0, 0, 0)


def test_a_refund_of_pending_points_takes_the_pending_ones(session: Session) -> None:
    member = new_member(session)
    earn(session, member, 7, sale=1)
    earn(session, member, 5, sale=2, terms=TERMS)
    revoke(session, member, sale=2)
    assert balances(session, member) == (7, 0, 0)


def test_a_refund_after_the_points_were_spent_becomes_debt_that_later_earnings_repay(
    session: Session,
) -> None:
    member = new_member(session)
    earn(session, member, 10, sale=1)
    redeem(session, member, 8)
    revoke(session, member, sale=1)
    assert balances(session, member) == (-8, 0, 8)
    with pytest.raises(NotEnoughPoints):
        redeem(session, member, 1, key="r2")
    earn(session, member, 5, sale=2)
    assert balances(session, member) == (-3, 0, 3)
    earn(session, member, 5, sale=3, terms=TERMS)
    assert balances(session, member) == (-3, 5, 3)
    assert balances(session, member, 8 * DAY) == (2, 0, 0)
    assert service.lock(session, member_id=member, now=NOW + 8 * DAY).balance == 2
    assert queries.unbalanced(session) == []


def test_the_shortfall_is_taken_from_other_points_before_it_becomes_debt(session: Session) -> None:
    member = new_member(session)
    earn(session, member, 10, sale=1)
    redeem(session, member, 10)
    earn(session, member, 6, sale=2)
    revoke(session, member, sale=1)
    assert balances(session, member) == (-4, 0, 4)


def test_points_that_lapsed_unused_are_not_taken_a_second_time(session: Session) -> None:
    member = new_member(session)
    earn(session, member, 10, sale=1)
    redeem(session, member, 4)
    later = 400 * DAY  # six lapsed
    earn(session, member, 9, sale=2, after=later)
    assert revoke(session, member, sale=1, after=later).points == -4
    assert balances(session, member, later) == (5, 0, 0)
    assert queries.unbalanced(session) == []


def test_the_same_refund_twice_revokes_once(session: Session) -> None:
    member = new_member(session)
    earn(session, member, 7)
    first = revoke(session, member, remaining=300)
    again = revoke(session, member, remaining=300)
    assert (first.points, again.points, again.is_new) == (-4, -4, False)
    with pytest.raises(Conflict):
        revoke(session, member, remaining=200)


def test_restored_points_return_to_their_lots_with_their_dates(session: Session) -> None:
    member = new_member(session)
    earn(session, member, 10, sale=1)
    earn(session, member, 10, sale=2, after=40 * DAY)
    spent = redeem(session, member, 15, after=41 * DAY)
    before = queries.lots(session, member)
    assert [lot.remaining for lot in before] == [5]
    restore(session, member, spent, points=7, after=42 * DAY)
    assert [lot.remaining for lot in queries.lots(session, member)] == [2, 10]
    restore(session, member, spent, key="b2", after=42 * DAY)
    assert [lot.remaining for lot in queries.lots(session, member)] == [10, 10]
    with pytest.raises(NotFound):
        restore(session, member, spent, key="b3", after=42 * DAY)
    assert queries.unbalanced(session) == []


def test_points_restored_after_their_expiry_live_two_more_weeks(session: Session) -> None:
    member = new_member(session)
    earn(session, member, 10)
    spent = redeem(session, member, 10)
    later = 400 * DAY
    restore(session, member, spent, after=later)
    assert balances(session, member, later) == (10, 0, 0)
    assert balances(session, member, later + 14 * DAY) == (10, 0, 0)
    assert balances(session, member, later + 15 * DAY) == (0, 0, 0)
    assert queries.unbalanced(session) == []


def test_an_adjustment_over_the_limit_of_the_role_is_refused(session: Session) -> None:
    member = new_member(session)

    def adjust(points: int, key: str) -> Posted:
        return service.adjust(
            session,
            member_id=member,
            points=points,
            cause=Cause(key, "staff:1", "補登"),
            terms=TERMS,
            now=NOW,
            limit=100,
        )

    with pytest.raises(AdjustmentTooLarge):
        adjust(101, "a1")
    assert adjust(100, "a2").standing.balance == 100
    with pytest.raises(AdjustmentTooLarge):
        adjust(-101, "a3")
    assert adjust(-60, "a4").standing.balance == 40
    with pytest.raises(NotEnoughPoints):
        adjust(-41, "a5")


def award(session: Session, member: int, points: int, key: str = "mission:1") -> Posted:
    cause = Cause(key, "system", "任務「新客挑戰」", "mission", 1)
    return service.award(
        session, member_id=member, points=points, cause=cause, terms=TERMS, now=NOW
    )


def test_awarded_points_can_be_used_at_once_and_are_awarded_once(session: Session) -> None:
    member = new_member(session)
    assert award(session, member, 30).standing.balance == 30
    assert not award(session, member, 30).is_new
    assert redeem(session, member, 30).standing.balance == 0
    with pytest.raises(Conflict):
        award(session, member, 31)
    assert queries.unbalanced(session) == []


@pytest.mark.parametrize(("spent", "taken"), [(0, 30), (10, 20), (30, 0)])
def test_withdrawing_an_award_takes_what_is_left_of_it(
    session: Session, spent: int, taken: int
) -> None:
    member = new_member(session)
    award(session, member, 30)
    if spent:
        redeem(session, member, spent)
    earn(session, member, 500)  # other points are not touched
    cause = Cause("back:1", "system", "退貨後未達任務目標", "mission", 1)
    gone = [
        service.withdraw(session, member_id=member, award="mission:1", cause=cause, now=NOW)
        for _ in range(2)
    ]
    assert [posted.points for posted in gone] == [-taken, -taken]
    assert gone[1].standing.balance == 500 + 30 - spent - taken
    assert queries.unbalanced(session) == []
    with pytest.raises(NotFound):
        service.withdraw(session, member_id=member, award="mission:2", cause=cause, now=NOW)


def test_activity_moves_the_end_of_every_lot(session: Session) -> None:
    member = new_member(session)
    sliding = PointTerms(pending_days=0, expiry="after_activity", expiry_months=6)
    earn(session, member, 10, sale=1, terms=sliding)
    earn(session, member, 10, sale=2, terms=sliding, after=100 * DAY)
    standing = queries.standing(session, member, now=NOW + 200 * DAY)
    assert (standing.balance, standing.next_expiry_points) == (20, 20)


def test_points_of_a_very_late_sale_may_be_gone_already(session: Session) -> None:
    member = new_member(session)
    posted = service.earn(
        session,
        member_id=member,
        points=10,
        cause=Cause("purchase:1", "import", "消費", "purchase", 1),
        terms=TERMS,
        earned_at=NOW - 500 * DAY,
        now=NOW,
    )
    assert posted.standing.balance == 0
    assert queries.history(session, member)[0].kind == "expire"
    assert queries.unbalanced(session) == []


def test_the_next_expiry_is_kept_beside_the_balance(session: Session) -> None:
    member = new_member(session)
    earn(session, member, 10, sale=1)
    earn(session, member, 4, sale=2)
    earn(session, member, 6, sale=3, after=60 * DAY)
    standing = queries.standing(session, member, now=NOW + 60 * DAY)
    assert (standing.next_expiry_points, standing.next_expiry_at) == (
        14,
        rules.expires_at(TERMS, NOW),
    )
    later = queries.expiring(session, member, now=NOW + 60 * DAY, until=NOW + 900 * DAY)
    assert [item.points for item in later] == [14, 6]


def test_an_entry_that_is_lost_shows_as_an_imbalance(session: Session) -> None:
    member = new_member(session)
    earn(session, member, 10)
    session.execute(sa.delete(ENTRIES))
    found = {(item.what, item.stored, item.folded) for item in queries.unbalanced(session)}
    assert found == {("balance", 10, 0), ("lot", 10, 0), ("operation", 10, 0)}


def test_points_of_more_sales_than_a_statement_has_binds(db: Database) -> None:
    """A night may end the tiers of a thousand members with a hundred sales each."""
    with db.transaction() as session:
        member = new_member(session)
        earn(session, member, 7, sale=5)
        revoke(session, member, remaining=500, sale=5, refund=1)
        assert queries.kept_of_sales(session, range(1, 100_001)) == {5: 5}


def test_settling_many_members_leaves_what_settling_each_would(db: Database) -> None:
    with db.transaction() as session:
        twins = [(new_member(session), new_member(session)) for _ in range(4)]
        for number, pair in enumerate(twins):
            for side, member in enumerate(pair):
                key = number * 10 + side * 100
                earn(session, member, 10 + number, sale=key, terms=TERMS)
                earn(session, member, 5, sale=key + 1)
                redeem(session, member, number, key=f"r{key}")
                earn(session, member, 9, sale=key + 2, after=200 * DAY)
                if number == 3:  # in debt, with points still to come
                    redeem(session, member, 24, key=f"s{key}", after=200 * DAY)
                    revoke(session, member, sale=key, refund=key, after=200 * DAY)
                    earn(session, member, 30, sale=key + 3, terms=TERMS, after=200 * DAY)
    now = NOW + 395 * DAY
    with db.transaction() as session:
        for _, member in twins:
            service.lock(session, member_id=member, now=now)
        assert service.settle_due(session, now=now, limit=3) == 3
        assert service.settle_due(session, now=now) == 1
        assert service.settle_due(session, now=now) == 0
        for one, other in twins:
            assert queries.standing(session, one, now=now) == queries.standing(
                session, other, now=now
            )
            assert _story(session, one) == _story(session, other)
        assert queries.unbalanced(session) == []
        assert queries.unsettled(session, before=now) == []


def _story(session: Session, member: int) -> list[tuple[object, ...]]:
    rows = session.execute(
        sa.select(OPERATIONS.c.kind, OPERATIONS.c.amount, OPERATIONS.c.at).where(
            OPERATIONS.c.member_id == member
        )
    )
    told = session.execute(sa.select(Fact.kind, Fact.at).where(Fact.member_id == member))
    return sorted((*tuple(row), 0) for row in rows) + sorted((*tuple(row), 1) for row in told)


Step = tuple[str, int, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["earn", "redeem", "revoke", "restore", "adjust", "settle"]),
        st.integers(1, 40),
        st.integers(0, 60),
    ),
    max_size=25,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps, st.sampled_from([0, 7]))
def test_any_history_keeps_the_books_balanced(
    sqlite_db: Database, history: list[Step], pending_days: int
) -> None:
    terms = replace(TERMS, pending_days=pending_days, expiry_months=2)
    with sqlite_db.transaction() as session:
        member = new_member(session)
        now = timedelta()
        sales: list[tuple[int, int]] = []
        redemptions: list[Posted] = []
        for number, (verb, points, days) in enumerate(history):
            now += days * DAY
            try:
                if verb == "earn":
                    key = member * 1_000 + number
                    earn(session, member, points, sale=key, terms=terms, after=now)
                    sales.append((key, points * 100))
                elif verb == "redeem":
                    key_text = f"r{member}:{number}"
                    redemptions.append(redeem(session, member, points, key=key_text, after=now))
                elif verb == "revoke" and sales:
                    key, left = sales.pop(0)
                    left = max(0, left - points * 50)
                    key_refund = member * 1_000 + number
                    revoke(session, member, remaining=left, sale=key, refund=key_refund, after=now)
                    if left:
                        sales.append((key, left))
                elif verb == "restore" and redemptions:
                    restore(
                        session, member, redemptions.pop(), key=f"b{member}:{number}", after=now
                    )
                elif verb == "adjust":
                    service.adjust(
                        session,
                        member_id=member,
                        points=points - 20,
                        cause=Cause(f"a{member}:{number}", "staff:1", "補登"),
                        terms=terms,
                        now=NOW + now,
                    )
                else:
                    service.settle_due(session, now=NOW + now)
            except NotEnoughPoints:
                pass
            standing = queries.standing(session, member, now=NOW + now)
            assert standing.balance >= 0 or standing.debt == -standing.balance
        before = queries.standing(session, member, now=NOW + now)
        assert service.lock(session, member_id=member, now=NOW + now) == before
        assert queries.unbalanced(session) == []

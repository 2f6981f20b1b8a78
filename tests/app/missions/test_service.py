"""Missions under use: counted anew, rewarded once, lowered by refunds, in the version begun."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.checkouts import service as checkouts
from app.core.clock import taipei_date, taipei_midnight
from app.core.db import Database
from app.core.errors import Conflict, Invalid, NotFound
from app.coupons import queries as coupon_queries
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.members.models import Member
from app.missions import queries, service
from app.missions.models import REWARDS
from app.missions.rules import Audience, MissionDraft, Reward, Step, Window
from app.points import queries as points
from app.points.models import OPERATIONS
from app.purchases.rules import Item, PurchaseOrder, RefundOrder
from tests.support.loyalty import new_member, publish
from tests.support.times import NOW

DAY = timedelta(days=1)
MONTHLY = Window("month", starts_on=date(2026, 1, 1))
REGULAR = MissionDraft(
    "regular", "每月常客", (Step("visits", 3),), window=MONTHLY, repeats=True, reward=Reward(30)
)
_ids = count(1)


@pytest.fixture
def member(session: Session) -> int:
    publish(session)
    return new_member(session)


def buy(
    session: Session, member: int, amount: int = 500, at: datetime = NOW, items: Sequence[Item] = ()
) -> tuple[str, list[str]]:
    """(the sale's id, the notes that are about missions)"""
    key = f"m{next(_ids)}"
    order = PurchaseOrder(key, amount, at, member_id=member, items=tuple(items))
    done = checkouts.record_purchase(session, order=order, now=max(at, NOW))
    return key, _notes(done.facts)


def give_back(
    session: Session, sale: str, amount: int = 500, at: datetime = NOW, **fields: Any
) -> list[str]:
    order = RefundOrder(f"m{next(_ids)}", sale, amount, **fields)
    return _notes(checkouts.refund_purchase(session, order=order, now=at).facts)


def _notes(facts: dict[str, Any]) -> list[str]:
    return [note for note in facts.get("notes", ()) if note.startswith("任務")]


def won(session: Session, member: int) -> list[tuple[str, str]]:
    return [(reward.round, reward.status) for reward in queries.rewards_of(session, member)]


def awarded(session: Session, member: int) -> int:
    return int(
        session.scalar(
            sa.select(sa.func.coalesce(sa.func.sum(OPERATIONS.c.amount), 0)).where(
                OPERATIONS.c.member_id == member, OPERATIONS.c.kind.in_(("award", "withdraw"))
            )
        )
        or 0
    )


def test_three_visits_in_a_month_bring_the_reward_once(session: Session, member: int) -> None:
    service.create(session, draft=REGULAR, now=NOW)
    assert buy(session, member)[1] == ["任務「每月常客」1/3"]
    assert buy(session, member)[1] == []  # the same day again moves nothing
    assert buy(session, member, at=NOW + DAY)[1] == ["任務「每月常客」2/3"]
    assert buy(session, member, at=NOW + 2 * DAY)[1] == ["任務「每月常客」完成，獲得 30 點"]
    assert buy(session, member, at=NOW + 3 * DAY)[1] == []
    assert won(session, member) == [("2026-07", "given")]
    assert awarded(session, member) == 30
    assert buy(session, member, at=NOW + 31 * DAY)[1] == ["任務「每月常客」1/3"]


def test_the_last_second_of_a_month_belongs_to_it(session: Session, member: int) -> None:
    service.create(session, draft=replace(REGULAR, steps=(Step("visits", 1),)), now=NOW)
    edge = taipei_midnight(date(2026, 8, 1))
    buy(session, member, at=edge - timedelta(seconds=1))
    assert won(session, member) == [("2026-07", "given")]
    buy(session, member, at=edge)
    assert won(session, member) == [("2026-07", "given"), ("2026-08", "given")]


def test_a_refund_lowers_the_progress(session: Session, member: int) -> None:
    service.create(session, draft=REGULAR, now=NOW)
    buy(session, member)
    sale, _ = buy(session, member, at=NOW + DAY)
    assert give_back(session, sale, at=NOW + DAY) == ["任務「每月常客」1/3"]


def completed(session: Session, member: int, draft: MissionDraft) -> str:
    """A mission of one visit is completed; returns the sale."""
    service.create(session, draft=replace(draft, steps=(Step("spend", 500),)), now=NOW)
    sale, notes = buy(session, member)
    assert len(notes) == 1
    return sale


def test_a_reward_is_kept_after_a_refund_but_flagged(session: Session, member: int) -> None:
    sale = completed(session, member, REGULAR)
    give_back(session, sale, 100)
    reward = queries.rewards_of(session, member)[0]
    assert (reward.status, reward.fell_at) == ("given", NOW)
    buy(session, member, 100)
    reward = queries.rewards_of(session, member)[0]
    assert (reward.status, reward.fell_at) == ("given", None)
    assert awarded(session, member) == 30


def test_an_unused_reward_is_taken_back_and_given_again(session: Session, member: int) -> None:
    kind = KindDraft("tea", "茶券", "amount_off", 50, valid_days=30)
    coupons.create_kind(session, draft=kind, now=NOW)
    draft = replace(REGULAR, on_refund="take_back", reward=Reward(30, coupon="tea"))
    sale = completed(session, member, draft)
    for _ in range(3):
        assert give_back(session, sale, 100) == ["任務「每月常客」未達目標，收回未使用的獎勵"]
        assert awarded(session, member) == 0
        assert coupon_queries.usable_coupons(session, member, now=NOW) == []
        sale, notes = buy(session, member, 100)
        assert notes == ["任務「每月常客」再次完成，獎勵已還給您"]
        assert awarded(session, member) == 30
        assert len(coupon_queries.usable_coupons(session, member, now=NOW)) == 1
    assert points.unbalanced(session) == []


def test_a_streak_needs_months_in_a_row_and_uses_each_once(session: Session, member: int) -> None:
    habit = replace(REGULAR, code="habit", name="連續三個月", steps=(Step("visits", 1),), streak=3)
    service.create(session, draft=habit, now=NOW)
    noon = timedelta(hours=12)
    months = [taipei_midnight(date(2026, month, 28)) + noon for month in (1, 2, 4, 5)]
    for at in months:
        buy(session, member, at=at)
    assert won(session, member) == []
    buy(session, member, at=taipei_midnight(date(2026, 3, 1)))  # a till uploads March late
    assert won(session, member) == [("2026-03", "given")]
    buy(session, member, at=taipei_midnight(date(2026, 6, 30)) + noon)
    assert won(session, member) == [("2026-03", "given"), ("2026-06", "given")]
    assert awarded(session, member) == 60


def test_a_round_under_way_keeps_its_version(session: Session, member: int) -> None:
    service.create(session, draft=REGULAR, now=NOW)
    buy(session, member)
    harder = replace(REGULAR, steps=(Step("visits", 9),), reward=Reward(99))
    assert service.revise(session, draft=harder, now=NOW)
    assert not service.revise(session, draft=harder, now=NOW)
    buy(session, member, at=NOW + DAY)
    buy(session, member, at=NOW + 2 * DAY)
    assert awarded(session, member) == 30
    assert buy(session, member, at=NOW + 31 * DAY)[1] == ["任務「每月常客」1/9"]
    assert buy(session, new_member(session))[1] == ["任務「每月常客」1/9"]


def test_a_mission_that_does_not_repeat_is_done_for_good(session: Session, member: int) -> None:
    once = replace(REGULAR, steps=(Step("visits", 1),), repeats=False)
    service.create(session, draft=once, now=NOW)
    buy(session, member)
    assert buy(session, member, at=NOW + 31 * DAY)[1] == []
    assert len(won(session, member)) == 1


def test_all_steps_are_needed_and_goods_that_go_back_do_not_count(
    session: Session, member: int
) -> None:
    draft = replace(
        REGULAR,
        steps=(Step("items", 2, skus=("T1",)), Step("profile", 1, fields=("email",))),
        window=Window("joined", days=500),
        repeats=False,
    )
    service.create(session, draft=draft, now=NOW)
    tea = Item(sku="T1", name="茶", quantity=2, unit_price=100)
    sale, notes = buy(session, member, 200, items=[tea])
    assert notes == ["任務「每月常客」1/2"]
    back = give_back(session, sale, 100, items=({"sku": "T1", "quantity": 1},))
    assert back == ["任務「每月常客」0/2"]
    buy(session, member, 100, items=[replace(tea, quantity=1)])
    session.execute(sa.update(Member).where(Member.id == member).values(email="a@example.tw"))
    told = service.profile_changed(session, member_id=member, now=NOW)
    assert told == ("任務「每月常客」完成，獲得 30 點",)


def test_a_deed_counts_once_and_can_be_taken_back(session: Session, member: int) -> None:
    draft = replace(REGULAR, steps=(Step("invoices", 2),))
    service.create(session, draft=draft, now=NOW)

    def note(key: str, **fields: Any) -> tuple[str, ...]:
        return service.note_deed(
            session, member_id=member, kind="invoices", key=key, at=NOW, now=NOW, **fields
        )

    assert note("AB1") == ("任務「每月常客」1/2",)
    assert note("AB1") == ()
    assert note("AB1", is_taken_back=True) == ()
    assert note("AB2") == ("任務「每月常客」1/2",)
    assert note("AB3") == ("任務「每月常客」完成，獲得 30 點",)
    with pytest.raises(Invalid, match="kind"):
        service.note_deed(session, member_id=member, kind="visits", key="x", at=NOW, now=NOW)


def test_who_is_not_meant_and_what_was_stopped(session: Session, member: int) -> None:
    draft = replace(REGULAR, audience=Audience(tiers=("gold",)))
    service.create(session, draft=draft, now=NOW)
    assert buy(session, member)[1] == []
    open_to_all = replace(REGULAR, code="all")
    service.create(session, draft=open_to_all, now=NOW)
    assert service.set_active(session, code="all", is_active=False)
    assert buy(session, member)[1] == []
    with pytest.raises(Conflict):
        service.create(session, draft=open_to_all, now=NOW)
    with pytest.raises(NotFound):
        service.revise(session, draft=replace(REGULAR, code="none"), now=NOW)


def test_the_last_rewards_go_to_as_many_as_there_are(db: Database) -> None:
    draft = replace(REGULAR, steps=(Step("visits", 1),), reward_limit=3)
    with db.transaction() as session:
        publish(session)
        service.create(session, draft=draft, now=NOW)
        members = [new_member(session) for _ in range(6)]
    _at_once(db, [(member, f"s{member}") for member in members])
    with db.reading() as session:
        statuses = sorted(session.scalars(sa.select(REWARDS.c.status)))
        assert statuses == ["given"] * 3 + ["sold_out"] * 3
        assert sum(awarded(session, member) for member in members) == 90
        mission = queries.mission_by_code(session, "regular")
        assert mission is not None
        assert mission.given == 3


def test_sales_of_one_member_at_once_complete_a_round_once(db: Database) -> None:
    with db.transaction() as session:
        publish(session)
        service.create(session, draft=replace(REGULAR, steps=(Step("visits", 1),)), now=NOW)
        member = new_member(session)
    _at_once(db, [(member, f"s{number}") for number in range(6)])
    with db.reading() as session:
        assert won(session, member) == [("2026-07", "given")]
        assert awarded(session, member) == 30


def _at_once(db: Database, sales: Sequence[tuple[int, str]]) -> None:
    start = threading.Barrier(len(sales))
    errors: list[Exception] = []

    def sell(member: int, key: str) -> None:
        start.wait()
        try:
            with db.transaction() as session:
                order = PurchaseOrder(key, 500, NOW, member_id=member)
                checkouts.record_purchase(session, order=order, now=NOW)
        except Exception as error:  # noqa: BLE001  # the test must show whatever it is
            errors.append(error)

    threads = [threading.Thread(target=sell, args=sale) for sale in sales]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking against a database is slow
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(1, 900), st.integers(0, 9)), min_size=3, max_size=25
    )
)
def test_any_history_rewards_each_month_that_once_was_full(
    sqlite_db: Database, history: list[tuple[bool, int, int]]
) -> None:
    """A model that only adds up: a month is won when its visits and its spend were ever enough."""
    steps = (Step("visits", 2), Step("spend", 1_000))
    draft = replace(REGULAR, code=f"h{next(_ids)}", steps=steps)
    with sqlite_db.transaction() as session:
        publish(session)
        service.create(session, draft=draft, now=NOW)
        member, now = new_member(session), NOW
        left: dict[str, tuple[date, int]] = {}
        months: set[str] = set()
        for is_sale, amount, days in history:
            now += days * DAY
            if is_sale or not left:
                sale, _ = buy(session, member, amount, at=now)
                left[sale] = (taipei_date(now), amount)
            else:
                sale = sorted(left)[amount % len(left)]
                day, rest = left[sale]
                back = min(amount, rest)
                give_back(session, sale, back, at=now)
                left[sale] = (day, rest - back)
                if rest == back:
                    del left[sale]
            for month in {f"{day:%Y-%m}" for day, _ in left.values()}:
                sums: dict[date, int] = {}
                for day, rest in left.values():
                    if f"{day:%Y-%m}" == month:
                        sums[day] = sums.get(day, 0) + rest
                if len(sums) >= 2 and sum(sums.values()) >= 1_000:
                    months.add(month)
        assert {name for name, _ in won(session, member)} == months
        assert awarded(session, member) == 30 * len(months)
        assert points.unbalanced(session) == []
        service.set_active(session, code=draft.code, is_active=False)

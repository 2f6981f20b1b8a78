"""Random histories of exchanges, cancellations, pick-ups and nights against a model that only
counts: what is left of points and stock is what was never spent or came back."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.core.db import Database
from app.coupons import queries as coupons
from app.points import queries as points
from app.points.rules import NotEnoughPoints
from app.rewards import queries, service
from app.rewards.rules import NotCancellable, RewardDraft, RewardRefused
from tests.app.rewards.test_service import hana, open_catalogue, pick_up
from tests.support.times import NOW

DRAFTS = (
    RewardDraft("a", "杯", 70, "gift_tote", stock=4, per_member_limit=2, pickup_days=2,
                unclaimed="returned"),
    RewardDraft("b", "袋", 110, "gift_tote", stock=3, pickup_days=1, cancel_hours=0),
)  # fmt: skip
START = 500
_forms = count(1)


@pytest.fixture
def shop(db: Database) -> tuple[Database, list[int]]:
    with db.transaction() as session:
        return db, open_catalogue(session, *DRAFTS)


class World:
    """Two members, two rewards, and every exchange that was made with its price."""

    def __init__(self, session: Session, rewards: list[int]) -> None:
        self.session, self.rewards, self.now = session, rewards, NOW
        self.members = [hana(session, START) for _ in range(2)]
        self.made: list[tuple[int, int, int]] = []  # exchange, member, which reward

    def take(self, member: int, which: int) -> None:
        draft, holder = DRAFTS[which], self.members[member]
        state = queries.reward(self.session, self.rewards[which])
        assert state is not None
        held = queries.taken_by(self.session, holder).get(self.rewards[which], 0)
        limit = draft.per_member_limit
        can = state.left != 0 and (limit is None or held < limit)
        rich = self.balance(holder) >= draft.points
        try:
            with self.session.begin_nested():
                done = service.exchange(
                    self.session,
                    reward_id=self.rewards[which],
                    member_id=holder,
                    form_id=f"h{next(_forms)}",
                    now=self.now,
                )
        except RewardRefused:
            assert not can
        except NotEnoughPoints:
            assert not rich
        else:
            assert can
            assert rich
            self.made.append((done.exchange_id, member, which))

    def cancel(self, which: int) -> None:
        self._on_one(which, lambda one, holder: service.cancel(
            self.session, exchange_id=one, member_id=holder, now=self.now
        ))  # fmt: skip

    def fetch(self, which: int) -> None:
        def fetched(one: int, holder: int) -> None:
            held = queries.exchange_of(self.session, one, member_id=holder)
            assert held is not None
            if held.status != "open" or held.expires_at <= self.now:
                raise NotCancellable("over")
            pick_up(self.session, held, self.now - NOW)

        self._on_one(which, fetched)

    def _on_one(self, which: int, work: Callable[[int, int], object]) -> None:
        if not self.made:
            return
        one, member, _ = self.made[which % len(self.made)]
        with suppress(NotCancellable), self.session.begin_nested():
            work(one, self.members[member])

    def night(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        service.lapse_due(self.session, now=self.now)

    def balance(self, holder: int) -> int:
        return points.standing(self.session, holder, now=self.now).balance

    def check(self) -> None:
        gone = [0, 0]
        spent = [0, 0]
        for one, member, which in self.made:
            held = queries.exchange_of(self.session, one, member_id=self.members[member])
            assert held is not None
            if held.status not in ("cancelled", "returned"):
                gone[which] += 1
                spent[member] += DRAFTS[which].points
        for member, holder in enumerate(self.members):
            assert self.balance(holder) == START - spent[member]
        for which, reward_id in enumerate(self.rewards):
            state = queries.reward(self.session, reward_id)
            assert state is not None
            assert state.taken == gone[which] <= (DRAFTS[which].stock or 0)
        assert queries.broken(self.session) == []
        assert coupons.broken(self.session) == []
        assert points.unbalanced(self.session) == []


steps = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "take", "cancel", "fetch", "night"]),
        st.integers(0, 1),
        st.integers(0, 40),
    ),
    min_size=5,
    max_size=25,
)


@settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking against a database is slow
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps)
def test_any_history_ends_as_the_model_says(
    shop: tuple[Database, list[int]], history: list[tuple[str, int, int]]
) -> None:
    db, rewards = shop
    with db.transaction() as session:
        example = session.begin_nested()
        world = World(session, rewards)
        for step, member, number in history:
            match step:
                case "take":
                    world.take(member, number % 2)
                case "cancel":
                    world.cancel(number)
                case "fetch":
                    world.fetch(number)
                case _:
                    world.night(number)
        world.check()
        example.rollback()  # the next one finds the catalogue as it was

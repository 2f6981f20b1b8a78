"""Exchanging points for rewards: once, within stock and limits, back again, and unclaimed."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.errors import Conflict, NotFound
from app.coupons import queries as coupons
from app.coupons import service as coupon_service
from app.coupons.rules import CouponNotUsable, KindDraft, Situation
from app.mergers import service as mergers
from app.points import queries as points
from app.points.rules import NotEnoughPoints
from app.rewards import queries, service
from app.rewards.queries import ExchangeShown, Turnover
from app.rewards.rules import NotCancellable, RewardDraft, RewardRefused
from app.tiers import service as tiers
from tests.support.loyalty import new_member, publish
from tests.support.people import grant_points
from tests.support.times import NOW

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TOTE = RewardDraft("tote", "帆布袋", 300, "gift_tote", pickup_days=7, cancel_hours=24)


def open_catalogue(session: Session, *drafts: RewardDraft) -> list[int]:
    publish(session)
    gift = KindDraft("gift_tote", "帆布袋兌換券", "gift", valid_days=60)
    coupon_service.create_kind(session, draft=gift, now=NOW - 9 * DAY)
    pay = KindDraft("tote_199", "帆布袋加購券", "fixed_price", 199, valid_days=60)
    coupon_service.create_kind(session, draft=pay, now=NOW - 9 * DAY)
    return [service.create_reward(session, draft=draft, now=NOW - 9 * DAY) for draft in drafts]


def hana(session: Session, number: int = 1_000) -> int:
    member = new_member(session)
    tiers.begin(session, member_id=member, now=NOW - 400 * DAY)
    if number:
        grant_points(session, member, number)
    return member


@pytest.fixture
def tote(session: Session) -> int:
    return open_catalogue(session, TOTE)[0]


def take(
    session: Session, reward: int, member: int, form: str = "f1", after: timedelta = 0 * DAY
) -> ExchangeShown:
    done = service.exchange(
        session, reward_id=reward, member_id=member, form_id=form, now=NOW + after
    )
    held = queries.exchange_of(session, done.exchange_id, member_id=member)
    assert held is not None
    return held


def pick_up(session: Session, held: ExchangeShown, after: timedelta = DAY) -> None:
    """The clerk redeems its coupon."""
    assert held.coupon_code is not None
    coupon_service.redeem(
        session,
        code=held.coupon_code,
        member_id=held.member_id,
        store_id=None,
        staff_id=None,
        situation=Situation(amount=0, at=NOW + after),
        now=NOW + after,
    )


def balance(session: Session, member: int, after: timedelta = 0 * DAY) -> int:
    return points.standing(session, member, now=NOW + after).balance


def status(session: Session, held: ExchangeShown) -> str:
    now = queries.exchange_of(session, held.id, member_id=held.member_id)
    assert now is not None
    return now.status


def evidence(session: Session) -> list[object]:
    return [
        *points.unbalanced(session), *queries.broken(session), *coupons.broken(session)
    ]  # fmt: skip


def test_points_become_a_coupon_to_fetch_the_reward_with(session: Session, tote: int) -> None:
    member = hana(session)
    held = take(session, tote, member)
    assert (held.status, held.points, held.price) == ("open", 300, 0)
    assert held.expires_at == NOW + 7 * DAY + 12 * HOUR
    assert balance(session, member) == 700
    (coupon,) = coupons.usable_coupons(session, member, now=NOW)
    assert (coupon.code, coupon.type, coupon.expires_at) == (
        held.coupon_code, "gift", held.expires_at,
    )  # fmt: skip
    newest = points.history(session, member)[0]
    assert (newest.reason, newest.points, newest.source) == ("兌換「帆布袋」", -300, "exchange")
    assert newest.facts == {"reward": "tote", "version": 1, "price": 0}
    pick_up(session, held)
    assert status(session, held) == "picked_up"
    assert queries.turnover(session)[tote] == Turnover(1, 1, 0, 0, 0, 300)
    assert evidence(session) == []


def test_the_same_page_again_exchanges_once(session: Session, tote: int) -> None:
    (other,) = [service.create_reward(session, draft=replace(TOTE, code="other"), now=NOW)]
    member = hana(session)
    first = take(session, tote, member)
    assert take(session, tote, member) == first
    with pytest.raises(Conflict):
        take(session, other, member)
    assert balance(session, member) == 700
    assert take(session, tote, hana(session)).id != first.id  # another member's page


def test_points_and_money(session: Session, tote: int) -> None:
    draft = replace(TOTE, code="paid", coupon="tote_199")
    reward = service.create_reward(session, draft=draft, now=NOW)
    held = take(session, reward, hana(session))
    assert held.price == 199


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stock": 0}, "sold_out"),
        ({"per_member_limit": 0}, "per_member"),
        ({"tiers": ("gold",)}, "tier"),
        ({"ends_at": NOW}, "ended"),
        ({"coupon": "no_such"}, "coupon"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(
    session: Session, tote: int, changes: dict[str, object], reason: str
) -> None:
    draft = replace(TOTE, code="other", **changes)  # type: ignore[arg-type]  # a test's shorthand
    reward = service.create_reward(session, draft=draft, now=NOW)
    member = hana(session)
    with pytest.raises(RewardRefused) as refused, session.begin_nested():
        take(session, reward, member)
    assert refused.value.reason == reason
    assert balance(session, member) == 1_000
    assert queries.exchanges_of(session, member) == []
    assert evidence(session) == []


def test_too_few_points_are_refused_and_the_stock_stays(session: Session) -> None:
    (reward,) = open_catalogue(session, replace(TOTE, stock=1))
    with pytest.raises(NotEnoughPoints), session.begin_nested():
        take(session, reward, hana(session, 299))
    state = queries.reward(session, reward)
    assert state is not None
    assert state.left == 1


def test_within_the_hours_an_exchange_is_taken_back(session: Session) -> None:
    (reward,) = open_catalogue(session, replace(TOTE, stock=1, per_member_limit=1))
    member = hana(session)
    ends = [(lot.id, lot.remaining, lot.expires_at) for lot in points.lots(session, member)]
    held = take(session, reward, member)
    back = service.cancel(
        session, exchange_id=held.id, member_id=member, now=NOW + 24 * HOUR - timedelta(seconds=1)
    )
    assert back == 300
    assert [(lot.id, lot.remaining, lot.expires_at) for lot in points.lots(session, member)] == ends
    assert coupons.usable_coupons(session, member, now=NOW) == []
    assert status(session, held) == "cancelled"
    take(session, reward, member, "f2")  # the piece is back in the stock, and within the limit
    with pytest.raises(NotCancellable) as refused:
        service.cancel(session, exchange_id=held.id, member_id=member, now=NOW)
    assert refused.value.reason == "over"
    assert evidence(session) == []


def test_later_or_fetched_it_cannot_be_taken_back(session: Session, tote: int) -> None:
    member = hana(session)
    held = take(session, tote, member)
    with pytest.raises(NotCancellable) as refused:
        service.cancel(session, exchange_id=held.id, member_id=member, now=NOW + 24 * HOUR)
    assert refused.value.reason == "late"
    pick_up(session, held, HOUR)
    with pytest.raises(NotCancellable) as refused:
        service.cancel(session, exchange_id=held.id, member_id=member, now=NOW + 2 * HOUR)
    assert refused.value.reason == "picked_up"
    with pytest.raises(NotFound):
        service.cancel(session, exchange_id=held.id, member_id=hana(session), now=NOW)


@pytest.mark.parametrize(("unclaimed", "left"), [("lost", 700), ("returned", 1_000)])
def test_what_nobody_fetched_ends_once_by_its_own_terms(
    session: Session, unclaimed: str, left: int
) -> None:
    draft = replace(TOTE, stock=1, unclaimed=unclaimed)  # type: ignore[arg-type]  # a test's shorthand
    (reward,) = open_catalogue(session, draft)
    member = hana(session)
    held = take(session, reward, member)
    assert service.lapse_due(session, now=held.expires_at - timedelta(microseconds=1)) == 0
    service.revise_reward(
        session, draft=replace(draft, unclaimed="returned"), now=NOW
    )  # too late for what was exchanged before
    assert service.lapse_due(session, now=held.expires_at) == 1
    assert service.lapse_due(session, now=held.expires_at + DAY) == 0
    assert status(session, held) == ("lapsed" if unclaimed == "lost" else "returned")
    assert balance(session, member, 8 * DAY) == left
    state = queries.reward(session, reward)
    assert state is not None
    assert state.left == (0 if unclaimed == "lost" else 1)
    assert evidence(session) == []


def test_what_was_fetched_does_not_lapse(session: Session, tote: int) -> None:
    held = take(session, tote, hana(session))
    pick_up(session, held)
    assert service.lapse_due(session, now=NOW + 90 * DAY) == 0


def test_who_exchanged_keeps_what_was_offered_then(session: Session, tote: int) -> None:
    member = hana(session)
    held = take(session, tote, member)
    assert service.revise_reward(session, draft=replace(TOTE, name="托特包", points=500), now=NOW)
    assert not service.revise_reward(
        session, draft=replace(TOTE, name="托特包", points=500), now=NOW
    )
    later = take(session, tote, member, "f2")
    assert [(one.name, one.points) for one in (held, later)] == [("帆布袋", 300), ("托特包", 500)]
    again = queries.exchange_of(session, held.id, member_id=member)
    assert again == held


def test_a_stopped_reward_is_not_in_the_catalogue_and_not_given(
    session: Session, tote: int
) -> None:
    member = hana(session)
    assert [reward.draft.code for reward in queries.catalogue(session, now=NOW)] == ["tote"]
    assert service.set_active(session, code="tote", is_active=False)
    assert queries.catalogue(session, now=NOW) == []
    with pytest.raises(RewardRefused, match="inactive"):
        take(session, tote, member)


def test_a_merged_member_takes_the_exchanges_along(session: Session, tote: int) -> None:
    kept, absorbed = hana(session, 0), hana(session)
    held = take(session, tote, absorbed)
    mergers.merge(
        session, kept_id=kept, absorbed_id=absorbed, staff_id=None, reason="同一人", now=NOW
    )
    assert queries.taken_by(session, kept) == {tote: 1}
    assert service.cancel(session, exchange_id=held.id, member_id=kept, now=NOW + HOUR) == 300
    assert balance(session, kept) == 1_000
    assert evidence(session) == []


# At once ------------------------------------------------------------------------------------------


def at_once(count: int, work: Callable[[int], object]) -> Counter[str]:
    """Run in threads started together; count what each ended with."""
    barrier, ended = threading.Barrier(count), Counter[str]()
    lock = threading.Lock()

    def one(index: int) -> None:
        barrier.wait()
        try:
            work(index)
            name = "done"
        except (RewardRefused, NotCancellable) as refused:
            name = refused.reason
        except NotEnoughPoints:
            name = "points"
        with lock:
            ended[name] += 1

    threads = [threading.Thread(target=one, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


def test_the_last_piece_under_50_exchanges_goes_to_one(db: Database) -> None:
    with db.transaction() as session:
        (reward,) = open_catalogue(session, replace(TOTE, stock=1))
        members = [hana(session) for _ in range(50)]

    def one(index: int) -> None:
        with db.transaction() as session:
            take(session, reward, members[index])

    assert at_once(50, one) == {"done": 1, "sold_out": 49}
    with db.reading() as session:
        assert sum(balance(session, member) for member in members) == 50 * 1_000 - 300
        assert evidence(session) == []


def test_a_hot_member_keeps_limit_and_balance(db: Database) -> None:
    """Twenty presses at once: the limit of two, then the points for three."""
    with db.transaction() as session:
        limited, free = open_catalogue(
            session, replace(TOTE, per_member_limit=2), replace(TOTE, code="free")
        )
        first, second = hana(session), hana(session)

    def one(index: int) -> None:
        with db.transaction() as session:
            if index % 2:
                take(session, limited, first, f"f{index}")
            else:
                take(session, free, second, f"f{index}")

    assert at_once(20, one) == {"done": 2 + 3, "per_member": 8, "points": 7}
    with db.reading() as session:
        assert (balance(session, first), balance(session, second)) == (400, 100)
        assert evidence(session) == []


def test_one_page_sent_ten_times_at_once_exchanges_once(db: Database) -> None:
    with db.transaction() as session:
        (reward,) = open_catalogue(session, TOTE)
        member = hana(session)

    def one(_index: int) -> None:
        with db.transaction() as session:
            take(session, reward, member)

    assert at_once(10, one) == {"done": 10}
    with db.reading() as session:
        assert balance(session, member) == 700
        assert len(queries.exchanges_of(session, member)) == 1


def test_taking_back_and_fetching_at_once_end_in_one_of_the_two(db: Database) -> None:
    with db.transaction() as session:
        (reward,) = open_catalogue(session, TOTE)
        member = hana(session)
        held = take(session, reward, member)
    ended: list[str] = []

    def one(index: int) -> None:
        with db.transaction() as session:
            if index % 2:
                service.cancel(session, exchange_id=held.id, member_id=member, now=NOW + HOUR)
            else:
                try:
                    pick_up(session, held, HOUR)
                except CouponNotUsable:
                    ended.append("not fetched")
                    raise NotCancellable("not fetched") from None

    found = at_once(6, one)
    assert found["done"] == 1
    with db.reading() as session:
        fetched = status(session, held) == "picked_up"
        assert balance(session, member) == (700 if fetched else 1_000)
        assert evidence(session) == []

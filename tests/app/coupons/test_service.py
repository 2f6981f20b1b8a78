"""Coupons under use: once each, limits under races, back again, expired."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.errors import Invalid, NotFound
from app.coupons import queries, service
from app.coupons.rules import CouponNotUsable, KindDraft, Situation
from app.coupons.service import Issued, LimitReached, Redeemed
from tests.support.loyalty import new_member, new_store, publish
from tests.support.times import NOW

WELCOME = KindDraft("welcome", "入會禮", "amount_off", 100, valid_days=14)


@pytest.fixture
def member(session: Session) -> int:
    publish(session)
    service.create_kind(session, draft=WELCOME, now=NOW)
    return new_member(session)


def give(session: Session, member: int, key: str = "welcome:1", kind: str = "welcome") -> Issued:
    issued = service.issue(
        session, kind_code=kind, member_id=member, source="welcome", dedup_key=key, now=NOW
    )
    assert issued is not None
    return issued


def use(session: Session, code: str, member: int | None, **fields: object) -> Redeemed:
    now = fields.pop("now", NOW)
    return service.redeem(
        session,
        code=code,
        member_id=member,
        store_id=None,
        staff_id=None,
        situation=Situation(amount=500, at=now),  # type: ignore[arg-type]  # NOW or a test's moment
        now=now,  # type: ignore[arg-type]
    )


def test_a_coupon_is_given_once_for_one_reason(session: Session, member: int) -> None:
    assert give(session, member).kind_name == "入會禮"
    again = service.issue(
        session,
        kind_code="welcome",
        member_id=member,
        source="welcome",
        dedup_key="welcome:1",
        now=NOW,
    )
    assert again is None
    assert len(queries.usable_coupons(session, member, now=NOW)) == 1


def test_who_holds_a_coupon_keeps_its_offer_when_the_kind_changes(
    session: Session, member: int
) -> None:
    old = give(session, member)
    assert service.revise_kind(session, draft=replace(WELCOME, value=50), now=NOW)
    new = give(session, member, key="welcome:2")
    assert use(session, new.code, member).discount == 50
    assert use(session, old.code, member).discount == 100
    assert [(kind.version, kind.draft.value) for kind in queries.kinds(session)] == [(2, 50)]


def test_revising_without_a_difference_makes_no_version(session: Session, member: int) -> None:
    assert not service.revise_kind(session, draft=WELCOME, now=NOW)
    assert service.revise_kind(session, draft=replace(WELCOME, per_member_limit=3), now=NOW)
    assert [kind.version for kind in queries.kinds(session)] == [1]
    with pytest.raises(NotFound):
        service.revise_kind(session, draft=replace(WELCOME, code="other"), now=NOW)
    with pytest.raises(Invalid, match="value"):
        service.revise_kind(session, draft=replace(WELCOME, value=0), now=NOW)


def test_a_limit_below_what_was_given_only_stops_the_giving(session: Session, member: int) -> None:
    held = give(session, member)
    assert service.revise_kind(session, draft=replace(WELCOME, issue_limit=0), now=NOW)
    with pytest.raises(LimitReached):
        give(session, member, key="welcome:2")
    assert use(session, held.code, member).discount == 100


def test_a_kind_that_was_stopped_gives_no_more(session: Session, member: int) -> None:
    held = give(session, member)
    assert service.set_active(session, code="welcome", is_active=False)
    assert not service.set_active(session, code="welcome", is_active=False)
    with pytest.raises(LimitReached):
        give(session, member, key="welcome:2")
    assert use(session, held.code, member).discount == 100


def test_redeeming_twice_is_refused(session: Session, member: int) -> None:
    code = give(session, member).code
    assert use(session, code, member).discount == 100
    with pytest.raises(CouponNotUsable) as refused:
        use(session, code, member)
    assert refused.value.reason == "already_redeemed"
    assert queries.broken(session) == []


def test_somebody_elses_code_does_not_exist(session: Session, member: int) -> None:
    code = give(session, member).code
    with pytest.raises(NotFound):
        use(session, code, new_member(session))
    with pytest.raises(NotFound):
        use(session, code, None)


def test_a_coupon_is_good_through_its_last_second(session: Session, member: int) -> None:
    issued = give(session, member)
    assert issued.expires_at is not None
    with pytest.raises(CouponNotUsable) as refused:
        use(session, issued.code, member, now=issued.expires_at)
    assert refused.value.reason == "expired"
    use(session, issued.code, member, now=issued.expires_at - timedelta(microseconds=1))


def test_a_redemption_taken_back_gives_the_coupon_back(session: Session, member: int) -> None:
    issued = give(session, member)
    use(session, issued.code, member)
    service.rollback(session, coupon_id=issued.coupon_id, reason="退貨", staff_id=None, now=NOW)
    with pytest.raises(NotFound):
        service.rollback(session, coupon_id=issued.coupon_id, reason="退貨", staff_id=None, now=NOW)
    assert use(session, issued.code, member).discount == 100
    assert queries.broken(session) == []


def test_a_coupon_returned_after_its_end_lives_three_more_days(
    session: Session, member: int
) -> None:
    issued = give(session, member)
    use(session, issued.code, member)
    later = NOW + timedelta(days=60)
    service.rollback(session, coupon_id=issued.coupon_id, reason="退貨", staff_id=None, now=later)
    assert use(session, issued.code, member, now=later + timedelta(days=3)).discount == 100


def test_expired_coupons_are_marked_once(session: Session, member: int) -> None:
    give(session, member)
    assert service.expire_due(session, now=NOW + timedelta(days=14)) == 0
    assert service.expire_due(session, now=NOW + timedelta(days=15)) == 1
    assert service.expire_due(session, now=NOW + timedelta(days=15)) == 0
    assert queries.broken(session) == []


def test_a_member_gets_no_more_than_the_limit(session: Session, member: int) -> None:
    draft = KindDraft("one", "每人一張", "gift", valid_days=1, per_member_limit=1)
    service.create_kind(session, draft=draft, now=NOW)
    give(session, member, "one:1", "one")
    with pytest.raises(LimitReached) as refused:
        give(session, member, "one:2", "one")
    assert refused.value.limit == "per_member"


def at_once(count: int, work: Callable[[int], object]) -> Counter[str]:
    """Run in threads started together; count what each ended with."""
    barrier, ended = threading.Barrier(count), Counter[str]()
    lock = threading.Lock()

    def one(index: int) -> None:
        barrier.wait()
        try:
            work(index)
            name = "done"
        except Exception as error:  # noqa: BLE001  # counted and compared below
            name = getattr(error, "reason", None) or getattr(error, "limit", None) or repr(error)
        with lock:
            ended[name] += 1

    threads = [threading.Thread(target=one, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


@pytest.fixture
def shop(db: Database) -> Database:
    with db.transaction() as session:
        publish(session)
        new_store(session)
        limited = KindDraft(
            "last", "限量", "gift", valid_days=9, redeem_limit=1, issue_limit=60, per_member_limit=3
        )
        service.create_kind(session, draft=limited, now=NOW)
    return db


def test_one_coupon_under_50_redemptions_is_redeemed_once(shop: Database) -> None:
    with shop.transaction() as session:
        member = new_member(session)
        code = give(session, member, "k", "last").code

    def redeem(_index: int) -> None:
        with shop.transaction() as session:
            use(session, code, member)

    ended = at_once(50, redeem)
    assert ended == {"done": 1, "already_redeemed": 49}


def test_the_last_of_a_limited_kind_under_50_redemptions_goes_to_one(shop: Database) -> None:
    with shop.transaction() as session:
        members = [new_member(session) for _ in range(50)]
        codes = [give(session, member, f"k{member}", "last").code for member in members]

    def redeem(index: int) -> None:
        with shop.transaction() as session:
            use(session, codes[index], members[index])

    ended = at_once(50, redeem)
    assert ended == {"done": 1, "redeem_limit": 49}
    with shop.reading() as session:
        assert queries.broken(session) == []


def test_issuing_at_once_keeps_both_limits(shop: Database) -> None:
    with shop.transaction() as session:
        member = new_member(session)

    def take(index: int) -> None:
        with shop.transaction() as session:
            give(session, member, f"mine{index}", "last")

    ended = at_once(20, take)
    assert ended == {"done": 3, "per_member": 17}
    with shop.reading() as session:
        assert queries.broken(session) == []

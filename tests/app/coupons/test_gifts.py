"""A coupon for a friend: put aside, taken by one, taken back, lapsed, and counted rightly."""

from datetime import datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.coupons import queries, service
from app.coupons.models import COUPONS, HOLDINGS
from app.coupons.queries import GiftShown
from app.coupons.rules import CouponNotUsable, GiftRefused, KindDraft, Situation, gift_until
from app.coupons.service import LimitReached, Offered
from app.mergers import service as mergers
from app.outbox.models import OutboxRow
from app.tiers import service as tiers
from app.timeline.models import Fact
from flex_templates.theme import CAMPHOR
from tests.support.at_once import at_once
from tests.support.loyalty import new_member, publish
from tests.support.times import NOW

DAY = timedelta(days=1)


def give(
    session: Session, member: int, *, giving: str = "once", code: str = "tea", **more: object
) -> int:
    """A coupon of a kind in the member's hands; its id."""
    if queries.newest_offer(session, code) is None:
        draft = KindDraft(code, "茶品券", "amount_off", 100, valid_days=30, giving=giving, **more)  # type: ignore[arg-type]  # numbers only
        service.create_kind(session, draft=draft, now=NOW - DAY)
    issued = service.issue(
        session, kind_code=code, member_id=member, source="test", dedup_key=f"{code}:{member}",
        now=NOW,
    )  # fmt: skip
    assert issued is not None
    return issued.coupon_id


def offer(session: Session, coupon: int, giver: int, now: datetime = NOW) -> Offered:
    return service.offer_gift(session, coupon_id=coupon, giver_id=giver, now=now)


def accept(session: Session, gift: Offered, friend: int, now: datetime = NOW) -> GiftShown:
    return service.accept_gift(session, token=gift.token, friend_id=friend, theme=CAMPHOR, now=now)


def use(session: Session, coupon: int, member: int, now: datetime = NOW) -> None:
    held = queries.coupon(session, coupon)
    service.redeem(
        session, code=held.code, member_id=member, store_id=None, staff_id=None,
        situation=Situation(amount=500, at=now), now=now,
    )  # fmt: skip


def usable(session: Session, member: int, now: datetime = NOW) -> list[int]:
    return [held.id for held in queries.usable_coupons(session, member, now=now)]


def told(session: Session, member: int) -> list[str]:
    rows = session.scalars(sa.select(OutboxRow.kind).where(OutboxRow.member_id == member))
    return sorted(rows)


def couple(session: Session) -> tuple[int, int]:
    publish(session)
    return new_member(session, name="林小花"), new_member(session, name="陳大文")


def test_a_friend_takes_it_once_and_both_are_told(db: Database) -> None:
    with db.transaction() as session:
        giver, friend = couple(session)
        coupon = give(session, giver)
        gift = offer(session, coupon, giver)
        assert usable(session, giver) == []  # put aside
    with db.transaction() as session:
        for _ in range(2):  # tapped twice
            assert accept(session, gift, friend).friend_id == friend
        assert (usable(session, giver), usable(session, friend)) == ([], [coupon])
        assert told(session, giver) == ["coupon.gift_given"]
        assert told(session, friend) == ["coupon.gift_received"]
        facts = session.query(Fact).filter(Fact.kind.in_(("coupon.given", "coupon.received")))
        assert sorted((fact.kind, fact.member_id) for fact in facts) == [
            ("coupon.given", giver),
            ("coupon.received", friend),
        ]
        assert [shown.name for shown in queries.gifts_given(session, giver)] == ["茶品券"]
        kinds = [step.kind for step in queries.steps_of(session, coupon)]
        assert kinds == ["issued", "offered", "moved"]
        use(session, coupon, friend)
        assert queries.broken(session) == []


@pytest.mark.parametrize(
    ("giving", "first", "second"),
    [("own", "only_holder", None), ("once", None, "given"), ("free", None, None)],
)
def test_a_kind_says_whether_and_how_often(
    session: Session, giving: str, first: str | None, second: str | None
) -> None:
    giver, friend = couple(session)
    coupon = give(session, giver, giving=giving)
    if first is not None:
        with pytest.raises(GiftRefused, match=first):
            offer(session, coupon, giver)
        return
    accept(session, offer(session, coupon, giver), friend)
    if second is not None:
        with pytest.raises(GiftRefused, match=second):
            offer(session, coupon, friend)
        return
    accept(session, offer(session, coupon, friend), giver)
    assert usable(session, giver) == [coupon]
    assert queries.broken(session) == []


def test_nobody_uses_it_while_it_is_put_aside(session: Session) -> None:
    giver, friend = couple(session)
    coupon = give(session, giver)
    gift = offer(session, coupon, giver)
    with pytest.raises(CouponNotUsable, match="gift"):
        use(session, coupon, giver)
    service.take_gift_back(session, coupon_id=coupon, giver_id=giver, now=NOW)
    with pytest.raises(GiftRefused, match="taken_back"):
        accept(session, gift, friend)
    with pytest.raises(GiftRefused, match="gone"):
        service.take_gift_back(session, coupon_id=coupon, giver_id=giver, now=NOW)
    use(session, coupon, giver)
    assert queries.broken(session) == []


def test_a_used_coupon_is_no_gift(session: Session) -> None:
    giver, _ = couple(session)
    coupon = give(session, giver)
    use(session, coupon, giver)
    with pytest.raises(GiftRefused, match="not_usable"), session.begin_nested():
        offer(session, coupon, giver)
    assert queries.broken(session) == []


def test_a_new_link_makes_the_old_one_dead(session: Session) -> None:
    giver, friend = couple(session)
    coupon = give(session, giver)
    old = offer(session, coupon, giver)
    new = offer(session, coupon, giver, NOW + DAY)
    assert (new.gift_id, new.expires_at) == (old.gift_id, old.expires_at)
    with pytest.raises(GiftRefused, match="unknown"):
        accept(session, old, friend, NOW + DAY)
    accept(session, new, friend, NOW + DAY)


def test_ones_own_link_and_anothers_coupon_are_refused(session: Session) -> None:
    giver, friend = couple(session)
    coupon = give(session, giver)
    gift = offer(session, coupon, giver)
    with pytest.raises(GiftRefused, match="own"):
        accept(session, gift, giver)
    with pytest.raises(Exception, match="coupon"):
        offer(session, coupon, friend)
    accept(session, gift, friend)
    with pytest.raises(GiftRefused, match="accepted"):
        accept(session, gift, new_member(session))


def test_a_gift_that_nobody_takes_comes_back(db: Database) -> None:
    with db.transaction() as session:
        giver, friend = couple(session)
        coupon = give(session, giver)
        gift = offer(session, coupon, giver)
    week = NOW + 7 * DAY
    with db.transaction() as session:
        with pytest.raises(GiftRefused, match="lapsed"):
            accept(session, gift, friend, week)
        assert usable(session, giver, week - timedelta(microseconds=1)) == []
        assert usable(session, giver, week) == [coupon]  # though no clock has come by
        assert service.lapse_gifts(session, now=week) == [gift.gift_id]
        assert service.lapse_gifts(session, now=week) == []
        assert told(session, giver) == ["coupon.gift_lapsed"]
        again = offer(session, coupon, giver, week)
        accept(session, again, friend, week)
        assert queries.broken(session) == []


def test_a_gift_can_be_made_anew_though_no_clock_has_come_by(session: Session) -> None:
    giver, friend = couple(session)
    coupon = give(session, giver)
    offer(session, coupon, giver)
    accept(session, offer(session, coupon, giver, NOW + 8 * DAY), friend, NOW + 8 * DAY)
    assert queries.broken(session) == []


def test_the_link_ends_with_the_coupon() -> None:
    assert gift_until(NOW + DAY, NOW) == NOW + DAY
    assert gift_until(NOW + 30 * DAY, NOW) == gift_until(None, NOW) == NOW + 7 * DAY


def test_limits_per_member_count_both(session: Session) -> None:
    """Giving away makes no room for another, and nobody collects more than they may have."""
    giver, friend = couple(session)
    other = new_member(session)
    coupon = give(session, giver, per_member_limit=1)
    give(session, other)
    gift = offer(session, coupon, giver)
    with pytest.raises(GiftRefused, match="per_member"), session.begin_nested():
        accept(session, gift, other)
    accept(session, gift, friend)
    for member in (giver, friend):
        with pytest.raises(LimitReached, match="per_member"), session.begin_nested():
            service.issue(
                session, kind_code="tea", member_id=member, source="test",
                dedup_key=f"more:{member}", now=NOW,
            )  # fmt: skip
    before = session.execute(sa.select(HOLDINGS).order_by(HOLDINGS.c.member_id)).all()
    service.fold_holdings(session, member_ids=[giver, friend, other])
    assert session.execute(sa.select(HOLDINGS).order_by(HOLDINGS.c.member_id)).all() == before
    assert queries.broken(session) == []


def test_what_a_friend_was_given_is_not_taken_away(session: Session) -> None:
    giver, friend = couple(session)
    coupon = give(session, giver)
    accept(session, offer(session, coupon, giver), friend)
    taken = service.revoke(session, coupon_id=coupon, reason="等級已撤銷", staff_id=None, now=NOW)
    assert not taken
    assert usable(session, friend) == [coupon]


def test_a_coupon_that_was_taken_away_is_no_gift_any_more(session: Session) -> None:
    giver, friend = couple(session)
    coupon = give(session, giver)
    gift = offer(session, coupon, giver)
    assert service.revoke(session, coupon_id=coupon, reason="x", staff_id=None, now=NOW)
    with pytest.raises(GiftRefused, match="taken_back"), session.begin_nested():
        accept(session, gift, friend)
    with pytest.raises(GiftRefused), session.begin_nested():
        offer(session, coupon, giver)
    assert service.lapse_gifts(session, now=NOW + 8 * DAY) == []  # nobody is told it is back
    assert told(session, giver) == []
    assert queries.broken(session) == []


def test_of_friends_who_tap_at_the_same_moment_one_has_it(db: Database) -> None:
    with db.transaction() as session:
        giver, _ = couple(session)
        friends = [new_member(session) for _ in range(8)]
        coupon = give(session, giver)
        gift = offer(session, coupon, giver)

    def tap(friend: int) -> GiftShown:
        with db.transaction() as session:
            return accept(session, gift, friend)

    ended = at_once(*(partial(tap, friend) for friend in friends))
    taken = [one for one in ended if isinstance(one, GiftShown)]
    assert len(taken) == 1
    assert {type(one) for one in ended} == {GiftShown, GiftRefused}
    with db.reading() as session:
        assert [usable(session, friend) for friend in friends].count([coupon]) == 1
        assert queries.broken(session) == []


def test_taking_back_and_taking_at_the_same_moment_end_in_one_of_the_two(db: Database) -> None:
    with db.transaction() as session:
        giver, friend = couple(session)
        coupon = give(session, giver)
        gift = offer(session, coupon, giver)

    def taken() -> str:
        with db.transaction() as session:
            accept(session, gift, friend)
            return "friend"

    def back() -> str:
        with db.transaction() as session:
            service.take_gift_back(session, coupon_id=coupon, giver_id=giver, now=NOW)
            return "giver"

    ended = at_once(taken, back)
    (winner,) = [one for one in ended if isinstance(one, str)]
    with db.reading() as session:
        holder = session.scalar(sa.select(COUPONS.c.member_id).where(COUPONS.c.id == coupon))
        assert holder == {"friend": friend, "giver": giver}[winner]
        assert queries.broken(session) == []


def test_giving_twice_at_the_same_moment_is_one_gift(db: Database) -> None:
    with db.transaction() as session:
        giver, friend = couple(session)
        coupon = give(session, giver)

    def tap() -> Offered:
        with db.transaction() as session:
            return offer(session, coupon, giver)

    ended = [one for one in at_once(*[tap] * 8) if isinstance(one, Offered)]
    assert (len(ended), len({one.gift_id for one in ended})) == (8, 1)

    def taken(gift: Offered) -> bool:
        try:
            with db.transaction() as session:
                return bool(accept(session, gift, friend))
        except GiftRefused:
            return False

    assert sum(map(taken, ended)) == 1  # the newest link


def test_using_and_giving_at_the_same_moment_end_in_one_of_the_two(db: Database) -> None:
    with db.transaction() as session:
        giver, _ = couple(session)
        coupon = give(session, giver)

    def used() -> str:
        with db.transaction() as session:
            use(session, coupon, giver)
            return "used"

    def offered() -> str:
        with db.transaction() as session:
            offer(session, coupon, giver)
            return "offered"

    ended = at_once(used, offered)
    assert len([one for one in ended if isinstance(one, str)]) == 1
    with db.reading() as session:
        assert queries.broken(session) == []


def test_mergers_move_gifts_and_count_anew(session: Session) -> None:
    giver, friend = couple(session)
    other = new_member(session)
    for member in (giver, friend, other):
        tiers.begin(session, member_id=member, now=NOW)
    coupon = give(session, giver)
    accept(session, offer(session, coupon, giver), friend)
    merger = mergers.merge(
        session, kept_id=other, absorbed_id=giver, staff_id=None, reason="同一人", now=NOW
    )
    assert [gift.coupon_id for gift in queries.gifts_given(session, other)] == [coupon]
    mergers.part(session, merger_id=merger, staff_id=None, now=NOW)
    assert queries.gifts_given(session, other) == []
    again = mergers.merge(
        session, kept_id=giver, absorbed_id=friend, staff_id=None, reason="同一人", now=NOW
    )
    assert again
    assert usable(session, giver) == [coupon]  # both sides became one
    assert queries.broken(session) == []


def test_a_friend_merged_meanwhile_is_the_member_they_became(session: Session) -> None:
    giver, friend = couple(session)
    kept = new_member(session)
    for member in (friend, kept):
        tiers.begin(session, member_id=member, now=NOW)
    gift = offer(session, give(session, giver), giver)
    mergers.merge(
        session, kept_id=kept, absorbed_id=friend, staff_id=None, reason="同一人", now=NOW
    )
    assert accept(session, gift, friend).friend_id == kept
    assert len(usable(session, kept)) == 1


def test_an_open_gift_goes_with_the_merged_member(session: Session) -> None:
    giver, friend = couple(session)
    kept = new_member(session)
    for member in (giver, friend, kept):
        tiers.begin(session, member_id=member, now=NOW)
    coupon = give(session, giver)
    gift = offer(session, coupon, giver)
    mergers.merge(session, kept_id=kept, absorbed_id=giver, staff_id=None, reason="同一人", now=NOW)
    with pytest.raises(GiftRefused, match="own"), session.begin_nested():
        accept(session, gift, kept)
    service.take_gift_back(session, coupon_id=coupon, giver_id=kept, now=NOW)
    gift = offer(session, coupon, kept)
    accept(session, gift, friend)
    assert [shown.coupon_id for shown in queries.gifts_given(session, kept)] == [coupon]
    assert queries.broken(session) == []

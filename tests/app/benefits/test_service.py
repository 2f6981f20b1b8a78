"""Choosing a benefit: once a period, by who holds the tier, and what becomes of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy.orm import Session

from app.benefits import queries, service
from app.benefits.models import CLAIMS
from app.benefits.queries import Claimed
from app.benefits.rules import BenefitRefused
from app.checkouts import service as checkouts
from app.core.clock import TAIPEI
from app.core.db import Database
from app.coupons import queries as coupons
from app.coupons import service as coupon_service
from app.coupons.rules import KindDraft
from app.explanations import queries as explanations
from app.insights import checks
from app.mergers import service as mergers
from app.points import queries as points
from app.points import service as point_service
from app.points.service import Cause
from app.programmes.rules import DEFAULT, Choice, Every, Option, Terms
from app.purchases.rules import PurchaseOrder, RefundOrder
from app.tiers import queries as tiers
from app.tiers import service as tier_service
from app.timeline.models import Fact
from flex_templates.theme import CAMPHOR
from tests.support.at_once import at_once
from tests.support.loyalty import new_member, publish
from tests.support.times import NOW

DAY = timedelta(days=1)
OPTIONS = (
    Option("ship", "免運券", coupon="ship"),
    Option("tenth", "9 折券", coupon="tenth"),
    Option("points", "200 點", 200),
)


def terms(every: Every = "quarter") -> Terms:
    season = Choice("season", "本季任選一項", every, OPTIONS)
    tiers_ = [
        replace(tier, gift=None, choices=(season,) if tier.code in ("silver", "gold") else ())
        for tier in DEFAULT.tiers
    ]
    return replace(DEFAULT, tiers=tuple(tiers_))


def open_brand(session: Session, every: Every = "quarter", **limits: int) -> None:
    publish(session, terms(every))
    for draft in (
        KindDraft("ship", "宅配免運", "free_shipping", valid_days=60, **limits),  # type: ignore[arg-type]  # numbers only
        KindDraft("tenth", "9 折券", "percent_off", 10, valid_days=60),
    ):
        coupon_service.create_kind(session, draft=draft, now=NOW - 9 * DAY)


def member_of(session: Session, tier: str | None = "gold", *, until: datetime | None = None) -> int:
    member = new_member(session)
    tier_service.begin(session, member_id=member, now=NOW - 400 * DAY)
    if tier is not None:
        tier_service.grant(
            session, member_id=member, tier_code=tier, ends_at=until or NOW + 300 * DAY,
            actor="test", note="測試", now=NOW - 2 * DAY,
        )  # fmt: skip
    return member


def choose(session: Session, member: int, option: str = "points", now: datetime = NOW) -> Claimed:
    return service.claim(session, member_id=member, choice="season", option=option, now=now)


def balance(session: Session, member: int, now: datetime = NOW) -> int:
    return points.standing(session, member, now=now).balance


def evidence(session: Session, now: datetime = NOW) -> list[str]:
    return checks.broken_invariants(session, now=now)


def test_points_are_given_once_and_the_choice_is_kept_with_its_terms(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        member = member_of(session)
        done = choose(session, member)
    with db.transaction() as session:
        assert choose(session, member) == done  # pressed again
        with pytest.raises(BenefitRefused) as refused:
            choose(session, member, "ship")
        assert (refused.value.reason, refused.value.facts["name"]) == ("claimed", "200 點")
        assert balance(session, member) == 200
        assert (done.period, done.tier_code, done.programme_version) == ("2026-Q3", "gold", 1)
        newest = points.history(session, member)[0]
        assert (newest.points, newest.reason) == (200, "本季任選一項「200 點」")
        facts = session.query(Fact).filter_by(kind="benefit.claimed", member_id=member).all()
        assert [fact.facts["option"] for fact in facts] == ["points"]
        assert evidence(session) == []


def test_a_coupon_is_given_and_opens_in_why(session: Session) -> None:
    open_brand(session)
    member = member_of(session)
    done = choose(session, member, "ship")
    (held,) = coupons.usable_coupons(session, member, now=NOW)
    assert (held.id, held.kind_code, held.source) == (done.coupon_id, "ship", "benefit")
    (figure,) = explanations.chosen(session, member, now=NOW)
    assert figure.value == "免運券"
    (line,) = figure.lines
    assert line.words == "本季任選一項：免運券"
    assert "獲得優惠券，可以使用" in line.details
    assert "會員制度第 1 版" in line.details
    story = explanations.coupon(session, held.id, member_id=member)
    assert story is not None
    assert story.lines[0].words == "等級權益發出"


@pytest.mark.parametrize("tier", [None, "platinum"])
def test_only_the_tier_that_has_it_may_choose(session: Session, tier: str | None) -> None:
    open_brand(session)
    member = member_of(session, tier)
    with pytest.raises(BenefitRefused, match="not_offered"):
        choose(session, member)
    assert queries.choices(session, member, now=NOW) == []


def test_a_choice_or_option_that_is_not_there_is_refused(session: Session) -> None:
    open_brand(session)
    member = member_of(session)
    with pytest.raises(BenefitRefused, match="not_offered"):
        choose(session, member, "car")
    with pytest.raises(BenefitRefused, match="not_offered"):
        service.claim(session, member_id=member, choice="other", option="ship", now=NOW)


def test_not_after_the_tier_ended_though_no_clock_has_come_by(session: Session) -> None:
    open_brand(session)
    end = NOW + DAY
    member = member_of(session, until=end)
    with pytest.raises(BenefitRefused, match="not_offered"), session.begin_nested():
        choose(session, member, now=end)
    assert choose(session, member, now=end - timedelta(microseconds=1)).option == "points"


def test_the_next_quarter_is_another_choice(session: Session) -> None:
    open_brand(session)
    member = member_of(session)
    october = datetime(2026, 10, 1, tzinfo=TAIPEI)
    choose(session, member, now=october - timedelta(microseconds=1))
    with pytest.raises(BenefitRefused, match="claimed"):
        choose(session, member, "ship", now=october - timedelta(microseconds=1))
    assert choose(session, member, "ship", now=october).period == "2026-Q4"
    assert len(queries.claims_of(session, member)) == 2


def test_a_higher_tier_gives_no_second_choice_of_the_same_code(session: Session) -> None:
    open_brand(session)
    member = member_of(session, "silver")
    choose(session, member)
    tier_service.grant(
        session,
        member_id=member,
        tier_code="gold",
        ends_at=None,
        actor="test",
        note="升等",
        now=NOW,
    )
    with pytest.raises(BenefitRefused, match="claimed"):
        choose(session, member, "ship")


def test_what_is_gone_can_still_be_chosen_otherwise(session: Session) -> None:
    open_brand(session, issue_limit=0)
    member = member_of(session)
    with pytest.raises(BenefitRefused, match="gone"), session.begin_nested():
        choose(session, member, "ship")
    assert choose(session, member, "tenth").option == "tenth"
    assert evidence(session) == []


@pytest.mark.parametrize("every", ["quarter", "term"])
def test_ten_taps_at_the_same_moment_give_one_benefit(db: Database, every: Every) -> None:
    """Half of them on another option."""
    with db.transaction() as session:
        open_brand(session, every)
        member = member_of(session)

    def tap(option: str) -> Claimed:
        with db.transaction() as session:
            return choose(session, member, option)

    ended = at_once(*(partial(tap, ("points", "ship")[number % 2]) for number in range(10)))
    chosen = {one.option for one in ended if isinstance(one, Claimed)}
    refused = [one for one in ended if isinstance(one, BenefitRefused)]
    assert len(chosen) == 1
    assert len(refused) == 5
    assert {one.reason for one in refused} == {"claimed"}
    with db.reading() as session:
        (done,) = queries.claims_of(session, member)
        held = coupons.usable_coupons(session, member, now=NOW)
        assert (balance(session, member), len(held)) == (done.points, 1 - done.points // 200)
        assert evidence(session) == []


# When the tier goes -------------------------------------------------------------------------------


def buy(session: Session, member: int, amount: int, key: str, now: datetime = NOW) -> None:
    order = PurchaseOrder(key, amount, now, member_id=member)
    checkouts.record_purchase(session, order=order, now=now)


def refund(session: Session, key: str, amount: int, now: datetime) -> None:
    checkouts.refund_purchase(session, order=RefundOrder(f"r-{key}", key, amount), now=now)


@pytest.mark.parametrize("every", ["quarter", "term"])
def test_a_revoked_tier_takes_the_unused_benefit_and_gives_it_again(
    db: Database, every: Every
) -> None:
    with db.transaction() as session:
        open_brand(session, every)
        member = member_of(session, None)
        buy(session, member, 20_000, "s1")
        done = choose(session, member, "ship")
        refund(session, "s1", 20_000, NOW + DAY)
    with db.transaction() as session:
        assert coupons.usable_coupons(session, member, now=NOW + DAY) == []
        (gone,) = queries.claims_of(session, member)
        assert (gone.status, gone.coupon_status) == ("taken_back", "revoked")
        buy(session, member, 20_000, "s2", NOW + 2 * DAY)
        again = choose(session, member, "points", NOW + 2 * DAY)
        assert balance(session, member, NOW + 2 * DAY) == 200
        if every == "quarter":
            assert (again.id, again.turn) == (done.id, 2)
        assert evidence(session, NOW + 2 * DAY) == []


def test_a_coupon_that_became_a_friends_is_not_the_members_to_open(session: Session) -> None:
    publish(session, terms())
    draft = KindDraft("ship", "宅配免運", "free_shipping", valid_days=60, giving="once")
    coupon_service.create_kind(session, draft=draft, now=NOW)
    member = member_of(session)
    chosen = choose(session, member, "ship")
    assert chosen.has_coupon
    assert chosen.coupon_id is not None
    gift = coupon_service.offer_gift(session, coupon_id=chosen.coupon_id, giver_id=member, now=NOW)
    friend = member_of(session, None)
    coupon_service.accept_gift(session, token=gift.token, friend_id=friend, theme=CAMPHOR, now=NOW)
    assert not queries.claim(session, chosen.id).has_coupon


def test_a_benefit_goes_though_it_takes_two_refunds(session: Session) -> None:
    """The first gives silver back as a period of its own; the choice was made in the one before."""
    open_brand(session)
    member = member_of(session, None)
    buy(session, member, 6_000, "s1")
    chosen = choose(session, member)
    assert chosen.tier_code == "silver"
    buy(session, member, 14_000, "s2")
    refund(session, "s2", 14_000, NOW + DAY)
    assert balance(session, member, NOW + DAY) == 200
    refund(session, "s1", 6_000, NOW + DAY)
    assert queries.claim(session, chosen.id).status == "taken_back"
    assert balance(session, member, NOW + DAY) == 0
    assert evidence(session, NOW + DAY) == []


def test_a_used_benefit_is_kept_and_gives_no_second_choice(session: Session) -> None:
    open_brand(session, "term")
    member = member_of(session, None)
    buy(session, member, 20_000, "s1")
    choose(session, member, "points")
    points_before = balance(session, member)
    point_service.redeem(
        session, member_id=member, points=50, cause=Cause("x", "test", "折抵"), now=NOW
    )
    refund(session, "s1", 20_000, NOW + DAY)
    (kept,) = queries.claims_of(session, member)
    assert (kept.status, points_before) == ("kept", 200)
    assert balance(session, member, NOW + DAY) == 0
    buy(session, member, 20_000, "s2", NOW + 2 * DAY)
    with pytest.raises(BenefitRefused, match="claimed"):
        choose(session, member, "ship", NOW + 2 * DAY)
    assert evidence(session, NOW + 2 * DAY) == []


def test_two_members_who_become_one_choose_once(session: Session) -> None:
    open_brand(session)
    kept, absorbed = member_of(session), member_of(session)
    choose(session, absorbed)
    merger = mergers.merge(
        session, kept_id=kept, absorbed_id=absorbed, staff_id=None, reason="同一人", now=NOW
    )
    with pytest.raises(BenefitRefused, match="claimed"):
        choose(session, kept, "ship")
    mergers.part(session, merger_id=merger, staff_id=None, now=NOW + DAY)
    assert choose(session, kept, "ship", NOW + DAY).member_id == kept
    assert [item.option for item in queries.claims_of(session, absorbed)] == ["points"]
    assert evidence(session, NOW + DAY) == []


def test_how_many_chose_what_is_counted(session: Session) -> None:
    open_brand(session)
    for option in ("points", "points", "ship"):
        choose(session, member_of(session), option)
    choose(session, member_of(session), "ship", NOW + 90 * DAY)
    taken = queries.taken(session, terms(), now=NOW)
    assert taken["gold", "season", "points"] == queries.Taken(2, 2)
    assert taken["gold", "season", "ship"] == queries.Taken(1, 2)


def test_what_was_not_given_is_found(session: Session) -> None:
    open_brand(session)
    choose(session, member_of(session))
    session.execute(CLAIMS.update().values(points=300))
    assert queries.broken(session) == ["benefit claim 1: its points were not given"]


def test_the_page_shows_a_member_what_is_left_to_choose(session: Session) -> None:
    open_brand(session)
    member = member_of(session)
    (open_,) = queries.choices(session, member, now=NOW)
    assert (open_.period, open_.claimed) == ("本季", None)
    assert [item.gives for item in open_.options] == ["宅配免運", "9 折券", "200 點"]
    assert str(open_.until) == "2026-09-30"
    choose(session, member)
    (shut,) = queries.choices(session, member, now=NOW)
    assert shut.claimed is not None
    assert tiers.open_period(session, member) is not None

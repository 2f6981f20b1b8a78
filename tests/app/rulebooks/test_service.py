"""Putting a programme in force, and what it would do to the members there are."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.checkouts import service as checkouts
from app.core.clock import TAIPEI, taipei_date
from app.core.db import Database
from app.coupons import queries as coupons
from app.coupons import service as coupon_service
from app.coupons.rules import KindDraft
from app.missions.rules import MissionDraft, Step
from app.missions.rules import Reward as Prize
from app.missions.rules import Window as MissionWindow
from app.programmes.rules import Choice, Option, Terms, Window
from app.purchases.rules import PurchaseOrder
from app.rewards.rules import RewardDraft
from app.rulebooks import queries, rules, service
from app.rulebooks.rules import Book
from app.rulebooks.service import Applied
from app.rulebooks.starters import STARTER
from app.stamps.rules import Milestone, StampDraft
from app.tiers import queries as tiers
from app.tiers.rules import earned_tier
from tests.support.loyalty import new_member, publish
from tests.support.times import NOW


def apply(session: Session, book: Book) -> Applied:
    return service.apply(session, book, starts_at=NOW, actor="cli", now=NOW)


def with_silver_at(threshold: int) -> Terms:
    silver = replace(STARTER.terms.tiers[1], threshold=threshold)
    tiers = (STARTER.terms.tiers[0], silver, *STARTER.terms.tiers[2:])
    return replace(STARTER.terms, tiers=tiers)


def buy(session: Session, member: int, amount: int) -> None:
    order = PurchaseOrder(f"s-{member}", amount, NOW, member_id=member)
    checkouts.record_purchase(session, order=order, now=NOW)


def test_the_same_book_again_changes_nothing(session: Session) -> None:
    first = apply(session, STARTER)
    assert first.version == 1
    assert first.created == tuple(draft.code for draft in STARTER.coupons)
    assert apply(session, STARTER).is_nothing
    held = queries.book_at(session, NOW)
    assert held is not None
    assert replace(held.terms, version=0) == STARTER.terms
    assert held.coupons == STARTER.coupons


def test_a_coupon_the_book_drops_is_given_no_more_and_comes_back_when_named(
    session: Session,
) -> None:
    apply(session, STARTER)
    member = new_member(session)
    assert coupon_service.issue(
        session, kind_code="welcome", member_id=member, source="x", dedup_key="1", now=NOW
    )
    terms = replace(STARTER.terms, gifts=replace(STARTER.terms.gifts, welcome=None))
    less = Book(terms, STARTER.coupons[1:])
    assert apply(session, less).stopped == ("welcome",)
    assert [held.name for held in coupons.usable_coupons(session, member, now=NOW)] == [
        "入會禮 NT$100"
    ]
    assert apply(session, STARTER).revised == ("welcome",)


def test_who_would_rise_and_who_may_fall_is_counted(db: Database) -> None:
    with db.transaction() as session:
        apply(session, STARTER)
        for amount in (3_999, 4_000, 4_999, 5_000, 7_000, 25_000):
            buy(session, new_member(session), amount)
        new_member(session)
        old = STARTER.terms
        lower = rules.consequences(
            queries.effects(session, old, with_silver_at(4_000), now=NOW),
            old,
            with_silver_at(4_000),
        )
        higher = rules.consequences(
            queries.effects(session, old, with_silver_at(6_000), now=NOW),
            old,
            with_silver_at(6_000),
        )
    assert lower == ["2 人已達新的門檻，下次消費即升等為銀卡"]
    assert higher == ["1 位銀卡會員近一年的消費未達新的門檻，等級保留到期末，到期時可能調整"]


JOINED = ("2024-02-29", "2024-07-04", "2024-07-05", "2025-01-01", "2025-12-31")
OTHER_TERMS: list[tuple[Window, dict[str, Any]]] = [
    ("calendar_year", {}),
    ("anniversary", {}),
    ("lifetime", {}),
    ("rolling", {"visits": 2}),
    ("rolling", {"single": 3_000}),
    ("rolling", {"points": 40}),
    ("anniversary", {"visits": 2, "match": "all"}),
]


@pytest.mark.parametrize(("window", "goals"), OTHER_TERMS)
def test_who_would_rise_is_who_does(db: Database, window: Window, goals: dict[str, Any]) -> None:
    """The count of the whole brand agrees with what each member's own progress says."""
    silver = replace(STARTER.terms.tiers[1], **goals)
    new = replace(
        STARTER.terms,
        tiers=(STARTER.terms.tiers[0], silver, *STARTER.terms.tiers[2:]),
        tiering=replace(STARTER.terms.tiering, window=window),
    )
    high = replace(silver, threshold=1_000_000, visits=None, single=None, points=None)
    old = replace(STARTER.terms, tiers=(STARTER.terms.tiers[0], high))
    with db.transaction() as session:
        publish(session, old)
        members = []
        for joined_on in JOINED:
            joined_at = datetime.fromisoformat(f"{joined_on}T00:30").replace(tzinfo=TAIPEI)
            members.append(new_member(session, joined_at=joined_at))
            for number, days in enumerate((0, 1, 130, 190, 370)):
                sold_at = NOW - timedelta(days=days)
                order = PurchaseOrder(
                    f"s-{members[-1]}-{number}", 1_700, sold_at, member_id=members[-1]
                )
                checkouts.record_purchase(session, order=order, now=max(sold_at, NOW))
        crowds = queries.effects(session, old, new, now=NOW).crowds
        found = Counter({crowd.reached_after: crowd.members for crowd in crowds})
        expected = Counter(_reached(session, member, new) for member in members)
    assert found == expected


def _reached(session: Session, member: int, terms: Terms) -> str:
    held = tiers.open_period(session, member)
    assert held is not None
    counted = tiers.window(
        session, member, last=taipei_date(NOW), joined_on=held.joined_on, terms=terms
    )
    return earned_tier(terms, counted.sums).code


def test_what_points_would_cost_is_counted(db: Database) -> None:
    with db.transaction() as session:
        apply(session, STARTER)
        for amount in (1_099, 250):
            buy(session, new_member(session), amount)
        old = STARTER.terms
        new = replace(old, earning=replace(old.earning, unit=50))
        found = rules.consequences(queries.effects(session, old, new, now=NOW), old, new)
    # floor(1099/100) + floor(250/100) = 12; floor(1099/50) + floor(250/50) = 26
    assert found == ["以近一年的消費計算，基本點數每年 +14 點（12 → 26），點數負債約 +14 元"]


def test_changes_are_said_in_words() -> None:
    coupon = replace(STARTER.coupons[0], value=150)
    new = Book(with_silver_at(4_000), (coupon, *STARTER.coupons[2:]))
    assert rules.differences(STARTER, new) == [
        "等級「銀卡」 升等門檻：NT$5,000 → NT$4,000",
        "優惠券「入會禮 NT$100」 面額：100 → 150",
        "取消優惠券「生日禮 9 折」",
    ]
    assert rules.differences(STARTER, STARTER) == []
    assert rules.differences(None, STARTER)[0] == "新增等級「普卡」"


def test_changes_of_choices_are_said_with_their_tier() -> None:
    season = Choice("season", "季禮", "quarter", (Option("points", "200 點", 200),))

    def with_gold(*choices: Choice) -> Book:
        tiers = list(STARTER.terms.tiers)
        tiers[2] = replace(tiers[2], choices=choices)
        return replace(STARTER, terms=replace(STARTER.terms, tiers=tuple(tiers)))

    more = replace(
        season,
        every="month",
        options=(Option("points", "200 點", 300), Option("gift", "禮", coupon="welcome")),
    )
    assert rules.differences(STARTER, with_gold(season)) == ["新增等級「金卡」 任選權益「季禮」"]
    assert rules.differences(with_gold(season), with_gold(more)) == [
        "等級「金卡」 任選權益「季禮」 期間：每季 → 每月",
        "等級「金卡」 任選權益「季禮」 選項「200 點」 點數：200 → 300",
        "新增等級「金卡」 任選權益「季禮」 選項「禮」",
    ]
    assert rules.differences(with_gold(season), STARTER) == ["取消等級「金卡」 任選權益「季禮」"]
    lost = replace(season, options=(Option("gift", "禮", coupon="nothing"),))
    (fault,) = rules.faults(with_gold(lost))
    assert (fault.where, fault.reason) == (
        "tiers[2].choices[0].options[0].coupon",
        "沒有優惠券 nothing",
    )


def test_rewards_are_put_in_the_catalogue_revised_and_stopped(session: Session) -> None:
    gift = KindDraft("gift", "帆布袋兌換券", "gift", valid_days=30)
    tote = RewardDraft("tote", "帆布袋", 300, "gift")
    book = replace(STARTER, coupons=(*STARTER.coupons, gift), rewards=(tote,))
    assert apply(session, book).created[-2:] == ("gift", "tote")
    assert apply(session, book).is_nothing
    held = queries.book_at(session, NOW)
    assert held is not None
    assert held.rewards == (tote,)
    dearer = replace(book, rewards=(replace(tote, points=350),))
    assert apply(session, dearer).revised == ("tote",)
    assert rules.differences(book, dearer) == ["兌換商品「帆布袋」 點數：300 → 350"]
    assert apply(session, replace(book, rewards=())).stopped == ("tote",)


def test_stamp_cards_begin_change_and_stop(session: Session) -> None:
    tea = StampDraft("tea", "茶香", 10, (Milestone(10, points=50),), NOW.date())
    book = replace(STARTER, stamps=(tea,))
    assert apply(session, book).created[-1:] == ("tea",)
    assert apply(session, book).is_nothing
    held = queries.book_at(session, NOW)
    assert held is not None
    assert held.stamps == (tea,)
    longer = replace(book, stamps=(replace(tea, size=12, cap_per_day=None),))
    assert apply(session, longer).revised == ("tea",)
    assert rules.differences(book, longer) == [
        "集點卡「茶香」 格數：10 → 12",
        "集點卡「茶香」 每日上限：1 → 無",
    ]
    assert apply(session, replace(book, stamps=())).stopped == ("tea",)


def test_missions_begin_change_and_stop(session: Session) -> None:
    regular = MissionDraft(
        "regular",
        "每月常客",
        (Step("visits", 3),),
        window=MissionWindow("month", starts_on=NOW.date()),
        reward=Prize(50),
        reward_limit=9,
    )
    book = replace(STARTER, missions=(regular,))
    assert apply(session, book).created[-1:] == ("regular",)
    assert apply(session, book).is_nothing
    held = queries.book_at(session, NOW)
    assert held is not None
    assert held.missions == (regular,)
    harder = replace(book, missions=(replace(regular, steps=(Step("visits", 4),)),))
    assert apply(session, harder).revised == ("regular",)
    assert rules.differences(book, harder) == ["任務「每月常客」的要做的事有變更"]
    fewer = replace(book, missions=(replace(regular, reward_limit=5),))
    assert rules.differences(book, fewer) == ["任務「每月常客」 獎勵名額：9 → 5"]
    assert apply(session, replace(book, missions=())).stopped == ("regular",)

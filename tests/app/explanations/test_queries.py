"""Whatever is explained adds up to the number that is shown."""

from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.checkouts import service as checkouts
from app.core.db import Database
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.explanations import queries
from app.explanations.rules import Figure, Line, with_rest
from app.points import queries as points
from app.points import service as point_service
from app.points.rules import NotEnoughPoints
from app.points.service import Cause
from app.purchases.rules import Item, PurchaseOrder, RefundOrder, RefundTooLarge
from app.tiers import queries as tier_queries
from app.tiers import service as tiers
from tests.support import loyalty, people
from tests.support.times import NOW

DAY = timedelta(days=1)
_ids = count(1)


@pytest.fixture
def shop(db: Database) -> Database:
    with db.transaction() as session:
        loyalty.publish(session)
    return db


class Regular:
    def __init__(self, session: Session) -> None:
        self.session, self.now, self.sales = session, NOW, list[str]()
        self.id = people.regular(session)

    def buy(self, amount: int, *, shipping: int = 0) -> None:
        key = f"x{next(_ids)}"
        items: tuple[Item, ...] = (Item("A", "焙茶", "tea", 1, amount - shipping),)
        if shipping:
            items += (Item("S", "運費", "shipping", 1, shipping),)
        order = PurchaseOrder(key, amount, self.now, member_id=self.id, items=items)
        checkouts.record_purchase(self.session, order=order, now=self.now)
        self.sales.append(key)

    def refund(self, amount: int) -> None:
        if not self.sales:
            return
        order = RefundOrder(f"x{next(_ids)}", self.sales[amount % len(self.sales)], amount)
        try:
            checkouts.refund_purchase(self.session, order=order, now=self.now)
        except RefundTooLarge:
            return

    def redeem(self, amount: int) -> None:
        cause = Cause(f"x{next(_ids)}", "staff:1", "兌換")
        try:
            point_service.redeem(
                self.session, member_id=self.id, points=amount, cause=cause, now=self.now
            )
        except NotEnoughPoints:
            return

    def explained(self) -> dict[str, Figure]:
        found = queries.everything(self.session, self.id, now=self.now)
        assert all(figure.adds_up for figure in found), found
        return {figure.code: figure for figure in found}


steps = st.lists(
    st.tuples(
        st.sampled_from(["buy", "buy", "ship", "refund", "redeem", "wait"]), st.integers(1, 9_000)
    ),
    min_size=3,
    max_size=25,
)


@settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps)
def test_the_lines_of_any_history_give_the_numbers_shown(
    shop: Database, history: list[tuple[str, int]]
) -> None:
    with shop.transaction() as session:
        member = Regular(session)
        for step, amount in history:
            if step == "buy":
                member.buy(amount)
            elif step == "ship":
                member.buy(amount + 100, shipping=100)
            elif step == "refund":
                member.refund(amount)
            elif step == "redeem":
                member.redeem(amount // 300 + 1)
            else:
                member.now += DAY * (amount % 60)
        found = member.explained()
        standing = points.standing(session, member.id, now=member.now)
        assert found["points"].amount == standing.balance
        pending = found.get("pending")
        assert (0 if pending is None else pending.amount) == standing.pending
        way = tier_queries.progress(session, member.id, now=member.now)
        assert max(0, found["progress"].amount or 0) == way.spent
        assert found["tier"].value == way.tier.name


def test_a_sale_says_how_its_points_came_about(shop: Database) -> None:
    with shop.transaction() as session:
        member = Regular(session)
        member.buy(790)
        (line,) = member.explained()["pending"].lines
        assert (line.words, line.amount) == ("消費 NT$790", 7)
        assert "每 NT$100 得 1 點：+7 點" in line.details
        assert any("起可以使用" in words for words in line.details)
        assert any(words.startswith("會員制度第") for words in line.details)


def test_an_upgrade_names_window_threshold_and_sales(shop: Database) -> None:
    with shop.transaction() as session:
        member = Regular(session)
        member.buy(3_000)
        member.buy(2_100, shipping=100)
        tier = member.explained()["tier"]
        assert tier.value == "銀卡"
        assert "NT$5,000" in tier.sentence
        assert [line.amount for line in tier.lines] == [2_000, 3_000]
        assert "不列入的品項 NT$100" in tier.lines[0].details
        assert "效期到" in tier.rule


def test_a_refund_after_the_upgrade_is_a_line_of_its_own(shop: Database) -> None:
    with shop.transaction() as session:
        member = Regular(session)
        member.buy(6_000)
        member.now += 60 * DAY
        order = RefundOrder("x-late", member.sales[0], 2_000)
        checkouts.refund_purchase(session, order=order, now=member.now)
        tier = member.explained()["tier"]
        assert tier.value == "銀卡"
        assert [line.amount for line in tier.lines] == [4_000, 2_000]


def test_a_tier_given_by_hand_says_why(shop: Database) -> None:
    with shop.transaction() as session:
        member = Regular(session)
        tiers.grant(
            session,
            member_id=member.id,
            tier_code="gold",
            ends_at=NOW + 90 * DAY,
            actor="staff:1",
            note="貴賓邀請",
            now=NOW,
        )
        tier = member.explained()["tier"]
        assert "由店家指定為金卡" in tier.sentence
        assert "貴賓邀請" in tier.sentence


def test_an_empty_member_has_answers_too(shop: Database) -> None:
    with shop.transaction() as session:
        found = Regular(session).explained()
        assert found["points"].lines == ()
        assert found["points"].sentence == "目前沒有可用的點數。"
        assert "入會，從普卡開始" in found["tier"].sentence
        assert "還差 NT$5,000" in found["progress"].sentence


def test_a_coupon_tells_its_story_to_its_holder_only(shop: Database) -> None:
    with shop.transaction() as session:
        draft = KindDraft("welcome", "入會禮", "amount_off", 100, valid_days=30)
        coupons.create_kind(session, draft=draft, now=NOW)
        member, other = Regular(session), Regular(session)
        issued = coupons.issue(
            session,
            kind_code="welcome",
            member_id=member.id,
            source="welcome",
            dedup_key="w",
            now=NOW,
        )
        assert issued is not None
        coupons.revoke(
            session, coupon_id=issued.coupon_id, reason="誤發", staff_id=None, now=NOW + DAY
        )
        story = queries.coupon(session, issued.coupon_id, member_id=member.id)
        assert story is not None
        assert story.value == "已收回"
        assert [line.words for line in story.lines] == ["入會禮發出", "收回"]
        assert "原因：誤發" in story.lines[1].details
        assert queries.coupon(session, issued.coupon_id, member_id=other.id) is None


def test_why_staff_gave_it_is_not_for_the_member(shop: Database) -> None:
    with shop.transaction() as session:
        draft = KindDraft("sorry", "招待飲料", "gift", valid_days=30)
        coupons.create_kind(session, draft=draft, now=NOW)
        member = Regular(session)
        issued = coupons.issue(
            session,
            kind_code="sorry",
            member_id=member.id,
            source="goodwill",
            dedup_key="goodwill:1",
            now=NOW,
            reason="客人態度差",
        )
        assert issued is not None
        story = queries.coupon(session, issued.coupon_id, member_id=member.id)
        assert "態度" not in str(story)


@given(st.lists(st.integers(-100, 100)), st.integers(-1000, 1000))
def test_what_is_left_out_becomes_a_line(parts: list[int], total: int) -> None:
    lines = with_rest([Line("一筆", part) for part in parts], total, "其他")
    assert sum(line.amount or 0 for line in lines) == total

"""What members see: card, points, coupons, tiers, purchases, stores, terms."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.cards import service as cards
from app.checkouts import service as checkouts
from app.checkouts.service import PointPayment
from app.core.db import Database
from app.coupons import service as coupons
from app.coupons.models import COUPONS
from app.coupons.rules import Conditions, KindDraft
from app.members.models import Member
from app.missions import service as missions
from app.missions.rules import MissionDraft, Step, Window
from app.missions.rules import Reward as Prize
from app.points import service as points
from app.points.service import Cause
from app.programmes.rules import DEFAULT, InvoiceTerms
from app.purchases.rules import Item, PurchaseOrder
from app.stamps import service as stamps
from app.stamps.rules import Milestone, StampDraft
from tests.support import loyalty
from tests.support.joining import HANA, KEN, MEI, join, person_of
from tests.support.liff import Phone, phone
from tests.support.people import grant_points
from tests.support.times import NOW

DAY = timedelta(days=1)


@pytest.fixture
def store_id(shop_db: Database) -> int:
    with shop_db.transaction() as session:
        store_id = loyalty.new_store(session, "xinyi", "信義門市")
        loyalty.new_store(session, "yongkang", "永康門市")
        return store_id


@pytest.fixture
def hana(shop_db: Database, store_id: int) -> Iterator[Phone]:
    """A member of a month, whose LINE is open."""
    with shop_db.transaction() as session:
        join(session, HANA, now=NOW - 30 * DAY)
    with phone(shop_db) as line:
        assert line.open(HANA).status == 200
        yield line


def buy(db: Database, store_id: int, amount: int, days_ago: int, key: str) -> None:
    with db.transaction() as session:
        member = person_of(session, HANA)
        items = (
            Item(sku="A1", name="焙茶拿鐵", category="drink", quantity=2, unit_price=100),
            Item(
                sku="B1", name="<b>餅乾</b>", category="food", quantity=1, unit_price=amount - 200
            ),
        )
        order = PurchaseOrder(
            key,
            amount,
            NOW - days_ago * DAY,
            member_id=member.id,
            store_id=store_id,
            channel="clerk",
            invoice_number="AB12345678",
            items=items,
        )
        checkouts.record_purchase(session, order=order, now=NOW - days_ago * DAY)


def give(db: Database, draft: KindDraft, line_user_id: str = HANA) -> int:
    with db.transaction() as session:
        coupons.create_kind(session, draft=draft, now=NOW - DAY)
        issued = coupons.issue(
            session,
            kind_code=draft.code,
            member_id=person_of(session, line_user_id).id,
            source="test",
            dedup_key=f"{draft.code}:{line_user_id}",
            now=NOW,
        )
        assert issued is not None
        return issued.coupon_id


OFF_100 = KindDraft("off100", "百元折價券", "amount_off", value=100, min_spend=500, valid_days=5,
                    terms="限本人使用。\n不得折換現金。")  # fmt: skip


# The card ----------------------------------------------------------------------------------------


def test_the_card_shows_name_number_tier_points_and_the_way_up(
    hana: Phone, shop_db: Database, store_id: int
) -> None:
    buy(shop_db, store_id, 1240, 20, "p1")
    page = hana.view("card").text
    with shop_db.reading() as session:
        number = person_of(session, HANA).number or ""
    for words in ("王小明", f"{number[:4]} {number[4:7]} {number[7:]}", "普卡", "<b>12</b> 點"):
        assert words in page
    assert '<b>再消費 NT$3,760</b> 即可升等 <b class="whole">銀卡</b>' in page
    assert 'value="24"' in page
    assert page.count("<svg") > 2  # barcodes


def test_a_name_is_escaped(hana: Phone, shop_db: Database) -> None:
    with shop_db.transaction() as session:
        session.execute(sa.update(Member).values(name='<img src=x onerror="alert(1)">'))
    page = hana.view("card").text
    assert "<img" not in page
    assert "&lt;img" in page


def test_a_fresh_code_lives_a_minute_and_belongs_to_the_member(
    hana: Phone, shop_db: Database
) -> None:
    first = hana.post("/liff/card/code")
    second = hana.post("/liff/card/code")
    assert first.status == 200
    assert first.header("cache-control") == "no-store"
    assert '"seconds":60' in first.text
    assert first.text != second.text
    with shop_db.transaction() as session:
        member = person_of(session, HANA)
        kept = session.execute(sa.text("SELECT member_id, used_at FROM card_tokens")).all()
        assert [tuple(row) for row in kept] == [(member.id, None)] * 2
        assert cards.issue_token(session, member_id=member.id, now=NOW).expires_at > NOW


def test_at_the_top_there_is_nothing_more_to_reach(
    hana: Phone, shop_db: Database, store_id: int
) -> None:
    buy(shop_db, store_id, 60_000, 3, "p1")
    page = hana.view("card").text
    assert "face-platinum" in page
    assert "您已是最高等級" in page


# Points ------------------------------------------------------------------------------------------


def test_every_movement_can_be_opened_down_to_its_rule(
    hana: Phone, shop_db: Database, store_id: int
) -> None:
    buy(shop_db, store_id, 1240, 20, "p1")
    buy(shop_db, store_id, 500, 1, "p2")
    page = hana.view("points").text
    assert "<b>12</b><span>可用點數" in page
    assert "待生效" in page
    assert "+12" in page
    assert "消費 NT$1,240" in page
    assert "每消費 NT$100 得 1 點" in page
    assert "起可使用" in page
    assert "有效期限至 2027/06/30" in page


def test_a_correction_by_staff_shows_its_reason(hana: Phone, shop_db: Database) -> None:
    with shop_db.transaction() as session:
        points.adjust(
            session,
            member_id=person_of(session, HANA).id,
            points=50,
            cause=Cause(external_id="a1", actor="staff:1", reason="門市活動補點"),
            terms=DEFAULT.points,
            limit=100,
            now=NOW,
        )
    assert "門市活動補點" in hana.view("points").text


def test_older_movements_are_on_further_pages(
    hana: Phone, shop_db: Database, store_id: int
) -> None:
    for index in range(22):
        with shop_db.transaction() as session:
            member = person_of(session, HANA)
            order = PurchaseOrder(
                f"p{index}", 300, NOW - DAY, member_id=member.id, store_id=store_id
            )
            checkouts.record_purchase(session, order=order, now=NOW - DAY)
    first = hana.view("points").text
    assert first.count('class="row"') == 20
    more = first.split('href="/liff/points?before=')[1].split('"')[0]
    assert hana.view(f"points?before={more}").text.count('class="row"') == 2
    assert hana.view("points?before=x").status == 422


def test_a_member_without_points_is_told_how_to_get_some(hana: Phone) -> None:
    assert "還沒有點數紀錄" in hana.view("points").text


# Coupons -----------------------------------------------------------------------------------------


def test_the_wallet_lists_what_can_be_used_soonest_end_first(
    hana: Phone, shop_db: Database
) -> None:
    give(shop_db, KindDraft("late", "晚到期", "percent_off", value=10, valid_days=60))
    give(shop_db, OFF_100)
    page = hana.view("coupons").text
    assert page.index("百元折價券") < page.index("晚到期")
    assert "NT$100" in page
    assert "9 折" in page
    assert "消費滿 NT$500 可用" in page
    assert "剩 5 天" in page


def test_one_coupon_shows_its_codes_and_terms(hana: Phone, shop_db: Database) -> None:
    coupon_id = give(shop_db, OFF_100)
    page = hana.view(f"coupons/{coupon_id}").text
    with shop_db.reading() as session:
        code = session.scalar(sa.select(COUPONS.c.code)) or ""
    assert f"{code[:4]} {code[4:8]} {code[8:]}" in page
    assert "由店員操作" in page
    assert "不得折換現金。" in page


@pytest.mark.parametrize("coupon_id", ["0", "999", "x", "-1", "1e9"])
def test_an_unknown_coupon_is_not_found(hana: Phone, coupon_id: str) -> None:
    assert hana.view(f"coupons/{coupon_id}").status in (404, 422)
    assert hana.post(f"/liff/coupons/{coupon_id}/redeem").status in (404, 422)


def test_somebody_elses_coupon_is_not_found(hana: Phone, shop_db: Database) -> None:
    with shop_db.transaction() as session:
        join(session, MEI, "0987654321")
    theirs = give(shop_db, OFF_100, MEI)
    assert hana.view(f"coupons/{theirs}").status == 404
    fields = {"store": "xinyi", "amount": "790"}
    assert hana.post(f"/liff/coupons/{theirs}/redeem", fields).status == 404


def test_a_clerk_uses_a_coupon_on_the_members_phone(hana: Phone, shop_db: Database) -> None:
    coupon_id = give(shop_db, OFF_100)
    fields = {"store": "xinyi", "amount": "790"}
    page = hana.post(f"/liff/coupons/{coupon_id}/redeem", fields)
    assert page.status == 200
    for words in ("已使用", "信義門市", "折抵 NT$100", "data-clock", "2026/07/04 12:00"):
        assert words in page.text
    again = hana.post(f"/liff/coupons/{coupon_id}/redeem", fields)
    assert again.status == 422
    assert "2026/07/04 12:00 已使用" in again.text
    wallet = hana.view("coupons").text
    assert "2026/07/04 12:00 已使用" in wallet
    with shop_db.reading() as session:
        row = session.execute(sa.select(COUPONS.c.status, COUPONS.c.discount)).one()
    assert tuple(row) == ("redeemed", 100)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "請選擇門市"),
        ({"store": "nowhere", "amount": "790"}, "請選擇門市"),
        ({"store": "xinyi"}, "本次消費金額"),
        ({"store": "xinyi", "amount": "很多"}, "本次消費金額"),
        ({"store": "xinyi", "amount": "-790"}, "本次消費金額"),
        ({"store": "xinyi", "amount": "499"}, "還差 NT$1"),
    ],
)
def test_a_coupon_that_cannot_be_used_says_why_and_is_not_used(
    hana: Phone, shop_db: Database, fields: dict[str, str], sentence: str
) -> None:
    coupon_id = give(shop_db, OFF_100)
    page = hana.post(f"/liff/coupons/{coupon_id}/redeem", fields)
    assert page.status == 422
    assert sentence in page.text
    with shop_db.reading() as session:
        assert session.scalar(sa.select(COUPONS.c.status)) == "issued"


@pytest.mark.parametrize("amount", ["0", "", "NT$0"])
def test_a_coupon_without_a_minimum_is_not_used_up_on_nothing(
    hana: Phone, shop_db: Database, amount: str
) -> None:
    coupon_id = give(shop_db, KindDraft("off", "折價券", "amount_off", value=100, valid_days=5))
    page = hana.post(f"/liff/coupons/{coupon_id}/redeem", {"store": "xinyi", "amount": amount})
    assert (page.status, "消費金額" in page.text) == (422, True)


def test_only_the_stores_of_a_coupon_can_be_chosen(hana: Phone, shop_db: Database) -> None:
    only = KindDraft(
        "gift", "曲奇", "gift", valid_days=9, conditions=Conditions(stores=("yongkang",))
    )
    coupon_id = give(shop_db, only)
    page = hana.view(f"coupons/{coupon_id}").text
    assert "永康門市" in page
    assert "信義門市" not in page
    assert 'name="amount"' not in page  # a gift needs no bill
    assert hana.post(f"/liff/coupons/{coupon_id}/redeem", {"store": "xinyi"}).status == 422
    assert hana.post(f"/liff/coupons/{coupon_id}/redeem", {"store": "yongkang"}).status == 200


def test_an_expired_coupon_shows_no_code(hana: Phone, shop_db: Database) -> None:
    coupon_id = give(shop_db, OFF_100)
    hana.watch.forward(days=6)
    hana.open(HANA)
    page = hana.view(f"coupons/{coupon_id}").text
    assert "已過期" in page
    assert "由店員操作" not in page


# The rest ----------------------------------------------------------------------------------------


def test_the_benefits_of_every_tier_with_ones_own_marked(hana: Phone) -> None:
    page = hana.view("tiers").text
    for tier in DEFAULT.tiers:
        assert tier.name in page
        assert all(words in page for words in tier.benefits)
    assert page.count("目前等級") == 1


def test_purchases_with_their_lines_and_points(
    hana: Phone, shop_db: Database, store_id: int
) -> None:
    buy(shop_db, store_id, 1240, 20, "p1")
    page = hana.view("purchases").text
    for words in ("信義門市", "NT$1,240", "焙茶拿鐵 × 2", "AB-12345678", "獲得 12 點"):
        assert words in page
    assert "<b>餅乾</b>" not in page


def test_a_purchase_says_which_points_paid_for_it(
    hana: Phone, shop_db: Database, store_id: int
) -> None:
    with shop_db.transaction() as session:
        member = person_of(session, HANA)
        grant_points(session, member.id, 300)
        order = PurchaseOrder("p1", 690, NOW, member_id=member.id, store_id=store_id)
        payment = PointPayment(100, "card")
        checkouts.record_purchase(session, order=order, now=NOW, payment=payment)
    page = hana.view("purchases").text
    assert "使用點數 100 點<span>-NT$100</span>" in page


def test_the_number_of_reads_does_not_grow_with_the_purchases(
    hana: Phone, shop_db: Database, store_id: int
) -> None:
    def reads() -> int:
        seen: list[str] = []

        def count(*args: object) -> None:
            seen.append(str(args[2]))

        sa.event.listen(shop_db.engine, "before_cursor_execute", count)
        assert hana.view("purchases").status == 200
        sa.event.remove(shop_db.engine, "before_cursor_execute", count)
        return len(seen)

    buy(shop_db, store_id, 500, 3, "p0")
    before = reads()
    for index in range(1, 6):
        with shop_db.transaction() as session:
            member = person_of(session, HANA)
            order = PurchaseOrder(f"p{index}", 300, NOW, member_id=member.id, store_id=store_id)
            checkouts.record_purchase(session, order=order, now=NOW)
    assert reads() == before


def test_stores_and_terms_are_open_to_guests(shop_db: Database, store_id: int) -> None:
    with phone(shop_db) as line:
        line.open(KEN)
        assert "信義門市" in line.view("stores").text
        assert "個人資料蒐集告知事項" in line.view("terms").text


def test_nobody_sees_anything_of_somebody_else(hana: Phone, shop_db: Database) -> None:
    with shop_db.transaction() as session:
        join(session, MEI, "0987654321", now=NOW - DAY)
        session.execute(sa.update(Member).where(Member.line_user_id == MEI).values(name="梅梅梅"))
    hana.open(MEI)
    for name in ("card", "points", "coupons", "tiers", "purchases", "centre", "centre/close"):
        page = hana.view(name)
        assert page.status == 200, name
        assert "王小明" not in page.text, name
    assert "王小明" not in hana.get("/liff/centre/data").text


def test_every_number_opens_down_to_its_sales(
    hana: Phone, shop_db: Database, store_id: int
) -> None:
    buy(shop_db, store_id, 6_000, 3, "W-1")
    assert "/liff/why" in hana.view("points").text
    page = hana.view("why").text
    assert "達到銀卡門檻" in page
    assert "消費 NT$6,000" in page
    assert "每 NT$100 得 1 點" in page


def test_a_coupon_tells_its_story(hana: Phone, shop_db: Database) -> None:
    with shop_db.transaction() as session:
        member = person_of(session, HANA)
        coupons.create_kind(
            session,
            draft=KindDraft("story", "入會禮", "amount_off", 100, valid_days=30),
            now=NOW,
        )
        issued = coupons.issue(
            session,
            kind_code="story",
            member_id=member.id,
            source="welcome",
            dedup_key="story:1",
            now=NOW,
        )
    assert issued is not None
    assert "入會禮發出" in hana.view(f"coupons/{issued.coupon_id}").text


def test_an_invoice_by_its_barcode(hana: Phone, shop_db: Database, store_id: int) -> None:
    terms = replace(DEFAULT, invoices=InvoiceTerms(is_on=True, sellers=("04595257",)))
    with shop_db.transaction() as session:
        loyalty.publish(session, terms, starts_at=NOW)
        order = PurchaseOrder(
            "T-1", 700, NOW, invoice_number="AB12345678", invoice_period="11508", store_id=store_id
        )
        checkouts.record_purchase(session, order=order, now=NOW)
    assert "還沒有登錄過發票" in hana.view("invoices").text
    wrong = hana.post("/liff/invoices", {"code": "11508AB1234567"})
    assert wrong.status == 422
    done = hana.post("/liff/invoices", {"code": "11508AB123456781234"})
    assert done.status == 200
    assert "AB-12345678" in done.text
    again = hana.post("/liff/invoices", {"code": "11508AB123456781234"})
    assert "已經登錄過了" in again.text


def test_missions_with_their_progress(hana: Phone, shop_db: Database, store_id: int) -> None:
    assert "目前沒有任務" in hana.view("missions").text
    with shop_db.transaction() as session:
        missions.create(
            session,
            draft=MissionDraft(
                "regular",
                "每月常客",
                (Step("visits", 2),),
                window=Window("month", starts_on=(NOW - 40 * DAY).date()),
                reward=Prize(50),
            ),
            now=NOW - 40 * DAY,
        )
    buy(shop_db, store_id, 600, 1, "M-1")
    page = hana.view("missions").text
    assert "每月常客" in page
    assert "1/2" in page
    buy(shop_db, store_id, 600, 0, "M-2")
    assert "已完成" in hana.view("missions").text


def test_a_stamp_card_with_its_dots_and_why(hana: Phone, shop_db: Database, store_id: int) -> None:
    assert "目前沒有集點卡" in hana.view("stamps").text
    since = (NOW - 40 * DAY).date()
    with shop_db.transaction() as session:
        draft = StampDraft("tea", "茶香", 5, (Milestone(3, 30), Milestone(5, 50)), since)
        stamps.create(session, draft=draft, now=NOW - 40 * DAY)
    for day in range(3):
        buy(shop_db, store_id, 600, 3 - day, f"S-{day}")
    page = hana.view("stamps").text
    assert "3/5" in page
    assert page.count("is-stamped") == 3
    assert page.count("is-prize") == 2
    assert "再 2 格，獲得50 點" in page
    why = hana.view("why").text
    assert "集點卡「茶香」" in why
    assert "+1 格" in why


def test_an_id_beyond_any_is_refused_quietly(hana: Phone) -> None:
    """More than a BIGINT holds would be an error of the driver."""
    beyond = "9" * 30
    for path in ("coupons", "rewards"):
        assert hana.view(f"{path}/{beyond}").status in (404, 422), path
    assert hana.post(f"/liff/coupons/{beyond}/redeem", {"store": "xinyi"}).status in (404, 422)
    assert hana.post(f"/liff/draws/{beyond}/enter", {"turn": "0"}).status in (404, 422)

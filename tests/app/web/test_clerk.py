"""The till: identify, sell, redeem, undo. Aoi sells in Taipei; Ren manages that store."""

import html
import io
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import segno
import sqlalchemy as sa
from PIL import Image
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.core.db import Database
from app.coupons import service as coupon_service
from app.coupons.models import Coupon
from app.coupons.rules import Conditions, KindDraft
from app.members.models import Member
from app.missions import service as missions
from app.missions.rules import MissionDraft, Step, Window
from app.missions.rules import Reward as Prize
from app.outbox.models import OutboxRow
from app.points import queries as points
from app.points import service as point_service
from app.programmes.rules import DEFAULT, Redemption
from app.purchases.models import Purchase
from app.staff import queries
from app.staff.rules import Role
from app.web.clerk import baskets, passes
from app.web.clerk.passes import Pass, PassRefused
from tests.support.joining import last_code
from tests.support.loyalty import publish
from tests.support.people import bought, card_code, coupon_for, grant_points, number_of, regular
from tests.support.product import until
from tests.support.staffing import LOGINS, PASSWORD, Shop, staffed_shop
from tests.support.times import NOW
from tests.support.web import SAME_ORIGIN, Browser, Page, browser


@dataclass
class Till:
    """Aoi's phone, and Hana in front of it."""

    web: Browser
    db: Database
    shop: Shop
    hana: int

    def show_card(self) -> str:
        with self.db.transaction() as session:
            return card_code(session, self.hana, now=self.web.watch.now)

    def find(self, code: str) -> Page:
        return self.web.post("/clerk/find", {"code": code})

    def served(self, code: str | None = None) -> str:
        """The page Hana is served on, identified by her card unless told otherwise."""
        answer = self.find(self.show_card() if code is None else code)
        assert answer.status == 303, answer.text
        return answer.location

    def number(self) -> str:
        with self.db.reading() as session:
            return number_of(session, self.hana)

    def give_coupon(self, **draft: object) -> int:
        with self.db.transaction() as session:
            return coupon_for(session, self.hana, **draft)

    def purchases(self) -> list[tuple[int, int]]:
        """(paid, refunded) of every purchase, oldest first."""
        with self.db.reading() as session:
            query = sa.select(Purchase.amount, Purchase.refunded).order_by(Purchase.id)
            return [(row.amount, row.refunded) for row in session.execute(query)]

    def pending(self) -> int:
        with self.db.reading() as session:
            return points.standing(session, self.hana, now=self.web.watch.now).pending

    def give_points(self, number: int) -> None:
        with self.db.transaction() as session:
            grant_points(session, self.hana, number)

    def balance(self) -> int:
        with self.db.reading() as session:
            return points.standing(session, self.hana, now=self.web.watch.now).balance

    def code_sent(self) -> str:
        """The six digits of the newest SMS."""
        with self.db.reading() as session:
            return last_code(session)

    def coupon_status(self, coupon_id: int) -> str:
        with self.db.reading() as session:
            return session.get_one(Coupon, coupon_id).status


@pytest.fixture
def till(sqlite_db: Database, visitor: Browser, shop: Shop) -> Till:
    with sqlite_db.transaction() as session:
        hana = regular(session, name="陳小花", phone="+886912345678")
    assert visitor.log_in(Role.CLERK, area="/clerk").location == "/clerk"
    return Till(visitor, sqlite_db, shop, hana)


def jpeg(text: str, *, tilt: float = 0) -> bytes:
    code = io.BytesIO()
    segno.make(text, micro=False).save(code, kind="png", scale=6, border=4)
    frame = Image.new("L", (960, 720), 128)
    frame.paste(Image.open(code).convert("L").rotate(tilt, expand=True, fillcolor=128), (300, 150))
    out = io.BytesIO()
    frame.save(out, "JPEG", quality=72)
    return out.getvalue()


def post_frame(
    web: Browser, body: bytes, kind: str = "image/jpeg"
) -> tuple[int, dict[str, object]]:
    headers = SAME_ORIGIN | {
        "content-type": kind,
        "accept": "application/json",
        "x-form-token": web.form_token(),
    }
    answer = web.http.post("/clerk/scan", content=body, headers=headers)
    return answer.status_code, answer.json()


# The store ----------------------------------------------------------------------------------------


def test_who_works_in_one_store_stands_there_at_once(till: Till) -> None:
    page = till.web.get("/clerk").text
    assert "台北永康店" in page
    assert "高雄駁二店" not in till.web.get("/clerk/store").text


def test_who_works_everywhere_chooses_and_the_device_remembers(
    visitor: Browser, shop: Shop
) -> None:
    visitor.log_in(Role.OWNER, area="/clerk")
    assert visitor.get("/clerk").location == "/clerk/store"
    chosen = visitor.post("/clerk/store", {"store_id": str(shop.other_store_id)})
    assert chosen.location == "/clerk"
    assert "高雄駁二店" in visitor.get("/clerk").text
    visitor.post("/clerk/logout")
    visitor.log_in(Role.OWNER, area="/clerk")
    assert "高雄駁二店" in visitor.get("/clerk").text


def test_a_clerk_cannot_stand_in_a_store_that_is_not_theirs(till: Till) -> None:
    answer = till.web.post("/clerk/store", {"store_id": str(till.shop.other_store_id)})
    assert answer.status == 409


# Identifying --------------------------------------------------------------------------------------


def test_the_card_is_good_once(till: Till) -> None:
    code = till.show_card()
    page = till.web.get(till.served(code)).text
    assert "陳○花" in page
    assert "陳小花" not in page
    again = till.find(code)
    assert again.status == 409
    assert "已經使用過" in again.text


def test_a_card_typed_by_a_scanner_with_caps_lock_is_read(till: Till) -> None:
    assert "陳○花" in till.web.get(till.served(till.show_card().lower())).text


def test_a_card_shown_for_longer_than_a_minute_is_refused(till: Till) -> None:
    code = till.show_card()
    till.web.watch.forward(seconds=60)
    assert "已經過期" in till.find(code).text


def test_of_two_clerks_scanning_one_card_one_gets_it(
    sqlite_db: Database, till: Till, shop: Shop
) -> None:
    code = till.show_card()
    with browser(sqlite_db) as other:
        other.log_in(Role.STORE_MANAGER, area="/clerk")
        tills = [till.web, other]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda web: web.post("/clerk/find", {"code": code}), tills))
    assert sorted(answer.status for answer in answers) == [303, 409]


@pytest.mark.parametrize(
    "typed", ["0912345678", "0912-345-678", "０９１２３４５６７８", " 0912 345 678"]
)
def test_a_phone_identifies_for_earning(till: Till, typed: str) -> None:
    assert "請會員出示會員卡 QR" in till.web.get(till.served(typed)).text


def test_a_number_identifies_for_earning(till: Till) -> None:
    till.give_coupon()
    page = till.web.get(till.served(till.number())).text
    assert "請會員出示會員卡 QR" in page
    assert 'name="coupon"' not in page


@pytest.mark.parametrize(
    ("typed", "words"),
    [("", "看不懂"), ("0223456789", "看不懂"), ("RG1.NOSUCHCODE", "不是本店"),
     ("'; DROP", "看不懂"), ("1000000001", "看不懂"),
     ("0999999999", "找不到這位會員"), ("\x00", "看不懂")],
)  # fmt: skip
def test_what_is_no_card_is_refused_in_words(till: Till, typed: str, words: str) -> None:
    answer = till.find(typed)
    assert answer.status == 409
    assert words in answer.text


def test_a_coupon_code_asks_for_the_card(till: Till) -> None:
    coupon_id = till.give_coupon()
    with till.db.reading() as session:
        code = session.get_one(Coupon, coupon_id).code
    assert "這是優惠券的條碼" in till.find(code).text


def test_who_left_or_never_joined_is_not_found(till: Till) -> None:
    code = till.show_card()
    with till.db.transaction() as session:
        session.execute(sa.update(Member).where(Member.id == till.hana).values(status="closed"))
    assert "找不到這位會員" in till.find(code).text
    assert "找不到這位會員" in till.find("0912345678").text


def test_each_identification_is_noted_with_store_and_device(till: Till) -> None:
    till.served("0912345678")
    with till.db.reading() as session:
        (noted,) = queries.audit_entries(session, action="member.identified")
    assert (noted.staff_name, noted.store_name) == ("Aoi", "台北永康店")
    assert noted.after == {"by": "phone"}
    assert noted.device


@pytest.mark.parametrize("tilt", [0, 12, -33, 180])
def test_a_camera_frame_is_read_on_the_server(till: Till, tilt: float) -> None:
    status, answer = post_frame(till.web, jpeg(till.show_card(), tilt=tilt))
    assert status == 200
    assert str(answer["url"]).startswith("/clerk/serve/")


def test_a_frame_without_a_code_is_no_error(till: Till) -> None:
    empty = io.BytesIO()
    Image.new("RGB", (640, 480), (90, 120, 60)).save(empty, "JPEG")
    assert post_frame(till.web, empty.getvalue()) == (200, {"found": False})


def test_what_the_browser_read_itself_is_taken_too(till: Till) -> None:
    body = f'{{"code": "{till.show_card()}"}}'.encode()
    status, answer = post_frame(till.web, body, "application/json")
    assert status == 200
    assert "url" in answer


def huge() -> bytes:
    out = io.BytesIO()
    Image.new("L", (3000, 3000)).save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"", "image/jpeg"), (b"not a picture", "image/jpeg"), (jpeg("x")[:300], "image/jpeg"),
     (huge(), "image/jpeg"), (b"{", "application/json"), (b"[]", "application/json"),
     (b'{"code": 1}', "application/json"), (b"\xff\xfe", "application/json")],
    ids=["empty", "text", "cut", "huge", "half", "list", "number", "bytes"],
)  # fmt: skip
def test_an_odd_frame_is_a_clear_refusal(till: Till, body: bytes, kind: str) -> None:
    status, answer = post_frame(till.web, body, kind)
    assert status == 422
    assert "error" in answer


# Passes -------------------------------------------------------------------------------------------


def test_a_pass_cannot_be_altered_or_used_by_another_login() -> None:
    given = Pass.issue(member_id=7, proof="number", session_id=3, now=NOW)
    sealed = given.sealed("key")
    assert passes.opened(sealed, key="key", session_id=3) == given
    for forged in (sealed.replace("number", "qr"), "8" + sealed[1:], "", "....", sealed + "0"):
        with pytest.raises(PassRefused):
            passes.opened(forged, key="key", session_id=3)
    with pytest.raises(PassRefused):
        passes.opened(sealed, key="other", session_id=3)
    with pytest.raises(PassRefused):
        passes.opened(sealed, key="key", session_id=4)


def test_a_page_of_another_login_or_too_old_leads_back(till: Till) -> None:
    page = till.served()
    assert till.web.get(f"{page}0").location == "/clerk?notice=foreign"
    till.web.watch.forward(minutes=15)
    for url in (page, f"{page}/confirm?amount=10"):
        assert till.web.get(url).location == "/clerk?notice=late"
    assert till.web.post(page, {"amount": "10"}).location == "/clerk?notice=late"
    assert "超過 15 分鐘" in till.web.get("/clerk?notice=late").text
    assert till.purchases() == []


# Selling ------------------------------------------------------------------------------------------


def test_a_purchase_is_previewed_recorded_and_told_to_the_member(till: Till) -> None:
    page = till.served()
    preview = till.web.get(f"{page}/confirm?amount=790&invoice=ab-12345678").text
    assert "NT$790" in preview
    assert "+7" in preview
    assert "AB-12345678" in preview
    assert till.purchases() == []  # a rehearsal leaves nothing behind

    done = till.web.post(page, {"amount": "790", "invoice": "ab-12345678"})
    assert done.location == f"{page}/done"
    result = till.web.get(done.location).text
    assert "已登錄" in result
    assert "+7" in result
    assert till.purchases() == [(790, 0)]
    assert till.pending() == 7
    with till.db.reading() as session:
        kinds = session.scalars(sa.select(OutboxRow.kind)).all()
        (noted,) = queries.audit_entries(session, action="purchase.recorded")
    assert kinds == ["receipt"]
    assert noted.after == {"paid": 790, "discount": 0}


def test_going_back_from_the_confirmation_keeps_what_was_typed(till: Till) -> None:
    coupon = till.give_coupon()
    page = till.served()
    preview = till.web.get(f"{page}/confirm?amount=790&coupon={coupon}&invoice=AB12345678").text
    found = re.search(r'href="([^"]+)">.*修改</a>', preview)
    assert found
    form = till.web.get(html.unescape(found[1])).text
    assert 'value="790"' in form
    assert 'value="AB12345678"' in form
    assert f'name="coupon" value="{coupon}" checked' in form


def test_what_was_recorded_is_shown_instead_of_being_asked_again(till: Till) -> None:
    page = till.served()
    till.web.post(page, {"amount": "790"})
    for url in (page, f"{page}/confirm?amount=790"):
        assert till.web.get(url).location == f"{page}/done"
    assert "請重新識別會員" in till.web.get(f"{page}/confirm?amount=900").text


def test_a_double_press_and_the_back_button_record_once(till: Till) -> None:
    page = till.served()
    for _ in range(3):
        assert till.web.post(page, {"amount": "790"}).location == f"{page}/done"
        till.web.watch.forward(seconds=20)
    assert till.purchases() == [(790, 0)]


def test_pressing_at_the_same_moment_records_once(till: Till) -> None:
    page, token = till.served(), till.web.form_token()
    form = {"amount": "790", "form_token": token}

    def press(_: int) -> int:
        return till.web.http.post(
            page, data=form, headers=SAME_ORIGIN, follow_redirects=False
        ).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(press, range(12))) == {303}
    assert till.purchases() == [(790, 0)]


def test_another_amount_on_the_same_identification_is_refused(till: Till) -> None:
    page = till.served()
    till.web.post(page, {"amount": "790"})
    again = till.web.post(page, {"amount": "7900"})
    assert again.status == 409
    assert "已經登錄過另一筆" in again.text
    assert till.purchases() == [(790, 0)]


@pytest.mark.parametrize(
    ("amount", "words"),
    [("", "請先輸入消費金額"), (" ", "請先輸入消費金額"), ("0", "請先輸入消費金額"),
     ("2000001", "一筆最多 NT$2,000,000"), ("-5", "金額請輸入整數"), ("abc", "金額請輸入整數"),
     ("1.5", "金額請輸入整數"), ("1e3", "金額請輸入整數"), ("NT$", "金額請輸入整數"),
     ("９９９９９９９９９９", "金額請輸入整數"), ("\x00", "金額請輸入整數")],
)  # fmt: skip
def test_an_impossible_amount_is_refused_and_stays_in_the_form(
    till: Till, amount: str, words: str
) -> None:
    page = till.served()
    answer = till.web.post(page, {"amount": amount})
    assert answer.status == 409
    assert words in answer.text
    assert till.purchases() == []


@pytest.mark.parametrize("amount", ["1,290", "NT$1290", "１２９０", " 1290 元"])
def test_an_amount_is_read_as_people_write_it(till: Till, amount: str) -> None:
    till.web.post(till.served(), {"amount": amount})
    assert till.purchases() == [(1290, 0)]


def test_an_invoice_is_recorded_once_and_must_look_like_one(till: Till) -> None:
    odd = till.web.post(till.served(), {"amount": "100", "invoice": "12345678"})
    assert "2 個英文字母" in odd.text
    till.web.post(till.served(), {"amount": "100", "invoice": "AB12345678"})
    again = till.web.post(till.served(), {"amount": "100", "invoice": "AB12345678"})
    assert "這張發票已經登錄過" in again.text
    assert till.purchases() == [(100, 0)]


def test_a_sale_that_lifts_the_tier_says_so_before_and_after(till: Till) -> None:
    page = till.served()
    assert "升等為銀卡" in till.web.get(f"{page}/confirm?amount=5000").text
    done = till.web.post(page, {"amount": "5000"})
    assert "恭喜升等銀卡" in till.web.get(done.location).text


# Points -------------------------------------------------------------------------------------------


def test_points_are_previewed_and_pay(till: Till) -> None:
    till.give_points(300)
    page = till.served()
    form = till.web.get(page).text
    assert "可用 300 點，可折 NT$300" in form
    assert "最多折抵消費的 50%" in form
    preview = till.web.get(f"{page}/confirm?amount=500&points=200").text
    assert "使用點數 200 點" in preview
    assert "NT$300" in preview
    assert till.balance() == 300  # a rehearsal leaves nothing behind
    done = till.web.post(page, {"amount": "500", "points": "200"})
    assert "-NT$200" in till.web.get(done.location).text
    assert till.purchases() == [(300, 0)]
    assert till.balance() == 100
    assert till.web.post(page, {"amount": "500", "points": "200"}).status == 303
    assert till.balance() == 100
    with till.db.reading() as session:
        (noted,) = queries.audit_entries(session, action="purchase.recorded")
    assert noted.after == {"paid": 300, "discount": 0, "points": 200}


@pytest.mark.parametrize(
    ("amount", "used", "words"),
    [("500", "251", "最多可使用 250 點"), ("500", "5", "至少要使用 10 點"),
     ("10", "10", "金額太低"), ("5000", "301", "可用 300 點，不足 301 點"),
     ("500", "many", "點數請輸入整數"),
     ("500", "-10", "點數請輸入整數")],
)  # fmt: skip
def test_points_that_cannot_pay_are_refused_in_words(
    till: Till, amount: str, used: str, words: str
) -> None:
    till.give_points(300)
    answer = till.web.post(till.served(), {"amount": amount, "points": used})
    assert answer.status == 409
    assert words in answer.text
    assert (till.purchases(), till.balance()) == ([], 300)


def test_a_number_or_a_phone_alone_cannot_spend_points(till: Till) -> None:
    till.give_points(300)
    for code in (till.number(), "0912345678"):
        page = till.served(code)
        assert 'name="points"' not in till.web.get(page).text
        refused = till.web.post(page, {"amount": "500", "points": "100"})
        assert refused.status == 409
        assert "不能用點數" in refused.text
    assert (till.purchases(), till.balance()) == ([], 300)


def test_a_code_on_the_members_phone_proves_who_spends(till: Till) -> None:
    till.give_points(300)
    page = till.served("0912345678")
    assert till.web.post(f"{page}/code").location == f"{page}/code"
    assert "0912-***-678" in till.web.get(f"{page}/code").text
    wrong = till.web.post(f"{page}/code/check", {"code": "000000"})
    assert "還可以再試 4 次" in wrong.text
    right = till.web.post(f"{page}/code/check", {"code": till.code_sent()})
    assert right.status == 303
    assert 'name="points"' in till.web.get(right.location).text
    till.web.post(right.location, {"amount": "500", "points": "100"})
    assert (till.purchases(), till.balance()) == ([(400, 0)], 200)
    again = till.web.post(f"{page}/code/check", {"code": till.code_sent()})
    assert "已經使用過" in again.text
    with till.db.reading() as session:
        noted = [
            entry.after for entry in queries.audit_entries(session, action="member.identified")
        ]
    assert noted == [{"by": "otp"}, {"by": "phone"}]


def test_codes_are_sent_and_tried_within_limits(till: Till) -> None:
    page = till.served("0912345678")
    till.web.post(f"{page}/code")
    assert "後才能再傳一次" in till.web.post(f"{page}/code").text
    for _ in range(5):
        till.web.post(f"{page}/code/check", {"code": "x"})
    assert "次數過多" in till.web.post(f"{page}/code/check", {"code": till.code_sent()}).text


def test_a_sale_paid_with_points_alone_is_given_back(till: Till) -> None:
    till.give_points(300)
    with till.db.transaction() as session:
        publish(session, replace(DEFAULT, redemption=Redemption(is_on=True)), starts_at=NOW)
    page = till.served()
    till.web.post(page, {"amount": "300", "points": "300"})
    assert (till.purchases(), till.balance()) == ([(0, 0)], 0)
    with browser(till.db) as manager:
        manager.log_in(Role.STORE_MANAGER, area="/clerk")
        with till.db.reading() as session:
            sale = session.scalars(sa.select(Purchase.external_id)).one()
        url = f"/clerk/today/{sale}/refund"
        assert "退回用掉的 300 點" in manager.get(url).text
        assert manager.post(url, {"amount": "0", "form_id": "f1"}).status == 303
    assert till.balance() == 300


# Coupons ------------------------------------------------------------------------------------------


def test_a_coupon_is_taken_off_and_used(till: Till) -> None:
    coupon = till.give_coupon(min_spend=500)
    page = till.served()
    assert "NT$100 折價券" in till.web.get(page).text
    preview = till.web.get(f"{page}/confirm?amount=500&coupon={coupon}").text
    assert "NT$400" in preview
    assert till.coupon_status(coupon) == "issued"
    done = till.web.post(page, {"amount": "500", "coupon": str(coupon)})
    assert done.status == 303, done.text
    assert "-NT$100" in till.web.get(done.location).text
    assert till.purchases() == [(400, 0)]
    assert till.coupon_status(coupon) == "redeemed"
    assert till.web.post(page, {"amount": "500", "coupon": str(coupon)}).status == 303
    assert till.purchases() == [(400, 0)]


def test_a_percentage_is_of_the_amount_before_the_coupon(till: Till) -> None:
    coupon = till.give_coupon(name="九折", type="percent_off", value=10)
    till.web.post(till.served(), {"amount": "999", "coupon": str(coupon)})
    assert till.purchases() == [(900, 0)]
    with till.db.reading() as session:
        assert session.get_one(Coupon, coupon).discount == 99


def test_a_coupon_below_its_minimum_says_how_much_is_missing(till: Till) -> None:
    coupon = till.give_coupon(min_spend=500)
    page = till.served()
    answer = till.web.get(f"{page}/confirm?amount=499&coupon={coupon}")
    assert answer.status == 409
    assert "還差 NT$1" in answer.text
    assert 'value="499"' in answer.text


def test_a_used_coupon_and_a_strangers_coupon_are_refused(till: Till) -> None:
    coupon = till.give_coupon()
    till.web.post(till.served(), {"amount": "500", "coupon": str(coupon)})
    again = till.web.post(till.served(), {"amount": "600", "coupon": str(coupon)})
    assert "已經在" in again.text
    with till.db.transaction() as session:
        foreign = coupon_for(session, regular(session))
    for odd in (str(foreign), "0", "x", "9" * 19):
        answer = till.web.post(till.served(), {"amount": "500", "coupon": odd})
        assert "找不到這張優惠券" in answer.text
    assert len(till.purchases()) == 1


def test_a_number_is_not_enough_for_a_coupon(till: Till) -> None:
    coupon = till.give_coupon()
    page = till.served(till.number())
    answer = till.web.post(page, {"amount": "500", "coupon": str(coupon)})
    assert answer.status == 409
    assert "請會員出示會員卡 QR" in answer.text
    assert till.coupon_status(coupon) == "issued"


def test_a_gift_is_handed_over_without_a_purchase(till: Till) -> None:
    gift = till.give_coupon(name="生日蛋糕", type="gift", value=0)
    page = till.served()
    assert "確認核銷" in till.web.get(f"{page}/confirm?coupon={gift}").text
    assert till.coupon_status(gift) == "issued"
    for _ in range(2):
        done = till.web.post(page, {"coupon": str(gift)})
        assert done.location == f"{page}/done?coupon={gift}"
    assert "生日蛋糕" in till.web.get(done.location).text
    assert till.coupon_status(gift) == "redeemed"
    assert till.purchases() == []


@pytest.mark.parametrize(
    ("draft", "amount", "words"),
    [({"value": 500}, "", "請先輸入消費金額"),
     ({"type": "percent_off", "value": 10}, "", "請先輸入消費金額"),
     ({"type": "percent_off", "value": 10}, "9", "折不到錢"),
     ({"type": "fixed_price", "value": 300}, "300", "折不到錢")],
)  # fmt: skip
def test_a_coupon_is_not_used_up_for_nothing(
    till: Till, draft: dict[str, object], amount: str, words: str
) -> None:
    coupon = till.give_coupon(**draft)
    page = till.served()
    form = {"amount": amount, "coupon": str(coupon)}
    for answer in (
        till.web.get(f"{page}/confirm?amount={amount}&coupon={coupon}"),
        till.web.post(page, form),
    ):
        assert answer.status == 409
        assert words in answer.text
    assert till.coupon_status(coupon) == "issued"


def test_a_coupon_for_the_first_purchase_is_good_for_that_one(till: Till) -> None:
    first = till.give_coupon(conditions=Conditions(on_first_purchase=True))
    late = till.give_coupon(conditions=Conditions(on_first_purchase=True))
    page = till.served()
    form = {"amount": "500", "coupon": str(first)}
    for _ in range(2):
        assert till.web.post(page, form).location == f"{page}/done"
    again = till.web.post(till.served(), {"amount": "500", "coupon": str(late)})
    assert "第一次消費" in again.text
    assert till.purchases() == [(400, 0)]


def test_the_receipt_of_a_sale_at_the_till_names_its_coupon(till: Till) -> None:
    coupon = till.give_coupon(name="迎新折價券")
    till.web.post(till.served(), {"amount": "500", "coupon": str(coupon)})
    with till.db.reading() as session:
        (payload,) = session.scalars(sa.select(OutboxRow.payload)).all()
    assert "迎新折價券" in payload
    assert "-NT$100" in payload
    assert "小日子選物" in payload  # the brand that sends it


def test_a_gift_used_elsewhere_meanwhile_is_not_handed_over_twice(
    sqlite_db: Database, till: Till
) -> None:
    gift = till.give_coupon(name="生日蛋糕", type="gift", value=0)
    mine, theirs = till.served(), till.show_card()
    with browser(sqlite_db) as ren:
        ren.log_in(Role.STORE_MANAGER, area="/clerk")
        other = ren.post("/clerk/find", {"code": theirs}).location
        assert ren.post(other, {"coupon": str(gift)}).status == 303
    late = till.web.post(mine, {"coupon": str(gift)})
    assert late.status == 409
    assert "使用過" in late.text


# A word that everybody may know ----------------------------------------------------------------


def worded(till: Till, **draft: object) -> None:
    word = "SUMMER100"
    values = {"code": word.lower(), "name": "夏日折百", "type": "amount_off", "value": 100}
    with till.db.transaction() as session:
        kind = KindDraft(**({"valid_days": 30} | values | draft), word=word)  # type: ignore[arg-type]  # a test's shorthand
        coupon_service.create_kind(session, draft=kind, now=NOW)


def coupons_given(till: Till) -> list[str]:
    with till.db.reading() as session:
        return list(session.scalars(sa.select(Coupon.status)))


def test_a_word_is_priced_without_giving_anything_and_then_used(till: Till) -> None:
    worded(till)
    page = till.served()
    shown = till.web.get(f"{page}/confirm?amount=790&word=summer100").text
    assert "夏日折百" in shown
    assert "NT$690" in shown
    assert 'name="word" value="summer100"' in shown
    assert coupons_given(till) == []
    for _ in range(2):  # a double press
        sold_now = till.web.post(page, {"amount": "790", "word": "summer100"})
        assert sold_now.location == f"{page}/done"
    assert coupons_given(till) == ["redeemed"]
    assert till.purchases() == [(690, 0)]


def test_a_gift_for_a_word_is_handed_over_once(till: Till) -> None:
    worded(till, type="gift", value=0, per_member_limit=2)
    page = till.served()
    for _ in range(2):
        assert till.web.post(page, {"word": "SUMMER100"}).status == 303
    assert coupons_given(till) == ["redeemed"]


def test_a_word_for_some_goods_asks_what_they_cost(till: Till) -> None:
    worded(till, type="percent_off", value=20, conditions=Conditions(categories=("tea",)))
    page = till.served()
    assert "請輸入這些商品的金額" in till.web.get(f"{page}/confirm?amount=790&word=SUMMER100").text
    answer = till.web.get(f"{page}/confirm?amount=790&word=SUMMER100&goods_of=word&goods=500").text
    assert "NT$690" in answer


@pytest.mark.parametrize(
    ("draft", "word", "sentence"),
    [
        ({}, "WINTER50", "沒有這個優惠碼"),
        ({}, "ab", "沒有這個優惠碼"),
        ({"issue_limit": 0}, "SUMMER100", "數量已經發完"),
        ({"per_member_limit": 0}, "SUMMER100", "已經用過這個優惠碼"),
        ({"word_for_days": 0}, "SUMMER100", "只給入會 0 天內"),
        ({"ends_at": NOW - timedelta(days=1), "valid_days": None}, "SUMMER100", "已經結束"),
        ({"starts_at": NOW + timedelta(days=1)}, "SUMMER100", "還沒開始"),
        ({"min_spend": 1_000}, "SUMMER100", "還差 NT$210"),
        ({"conditions": Conditions(stores=("elsewhere",))}, "SUMMER100", "不能在這家門市"),
    ],
)
def test_why_a_word_is_refused_is_said_and_nothing_is_given(
    till: Till, draft: dict[str, object], word: str, sentence: str
) -> None:
    worded(till, **draft)
    page = till.served()
    for answer in (
        till.web.get(f"{page}/confirm?amount=790&word={word}"),
        till.web.post(page, {"amount": "790", "word": word}),
    ):
        assert answer.status == 409
        assert sentence in answer.text
        assert f'value="{word}"' in answer.text
    assert coupons_given(till) == []
    assert till.purchases() == []


def test_a_word_wants_the_members_own_screen(till: Till) -> None:
    worded(till)
    page = till.served(till.number())
    assert "請會員出示會員卡 QR" in till.web.get(f"{page}/confirm?amount=790&word=SUMMER100").text


def test_who_claims_a_word_waits_for_the_member_and_holds_no_kind_meanwhile(
    postgres_db: Database,
) -> None:
    """Everybody holds the member's account before a kind: the other way round is a ring."""
    word, db = "SUMMER100", postgres_db
    with db.transaction() as session:
        publish(session)
        shop = staffed_shop(session)
        hana = regular(session)
        draft = KindDraft("summer", "夏日折百", "amount_off", 100, valid_days=30, word=word)
        coupon_service.create_kind(session, draft=draft, now=NOW)
    given = Pass.issue(member_id=hana, proof=passes.QR, session_id=1, now=NOW)
    clerk = shop.staff[Role.CLERK]
    visitor = queries.Visitor(
        1, clerk, "aoi", "Aoi", "clerk", shop.store_id, shop.store_id, "TPE01", "台北永康店", NOW
    )

    def sell() -> int:
        with db.transaction() as session:
            typed = baskets.Typed(amount="790", word=word)
            basket = baskets.basket_of(session, typed, given=given, visitor=visitor, now=NOW)
            baskets.check_out(session, basket, given=given, visitor=visitor, now=NOW)
            return basket.paid

    def is_waiting() -> bool:
        with db.reading() as session:
            asked = sa.text(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return bool(session.scalar(asked))

    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as session:
            point_service.lock(session, member_id=hana, now=NOW)
            paid = pool.submit(sell)
            until(is_waiting, "the till did not wait for the member's account")
            session.execute(sa.text("SET LOCAL lock_timeout = '1s'"))
            coupon_service.lock_kinds(session, words=[word])
        assert paid.result() == 690


# Goodwill -----------------------------------------------------------------------------------------


def sorry(till: Till) -> None:
    kind = KindDraft("sorry", "招待飲料", "gift", valid_days=30, goodwill=True)
    with till.db.transaction() as session:
        coupon_service.create_kind(session, draft=kind, now=NOW)


def test_a_clerk_gives_a_coupon_with_a_reason_within_the_quota(till: Till) -> None:
    page = till.served(till.number())
    assert "送補償券" not in till.web.get(page).text
    sorry(till)
    assert "送補償券" in till.web.get(page).text
    url = f"{page}/goodwill"
    for key in "1122":  # each form twice
        answer = till.web.post(url, {"kind": "sorry", "reason": "飲料做錯", "form_id": key})
        assert answer.status == 303
        assert "已送出「招待飲料」" in till.web.get(answer.location).text
    assert "額度已經用完" in till.web.get(url).text
    refused = till.web.post(url, {"kind": "sorry", "reason": "飲料做錯", "form_id": "3"})
    assert refused.status == 409
    assert "今天可以送的 2 張補償券已經送完" in refused.text
    assert coupons_given(till) == ["issued", "issued"]
    assert "2 張" in till.web.get("/clerk/today").text
    with till.db.reading() as session:
        noted = queries.audit_entries(session, action="coupon.goodwill")
        assert [entry.after["kind"] for entry in noted] == ["sorry", "sorry"]
        told = session.scalars(sa.select(OutboxRow).where(OutboxRow.kind == "goodwill")).all()
        assert len(told) == 2


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"kind": "sorry", "reason": ""}, "請寫下原因"),
        ({"kind": "other", "reason": "飲料做錯"}, "請選一種可以送的券"),
        ({"reason": "飲料做錯"}, "請選一種可以送的券"),
    ],
)
def test_a_goodwill_form_that_lacks_something_keeps_the_rest(
    till: Till, form: dict[str, str], sentence: str
) -> None:
    sorry(till)
    answer = till.web.post(f"{till.served(till.number())}/goodwill", {"form_id": "1"} | form)
    assert answer.status == 409
    assert sentence in answer.text
    assert form["reason"] in answer.text
    assert coupons_given(till) == []


# Today and refunds --------------------------------------------------------------------------------


def sold(till: Till, amount: int = 1_000) -> str:
    page = till.served()
    till.web.post(page, {"amount": str(amount)})
    with till.db.reading() as session:
        return session.scalars(
            sa.select(Purchase.external_id).order_by(Purchase.id.desc()).limit(1)
        ).one()


def refund(web: Browser, purchase: str, amount: str, **more: str) -> Page:
    page = web.get(f"/clerk/today/{purchase}/refund").text
    found = re.search(r'name="form_id" value="(\w+)"', page)
    assert found
    return web.post(
        f"/clerk/today/{purchase}/refund", {"form_id": found[1], "amount": amount} | more
    )


def test_today_lists_this_store_only(till: Till) -> None:
    sold(till, 1_000)
    with till.db.transaction() as session:
        elsewhere = bought(session, till.hana, 7_777, store_id=till.shop.other_store_id)
        bought(session, till.hana, 5_555, store_id=till.shop.store_id,
               sold_at=NOW - timedelta(days=1))  # fmt: skip
    page = till.web.get("/clerk/today").text
    assert "NT$1,000" in page
    assert "陳○花" in page
    assert "7,777" not in page
    assert "5,555" not in page
    assert till.web.get(f"/clerk/today/{elsewhere}/refund").status == 404
    assert till.web.post(f"/clerk/today/{elsewhere}/refund", {"amount": "1"}).status == 404


def test_a_manager_gives_money_back_and_the_points_go(sqlite_db: Database, till: Till) -> None:
    purchase = sold(till)
    with browser(sqlite_db) as ren:
        ren.log_in(Role.STORE_MANAGER, area="/clerk")
        assert refund(ren, purchase, "400").location == f"/clerk/today#{purchase}"
        assert till.purchases() == [(1000, 400)]
        assert till.pending() == 6
        too_much = refund(ren, purchase, "601")
        assert too_much.status == 409
        assert "最多只能退 NT$600" in too_much.text
        assert refund(ren, purchase, "600").status == 303
        assert "已經全部退款" in ren.get(f"/clerk/today/{purchase}/refund").text
    assert till.pending() == 0
    with sqlite_db.reading() as session:
        noted = queries.audit_entries(session, action="purchase.refunded")
    assert [entry.after["refunded"] for entry in noted] == [1000, 400]


def test_the_same_refund_form_twice_refunds_once(sqlite_db: Database, till: Till) -> None:
    purchase = sold(till)
    with browser(sqlite_db) as ren:
        ren.log_in(Role.STORE_MANAGER, area="/clerk")
        form = {"form_id": "ABCDEF", "amount": "400"}
        for _ in range(2):
            assert ren.post(f"/clerk/today/{purchase}/refund", form).status == 303
    assert till.purchases() == [(1000, 400)]


def test_a_clerk_needs_a_manager_of_the_store_to_approve(till: Till) -> None:
    purchase = sold(till)
    refused = [
        {},
        {"login": LOGINS[Role.STORE_MANAGER], "password": "wrong wrong wrong"},
        {"login": LOGINS[Role.CLERK], "password": PASSWORD},
        {"login": LOGINS[Role.MARKETER], "password": PASSWORD},
    ]
    for approval in refused:
        answer = refund(till.web, purchase, "1000", **approval)
        assert answer.status == 409
        assert "不能核准退款" in answer.text
    assert till.purchases() == [(1000, 0)]
    approval = {"login": LOGINS[Role.STORE_MANAGER], "password": PASSWORD}
    assert refund(till.web, purchase, "1000", **approval).status == 303
    assert till.purchases() == [(1000, 1000)]
    with till.db.reading() as session:
        (noted,) = queries.audit_entries(session, action="purchase.refunded")
    assert noted.staff_name == "Aoi"
    assert noted.after["approved_by"] == till.shop.staff[Role.STORE_MANAGER]


def test_guessing_a_managers_password_at_the_till_is_stopped(till: Till) -> None:
    purchase = sold(till)
    guess = {"login": LOGINS[Role.STORE_MANAGER], "password": "guess guess guess"}
    for _ in range(5):
        refund(till.web, purchase, "1000", **guess)
    right = {"login": LOGINS[Role.STORE_MANAGER], "password": PASSWORD}
    answer = refund(till.web, purchase, "1000", **right)
    assert "嘗試次數過多" in answer.text
    assert till.purchases() == [(1000, 0)]


def test_a_coupon_comes_back_with_a_whole_refund(sqlite_db: Database, till: Till) -> None:
    coupon = till.give_coupon()
    till.web.post(till.served(), {"amount": "500", "coupon": str(coupon)})
    with sqlite_db.reading() as session:
        purchase = _last_purchase(session)
    with browser(sqlite_db) as ren:
        ren.log_in(Role.STORE_MANAGER, area="/clerk")
        refund(ren, purchase, "400")
    assert till.coupon_status(coupon) == "issued"


def exchange(web: Browser, purchase: str, back: str, amount: str, **more: str) -> Page:
    """Both steps: what would happen, and yes."""
    url = f"/clerk/today/{purchase}/exchange"
    found = re.search(r'name="form_id" value="(\w+)"', web.get(url).text)
    assert found
    typed = {"form_id": found[1], "back": back, "amount": amount} | more
    shown = web.post(url, typed)
    if shown.status != 200:
        return shown
    assert "確認換貨" in shown.text
    return web.post(url, typed | {"sure": "1"})


def test_a_manager_exchanges_goods_after_seeing_the_difference(
    sqlite_db: Database, till: Till
) -> None:
    purchase = sold(till)
    with browser(sqlite_db) as ren:
        ren.log_in(Role.STORE_MANAGER, area="/clerk")
        url = f"/clerk/today/{purchase}/exchange"
        shown = ren.post(url, {"form_id": "A", "back": "400", "amount": "650"}).text
        assert "補收" in shown
        assert "NT$250" in shown
        assert till.purchases() == [(1000, 0)]
        assert exchange(ren, purchase, "400", "650").status == 303
        assert "換貨換出" in ren.get("/clerk/today").text
    assert till.purchases() == [(1000, 400), (650, 0)]
    with sqlite_db.reading() as session:
        (noted,) = queries.audit_entries(session, action="purchase.exchanged")
    assert (noted.after["refunded"], noted.after["amount"]) == (400, 650)


def test_the_same_exchange_form_twice_exchanges_once(sqlite_db: Database, till: Till) -> None:
    coupon = till.give_coupon()
    till.web.post(till.served(), {"amount": "500", "coupon": str(coupon)})
    with sqlite_db.reading() as session:
        purchase = _last_purchase(session)
    form = {"form_id": "A", "back": "400", "amount": "650", "keeps_coupons": "1", "sure": "1"}
    with browser(sqlite_db) as ren:
        ren.log_in(Role.STORE_MANAGER, area="/clerk")
        for _ in range(2):
            assert ren.post(f"/clerk/today/{purchase}/exchange", form).status == 303
    assert till.purchases() == [(400, 400), (550, 0)]
    assert till.coupon_status(coupon) == "redeemed"


def test_a_first_purchase_coupon_goes_on_with_the_first_purchase(
    sqlite_db: Database, till: Till
) -> None:
    coupon = till.give_coupon(conditions=Conditions(on_first_purchase=True))
    till.web.post(till.served(), {"amount": "500", "coupon": str(coupon)})
    with sqlite_db.reading() as session:
        purchase = _last_purchase(session)
    with browser(sqlite_db) as ren:
        ren.log_in(Role.STORE_MANAGER, area="/clerk")
        assert exchange(ren, purchase, "400", "650", keeps_coupons="1").status == 303
    assert till.purchases() == [(400, 400), (550, 0)]


def test_an_exchange_needs_a_managers_approval(till: Till) -> None:
    purchase = sold(till)
    assert "不能核准" in exchange(till.web, purchase, "400", "650").text
    assert till.purchases() == [(1000, 0)]
    approval = {"login": LOGINS[Role.STORE_MANAGER], "password": PASSWORD}
    assert exchange(till.web, purchase, "400", "650", **approval).status == 303


@pytest.mark.parametrize(
    ("back", "amount", "sentence"),
    [
        ("1001", "1", "最多只能退 NT$1,000"),
        ("", "1", "金額請輸入整數"),
        ("1", "two", "金額請輸入整數"),
        ("1", "2000001", "一筆最多"),
    ],
)
def test_an_exchange_that_cannot_be_says_why_and_keeps_what_was_typed(
    till: Till, back: str, amount: str, sentence: str
) -> None:
    answer = exchange(till.web, sold(till), back, amount)
    assert answer.status == 409
    assert sentence in answer.text
    assert f'value="{amount}"' in answer.text


def test_a_coupon_of_a_part_stays_used(sqlite_db: Database, till: Till) -> None:
    coupon = till.give_coupon()
    till.web.post(till.served(), {"amount": "500", "coupon": str(coupon)})
    with sqlite_db.reading() as session:
        purchase = _last_purchase(session)
    answer = exchange(till.web, purchase, "100", "650", keeps_coupons="1")
    assert "整筆換貨" in answer.text


def _last_purchase(session: Session) -> str:
    return session.scalars(
        sa.select(Purchase.external_id).order_by(Purchase.id.desc()).limit(1)
    ).one()


def test_a_clerk_can_tell_where_a_number_comes_from(till: Till) -> None:
    with till.db.transaction() as session:
        bought(session, till.hana, 790, store_id=till.shop.store_id)
    served = till.served()
    assert f"{served}/why" in till.web.get(served).text
    page = till.web.get(f"{served}/why").text
    assert "每 NT$100 得 1 點" in page
    assert "消費 NT$790" in page
    assert "陳小花" not in page


def test_what_else_moved_is_shown_for_the_clerk_to_say(till: Till) -> None:
    with till.db.transaction() as session:
        missions.create(
            session,
            draft=MissionDraft(
                "regular",
                "每月常客",
                (Step("visits", 3),),
                window=Window("month", starts_on=NOW.date().replace(day=1)),
                reward=Prize(50),
            ),
            now=NOW,
        )
    sold = till.web.post(till.served(), {"amount": "790"})
    assert "任務「每月常客」1/3" in till.web.get(sold.location).text


# Several coupons on one sale ---------------------------------------------------------------------


def test_two_coupons_are_taken_off_together_and_each_part_is_shown(till: Till) -> None:
    tenth = till.give_coupon(name="9 折券", type="percent_off", value=10, stacking="stackable")
    hundred = till.give_coupon(name="折百券", stacking="stackable", min_spend=500)
    page = till.served()
    preview = till.web.get(f"{page}/confirm?amount=600&coupon={tenth}&coupon={hundred}").text
    assert preview.index("折百券") < preview.index("9 折券")
    for part in ("-NT$100", "-NT$50", "-NT$150", "NT$450"):
        assert part in preview
    done = till.web.post(page, {"amount": "600", "coupon": [str(tenth), str(hundred)]})
    assert done.status == 303, done.text
    shown = till.web.get(done.location).text
    assert "折百券" in shown
    assert "9 折券" in shown
    assert till.purchases() == [(450, 0)]
    assert [till.coupon_status(one) for one in (tenth, hundred)] == ["redeemed"] * 2
    again = till.web.post(page, {"amount": "600", "coupon": [str(tenth), str(hundred)]})
    assert again.status == 303
    assert till.purchases() == [(450, 0)]
    today = till.web.get("/clerk/today").text
    assert today.count("refund") == 1  # one sale, one line
    with till.db.reading() as session:
        (payload,) = session.scalars(sa.select(OutboxRow.payload)).all()
    assert "折百券" in payload
    assert "-NT$50" in payload


def test_the_confirmation_says_what_another_coupon_would_add_or_why_not(till: Till) -> None:
    hundred = till.give_coupon(name="折百券", stacking="stackable")
    tenth = till.give_coupon(name="9 折券", type="percent_off", value=10, stacking="stackable")
    till.give_coupon(name="獨享券", value=50)
    till.give_coupon(name="高消費券", stacking="stackable", min_spend=5_000)
    page = till.served()
    preview = till.web.get(f"{page}/confirm?amount=600&coupon={hundred}").text
    assert "加用，再折 NT$50" in preview
    assert f"coupon={hundred}&amp;coupon={tenth}" in preview
    assert "不能和其他優惠券一起使用" in preview
    assert "還差 NT$4,400" in preview


def test_an_exclusive_coupon_is_refused_by_name_beside_another(till: Till) -> None:
    alone = till.give_coupon(name="獨享券")
    other = till.give_coupon(name="折百券", stacking="stackable")
    page = till.served()
    answer = till.web.post(page, {"amount": "600", "coupon": [str(alone), str(other)]})
    assert answer.status == 409
    assert "「獨享券」：這張優惠券不能和其他優惠券一起使用。" in answer.text
    for coupon in (alone, other):
        assert f'name="coupon" value="{coupon}" checked' in answer.text
        assert till.coupon_status(coupon) == "issued"
    assert till.purchases() == []


def test_a_coupon_for_some_goods_asks_what_they_cost(till: Till) -> None:
    tea = till.give_coupon(
        name="茶葉 8 折", type="percent_off", value=20, conditions=Conditions(categories=("tea",))
    )
    page = till.served()
    assert f'name="goods_of" value="{tea}"' in till.web.get(page).text
    answer = till.web.get(f"{page}/confirm?amount=1000&coupon={tea}")
    assert answer.status == 409
    assert "「茶葉 8 折」只能折指定商品" in answer.text
    said = {"amount": "1000", "coupon": str(tea), "goods_of": str(tea), "goods": "400"}
    assert (
        "-NT$80"
        in till.web.get(f"{page}/confirm?amount=1000&coupon={tea}&goods_of={tea}&goods=400").text
    )
    assert till.web.post(page, said).status == 303
    assert till.purchases() == [(920, 0)]


def test_two_gifts_are_handed_over_together(till: Till) -> None:
    cake = till.give_coupon(name="蛋糕", type="gift", value=0, stacking="stackable")
    cup = till.give_coupon(name="杯子", type="gift", value=0, stacking="stackable")
    page = till.served()
    for _ in range(2):
        done = till.web.post(page, {"coupon": [str(cake), str(cup)]})
        assert done.location == f"{page}/done?coupon={cake}&coupon={cup}"
    shown = till.web.get(done.location).text
    assert "蛋糕" in shown
    assert "杯子" in shown
    assert till.purchases() == []


def test_too_many_coupons_are_refused(till: Till) -> None:
    chosen = [str(till.give_coupon(stacking="stackable", value=1)) for _ in range(6)]
    answer = till.web.post(till.served(), {"amount": "600", "coupon": chosen})
    assert answer.status == 409
    assert "最多使用 5 張" in answer.text


# A transaction that the database ends -------------------------------------------------------------


def ends_once(db: Database, statement: str) -> list[str]:
    """The database ends the next transaction that says so, as it does to one of two that wait for
    each other. Returns a list that holds what was ended."""
    ended: list[str] = []

    def end(
        _connection: object, _cursor: object, said: str, _values: object, *_more: object
    ) -> None:
        if said.startswith(statement) and not ended:
            ended.append(said)
            raise OperationalError(said, None, Exception("deadlock detected"))

    sa.event.listen(db.engine, "before_cursor_execute", end)
    return ended


def test_a_sale_whose_transaction_was_ended_is_done_again(till: Till) -> None:
    coupon = till.give_coupon(value=100)
    page = till.served()
    ended = ends_once(till.db, "UPDATE coupon_kinds")
    assert till.web.get(f"{page}/confirm?amount=500&coupon={coupon}").status == 200
    assert ended
    ended.clear()
    assert till.web.post(page, {"amount": "500", "coupon": str(coupon)}).status == 303
    assert ended
    assert till.purchases() == [(400, 0)]
    assert till.coupon_status(coupon) == "redeemed"


def test_a_refund_whose_transaction_was_ended_is_done_again(
    sqlite_db: Database, till: Till
) -> None:
    purchase = sold(till)
    with browser(sqlite_db) as ren:
        ren.log_in(Role.STORE_MANAGER, area="/clerk")
        ended = ends_once(till.db, "UPDATE purchases")
        assert refund(ren, purchase, "400").status == 303
        assert ended
    assert till.purchases() == [(1000, 400)]

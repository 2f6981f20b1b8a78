from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.enrolments.notice import notice
from app.members.models import Consent, Member
from app.outbox.models import OutboxRow
from app.rights import service as rights
from tests.support import loyalty
from tests.support.joining import KEN, MEI, last_code, person_of
from tests.support.liff import Phone, phone
from tests.support.times import NOW

BRAND = "小日子選物"
START = {"version": notice(BRAND).version, "phone": "0912-345-678", "terms": "true"}
BORN = {"year": "1990", "month": "5", "day": "6"}


def code_of(db: Database) -> str:
    with db.reading() as session:
        return last_code(session)


def to_birthday(line: Phone, db: Database) -> None:
    assert "已傳送至" in line.post("/liff/join/start", START).text
    assert "最後一步" in line.post("/liff/join/code", {"code": code_of(db)}).text


def join(line: Phone, db: Database) -> None:
    to_birthday(line, db)
    assert "歡迎加入" in line.post("/liff/join/finish", BORN | {"name": "王小明"}).text


def test_the_notice_and_unticked_boxes_stand_before_the_button(ken: Phone) -> None:
    page = ken.view("join").text
    for heading, words in notice(BRAND).items:
        assert heading in page
        assert words in page
    assert page.count('type="checkbox"') == 3
    assert "checked" not in page
    assert page.index("不提供資料的影響") < page.index('type="submit"')


def test_joining_from_the_notice_to_the_card(ken: Phone, shop_db: Database) -> None:
    code_page = ken.post("/liff/join/start", START | {"marketing": "true"})
    assert code_page.status == 200
    assert "0912-***-678" in code_page.text
    assert "912-345-678" not in code_page.text
    birthday_page = ken.post("/liff/join/code", {"code": code_of(shop_db)})
    assert "最後一步" in birthday_page.text
    assert 'value="肯肯"' in birthday_page.text  # LINE's name is suggested
    done = ken.post("/liff/join/finish", BORN | {"name": "王小明"})
    assert done.status == 200
    assert "王小明，歡迎加入！" in done.text
    assert ken.view("join").header("x-go") == "/liff/card"
    with shop_db.reading() as session:
        member = session.scalars(sa.select(Member)).one()
        channels = set(session.scalars(sa.select(Consent.channel)))
        welcome = session.scalars(sa.select(OutboxRow).where(OutboxRow.kind == "welcome")).one()
    assert (member.status, member.name, member.marketing_ok) == ("member", "王小明", True)
    assert channels == {"liff"}
    assert (welcome.recipient, welcome.klass) == (KEN, "service")
    assert (member.number or "?") in welcome.payload.replace(" ", "")


def test_the_last_form_sent_twice_welcomes_once(ken: Phone, shop_db: Database) -> None:
    join(ken, shop_db)
    assert "歡迎加入" in ken.post("/liff/join/finish", BORN).text
    with shop_db.reading() as session:
        count = sa.select(sa.func.count()).where(OutboxRow.kind == "welcome")
        assert session.scalar(count) == 1


def test_without_the_terms_nothing_is_sent_and_what_was_typed_stays(
    ken: Phone, shop_db: Database
) -> None:
    fields = {name: value for name, value in START.items() if name != "terms"}
    page = ken.post("/liff/join/start", fields | {"marketing": "true"})
    assert page.status == 422
    assert "請先勾選同意" in page.text
    assert 'value="0912-345-678"' in page.text
    assert page.text.count("checked") == 1
    with shop_db.reading() as session:
        assert session.scalars(sa.select(OutboxRow)).all() == []


@pytest.mark.parametrize(
    "typed", ["", "02-2345-6789", "0912", "<script>", "0" * 200, "+81 90 1234"]
)
def test_what_is_no_phone_is_refused_with_a_sentence(ken: Phone, typed: str) -> None:
    page = ken.post("/liff/join/start", START | {"phone": typed})
    assert page.status == 422
    assert "請輸入臺灣的手機號碼" in page.text
    assert "<script>" not in page.text


def test_an_old_notice_must_be_read_again(ken: Phone) -> None:
    page = ken.post("/liff/join/start", START | {"version": "2020-01.000000000000"})
    assert page.status == 422
    assert "告知事項已更新" in page.text
    assert "checked" not in page.text


def test_the_answer_does_not_tell_whether_a_phone_is_known(shop_db: Database) -> None:
    with shop_db.transaction() as session:
        loyalty.new_member(session)
        session.execute(sa.update(Member).values(phone="+886987654321"))
    answers = []
    for user, number in ((KEN, "0912345678"), (MEI, "0987654321")):
        with phone(shop_db) as line:
            line.open(user)
            page = line.post("/liff/join/start", START | {"phone": number}).text
            answers.append(page.replace("0912", "####").replace("0987", "####"))
    assert answers[0].replace("678", "###") == answers[1].replace("321", "###")


def test_a_wrong_code_counts_although_it_is_refused(ken: Phone, shop_db: Database) -> None:
    ken.post("/liff/join/start", START)
    wrong = f"{(int(code_of(shop_db)) + 1) % 1_000_000:06d}"
    for left in (4, 3, 2, 1):
        page = ken.post("/liff/join/code", {"code": wrong})
        assert page.status == 422
        assert f"再試 {left} 次" in page.text
    assert "15 分鐘" in ken.post("/liff/join/code", {"code": wrong}).text
    assert "12:15 後再試" in ken.post("/liff/join/code", {"code": code_of(shop_db)}).text


def test_a_new_code_waits_a_minute(ken: Phone, shop_db: Database) -> None:
    page = ken.post("/liff/join/start", START)
    assert 'data-wait="60"' in page.text
    assert "稍候" in ken.post("/liff/join/phone").text
    ken.watch.forward(seconds=60)
    again = ken.post("/liff/join/phone")
    assert again.status == 200
    assert "最後一步" in ken.post("/liff/join/code", {"code": code_of(shop_db)}).text


def test_the_phone_can_be_changed(ken: Phone, shop_db: Database) -> None:
    ken.post("/liff/join/start", START)
    assert "請輸入手機號碼" in ken.view("join/phone").text
    ken.watch.forward(seconds=60)
    refused = ken.post("/liff/join/phone", {"phone": "0800123456"})
    assert 'value="0800123456"' in refused.text
    assert "0987-***-321" in ken.post("/liff/join/phone", {"phone": "0987654321"}).text


def test_closing_the_page_loses_nothing(ken: Phone, shop_db: Database) -> None:
    ken.post("/liff/join/start", START)
    assert "請輸入簡訊驗證碼" in ken.view("join").text
    ken.post("/liff/join/code", {"code": code_of(shop_db)})
    ken.watch.forward(hours=10)
    ken.open()
    assert "最後一步" in ken.view("join").text
    ken.watch.forward(hours=14)
    ken.open(MEI)
    ken.open(KEN)
    assert "一分鐘加入會員" in ken.view("join").text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "請選擇正確的出生年月日"),
        ({"year": "2025", "month": "2", "day": "30"}, "請選擇正確的出生年月日"),
        ({"year": "2030", "month": "1", "day": "1"}, "請選擇正確的出生年月日"),
        ({"year": "1800", "month": "1", "day": "1"}, "請選擇正確的出生年月日"),
        ({"year": "x", "month": "1", "day": "1"}, "請選擇正確的出生年月日"),
        ({"year": "2022", "month": "1", "day": "1"}, "未滿 7 歲"),
        (BORN | {"name": "王1"}, "姓名請輸入"),
        (BORN | {"name": "😀😀"}, "姓名請輸入"),
        (BORN | {"guardian_name": "王大明"}, "法定代理人的手機"),
        (BORN | {"guardian_name": "王", "guardian_phone": "0912345678"}, "法定代理人的姓名"),
    ],
)
def test_a_refused_birthday_form_says_why(
    ken: Phone, shop_db: Database, fields: dict[str, str], sentence: str
) -> None:
    to_birthday(ken, shop_db)
    page = ken.post("/liff/join/finish", fields)
    assert page.status == 422
    assert sentence in page.text
    with shop_db.reading() as session:
        assert not person_of(session, KEN).is_member


def test_a_minor_is_asked_for_a_guardian(ken: Phone, shop_db: Database) -> None:
    to_birthday(ken, shop_db)
    young = {"year": "2012", "month": "1", "day": "1"}
    page = ken.post("/liff/join/finish", young)
    assert "data-guardian>" in page.text
    assert 'value="2012" selected' in page.text
    guardian = {"guardian_name": "王大明", "guardian_phone": "0987654321"}
    assert "歡迎加入" in ken.post("/liff/join/finish", young | guardian).text


def test_steps_out_of_order_lead_back_to_the_beginning(ken: Phone) -> None:
    assert ken.post("/liff/join/code", {"code": "123456"}).header("x-go") == "/liff/join"
    assert ken.post("/liff/join/phone", {"phone": "0912345678"}).header("x-go") == "/liff/join"
    assert ken.post("/liff/join/finish", BORN).header("x-go") == "/liff/join"


def test_beginning_anew_forgets_what_was_typed(ken: Phone) -> None:
    ken.post("/liff/join/start", START)
    assert "一分鐘加入會員" in ken.post("/liff/join/cancel").text
    assert "一分鐘加入會員" in ken.view("join").text


def test_whoever_is_leaving_sees_the_way_back(ken: Phone, shop_db: Database) -> None:
    join(ken, shop_db)
    with shop_db.transaction() as session:
        member = person_of(session, KEN)
        rights.close(session, member_id=member.id, channel="liff", now=NOW)
    assert "復原我的會員" in ken.view("join").text
    assert ken.post("/liff/centre/reopen").header("x-go") == "/liff/card"
    assert ken.view("card").status == 200


def test_where_they_came_from_is_kept(ken: Phone, shop_db: Database) -> None:
    ken.post("/liff/join/start", START | {"source": "poster-xinyi"})
    ken.post("/liff/join/code", {"code": code_of(shop_db)})
    ken.post("/liff/join/finish", BORN)
    with shop_db.reading() as session:
        assert session.scalar(sa.select(Member.join_source)) == "poster-xinyi"


def test_a_membership_of_another_line_account_moves_here(shop_db: Database) -> None:
    with phone(shop_db) as first:
        first.open(KEN)
        join(first, shop_db)
    with phone(shop_db) as second:
        second.open(MEI)
        second.watch.now = NOW + timedelta(minutes=2)
        to_birthday(second, shop_db)
        assert "保留原有的點數與等級" in second.post("/liff/join/finish", BORN).text
    with phone(shop_db) as first:
        first.open(KEN)
        assert first.view("card").header("x-go") == "/liff/join"

"""The pages on which a marketer writes to many, and the links of their letters."""

import io
import json
import re

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from PIL import Image
from starlette.testclient import TestClient

from app.campaigns import messages, queries, rules, service
from app.campaigns.models import RECIPIENTS
from app.campaigns.rules.letters import of_card
from app.core.db import Database
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.outbox.models import OutboxRow
from app.referrals import service as referrals
from app.segments import service as segments
from app.segments.rules import Condition, Group
from app.staff.models import AuditEntry
from app.staff.rules import Role
from app.web import pictures
from tests.app.campaigns.brand import LETTER, advance
from tests.support.loyalty import publish
from tests.support.people import bought, regular
from tests.support.staffing import Shop
from tests.support.times import NOW
from tests.support.web import SAME_ORIGIN, Browser, Page

KEY = "test-secret-key"
FORM = {
    "name": "夏茶",
    "audience": "",
    "m0-kind": "card",
    "m0-title": "夏茶上市",
    "m0-body": "{姓名}您好，\r\n今年的夏茶到了。",
    "m0-coupon": "",
    "m0-label": "看門市",
    "m0-place": "stores",
    "m0-url": "",
    "topic": "news",
}


@pytest.fixture
def marketer(sqlite_db: Database, visitor: Browser, shop: Shop) -> Browser:
    with sqlite_db.transaction() as session:
        publish(session)
        draft = KindDraft("summer", "夏日券", "amount_off", 50, valid_days=9)
        coupons.create_kind(session, draft=draft, now=NOW)
    visitor.log_in(Role.MARKETER)
    return visitor


def newest(db: Database) -> queries.BroadcastShown:
    with db.reading() as session:
        return queries.broadcasts(session, limit=1)[0]


def test_a_letter_from_the_first_word_to_its_result(
    sqlite_db: Database, marketer: Browser, shop: Shop
) -> None:
    with sqlite_db.transaction() as session:
        hana, ken = regular(session, name="陳花"), regular(session, name="林肯")
        regular(session, is_friend=False)
        bought(session, hana, 500, store_id=shop.store_id)
        segment = segments.create(
            session,
            name="買過的",
            tree=Group("all", (Condition("purchases", at_least=1),)),
            now=NOW,
        )
    assert "還沒有寄過群發" in marketer.get("/console/broadcasts").text
    assert "買過的" in marketer.get("/console/broadcasts/new").text
    drawn = marketer.post("/console/broadcasts/draft", FORM | {"m0-coupon": "summer"}).text
    for words in ("陳怡君您好，", "夏茶上市", "夏日券", "停止行銷訊息"):
        assert words in drawn

    kept = marketer.post("/console/broadcasts", FORM | {"audience": str(segment)})
    assert (kept.status, kept.location) == (303, "/console/broadcasts/1")
    letter = newest(sqlite_db).letter
    assert letter.parts[0].body == "{姓名}您好，\n今年的夏茶到了。"
    sent_on = marketer.post(
        "/console/broadcasts/1",
        FORM | {"audience": str(segment), "m0-coupon": "summer", "then": "send"},
    )
    assert sent_on.location == "/console/broadcasts/1/send"
    asked = marketer.get("/console/broadcasts/1/send").text
    for words in ("消費筆數 至少 1 筆", "1 <small>人會收到", "每個人會另外收到一張優惠券"):
        assert words in asked

    planned = marketer.post("/console/broadcasts/1/plan", {"when": "now"})
    assert planned.location == "/console/broadcasts/1"
    assert marketer.post("/console/broadcasts/1/plan", {"when": "now"}).status == 303  # twice
    assert "已排程" in marketer.get("/console/broadcasts/1").text
    assert marketer.get("/console/broadcasts/1/send").status == 303
    advance(sqlite_db, NOW)
    advance(sqlite_db, NOW)
    result = marketer.get("/console/broadcasts/1").text
    for words in ("已完成", "已處理 1/1 人", "等待中 1", "已發出", "滿七天再看有沒有差別"):
        assert words in result
    assert "已完成" in marketer.get("/console/broadcasts").text
    marketer.watch.forward(days=7)
    marketer.log_in(Role.MARKETER)
    assert "各要有 30 人以上" in marketer.get("/console/broadcasts/1").text
    with sqlite_db.transaction() as session:
        session.execute(sa.update(OutboxRow).values(status="sent"))
    assert "再寄給沒按的 1 人" in marketer.get("/console/broadcasts/1").text
    again = marketer.post("/console/broadcasts/1/again")
    assert again.location == "/console/broadcasts/2"
    page = marketer.get("/console/broadcasts/2").text
    assert "收到「夏茶」而沒按的人" in page
    marketer.post("/console/broadcasts/2", FORM | {"audience": "unpressed:1", "name": "再來"})
    assert newest(sqlite_db).unpressed_of == 1
    assert "1 <small>人會收到" in marketer.get("/console/broadcasts/2/send").text
    assert marketer.post("/console/broadcasts/2/again").status == 409
    readers = marketer.get("/console/broadcasts/1/readers").text
    assert "陳花" in readers
    assert "林肯" not in readers
    assert marketer.get("/console/broadcasts/1/readers?status=dropped").status == 200
    assert marketer.get("/console/broadcasts/1/readers?status=nonsense").status == 404
    with sqlite_db.reading() as session:
        said = session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
        assert [word for word in said if word.startswith("broadcast")] == [
            "broadcast.saved",
            "broadcast.saved",
            "broadcast.planned",
            "broadcast.saved",
            "broadcast.saved",
        ]
        assert ken not in session.scalars(sa.select(RECIPIENTS.c.member_id)).all()
    member = marketer.get(f"/console/members/{hana}").text
    assert "群發" in member


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"m0-title": ""}, "請填寫標題"),
        ({"m0-body": "{生日}快樂"}, "沒有「生日」這個欄位"),
        ({"m0-place": "url", "m0-url": "http://x"}, "網址須以 https:// 開頭"),
        ({"m0-coupon": "gone"}, "這種優惠券已停止發放"),
        ({"m0-label": "字" * 30}, "按鈕文字最多 20 個字"),
    ],
)
def test_what_is_missing_is_said_beside_its_field_and_nothing_typed_is_lost(
    sqlite_db: Database, marketer: Browser, fields: dict[str, str], words: str
) -> None:
    page = marketer.post("/console/broadcasts", FORM | fields | {"then": "send"})
    assert page.status == 422
    assert words in page.text
    assert 'value="夏茶"' in page.text
    with sqlite_db.reading() as session:
        assert queries.broadcasts(session, limit=1) == []
    kept = marketer.post("/console/broadcasts", FORM | fields)  # as a draft it may stay so
    assert kept.status == 303
    assert marketer.get("/console/broadcasts/1").status == 200
    assert marketer.get("/console/broadcasts/1/send").status == 200
    refused = marketer.post("/console/broadcasts/1/plan", {"when": "now"})
    assert (refused.status, words in refused.text) == (422, True)


@pytest.mark.parametrize(
    "audience", ["99", "x", "9" * 30, "²", "unpressed:", "unpressed:9", "unpressed:x"]
)
def test_an_audience_that_is_not_there_is_refused(marketer: Browser, audience: str) -> None:
    page = marketer.post("/console/broadcasts", FORM | {"audience": audience})
    assert page.status in (404, 422)


def test_a_name_is_needed(marketer: Browser) -> None:
    page = marketer.post("/console/broadcasts", FORM | {"name": " "})
    assert (page.status, "名稱須為" in page.text) == (422, True)


def test_what_was_typed_is_shown_and_never_run(marketer: Browser) -> None:
    evil = '"><script>alert(1)</script>'
    form = FORM | {
        "name": evil,
        "m0-title": evil,
        "m0-body": evil,
        "m0-label": evil,
        "m0-url": evil,
    }
    for page in (
        marketer.post("/console/broadcasts/draft", form),
        marketer.post("/console/broadcasts", form | {"m0-label": "好", "m0-place": "card"}),
        marketer.get("/console/broadcasts/1"),
        marketer.get("/console/broadcasts/1/send"),
        marketer.get("/console/broadcasts"),
    ):
        assert page.status in (200, 303)
        assert "<script>alert" not in page.text


def test_it_is_sent_when_the_marketer_said(sqlite_db: Database, marketer: Browser) -> None:
    marketer.post("/console/broadcasts", FORM)
    for typed, words in (
        ("", "請選擇日期與時間"),
        ("someday", "請選擇日期與時間"),
        ("2026-07-04T11:59", "這個時間已經過了"),
        ("2028-01-01T12:00", "最多排到一年後"),
    ):
        page = marketer.post("/console/broadcasts/1/plan", {"when": "later", "send_at": typed})
        assert (page.status, words in page.text) == (422, True)
    good = {"when": "later", "send_at": "2026-07-05T18:30"}
    assert marketer.post("/console/broadcasts/1/plan", good).status == 303
    assert "2026/07/05 18:30 開始" in marketer.get("/console/broadcasts/1").text
    assert marketer.post("/console/broadcasts/1", FORM).status == 409
    marketer.post("/console/broadcasts/1/unplan")
    assert newest(sqlite_db).status == rules.DRAFT
    assert marketer.post("/console/broadcasts/1/remove").status == 303
    assert marketer.get("/console/broadcasts/1").status == 404


def test_it_can_be_paused_and_cancelled(sqlite_db: Database, marketer: Browser) -> None:
    with sqlite_db.transaction() as session:
        regular(session)
    marketer.post("/console/broadcasts", FORM)
    marketer.post("/console/broadcasts/1/plan", {"when": "now"})
    marketer.post("/console/broadcasts/1/pause")  # too early: the page says how it stands
    assert newest(sqlite_db).status == rules.DUE
    with sqlite_db.transaction() as session:
        service._move(session, 1, (rules.DUE,), status=rules.SENDING, started_at=NOW)
    marketer.post("/console/broadcasts/1/pause")
    assert "繼續寄" in marketer.get("/console/broadcasts/1").text
    marketer.post("/console/broadcasts/1/resume")
    assert "暫停" in marketer.get("/console/broadcasts/1/live").text
    marketer.post("/console/broadcasts/1/cancel")
    assert newest(sqlite_db).status == rules.CANCELLED
    assert marketer.post("/console/broadcasts/1/explode").status == 404
    assert marketer.post("/console/broadcasts/7/cancel").status == 404


def test_a_trial_goes_to_the_team_only(sqlite_db: Database, marketer: Browser, shop: Shop) -> None:
    with sqlite_db.transaction() as session:
        regular(session, phone="+886911111111", name="客人")
        tester = regular(session, phone="+886922222222", name="同事")
        gone = regular(session, phone="+886933333333", is_test=True, is_friend=False)
        referrals.link_staff(session, staff_id=shop.staff[Role.MARKETER], member_id=tester, now=NOW)
    marketer.post("/console/broadcasts", FORM | {"m0-coupon": "summer"})
    for typed, words in (
        ("0911111111", "找不到這位測試人員"),
        ("", "找不到這位測試人員"),
        ("0933333333", "收不到訊息"),
    ):
        page = marketer.post("/console/broadcasts/1/test", {"who": typed})
        assert (page.status, words in page.text) == (422, True)
    assert "已試寄給同事" in marketer.post("/console/broadcasts/1/test", {"who": "0922222222"}).text
    with sqlite_db.reading() as session:
        row = session.execute(sa.select(OutboxRow.member_id, OutboxRow.payload)).one()
        assert row.member_id == tester
        assert "【測試】夏茶上市" in row.payload
        assert json.loads(row.payload)[0]["type"] == "flex"
        assert session.scalar(sa.select(sa.func.count()).select_from(RECIPIENTS)) == 0
        assert gone != tester


def test_only_who_reaches_members_sees_broadcasts(visitor: Browser) -> None:
    visitor.log_in(Role.ANALYST)
    assert visitor.get("/console/broadcasts").status == 403
    assert visitor.post("/console/broadcasts", FORM).status == 403
    assert "群發" not in visitor.get("/console").text


def test_many_pages_are_turned(sqlite_db: Database, marketer: Browser) -> None:
    with sqlite_db.transaction() as session:
        for number in range(33):
            service.create(
                session,
                name=f"第 {number} 封",
                segment_id=None,
                letter=LETTER,
                staff_id=None,
                now=NOW,
            )
    first = marketer.get("/console/broadcasts").text
    assert "第 32 封" in first
    assert "第 2 封" not in first
    assert "第 2 封" in marketer.get("/console/broadcasts?before=4").text


# Links --------------------------------------------------------------------------------------------


@pytest.fixture
def linked(sqlite_db: Database, shop: Shop) -> tuple[str, int]:
    """A broadcast with an address, and who got it."""
    letter = of_card("夏茶", "來看", label="看", place="url", url="https://tea.example.tw/a")
    with sqlite_db.transaction() as session:
        publish(session)
        hana = regular(session)
        number = service.create(
            session, name="夏茶", segment_id=None, letter=letter, staff_id=None, now=NOW
        )
        service.plan(session, broadcast_id=number, send_at=NOW, now=NOW)
    advance(sqlite_db, NOW)
    return messages.ref_of(number), hana


def clicked(db: Database) -> list[object]:
    with db.reading() as session:
        return list(session.scalars(sa.select(RECIPIENTS.c.clicked_at)))


def test_a_link_counts_its_reader_once_and_leads_on(
    sqlite_db: Database, visitor: Browser, linked: tuple[str, int]
) -> None:
    token = messages.token(KEY, *linked)
    for agent in ("facebookexternalhit/1.1;line-poker/1.0", "Googlebot/2.1", "curl/8"):
        page = visitor.get(f"/b/{token}", **{"user-agent": agent})
        assert (page.status, page.location) == (302, "https://tea.example.tw/a")
    visitor.get(f"/b/{token}", **{"user-agent": "Safari Line/14", "sec-purpose": "prefetch"})
    assert clicked(sqlite_db) == [None]
    for minutes in (0, 5):
        visitor.watch.forward(minutes=minutes)
        page = visitor.get(f"/b/{token}", **{"user-agent": "Safari Line/14.1"})
        assert (page.status, page.location) == (302, "https://tea.example.tw/a")
    assert clicked(sqlite_db) == [NOW]


@pytest.mark.parametrize("token", ["1.2.3", "x", "1.2." + "0" * 16])
def test_a_link_we_did_not_make_leads_nowhere(
    visitor: Browser, linked: tuple[str, int], token: str
) -> None:
    assert visitor.get(f"/b/{token}").status == 404
    assert visitor.get(f"/b/{messages.token('other key', *linked)}").status == 404


# Several messages ---------------------------------------------------------------------------------


def picture() -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", (600, 400), "teal").save(packed, "PNG")
    return packed.getvalue()


def upload(marketer: Browser, fields: dict[str, str], content: bytes, number: int = 1) -> Page:
    form = {"form_token": marketer.form_token(), **fields}
    files = {f"m{number}-file": ("poster.png", content, "image/png")}
    return Page(
        marketer.http.post("/console/broadcasts", data=form, files=files, headers=SAME_ORIGIN)
    )


TWO: dict[str, str] = {**FORM, "m1-kind": "picture", "m1-title": "海報", "m1-place": ""}


def test_messages_are_added_moved_and_taken_away_and_nothing_is_kept_yet(
    sqlite_db: Database, marketer: Browser
) -> None:
    page = marketer.post("/console/broadcasts", FORM | {"do": "add:text"})
    assert page.status == 200
    assert 'name="m1-kind" value="text"' in page.text
    assert "第 2 則・文字" in page.text
    assert "{姓名}您好，\n今年的夏茶到了。" in page.text
    two = FORM | {"m1-kind": "text", "m1-body": "先說一聲"}
    moved = marketer.post("/console/broadcasts", two | {"do": "up:1"}).text
    assert moved.index("先說一聲") < moved.index("夏茶上市")
    alone = marketer.post("/console/broadcasts", two | {"do": "drop:0"}).text
    assert "先說一聲" in alone
    assert "夏茶上市" not in alone
    quick = marketer.post("/console/broadcasts", FORM | {"do": "quick"}).text
    assert 'name="q0-label"' in quick
    with sqlite_db.reading() as session:
        assert queries.broadcasts(session, limit=1) == []


@pytest.mark.parametrize(
    "do", ["up:0", "down:9", "drop:x", "add:moon", "dance", "unquick:7", "up:"]
)
def test_an_order_nobody_gave_does_nothing(marketer: Browser, do: str) -> None:
    page = marketer.post("/console/broadcasts", FORM | {"do": do})
    assert page.status == 200
    assert "夏茶上市" in page.text
    assert 'name="m1-kind"' not in page.text


def test_a_sixth_message_is_not_added(marketer: Browser) -> None:
    five = FORM | {f"m{n}-kind": "text" for n in range(1, 5)}
    page = marketer.post("/console/broadcasts", five | {"do": "add:text"})
    assert 'name="m5-kind"' not in page.text
    assert "一封信最多 5 則" in page.text
    refused = marketer.post("/console/broadcasts", five | {"m5-kind": "text", "then": "send"})
    assert "一封信最多 5 則訊息" in refused.text


def test_a_picture_is_put_on_shown_and_served(sqlite_db: Database, marketer: Browser) -> None:
    shown = upload(marketer, TWO | {"do": "upload"}, picture())
    found = re.search(r'name="m1-picture" value="([0-9a-f]{64})"', shown.text)
    assert found, shown.text
    site = FastAPI()
    site.state.db = sqlite_db
    site.include_router(pictures.router)
    phone = TestClient(site)  # without a log-in, as LINE fetches it
    small = phone.get(f"/pictures/letter/{found[1]}-small.jpg")
    assert (small.status_code, small.headers["content-type"]) == (200, "image/jpeg")
    assert "immutable" in small.headers["cache-control"]
    large = phone.get(f"/pictures/letter/{found[1]}.jpg")
    assert large.content[:2] == b"\xff\xd8"
    for name in (f"{found[1]}.png", f"{'0' * 64}.jpg", "nonsense", f"{found[1][:-1]}G.jpg"):
        assert phone.get(f"/pictures/letter/{name}").status_code == 404
    # The site of this test has no https, and LINE fetches pictures over nothing else.
    form = TWO | {"m1-picture": found[1]}
    refused = marketer.post("/console/broadcasts", form | {"then": "send"})
    assert (refused.status, "圖片要從 https 網址提供" in refused.text) == (422, True)
    assert marketer.post("/console/broadcasts", form).location == "/console/broadcasts/1"
    letter = newest(sqlite_db).letter
    assert [part.kind for part in letter.parts] == ["card", "picture"]
    assert letter.topic == "news"


def test_what_is_no_picture_is_said_with_its_number_and_nothing_is_lost(marketer: Browser) -> None:
    page = upload(marketer, TWO | {"then": "keep"}, b"GIF89a")
    assert page.status == 422
    assert "第 2 則：這不是可以用的圖片" in page.text
    assert "夏茶上市" in page.text


def test_what_is_still_missing_is_said_while_somebody_writes(marketer: Browser) -> None:
    drawn = marketer.post("/console/broadcasts/draft", TWO).text
    assert "第 2 則：請選一張圖片" in drawn
    ready = marketer.post("/console/broadcasts/draft", FORM).text
    assert "LINE 收得下" in ready


# When, and how far --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "pace", "most"),
    [
        ({}, "at_once", None),
        ({"pace": "staggered", "hours": "3"}, "staggered", None),
        ({"pace": "best_hour", "most": "1,000"}, "best_hour", 1_000),
        ({"most": "200", "most_of": "money"}, "at_once", 7_000),  # 6,000 are free
    ],
)
def test_it_is_planned_at_a_pace_and_with_a_limit(
    sqlite_db: Database, marketer: Browser, how: dict[str, str], pace: str, most: int | None
) -> None:
    marketer.post("/console/broadcasts", FORM)
    assert marketer.post("/console/broadcasts/1/plan", {"when": "now"} | how).status == 303
    found = newest(sqlite_db)
    assert (found.status, found.pace, found.most) == (rules.DUE, pace, most)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"pace": "staggered", "hours": "99"}, "請填 2–12 小時"),
        ({"pace": "nonsense"}, "請選擇怎麼寄"),
        ({"most": "many"}, "請填數字"),
        ({"most": "0"}, "請填 1–"),
    ],
)
def test_an_odd_plan_is_refused_and_what_was_chosen_stays(
    marketer: Browser, how: dict[str, str], words: str
) -> None:
    marketer.post("/console/broadcasts", FORM)
    typed = {"when": "later", "send_at": "2026-12-24T18:00"} | how
    page = marketer.post("/console/broadcasts/1/plan", typed)
    assert page.status == 422
    assert words in page.text
    assert 'value="2026-12-24T18:00"' in page.text


def test_what_stopped_at_its_limit_goes_on_as_far_as_is_said(
    sqlite_db: Database, marketer: Browser
) -> None:
    with sqlite_db.transaction() as session:
        for _ in range(4):
            regular(session)
    marketer.post("/console/broadcasts", FORM)
    marketer.post("/console/broadcasts/1/plan", {"when": "now", "most": "1"})
    advance(sqlite_db, NOW)
    assert "已到您設定的 1 則" in marketer.get("/console/broadcasts/1").text
    assert marketer.post("/console/broadcasts/1/resume", {"more": "none"}).status == 422
    marketer.post("/console/broadcasts/1/resume", {"more": "2"})
    advance(sqlite_db, NOW)
    assert "已到您設定的 3 則" in marketer.get("/console/broadcasts/1").text
    marketer.post("/console/broadcasts/1/resume")
    advance(sqlite_db, NOW)
    assert "已完成" in marketer.get("/console/broadcasts/1").text

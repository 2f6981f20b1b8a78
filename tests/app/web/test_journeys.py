"""The pages on which a marketer writes a journey, starts it and sees how it goes."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.core.errors import Invalid
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.journeys import queries, rules
from app.journeys.models import RUNS
from app.journeys.rules import Plan
from app.segments import service as segments
from app.segments.rules import Condition, Group
from app.staff.models import AuditEntry
from app.staff.rules import Role
from app.tags import service as tags
from app.web.console import letters
from tests.app.journeys.brand import tick
from tests.support.loyalty import publish
from tests.support.people import bought, regular
from tests.support.staffing import Shop
from tests.support.times import NOW
from tests.support.web import Browser

SETTINGS = {
    "name": "回訪",
    "fact": "purchase.recorded",
    "who": "",
    "hour": "11",
    "again": "once",
    "leave": "",
    "hold_out": "0",
    "goal_days": "30",
}
LETTER = {
    "kind": "letter",
    "m0-kind": "card",
    "m0-title": "還順手嗎",
    "m0-body": "{姓名}您好。",
    "m0-coupon": "",
    "m0-label": "看門市",
    "m0-place": "stores",
    "m0-url": "",
}
ONE = "/console/journeys/1"


@pytest.fixture
def marketer(sqlite_db: Database, visitor: Browser, shop: Shop) -> Browser:
    with sqlite_db.transaction() as session:
        publish(session)
        draft = KindDraft("summer", "夏日券", "amount_off", 50, valid_days=9)
        coupons.create_kind(session, draft=draft, now=NOW)
        tags.make(session, name="常客", now=NOW)
        segments.create(
            session,
            name="買過的",
            tree=Group("all", (Condition("purchases", at_least=1),)),
            now=NOW,
        )
    visitor.log_in(Role.MARKETER)
    return visitor


def plan_of(db: Database, journey_id: int = 1) -> Plan:
    with db.reading() as session:
        return queries.journey(session, journey_id).draft


def codes(db: Database) -> list[str]:
    return [step.code for step in rules.each(plan_of(db).steps)]


def test_a_journey_from_nothing_to_its_numbers(
    sqlite_db: Database, marketer: Browser, shop: Shop
) -> None:
    assert "還沒有旅程" in marketer.get("/console/journeys").text
    made = marketer.post("/console/journeys")
    assert (made.status, made.location) == (303, f"{ONE}/settings")
    page = marketer.get(ONE).text
    for words in ("請選擇哪個分眾的會員進入旅程", "旅程還沒有任何步驟", "還差 2 個地方"):
        assert words in page
    refused = marketer.post(f"{ONE}/publish")
    assert refused.status == 422
    assert "請選擇哪個分眾" in refused.text

    saved = marketer.post(f"{ONE}/settings", SETTINGS | {"stops_on_purchase": "yes"})
    assert saved.location == ONE
    assert "會員消費時；每人一次" in marketer.get(ONE).text
    assert "還順手嗎" in marketer.post(f"{ONE}/steps/look", LETTER).text
    form = marketer.get(f"{ONE}/steps/new?kind=letter").text
    assert "先存著，等一下再寫" in form
    assert marketer.post(f"{ONE}/steps", LETTER).location == f"{ONE}#plan"
    wait = {"kind": "wait", "after": "s1", "days": "3", "hour": "11"}
    marketer.post(f"{ONE}/steps", wait)
    marketer.post(f"{ONE}/steps", {"kind": "points", "after": "s2", "points": "20"})
    page = marketer.get(ONE).text
    for words in ("寄信「還順手嗎」", "等 3 天，到那天 11:00", "送 20 點", "發布第 1 版"):
        assert words in page
    assert marketer.post(f"{ONE}/publish").location == ONE
    assert marketer.post(f"{ONE}/publish").location == ONE  # twice

    with sqlite_db.transaction() as session:
        hana = regular(session, name="陳花")
        bought(session, hana, 500, store_id=shop.store_id)
    tick(sqlite_db, NOW + timedelta(seconds=5))
    page = marketer.get(ONE).text
    for words in ("進行中", "寄出 1", "現在 1 人", "走旅程的人", "各要有 30 人以上"):
        assert words in page
    assert f"{ONE}" in marketer.get("/console/journeys").text
    inside = marketer.get(f"{ONE}/people?status=going&step=s2").text
    for words in ("陳花", "等 3 天，到那天 11:00", "第 "):
        assert words in inside
    assert "沒有人" in marketer.get(f"{ONE}/people?status=left").text
    with sqlite_db.reading() as session:
        actions = session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert [a for a in actions if a.startswith("journey")] == [
        "journey.saved",
        "journey.saved",
        *["journey.saved"] * 3,
        "journey.published",
        "journey.published",
    ]


def test_a_letter_that_line_would_not_take_keeps_a_journey_from_being_published(
    sqlite_db: Database, marketer: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    marketer.post("/console/journeys", {"ready": next(iter(rules.READY))})

    def refuse(*_: object) -> None:
        raise Invalid("parts", "LINE 不收這封信")

    monkeypatch.setattr(letters, "check", refuse)
    answer = marketer.post(f"{ONE}/publish")
    assert answer.status == 422
    assert "LINE 不收這封信" in answer.text
    with sqlite_db.reading() as session:
        assert queries.journey(session, 1).version == 0


@pytest.mark.parametrize("ready", rules.READY)
def test_what_is_ready_can_be_published(sqlite_db: Database, marketer: Browser, ready: str) -> None:
    made = marketer.post("/console/journeys", {"ready": ready})
    assert made.location == ONE
    again = marketer.post("/console/journeys", {"ready": ready})
    assert again.location == "/console/journeys/2"
    page = marketer.get(ONE).text
    assert rules.READY[ready].name in page
    assert "還差" not in page
    if not rules.READY[ready].plan.entry.fact:
        assert "人" in marketer.get(f"{ONE}/size").text
    assert marketer.post(f"{ONE}/publish").status == 303
    with sqlite_db.reading() as session:
        assert queries.journey(session, 1).status == "running"


def test_what_nobody_offers_is_not_found(marketer: Browser) -> None:
    assert marketer.post("/console/journeys", {"ready": "moon"}).status == 404
    marketer.post("/console/journeys")
    for path in (
        f"{ONE}/steps/new?kind=moon",
        f"{ONE}/steps/s9",
        f"{ONE}/people?status=moon",
        f"{ONE}/size",
        "/console/journeys/9",
        "/console/journeys/9/settings",
        "/console/journeys/9/people",
    ):
        assert marketer.get(path).status == 404, path
    for path, form in (
        (f"{ONE}/state/moon", {}),
        (f"{ONE}/steps/s1/sideways", {}),
        (f"{ONE}/steps", {"kind": "moon"}),
        (f"{ONE}/steps/s9", LETTER),
        (f"{ONE}/restore", {"number": "3"}),
        (f"{ONE}/restore", {"number": "1000000"}),
        ("/console/journeys/9/publish", {}),
        ("/console/journeys/9/state/pause", {}),
        ("/console/journeys/9/remove", {}),
    ):
        assert marketer.post(path, form).status == 404, path


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"name": " "}, "名稱須為 1–40 個字"),
        ({"fact": "", "who": ""}, "請選擇哪個分眾的會員進入旅程"),
        ({"fact": "moon"}, "請選擇什麼時候進入旅程"),
        ({"hold_out": "51"}, "對照組須為 0–50%"),
        ({"hold_out": "x"}, "對照組須為 0–50%"),
        ({"goal_days": ""}, "成效天數須為 1–365 天"),
        ({"goal_days": "9999999"}, "成效天數須為 1–365 天"),
        ({"fact": "", "who": "1", "again": "0"}, "再次進入至少隔 1 天"),
        ({"hour": "99"}, "每天進入的時間須為 0–23 點"),
    ],
)
def test_wrong_settings_are_said_and_nothing_typed_is_lost(
    sqlite_db: Database, marketer: Browser, changed: dict[str, str], says: str
) -> None:
    marketer.post("/console/journeys")
    before = plan_of(sqlite_db)
    page = marketer.post(f"{ONE}/settings", SETTINGS | {"leave": "1"} | changed)
    assert page.status == 422
    assert says in page.text
    assert '<option value="1" selected>買過的' in page.text
    assert plan_of(sqlite_db) == before


@pytest.mark.parametrize(
    ("form", "says"),
    [
        (LETTER | {"m0-title": ""}, "請填寫標題"),
        (LETTER | {"m0-coupon": "gone"}, "這種優惠券已停止發放"),
        ({"kind": "coupon"}, "請選擇優惠券"),
        ({"kind": "points", "points": "0"}, "點數須為 1–10,000"),
        ({"kind": "points", "points": "many"}, "點數須為 1–10,000"),
        ({"kind": "tag", "tag": "99"}, "這個標籤已刪除"),
        ({"kind": "wait", "days": "0", "hour": ""}, "請填 1–365 天"),
        ({"kind": "wait", "days": "²"}, "請填 1–365 天"),
        ({"kind": "until", "days": "0", "fact": "moon"}, "請選擇要等會員做什麼"),
        ({"kind": "check", "who": "77"}, "這個分眾已刪除"),
        ({"kind": "split", "percent": "100"}, "A 組須為 1–99%"),
    ],
)
def test_a_wrong_step_is_said_and_not_put_in(
    sqlite_db: Database, marketer: Browser, form: dict[str, str], says: str
) -> None:
    marketer.post("/console/journeys")
    page = marketer.post(f"{ONE}/steps", form)
    assert page.status == 422
    assert says in page.text
    assert codes(sqlite_db) == []


def test_every_kind_of_step_is_put_in_changed_and_moved(
    sqlite_db: Database, marketer: Browser
) -> None:
    marketer.post("/console/journeys")
    for form in (
        {"kind": "coupon", "coupon": "summer"},
        {"kind": "tag", "tag": "1", "does": "off", "after": "s1"},
        {"kind": "until", "fact": "coupon.redeemed", "days": "9", "after": "s2"},
        {"kind": "check", "who": "1", "inside": "s3", "branch": "1"},
        {"kind": "split", "percent": "30", "inside": "s4", "branch": "0"},
        {"kind": "points", "points": "5", "inside": "s5", "branch": "0"},
    ):
        for asked in ("kind", "after", "inside", "branch"):
            form.setdefault(asked, "0" if asked == "branch" else "")
        where = "&".join(f"{name}={form[name]}" for name in ("kind", "after", "inside", "branch"))
        assert marketer.get(f"{ONE}/steps/new?{where}").status == 200
        assert marketer.post(f"{ONE}/steps", form).status == 303
    assert codes(sqlite_db) == ["s1", "s2", "s3", "s4", "s5", "s6"]
    page = marketer.get(ONE).text
    for words in (
        "給「夏日券」",
        "撕掉標籤「常客」",
        "等會員使用優惠券，最多 9 天",
        "是不是「買過的」",
        "隨機分兩組：30% 與 70%",
        "時間到了還沒做",
    ):
        assert words in page
    for code in codes(sqlite_db):
        assert marketer.get(f"{ONE}/steps/{code}").status == 200
    marketer.post(f"{ONE}/steps/s6", {"points": "50"})
    found = rules.find(plan_of(sqlite_db), "s6")
    assert found is not None
    assert found.points == 50
    marketer.post(f"{ONE}/steps/s2/up")
    assert codes(sqlite_db)[:2] == ["s2", "s1"]
    marketer.post(f"{ONE}/steps/s2/down")
    marketer.post(f"{ONE}/steps/s4/drop")
    assert codes(sqlite_db) == ["s1", "s2", "s3"]


def test_a_letter_may_be_kept_unfinished(sqlite_db: Database, marketer: Browser) -> None:
    marketer.post("/console/journeys")
    kept = marketer.post(f"{ONE}/steps", LETTER | {"m0-body": "", "then": "keep"})
    assert kept.status == 303
    assert codes(sqlite_db) == ["s1"]
    assert "請填寫內文" in marketer.get(ONE).text


def test_stopping_going_on_and_going_back(sqlite_db: Database, marketer: Browser) -> None:
    marketer.post("/console/journeys", {"ready": "upgraded"})
    marketer.post(f"{ONE}/publish")
    marketer.post(f"{ONE}/steps/s1/drop")
    page = marketer.get(ONE).text
    assert "有還沒發布的修改" in page
    marketer.post(f"{ONE}/publish")
    assert "舊的版本" in marketer.get(ONE).text
    for _twice in range(2):
        marketer.post(f"{ONE}/state/pause")
    assert "已暫停" in marketer.get(ONE).text
    marketer.post(f"{ONE}/state/resume")
    marketer.post(f"{ONE}/restore", {"number": "1"})
    assert codes(sqlite_db) == ["s1", "s2"]
    assert marketer.post(f"{ONE}/remove").location == ONE  # it was published: it stays
    marketer.post(f"{ONE}/state/end")
    page = marketer.get(ONE).text
    assert "已結束" in page
    assert "加一步" not in page
    for path in ("publish", "state/pause", "steps/s1/drop", "restore"):
        form = {"number": "1"} if path == "restore" else {}
        assert marketer.post(f"{ONE}/{path}", form).status == 303
    with sqlite_db.reading() as session:
        assert queries.journey(session, 1).status == "ended"


def test_a_segment_that_was_changed_waits_to_be_published(
    sqlite_db: Database, marketer: Browser
) -> None:
    marketer.post("/console/journeys", {"ready": "asleep"})
    marketer.post(f"{ONE}/publish")
    assert "發布第 2 版" not in marketer.get(ONE).text
    who = plan_of(sqlite_db).entry.who
    assert who is not None
    with sqlite_db.transaction() as session:
        tree = Group("all", (Condition("last_visit", at_least=200),))
        segments.revise(session, segment_id=who.segment_id, name="睡很久", tree=tree, now=NOW)
    page = marketer.get(ONE).text
    assert "分眾的條件改過了" in page
    assert "發布第 2 版" in page


def test_what_was_deleted_while_it_was_written_is_not_lost(
    sqlite_db: Database, marketer: Browser
) -> None:
    marketer.post("/console/journeys")
    marketer.post(f"{ONE}/steps", LETTER)
    marketer.post(f"{ONE}/steps/s1/drop")
    marketer.post(f"{ONE}/steps", {"kind": "points", "points": "5", "after": "s1"})
    assert codes(sqlite_db) == ["s2"]


def test_a_draft_is_thrown_away(sqlite_db: Database, marketer: Browser) -> None:
    marketer.post("/console/journeys")
    assert marketer.post(f"{ONE}/remove").location == "/console/journeys"
    assert marketer.get(ONE).status == 404


def test_who_stands_at_a_step_that_is_gone_is_still_shown(
    sqlite_db: Database, marketer: Browser, shop: Shop
) -> None:
    marketer.post("/console/journeys", {"ready": "second"})
    marketer.post(f"{ONE}/publish")
    with sqlite_db.transaction() as session:
        people = [regular(session) for _ in range(3)]
        for member_id in people:
            bought(session, member_id, 500, store_id=shop.store_id)
    tick(sqlite_db, NOW)
    marketer.post(f"{ONE}/steps/s1/drop")
    with sqlite_db.reading() as session:
        going = session.scalar(
            sa.select(sa.func.count()).where(RUNS.c.status == "going", RUNS.c.step == "s1")
        )
    assert f"{going} 人</a>，會照他們進來時的版本走完" in marketer.get(ONE).text


def test_only_who_may_reach_members(visitor: Browser, shop: Shop) -> None:
    visitor.log_in(Role.ANALYST)
    assert visitor.get("/console/journeys").status == 403
    assert visitor.post("/console/journeys").status == 403


def test_a_double_click_on_the_way_makes_two_steps_of_two_codes(
    sqlite_db: Database, marketer: Browser
) -> None:
    marketer.post("/console/journeys")
    for _twice in range(2):
        marketer.post(f"{ONE}/steps", LETTER)
    assert codes(sqlite_db) == ["s2", "s1"]

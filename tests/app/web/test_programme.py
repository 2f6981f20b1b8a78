"""The pages on which a brand reads and changes its programme."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.clock import taipei_date, taipei_midnight
from app.core.db import Database
from app.programmes import queries as programmes
from app.programmes import service as programmes_service
from app.programmes.rules import DEFAULT
from app.rulebooks import service as rulebooks
from app.rulebooks import starters as books
from app.staff.models import AuditEntry
from app.staff.rules import Role
from tests.support.people import bought, regular
from tests.support.staffing import Shop, staffed_shop
from tests.support.times import NOW
from tests.support.web import Browser, browser

SALE = "amount=1234&tier=gold&day=2026-07-04&at=12:00"


@pytest.fixture
def marketer(sqlite_db: Database, visitor: Browser, shop: Shop) -> Browser:
    with sqlite_db.transaction() as session:
        rulebooks.apply(session, books.STARTER, starts_at=NOW, actor="cli", now=NOW)
    visitor.log_in(Role.MARKETER)
    return visitor


@pytest.fixture
def owner(sqlite_db: Database, marketer: Browser) -> Iterator[Browser]:
    with browser(sqlite_db) as other:
        other.log_in(Role.OWNER)
        yield other


def form(page: str, **changes: str) -> dict[str, str]:
    """What a browser would send of the form of the programme, with some fields changed."""
    part = page[page.index('<form class="stack"') :]
    fields = dict(re.findall(r'<input[^>]*?name="([^"]+)"[^>]*?value="([^"]*)"', part))
    fields |= dict(re.findall(r'<textarea[^>]*?name="([^"]+)"[^>]*>([^<]*)<', part))
    for name, choices in re.findall(r'<select[^>]*?name="([^"]+)"[^>]*>(.*?)</select>', part):
        chosen = re.search(r'value="([^"]*)" selected', choices)
        fields[name] = chosen[1] if chosen else ""
    return fields | {name.replace("_of_", "-"): value for name, value in changes.items()}


def drafted(marketer: Browser, **changes: str) -> str:
    page = marketer.get("/console/programme/new").text
    sent = marketer.post("/console/programme/drafts", form(page, note="周年慶", **changes))
    assert sent.status == 303, sent.text
    return sent.location.partition("?")[0]


def rate(db: Database) -> int:
    with db.reading() as session:
        return programmes.terms_at(session, NOW).earning.rate


def test_what_holds_is_told_in_words(marketer: Browser) -> None:
    page = marketer.get("/console/programme").text
    for words in (
        "12 個月消費滿 NT$20,000",
        "1.5 倍",
        "金卡升等禮 NT$300",
        "得到後 12 個月的月底到期",
    ):
        assert words in page
    assert "{" not in re.sub(r"<(script|style).*?</\1>", "", page)


def test_without_a_programme_the_page_says_how_to_begin(sqlite_db: Database) -> None:
    with sqlite_db.transaction() as session:
        staffed_shop(session)
    with browser(sqlite_db) as new:
        new.log_in(Role.OWNER)
        assert "選一個範本" in new.get("/console/programme").text


def test_a_change_holds_when_another_person_approved_it(
    sqlite_db: Database, marketer: Browser, owner: Browser
) -> None:
    draft = drafted(marketer, rate="2")
    page = marketer.get(draft).text
    assert "累點 得點數：1 → 2" in page
    assert 'action="' + draft + '/approve"' not in page
    assert marketer.post(f"{draft}/ask", {"edition": "1"}).location == f"{draft}?notice=ask"
    assert rate(sqlite_db) == 1
    assert f'action="{draft}/approve"' in owner.get(draft).text
    assert owner.post(f"{draft}/approve", {"edition": "1"}).location == f"{draft}?notice=approve"
    assert rate(sqlite_db) == 2
    with sqlite_db.reading() as session:
        rows = session.execute(
            sa.select(AuditEntry.action, AuditEntry.before, AuditEntry.after)
            .where(AuditEntry.action.like("programme.%"), AuditEntry.staff_id.is_not(None))
            .order_by(AuditEntry.id)
        ).all()
    assert [row.action for row in rows] == [
        "programme.written",
        "programme.asked",
        "programme.approved",
    ]
    assert rows[-1].before["version"] < rows[-1].after["version"]
    assert rows[-1].after["changes"] == ["累點 得點數：1 → 2"]


@pytest.mark.parametrize("verb", ["ask", "approve", "withdraw", "renew"])
def test_what_may_not_be_done_says_so(
    sqlite_db: Database, marketer: Browser, owner: Browser, verb: str
) -> None:
    draft = drafted(marketer, rate="2")
    word = "moved" if verb == "approve" else "author"
    assert owner.post(f"{draft}/{verb}", {"edition": "1"}).location == f"{draft}?notice={word}"
    assert rate(sqlite_db) == 1


def test_nothing_typed_is_lost_and_the_field_is_named(marketer: Browser) -> None:
    page = marketer.get("/console/programme/new").text
    sent = marketer.post(
        "/console/programme/drafts",
        form(page, tier_of_1_of_threshold="99,999,999", rate="兩點", note="周年慶"),
    )
    assert sent.status == 422
    assert 'name="rate" value="兩點"' in sent.text
    assert 'id="rate-fault"' in sent.text
    assert 'id="tier-2-threshold-fault"' in sent.text  # gold is below silver now
    assert 'value="周年慶"' in sent.text


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_a_day_that_is_not_of_our_time_is_named(marketer: Browser, day: str) -> None:
    page = marketer.get("/console/programme/new").text
    days = {"campaign_of_0_of_from": day, "campaign_of_0_of_to": day, "starts_on": day}
    sent = marketer.post(
        "/console/programme/drafts",
        form(page, campaign_of_0_of_name="遠", campaign_of_0_of_times="2", note="改", **days),
    )
    assert sent.status == 422
    for name in ("campaign-0-from", "campaign-0-to", "starts_on"):
        assert f'id="{name}-fault"' in sent.text


def test_months_that_no_calendar_has_are_named(marketer: Browser) -> None:
    page = marketer.get("/console/programme/new").text
    sent = marketer.post(
        "/console/programme/drafts", form(page, expiry_months="120000", rate="10001", note="改")
    )
    assert sent.status == 422
    assert 'id="expiry_months-fault"' in sent.text
    assert 'id="rate-fault"' in sent.text


def test_without_a_reason_there_is_no_draft(marketer: Browser) -> None:
    page = marketer.get("/console/programme/new").text
    sent = marketer.post("/console/programme/drafts", form(page, note=" "))
    assert (sent.status, 'id="note-fault"' in sent.text) == (422, True)


def test_a_form_sent_unchanged_changes_nothing(marketer: Browser) -> None:
    assert "沒有改任何地方" in marketer.get(drafted(marketer)).text


def test_a_form_sent_twice_is_one_draft(sqlite_db: Database, marketer: Browser) -> None:
    fields = form(marketer.get("/console/programme/new").text, note="一次", rate="2")
    places = {marketer.post("/console/programme/drafts", fields).location for _ in range(2)}
    assert len(places) == 1
    with sqlite_db.reading() as session:
        written = sa.select(sa.func.count()).where(AuditEntry.action == "programme.written")
        assert session.scalar(written) == 1


def test_a_member_day_is_added_and_taken_away(sqlite_db: Database, marketer: Browser) -> None:
    names = ("name", "from", "to", "times")
    values = dict(zip(names, ("會員日", "2026-08-01", "2026-08-01", "3"), strict=True))
    new = {f"campaign_of_0_of_{name}": value for name, value in values.items()}
    draft = drafted(marketer, **new)
    assert "新增加倍活動「會員日」" in marketer.get(draft).text
    fields = form(marketer.get(f"{draft}/edit").text)
    fields |= {f"campaign-0-{name}": "" for name in names}
    assert marketer.post(f"{draft}/edit", fields).location == f"{draft}?notice=saved"
    assert "沒有改任何地方" in marketer.get(draft).text


def test_two_member_days_of_one_date_are_two(
    sqlite_db: Database, marketer: Browser, owner: Browser
) -> None:
    day = {"campaign_of_0_of_from": "2026-07-20", "campaign_of_0_of_to": "2026-07-20"}
    times = {**day, "campaign_of_0_of_times": "2"}
    one, other = (
        drafted(marketer, campaign_of_0_of_name=name, **times) for name in ("會員日", "店慶")
    )
    marketer.post(f"{one}/ask", {"edition": "1"})
    owner.post(f"{one}/approve", {"edition": "1"})
    assert marketer.post(f"{other}/renew", {"edition": "1"}).location == f"{other}?notice=renew"
    marketer.post(f"{other}/ask", {"edition": "2"})
    owner.post(f"{other}/approve", {"edition": "2"})
    with sqlite_db.reading() as session:
        campaigns = programmes.terms_at(session, NOW).earning.campaigns
    assert sorted(campaign.name for campaign in campaigns) == ["店慶", "會員日"]


def test_a_draft_tells_how_many_rise(sqlite_db: Database, marketer: Browser, shop: Shop) -> None:
    with sqlite_db.transaction() as session:
        member = regular(session)
        bought(session, member, 4_000, store_id=shop.store_id)
    draft = drafted(marketer, tier_of_1_of_threshold="3000")
    page = marketer.get(draft).text
    assert "1 人已達新的門檻，下次消費即升等為銀卡" in page
    assert "↑ 銀卡" in page


def test_an_outdated_draft_asks_to_be_looked_at_again(
    sqlite_db: Database, marketer: Browser
) -> None:
    draft = drafted(marketer, rate="2")
    with sqlite_db.transaction() as session:
        changed = replace(books.STARTER, terms=replace(DEFAULT, return_window_days=7))
        rulebooks.apply(session, changed, starts_at=NOW, actor="cli", now=NOW)
    assert marketer.post(f"{draft}/ask", {"edition": "1"}).location == f"{draft}?notice=outdated"
    assert "放到最新的一版上" in marketer.get(draft).text
    assert marketer.post(f"{draft}/renew", {"edition": "1"}).location == f"{draft}?notice=renew"
    assert "退貨期限" not in marketer.get(draft).text  # what others changed is no change of mine


def test_what_was_typed_into_a_draft_that_moved_is_shown_again(marketer: Browser) -> None:
    draft = drafted(marketer, rate="2")
    page = marketer.get(f"{draft}/edit").text
    assert marketer.post(f"{draft}/edit", form(page, rate="3")).status == 303
    late = marketer.post(f"{draft}/edit", form(page, rate="4"))
    assert (late.status, 'name="rate" value="4"' in late.text) == (409, True)
    assert "這份草稿剛才有變動" in late.text
    assert marketer.post(f"{draft}/edit", form(late.text)).status == 303
    assert "累點 得點數：1 → 4" in marketer.get(draft).text
    page = marketer.get(f"{draft}/edit").text
    marketer.post(f"{draft}/withdraw", {"edition": "3"})
    late = marketer.post(f"{draft}/edit", form(page, rate="5"))
    assert (late.status, 'name="rate" value="5"' in late.text) == (409, True)
    assert "不能再儲存" in late.text


def test_a_reason_with_signs_that_are_not_seen_is_named(marketer: Browser) -> None:
    family = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}"
    page = marketer.get("/console/programme/new").text
    sent = marketer.post("/console/programme/drafts", form(page, note=f"周年慶{family}"))
    assert (sent.status, 'id="note-fault"' in sent.text) == (422, True)
    page = marketer.get("/console/programme/thresholds").text
    hidden = dict(re.findall(r'name="(form_id|based_on)" value="([^"]+)"', page))
    fields = {**hidden, "threshold-silver": "6000", "note": family}
    sent = marketer.post("/console/programme/thresholds", fields)
    assert (sent.status, 'id="note-fault"' in sent.text) == (422, True)
    assert 'value="6000"' in sent.text


@pytest.fixture
def planned(sqlite_db: Database, marketer: Browser) -> str:
    """Gold asks for more from a later day on; the day."""
    gold = tuple(
        replace(tier, threshold=30_000) if tier.code == "gold" else tier for tier in DEFAULT.tiers
    )
    with sqlite_db.transaction() as session:
        later = taipei_midnight(taipei_date(NOW) + timedelta(days=30))
        programmes_service.publish(
            session, replace(DEFAULT, tiers=gold), starts_at=later, actor="test", now=NOW
        )
    return taipei_date(later).isoformat()


def test_a_change_for_now_says_that_it_brings_a_plan_forward(
    sqlite_db: Database, marketer: Browser, owner: Browser, planned: str
) -> None:
    form_page = marketer.get("/console/programme/new").text
    assert f'name="starts_on" type="date" value="{planned}"' in form_page
    assert "內容也會跟著提前生效" in form_page
    draft = drafted(marketer, rate="2", starts_on="")
    page = marketer.get(draft).text
    gold = "等級「金卡」 升等門檻：NT$20,000 → NT$30,000"
    assert "版的內容提前" in page
    assert gold in page
    marketer.post(f"{draft}/ask", {"edition": "1"})
    owner.post(f"{draft}/approve", {"edition": "1"})
    with sqlite_db.reading() as session:
        entry = session.scalars(
            sa.select(AuditEntry).where(AuditEntry.action == "programme.approved")
        ).one()
    assert (entry.after or {})["changes"] == [gold, "累點 得點數：1 → 2"]
    assert gold in marketer.get(draft).text


def test_a_change_for_the_day_of_a_plan_leaves_it_its_day(marketer: Browser, planned: str) -> None:
    page = marketer.get(drafted(marketer, rate="2")).text
    assert "版的內容提前" not in page
    assert "升等門檻" not in page


def test_thresholds_put_upon_a_plan_wait_for_its_day(marketer: Browser, planned: str) -> None:
    page = marketer.get("/console/programme/thresholds").text
    assert "草稿會在同一天生效" in page
    hidden = dict(re.findall(r'name="(form_id|based_on)" value="([^"]+)"', page))
    sent = marketer.post(
        "/console/programme/thresholds", {**hidden, "threshold-silver": "6000", "note": "調整"}
    )
    page = marketer.get(sent.location).text
    assert "等級「銀卡」 升等門檻：NT$5,000 → NT$6,000" in page
    assert "等級「金卡」" not in page
    assert "版的內容提前" not in page


def test_an_earlier_version_comes_back_in_one_step(
    sqlite_db: Database, marketer: Browser, owner: Browser
) -> None:
    draft = drafted(marketer, rate="2")
    marketer.post(f"{draft}/ask", {"edition": "1"})
    owner.post(f"{draft}/approve", {"edition": "1"})
    page = owner.get("/console/programme").text
    found = re.search(r"versions/(\d+)/restore.*?name=\"form_id\" value=\"([^\"]+)\"", page, re.S)
    assert found is not None
    sent = owner.post(f"/console/programme/versions/{found[1]}/restore", {"form_id": found[2]})
    back = sent.location.partition("?")[0]
    assert marketer.post(f"{back}/approve", {"edition": "1"}).location == f"{back}?notice=approve"
    assert rate(sqlite_db) == 1


def test_two_versions_are_compared(marketer: Browser, owner: Browser) -> None:
    draft = drafted(marketer, rate="2")
    marketer.post(f"{draft}/ask", {"edition": "1"})
    owner.post(f"{draft}/approve", {"edition": "1"})
    assert "累點 得點數：1 → 2" in marketer.get("/console/programme/compare").text
    page = marketer.get("/console/programme/compare?old=2&new=1").text
    assert "累點 得點數：1 → 2" not in page
    assert marketer.get("/console/programme/compare?old=99&new=1").status == 404


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            "amount=1234&tier=gold&day=2026-07-04&at=12:00",
            ["18 點", "每 NT$100 得 1 點", "金卡 ×1.5"],
        ),
        (f"{SALE}&birthday=1", ["24 點", "取最高的一個", "生日月"]),
        (
            f"{SALE}&item-0-category=shipping&item-0-price=234",
            ["15 點", "−NT$234", "可累點的金額"],
        ),
        ("amount=99&tier=basic&day=2026-07-04&at=12:00", ["0 點"]),
    ],
)
def test_a_sale_is_tried_step_by_step(marketer: Browser, asked: str, words: list[str]) -> None:
    page = marketer.get(f"/console/programme/try?{asked}").text
    for said in words:
        assert said in page


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("amount=x&tier=gold&day=2026-07-04&at=12:00", "amount"),
        ("amount=1&tier=gold&day=9999-12-31&at=12:00", "day"),
        ("amount=1&tier=gold&day=2026-07-04&at=25:00", "at"),
        ("amount=1&tier=none&day=2026-07-04&at=12:00", "tier"),
        ("amount=1&tier=gold&day=2001-07-04&at=12:00", "day"),
        ("amount=1&tier=gold&day=2026-07-04&at=12:00&item-0-sku=A&item-0-price=", "item-0-price"),
    ],
)
def test_a_question_that_makes_no_sense_is_named(marketer: Browser, asked: str, field: str) -> None:
    assert f'id="{field}-fault"' in marketer.get(f"/console/programme/try?{asked}").text


def test_a_draft_is_tried_before_it_holds(marketer: Browser) -> None:
    number = drafted(marketer, rate="2").rpartition("/")[2]
    asked = f"draft={number}&amount=1000&tier=basic&day=2026-07-04&at=12:00"
    assert "20 點" in marketer.get(f"/console/programme/try?{asked}").text


# The designer of thresholds -----------------------------------------------------------------------


def test_a_draft_is_tried_only_by_who_may_write_one(sqlite_db: Database, marketer: Browser) -> None:
    draft_id = drafted(marketer, rate="2").rpartition("/")[2]
    with browser(sqlite_db) as analyst:
        analyst.log_in(Role.ANALYST)
        assert analyst.get(f"/console/programme/try?{SALE}").status == 200
        assert analyst.get(f"/console/programme/try?{SALE}&draft={draft_id}").status == 403


def test_thresholds_show_who_rises(sqlite_db: Database, marketer: Browser, shop: Shop) -> None:
    with sqlite_db.transaction() as session:
        bought(session, regular(session), 4_000, store_id=shop.store_id)
        regular(session)
    page = marketer.get("/console/programme/thresholds").text
    assert 'data-out="rises">0<' in page
    page = marketer.get("/console/programme/thresholds?threshold-silver=4000").text
    assert 'data-out="rises">1<' in page
    assert 'data-out="members-silver">1<' in page
    assert 'name="share-silver" value="50.0"' in page
    page = marketer.get("/console/programme/thresholds?by=share&share-silver=49").text
    assert 'name="threshold-silver" value="4500"' in page


@pytest.mark.parametrize("said", ["1e99999999", "1/3", "5_0", "nan", "x"])
def test_a_percent_that_is_none_is_named_at_once(marketer: Browser, said: str) -> None:
    """`1e99999999` built as a number would keep the server busy for hours."""
    page = marketer.get(f"/console/programme/thresholds?by=share&share-silver={said}")
    assert (page.status, 'id="share-silver-fault"' in page.text) == (200, True)


@pytest.mark.parametrize("said", ["1e99999999", "1e999999999999999999999", "1.555", "nan"])
def test_times_that_are_none_are_named_at_once(marketer: Browser, said: str) -> None:
    page = marketer.get("/console/programme/new").text
    sent = marketer.post("/console/programme/drafts", form(page, birthday_times=said, note="改"))
    assert (sent.status, 'id="birthday_times-fault"' in sent.text) == (422, True)


def test_designed_thresholds_become_a_draft(sqlite_db: Database, marketer: Browser) -> None:
    page = marketer.get("/console/programme/thresholds").text
    hidden = dict(re.findall(r'name="(form_id|based_on)" value="([^"]+)"', page))
    values = {"threshold-silver": "6000", "threshold-gold": "20000", "threshold-platinum": "60000"}
    places = {
        marketer.post(
            "/console/programme/thresholds", {**hidden, **values, "note": "調整"}
        ).location
        for _ in range(2)
    }
    assert len(places) == 1
    draft = places.pop().partition("?")[0]
    assert "等級「銀卡」 升等門檻：NT$5,000 → NT$6,000" in marketer.get(draft).text


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"threshold-silver": "x"}, "threshold-silver"),
        ({"threshold-silver": "5050"}, "threshold-silver"),
        ({"threshold-silver": "0"}, "threshold-silver"),
        ({"threshold-silver": "70000"}, "threshold-gold"),
        ({"threshold-gold": "999999999"}, "threshold-gold"),
        ({"note": ""}, "note"),
    ],
)
def test_thresholds_that_contradict_are_named(
    marketer: Browser, values: dict[str, str], field: str
) -> None:
    page = marketer.get("/console/programme/thresholds").text
    hidden = dict(re.findall(r'name="(form_id|based_on)" value="([^"]+)"', page))
    sent = marketer.post("/console/programme/thresholds", {**hidden, "note": "調整", **values})
    assert sent.status == 422
    assert f'id="{field}-fault"' in sent.text


def test_a_page_of_thresholds_asks_as_often_however_many_members(
    sqlite_db: Database, marketer: Browser, shop: Shop
) -> None:
    def reads() -> int:
        seen: list[str] = []

        def note(*call: object) -> None:
            seen.append(str(call[2]))

        sa.event.listen(sqlite_db.engine, "before_cursor_execute", note)
        try:
            assert marketer.get("/console/programme/thresholds").status == 200
        finally:
            sa.event.remove(sqlite_db.engine, "before_cursor_execute", note)
        return len(seen)

    reads()
    before = reads()
    with sqlite_db.transaction() as session:
        for amount in (100, 5_000, 30_000):
            bought(session, regular(session), amount, store_id=shop.store_id)
    assert reads() == before


def test_a_threshold_that_is_counted_is_neither_dragged_nor_typed(
    sqlite_db: Database, marketer: Browser
) -> None:
    tiers = tuple(
        replace(tier, top_percent=5, floor=30_000) if tier.code == "platinum" else tier
        for tier in DEFAULT.tiers
    )
    with sqlite_db.transaction() as session:
        book = replace(books.STARTER, terms=replace(DEFAULT, tiers=tiers))
        rulebooks.apply(session, book, starts_at=NOW, actor="cli", now=NOW)
    page = marketer.get("/console/programme/thresholds").text
    assert 'data-handle="gold"' in page
    assert 'data-handle="platinum"' not in page
    assert 'data-out="members-platinum"' in page  # it is counted all the same
    assert "消費前 5% 的會員，系統自動計算" in marketer.get("/console/programme/new").text
    assert "沒有改任何地方" in marketer.get(drafted(marketer)).text

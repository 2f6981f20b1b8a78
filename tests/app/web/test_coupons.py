"""The pages on which a marketer makes coupons and sees how they do."""

import re
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.coupons import queries, service
from app.coupons.queries import KindState
from app.coupons.rules import Conditions, KindDraft, Situation
from app.rulebooks import queries as books
from app.rulebooks import service as rulebooks
from app.staff.models import AuditEntry
from app.staff.rules import Role
from tests.support.loyalty import publish
from tests.support.people import regular
from tests.support.staffing import Shop
from tests.support.times import NOW
from tests.support.web import Browser

FORM = {
    "template": "amount_off",
    "name": "夏日滿千折百",
    "code": "summer_100",
    "value": "100",
    "buys": "1",
    "min_spend": "1,000",
    "valid_days": "30",
    "stacking": "stackable",
    "per_member_limit": "1",
}


@pytest.fixture
def marketer(sqlite_db: Database, visitor: Browser, shop: Shop) -> Browser:
    with sqlite_db.transaction() as session:
        publish(session)
    visitor.log_in(Role.MARKETER)
    return visitor


def newest(db: Database, code: str = "summer_100") -> KindState:
    with db.reading() as session:
        kind = queries.newest_offer(session, code)
        assert kind is not None
        return kind


def give(session: Session, member: int, key: str, code: str = "summer_100") -> str:
    issued = service.issue(
        session, kind_code=code, member_id=member, source="staff", dedup_key=key, now=NOW
    )
    assert issued is not None
    return issued.code


def test_without_any_the_page_says_how_to_begin(marketer: Browser) -> None:
    page = marketer.get("/console/coupons").text
    assert "還沒有優惠券" in page
    choices = marketer.get("/console/coupons/new").text
    for name in ("滿額折", "打折", "兌換品", "買 X 送 Y", "優惠價", "免運"):
        assert name in choices


def test_a_coupon_is_made_from_a_form_and_can_be_given(
    sqlite_db: Database, marketer: Browser
) -> None:
    assert "最低消費" in marketer.get("/console/coupons/new?template=amount_off").text
    done = marketer.post("/console/coupons", FORM)
    assert done.status == 303, done.text
    kind = newest(sqlite_db)
    assert done.location == f"/console/coupons/{kind.kind_id}"
    assert kind.draft == KindDraft(
        "summer_100", "夏日滿千折百", "amount_off", 100, min_spend=1_000, valid_days=30,
        stacking="stackable", per_member_limit=1,
    )  # fmt: skip
    page = marketer.get(done.location).text
    assert "滿 NT$1,000 折 NT$100。" in page
    assert "夏日滿千折百" in marketer.get("/console/coupons").text
    with sqlite_db.reading() as session:
        actions = session.scalars(
            sa.select(AuditEntry.action).where(AuditEntry.object == f"coupon_kind:{kind.kind_id}")
        ).all()
    assert actions == ["coupon_kind.created"]


@pytest.mark.parametrize(
    ("said", "percent"),
    [
        ("9", 10),
        ("8.5", 15),
        ("85", 15),
        ("９折", 10),
        ("6.7", 33),
        ("0", 100),
        ("30", 70),
        ("0.5", 95),
    ],
)
def test_a_percentage_is_said_as_people_say_it(
    sqlite_db: Database, marketer: Browser, said: str, percent: int
) -> None:
    form = FORM | {"template": "percent_off", "value": said, "cap": "300"}
    assert marketer.post("/console/coupons", form).status == 303
    kind = newest(sqlite_db)
    assert (kind.draft.type, kind.draft.value, kind.draft.cap) == ("percent_off", percent, 300)


@pytest.mark.parametrize("percent", [1, 5, 10, 15, 50, 90, 91, 95, 99, 100])
def test_saving_a_percentage_unchanged_changes_nothing(
    sqlite_db: Database, marketer: Browser, percent: int
) -> None:
    draft = KindDraft("summer_100", "夏日券", "percent_off", percent, valid_days=30)
    with sqlite_db.transaction() as session:
        kind_id = service.create_kind(session, draft=draft, now=NOW)
    page = f"/console/coupons/{kind_id}"
    shown = marketer.get(f"{page}/edit").text
    plain = r'<input(?![^>]*type="(?:checkbox|radio)")[^>]*?name="(\w+)" value="([^"]*)"'
    form = {name: value for name, value in re.findall(plain, shown) if name != "form_token"}
    assert marketer.post(f"{page}/edit", form).location == page
    assert newest(sqlite_db).draft.value == percent


@pytest.mark.parametrize("said", ["nan", "inf", "-inf", "1e400", "-1", "100", "x"])
def test_what_is_no_percentage_is_said_at_its_field(marketer: Browser, said: str) -> None:
    form = FORM | {"template": "percent_off", "value": said}
    answer = marketer.post("/console/coupons", form)
    assert (answer.status, 'id="value-fault"' in answer.text) == (422, True)
    assert "請填幾折" in answer.text


@pytest.mark.parametrize("said", ["", "12", "7", "一"])
def test_what_is_no_weekday_is_said_at_its_field(marketer: Browser, said: str) -> None:
    answer = marketer.post("/console/coupons", FORM | {"weekdays": said})
    assert answer.status == 422
    assert "請從星期一到星期日選" in answer.text


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"name": " "}, "name", "請寫會員會看到的名稱"),
        ({"code": "夏日"}, "code", "英文字母"),
        ({"value": "一百"}, "value", "請填整數"),
        ({"value": ""}, "value", "金額必須大於 0"),
        ({"valid_days": ""}, "ends_on", "需要使用期限"),
        ({"ends_on": "明天"}, "ends_on", "2026/12/31"),
        ({"budget": "x"}, "budget", "請填整數"),
        ({"stacking": "group"}, "group", "取個名字"),
        ({"from_hour": "20", "to_hour": "9"}, "from_hour", "由早到晚"),
        ({"word": "夏天"}, "word", "活動代碼"),
        ({"word": "12345"}, "word", "活動代碼"),
        ({"template": "percent_off", "value": "10"}, "value", "幾折"),  # would be 1 折
        ({"template": "percent_off", "value": "abc"}, "value", "幾折"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_typed_is_lost(
    sqlite_db: Database, marketer: Browser, wrong: dict[str, str], field: str, sentence: str
) -> None:
    answer = marketer.post("/console/coupons", FORM | {"terms": "限門市使用"} | wrong)
    assert answer.status == 422
    assert re.search(rf'id="{field}-fault"[^>]*>[^<]*{sentence}', answer.text)
    assert "限門市使用" in answer.text
    for name, value in wrong.items():
        if value.strip() and name not in ("template", "stacking"):
            assert f'name="{name}" value="{value}"' in answer.text
    with sqlite_db.reading() as session:
        assert queries.kinds(session) == []


def test_a_code_or_a_word_that_is_taken_is_refused(sqlite_db: Database, marketer: Browser) -> None:
    assert marketer.post("/console/coupons", FORM | {"word": "summer100"}).status == 303
    again = marketer.post("/console/coupons", FORM)
    assert again.status == 422
    assert "已經有優惠券用這個代碼" in again.text
    other = marketer.post("/console/coupons", FORM | {"code": "other", "word": "SUMMER100"})
    assert other.status == 422
    assert "已經有優惠券用這個活動代碼" in other.text
    assert newest(sqlite_db).draft.word == "SUMMER100"


def test_a_change_is_a_new_version_and_holders_keep_theirs(
    sqlite_db: Database, marketer: Browser
) -> None:
    page = marketer.post("/console/coupons", FORM).location
    with sqlite_db.transaction() as session:
        code = give(session, regular(session), "a")
    form = marketer.get(f"{page}/edit").text
    assert "1 張已經發出的維持原樣" in form
    seen = version_in(form)
    done = marketer.post(f"{page}/edit", FORM | {"value": "200", "version": seen})
    assert done.location == page
    kind = newest(sqlite_db)
    assert (kind.version, kind.draft.value) == (2, 200)
    with sqlite_db.reading() as session:
        held = queries.coupon_by_code(session, code)
        assert held is not None
        assert held.value == 100
    stale = marketer.post(f"{page}/edit", FORM | {"value": "300", "version": seen})
    assert stale.status == 409
    assert "剛被別人修改過" in stale.text
    assert newest(sqlite_db).version == 2


def version_in(form: str) -> str:
    found = re.search(r'name="version" value="([^"]+)"', form)
    assert found
    return found[1]


def test_limits_that_somebody_else_changed_are_not_overwritten_unseen(
    sqlite_db: Database, marketer: Browser
) -> None:
    page = marketer.post("/console/coupons", FORM).location
    seen = version_in(marketer.get(f"{page}/edit").text)
    changed = replace(newest(sqlite_db).draft, budget=5_000)
    with sqlite_db.transaction() as session:
        assert service.revise_kind(session, draft=changed, now=NOW)
    stale = marketer.post(f"{page}/edit", FORM | {"value": "300", "version": seen})
    assert stale.status == 409
    assert "剛被別人修改過" in stale.text
    assert newest(sqlite_db).draft == changed
    again = FORM | {"value": "300", "budget": "5000", "version": version_in(stale.text)}
    assert marketer.post(f"{page}/edit", again).status == 303
    assert marketer.post(f"{page}/edit", FORM | {"value": "400"}).status == 409


def test_saving_without_a_change_makes_no_version(sqlite_db: Database, marketer: Browser) -> None:
    draft = KindDraft(
        "odd", "舊檔的券", "amount_off", 50, starts_at=NOW, ends_at=NOW.replace(year=2030),
        stacking="飲料券",
        conditions=Conditions(stores=("taipei",), excluded_categories=("voucher",),
                              channels=("pos",), in_birth_month=True, weekdays=(0, 6)),
    )  # fmt: skip
    with sqlite_db.transaction() as session:
        kind_id = service.create_kind(session, draft=draft, now=NOW)
    page = marketer.get(f"/console/coupons/{kind_id}/edit").text
    plain = r'<input(?![^>]*type="(?:checkbox|radio)")[^>]*?name="(\w+)" value="([^"]*)"'
    form = dict(re.findall(plain, page))
    fields = {name: value for name, value in form.items() if name != "form_token"}
    fields |= {"stacking": "group", "terms": ""}
    ticked: dict[str, list[str]] = {}
    for name, value in re.findall(r'type="checkbox" name="(\w+)" value="([^"]*)" checked', page):
        ticked.setdefault(name, []).append(value)
    assert ticked["weekdays"] == ["0", "6"]
    # a store that is closed is not among the boxes, and is not forgotten
    assert ticked["stores"] == ["taipei"]
    done = marketer.post(f"/console/coupons/{kind_id}/edit", {**fields, **ticked})
    assert done.status == 303, done.text
    assert newest(sqlite_db, "odd").draft == draft
    assert newest(sqlite_db, "odd").version == 1


def test_a_kind_is_marked_for_goodwill_and_unmarked_again(
    sqlite_db: Database, marketer: Browser
) -> None:
    page = marketer.post("/console/coupons", FORM | {"flags": "goodwill"}).location
    assert newest(sqlite_db).draft.goodwill
    form = marketer.get(f"{page}/edit").text
    assert re.search(r'value="goodwill"[^>]* checked', form)
    found = re.search(r'name="version" value="([^"]+)"', form)
    assert found
    assert marketer.post(f"{page}/edit", FORM | {"version": found[1]}).status == 303
    assert not newest(sqlite_db).draft.goodwill


def test_giving_is_stopped_and_begun_again(sqlite_db: Database, marketer: Browser) -> None:
    page = marketer.post("/console/coupons", FORM).location
    marketer.post(f"{page}/pause")
    marketer.post(f"{page}/pause")
    assert not newest(sqlite_db).is_active
    assert "已停止發放" in marketer.get("/console/coupons").text
    marketer.post(f"{page}/resume")
    assert newest(sqlite_db).is_active
    with sqlite_db.reading() as session:
        actions = session.scalars(
            sa.select(AuditEntry.action)
            .where(AuditEntry.action.like("coupon_kind.%"))
            .order_by(AuditEntry.id)
        ).all()
    assert actions == ["coupon_kind.created", "coupon_kind.paused", "coupon_kind.resumed"]


def test_the_programme_file_and_the_page_say_the_same(
    sqlite_db: Database, marketer: Browser
) -> None:
    marketer.post("/console/coupons", FORM | {"budget": "5000", "word": "summer100"})
    with sqlite_db.transaction() as session:
        book = books.book_at(session, NOW)
        assert book is not None
        assert [draft.code for draft in book.coupons] == ["summer_100"]
        assert book.coupons[0].budget == 5_000
        again = replace(book, terms=replace(book.terms, version=0))  # as the file says it
        applied = rulebooks.apply(session, again, starts_at=NOW, actor="test", now=NOW)
        assert applied.is_nothing


def test_how_a_kind_does_is_counted(sqlite_db: Database, marketer: Browser) -> None:
    page = marketer.post("/console/coupons", FORM | {"budget": "1000"}).location
    with sqlite_db.transaction() as session:
        codes = [give(session, regular(session), key) for key in "abcd"]
        members = [queries.coupon_by_code(session, code) for code in codes]
        assert all(members)
        for code in codes[:2]:
            row = session.execute(
                sa.text("SELECT member_id FROM coupons WHERE code = :code"), {"code": code}
            ).one()
            service.redeem(
                session,
                code=code,
                member_id=row.member_id,
                store_id=None,
                staff_id=None,
                situation=Situation(1_000, NOW),
                now=NOW,
            )
    shown = marketer.get(page).text
    assert "用掉 2、過期 0" in shown
    assert "還剩 NT$800" in shown
    assert "聊天室或網路" in shown


@pytest.mark.parametrize("role", [Role.ANALYST, Role.STORE_MANAGER, Role.SUPPORT])
def test_who_may_only_look_cannot_write(sqlite_db: Database, marketer: Browser, role: Role) -> None:
    page = marketer.post("/console/coupons", FORM).location
    marketer.post("/console/logout")
    marketer.log_in(role)
    assert "新增優惠券</a>" not in marketer.get("/console/coupons").text
    assert "停止發放</button>" not in marketer.get(page).text
    for url in (f"{page}/pause", f"{page}/edit", "/console/coupons", "/console/coupons/drawn"):
        assert marketer.post(url, FORM).status == 403
    assert newest(sqlite_db).is_active


def test_the_drawing_follows_what_is_typed(marketer: Browser) -> None:
    drawn = marketer.post("/console/coupons/drawn", FORM | {"value": "250"}).text
    assert "data-drawn" in drawn
    assert "滿 NT$1,000 折 NT$250。" in drawn
    assert marketer.post("/console/coupons/drawn", FORM | {"template": "nonsense"}).status == 404

"""What marketers see, and what of a person each role sees."""

import re
from datetime import date

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.inbox.models import InboxEvent
from app.jobs.imports import advance
from app.lookups import queries as lookups
from app.members.models import Consent, Member
from app.missions import service as missions
from app.missions.rules import MissionDraft, Step, Window
from app.missions.rules import Reward as Prize
from app.outbox.models import OutboxRow
from app.points import queries as points
from app.rewards import queries as reward_queries
from app.rewards import service as rewards
from app.rewards.rules import RewardDraft
from app.staff import queries
from app.staff.models import AuditEntry
from app.staff.rules import Role
from app.stamps import service as stamps
from app.stamps.rules import Milestone, StampDraft
from app.timeline import service as timeline
from tests.support.people import bought, coupon_for, grant_points, number_of, regular
from tests.support.staffing import Shop
from tests.support.times import NOW
from tests.support.web import SAME_ORIGIN, Browser, Page

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'


def park_message(db: Database, *, channel: str = "push", payload: str = "[]") -> int:
    with db.transaction() as session:
        row = OutboxRow(
            channel=channel, klass="service", kind="receipt", recipient="U1", payload=payload,
            retry_key="k", status="parked", due_at=NOW, attempts=3, reason=EVIL, created_at=NOW,
        )  # fmt: skip
        session.add(row)
        session.flush()  # for the id
        return row.id


def park_event(db: Database) -> int:
    with db.transaction() as session:
        row = InboxEvent(
            webhook_event_id="w1", person="U1", type=EVIL[:40], occurred_ms=1, received_at=NOW,
            body="{}", status="parked", due_at=NOW, attempts=5, error=f"Traceback\n{EVIL}",
        )  # fmt: skip
        session.add(row)
        session.flush()  # for the id
        return row.id


def test_the_first_page_shows_the_day_and_refreshes_from_the_same_template(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    with sqlite_db.transaction() as session:
        bought(session, regular(session, joined_at=NOW), 1_234, store_id=shop.store_id)
    visitor.log_in(Role.ANALYST)
    page, live = visitor.get("/console").text, visitor.get("/console/live").text
    assert "NT$1,234" in page
    assert live.strip() in page
    assert page.count('class="chart-bar') == 60


def test_no_page_has_inline_code_or_style(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    with sqlite_db.transaction() as session:
        member_id = regular(session)
    visitor.log_in(Role.OWNER)
    urls = ["/console", "/console/members", f"/console/members/{member_id}", "/console/delivery",
            "/console/corrections", "/console/referrals", "/console/audit",
            "/clerk/store"]  # fmt: skip
    for url in urls:
        page = visitor.get(url).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", page), url
        assert not re.search(r"\son[a-z]+=|\sstyle=|<style|javascript:", page), url
        assert not re.search(r'(src|href)="https?://', page), url


def test_what_strangers_typed_is_shown_as_text(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    park_message(sqlite_db, payload='[{"type":"text","text":"<script>alert(1)</script>"}]')
    park_event(sqlite_db)
    with sqlite_db.transaction() as session:
        evil = regular(session, name=EVIL[:50], display_name=EVIL)
        coupon_for(session, evil, name=EVIL[:60])
        bought(session, evil, 100, store_id=shop.store_id)
        timeline.record(session, member_id=evil, kind=EVIL[:40], at=NOW, facts={"reason": EVIL})
        consent = {"kind": EVIL[:20], "version": EVIL[:40], "is_given": True, "channel": "<b>"}
        session.execute(sa.insert(Consent).values(member_id=evil, at=NOW, **consent))
    visitor.log_in(Role.OWNER, area="/clerk")
    visitor.post("/clerk/store", {"store_id": str(shop.store_id)})
    urls = ["/console/members", f"/console/members?q={EVIL}", f"/console/members/{evil}",
            "/console/delivery", "/console/audit", f"/console/audit?action={EVIL[:30]}",
            f"/console/login?next={EVIL}", "/clerk/today", f"/clerk?notice={EVIL}"]  # fmt: skip
    for url in urls:
        page = visitor.get(url).text
        assert "<script>alert" not in page, url
        assert "<img src=x" not in page, url
        assert "<b>" not in page, url


def without_tokens(page: str) -> str:
    """Random digits may happen to be those of somebody's phone."""
    return re.sub(r"[0-9a-f]{32,}", "", page)


@pytest.mark.parametrize(
    ("role", "sees", "does_not_see"),
    [
        (Role.OWNER, ["陳小花", "0912-345-678", "1990/07/15", "花花花"], []),
        (Role.SUPPORT, ["陳小花", "0912-345-678"], []),
        (Role.STORE_MANAGER, ["陳○花", "0912-***-678"], ["陳小花", "345", "1990", "花花花"]),
        (Role.ANALYST, [], ["陳", "0912", "678", "1990", "花花花"]),
    ],
)
def test_each_role_sees_as_much_of_a_person_as_its_work_needs(
    sqlite_db: Database,
    visitor: Browser,
    role: Role,
    sees: list[str],
    does_not_see: list[str],
) -> None:
    with sqlite_db.transaction() as session:
        member_id = regular(session, name="陳小花", phone="+886912345678", display_name="花花花")
        born = sa.update(Member).where(Member.id == member_id).values(birthday=date(1990, 7, 15))
        session.execute(born)
    visitor.log_in(role)
    page = without_tokens(visitor.get(f"/console/members/{member_id}").text)
    listed = without_tokens(visitor.get("/console/members").text)
    for words in sees:
        assert words in page
    for words in does_not_see:
        assert words not in page
        assert words not in listed


def test_looking_at_a_person_in_full_is_noted(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    with sqlite_db.transaction() as session:
        member_id = regular(session)
    for role in (Role.OWNER, Role.ANALYST):
        visitor.log_in(role)
        visitor.get(f"/console/members/{member_id}")
        visitor.post("/console/logout")
    with sqlite_db.reading() as session:
        looked = lookups.lookups(session)
    assert [(entry.what, entry.staff_name, entry.member_id, entry.is_full) for entry in looked] == [
        ("page", "Yui", member_id, True)
    ]


def test_the_list_searches_filters_and_teaches_when_empty(
    sqlite_db: Database, visitor: Browser
) -> None:
    visitor.log_in(Role.OWNER)
    assert "還沒有會員" in visitor.get("/console/members").text
    with sqlite_db.transaction() as session:
        member_id = regular(session, name="陳小花", phone="+886912345678")
        regular(session, name="林大雄")
        number = number_of(session, member_id)
    for query in ("小花", "0912345678", number):
        page = visitor.get(f"/console/members?q={query}").text
        assert "陳小花" in page
        assert "林大雄" not in page
    assert "沒有符合的會員" in visitor.get("/console/members?q=nobody").text
    assert "林大雄" in visitor.get("/console/members?status=member&tier=basic").text


@pytest.mark.parametrize("query", ["before=0", "before=x", "before=99999999999999999999",
                                   f"q={'x' * 101}"])  # fmt: skip
def test_an_odd_query_is_a_clear_refusal(visitor: Browser, query: str) -> None:
    visitor.log_in(Role.OWNER)
    answer = visitor.get(f"/console/members?{query}")
    assert answer.status == 422
    assert "不正確" in answer.text


@pytest.mark.parametrize("odd", ["0", "999", "-1", "99999999999999999999999"])
def test_an_unknown_member_is_not_found(visitor: Browser, odd: str) -> None:
    visitor.log_in(Role.OWNER)
    assert visitor.get(f"/console/members/{odd}").status in {404, 422}


def test_a_member_page_tells_everything(sqlite_db: Database, visitor: Browser, shop: Shop) -> None:
    with sqlite_db.transaction() as session:
        member_id = regular(session)
        coupon_for(session, member_id, name="夏日冰品券")
        bought(session, member_id, 6_000, store_id=shop.store_id)
    visitor.log_in(Role.MARKETER)
    page = visitor.get(f"/console/members/{member_id}").text
    for words in (
        "銀卡",
        "夏日冰品券",
        "NT$6,000",
        "台北永康店",
        "升等",
        "待生效 60",
        "消費收據",
        "每 NT$100 得 1 點",
    ):
        assert words in page, words


def test_why_a_coupon_was_given_is_on_the_member_page(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    kind = KindDraft("sorry", "招待飲料", "gift", valid_days=30, goodwill=True)
    with sqlite_db.transaction() as session:
        member_id = regular(session)
        coupons.create_kind(session, draft=kind, now=NOW)
        coupons.give_goodwill(
            session,
            kind_code="sorry",
            member_id=member_id,
            by=coupons.Giver(next(iter(shop.staff.values())), shop.store_id, (None, None)),
            reason="飲料做錯",
            dedup_key="1",
            now=NOW,
        )
    visitor.log_in(Role.STORE_MANAGER)
    assert "原因：飲料做錯" in visitor.get(f"/console/members/{member_id}").text


def test_a_long_timeline_is_paged(sqlite_db: Database, visitor: Browser) -> None:
    with sqlite_db.transaction() as session:
        member_id = regular(session)
        for number in range(35):
            facts = {"reason": f"no-{number}-"}
            timeline.record(
                session, member_id=member_id, kind="points.adjusted", at=NOW, facts=facts
            )
    visitor.log_in(Role.OWNER)
    page = visitor.get(f"/console/members/{member_id}").text
    assert "no-34-" in page
    assert "no-4-" not in page
    older = re.search(r'href="(/console/members/\d+\?before=\d+)#timeline"', page)
    assert older
    assert "no-4-" in visitor.get(older[1]).text


def test_a_parked_message_is_sent_again_once(sqlite_db: Database, visitor: Browser) -> None:
    row_id = park_message(sqlite_db)
    visitor.log_in(Role.SUPPORT)
    retry = f"/console/delivery/messages/{row_id}/retry"
    assert visitor.post(retry).location == "/console/delivery?done=1"
    assert visitor.post(retry).location == "/console/delivery?done=0"
    with sqlite_db.reading() as session:
        row = session.get_one(OutboxRow, row_id)
        (noted,) = queries.audit_entries(session, action="message.retried")
    assert row.status == "waiting"
    assert noted.object == f"outbox:{row_id}"
    assert "都送出去了" in visitor.get("/console/delivery?done=1").text


def test_a_failed_event_is_handled_again_once(sqlite_db: Database, visitor: Browser) -> None:
    event_id = park_event(sqlite_db)
    visitor.log_in(Role.OWNER)
    retry = f"/console/delivery/events/{event_id}/retry"
    assert visitor.post(retry).location == "/console/delivery?done=1"
    assert visitor.post(retry).location == "/console/delivery?done=0"
    with sqlite_db.reading() as session:
        assert session.get_one(InboxEvent, event_id).status == "waiting"


def test_a_one_time_password_is_never_shown(sqlite_db: Database, visitor: Browser) -> None:
    park_message(sqlite_db, channel="sms", payload="您的驗證碼 482913")
    visitor.log_in(Role.OWNER)
    assert "482913" not in visitor.get("/console/delivery").text


def test_the_audit_log_filters_by_person_and_action(visitor: Browser, shop: Shop) -> None:
    visitor.log_in(Role.MARKETER)
    visitor.post("/console/logout")
    visitor.log_in(Role.OWNER)
    assert "Sora</td>" in visitor.get("/console/audit?action=login").text
    mine = visitor.get(f"/console/audit?staff={shop.staff[Role.OWNER]}").text
    assert "Sora</td>" not in mine
    assert "Yui</td>" in mine
    assert visitor.get("/console/audit?staff=x&action=%25").status == 200


# Correcting points --------------------------------------------------------------------------------


def send_correction(
    web: Browser, member_id: int, change: str, reason: str = "補登", form: str = "f1"
) -> str:
    fields = {"change": change, "reason": reason, "form_id": form}
    answer = web.post(f"/console/members/{member_id}/points", fields)
    assert answer.status == 303, answer.text
    return web.get(answer.location).text


def test_a_manager_corrects_points_and_the_owner_approves_more(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    with sqlite_db.transaction() as session:
        member_id = regular(session)
    visitor.log_in(Role.STORE_MANAGER)
    assert "500 點以內立即生效" in visitor.get(f"/console/members/{member_id}").text
    for _ in range(2):  # sent twice, counted once
        page = send_correction(visitor, member_id, "+100", "補登 7/1 消費")
    assert "點數已調整" in page
    assert page.count("補登 7/1 消費") == 2  # the movement and its moment on the time line
    assert "等另一位同仁核准" in send_correction(visitor, member_id, "800", form="f2")
    assert "核准</button>" not in visitor.get("/console/corrections").text
    visitor.post("/console/logout")
    visitor.log_in(Role.OWNER)
    page = visitor.get("/console/corrections").text
    found = re.search(r"/console/corrections/[0-9]+/approve", page)
    assert found
    done = visitor.post(found[0])
    assert "已核准" in visitor.get(done.location).text
    again = visitor.post(found[0])
    assert "已經處理過" in visitor.get(again.location).text
    with sqlite_db.reading() as session:
        assert points.standing(session, member_id, now=NOW).balance == 900
        actions = [entry.action for entry in queries.audit_entries(session)]
    assert [action for action in actions if action.startswith("points.")] == [
        "points.correction_approved", "points.correction_asked", "points.corrected",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [("", "補登", "請輸入要加或減的點數"), ("0", "補登", "請輸入要加或減的點數"),
     ("1.5", "補登", "請輸入要加或減的點數"), ("100", " ", "請寫原因"),
     ("-1", "扣回", "超過會員目前可用的點數")],
)  # fmt: skip
def test_a_correction_that_cannot_be_is_refused_in_words(
    sqlite_db: Database, visitor: Browser, shop: Shop, change: str, reason: str, words: str
) -> None:
    with sqlite_db.transaction() as session:
        member_id = regular(session)
    visitor.log_in(Role.SUPPORT)
    assert words in send_correction(visitor, member_id, change, reason)


def test_who_only_counts_corrects_nothing(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    with sqlite_db.transaction() as session:
        member_id = regular(session)
    visitor.log_in(Role.ANALYST)
    assert "調整點數</summary>" not in visitor.get(f"/console/members/{member_id}").text
    fields = {"change": "1", "reason": "x", "form_id": "f"}
    assert visitor.post(f"/console/members/{member_id}/points", fields).status == 403


def test_every_number_of_a_member_opens(sqlite_db: Database, visitor: Browser, shop: Shop) -> None:
    with sqlite_db.transaction() as session:
        member_id = regular(session)
        bought(session, member_id, 6_000, store_id=shop.store_id)
    visitor.log_in(Role.ANALYST)
    assert f"/console/members/{member_id}/why" in visitor.get(f"/console/members/{member_id}").text
    page = visitor.get(f"/console/members/{member_id}/why").text
    assert "達到銀卡門檻" in page
    assert "+60" in page
    assert "王小明" not in page
    assert visitor.get("/console/members/999999/why").status == 404


# Rewards ------------------------------------------------------------------------------------------


def test_the_catalogue_with_its_stock_and_what_it_costs(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    visitor.log_in(Role.ANALYST)
    assert "還沒有兌換商品" in visitor.get("/console/rewards").text
    with sqlite_db.transaction() as session:
        gift = KindDraft("gift", "帆布袋兌換券", "gift", valid_days=60)
        coupons.create_kind(session, draft=gift, now=NOW)
        tote = RewardDraft("tote", "帆布袋", 300, "gift", stock=20)
        reward = rewards.create_reward(session, draft=tote, now=NOW)
        first, second = regular(session), regular(session)
        for member_id in (first, second):
            grant_points(session, member_id, 300)
            rewards.exchange(session, reward_id=reward, member_id=member_id, form_id="f", now=NOW)
        undone = reward_queries.exchanges_of(session, second)[0]
        rewards.cancel(session, exchange_id=undone.id, member_id=second, now=NOW)
    page = visitor.get("/console/rewards").text
    for words in (
        "19／20",
        "0／1",
        "取消或退回 1",
        "約 NT$300",
        f"會員 #{first}",
        "待領取",
        "已取消",
    ):
        assert words in page, words


def test_the_liability_of_points_opens_by_month(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    visitor.log_in(Role.ANALYST)
    empty = visitor.get("/console/liability").text
    assert "還沒有發出點數" in empty
    assert ">—<" in empty  # no breakage without an ended point
    with sqlite_db.transaction() as session:
        member_id = regular(session)
        bought(session, member_id, 100_000, store_id=shop.store_id)
        grant_points(session, member_id, 50, now=NOW)
    page = visitor.get("/console/liability").text
    for words in ("1,050", "待生效 1,000・贈點 50", "NT$1,050", "2026/07", "NT$990"):
        assert words in page, words  # 100,000 × 1,000 / 101,000


def test_stamp_cards_with_who_collects_and_what_went_out(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    visitor.log_in(Role.MARKETER)
    assert "還沒有集點卡" in visitor.get("/console/stamps").text
    draft = StampDraft("tea", "茶香", 4, (Milestone(1, 50), Milestone(4, coupon="x")), NOW.date())
    with sqlite_db.transaction() as session:
        stamps.create(session, draft=draft, now=NOW)
        bought(session, regular(session), 790, store_id=shop.store_id)
    page = visitor.get("/console/stamps").text
    assert "茶香" in page
    assert "1 位會員有格" in page
    assert "50 點" in page
    assert "第 4 格</strong>・優惠券 1 張" in page


def brought(visitor: Browser, content: bytes) -> Page:
    form = {"form_token": visitor.form_token()}
    return Page(
        visitor.http.post(
            "/console/imports",
            data=form,
            files={"file": ("六月.csv", content, "text/csv")},
            headers=SAME_ORIGIN,
            follow_redirects=False,
        )
    )


def test_a_file_of_sales_from_upload_to_receipt(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    with sqlite_db.transaction() as session:
        member = regular(session, phone="+886912345678")
    visitor.log_in(Role.MARKETER)
    assert "還沒有匯入過" in visitor.get("/console/imports").text
    assert "Excel" in brought(visitor, b"PK\x03\x04").text
    assert "請選擇檔案" in visitor.post("/console/imports").text
    rows = "日期,金額,電話\n2026/07/01,500,0912345678\n2026/07/01,<b>,\n"
    here = brought(visitor, rows.encode()).location
    page = visitor.get(here).text
    assert '<option value="2" selected>電話</option>' in page
    assert "&lt;b&gt;" in page
    columns = {"column-sold_at": "0", "column-amount": "1", "column-phone": "2"}
    wrong = visitor.post(f"{here}/rehearse", columns | {"column-phone": "1"})
    assert (wrong.status, "「金額」被選了兩次" in wrong.text) == (422, True)
    assert visitor.post(f"{here}/rehearse", columns | {"column-phone": "x"}).status == 422
    assert visitor.post(f"{here}/rehearse", columns | {"store": "999"}).status == 422
    wishes = {"store": str(shop.store_id), "tells": "yes"}
    assert visitor.post(f"{here}/rehearse", columns | wishes).location == here
    assert "試算中" in visitor.get(here).text
    advance(sqlite_db, is_stopping=lambda: False, now=NOW)
    page = visitor.get(f"{here}/live").text
    assert "可以寫入 1 筆" in page
    assert "金額須為整數元" in page
    csv = visitor.get(f"{here}/refused.csv")
    assert csv.header("content-type").startswith("text/csv")
    assert "<b>" in csv.text
    visitor.post(f"{here}/start")
    assert visitor.post(f"{here}/start").status == 422
    advance(sqlite_db, is_stopping=lambda: False, now=NOW)
    assert "已寫入 1 筆" in visitor.get(here).text
    assert "NT$500" in visitor.get(f"/console/members/{member}").text
    assert visitor.get("/console/imports/99").status == 404
    with sqlite_db.reading() as session:
        said = session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert [word for word in said if word.startswith("sales.")] == [
        "sales.file_brought",
        "sales.import_started",
    ]


def test_a_file_can_be_given_up(visitor: Browser) -> None:
    visitor.log_in(Role.MARKETER)
    here = brought(visitor, "日期,金額\n2026/07/01,1\n".encode()).location
    visitor.post(f"{here}/cancel")
    assert "已停止" in visitor.get(here).text
    assert visitor.post(f"{here}/cancel").status == 422


def test_missions_with_who_follows_and_what_went_out(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    visitor.log_in(Role.MARKETER)
    assert "還沒有任務" in visitor.get("/console/missions").text
    with sqlite_db.transaction() as session:
        missions.create(
            session,
            draft=MissionDraft(
                "regular",
                "每月常客",
                (Step("visits", 1),),
                window=Window("month", starts_on=NOW.date()),
                reward=Prize(50),
            ),
            now=NOW,
        )
    for _ in range(2):
        with sqlite_db.transaction() as session:
            bought(session, regular(session), 790, store_id=shop.store_id)
    page = visitor.get("/console/missions").text
    assert "每月常客" in page
    assert "來店 1 次" in page
    assert "100 點" in page

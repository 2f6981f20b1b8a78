"""The guide for a new brand, and what waits on the first page."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.coupons import queries as coupon_queries
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.line import account
from app.programmes import queries as programmes
from app.rulebooks import rules as books
from app.rulebooks import service as rulebooks
from app.rulebooks.starters import STARTER, STARTERS
from app.seeds import changes
from app.staff.models import AuditEntry, Staff, Store
from app.staff.rules import Role
from tests.support.at_once import at_once
from tests.support.people import regular
from tests.support.staffing import staffed_shop
from tests.support.times import NOW
from tests.support.web import Browser, browser


@pytest.fixture
def owner(sqlite_db: Database) -> Iterator[Browser]:
    """Of a brand that has only its people."""
    with sqlite_db.transaction() as session:
        staffed_shop(session)
        session.execute(sa.update(Store).values(is_active=False))
        session.execute(sa.update(Staff).where(Staff.role != Role.OWNER).values(is_active=False))
    with browser(sqlite_db, line_basic_id="@abc1234d") as new:
        new.log_in(Role.OWNER)
        yield new


def done(page: str) -> list[str]:
    """Codes of the steps that are ticked."""
    return [
        part.partition('"')[0]
        for part in page.split('<li id="')[1:]
        if "card done" in part.partition(">")[0]
    ]


def test_an_empty_brand_begins_with_nothing_done(owner: Browser) -> None:
    page = owner.get("/console/setup").text
    assert done(page) == []
    assert "完成 0／8 步" in page
    assert "還差 8 步就準備好了" in owner.get("/console").text


@pytest.mark.parametrize("code", sorted(STARTERS))
def test_a_template_is_sound(code: str) -> None:
    assert books.faults(STARTERS[code].book) == []


@pytest.mark.parametrize("code", sorted(STARTERS))
def test_a_template_begins_the_programme(sqlite_db: Database, owner: Browser, code: str) -> None:
    assert STARTERS[code].name in owner.get("/console/setup/tiers").text
    assert owner.post(f"/console/setup/tiers/{code}").location == "/console/setup?notice=begun"
    assert done(owner.get("/console/setup").text) == ["tiers", "coupon"]
    with sqlite_db.reading() as session:
        terms = programmes.terms_at(session, NOW)
        assert replace(terms, version=0) == STARTERS[code].book.terms
    assert owner.get("/console/programme").status == 200
    assert owner.get("/console/programme/thresholds").status == 200


def test_a_coupon_may_be_made_before_there_is_a_programme(
    sqlite_db: Database, owner: Browser
) -> None:
    """The fourth step may be taken before the third, and the third does not undo it."""
    assert owner.get("/console/coupons/new?template=amount_off").status == 200
    fields = {"template": "amount_off", "value": "100", "buys": "1", "valid_days": "30"}
    for code, name in (("opening", "開幕禮"), ("welcome", "自己的入會禮")):
        sent = owner.post(
            "/console/coupons", {**fields, "code": code, "name": name, "stacking": "stackable"}
        )
        assert sent.status == 303, sent.text
        assert owner.get(sent.location).status == 200
    assert owner.post("/console/setup/tiers/retail").location == "/console/setup?notice=begun"
    with sqlite_db.reading() as session:
        kinds = {kind.draft.code: kind for kind in coupon_queries.kinds(session)}
    assert kinds["opening"].is_active
    assert (kinds["welcome"].is_active, kinds["welcome"].draft.name) == (True, "自己的入會禮")
    assert kinds["upgrade_gold"].is_active


def test_a_page_that_needs_a_programme_says_so(owner: Browser) -> None:
    page = owner.get("/console/tiers")
    assert (page.status, "還沒有會員制度" in page.text) == (409, True)


def test_a_programme_is_begun_once(sqlite_db: Database, owner: Browser) -> None:
    found = at_once(
        lambda: owner.post("/console/setup/tiers/cafe").location,
        lambda: owner.post("/console/setup/tiers/retail").location,
    )
    assert sorted(str(place).rpartition("=")[2] for place in found) == ["begun", "known"]
    assert "用這個範本" not in owner.get("/console/setup/tiers").text
    with sqlite_db.reading() as session:
        assert len(programmes.versions(session, now=NOW)) == 1
        begun = sa.select(AuditEntry.id).where(AuditEntry.action == "programme.begun")
        assert len(session.scalars(begun).all()) == 1


def test_each_step_is_told_from_the_facts(sqlite_db: Database, owner: Browser) -> None:
    owner.post("/console/setup/tiers/retail")
    with sqlite_db.transaction() as session:
        session.execute(sa.update(Store).values(is_active=True))
        session.execute(sa.update(Staff).where(Staff.role == Role.CLERK).values(is_active=True))
        regular(session, joined_at=NOW)
    # A member who is a friend with a name of LINE also says that events come and the token holds.
    assert done(owner.get("/console/setup").text) == [
        "line",
        "tiers",
        "coupon",
        "store",
        "clerk",
        "member",
    ]
    with sqlite_db.transaction() as session:
        session.execute(sa.update(Store).values(is_active=False))
    assert "store" not in done(owner.get("/console/setup").text)


def test_a_new_programme_page_says_how_to_begin(owner: Browser) -> None:
    assert "/console/setup/tiers" in owner.get("/console/programme").text


def test_the_poster_shows_the_code_and_the_gift(owner: Browser) -> None:
    owner.post("/console/setup/tiers/retail")
    page = owner.get("/console/setup/poster").text
    assert "data:image/svg+xml" in page
    assert "入會禮 NT$100" in page
    assert "@abc1234d" in page


def test_a_poster_without_an_account_says_what_is_missing(sqlite_db: Database) -> None:
    with sqlite_db.transaction() as session:
        staffed_shop(session)
    with browser(sqlite_db) as new:
        new.log_in(Role.OWNER)
        assert "LINE_BASIC_ID" in new.get("/console/setup/poster").text


def test_a_line_that_does_not_answer_is_said_so(sqlite_db: Database) -> None:
    with sqlite_db.transaction() as session:
        staffed_shop(session)
    with browser(sqlite_db, line_api_base="http://127.0.0.1:9") as new:
        new.log_in(Role.OWNER)
        page = new.post("/console/setup/check").text
    assert "連不上 LINE" in page


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        ({}, "token"),
        ({"/v2/bot/info": '{"displayName":"熟客","basicId":"@x"}'}, "no_webhook"),
        ({"/v2/bot/info": "{}", "/v2/bot/channel/webhook/endpoint": "not json"}, "other_webhook"),
        (
            {
                "/v2/bot/info": "{}",
                "/v2/bot/channel/webhook/endpoint": '{"endpoint":"https://a","active":false}',
            },
            "inactive",
        ),
        (
            {
                "/v2/bot/info": "{}",
                "/v2/bot/channel/webhook/endpoint": '{"endpoint":"https://a","active":true}',
                "/v2/bot/channel/webhook/test": '{"success":false,"reason":"ERROR_STATUS_CODE"}',
            },
            "webhook",
        ),
        (
            {
                "/v2/bot/info": "{}",
                "/v2/bot/channel/webhook/endpoint": '{"endpoint":"https://a","active":true}',
                "/v2/bot/channel/webhook/test": '{"success":true}',
            },
            "",
        ),
    ],
)
def test_the_first_fault_of_the_connection_is_named(answers: dict[str, str], fault: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ")[1]
        body = answers.get(path, "{}").encode()
        status = b"200 OK" if path in answers else b"401 Unauthorized"
        writer.write(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async def ask() -> account.Health:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            base = f"http://127.0.0.1:{port}"
            return await account.check(base=base, token="t", wanted="https://a")

    assert asyncio.run(ask()).fault == fault


# What waits ---------------------------------------------------------------------------------------


@pytest.fixture
def visitors(sqlite_db: Database) -> Iterator[Browser]:
    with sqlite_db.transaction() as session:
        staffed_shop(session)
        rulebooks.apply(session, STARTER, starts_at=NOW, actor="cli", now=NOW)
    with browser(sqlite_db) as new:
        yield new


def test_the_first_page_says_what_waits(sqlite_db: Database, visitors: Browser) -> None:
    with sqlite_db.transaction() as session:
        changes.write(session, now=NOW)
        ending = KindDraft("summer", "夏日折百", "amount_off", 100, ends_at=NOW + timedelta(days=5))
        coupons.create_kind(session, draft=ending, now=NOW)
        lasting = replace(ending, code="long", name="整年券", ends_at=NOW + timedelta(days=50))
        coupons.create_kind(session, draft=lasting, now=NOW)
    visitors.log_in(Role.OWNER)
    page = visitors.get("/console").text
    assert "會員制度的修改等待核准" in page
    assert "夏日折百" in page
    assert "整年券" not in page
    assert "LINE 連線：最近收到 還沒有" in page


def test_nobody_is_told_of_what_they_may_not_do(sqlite_db: Database, visitors: Browser) -> None:
    with sqlite_db.transaction() as session:
        changes.write(session, now=NOW)
    visitors.log_in(Role.ANALYST)
    page = visitors.get("/console").text
    assert "等待核准" not in page
    assert "設定導覽" not in page

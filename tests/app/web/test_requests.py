"""/console/requests: typed as people say it, late ones said, nothing lost."""

import json

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.lookups.models import Lookup
from app.members.models import CLOSED, MEMBER, Member
from app.seeds import requests as seeds
from app.staff.models import AuditEntry
from app.staff.rules import Role
from app.web.console import requests
from tests.support.loyalty import publish
from tests.support.people import regular
from tests.support.staffing import Shop
from tests.support.times import NOW
from tests.support.web import Browser

GOOD = {"form_id": "f", "kind": "copy", "channel": "phone", "asked_on": "2026-07-01"}


@pytest.fixture
def hana(sqlite_db: Database, shop: Shop) -> int:
    with sqlite_db.transaction() as session:
        publish(session)
        return regular(session, name="陳小花", phone="+886912345678")


@pytest.mark.parametrize("typed", ["0912 345 678", "#{}", " ０９１２３４５６７８ "])
def test_a_request_is_written_down_for_whoever_was_typed(
    visitor: Browser, hana: int, typed: str
) -> None:
    visitor.log_in(Role.SUPPORT)
    for _ in range(2):  # a double click
        done = visitor.post("/console/requests", GOOD | {"member": typed.format(hana)})
        assert done.location.endswith("notice=opened")
    page = visitor.get("/console/requests").text
    assert "處理中（1）" in page
    assert "陳小花" in page
    assert "2026/07/16" in page


@pytest.mark.parametrize(
    ("field", "value"), [("member", "0999999999"), ("asked_on", "2026-08-01"), ("kind", "sell")]
)
def test_what_is_wrong_is_said_at_its_field(
    visitor: Browser, hana: int, field: str, value: str
) -> None:
    visitor.log_in(Role.OWNER)
    typed = GOOD | {"member": "0912345678", "note": "要明細"} | {field: value}
    page = visitor.post("/console/requests", typed)
    assert page.status == 422
    assert 'role="alert"' in page.text
    assert 'value="要明細"' in page.text


def test_late_ones_stand_first_and_end_once(
    sqlite_db: Database, visitor: Browser, hana: int
) -> None:
    with sqlite_db.transaction() as session:
        for name in ("林大樹", "王小明"):
            regular(session, name=name)
        seeds.write(session, now=NOW)
    visitor.log_in(Role.OWNER)
    page = visitor.get("/console/requests").text
    assert page.index("逾期 2 天") < page.index("剩 26 天")
    assert "已停止寄送" in page
    url = "/console/requests/1/decide"
    assert visitor.post(url, {"status": "refused"}).location.endswith("notice=note")
    assert visitor.post(url, {"status": "done"}).location.endswith("notice=decided")
    assert visitor.post(url, {"status": "done"}).location.endswith("notice=late")
    late = visitor.post("/console/requests/1/prolong", {"note": "x"})
    assert late.location.endswith("notice=late")


@pytest.mark.parametrize("kind", ["delete", "stop"])
def test_before_it_is_carried_out_it_says_what_will_happen(
    sqlite_db: Database, visitor: Browser, hana: int, kind: str
) -> None:
    visitor.log_in(Role.SUPPORT)
    visitor.post("/console/requests", GOOD | {"member": f"#{hana}", "kind": kind})
    assert requests.DOING[kind] in visitor.get("/console/requests").text
    visitor.post("/console/requests/1/decide", {"status": "done"})
    with sqlite_db.reading() as session:
        member = session.get_one(Member, hana)
        assert not member.marketing_ok
        assert member.status == (CLOSED if kind == "delete" else MEMBER)


def test_who_is_no_member_stays_open(sqlite_db: Database, visitor: Browser, hana: int) -> None:
    visitor.log_in(Role.SUPPORT)
    visitor.post("/console/requests", GOOD | {"member": f"#{hana}", "kind": "delete"})
    with sqlite_db.transaction() as session:
        session.execute(sa.update(Member).values(status="guest"))
    told = visitor.post("/console/requests/1/decide", {"status": "done"}).location
    assert "沒有會員資格" in visitor.get(told).text
    assert "處理中（1）" in visitor.get("/console/requests").text


def test_a_copy_is_fetched_as_a_file_and_the_look_is_kept(
    sqlite_db: Database, visitor: Browser, hana: int
) -> None:
    visitor.log_in(Role.SUPPORT)
    visitor.post("/console/requests", GOOD | {"member": f"#{hana}"})
    assert "/console/requests/1/data" in visitor.get("/console/requests").text
    file = visitor.get("/console/requests/1/data")
    assert json.loads(file.text)["held"]["members"][0]["name"] == "陳小花"
    with sqlite_db.reading() as session:
        look = session.execute(
            sa.select(Lookup.what, Lookup.member_id, Lookup.source).order_by(Lookup.id.desc())
        ).first()
        done = session.scalars(sa.select(AuditEntry.action)).all()
    assert look is not None
    assert tuple(look) == ("file", hana, "request:1")
    assert "request.fetched" in done
    visitor.post("/console/requests/1/decide", {"status": "done"})
    assert visitor.get("/console/requests/1/data").status == 404


def test_only_who_asked_for_their_data_has_it_fetched(visitor: Browser, hana: int) -> None:
    visitor.log_in(Role.OWNER)
    visitor.post("/console/requests", GOOD | {"member": f"#{hana}", "kind": "stop"})
    assert visitor.get("/console/requests/1/data").status == 404

"""/console/requests: typed as people say it, late ones said, nothing lost."""

import pytest

from app.core.db import Database
from app.seeds import requests as seeds
from app.staff.rules import Role
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

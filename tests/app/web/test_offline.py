"""Where the sales of a till without network come in, and what its page is made of."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.purchases.models import Purchase
from app.staff import queries
from app.staff.rules import Role
from tests.support.people import regular
from tests.support.staffing import Shop
from tests.support.times import NOW
from tests.support.web import SAME_ORIGIN, Browser

ID = "5e0c0f3c-6a5a-4a07-9f1e-8f8e6a2d1c00"


@pytest.fixture
def till(sqlite_db: Database, visitor: Browser, shop: Shop) -> Browser:
    with sqlite_db.transaction() as session:
        regular(session, phone="+886912345678")
    visitor.log_in(Role.CLERK, area="/clerk")
    return visitor


def send(till: Browser, path: str, body: Any, **headers: str) -> Any:
    as_json = {"accept": "application/json"}
    told = till.http.get("/clerk/offline/settings", headers=as_json).json()
    sent = SAME_ORIGIN | as_json | {"x-form-token": told.get("token", "")}
    return till.http.post(path, json=body, headers=sent | headers)


def sale(shop: Shop, **more: Any) -> dict[str, Any]:
    at = (NOW - timedelta(hours=1)).isoformat()
    body = {"id": ID, "code": "0912345678", "amount": 790, "at": at, "store_id": shop.store_id}
    return body | more


def sold(db: Database) -> list[tuple[int, str]]:
    with db.reading() as session:
        return [
            (row.amount, row.channel)
            for row in session.execute(sa.select(Purchase.amount, Purchase.channel))
        ]


def test_a_sale_comes_in_once(sqlite_db: Database, till: Browser, shop: Shop) -> None:
    answers = [send(till, "/clerk/offline/sales", sale(shop)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json()["is_new"] for answer in answers] == [True, False]
    assert sold(sqlite_db) == [(790, "offline")]
    with sqlite_db.reading() as session:
        assert len(queries.audit_entries(session, action="offline.recorded")) == 1


def test_a_sale_typed_in_another_store_waits(
    sqlite_db: Database, till: Browser, shop: Shop
) -> None:
    answer = send(till, "/clerk/offline/sales", sale(shop, store_id=shop.other_store_id))
    assert answer.status_code == 409
    assert "is_refused" not in answer.json()
    assert sold(sqlite_db) == []


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"code": "0999999999"}, "找不到這位會員"),
        ({"code": "hello"}, "看不懂這個號碼"),
        ({"code": "RG1.0123456789ABCDEFGHJKMN"}, "不是本店的會員卡"),
        ({"amount": 20_001}, "一筆最多 NT$20,000"),
        ({"amount": 0}, "金額請輸入整數"),
        ({"at": (NOW - timedelta(hours=73)).isoformat()}, "超過 72 小時"),
        ({"at": (NOW + timedelta(hours=1)).isoformat()}, "消費時間不正確"),
    ],
)
def test_a_sale_that_cannot_be_is_refused_with_its_reason(
    sqlite_db: Database, till: Browser, shop: Shop, more: dict[str, Any], sentence: str
) -> None:
    answer = send(till, "/clerk/offline/sales", sale(shop, **more))
    assert answer.status_code == 409
    assert answer.json()["is_refused"] is True
    assert sentence in answer.json()["error"]
    assert sold(sqlite_db) == []
    with sqlite_db.reading() as session:
        (noted,) = queries.audit_entries(session, action="offline.refused")
    assert "0999999999" not in str(noted.after)


@pytest.mark.parametrize("body", [{}, [], {"id": ID}, "x", {"id": ID, "code": "a\x00b"}])
def test_what_is_no_sale_is_malformed(till: Browser, body: Any) -> None:
    assert send(till, "/clerk/offline/sales", body).status_code == 422


def test_without_a_login_or_the_forms_token_nothing_comes_in(
    sqlite_db: Database, till: Browser, shop: Shop
) -> None:
    foreign = send(till, "/clerk/offline/sales", sale(shop), **{"x-form-token": "other"})
    assert foreign.status_code == 403
    till.http.cookies.clear()
    lost = send(till, "/clerk/offline/sales", sale(shop))
    assert lost.status_code == 401
    assert "重新登入" in lost.json()["error"]
    assert sold(sqlite_db) == []


def test_the_page_that_a_browser_keeps_holds_nothing_of_anybody(till: Browser) -> None:
    kept = till.get("/clerk/offline").text
    assert till.form_token() not in kept
    assert "Aoi" not in kept
    till.http.cookies.clear()
    assert till.get("/clerk/offline").text == kept


def test_the_worker_keeps_to_the_till_and_names_its_version(till: Browser) -> None:
    answer = till.http.get("/clerk/worker.js")
    assert answer.headers["service-worker-allowed"] == "/clerk"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    kept = answer.text.splitlines()[1]
    for path in ("/clerk/offline", "js/queue.js", "js/offline.js", "css/clerk.css"):
        assert path in kept
    for path in kept.split('"')[1::2]:
        assert till.http.get(path).status_code == 200

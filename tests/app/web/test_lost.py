"""An address that leads nowhere and a fault of ours, said in words to who reads pages."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.core.db import Database
from tests.support.web import BASE, Watch, staff_app

PAGE = {"accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def http(sqlite_db: Database) -> Iterator[TestClient]:
    app = staff_app(sqlite_db, Watch())

    @app.get("/console/broken")
    def broken() -> None:
        raise ZeroDivisionError("陳小花 0912345678")

    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("url", ["/console/nowhere", "/clerk/nowhere", "/nowhere"])
def test_an_address_that_leads_nowhere_is_a_page_with_a_way_back(
    http: TestClient, url: str
) -> None:
    answer = http.get(url, headers=PAGE)
    assert answer.status_code == 404
    assert "這個網址沒有東西" in answer.text
    assert "/console/login" in answer.text


def test_a_program_gets_json_as_before(http: TestClient) -> None:
    answer = http.get("/console/nowhere", headers={"accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json() == {"detail": "Not Found"}


def test_a_fault_of_ours_says_when_and_nothing_of_what(http: TestClient) -> None:
    answer = http.get("/console/broken", headers=PAGE)
    assert answer.status_code == 500
    assert "2026/07/04 12:00" in answer.text
    for inner in ("陳小花", "ZeroDivision", "Traceback"):
        assert inner not in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert http.get("/console/broken").text == "Internal Server Error"


def test_other_refusals_stay_as_they_were(http: TestClient) -> None:
    assert http.post("/console", headers=PAGE).status_code == 405

"""Many sales in one call: sound ones count, others say why, and nothing counts twice."""

from typing import Any

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.insights import checks
from app.purchases.models import Purchase
from tests.support.api import Api, open_api
from tests.support.times import NOW


@pytest.fixture
def api(db: Database) -> Api:
    return open_api(db)


def batch(api: Api, *sales: dict[str, Any]) -> dict[str, Any]:
    answer = api.post("/purchases/batch", {"purchases": list(sales)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_each_sale_is_answered_on_its_own(api: Api) -> None:
    found = batch(
        api,
        api.sale("B-1"),
        api.sale("B-2", amount=-5),
        api.sale("B-3", member={"number": "1000000009"}),
        api.sale("B-1"),
        api.sale("B-1", amount=1),
        api.sale("B-4", store="nowhere"),
        {"amount": 3},
        api.sale("B-5", member=None),
    )
    assert [item["status"] for item in found["results"]] == [201, 422, 422, 200, 409, 422, 422, 201]
    assert found["counts"] == {"created": 2, "repeated": 1, "refused": 5}
    single = api.post("/purchases", api.sale("B-1")).json()
    assert found["results"][0]["answer"] == found["results"][3]["answer"] == single
    problems = [
        item["problem"]["errors"][0]["field"] for item in found["results"] if "problem" in item
    ]
    assert problems == ["amount", "member", "external_id", "store", "external_id"]
    assert found["results"][6]["external_id"] is None


def test_the_same_batch_again_changes_nothing(api: Api) -> None:
    sales = [api.sale(f"B-{number}") for number in range(120)]
    first, again = batch(api, *sales), batch(api, *reversed(sales))
    assert first["counts"] == {"created": 120, "repeated": 0, "refused": 0}
    assert again["counts"] == {"created": 0, "repeated": 120, "refused": 0}
    with api.db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Purchase)) == 120
        assert checks.broken_invariants(session, now=NOW) == []


def test_two_tills_with_one_batch_at_once_count_it_once(api: Api) -> None:
    body = {"purchases": [api.sale(f"B-{number}") for number in range(40)]}
    answers = api.at_once(*[lambda client: client.post("/purchases/batch", json=body)] * 3)
    created = [answer.json()["counts"]["created"] for answer in answers]
    assert sum(created) == 40
    with api.db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Purchase)) == 40


@pytest.mark.parametrize("body", [{}, {"purchases": []}, {"purchases": 3}, {"purchases": [3]}, []])
def test_what_is_no_batch_is_refused_whole(api: Api, body: Any) -> None:
    assert api.post("/purchases/batch", body).status_code == 422


def test_more_than_five_hundred_are_too_many(api: Api) -> None:
    sales = [{"external_id": f"B-{number}", "amount": 1} for number in range(501)]
    assert api.post("/purchases/batch", {"purchases": sales}).status_code == 422


def test_a_reader_may_not(api: Api) -> None:
    body = {"purchases": [api.sale()]}
    assert api.post("/purchases/batch", body, token=api.reader).status_code == 403

"""What a till is told when a sale cannot be: the field, and why, in one language."""

from datetime import timedelta
from typing import Any

import pytest

from app.core.db import Database
from tests.support.api import open_api
from tests.support.times import NOW


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        (
            {"sold_at": (NOW + timedelta(minutes=11)).isoformat()},
            [{"field": "sold_at", "reason": "lies in the future"}],
        ),
        (
            {"member": None, "coupon": "ABCDEF"},
            [{"field": "coupon", "reason": "needs a member whose coupon it is"}],
        ),
    ],
)
def test_what_cannot_be_names_the_field(
    sqlite_db: Database, fields: dict[str, Any], errors: list[dict[str, str]]
) -> None:
    api = open_api(sqlite_db)
    answer = api.post("/purchases", api.sale(**fields))
    assert answer.status_code == 422
    assert answer.json()["errors"] == errors
    assert api.get("/purchases/S-1").status_code == 404


def test_a_clock_that_runs_a_little_ahead_is_forgiven(sqlite_db: Database) -> None:
    api = open_api(sqlite_db)
    ahead = (NOW + timedelta(minutes=10)).isoformat()
    assert api.post("/purchases", api.sale(sold_at=ahead)).status_code == 201

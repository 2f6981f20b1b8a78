"""A staffed shop and a browser in it."""

from collections.abc import Iterator

import pytest

from app.core.db import Database
from tests.support.loyalty import publish
from tests.support.staffing import Shop, staffed_shop
from tests.support.web import Browser, browser


@pytest.fixture
def shop(sqlite_db: Database) -> Shop:
    with sqlite_db.transaction() as session:
        publish(session)
        return staffed_shop(session)


@pytest.fixture
def visitor(sqlite_db: Database, shop: Shop) -> Iterator[Browser]:
    """Not logged in yet."""
    with browser(sqlite_db) as new:
        yield new

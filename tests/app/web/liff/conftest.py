from collections.abc import Iterator

import pytest

from app.core.db import Database
from tests.support import loyalty
from tests.support.liff import Phone, phone


@pytest.fixture
def shop_db(sqlite_db: Database) -> Database:
    with sqlite_db.transaction() as session:
        loyalty.publish(session)
    return sqlite_db


@pytest.fixture
def ken(shop_db: Database) -> Iterator[Phone]:
    """A stranger whose LINE has opened a page."""
    with phone(shop_db) as line:
        assert line.open().status == 200
        yield line

"""/console/hooks: the secret is seen once, what was typed is not lost, a click does it once."""

import re

import pytest
import sqlalchemy as sa

from app.core import ids
from app.core.db import Database
from app.hooks.models import DELIVERIES, HOOKS
from app.staff.models import AuditEntry
from app.staff.rules import Role
from tests.support.staffing import Shop
from tests.support.web import Browser

URL = "https://erp.example.tw/in"


@pytest.fixture
def owner(visitor: Browser, shop: Shop) -> Browser:
    visitor.log_in(Role.OWNER)
    return visitor


def make(owner: Browser, **fields: str | list[str]) -> str:
    """Return the secret."""
    typed: dict[str, str | list[str]] = {"name": "ERP", "url": URL, "kinds": ["draw.won"]}
    typed["form_id"] = ids.random_code()
    page = owner.post("/console/hooks", typed | fields)
    found = re.search(r'value="(whsec_[^"]+)"', page.text)
    return found[1] if found else page.text


def audited(db: Database) -> list[str]:
    with db.reading() as session:
        return list(session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)))


def test_the_secret_is_on_one_answer_and_nowhere_else(sqlite_db: Database, owner: Browser) -> None:
    secret = make(owner)
    assert secret.startswith("whsec_")
    page = owner.get("/console/hooks/1").text
    assert "whsec_" not in page
    assert URL in page
    with sqlite_db.reading() as session:
        rows = session.execute(sa.select(AuditEntry.before, AuditEntry.after)).all()
    assert secret not in str(rows)
    assert "hook.made" in audited(sqlite_db)


def test_a_bad_address_is_said_at_its_field_and_nothing_typed_is_lost(owner: Browser) -> None:
    page = owner.post(
        "/console/hooks",
        {
            "form_id": "f",
            "name": "舊系統",
            "url": "http://10.0.0.1/x",
            "kinds": ["tier.upgraded"],
            "with_person": "1",
        },
    )
    assert page.status == 422
    assert "url-fault" in page.text
    assert 'value="舊系統"' in page.text
    assert 'value="http://10.0.0.1/x"' in page.text
    assert 'value="tier.upgraded" checked' in page.text
    assert 'name="with_person" value="1" checked' in page.text


def test_settings_pause_and_secret_are_changed_and_audited(
    sqlite_db: Database, owner: Browser
) -> None:
    secret = make(owner)
    changed = owner.post("/console/hooks/1", {"name": "新 ERP", "url": URL, "kinds": ["draw.won"]})
    assert changed.location.endswith("notice=saved")
    assert owner.post("/console/hooks/1/pause").location.endswith("notice=paused")
    assert owner.post("/console/hooks/1/pause").location.endswith("notice=late")
    assert owner.post("/console/hooks/1/resume").location.endswith("notice=resumed")
    for _ in range(2):  # a double click
        page = owner.post("/console/hooks/1/secret", {"form_id": "r"}).text
    found = re.search(r'value="(whsec_[^"]+)"', page)
    assert found
    assert found[1] != secret
    assert "舊的金鑰到" in owner.get("/console/hooks/1").text
    assert owner.post("/console/hooks/1/remove").location.endswith("notice=removed")
    assert owner.get("/console/hooks/1").status == 404
    actions = [one for one in audited(sqlite_db) if one.startswith("hook.")]
    assert actions == [
        "hook.made", "hook.changed", "hook.paused", "hook.resumed", "hook.secret_changed",
        "hook.removed",
    ]  # fmt: skip


def test_a_test_pressed_twice_is_one_row_which_the_page_shows(
    sqlite_db: Database, owner: Browser
) -> None:
    make(owner)
    for _ in range(2):
        owner.post("/console/hooks/1/test", {"form_id": "same"})
    with sqlite_db.transaction() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(DELIVERIES)) == 1
        session.execute(sa.update(DELIVERIES).values(status="failed", attempts=8, answer=503))
    page = owner.get("/console/hooks/1?status=failed").text
    assert "對方回答 503" in page
    assert owner.post("/console/hooks/1/deliveries/1/again").location.endswith("notice=again")
    assert owner.post("/console/hooks/1/deliveries/1/again").location.endswith("notice=late")


def test_deliveries_of_one_address_are_not_sent_again_through_another(
    sqlite_db: Database, owner: Browser
) -> None:
    make(owner)
    make(owner)
    owner.post("/console/hooks/1/test", {"form_id": "x"})
    with sqlite_db.transaction() as session:
        session.execute(sa.update(DELIVERIES).values(status="failed"))
    assert owner.post("/console/hooks/2/deliveries/1/again").location.endswith("notice=late")
    assert owner.post("/console/hooks/2/again").location.endswith("notice=late")
    with sqlite_db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(HOOKS)) == 2

"""Draws for staff and for anybody: who sees what, what is public, what is written down."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.draws import queries, rules, service
from app.draws.models import DRAWS
from app.draws.rules import Prize
from app.staff.models import AuditEntry
from app.staff.rules import Role
from flex_templates.theme import CAMPHOR
from tests.app.draws.test_service import DRAFT, END, plan, press, rich
from tests.support.staffing import Shop
from tests.support.times import NOW
from tests.support.web import Browser


@pytest.fixture
def draw_id(sqlite_db: Database, shop: Shop) -> int:
    """Three members are in it."""
    with sqlite_db.transaction() as session:
        draw = plan(session, replace(DRAFT, prizes=(Prize("茶具組", 1, 25_000),)))
        for _ in range(3):
            press(session, draw, rich(session))
        return draw.id


def decided(db: Database, draw_id: int) -> None:
    with db.transaction() as session:
        service.freeze(session, draw_id=draw_id, now=END)
        service.decide(session, draw_id=draw_id, theme=CAMPHOR, now=END)


def test_a_running_draw_shows_its_promise_and_not_its_seed(
    visitor: Browser, draw_id: int, sqlite_db: Database
) -> None:
    with sqlite_db.reading() as session:
        row = session.execute(sa.select(DRAWS)).one()
    page = visitor.get("/draws/summer")
    assert page.status == 200
    for words in (row.commitment, row.terms_hash, "開獎後公布", "NT$25,000", "扣繳 10%", "30 天"):
        assert words in page.text
    assert row.seed not in page.text
    for file in ("proof.json", "entrants.txt"):
        assert visitor.get(f"/draws/summer/{file}").status == 404
    assert visitor.get("/draws/nothing").status == 404
    visitor.log_in(Role.OWNER)
    assert row.seed not in visitor.get(f"/console/draws/{draw_id}").text


def test_a_draw_to_come_is_nobodys_business(visitor: Browser, draw_id: int) -> None:
    visitor.watch.now = NOW - timedelta(seconds=1)
    assert visitor.get("/draws/summer").status == 404


def test_the_frozen_list_is_public_byte_by_byte(
    visitor: Browser, draw_id: int, sqlite_db: Database
) -> None:
    with sqlite_db.transaction() as session:
        service.freeze(session, draw_id=draw_id, now=END)
    listed = visitor.get("/draws/summer/entrants.txt").text
    assert len(listed.splitlines()) == 3
    assert rules.sha256(listed) in visitor.get("/draws/summer").text
    assert visitor.get("/draws/summer/proof.json").status == 404


def test_the_proof_of_a_draw_that_is_over_verifies_and_names_nobody(
    visitor: Browser, draw_id: int, sqlite_db: Database
) -> None:
    decided(sqlite_db, draw_id)
    page = visitor.get("/draws/summer").text
    assert "結果與公布的名單相符" in page
    assert "林○花" in page
    assert "林小花" not in page
    file = visitor.get("/draws/summer/proof.json")
    rules.verify(rules.proof_from_json(file.response.json()))  # type: ignore[attr-defined]  # httpx
    assert "林" not in file.text


def test_a_tampered_draw_is_shown_as_such(
    visitor: Browser, draw_id: int, sqlite_db: Database
) -> None:
    decided(sqlite_db, draw_id)
    with sqlite_db.transaction() as session:
        session.execute(sa.update(DRAWS).values(seed="ab" * 32))
    assert "重算結果不符" in visitor.get("/draws/summer").text


def test_staff_freeze_and_draw_when_the_time_has_come_and_once(
    visitor: Browser, draw_id: int, sqlite_db: Database
) -> None:
    visitor.log_in(Role.MARKETER)
    url = f"/console/draws/{draw_id}"
    assert visitor.post(f"{url}/freeze").location.endswith("done=early")
    assert visitor.post(f"{url}/decide").location.endswith("done=early")
    visitor.watch.now = END
    visitor.log_in(Role.MARKETER)
    assert "凍結名單</button>" in visitor.get(url).text
    assert visitor.post(f"{url}/freeze").location.endswith("done=frozen")
    assert visitor.post(f"{url}/freeze").location.endswith("done=late")
    assert visitor.post(f"{url}/decide").location.endswith("done=drawn")
    assert visitor.post(f"{url}/decide").location.endswith("done=late")
    page = visitor.get(url).text
    assert "NT$2,500" in page  # withheld from NT$25,000
    with sqlite_db.reading() as session:
        win = queries.wins(session, draw_id)[0]
        noted = session.scalars(
            sa.select(AuditEntry.action).where(AuditEntry.object == f"draw:{draw_id}")
        ).all()
    assert list(noted) == ["draw.created", "draw.frozen", "draw.decided"]
    assert visitor.post(f"{url}/wins/{win.id}/claim").location.endswith("done=claimed")
    assert visitor.post(f"{url}/wins/{win.id}/claim").location.endswith("done=late")


@pytest.mark.parametrize("role", [Role.ANALYST, Role.STORE_MANAGER, Role.SUPPORT])
def test_who_may_look_may_not_run(visitor: Browser, draw_id: int, role: Role) -> None:
    visitor.watch.now = END
    visitor.log_in(role)
    page = visitor.get(f"/console/draws/{draw_id}").text
    assert "凍結名單</button>" not in page
    assert "夏日抽獎" in visitor.get("/console/draws").text
    assert visitor.post(f"/console/draws/{draw_id}/freeze").status == 403

"""kill -9 while menus are published, and LINE that answers 500, loses its answer or hangs up: every
page is made once, people always have a menu, and in the end the new one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.members.models import Member
from app.richmenus import queries, service
from tests.app.richmenus.test_rules import TWO_TABS
from tests.crash.test_broadcast import Clock
from tests.support.loyalty import publish
from tests.support.people import regular
from tests.support.product import TOKEN, House, house, until
from tests.support.times import NOW

KILLS = 4
FAULTS = (
    {"status": 500, "every": 5},
    {"drop": "after", "every": 4},  # done, and the line is cut
    {"drop": "before", "every": 7},
)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def place(tmp_path: Path, database_url: str, clock: Clock) -> Iterator[House]:
    with house(tmp_path, database_url, REGULARS_CLOCK=f"file:{clock.path}") as running:
        yield running


def asked(place: House, path: str) -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return place.line.http.get(f"/api/v2/bot/richmenu/{path}", headers=headers).json()


def calls(place: House) -> int:
    """Requests about menus, answered or not."""
    log = place.line.get("/control/log", limit=100_000)["requests"]
    return len([entry for entry in log if "richmenu" in entry["path"]])


def draw(db: Database) -> list[int]:
    """The two everybody has, the members' with tabs, and one for a tier; return their ids."""
    with db.transaction() as session:
        service.ready(session, now=NOW)
        own = {menu.code: menu for menu in queries.menus(session)}
        service.revise(
            session,
            menu_id=own["member"].id,
            name="會員",
            meant=service.Meant("member"),
            drawn=TWO_TABS,
            now=NOW,
        )
        tier = service.Meant("tier", tier_code="basic")
        special = service.create(session, name="普卡", meant=tier, drawn=TWO_TABS, now=NOW)
    return [own["guest"].id, own["member"].id, special]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_menus_are_in_place_whatever_dies(place: House, clock: Clock) -> None:
    db = Database(place.database_url)
    with db.transaction() as session:
        publish(session)
        hana = regular(session)
        account = session.scalars(sa.select(Member.line_user_id).where(Member.id == hana)).one()
    place.line.post("/control/users", {"users": [{"userId": account, "following": True}]})
    menus = draw(db)
    for fault in FAULTS:
        place.line.post("/control/faults", {"path": "/v2/bot/richmenu*"} | fault)
    for menu_id in menus:
        with db.transaction() as session:
            service.begin(session, menu_id=menu_id, staff_id=None, now=NOW)

    def is_busy(since: int) -> bool:
        clock.forward(1)
        return calls(place) > since

    for kill in range(KILLS):
        since = calls(place)
        until(lambda: is_busy(since + kill % 3), "nothing is asked any more")  # noqa: B023
        place.product.kill()
        clock.forward(int(service.LEASE.total_seconds()) + 1)
        place.product.start()
    place.line.http.delete("/control/faults")

    def is_over() -> bool:
        clock.forward(5)
        with db.reading() as session:
            found = queries.menus(session)
            is_told = not queries.has_work(session, now=clock.now)
        live = [menu for menu in found if menu.live is not None and not menu.is_at_work]
        return is_told and len(live) == 3 and found[2].wearers == 1

    until(is_over, "it does not end", seconds=120)
    aliases = {
        item["richMenuAliasId"]: item["richMenuId"]
        for item in asked(place, "alias/list")["aliases"]
    }
    with db.reading() as session:
        code = queries.menu(session, menus[2]).code
    assert set(aliases) == {"guest", "member", "member-2", code, f"{code}-2"}
    made = [item["richMenuId"] for item in asked(place, "list")["richmenus"]]
    assert sorted(made) == sorted(aliases.values()), "every page once"
    shown = place.line.get("/control/state")["defaultRichMenu"]
    assert shown == aliases["guest"]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    linked = place.line.http.get(f"/api/v2/bot/user/{account}/richmenu", headers=headers).json()
    assert linked == {"richMenuId": aliases[code]}
    db.dispose()

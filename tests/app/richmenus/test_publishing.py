"""Publishing to LINE (the simulator) with the SDK: by command, again and again, and a menu with
tabs for some members from the first picture to its last trace."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
import uvicorn

from app.core.config import Settings
from app.core.db import Database
from app.jobs import menus as jobs
from app.line.gateway import Failure, SendError
from app.line.richmenus import SdkRichMenus
from app.richmenus import queries, service
from app.richmenus.publishing import line_menus, publish_menus
from app.simulator import create_simulator
from app.simulator.app import Simulator
from app.simulator.config import SimulatorConfig
from app.simulator.people import Person
from tests.app.richmenus.shop import menu, own_menus
from tests.app.richmenus.test_rules import TWO_TABS
from tests.support.loyalty import publish
from tests.support.people import regular
from tests.support.product import free_port, until
from tests.support.times import NOW

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
LATER = NOW + service.MOVE_AFTER


@pytest.fixture
def simulator() -> Simulator:
    return create_simulator(SimulatorConfig(channel_access_token="token"))


@pytest.fixture
def settings(simulator: Simulator) -> Iterator[Settings]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(simulator, port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started, "the simulator did not start")
    base = f"http://127.0.0.1:{port}/api"
    yield Settings(line_api_base=base, line_channel_access_token="token", secret_key="k")
    server.should_exit = True
    thread.join()


def test_menus_are_published_and_published_again(
    db: Database, simulator: Simulator, settings: Settings
) -> None:
    first = publish_menus(db, settings, now=NOW)
    assert set(first) == {"guest", "member"}
    second = publish_menus(db, settings, now=NOW)
    assert set(second) == {"guest", "member"}
    assert not set(first.values()) & set(second.values())
    assert simulator.state.aliases == second
    assert simulator.state.default_menu == second["guest"]
    assert not any(shown.is_at_work for shown in own_menus(db).values())


def test_what_a_command_could_not_finish_the_next_one_does(
    db: Database, simulator: Simulator, settings: Settings
) -> None:
    away = settings.model_copy(update={"line_api_base": "http://127.0.0.1:9"})
    with pytest.raises(SendError):
        publish_menus(db, away, now=NOW)
    published = publish_menus(db, settings, now=NOW + timedelta(minutes=1))
    assert simulator.state.aliases == published
    assert own_menus(db)["guest"].latest is not None
    assert len(simulator.state.menus) == 2


def test_a_menu_with_tabs_for_some_and_its_last_trace(
    db: Database, simulator: Simulator, settings: Settings
) -> None:
    line = line_menus(settings)
    with db.transaction() as session:
        publish(session)
        hana = regular(session)
        user_id = next(iter(jobs._accounts(session, [hana]).values()))
        tier = service.Meant("tier", tier_code="basic")
        menu_id = service.create(session, name="一般", meant=tier, drawn=TWO_TABS, now=NOW)
        service.begin(session, menu_id=menu_id, staff_id=None, now=NOW)
    person = Person(user_id, "Hana", is_following=True)
    simulator.state.people[user_id] = person
    publish_menus(db, settings, now=NOW)
    for now in (NOW, LATER):
        jobs.advance(db, line, settings, is_stopping=lambda: False, now=now)
    code = menu(db, menu_id).code
    assert person.rich_menu_id == simulator.state.aliases[code]
    assert f"{code}-2" in simulator.state.aliases
    with db.transaction() as session:
        service.remove(session, menu_id=menu_id, now=LATER)
    jobs.advance(db, line, settings, is_stopping=lambda: False, now=LATER)
    assert person.rich_menu_id == simulator.state.aliases["member"]
    assert jobs.clear(db, line, now=LATER + queries.KEPT) == 2
    assert set(simulator.state.aliases) == {"guest", "member"}
    assert len(simulator.state.menus) == 2


def test_what_line_says_no_to(settings: Settings) -> None:
    line = line_menus(settings)
    line.delete("richmenu-gone")
    line.delete_alias("gone")
    assert not line.has_picture("richmenu-gone")
    with pytest.raises(SendError) as gone:
        line.set_default("richmenu-gone")
    assert (gone.value.failure, gone.value.status) == (Failure.PERMANENT, 404)
    wrong = SdkRichMenus(
        base=settings.line_api_base, data_base=settings.line_data_base, token="other"
    )
    with pytest.raises(SendError) as refused:
        wrong.unlink(["U" + "0" * 32])
    assert refused.value.status == 401
    with httpx.Client(base_url=settings.line_api_base.removesuffix("/api")) as http:
        http.post("/control/faults", json={"path": "/v2/bot/richmenu/*", "status": 500})
    with pytest.raises(SendError) as broken:
        line.unlink(["U" + "0" * 32])
    assert broken.value.failure is Failure.UNKNOWN

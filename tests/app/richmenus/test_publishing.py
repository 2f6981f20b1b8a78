"""Publishing to LINE (the simulator) with the SDK, again and again."""

import threading
from collections.abc import Iterator

import pytest
import uvicorn

from app.core.config import Settings
from app.richmenus.publishing import publish_menus
from app.simulator import create_simulator
from app.simulator.config import SimulatorConfig
from tests.support.product import free_port, until


@pytest.fixture
def line() -> Iterator[str]:
    port = free_port()
    simulator = create_simulator(SimulatorConfig(channel_access_token="token"))
    server = uvicorn.Server(uvicorn.Config(simulator, port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started, "the simulator did not start")
    yield f"http://127.0.0.1:{port}/api"
    server.should_exit = True
    thread.join()


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_menus_are_published_and_published_again(line: str) -> None:
    settings = Settings(line_api_base=line, line_channel_access_token="token", secret_key="k")
    first = publish_menus(settings)
    assert set(first) == {"guest", "member"}
    second = publish_menus(settings)
    assert set(second) == {"guest", "member"}
    assert not set(first.values()) & set(second.values())

"""`regulars demo` as somebody starts it who has just cloned the repository."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.seeds import banner, brand, people
from tests.support.product import Line, free_port, until

COMMAND = [sys.executable, "-m", "app.cli", "demo", "--members", "12", "--port"]
STARTS_WITHIN, HOST = 90.0, "127.0.0.1"


@contextmanager
def demo(folder: Path) -> Iterator[tuple[str, Path]]:
    """A running demo: its address and what it prints."""
    port, said = free_port(), folder / "said.txt"
    with said.open("w") as out:
        process = subprocess.Popen(
            [*COMMAND, str(port)],
            cwd=folder,
            env=os.environ | {"NO_PROXY": HOST, "PYTHONIOENCODING": "utf-8"},
            stdout=out,
            stderr=out,
        )
    try:
        until(
            lambda: process.poll() is not None or "Ctrl-C" in said.read_text(),
            "the demo did not come up",
            seconds=STARTS_WITHIN,
        )
        assert process.poll() is None, said.read_text()
        yield f"http://{HOST}:{port}", said
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@pytest.mark.slow
def test_a_demo_comes_up_greets_a_stranger_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    (tmp_path / ".demo").mkdir()
    (tmp_path / ".demo" / "half.db").write_text("an earlier demo was interrupted")
    with demo(tmp_path) as (url, said), httpx.Client(timeout=30, trust_env=False) as http:
        assert http.get(f"{url}/healthz").text == "ok"
        assert http.get(f"{url}/readyz").json()["ready"]
        assert "/api/v1" in http.get(f"{url}/api/v1/openapi.json").text
        assert "<title>" in http.get(f"{url}/simulator/").text
        assert brand.PASSWORD in said.read_text()
        with httpx.Client(base_url=f"{url}/simulator", timeout=30, trust_env=False) as simulator:
            _greets(Line(simulator))
            _lists_the_cast_and_finds_the_others(Line(simulator))
            _shows_the_menus(Line(simulator))
    with demo(tmp_path) as (url, said), httpx.Client(timeout=30, trust_env=False) as http:
        assert banner.taken_up() in said.read_text()
        stranger = http.get(f"{url}/simulator/control/users/{people.STRANGER_ID}").json()
        assert stranger["following"]


def _greets(line: Line) -> None:
    line.follow(people.STRANGER_ID)
    line.awaits(people.STRANGER_ID, brand.NAME)


def _lists_the_cast_and_finds_the_others(line: Line) -> None:
    listed = line.get("/control/users")
    assert [user["userId"] for user in listed["users"]] == [
        role.line_user_id for role in people.ROLES
    ]
    assert listed["users"][4]["blocked"]
    assert line.get("/control/users", q=people.SEEDED)["total"] > 5


def _shows_the_menus(line: Line) -> None:
    def shown(role: int) -> str:
        chat = line.get(f"/control/users/{people.ROLES[role].line_user_id}/conversation")
        return "" if chat["richMenu"] is None else str(chat["richMenu"]["name"])

    until(lambda: "member" in shown(2), "the members' menu did not come", seconds=30)
    assert "guest" in shown(0)


def test_a_port_that_is_taken_is_said_at_once(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, str(port)], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 1
    assert f"port {port} is taken" in done.stderr
    assert not (tmp_path / ".demo").exists()

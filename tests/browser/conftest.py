"""Pages in a real Chromium, served by a real server on loopback."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, ViewportSize, sync_playwright

from app.core.db import Database
from app.staff.rules import Role
from tests.support.loyalty import publish
from tests.support.product import free_port, until
from tests.support.staffing import LOGINS, PASSWORD, Shop, staffed_shop
from tests.support.web import Watch, staff_app

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update"]  # fmt: skip
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}


@dataclass
class Site:
    url: str
    db: Database
    shop: Shop
    watch: Watch
    app: FastAPI


@pytest.fixture
def site(sqlite_db: Database) -> Iterator[Site]:
    with sqlite_db.transaction() as session:
        publish(session)
        shop = staffed_shop(session)
    watch, port = Watch(), free_port()
    url = f"http://127.0.0.1:{port}"
    app = staff_app(sqlite_db, watch, public_base_url=url)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, "the server did not start")
    yield Site(url, sqlite_db, shop, watch, app)
    server.should_exit = True
    thread.join()


@contextmanager
def chromium(*flags: str) -> Iterator[Chromium]:
    """A fresh browser; without one the test is skipped, or fails when nothing may be skipped."""
    if not os.path.exists(CHROMIUM):
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail("REQUIRE_ALL is set and there is no Chromium")
        pytest.skip("no Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the pages' scripts complained about: nothing, in a good page."""
    return []


@pytest.fixture
def listen(complaints: list[str]) -> Callable[[Page], Page]:
    def to(page: Page) -> Page:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" else None,
        )
        return page

    return to


def log_in(page: Page, site: Site, role: Role, *, area: str) -> None:
    page.goto(f"{site.url}{area}/login")
    page.fill("#login", LOGINS[role])
    page.fill("#password", PASSWORD)
    page.click("button.main")
    page.wait_for_url(f"{site.url}{area}")

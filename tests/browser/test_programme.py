"""Designing thresholds in a real browser, and setting up a new brand."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
import uvicorn
from playwright.sync_api import Page, ViewportSize, expect
from pydantic import SecretStr

from app.core.db import Database
from app.main import create_app
from app.programmes import queries as programmes
from app.rulebooks import service as rulebooks
from app.rulebooks import starters as books
from app.simulator import create_simulator
from app.simulator.config import SimulatorConfig
from app.staff.models import Staff, Store
from app.staff.rules import Role
from tests.browser.conftest import DESKTOP, PHONE, Site, chromium, log_in
from tests.support.people import bought, regular
from tests.support.product import free_port, until
from tests.support.staffing import staffed_shop
from tests.support.times import NOW
from tests.support.web import Watch, settings

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")]
sizes = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
SPENT = (800, 2_400, 4_200, 4_700, 5_100, 9_900, 16_400, 21_000, 48_000, 75_000)


@pytest.fixture
def brand(site: Site) -> Site:
    with site.db.transaction() as session:
        rulebooks.apply(session, books.STARTER, starts_at=NOW, actor="test", now=NOW)
        for amount in SPENT:
            bought(session, regular(session), amount, store_id=site.shop.store_id)
        regular(session)
    return site


def told(page: Page) -> dict[str, str]:
    """Every figure of the page by name."""
    return {
        spot.get_attribute("data-out") or "": spot.inner_text()
        for spot in page.locator("[data-out]").all()
    }


def counted_by_the_server(page: Page, url: str, thresholds: dict[str, str]) -> dict[str, str]:
    """The same figures from a page without scripts."""
    query = "&".join(f"threshold-{code}={value}" for code, value in thresholds.items())
    browser = page.context.browser
    assert browser is not None
    bare = browser.new_context(
        java_script_enabled=False, storage_state=page.context.storage_state()
    )
    still = bare.new_page()
    still.goto(f"{url}/console/programme/thresholds?{query}")
    found = told(still)
    bare.close()
    return found


@sizes
def test_thresholds_are_dragged_pressed_and_typed(
    brand: Site,
    complaints: list[str],
    listen: Callable[[Page], Page],
    size: ViewportSize,
) -> None:
    with chromium() as browser:
        page = listen(browser.new_page(viewport=size))
        log_in(page, brand, Role.MARKETER, area="/console")
        page.goto(f"{brand.url}/console/programme/thresholds")
        silver = page.get_by_role("slider", name="銀卡的門檻")
        amount = page.locator("#threshold-silver")
        expect(silver).to_have_attribute("aria-valuenow", "5000")
        # By the keyboard, one step and a large one, which the neighbour stops.
        silver.focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        expect(amount).to_have_value("4000")
        expect(page.locator("[data-out=rises]")).to_have_text("2")
        page.keyboard.press("End")
        expect(amount).to_have_value("19900")
        page.keyboard.press("Home")
        expect(amount).to_have_value("100")
        # By the pointer: to where gold stands it cannot go, half of the way it can.
        gold = page.get_by_role("slider", name="金卡的門檻", exact=True)
        start, end = silver.locator("circle").bounding_box(), gold.locator("circle").bounding_box()
        assert start is not None
        assert end is not None
        middle = start["y"] + start["height"] / 2
        page.mouse.move(start["x"] + start["width"] / 2, middle)
        page.mouse.down()
        page.mouse.move((start["x"] + end["x"] + end["width"]) / 2, middle, steps=4)
        page.mouse.up()
        dragged = int(amount.input_value())
        assert 3_000 < dragged < 9_000
        assert dragged % 500 == 0
        # By a percentage, and by a number.
        page.fill("#share-gold", "20")
        expect(page.locator("#threshold-gold")).to_have_value("21500")
        page.fill("#threshold-silver", "4500")
        values = {
            code: page.locator(f"#threshold-{code}").input_value()
            for code in ("silver", "gold", "platinum")
        }
        assert told(page) == counted_by_the_server(page, brand.url, values)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size["width"]
        # What was designed is a draft that says what it would do.
        page.get_by_role("button", name="存成草稿").click()
        expect(page.locator("main")).to_contain_text("升等門檻：NT$5,000 → NT$4,500")
        expect(page.locator("main")).to_contain_text("1 人已達新的門檻，下次消費即升等為銀卡")
        page.get_by_role("button", name="送出，請人核准").click()
        expect(page.locator("main")).to_contain_text("等待核准")
    assert complaints == []
    with brand.db.reading() as session:
        assert programmes.terms_at(session, NOW).tier("silver").threshold == 5_000


@dataclass
class NewBrand:
    url: str
    db: Database
    line: str


@pytest.fixture
def new_brand(sqlite_db: Database) -> Iterator[NewBrand]:
    """The whole product beside a LINE of this machine, with an owner and nothing else."""
    with sqlite_db.transaction() as session:
        staffed_shop(session)
        session.execute(sa.update(Store).values(is_active=False))
        session.execute(sa.update(Staff).where(Staff.role != Role.OWNER).values(is_active=False))
    ours, theirs = free_port(), free_port()
    url, line = f"http://127.0.0.1:{ours}", f"http://127.0.0.1:{theirs}"
    simulator = create_simulator(
        SimulatorConfig(channel_access_token="token", channel_secret="secret")
    )
    product = create_app(
        settings(
            database_url=sqlite_db.url.render_as_string(hide_password=False),
            public_base_url=url,
            line_channel_secret=SecretStr("secret"),
            line_channel_access_token=SecretStr("token"),
            line_api_base=f"{line}/api",
            line_basic_id="@abc1234d",
        )
    )
    product.state.clock = Watch()
    servers = [
        uvicorn.Server(uvicorn.Config(product, port=ours, log_config=None, lifespan="off")),
        uvicorn.Server(uvicorn.Config(simulator, port=theirs, log_config=None)),
    ]
    threads = [threading.Thread(target=server.run) for server in servers]
    for thread in threads:
        thread.start()
    until(lambda: all(server.started for server in servers), "a server did not start")
    yield NewBrand(url, sqlite_db, line)
    for server, thread in zip(servers, threads, strict=True):
        server.should_exit = True
        thread.join()


@sizes
def test_a_new_brand_is_led_from_nothing_to_its_poster(
    new_brand: NewBrand,
    complaints: list[str],
    listen: Callable[[Page], Page],
    size: ViewportSize,
) -> None:
    with chromium() as browser:
        page = listen(browser.new_page(viewport=size))
        site = Site(new_brand.url, new_brand.db, None, Watch(), None)  # type: ignore[arg-type]
        log_in(page, site, Role.OWNER, area="/console")
        expect(page.locator("main")).to_contain_text("還差 8 步就準備好了")
        page.get_by_role("link", name="打開設定導覽").click()
        # LINE has no address yet, then another, then ours.
        page.get_by_role("button", name="檢查連線").click()
        expect(page.locator("#line [role=alert]")).to_contain_text("LINE 還沒有 Webhook 網址")
        address = f"{new_brand.line}/api/v2/bot/channel/webhook/endpoint"
        head = {"Authorization": "Bearer token"}
        for endpoint, said in (
            ("https://example.com/hook", "LINE 把訊息送到別的網址"),
            (f"{new_brand.url}/line/webhook", "連線正常"),
        ):
            page.request.put(address, headers=head, data={"endpoint": endpoint})
            page.get_by_role("button", name="檢查連線").click()
            expect(page.locator("#line")).to_contain_text(said)
        # A template, which brings its coupons.
        page.locator("#tiers").get_by_role("link", name="選範本").click()
        page.locator("section", has_text="咖啡飲料").get_by_role("button").click()
        expect(page.locator("main")).to_contain_text("完成 2／8 步")
        # A shop.
        page.locator("#store").get_by_role("link").click()
        page.fill("#code", "TPE09")
        page.fill("#name", "台北公館店")
        page.get_by_role("button", name="新增").click()
        page.goto(f"{new_brand.url}/console/setup")
        expect(page.locator("main")).to_contain_text("完成 3／8 步")
        expect(page.locator("#store")).to_contain_text("已完成")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        # The sheet for the counter: one page, and nothing of the console on it.
        page.locator("#member").get_by_role("link", name="入會海報").click()
        expect(page.locator(".poster img")).to_be_visible()
        page.emulate_media(media="print")
        expect(page.locator(".side")).to_be_hidden()
        sheet = page.pdf(format="A4", prefer_css_page_size=True)
        assert sheet.count(b"/Type /Page\n") + sheet.count(b"/Type /Page ") == 1
    assert complaints == []

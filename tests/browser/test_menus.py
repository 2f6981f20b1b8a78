"""Drawing a rich menu in a real browser, publishing it, and seeing it in a chat."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Locator, Page, ViewportSize, expect

from app.core.config import Settings
from app.jobs import menus as jobs
from app.richmenus import queries, service
from app.richmenus.publishing import line_menus
from app.simulator import create_simulator
from app.simulator.config import SimulatorConfig
from app.simulator.people import Person
from app.staff.rules import Role
from tests.browser.conftest import DESKTOP, PHONE, Site, chromium, log_in
from tests.support.people import regular
from tests.support.product import free_port, until
from tests.support.times import NOW

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")]
HANA = "U" + "a" * 32
sizes = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])


@dataclass
class Line:
    """LINE on this machine, with a chat to look at."""

    url: str
    state: Any
    settings: Settings

    def publish(self, site: Site) -> None:
        """What the jobs do within some seconds."""
        for now in (NOW, NOW + service.MOVE_AFTER):
            jobs.advance(
                site.db,
                line_menus(self.settings),
                self.settings,
                is_stopping=lambda: False,
                now=now,
            )


@pytest.fixture
def line() -> Iterator[Line]:
    port = free_port()
    simulator = create_simulator(SimulatorConfig(channel_access_token="token"))
    server = uvicorn.Server(uvicorn.Config(simulator, port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started, "the simulator did not start")
    url = f"http://127.0.0.1:{port}"
    settings = Settings(line_api_base=f"{url}/api", line_channel_access_token="token")
    yield Line(url, simulator.state, settings)
    server.should_exit = True
    thread.join()


def drawing(page: Page, number: int = 0) -> Locator:
    return page.locator(f"svg[data-page='{number}']")


def begin(page: Page, site: Site) -> None:
    log_in(page, site, Role.MARKETER, area="/console")
    page.goto(f"{site.url}/console/menus")
    page.click("text=建立訪客與會員選單")
    page.get_by_role("link", name="會員選單").click()


@sizes
def test_a_menu_with_two_tabs_from_the_drawing_to_the_chat(
    site: Site,
    line: Line,
    complaints: list[str],
    listen: Callable[[Page], Page],
    size: ViewportSize,
) -> None:
    with site.db.transaction() as session:
        regular(session)
    with chromium() as browser:
        page = listen(browser.new_page(viewport=size))
        begin(page, site)
        before = drawing(page).locator("image").get_attribute("href")
        page.fill("#p0-c0-word", "出示會員卡")
        page.locator("#p0-c0-caption").focus()
        expect(drawing(page).locator("image")).not_to_have_attribute("href", before or "")
        page.click("text=加一頁")
        expect(drawing(page, 1)).to_be_visible()
        expect(page.locator("#p0-name")).to_have_value("會員")
        page.fill("#p1-name", "禮遇")
        page.locator("#p1 .layout", has_text="上大，下 3 格").click()
        expect(page.locator("#p1 .cell")).to_have_count(4)
        page.select_option("#p1-c0-kind", "invite")
        expect(page.locator("#p1-c0-word")).to_have_value("邀請好友")
        page.select_option("#p1-c1-kind", "link")
        page.fill("#p1-c1-value", "shop.example.tw")
        page.locator("#p1-c1-word").focus()
        expect(page.locator("#p1-c1-value-fault")).to_contain_text("https://")
        page.get_by_role("button", name="發布到 LINE").click()
        expect(page.get_by_role("alert")).to_contain_text("第 2 頁第 2 格「線上商店」的網址")
        page.fill("#p1-c1-value", "https://shop.example.tw/")
        page.locator("#p1-c1-word").focus()
        expect(page.locator("#p1-c1-value-fault")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        page.get_by_role("button", name="發布到 LINE").click()
        expect(page.locator("[data-part=state]")).to_contain_text("正在把第 1 頁送到 LINE")

        line.publish(site)
        page.reload()
        expect(page.locator("[data-part=state]")).to_contain_text("第 1 版使用中")
        line.state.people[HANA] = Person(HANA, "陳小花", is_following=True)
        line_menus(line.settings).link(line.state.aliases["member"], [HANA])
        page.goto(f"{line.url}/#{HANA}")
        chat = page.locator("#richmenu-picture")
        expect(chat.get_by_role("button", name="出示會員卡")).to_be_visible()
        chat.get_by_role("button", name="禮遇").click()
        expect(chat.get_by_role("button", name="邀請好友")).to_be_visible()
        expect(chat.get_by_role("button", name="出示會員卡")).to_have_count(0)
        assert line.state.people[HANA].rich_menu_id == line.state.aliases["member-2"]
        chat.get_by_role("button", name="會員", exact=True).click()
        expect(chat.get_by_role("button", name="出示會員卡")).to_be_visible()
    assert [said for said in complaints if "422" not in said] == []


@sizes
def test_a_place_is_drawn_moved_and_typed(
    site: Site, complaints: list[str], listen: Callable[[Page], Page], size: ViewportSize
) -> None:
    with chromium() as browser:
        page = listen(browser.new_page(viewport=size))
        begin(page, site)
        page.locator("#p0 .layout", has_text="自由區域").click()
        expect(page.locator("#p0-c0-x")).to_be_visible()
        for left in range(6, 0, -1):
            expect(page.locator(".cell")).to_have_count(left)
            page.click(f"#drop-p0-c{left - 1}")
        expect(page.locator(".cell")).to_have_count(0)
        expect(page.locator(".look")).to_contain_text("要有 1 到 20 個按的地方")

        drag(page, (100, 100), (1_100, 700))
        expect(page.locator(".cell")).to_have_count(1)
        assert place(page, 0) == pytest.approx((100, 100, 1_000, 600), abs=20)
        drag(page, (600, 400), (900, 500))
        settled(page)
        assert place(page, 0) == pytest.approx((400, 200, 1_000, 600), abs=30)
        drag(page, (1_350, 750), (1_750, 950))
        settled(page)
        assert place(page, 0) == pytest.approx((400, 200, 1_400, 800), abs=40)

        page.click("#more-0")
        expect(page.locator(".cell")).to_have_count(2)
        page.fill("#p0-c1-x", "300")
        page.keyboard.press("Tab")
        expect(page.locator("#p0-c1-x-fault")).to_contain_text("重疊")
        expect(page.locator("g.place.bad")).to_have_count(1)
        page.fill("#p0-c1-x", "1800")
        page.keyboard.press("Tab")
        expect(page.locator("#p0-c1-x-fault")).to_have_count(0)
        page.get_by_role("button", name="存草稿").click()
        page.wait_for_url("**/console/menus/*")
        with site.db.reading() as session:
            draft = queries.menus(session)[1].draft
        assert [cell.x for cell in draft.pages[0].cells] == [place(page, 0)[0], 1_800]
    assert complaints == []


def drag(page: Page, start: tuple[int, int], end: tuple[int, int]) -> None:
    """In pixels of the menu's picture."""
    settled(page)
    svg = drawing(page)
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    assert box is not None
    scale = box["width"] / 2_500
    (x, y), (to_x, to_y) = (
        (box["x"] + across * scale, box["y"] + down * scale) for across, down in (start, end)
    )
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move((x + to_x) / 2, (y + to_y) / 2)
    page.mouse.move(to_x, to_y)
    page.mouse.up()


def settled(page: Page) -> None:
    """The server has drawn the form again."""
    expect(page.locator("[data-drawn]")).not_to_have_attribute("aria-busy", "true")


def place(page: Page, cell: int) -> tuple[int, ...]:
    names = ("x", "y", "width", "height")
    return tuple(int(page.locator(f"#p0-c{cell}-{name}").input_value()) for name in names)

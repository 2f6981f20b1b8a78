"""The marketers' pages in a real browser: alive, quiet, and no wider than the screen."""

from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from app.staff.rules import Role
from tests.browser.conftest import DESKTOP, PHONE, Site, chromium, log_in
from tests.support.people import bought, coupon_for, regular
from tests.support.times import NOW

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_is_quiet_and_fits(
    site: Site,
    complaints: list[str],
    listen: Callable[[Page], Page],
    theme: Literal["light", "dark"],
    size: ViewportSize,
) -> None:
    with site.db.transaction() as session:
        hana = regular(session, name="陳小花", display_name="名" * 100)
        coupon_for(session, hana)
        sale = bought(session, hana, 6_000, store_id=site.shop.store_id)
    with chromium() as browser:
        page = listen(browser.new_page(viewport=size, color_scheme=theme))
        log_in(page, site, Role.OWNER, area="/console")
        page.goto(f"{site.url}/clerk")
        page.click("text=台北永康店")
        page.wait_for_url("**/clerk")
        urls = ["/console", "/console/members", f"/console/members/{hana}", "/console/delivery",
                "/console/audit", "/clerk", "/clerk/store", "/clerk/today",
                f"/clerk/today/{sale}/refund"]  # fmt: skip
        for url in urls:
            page.goto(site.url + url)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= size["width"], url
    assert complaints == []


def test_the_first_page_follows_what_happens(site: Site, listen: Callable[[Page], Page]) -> None:
    with chromium() as browser:
        page = listen(browser.new_page(viewport=DESKTOP))
        page.clock.install(time=NOW)
        log_in(page, site, Role.MARKETER, area="/console")
        members = page.locator('[data-part="members"]')
        expect(members).to_have_text("0")
        with site.db.transaction() as session:
            hana = regular(session, joined_at=NOW)
            bought(session, hana, 1_234, store_id=site.shop.store_id)
        page.clock.fast_forward(5_000)
        expect(members).to_have_text("1")
        expect(page.locator('[data-part="sales"]')).to_have_text("NT$1,234")
        expect(page.locator("#live-note")).to_contain_text("自動更新")
        page.context.clear_cookies()
        page.clock.fast_forward(5_000)
        expect(page.locator("#live-note")).to_contain_text("登入已經過期")


def test_a_number_explains_itself_and_the_search_is_a_key_away(site: Site) -> None:
    with site.db.transaction() as session:
        regular(session, name="陳小花")
    with chromium() as browser:
        page = browser.new_page(viewport=DESKTOP)
        log_in(page, site, Role.OWNER, area="/console")
        meaning = page.get_by_text("已完成入會且尚未退會的人數")
        expect(meaning).to_be_hidden()
        page.locator(".tile", has_text="會員").nth(0).scroll_into_view_if_needed()
        page.locator(".tile", has=meaning).locator(".hint").hover()
        expect(meaning).to_be_visible()

        page.keyboard.press("/")
        page.keyboard.type("小花")
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/members?q=*")
        expect(page.get_by_role("link", name="陳小花")).to_be_visible()


def test_the_theme_is_chosen_and_kept(site: Site) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport=DESKTOP, color_scheme="light")
        log_in(page, site, Role.OWNER, area="/console")
        page.click("[data-theme-switch]")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.reload()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")

"""From an invitation to a second factor, as the new colleague and the owner see it."""

import base64
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from app.core import totp
from app.staff.rules import Role
from tests.browser.conftest import DESKTOP, PHONE, Site, chromium, log_in

pytestmark = pytest.mark.browser

PASSWORD = "a sentence one remembers"


def code_of(site: Site, secret: bytes) -> str:
    """What the app on the phone shows now."""
    return totp.code(secret, totp.step_at(site.watch.now))


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_invited_to_the_team_and_safe_with_a_code(
    site: Site, complaints: list[str], listen: Callable[[Page], Page], size: ViewportSize
) -> None:
    with chromium() as browser:
        desk = browser.new_context(viewport=DESKTOP, permissions=["clipboard-write"])
        owner = listen(desk.new_page())
        log_in(owner, site, Role.OWNER, area="/console")
        owner.click("nav a[href='/console/staff']")
        owner.fill("#name", "阿明")
        owner.select_option("#store", label="台北永康店")
        owner.check("[name=role][value=store_manager]")
        owner.click("text=產生邀請連結")
        link = owner.input_value("#address")
        expect(owner.locator("img.qr")).to_be_visible()
        owner.click("text=複製")
        expect(owner.locator("[data-copy]")).to_have_text("已複製")

        page = listen(browser.new_page(viewport=size))
        page.goto(link)
        expect(page.locator("main")).to_contain_text("店長・台北永康店")
        expect(page.locator("#name")).to_have_value("阿明")
        page.fill("#login", "ming")
        page.fill("#password", PASSWORD)
        page.fill("#again", "something else")
        page.click("button.main")
        expect(page.locator("#again-fault")).to_be_visible()
        expect(page.locator("#login")).to_have_value("ming")
        page.fill("#password", PASSWORD)
        page.fill("#again", PASSWORD)
        page.click("button.main")
        expect(page.locator(".notice.good")).to_contain_text("歡迎加入")

        card = page.locator(".card", has_text="兩步驟驗證").first
        card.locator("[name=password]").fill(PASSWORD)
        card.locator("button.main").click()
        expect(page.locator("img.qr")).to_be_visible()
        secret = base64.b32decode(page.inner_text("#key").replace(" ", ""))
        page.fill("#code", "000000")
        page.click("button.main >> text=開啟")
        expect(page.locator("#code-fault")).to_contain_text("驗證碼不正確")
        page.fill("#code", code_of(site, secret))
        page.click("button.main >> text=開啟")
        expect(page.locator(".secrets li")).to_have_count(10)
        paper = page.locator(".secrets li").first.inner_text()
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"]
        page.click("text=我已經收好了")
        expect(page.locator("main")).to_contain_text("備用碼還有 10 組")

        page.locator("form[action='/console/logout'] button").click()
        site.watch.forward(minutes=1)
        page.fill("#login", "ming")
        page.fill("#password", PASSWORD)
        page.click("button.main")
        expect(page.locator("h1")).to_have_text("輸入驗證碼")
        expect(page.locator("#code")).to_be_focused()
        page.keyboard.type(code_of(site, secret))
        page.keyboard.press("Enter")
        page.wait_for_url("**/console")
        expect(page.locator("main")).to_contain_text("今日本店會員消費")

        page.locator("form[action='/console/logout'] button").click()
        page.fill("#login", "ming")
        page.fill("#password", PASSWORD)
        page.click("button.main")
        page.fill("#code", paper.lower())
        page.click("button.main")
        page.wait_for_url("**/console")

        owner.goto(f"{site.url}/console/staff")
        expect(owner.locator("tr", has_text="ming")).to_contain_text("已開啟")
        owner.goto(f"{site.url}/console/audit")
        expect(owner.locator("main")).to_contain_text("開啟兩步驟驗證")
    assert [said for said in complaints if "422" not in said] == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_pages_for_people_are_quiet_and_fit(
    site: Site, complaints: list[str], listen: Callable[[Page], Page], size: ViewportSize
) -> None:
    with chromium() as browser:
        page = listen(browser.new_page(viewport=size, color_scheme="dark"))
        log_in(page, site, Role.OWNER, area="/console")
        for url in ("staff", "staff/1", "staff/2", "stores", "stores/1", "tokens", "account",
                    "lookups"):  # fmt: skip
            page.goto(f"{site.url}/console/{url}")
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], url
    assert complaints == []

"""The marketers' pages in a real browser: alive, quiet, and no wider than the screen."""

from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from app.coupons import queries as kinds
from app.richmenus import service as menus
from app.staff.rules import Role
from app.tags import service as tags
from tests.app.campaigns.brand import advance, but, drafted, planned
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
        drafted(session, but(url="https://shop.example.tw/" + "a" * 400))
        planned(session, send_at=NOW)
        tag_id = tags.make(session, name="愛喝紅茶與烏龍也常送禮的老客人了", now=NOW)
        tags.put(session, tag_id=tag_id, member_ids=[hana], source="staff", now=NOW)
        menus.ready(session, now=NOW)
    advance(site.db, NOW)
    with chromium() as browser:
        page = listen(browser.new_page(viewport=size, color_scheme=theme))
        log_in(page, site, Role.OWNER, area="/console")
        page.goto(f"{site.url}/clerk")
        page.click("text=台北永康店")
        page.wait_for_url("**/clerk")
        urls = ["/console", "/console/members", f"/console/members/{hana}", "/console/delivery",
                "/console/audit", "/console/segments", "/console/segments/new?ready=regulars",
                "/console/tags", "/console/tags/1", "/console/coupons", "/console/coupons/1",
                "/console/coupons/1/edit", "/console/coupons/new",
                "/console/coupons/new?template=buy_x_get_y",
                "/console/tags", "/console/tags/1",
                "/console/menus", "/console/menus/1", "/console/menus/2", "/console/menus/new",
                "/console/broadcasts", "/console/broadcasts/new", "/console/broadcasts/1",
                "/console/broadcasts/1/send", "/console/broadcasts/2",
                "/console/broadcasts/2/readers", "/clerk", "/clerk/store", "/clerk/today",
                f"/clerk/today/{sale}/refund"]  # fmt: skip
        for url in urls:
            answer = page.goto(site.url + url)
            assert answer is not None
            assert answer.status == 200, url
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
        page.wait_for_url("**/console/members/*")  # the only one found is opened
        expect(page.locator("h1")).to_contain_text("陳小花")


def test_the_theme_is_chosen_and_kept(site: Site) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport=DESKTOP, color_scheme="light")
        log_in(page, site, Role.OWNER, area="/console")
        page.click("[data-theme-switch]")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.reload()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_letter_is_seen_while_it_is_written_and_comes_to_be_sent(
    site: Site, complaints: list[str], listen: Callable[[Page], Page]
) -> None:
    with site.db.transaction() as session:
        regular(session, name="陳小花")
    with chromium() as browser:
        page = listen(browser.new_page(viewport=DESKTOP))
        log_in(page, site, Role.MARKETER, area="/console")
        page.click("text=群發")
        page.click("text=寫一封")
        phone = page.locator(".phone")
        expect(phone.locator(".fx-bubble")).to_be_visible()
        page.fill("#name", "夏茶")
        page.locator("#m0-title").press_sequentially("夏茶上市")
        expect(phone).to_contain_text("夏茶上市")
        page.fill("#m0-body", "您好")
        page.locator("#m0-body").evaluate("field => field.setSelectionRange(0, 0)")
        page.click("[data-insert='{姓名}']")
        expect(page.locator("#m0-body")).to_have_value("{姓名}您好")
        expect(phone).to_contain_text("陳怡君您好")
        page.select_option("#m0-place", "url")
        page.click("text=下一步：確認寄送")
        expect(page.locator("#m0-url-fault")).to_contain_text("https://")
        expect(page.locator("#m0-url")).to_have_attribute("aria-invalid", "true")
        page.fill("#m0-url", "https://shop.example.tw/summer")
        page.click("text=下一步：確認寄送")
        expect(page.locator("h1")).to_have_text("確認寄送")
        page.fill("[name=send_at]", "2026-07-05T10:00")
        expect(page.locator("#later")).to_be_checked()
        page.click("text=寄給這些人")
        expect(page.locator("main")).to_contain_text("2026/07/05 10:00 開始")
        page.click("text=改回草稿")
        expect(page.locator("#m0-title")).to_have_value("夏茶上市")
    assert [said for said in complaints if "422" not in said] == []


def test_a_marketer_makes_a_coupon_and_sees_it_while_typing(
    site: Site, complaints: list[str], listen: Callable[[Page], Page]
) -> None:
    with chromium() as browser:
        page = listen(browser.new_page(viewport=DESKTOP))
        log_in(page, site, Role.MARKETER, area="/console")
        page.goto(f"{site.url}/console/coupons")
        page.click("text=新增優惠券")
        page.click("text=打折")
        page.fill("#name", "老客人 85 折")
        page.fill("#value", "8.5")
        page.fill("#cap", "300")
        page.fill("#min_spend", "1000")
        rules = page.locator(".rules")
        expect(rules).to_contain_text("滿 NT$1,000 85 折，最多折 NT$300。")
        expect(page.locator(".phone")).to_contain_text("老客人 85 折")
        page.check("input[name=stacking][value=stackable]")
        expect(rules).to_contain_text("可以和其他可併用的優惠券一起用")
        page.fill("#code", "old 85")
        page.fill("#valid_days", "30")
        page.get_by_role("button", name="新增優惠券").click()
        expect(page.locator("#code-fault")).to_contain_text("英文字母")
        expect(page.locator("#value")).to_have_value("8.5")
        page.fill("#code", "old_85")
        page.get_by_role("button", name="新增優惠券").click()
        expect(page.get_by_role("heading", name="老客人 85 折", level=1)).to_be_visible()
        page.get_by_role("button", name="停止發放").click()
        expect(page.get_by_role("button", name="恢復發放")).to_be_visible()
    with site.db.reading() as session:
        kind = kinds.newest_offer(session, "old_85")
        assert kind is not None
        assert (kind.draft.value, kind.draft.cap, kind.draft.stacking) == (15, 300, "stackable")
        assert not kind.is_active
    # Chromium itself notes the answer 422 to the first try
    assert [line for line in complaints if "422" not in line] == []

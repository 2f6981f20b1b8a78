"""A clerk's phone with a film of a member's card as camera."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, Route, expect

from app.coupons.rules import Conditions
from app.purchases.models import Purchase
from app.staff.rules import Role
from tests.browser.conftest import DESKTOP, PHONE, Site, chromium, log_in
from tests.browser.films import qr_film
from tests.support.people import card_code, coupon_for, grant_points, regular

pytestmark = pytest.mark.browser
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def test_a_clerk_films_a_card_and_sells(
    site: Site, tmp_path: Path, complaints: list[str], listen: Callable[[Page], Page]
) -> None:
    with site.db.transaction() as session:
        hana = regular(session, name="陳小花")
        code = card_code(session, hana)
    film = qr_film(tmp_path / "card.y4m", code)
    with chromium(*CAMERA, f"--use-file-for-fake-video-capture={film}") as browser:
        page = listen(browser.new_page(viewport=PHONE, has_touch=True))
        log_in(page, site, Role.CLERK, area="/clerk")
        start = page.locator("[data-start]")
        if start.is_visible():
            start.click()
        page.wait_for_url("**/clerk/serve/**")
        expect(page.get_by_role("heading", name="陳○花")).to_be_visible()

        for key in ("7", "9", "0"):
            page.click(f'[data-key="{key}"]')
        page.click("text=下一步")
        expect(page.locator(".bill-earn")).to_contain_text("+7")
        page.get_by_role("button", name="確認，登錄消費").dblclick()
        page.wait_for_url("**/done")
        expect(page.get_by_role("heading", name="已登錄")).to_be_visible()
    with site.db.reading() as session:
        sold = session.execute(sa.select(Purchase.amount, Purchase.member_id)).all()
    assert [tuple(row) for row in sold] == [(790, hana)]
    assert complaints == []


def test_a_lost_network_is_tried_again_and_sells_once(
    site: Site, listen: Callable[[Page], Page]
) -> None:
    with site.db.transaction() as session:
        code = card_code(session, regular(session))
    with chromium() as browser:
        page = listen(browser.new_page(viewport=PHONE, has_touch=True))
        log_in(page, site, Role.CLERK, area="/clerk")
        page.fill("#code", code)
        page.click("text=查詢")
        page.wait_for_url("**/clerk/serve/**")
        page.fill("#amount", "1290")
        page.click("text=下一步")
        page.wait_for_url("**/confirm**")

        answers_lost = iter([True, True, False])

        def lose(route: Route) -> None:
            if route.request.method == "POST" and next(answers_lost, False):
                route.fetch(max_redirects=0)  # it arrives …
                route.abort()  # … and the answer is lost
            else:
                route.continue_()

        page.route("**/clerk/serve/**", lose)
        page.get_by_role("button", name="確認，登錄消費").click()
        page.wait_for_url("**/done")
        page.unroute("**/clerk/serve/**")
    with site.db.reading() as session:
        assert session.scalars(sa.select(Purchase.amount)).all() == [1290]


def test_a_usb_scanner_brings_the_next_member_from_any_page(site: Site) -> None:
    with site.db.transaction() as session:
        hana = regular(session, name="陳小花")
        codes = [card_code(session, hana).lower() for _ in range(2)]
    with chromium() as browser:
        page = browser.new_page(viewport=DESKTOP)
        log_in(page, site, Role.CLERK, area="/clerk")
        page.keyboard.type(codes[0])
        page.keyboard.press("Enter")
        page.wait_for_url("**/clerk/serve/**")
        page.keyboard.type("790")
        page.keyboard.press("Enter")
        page.wait_for_url("**/confirm**")
        page.keyboard.type(codes[1])  # not here: the sale would be lost
        page.keyboard.press("Enter")
        page.get_by_role("button", name="確認，登錄消費").click()
        page.wait_for_url("**/done")
        page.get_by_role("link", name="下一位").focus()
        page.keyboard.type(codes[1])
        page.keyboard.press("Enter")
        page.wait_for_url("**/clerk/serve/**.qr.*")
        expect(page.locator("#amount")).to_have_value("")


def test_without_a_camera_a_number_still_serves(site: Site) -> None:
    with site.db.transaction() as session:
        regular(session, name="陳小花", phone="+886912345678")
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 360, "height": 640}, has_touch=True)
        log_in(page, site, Role.CLERK, area="/clerk")
        page.fill("#code", "0912345678")
        page.click("text=查詢")
        page.wait_for_url("**/clerk/serve/**")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360
        small = page.eval_on_selector_all(
            ".till main button:visible, .till main a.button",
            "all => all.filter(one => one.getBoundingClientRect().height < 44).length",
        )
        assert small == 0


def test_the_most_points_that_may_pay_follow_the_amount(
    site: Site, complaints: list[str], listen: Callable[[Page], Page]
) -> None:
    with site.db.transaction() as session:
        hana = regular(session, name="陳小花")
        grant_points(session, hana, 300)
        code = card_code(session, hana)
    with chromium() as browser:
        page = listen(browser.new_page(viewport=PHONE, has_touch=True))
        log_in(page, site, Role.CLERK, area="/clerk")
        page.fill("#code", code)
        page.click("text=查詢")
        page.wait_for_url("**/clerk/serve/**")
        for key, most in (("5", 0), ("0", 25), ("0", 250), ("0", 300)):
            page.click(f'[data-key="{key}"]')
            expect(page.locator("[data-points-say]")).to_contain_text(f"最多可用 {most} 點")
        page.click("text=用最多")
        page.click("text=下一步")
        expect(page.locator(".bill-total")).to_contain_text("NT$4,700")
        page.get_by_role("button", name="確認，登錄消費").click()
        page.wait_for_url("**/done")
    with site.db.reading() as session:
        assert session.scalars(sa.select(Purchase.amount)).all() == [4_700]
    assert complaints == []


def test_two_coupons_are_picked_and_taken_off_in_order(
    site: Site, complaints: list[str], listen: Callable[[Page], Page]
) -> None:
    with site.db.transaction() as session:
        hana = regular(session, name="陳小花")
        for draft in (
            {"name": "9 折券", "type": "percent_off", "value": 10, "stacking": "stackable"},
            {"name": "折百券", "stacking": "stackable", "min_spend": 500},
            {"name": "茶葉半價", "type": "percent_off", "value": 50, "stacking": "stackable",
             "conditions": Conditions(categories=("tea",))},
            {"name": "獨享券", "value": 50},
        ):  # fmt: skip
            coupon_for(session, hana, **draft)
        code = card_code(session, hana)
    with chromium() as browser:
        page = listen(browser.new_page(viewport=PHONE, has_touch=True))
        log_in(page, site, Role.CLERK, area="/clerk")
        page.fill("#code", code)
        page.click("text=查詢")
        page.wait_for_url("**/clerk/serve/**")
        page.fill("#amount", "1000")
        page.click("summary:has([data-chosen])")
        goods = page.locator(".coupon-choice .coupon-goods")  # not those of a word
        expect(goods).to_be_hidden()
        page.check("text=折百券")
        page.check("text=茶葉半價")
        expect(page.locator("[data-chosen]")).to_have_text("使用「折百券」、「茶葉半價」")
        goods.get_by_role("textbox").fill("400")
        page.click("text=下一步")
        page.wait_for_url("**/confirm**")
        bill = page.locator(".bill")
        expect(bill).to_contain_text("NT$700")  # 1,000 less 100 less half of 400
        others = page.locator(".others")
        expect(others).to_contain_text("不能和其他優惠券一起使用")
        others.get_by_role("link", name="加用，再折").click()
        expect(bill).to_contain_text("優惠券共折")
        expect(bill).to_contain_text("-NT$70")  # a tenth of the NT$700 that are left
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.get_by_role("button", name="確認，登錄消費").click()
        page.wait_for_url("**/done")
        for name in ("折百券", "茶葉半價", "9 折券"):
            expect(page.locator(".bill")).to_contain_text(name)
    with site.db.reading() as session:
        (paid,) = session.scalars(sa.select(Purchase.amount)).all()
    assert paid == 630
    assert complaints == []

"""A clerk's phone that loses the network: the page opens, keeps sales and sends them once."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from playwright.sync_api import BrowserContext, Page, expect

from app.purchases.models import Purchase
from app.staff import queries
from app.staff.rules import Role
from tests.browser.conftest import PHONE, Site, chromium, log_in
from tests.support.people import card_code, number_of, regular
from tests.support.staffing import LOGINS, PASSWORD

pytestmark = pytest.mark.browser


def clerk(context: BrowserContext, site: Site) -> Page:
    """Logged in, with the worker at work and what it keeps in place."""
    page = context.new_page()
    log_in(page, site, Role.CLERK, area="/clerk")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    page.wait_for_function(
        """async () => (await indexedDB.databases()).some((one) => one.name === "regulars-till")"""
    )
    return page


def keep(page: Page, code: str, amount: str) -> None:
    page.fill("#code", code)
    page.fill("#amount", amount)
    page.click("text=保留這筆")


def sold(site: Site) -> list[tuple[int, int | None, str]]:
    with site.db.reading() as session:
        rows = session.execute(
            sa.select(Purchase.amount, Purchase.member_id, Purchase.channel).order_by(Purchase.id)
        )
        return [(row.amount, row.member_id, row.channel) for row in rows]


def test_sales_typed_without_network_survive_and_are_sent_once(site: Site) -> None:
    with site.db.transaction() as session:
        hana = regular(session, phone="+886912345678")
        card = card_code(session, hana)
    with chromium() as browser:
        context = browser.new_context(viewport=PHONE, has_touch=True)
        page = clerk(context, site)
        context.set_offline(True)
        page.goto(f"{site.url}/clerk/today")
        expect(page.get_by_role("heading", name="離線登錄")).to_be_visible()
        keep(page, "0912345678", "790")
        expect(page.get_by_text("等待送出 1 筆")).to_be_visible()
        page.reload()
        expect(page.get_by_text("NT$790")).to_be_visible()
        expect(page.get_by_text("0912…678")).to_be_visible()
        keep(page, card, "1280")
        expect(page.get_by_text("等待送出 2 筆")).to_be_visible()
        page.close()

        page = context.new_page()
        page.goto(f"{site.url}/clerk")
        expect(page.get_by_text("等待送出 2 筆")).to_be_visible()
        assert sold(site) == []
        other = context.new_page()
        other.goto(f"{site.url}/clerk/offline")
        context.set_offline(False)
        expect(page.get_by_text("等待送出 0 筆")).to_be_visible(timeout=30_000)
        expect(page.get_by_text("網路已恢復")).to_be_visible()
    assert sorted(sold(site)) == [(790, hana, "offline"), (1280, hana, "offline")]


def test_a_number_looked_up_as_the_network_went_is_not_typed_again(site: Site) -> None:
    with chromium() as browser:
        context = browser.new_context(viewport=PHONE, has_touch=True)
        page = clerk(context, site)
        context.set_offline(True)
        page.fill("#code", "0912345678")
        page.click("text=查詢")
        expect(page.locator("#code")).to_have_value("0912345678")
        expect(page.get_by_role("heading", name="離線登錄")).to_be_visible()


def at_the_confirmation(page: Page, code: str) -> None:
    page.fill("#code", code)
    page.click("text=查詢")
    page.wait_for_url("**/clerk/serve/**")
    page.fill("#amount", "790")
    page.click("text=下一步")
    page.wait_for_url("**/confirm**")


@pytest.mark.parametrize("how", ["the answer", "the receipt", "the form"])
def test_who_lost_an_answer_is_told_not_to_type_the_sale_again(site: Site, how: str) -> None:
    with site.db.transaction() as session:
        code = number_of(session, regular(session))
    with chromium() as browser:
        context = browser.new_context(viewport=PHONE, has_touch=True)
        page = clerk(context, site)
        at_the_confirmation(page, code)
        if how == "the answer":
            context.set_offline(True)
            page.get_by_role("button", name="確認，登錄消費").click()
            expect(page.get_by_text("網路不穩，正在重試（1）")).to_be_visible()
            page.goto(f"{site.url}/clerk/offline")
        elif how == "the receipt":
            page.evaluate("address => { window.done = address }", page.url.split("/confirm")[0])
            context.set_offline(True)
            page.evaluate("location.assign(`${window.done}/done`)")
        else:
            context.set_offline(True)
            page.evaluate("document.querySelector('form[data-once]').submit()")
        page.wait_for_url("**/clerk/offline")
        warning = page.get_by_text("剛才那筆可能已經登錄")
        expect(warning).to_be_visible()
        page.reload()
        expect(warning).to_be_visible()
        keep(page, "0912345678", "500")  # the next member's
        expect(page.get_by_text("等待送出 1 筆")).to_be_visible()
        expect(warning).to_be_hidden()


def test_a_page_that_was_only_looked_at_warns_of_nothing(site: Site) -> None:
    with site.db.transaction() as session:
        code = number_of(session, regular(session))
    with chromium() as browser:
        context = browser.new_context(viewport=PHONE, has_touch=True)
        page = clerk(context, site)
        at_the_confirmation(page, code)
        context.set_offline(True)
        page.goto(f"{site.url}/clerk/today")
        expect(page.get_by_role("heading", name="離線登錄")).to_be_visible()
        expect(page.get_by_text("剛才那筆可能已經登錄")).to_be_hidden()


def test_a_sale_pressed_twice_is_kept_once(site: Site) -> None:
    with chromium() as browser:
        context = browser.new_context(viewport=PHONE)
        page = clerk(context, site)
        context.set_offline(True)
        page.goto(f"{site.url}/clerk")
        page.fill("#code", "0912345678")
        page.fill("#amount", "790")
        page.evaluate(
            """() => {
              const form = document.querySelector("[data-offline]");
              form.requestSubmit();
              form.requestSubmit();
            }"""
        )
        expect(page.get_by_text("等待送出 1 筆")).to_be_visible()
        keep(page, "0912345678", "500")
        expect(page.get_by_text("等待送出 2 筆")).to_be_visible()
        expect(page.locator("[data-offline-list] li")).to_have_count(2)


def test_a_sale_of_another_store_holds_up_none_of_this_one(site: Site) -> None:
    with site.db.transaction() as session:
        number = number_of(session, regular(session))
    with chromium() as browser:
        context = browser.new_context(viewport=PHONE)
        page = clerk(context, site)
        context.set_offline(True)
        page.goto(f"{site.url}/clerk")
        keep(page, number, "300")
        expect(page.get_by_text("等待送出 1 筆")).to_be_visible()
        page.evaluate(
            """async (store) => {
              const { src } = document.querySelector("script[src*='js/offline']");
              const queue = await import(src.replace("js/offline.js", "js/queue.js"));
              const [sale] = await queue.sales();
              await queue.add({ ...sale, id: "elsewhere", at: "2020-01-01T00:00:00.000Z",
                                amount: 400, store_id: store, store_name: "松菸店" });
            }""",
            site.shop.other_store_id,
        )
        expect(page.get_by_text("等待送出 2 筆")).to_be_visible()
        context.set_offline(False)
        expect(page.get_by_text("有 1 筆是在「松菸店」輸入的")).to_be_visible(timeout=30_000)
        expect(page.get_by_text("等待送出 1 筆")).to_be_visible()
        expect(page.get_by_text("NT$400")).to_be_visible()
    assert [row[0] for row in sold(site)] == [300]


@pytest.mark.parametrize(
    ("code", "amount", "sentence"),
    [
        ("12", "790", "請掃描會員卡，或輸入會員編號"),
        ("0912345678", "a", "金額請輸入整數"),
        ("0912345678", "20001", "離線時一筆最多 NT$20,000"),
    ],
)
def test_what_cannot_be_kept_is_said_and_stays_in_the_form(
    site: Site, code: str, amount: str, sentence: str
) -> None:
    with chromium() as browser:
        context = browser.new_context(viewport=PHONE)
        page = clerk(context, site)
        context.set_offline(True)
        page.goto(f"{site.url}/clerk")
        keep(page, code, amount)
        expect(page.get_by_text(sentence)).to_be_visible()
        expect(page.locator("#amount")).to_have_value(amount)


def test_a_refused_sale_stays_until_a_manager_looked_at_it(
    site: Site, complaints: list[str], listen: Callable[[Page], Page]
) -> None:
    with chromium() as browser:
        context = browser.new_context(viewport=PHONE)
        page = clerk(context, site)
        context.set_offline(True)
        page.goto(f"{site.url}/clerk")
        keep(page, "0987654321", "500")
        expect(page.get_by_text("等待送出 1 筆")).to_be_visible()
        context.set_offline(False)
        expect(page.get_by_text("找不到這位會員")).to_be_visible(timeout=30_000)
        page.reload()
        expect(page.get_by_text("未成功 1 筆")).to_be_visible()
        listen(page)

        page.click("text=店長處理")
        page.fill("input[name=login]", LOGINS[Role.CLERK])
        page.fill("input[name=password]", PASSWORD)
        page.click("text=看過了，不再送出")
        expect(page.get_by_text("不能處理這筆")).to_be_visible()
        page.fill("input[name=login]", LOGINS[Role.STORE_MANAGER])
        page.click("text=看過了，不再送出")
        expect(page.get_by_text("店長已處理")).to_be_visible()
        expect(page.locator("[data-offline-list] li")).to_have_count(0)
    with site.db.reading() as session:
        (noted,) = queries.audit_entries(session, action="offline.dismissed")
        assert noted.after["amount"] == 500
        assert queries.audit_entries(session, action="offline.refused")
    assert sold(site) == []
    assert not [one for one in complaints if "409" not in one]


def test_a_page_of_the_till_sends_what_waits_and_says_how_much(site: Site) -> None:
    with site.db.transaction() as session:
        number = number_of(session, regular(session))
    with chromium() as browser:
        context = browser.new_context(viewport=PHONE)
        page = clerk(context, site)
        context.set_offline(True)
        page.goto(f"{site.url}/clerk")
        keep(page, number, "300")
        expect(page.get_by_text("等待送出 1 筆")).to_be_visible()
        page.close()
        context.set_offline(False)
        page = context.new_page()
        with page.expect_response("**/clerk/offline/sales"):
            page.goto(f"{site.url}/clerk")
        page.wait_for_function("document.querySelector('[data-waiting]').hidden")
        page.goto(f"{site.url}/clerk/today")
        expect(page.get_by_text("離線登錄").last).to_be_attached()
        expect(page.get_by_text("NT$300").first).to_be_visible()
    assert [row[0] for row in sold(site)] == [300]

"""Photographs every page and every message of the running product: `python -m docs.make_images`.

Without `--url` it starts a demo of its own. With it, the demo at that address is used and changed:
it gains a member, sales and one message that could not be sent.
"""

import argparse
import io
import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import segno
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, ViewportSize, sync_playwright

from app.core import code128
from app.seeds import brand
from app.seeds.people import ROLES
from docs import running
from flex_templates.theme import CAMPHOR, THEMES
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.flex_templates import samples

FOLDER: Final = Path(__file__).with_name("images")
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 800}
CHAT: Final[ViewportSize] = {"width": 1440, "height": 1080}
MENU_WIDTH: Final = 1250  # px; LINE takes them twice as wide
MAX_BYTES: Final = 250_000
CARD: Final = "card_new"  # the sample that shows every theme: its face is the brand's own
REGULAR: Final = ROLES[2].line_user_id
PHONE_OF_REGULAR: Final = "0900000002"
PHONE_OF_NEWCOMER: Final = "0900000001"

# Which picture shows the page at this address; tests/docs holds it against the routes.
PAGES: Final = {
    "/console/login": "console-login",
    "/console": "console-home",
    "/console/members": "console-members",
    "/console/search": "console-search",
    "/console/members/{member_id}": "console-member",
    "/console/members/{member_id}/why": "console-why",
    "/console/members/{member_id}/merge": "console-merge",
    "/console/liability": "console-liability",
    "/console/coupons": "console-coupons",
    "/console/coupons/new": "console-coupon-new",
    "/console/coupons/{kind_id}": "console-coupon",
    "/console/coupons/{kind_id}/edit": "console-coupon-edit",
    "/console/rewards": "console-rewards",
    "/console/tiers": "console-tiers",
    "/console/corrections": "console-corrections",
    "/console/referrals": "console-referrals",
    "/console/draws": "console-draws",
    "/console/draws/{draw_id}": "console-draw",
    "/draws/{code}": "draw-proof",
    "/console/programme": "console-programme",
    "/console/programme/compare": "console-programme-compare",
    "/console/programme/try": "console-programme-try",
    "/console/programme/new": "console-programme-new",
    "/console/programme/drafts/{draft_id}": "console-programme-draft",
    "/console/programme/thresholds": "console-thresholds",
    "/console/setup": "console-setup",
    "/console/setup/tiers": "console-setup-tiers",
    "/console/setup/poster": "console-setup-poster",
    "/console/missions": "console-missions",
    "/console/stamps": "console-stamps",
    "/console/segments": "console-segments",
    "/console/segments/{segment_id}": "console-segment",
    "/console/tags": "console-tags",
    "/console/tags/{tag_id}": "console-tag",
    "/console/topics": "console-topics",
    "/console/broadcasts": "console-broadcasts",
    "/console/broadcasts/{broadcast_id}": "console-broadcast",
    "/console/broadcasts/{broadcast_id}/send": "console-broadcast-send",
    "/console/broadcasts/{broadcast_id}/readers": "console-broadcast-readers",
    "/console/journeys": "console-journeys",
    "/console/journeys/{journey_id}": "console-journey",
    "/console/journeys/{journey_id}/people": "console-journey-people",
    "/console/journeys/{journey_id}/settings": "console-journey-settings",
    "/console/journeys/{journey_id}/steps/new": "console-journey-new-step",
    "/console/journeys/{journey_id}/steps/{code}": "console-journey-step",
    "/console/lifecycle": "console-lifecycle",
    "/console/scores": "console-scores",
    "/console/experiments": "console-experiments",
    "/console/experiments/new": "console-experiment-new",
    "/console/experiments/{experiment_id}": "console-experiment",
    "/console/menus": "console-menus",
    "/console/menus/{menu_id}": "console-menu",
    "/console/imports": "console-imports",
    "/console/imports/{import_id}": "console-import",
    "/console/invoices": "console-invoices",
    "/console/delivery": "console-delivery",
    "/console/audit": "console-audit",
    "/console/lookups": "console-lookups",
    "/console/requests": "console-requests",
    "/console/staff": "console-staff",
    "/console/staff/{staff_id}": "console-staff-person",
    "/console/link/{token}": "console-link",
    "/console/stores": "console-stores",
    "/console/stores/{store_id}": "console-store",
    "/console/tokens": "console-tokens",
    "/console/hooks": "console-hooks",
    "/console/hooks/{hook_id}": "console-hook",
    "/console/account": "console-account",
    "/console/account/second": "console-second",
    "/clerk/login": "clerk-login",
    "/clerk/store": "clerk-store",
    "/clerk": "clerk-scan",
    "/clerk/serve/{sealed}": "clerk-serve",
    "/clerk/serve/{sealed}/code": "clerk-code",
    "/clerk/serve/{sealed}/why": "clerk-why",
    "/clerk/serve/{sealed}/goodwill": "clerk-goodwill",
    "/clerk/serve/{sealed}/confirm": "clerk-confirm",
    "/clerk/serve/{sealed}/done": "clerk-done",
    "/clerk/today": "clerk-today",
    "/clerk/today/{external_id}/refund": "clerk-refund",
    "/clerk/today/{external_id}/exchange": "clerk-exchange",
    "/clerk/offline": "clerk-offline",
    "/liff/view/join": "liff-join",
    "/liff/view/join/phone": "liff-join-phone",
    "/liff/view/card": "liff-card",
    "/liff/view/points": "liff-points",
    "/liff/view/why": "liff-why",
    "/liff/view/rewards": "liff-rewards",
    "/liff/view/rewards/{reward_id}": "liff-reward",
    "/liff/view/exchanges/{exchange_id}": "liff-exchange",
    "/liff/view/invoices": "liff-invoices",
    "/liff/view/missions": "liff-missions",
    "/liff/view/stamps": "liff-stamps",
    "/liff/view/coupons": "liff-coupons",
    "/liff/view/coupons/{coupon_id}": "liff-coupon",
    "/liff/view/gift/{token}": "liff-gift",
    "/liff/view/tiers": "liff-tiers",
    "/liff/view/purchases": "liff-purchases",
    "/liff/view/stores": "liff-stores",
    "/liff/view/terms": "liff-terms",
    "/liff/view/invite": "liff-invite",
    "/liff/view/draws": "liff-draws",
    "/liff/view/centre": "liff-centre",
    "/liff/view/centre/profile": "liff-profile",
    "/liff/view/centre/close": "liff-close",
}


@dataclass(frozen=True)
class Studio:
    """The demo, and a browser to look at it with."""

    url: str
    browser: Browser

    @contextmanager
    def page(self, viewport: ViewportSize = PHONE, *, scale: float = 2) -> Iterator[Page]:
        is_phone = viewport == PHONE
        context = self.browser.new_context(
            viewport=viewport, device_scale_factor=scale, has_touch=is_phone, locale="zh-TW"
        )
        yield context.new_page()
        context.close()

    def control(self, page: Page, path: str, body: dict[str, Any] | None = None) -> Any:
        """Order something of the simulator, or ask it."""
        url = f"{self.url}/simulator/control/{path}"
        answer = page.request.get(url) if body is None else page.request.post(url, data=body)
        if not answer.ok:
            raise RuntimeError(f"{path}: {answer.status} {answer.text()}")
        return answer.json()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--url", help="a running demo, such as http://127.0.0.1:8000")
    url = options.parse_args().url
    if url:
        photograph(url.rstrip("/"))
    else:
        with running.demo() as own:
            photograph(own)


def photograph(url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        studio = Studio(url, browser)
        newcomer(studio)
        till(studio)
        chat(studio)
        member_pages(studio)
        console(studio)
        messages(studio)
        browser.close()


# Members -----------------------------------------------------------------------------------------


def newcomer(studio: Studio) -> None:
    """Somebody adds the account, is greeted, and joins."""
    phone = f"0912{secrets.randbelow(1_000_000):06d}"  # a new one, as the demo may be used again
    with studio.page() as page:
        while not studio.control(page, "state")["defaultRichMenu"]:  # published after the start
            page.wait_for_timeout(500)
        person = studio.control(page, "users", {"displayName": "品妤"})["userId"]
        studio.control(page, f"users/{person}/follow", {"wait": True})
        menu(studio, page, person, "richmenu-guest")

        liff(studio, page, "join", person)
        keep_tall(page, "liff-join")
        page.fill("[name=phone]", phone)
        page.check("[name=terms]")
        page.click("button[type=submit]")
        page.wait_for_selector("[name=code]")
        keep(page, "liff-join-code")
        page.click("text=更改手機號碼")
        page.wait_for_selector("[name=phone]")
        keep(page, "liff-join-phone")
        page.go_back()
        page.wait_for_selector("[name=code]")
        sms = studio.control(page, f"sms?to=%2B886{phone[1:]}")["sms"][-1]["text"]
        code = re.search(r"\d{6}", sms)
        page.locator("[name=code]").press_sequentially(code[0] if code else "")
        page.wait_for_selector("[name=year]")
        page.fill("[name=name]", "林品妤")
        for name, value in (("year", "1994"), ("month", "10"), ("day", "21")):
            page.select_option(f"[name={name}]", value)
        keep(page, "liff-join-birthday")
        page.click("button[type=submit]")
        page.wait_for_selector(".view-joined")
        keep(page, "liff-joined")


def member_pages(studio: Studio) -> None:
    with studio.page() as page:
        for view in (
            "card",
            "points",
            "why",
            "invoices",
            "missions",
            "stamps",
            "coupons",
            "tiers",
            "purchases",
            "stores",
            "centre",
            "invite",
            "draws",
        ):
            liff(studio, page, view, REGULAR)
            if view == "card":
                page.wait_for_selector("[data-qr] svg")
            if view == "why":
                page.click("#points .row:nth-of-type(1) summary")
            if view == "purchases":
                page.click(".row:nth-child(2) summary")
            keep_tall(page, f"liff-{view}")
        liff(studio, page, "rewards", REGULAR)
        keep_tall(page, "liff-rewards")
        page.click(".reward:not(.is-waiting) >> nth=1")
        page.wait_for_selector(".view-reward")
        keep_tall(page, "liff-reward")
        page.click(".view-reward form .button")
        page.click("dialog [value=yes]")
        page.wait_for_selector(".view-exchange")
        keep_tall(page, "liff-exchange")
        for view, name in (("terms", "terms"), ("centre/profile", "profile")):
            page.goto(f"{studio.url}/liff/{view}")
            page.wait_for_selector(f".view-{name}")
            keep(page, f"liff-{name}")
        page.goto(f"{studio.url}/liff/centre/close")
        page.wait_for_selector(".view-close")
        keep_tall(page, "liff-close")
        liff(studio, page, "coupons", REGULAR)
        page.click("a.ticket")
        page.wait_for_selector(".view-coupon")
        keep_tall(page, "liff-coupon")
    gift(studio)


SHARE: Final = """async (address) => {
  const app = document.querySelector("script[type=module]").src;
  const visit = await import(app.replace("app.js", "visit.js"));
  const answer = await visit.send(address, { method: "POST" });
  return answer.text();
}"""


def gift(studio: Studio) -> None:
    """The regular puts a coupon aside for a friend, who opens the link."""
    with studio.page() as page, studio.page() as friends:
        liff(studio, page, "coupons", REGULAR)
        links = page.locator("a.ticket").evaluate_all("all => all.map((each) => each.href)")
        for link in links:
            page.goto(link)
            page.wait_for_selector(".view-coupon")
            if page.locator("[data-share]").count():
                break
        keep_tall(page, "liff-coupon")
        address = page.get_attribute("[data-share]", "data-share")
        shared = page.evaluate(SHARE, address)
        token = re.search(r"/gift/([\w-]+)", shared)
        assert token is not None
        friends.goto(f"{studio.url}/liff/gift/{token[1]}?liff.user={ROLES[1].line_user_id}")
        friends.wait_for_selector(".view-gift")
        keep_tall(friends, "liff-gift")
        page.evaluate(SHARE, f"{address}/back")


def liff(studio: Studio, page: Page, view: str, person: str) -> None:
    page.goto(f"{studio.url}/liff/{view}?liff.user={person}")
    page.wait_for_selector(f".view-{view}")


def menu(studio: Studio, page: Page, person: str, name: str) -> None:
    shown = studio.control(page, f"users/{person}/conversation")["richMenu"]
    path = f"richmenus/{shown['richMenuId']}/image"
    picture = page.request.get(f"{studio.url}/simulator/control/{path}").body()
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    store(image.resize((MENU_WIDTH, round(MENU_WIDTH * image.height / image.width))), name)


# The shop ----------------------------------------------------------------------------------------


def till(studio: Studio) -> None:
    """The regular shows her card at the till, and buys."""
    with studio.page() as page, studio.page() as hers:
        page.goto(f"{studio.url}/clerk/login")
        keep(page, "clerk-login")
        log_in(studio, page, "clerk", "/clerk")
        keep(page, "clerk-scan")
        page.fill("#code", card_code(studio, hers))
        page.click("text=查詢")
        page.wait_for_url("**/clerk/serve/**")
        for key in ("1", "2", "9", "0"):
            page.click(f'[data-key="{key}"]')
        page.fill("#points", "200")
        keep_tall(page, "clerk-serve")
        page.click("summary:has([data-chosen])")
        keep_tall(page, "clerk-coupons")
        page.click("summary:has([data-chosen])")
        served = page.url
        page.goto(f"{served}/why")
        keep_tall(page, "clerk-why")
        page.goto(f"{served}/goodwill")
        keep_tall(page, "clerk-goodwill")
        page.goto(served)
        for key in ("1", "2", "9", "0"):
            page.click(f'[data-key="{key}"]')
        page.fill("#points", "200")
        page.click("text=下一步")
        page.wait_for_url("**/confirm**")
        keep(page, "clerk-confirm")
        page.get_by_role("button", name="確認，登錄消費").click()
        page.wait_for_url("**/done")
        keep(page, "clerk-done")
        page.goto(f"{studio.url}/clerk")
        page.fill("#code", PHONE_OF_REGULAR)
        page.click("text=查詢")
        page.click("text=或傳驗證碼到會員手機")
        page.wait_for_url("**/code")
        keep(page, "clerk-code")
        page.goto(f"{studio.url}/clerk/today")
        keep(page, "clerk-today")
        page.click("text=退款 >> nth=-1")
        page.wait_for_selector("#amount")
        keep(page, "clerk-refund")
        page.goto(f"{studio.url}/clerk/today")
        page.get_by_role("link", name="換貨", exact=True).last.click()
        page.fill("#amount", "1680")
        page.click("text=下一步")
        page.wait_for_selector("text=確認換貨")
        keep_tall(page, "clerk-exchange")
        offline(studio, page)
        page.goto(f"{studio.url}/clerk/store")
        keep(page, "clerk-store")


def offline(studio: Studio, page: Page) -> None:
    """Two sales wait because the network is lost."""
    page.goto(f"{studio.url}/clerk")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.goto(f"{studio.url}/clerk/offline")
    page.wait_for_selector("text=網路已恢復")
    page.context.set_offline(True)
    for code, amount in ((PHONE_OF_REGULAR, "790"), ("0912345678", "1280")):
        page.fill("#code", code)
        page.fill("#amount", amount)
        page.click("text=保留這筆")
        page.wait_for_selector(f"text=NT${int(amount):,}")
    keep_tall(page, "clerk-offline")
    page.context.set_offline(False)


def card_code(studio: Studio, page: Page) -> str:
    """What the clerk's scanner reads off the member's phone."""
    liff(studio, page, "card", REGULAR)
    page.wait_for_selector("[data-qr] svg")
    screen = Image.open(io.BytesIO(page.screenshot()))
    codes = {found.format.name: found.text for found in zxingcpp.read_barcodes(screen)}
    return str(codes["QRCode"])


def log_in(studio: Studio, page: Page, login: str, area: str) -> None:
    page.goto(f"{studio.url}{area}/login")
    page.fill("#login", login)
    page.fill("#password", brand.PASSWORD)
    page.click("button.main")
    page.wait_for_url(f"{studio.url}{area}")


def chat(studio: Studio) -> None:
    """The receipt has come; she asks for her card."""
    with studio.page(CHAT, scale=1.5) as page:
        studio.control(page, f"users/{REGULAR}/message", {"text": "會員卡", "wait": True})
        page.goto(f"{studio.url}/simulator/#{REGULAR}")
        page.wait_for_selector("body[data-ready] #thread .row")
        page.wait_for_timeout(1500)  # pictures in messages
        keep(page, "chat")
        menu(studio, page, REGULAR, "richmenu-member")


def programme(studio: Studio, page: Page) -> None:
    """What holds, what waits for the owner, other thresholds, and the guide for a new brand."""
    for path, name in (
        ("programme", "console-programme"),
        ("programme/compare", "console-programme-compare"),
        ("programme/try", "console-programme-try"),
        ("programme/new", "console-programme-new"),
        ("setup", "console-setup"),
        ("setup/tiers", "console-setup-tiers"),
        ("setup/poster", "console-setup-poster"),
    ):
        page.goto(f"{studio.url}/console/{path}")
        keep_whole(page, name)
    page.goto(f"{studio.url}/console/programme")
    page.click("a[href^='/console/programme/drafts/']")
    keep_whole(page, "console-programme-draft")
    page.goto(f"{studio.url}/console/programme/thresholds")
    page.get_by_role("slider", name="金卡的門檻", exact=True).focus()
    for _ in range(12):
        page.keyboard.press("ArrowLeft")
    keep_whole(page, "console-thresholds")


def console(studio: Studio) -> None:
    with studio.page(DESKTOP) as page:
        page.goto(f"{studio.url}/console/login")
        keep(page, "console-login")
        log_in(studio, page, "owner", "/console")
        keep(page, "console-home")
        page.goto(f"{studio.url}/console/members")
        keep(page, "console-members")
        page.goto(f"{studio.url}/console/search?q=陳")
        keep(page, "console-search")
        page.goto(f"{studio.url}/console/members?q={PHONE_OF_REGULAR}")
        page.click(".row-link")
        page.wait_for_selector(".moments")
        keep(page, "console-member")
        member = page.url
        page.goto(f"{member}/why")
        keep(page, "console-why")
        page.goto(f"{member}/merge?who={PHONE_OF_NEWCOMER}")
        keep(page, "console-merge")
        page.goto(f"{studio.url}/console/liability")
        keep(page, "console-liability")
        programme(studio, page)
        page.goto(f"{studio.url}/console/coupons/new")
        keep(page, "console-coupon-new")
        page.goto(f"{studio.url}/console/coupons")
        keep(page, "console-coupons")
        page.click(".row-link >> nth=-1")
        page.wait_for_selector(".phone .flex, .phone svg, .phone div")
        keep_tall(page, "console-coupon")
        page.click("a:text-is('修改')")
        page.wait_for_selector(".phone .flex, .phone svg, .phone div")
        keep_tall(page, "console-coupon-edit")
        page.goto(f"{studio.url}/console/rewards")
        keep(page, "console-rewards")
        page.goto(f"{studio.url}/console/tiers")
        keep(page, "console-tiers")
        ask_for_correction(studio)
        page.goto(f"{studio.url}/console/corrections")
        keep(page, "console-corrections")
        refuse_one(studio, page)
        page.goto(f"{studio.url}/console/delivery")
        keep(page, "console-delivery")
        page.goto(f"{studio.url}/console/referrals")
        keep(page, "console-referrals")
        page.goto(f"{studio.url}/console/draws")
        keep(page, "console-draws")
        page.click(".row-link")
        keep(page, "console-draw")
        page.click("text=公開證明")
        keep(page, "draw-proof")
        page.goto(f"{studio.url}/console/missions")
        keep(page, "console-missions")
        page.goto(f"{studio.url}/console/stamps")
        keep(page, "console-stamps")
        page.goto(f"{studio.url}/console/segments")
        page.wait_for_selector("[data-fill] strong")
        keep(page, "console-segments")
        page.goto(f"{studio.url}/console/segments/new?ready=regulars")
        page.fill("[name=name]", "住台北的熟客")
        page.click("text=＋ 條件")
        page.select_option("[name='0-1-of']", "city")
        page.wait_for_selector("[name='0-1-any']")
        page.click(".pick:has-text('臺北市')")
        page.wait_for_selector(".says:has-text('臺北市')")
        keep(page, "console-segment")
        page.goto(f"{studio.url}/console/tags")
        keep(page, "console-tags")
        page.click("text=送禮客")
        page.wait_for_selector("#lines")
        keep(page, "console-tag")
        write_letter(page, studio)
        follow_journey(page, studio)
        weigh(page, studio)
        draw_menu(page, studio)
        bring_sales(page, studio)
        page.goto(f"{studio.url}/console/invoices")
        keep(page, "console-invoices")
        people_and_safety(page, studio)
        page.goto(f"{studio.url}/console/audit")
        keep(page, "console-audit")


def people_and_safety(page: Page, studio: Studio) -> None:
    """An invitation that is made and opened, and a second factor as far as its first code."""
    for address, name in (
        ("stores", "console-stores"),
        ("stores/1", "console-store"),
        ("tokens", "console-tokens"),
        ("lookups", "console-lookups"),
        ("requests", "console-requests"),
    ):
        page.goto(f"{studio.url}/console/{address}")
        keep(page, name)
    page.goto(f"{studio.url}/console/staff")
    page.fill("#name", "陳阿明")
    page.select_option("#store", index=1)
    page.click("text=產生邀請連結")
    keep(page, "console-staff-link")
    with studio.page() as theirs:
        theirs.goto(page.input_value("#address"))
        keep(theirs, "console-link")
    page.goto(f"{studio.url}/console/staff")
    keep(page, "console-staff")
    page.click("tr:has-text('clerk2') .row-link")
    keep(page, "console-staff-person")
    page.goto(f"{studio.url}/console/hooks")
    keep(page, "console-hooks")
    page.click(".row-link")
    keep(page, "console-hook")
    page.goto(f"{studio.url}/console/account")
    keep(page, "console-account")
    page.locator("[action$='/second/begin'] [name=password]").fill(brand.PASSWORD)
    page.click("button.main >> text=開啟")
    page.wait_for_selector("img.qr")
    keep(page, "console-second")


def write_letter(page: Page, studio: Studio) -> None:
    """The draft of a letter as far as the last question, and one that is long over."""
    page.goto(f"{studio.url}/console/broadcasts")
    keep(page, "console-broadcasts")
    page.click("text=秋茶初採")
    page.wait_for_selector(".phone .fx-bubble")
    keep(page, "console-broadcast-draft")
    page.click("text=下一步：確認寄送")
    page.wait_for_selector(".phone .fx-bubble")
    keep(page, "console-broadcast-send")
    page.goto(f"{studio.url}/console/topics")
    keep(page, "console-topics")
    page.goto(f"{studio.url}/console/broadcasts")
    page.click("text=中秋禮盒預購")
    page.wait_for_selector(".phone .fx-bubble")
    keep(page, "console-broadcast")
    page.click(".row-link:has-text('寄出')")
    page.wait_for_selector(".tabs")
    keep(page, "console-broadcast-readers")


def follow_journey(page: Page, studio: Studio) -> None:
    """One that has been walked for two months, its letter, and a step that is put in."""
    page.goto(f"{studio.url}/console/journeys")
    keep(page, "console-journeys")
    page.click("text=比平常久沒來的熟客")
    page.goto(f"{page.url}/settings")
    keep(page, "console-journey-settings")
    page.goto(f"{studio.url}/console/journeys")
    page.click("text=首購後的第二次")
    journey = page.url
    keep(page, "console-journey")
    page.goto(f"{journey}/people?status=left")
    keep(page, "console-journey-people")
    page.goto(f"{journey}/steps/s4")
    page.wait_for_selector(".phone .fx-bubble")
    keep(page, "console-journey-step")
    page.goto(f"{journey}/steps/new?kind=check&after=s3")
    keep(page, "console-journey-new-step")
    page.goto(f"{studio.url}/console/lifecycle")
    keep(page, "console-lifecycle")


def weigh(page: Page, studio: Studio) -> None:
    """How the members buy, and two letters tried on them."""
    page.goto(f"{studio.url}/console/scores")
    keep(page, "console-scores")
    page.goto(f"{studio.url}/console/experiments")
    keep(page, "console-experiments")
    page.click("text=直接說或問一句")
    keep(page, "console-experiment")
    page.goto(f"{studio.url}/console/experiments/new")
    keep(page, "console-experiment-new")


def draw_menu(page: Page, studio: Studio) -> None:
    """A menu with two tabs for some members, as far as its draft."""
    page.goto(f"{studio.url}/console/menus/new")
    page.fill("#name", "金卡選單")
    page.select_option("#audience", label="等級：金卡")
    page.click("#more")
    page.wait_for_selector("#p1")
    page.fill("#p1-name", "禮遇")
    page.check("#p1-c0-main")
    page.wait_for_selector("[data-drawn]:not([aria-busy])")
    page.click("button:has-text('存草稿')")
    page.wait_for_selector("[data-live]")
    keep(page, "console-menu")
    page.goto(f"{studio.url}/console/menus")
    page.wait_for_load_state("networkidle")
    keep(page, "console-menus")


SALES: Final = """單號,日期,時間,實付金額,會員手機,門市代碼
A-1001,2026/07/02,11:20,680,0900000002,taipei
A-1002,2026/07/02,13:05,1240,0912000111,taipei
A-1003,2026/07/02,15:40,NT$520,,taichung
A-1004,2026/07/03,12:10,約三百,0900000002,taipei
A-1005,2026/07/03,17:55,330,0900000002,kaohsiung
"""


def bring_sales(page: Page, studio: Studio) -> None:
    """A file of sales with two rows that cannot be, as far as its rehearsal."""
    page.goto(f"{studio.url}/console/imports")
    file = {"name": "七月補登.csv", "mimeType": "text/csv", "buffer": SALES.encode()}
    page.set_input_files("[name=file]", file)  # type: ignore[arg-type]  # its stubs
    page.click(".upload button")
    page.wait_for_selector("[name=column-amount]")
    keep(page, "console-import-columns")
    page.click("button:has-text('試算')")
    page.wait_for_selector("text=試算完成", timeout=60_000)
    keep(page, "console-import")
    page.goto(f"{studio.url}/console/imports")
    keep(page, "console-imports")


def ask_for_correction(studio: Studio) -> None:
    """A store manager wants more points for a member than one person may give alone."""
    with studio.page(DESKTOP) as page:
        log_in(studio, page, "manager", "/console")
        page.goto(f"{studio.url}/console/members?q={PHONE_OF_REGULAR}")
        page.click(".row-link")
        page.click(".correct summary")
        page.fill("#change", "800")
        page.fill("#reason", "補登 2026/07/01 團購訂單")
        page.click("text=送出調整")
        page.wait_for_selector(".notice.good")


def refuse_one(studio: Studio, page: Page) -> None:
    """LINE refuses an answer, for the page that shows such things."""
    fault = {"path": "/v2/bot/message/*", "status": 400, "times": 2}
    studio.control(page, "faults", {**fault, "body": {"message": "The request body is invalid"}})
    studio.control(page, f"users/{REGULAR}/message", {"text": "我的點數", "wait": True})
    page.wait_for_timeout(1500)
    page.request.delete(f"{studio.url}/simulator/control/faults")


# Messages ----------------------------------------------------------------------------------------

EMOJI: Final = re.compile("[\U0001f000-\U0001faff]")  # few servers have letters for them
SHEET: Final = """<!doctype html><meta charset="utf-8">
<link rel="stylesheet" href="static/chat.css">
<link rel="stylesheet" href="static/flex.css"><body data-theme="light" style="background:#dfe5e8">
<div id="picture" style="display:inline-block;padding:16px"></div>"""
DRAW: Final = """async ([url, message]) => {
  const flex = await import(`${url}/simulator/static/flex.js`);
  const answer = await fetch(`${url}/simulator/preview`, {method: "POST", body: message});
  const place = document.getElementById("picture");
  flex.place(place, await answer.json());
  for (const row of place.querySelectorAll(".fx-carousel")) row.style.width = "max-content";
  flex.finish(place, () => document.createElement("i"));
}"""


def messages(studio: Studio) -> None:
    with studio.page({"width": 4000, "height": 1200}) as page:
        page.route("https://img.example/**", _draw_code)
        page.route("**/simulator/picture", lambda route: _html(route, SHEET))
        page.goto(f"{studio.url}/simulator/picture")
        theme = replace(CAMPHOR, brand=brand.NAME)
        for name, message in samples.plain(theme).items():
            keep_message(studio, page, message, name)
        for code, theme in THEMES.items():
            shown = samples.plain(replace(theme, brand=brand.NAME))[CARD]
            keep_message(studio, page, shown, f"theme-{code}")


def keep_message(studio: Studio, page: Page, message: dict[str, Any], name: str) -> None:
    page.evaluate(DRAW, [studio.url, EMOJI.sub("", json.dumps(message, ensure_ascii=False))])
    page.wait_for_load_state("networkidle")
    keep(page.locator("#picture"), f"flex/{name}")


def _html(route: Route, html: str) -> None:
    route.fulfill(body=html, content_type="text/html")


def _draw_code(route: Route) -> None:
    """The pictures in the samples have no server; draw what it would draw."""
    content = Path(route.request.url).stem
    if "/barcode/" in route.request.url:
        height = (code128.width(content) + 2 * code128.QUIET_ZONE) // 4
        drawing = code128.svg(content, height=height)
    else:
        drawn = io.BytesIO()
        segno.make_qr(content, error="m").save(drawn, kind="svg", border=3, omitsize=True)
        drawing = drawn.getvalue().decode()
    route.fulfill(body=drawing, content_type="image/svg+xml")


# Pictures ----------------------------------------------------------------------------------------


def keep(seen: Page | Locator, name: str) -> None:
    """Photograph what is seen."""
    if isinstance(seen, Page):
        seen.wait_for_load_state("networkidle")
    png = seen.screenshot(animations="disabled")
    store(Image.open(io.BytesIO(png)).convert("RGB"), name)


def keep_tall(page: Page, name: str) -> None:
    """Photograph a phone so tall that it shows what lies below, up to twice a usual one."""
    page.wait_for_load_state("networkidle")
    needed = int(page.evaluate("document.documentElement.scrollHeight"))
    tall = max(PHONE["height"], min(needed, 2 * PHONE["height"]))
    page.set_viewport_size({"width": PHONE["width"], "height": tall})
    keep(page, name)
    page.set_viewport_size(PHONE)


def keep_whole(page: Page, name: str) -> None:
    """Photograph a desktop so tall that it shows what lies below, up to twice a usual one."""
    needed = int(page.evaluate("document.documentElement.scrollHeight"))
    tall = max(DESKTOP["height"], min(needed, 2 * DESKTOP["height"]))
    page.set_viewport_size({"width": DESKTOP["width"], "height": tall})
    keep(page, name)
    page.set_viewport_size(DESKTOP)


def store(image: Image.Image, name: str) -> None:
    path = FOLDER / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    for colours in (256, 128, 64, 32):
        packed = io.BytesIO()
        image.quantize(colours).save(packed, "PNG", optimize=True)
        if packed.tell() <= MAX_BYTES:
            break
    path.write_bytes(packed.getvalue())


if __name__ == "__main__":
    main()

"""Members' pages in a real Chromium, with the simulated LINE around them."""

import io
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import uvicorn
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect
from starlette.routing import Mount

from app.cards import service as cards
from app.core import text
from app.core.clock import TAIPEI
from app.core.db import Database
from app.coupons import service
from app.invoices.models import InvoiceClaim
from app.line.login import LineLogin
from app.members.models import Member
from app.programmes.rules import DEFAULT as TERMS
from app.programmes.rules import InvoiceTerms
from app.referrals.models import REFERRALS
from app.simulator import SimulatorConfig, create_simulator
from tests.app.draws.test_service import DRAFT, plan
from tests.browser.conftest import PHONE, chromium
from tests.browser.films import qr_film, slip_film
from tests.support import slips
from tests.support.joining import HANA, KEN, MEI, join, last_code, person_of
from tests.support.liff import KnownTokens, liff_app
from tests.support.loyalty import publish
from tests.support.people import coupon_for
from tests.support.product import free_port, until
from tests.support.web import Watch

pytestmark = pytest.mark.browser
CHANNEL, LIFF_ID = "1234567890", "1234567890-AbcdEfgh"


@dataclass
class Brand:
    url: str
    db: Database


@pytest.fixture
def brand(sqlite_db: Database) -> Iterator[Brand]:
    """The pages and the simulator on one port, at the real time, as id tokens live by it."""
    now = datetime.now(UTC)  # noqa: TID251  # the simulator and the browser live in real time
    with sqlite_db.transaction() as session:
        publish(session)
        join(session, HANA, "0911222333", now=now)
        plan(session, replace(DRAFT, starts_at=now, ends_at=now + timedelta(days=7)))
        join(session, MEI, "0922333444", now=now)
        session.execute(sa.update(Member).where(Member.line_user_id == MEI).values(name="梅子"))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    base = f"{url}/simulator/api"
    app = liff_app(sqlite_db, Watch(now), KnownTokens(), line_api_base=base, public_base_url=url)
    app.state.id_tokens = LineLogin(base=base, channel_id=CHANNEL)
    config = SimulatorConfig(
        login_channel_id=CHANNEL, liff_id=LIFF_ID, liff_endpoint=f"{url}/liff", any_user=True
    )
    app.router.routes.insert(0, Mount("/simulator", create_simulator(config)))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, "the server did not start")
    yield Brand(url, sqlite_db)
    server.should_exit = True
    thread.join()


def shown(page: Page, brand: Brand, view: str, line_user_id: str) -> None:
    page.goto(f"{brand.url}/liff/{view}?liff.user={line_user_id}")
    page.wait_for_selector(f".view-{view}")


def test_joining_in_the_page(
    brand: Brand, listen: Callable[[Page], Page], complaints: list[str]
) -> None:
    with chromium() as browser:
        page = listen(browser.new_page(viewport=PHONE, locale="zh-TW"))
        shown(page, brand, "join", KEN)
        page.fill("[name=phone]", "0912345678")
        page.check("[name=terms]")
        page.click("button[type=submit]")
        page.wait_for_selector("[name=code]")
        with brand.db.reading() as session:
            code = last_code(session)
        page.locator("[name=code]").press_sequentially(code)  # the sixth digit sends the form
        page.select_option("[name=year]", "2012")
        page.select_option("[name=month]", "2")
        assert page.locator("[name=day] option:not([hidden])").count() == 30  # and 日
        page.select_option("[name=day]", "29")
        assert page.locator("[data-guardian]").is_visible()
        page.select_option("[name=year]", "1992")
        assert page.locator("[data-guardian]").is_hidden()
        page.fill("[name=name]", "陳怡君")
        page.click("button[type=submit]")
        page.wait_for_selector(".view-joined")
        page.click("text=查看會員卡")
        page.wait_for_selector(".view-card")
        assert "陳怡君" in page.inner_text(".face")
    assert complaints == []


def codes_on(page: Page) -> dict[str, str]:
    """What a scanner reads off the screen, by kind of code."""
    picture = Image.open(io.BytesIO(page.screenshot()))
    return {found.format.name: found.text for found in zxingcpp.read_barcodes(picture)}


def test_a_scanner_reads_both_codes_off_the_card(brand: Brand) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport=PHONE, device_scale_factor=2)
        shown(page, brand, "card", HANA)
        page.wait_for_selector("[data-qr] svg")
        read = codes_on(page)
        page.click("[data-enlarge]")
        assert codes_on(page) == read
    with brand.db.reading() as session:
        number, member_id = session.execute(
            sa.select(Member.number, Member.id).where(Member.line_user_id == HANA)
        ).one()
        now = datetime.now(UTC)  # noqa: TID251  # real time, as above
        assert read["Code128"] == number
        assert cards.shown(session, text=read["QRCode"], now=now).member_id == member_id


def test_two_accounts_in_one_browser_never_see_each_other(brand: Brand) -> None:
    with chromium() as browser:
        context = browser.new_context(viewport=PHONE)
        hana, mei = context.new_page(), context.new_page()
        shown(hana, brand, "card", HANA)
        shown(mei, brand, "card", MEI)  # takes the cookie over
        for _ in range(2):
            hana.click("[data-tab=centre]")
            hana.wait_for_selector(".view-centre")
            assert "0911-222-333" in hana.inner_text("main")
            mei.click("[data-tab=centre]")
            mei.wait_for_selector(".view-centre")
            assert "0922-333-444" in mei.inner_text("main")
            hana.click("[data-tab=card]")
            hana.wait_for_selector(".view-card")
            assert "王小明" in hana.inner_text(".face")


@pytest.mark.parametrize("width", [320, 390])
def test_every_view_fits_its_phone(
    brand: Brand, listen: Callable[[Page], Page], complaints: list[str], width: int
) -> None:
    views = ("card", "points", "coupons", "tiers", "purchases", "stores", "centre", "invite",
             "draws", "terms")  # fmt: skip
    with chromium() as browser:
        page = listen(browser.new_page(viewport={"width": width, "height": 640}))
        for view in views:
            shown(page, brand, view, HANA)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, view
            assert re.search("[\u4e00-\u9fff]", page.title()), view
        page.goto(f"{brand.url}/liff/centre/profile")
        page.wait_for_selector(".view-profile")
        page.go_back()
        page.wait_for_selector(".view-terms")
    assert complaints == []


def test_a_friend_is_invited_by_the_picker_and_comes_by_the_card(
    brand: Brand, listen: Callable[[Page], Page], complaints: list[str]
) -> None:
    """Hana's page asks LINE's picker, here the simulator's; Ken finds the card in his chat."""
    control = f"{brand.url}/simulator/control/users"
    link = {"type": "uri", "label": "邀請好友", "uri": f"https://liff.line.me/{LIFF_ID}/invite"}
    button = {"type": "template", "altText": "邀請", "template": {
        "type": "buttons", "text": "邀請好友", "actions": [link]}}  # fmt: skip
    with chromium() as browser:
        page = listen(browser.new_page(viewport={"width": 1280, "height": 900}, locale="zh-TW"))
        for user, name in ((HANA, "小花"), (KEN, "肯肯")):
            body = {"userId": user, "displayName": name}
            assert page.request.post(control, data=body).ok
        page.request.post(f"{control}/{KEN}/share", data={"messages": [button], "to": [HANA]})

        page.goto(f"{brand.url}/simulator/#{HANA}")
        page.click("#thread >> text=邀請好友 >> nth=-1")
        sheet = page.frame_locator("#sheet iframe")
        sheet.locator("[data-share]").click()
        page.locator("dialog >> text=肯肯").click()
        page.locator("dialog button", has_text="分享").last.click()
        sheet.locator("#toast", has_text="已送出邀請").wait_for()

        page.goto(f"{brand.url}/simulator/#{KEN}")
        page.reload()
        page.click("#thread >> text=接受邀請，加入會員")
        sheet.locator(".invited", has_text="王○明 邀請您加入會員").wait_for()
        sheet.locator("[name=phone]").fill("0912345678")
        sheet.locator("[name=terms]").check()
        sheet.locator("button[type=submit]").click()
        sheet.locator("[name=code]").wait_for()
        with brand.db.reading() as session:
            found = session.execute(sa.select(REFERRALS.c.status, REFERRALS.c.channel)).all()
        assert [tuple(row) for row in found] == [("bound", "liff")]
    assert complaints == []


CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def test_an_invoice_is_filmed_code_by_code(
    brand: Brand, tmp_path: Path, listen: Callable[[Page], Page], complaints: list[str]
) -> None:
    """The right code first; the browser here cannot read codes, so the server does."""
    now = datetime.now(UTC)  # noqa: TID251  # as above
    with brand.db.transaction() as session:
        terms = replace(TERMS, invoices=InvoiceTerms(is_on=True, sellers=(slips.SELLER,)))
        publish(session, terms, starts_at=now - timedelta(minutes=1))
    today = now.astimezone(TAIPEI)
    day = f"{today.year - text.ROC_OFFSET}{today:%m%d}"
    left, right = slips.codes("AB12345678", 790, day=day)
    film = slip_film(tmp_path / "slip.y4m", (right, left))
    with chromium(*CAMERA, f"--use-file-for-fake-video-capture={film}") as browser:
        page = listen(browser.new_page(viewport=PHONE, locale="zh-TW"))
        page.goto(f"{brand.url}/liff/invoices?liff.user={HANA}")
        page.wait_for_selector(".view-invoices")
        page.click("[data-start]")
        expect(page.locator("[data-view=invoices]")).to_contain_text("已登錄 AB-12345678")
        expect(page.locator("video")).to_be_hidden()  # the camera is let go
    with brand.db.reading() as session:
        claims = session.execute(sa.select(InvoiceClaim.number, InvoiceClaim.total)).all()
    assert [tuple(row) for row in claims] == [("AB12345678", 790)]
    assert complaints == []


def test_one_code_alone_is_sent_once_however_often_it_is_pressed(
    brand: Brand, tmp_path: Path
) -> None:
    now = datetime.now(UTC)  # noqa: TID251  # as above
    with brand.db.transaction() as session:
        terms = replace(TERMS, invoices=InvoiceTerms(is_on=True, sellers=(slips.SELLER,)))
        publish(session, terms, starts_at=now - timedelta(minutes=1))
    today = now.astimezone(TAIPEI)
    day = f"{today.year - text.ROC_OFFSET}{today:%m%d}"
    left, _ = slips.codes("AB12345678", 790, day=day)
    film = qr_film(tmp_path / "left.y4m", left)
    with chromium(*CAMERA, f"--use-file-for-fake-video-capture={film}") as browser:
        page = browser.new_page(viewport=PHONE, locale="zh-TW")
        sent: list[str] = []
        page.on("request", lambda asked: sent.append(asked.method + asked.url))
        page.goto(f"{brand.url}/liff/invoices?liff.user={HANA}")
        page.click("[data-start]")
        expect(page.locator("[data-only]")).to_be_visible()
        page.evaluate(
            """() => {
              const only = document.querySelector("[data-only]");
              only.click();
              only.click();
            }"""
        )
        expect(page.locator("[data-view=invoices]")).to_contain_text("已登錄 AB-12345678")
    assert sent.count(f"POST{brand.url}/liff/invoices") == 1


@pytest.mark.parametrize(
    ("picked", "words"),
    [
        ("async () => undefined", "沒有傳出去。之前傳的連結已經失效"),
        ("async () => { throw new Error('closed') }", "沒有傳送成功。之前傳的連結已經失效"),
    ],
)
def test_a_card_that_did_not_go_out_again_says_that_the_old_link_is_dead(
    brand: Brand, picked: str, words: str
) -> None:
    with brand.db.transaction() as session:
        hana = person_of(session, HANA).id
        now = datetime.now(UTC)  # noqa: TID251  # as above
        coupon = coupon_for(session, hana, giving="once", valid_days=3_650)
        service.offer_gift(session, coupon_id=coupon, giver_id=hana, now=now)
    with chromium() as browser:
        page = browser.new_page(viewport=PHONE, locale="zh-TW")
        page.goto(f"{brand.url}/liff/coupons/{coupon}?liff.user={HANA}")
        expect(page.locator("[data-share]")).to_have_text("再傳一次卡片")
        page.evaluate(
            f"""() => {{
              window.liff.isApiAvailable = () => true;
              window.liff.shareTargetPicker = {picked};
            }}"""
        )
        page.click("[data-share]")
        expect(page.locator("#toast")).to_contain_text(words)
        expect(page.locator("[data-share]")).to_have_text("再傳一次卡片")


def test_a_first_card_that_failed_shows_the_coupon_as_it_is(brand: Brand) -> None:
    """Put aside, with the way to take it back."""
    with brand.db.transaction() as session:
        hana = person_of(session, HANA).id
        coupon = coupon_for(session, hana, giving="once", valid_days=3_650)
    with chromium() as browser:
        page = browser.new_page(viewport=PHONE, locale="zh-TW")
        page.goto(f"{brand.url}/liff/coupons/{coupon}?liff.user={HANA}")
        expect(page.locator("[data-share]")).to_have_text("送給朋友")
        page.evaluate(
            """() => {
              window.liff.isApiAvailable = () => true;
              window.liff.shareTargetPicker = async () => { throw new Error("closed"); };
            }"""
        )
        page.click("[data-share]")
        expect(page.locator("#toast")).to_contain_text("沒有傳送成功，請再試一次")
        expect(page.get_by_role("button", name="收回禮物")).to_be_visible()


def test_without_a_camera_the_page_says_what_else_works(brand: Brand) -> None:
    now = datetime.now(UTC)  # noqa: TID251  # as above
    with brand.db.transaction() as session:
        terms = replace(TERMS, invoices=InvoiceTerms(is_on=True, sellers=(slips.SELLER,)))
        publish(session, terms, starts_at=now - timedelta(minutes=1))
    with chromium() as browser:
        page = browser.new_page(viewport=PHONE, locale="zh-TW")
        page.goto(f"{brand.url}/liff/invoices?liff.user={HANA}")
        page.click("[data-start]")
        expect(page.locator("[data-say]")).to_contain_text("拍照傳到聊天室")
        page.click("summary:has-text('輸入條碼號碼')")
        expect(page.locator("[name=code]")).to_be_visible()

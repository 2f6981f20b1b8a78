"""The chat page in real Chromium, with the simulator and a small account on a free port."""

import asyncio
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, FrameLocator, Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from app.simulator import SimulatorConfig, create_simulator
from app.simulator.app import Simulator

pytestmark = pytest.mark.browser

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LIFF_ID = "1650000000-abcdEFGH"
TOKEN = SimulatorConfig().channel_access_token

CARD = {
    "type": "flex",
    "altText": "會員卡",
    "contents": {
        "type": "bubble",
        "body": {
            "type": "box",
            "layout": "vertical",
            "paddingAll": "30px",
            "contents": [
                {"type": "text", "text": "金卡", "color": "#b8860b", "size": "xl"},
                {
                    "type": "button",
                    "action": {"type": "postback", "label": "用券", "data": "use=1"},
                },
                {
                    "type": "button",
                    "action": {
                        "type": "uri",
                        "label": "開卡",
                        "uri": f"https://liff.line.me/{LIFF_ID}/card?x=1",
                    },
                },
            ],
        },
    },
}
QUICK = {
    "items": [
        {"type": "action", "action": {"type": "message", "label": "好", "text": "好的"}},
        {
            "type": "action",
            "action": {
                "type": "datetimepicker",
                "label": "生日",
                "data": "birthday",
                "mode": "date",
                "initial": "1990-01-02",
            },
        },
    ]
}
LIFF_PAGE = """<!doctype html><title>會員卡</title><script src="/simulator/liff-sdk.js"></script>
<script src="/liff.js" defer></script><pre id="facts"></pre><button id="send">傳送</button>
<button id="close">關閉</button>"""
LIFF_SCRIPT = """
const facts = {};
const at = (id) => document.getElementById(id);
(async () => {
  await liff.getProfile().catch((error) => { facts.early = error.code; });
  await liff.init({}).catch((error) => { facts.noId = error.code; });
  await liff.init({ liffId: "THE-ID" });
  facts.loggedIn = liff.isLoggedIn();
  facts.inClient = liff.isInClient();
  facts.path = location.pathname + location.search;
  if (facts.loggedIn) {
    facts.name = (await liff.getProfile()).displayName;
    facts.friend = (await liff.getFriendship()).friendFlag;
    facts.isMe = liff.getDecodedIDToken().sub === liff.getContext().userId;
    facts.link = await liff.permanentLink.createUrlBy(location.href);
    const body = new URLSearchParams({ id_token: liff.getIDToken(), client_id: "1650000000" });
    const verify = "/simulator/api/oauth2/v2.1/verify";
    facts.verified = (await fetch(verify, { method: "POST", body })).status;
  }
  at("facts").textContent = JSON.stringify(facts);
})();
at("send").onclick = () => liff.sendMessages([{ type: "text", text: "來自 LIFF" }]);
at("close").onclick = () => liff.closeWindow();
""".replace("THE-ID", LIFF_ID)


class World:
    """The simulator, an account that answers follows and texts, and a LIFF page, in a thread."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.base = f"http://127.0.0.1:{free.getsockname()[1]}"
        port = int(self.base.rsplit(":", 1)[1])
        self.events: list[dict[str, Any]] = []
        self.simulator: Simulator = create_simulator(
            SimulatorConfig(
                webhook_url=f"{self.base}/webhook",
                bot_name="熟客咖啡",
                liff_id=LIFF_ID,
                liff_endpoint=f"{self.base}/liff",
            )
        )
        app = Starlette(
            routes=[
                Route("/webhook", self._webhook, methods=["POST"]),
                Route("/liff/{rest:path}", self._liff),
                Route("/liff.js", self._script),
                Mount("/simulator", self.simulator),
            ]
        )
        config = uvicorn.Config(app, port=port, log_level="error", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=asyncio.run, args=(self._server.serve(),))
        self._thread.start()

    def close(self) -> None:
        self._server.force_exit = True  # open event streams must not hold the end up
        self._server.should_exit = True
        self._thread.join()
        self.simulator.close()

    async def _webhook(self, request: Request) -> Response:
        self.events += orjson.loads(await request.body())["events"]
        return Response()

    async def _liff(self, _request: Request) -> Response:
        return HTMLResponse(LIFF_PAGE)

    async def _script(self, _request: Request) -> Response:
        return Response(LIFF_SCRIPT, media_type="text/javascript")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    binary = shutil.which("chromium")
    if binary is None:
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail("REQUIRE_ALL is set and there is no chromium")
        pytest.skip("no chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        yield opened
        opened.close()


class Phone:
    """The chat page of a new person, who follows the account."""

    def __init__(self, browser: Browser, world: World, name: str) -> None:
        self.world = world
        self.context = browser.new_context(locale="zh-TW", viewport={"width": 1400, "height": 900})
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        made = self.post("users", {"displayName": name})
        self.user_id: str = made["userId"]
        self.page.goto(f"{world.base}/simulator/#{self.user_id}")
        self.page.click("#join")
        expect(self.page.locator("#friendship")).to_be_visible()  # they are friends now

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":  # also breaches of the security policy
            self.complaints.append(message.text)

    def post(self, path: str, body: object) -> Any:
        address = f"{self.world.base}/simulator/control/{path}"
        answer = self.context.request.post(address, data=body)
        assert answer.ok, answer.text()
        return answer.json()

    def push(self, *messages: dict[str, Any]) -> None:
        answer = self.context.request.post(
            f"{self.world.base}/simulator/api/v2/bot/message/push",
            data={"to": self.user_id, "messages": list(messages)},
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        assert answer.ok, answer.text()

    def say(self, text: str) -> None:
        self.page.fill("#words", text)
        self.page.press("#words", "Enter")
        expect(self.page.locator(".from-user .mx-text").last).to_have_text(text)

    def read_again(self) -> None:
        """Make the page read the whole chat again, as when an old message changes."""
        with self.page.expect_response("**/conversation?after=0*"):
            self.page.evaluate(
                "import('/simulator/static/conversation.js').then(c => c.refresh({ all: true }))"
            )
        self.page.wait_for_function(
            "import('/simulator/static/conversation.js').then(c => c.refresh()).then(() => true)"
        )

    def heard(self, kind: str) -> list[dict[str, Any]]:
        """Events of this person that the account got; what the page shows came after them."""
        self.post("webhooks/settle", {})
        mine = [e for e in self.world.events if e["source"]["userId"] == self.user_id]
        return [e for e in mine if e["type"] == kind]

    def webhooks(self) -> int:
        """How many webhooks were sent so far, to everybody's account."""
        self.post("webhooks/settle", {})
        return len(self.world.simulator.courier.deliveries)

    def close(self) -> None:
        self.context.close()
        assert self.complaints == []


@pytest.fixture
def phone(browser: Browser, world: World, request: pytest.FixtureRequest) -> Iterator[Phone]:
    made = Phone(browser, world, f"小美{abs(hash(request.node.name)) % 1000}")
    yield made
    made.close()


def test_messages_appear_without_reloading(phone: Phone) -> None:
    phone.say("您好")
    phone.push({"type": "text", "text": "歡迎光臨"})
    expect(phone.page.locator(".from-bot .mx-text").last).to_have_text("歡迎光臨")
    assert phone.heard("message")[0]["message"]["text"] == "您好"


def test_flex_rules_reach_the_page_under_its_security_policy(phone: Phone) -> None:
    phone.push(CARD)
    words = phone.page.get_by_text("金卡", exact=True)
    expect(words).to_have_css("color", "rgb(184, 134, 11)")
    expect(words).to_have_css("font-size", "22px")
    expect(phone.page.locator(".fx-body > .fx-box")).to_have_css("padding-top", "30px")
    expect(phone.page.locator(".fx-bubble")).to_have_css("width", "300px")


def test_a_flex_button_works_from_the_keyboard(phone: Phone) -> None:
    phone.push(CARD)
    button = phone.page.get_by_role("button", name="用券")
    button.focus()
    phone.page.keyboard.press("Enter")
    phone.page.locator("#tab-webhooks").click()
    expect(phone.page.locator(".log-line .path").first).to_have_text("postback")
    assert phone.heard("postback")[0]["postback"]["data"] == "use=1"


def test_what_has_the_focus_keeps_it_while_the_chat_is_drawn_again(phone: Phone) -> None:
    phone.say("您好")
    said = phone.heard("message")[0]["message"]["id"]
    phone.push({**CARD, "quickReply": QUICK})
    for name in ("用券", "好", phone_name(phone)):
        button = phone.page.get_by_role("button", name=name, exact=name == "好").first
        button.focus()
        handle = button.element_handle()
        phone.read_again()
        assert handle.evaluate("node => node === document.activeElement"), name
    phone.post(f"users/{phone.user_id}/unsend", {"messageId": said})
    expect(phone.page.locator(".unsent")).to_be_visible()
    expect(phone.page.get_by_role("button", name="用券")).to_have_count(1)


def test_an_open_line_of_the_log_stays_while_others_arrive(phone: Phone) -> None:
    phone.say("第一句")
    phone.page.locator("#tab-webhooks").click()
    lines = phone.page.locator(".log-line")
    expect(lines).to_have_count(phone.webhooks())
    expect(lines.first).to_contain_text("200")
    line = lines.first.element_handle()
    assert line is not None
    lines.first.locator("summary").focus()
    phone.page.keyboard.press("Enter")
    expect(lines.first.locator("pre")).to_contain_text("第一句")
    phone.say("第二句")
    expect(lines).to_have_count(phone.webhooks())
    expect(lines.nth(1).locator("pre")).to_contain_text("第一句")
    assert line.evaluate("node => node.isConnected && node.open")


def test_the_newest_message_stays_in_sight_when_room_is_taken_from_below(phone: Phone) -> None:
    for n in range(12):
        phone.push({"type": "text", "text": f"第 {n} 則\n\n\n\n"})
    newest = phone.page.locator(".from-bot").last
    expect(newest).to_contain_text("第 11 則")
    expect(newest).to_be_in_viewport()
    phone.page.click("#toggle-tray")
    gap = "t => Math.round(t.scrollHeight - t.scrollTop - t.clientHeight)"
    expect(phone.page.locator("#tray")).to_be_visible()
    phone.page.wait_for_timeout(50)  # a frame in which the page may follow
    assert phone.page.locator("#thread").evaluate(gap) <= 1


def test_quick_replies_vanish_when_tapped(phone: Phone) -> None:
    phone.push({"type": "text", "text": "選一個", "quickReply": QUICK})
    phone.page.get_by_role("button", name="好", exact=True).click()
    expect(phone.page.locator("#quick")).to_be_hidden()
    expect(phone.page.locator(".from-user .mx-text").last).to_have_text("好的")


def test_a_date_is_picked_and_sent(phone: Phone) -> None:
    phone.push({"type": "text", "text": "生日？", "quickReply": QUICK})
    phone.page.get_by_role("button", name="生日", exact=True).click()
    expect(phone.page.locator("dialog input")).to_have_value("1990-01-02")
    with phone.page.expect_response("**/action"):
        phone.page.get_by_role("button", name="確定").click()
    assert phone.heard("postback")[0]["postback"]["params"] == {"date": "1990-01-02"}


def test_blocking_and_coming_back(phone: Phone) -> None:
    phone.page.click("#friendship")
    expect(phone.page.locator("#words")).to_be_disabled()
    phone.page.get_by_role("button", name="解除封鎖").click()
    expect(phone.page.locator("#words")).to_be_enabled()
    assert len(phone.heard("unfollow")) == 1
    assert phone.heard("follow")[-1]["follow"] == {"isUnblocked": True}


def test_stickers_and_places_can_be_sent(phone: Phone) -> None:
    phone.page.click("#toggle-tray")
    phone.page.locator(".sticker-pick").first.click()
    expect(phone.page.locator(".from-user .mx-sticker")).to_be_visible()
    phone.page.click("#toggle-tray")
    phone.page.get_by_role("button", name="位置").click()
    phone.page.locator("dialog .solid").click()
    expect(phone.page.locator(".from-user .mx-location")).to_contain_text("台北 101")


def test_a_text_message_with_a_code_shows_on_top(phone: Phone) -> None:
    phone.page.wait_for_selector("body[data-ready]")
    phone.page.locator("#tab-sms").click()
    phone.post("sms", {"to": "+886912345678", "text": "驗證碼 482913"})
    expect(phone.page.locator(".notice")).to_contain_text("驗證碼 482913")
    expect(phone.page.get_by_role("button", name="複製 482913")).to_be_visible()
    expect(phone.page.locator(".sms-line").first).to_contain_text("482913")


def open_liff(phone: Phone) -> FrameLocator:
    phone.push(CARD)
    phone.page.get_by_role("button", name="開卡").click()
    return phone.page.frame_locator("#sheet iframe")


def test_liff_pages_open_in_the_sheet_with_the_acting_user(phone: Phone) -> None:
    frame = open_liff(phone)
    expect(frame.locator("#facts")).to_contain_text("verified")
    facts = orjson.loads(frame.locator("#facts").inner_text())
    name = phone.page.locator("#bar-user").inner_text().strip("以「」的身分")
    assert facts == {
        "early": "INIT_FAILED",
        "noId": "INVALID_CONFIG",
        "loggedIn": True,
        "inClient": True,
        "path": "/liff/card?x=1",
        "name": name,
        "friend": True,
        "isMe": True,
        "link": f"https://liff.line.me/{LIFF_ID}/card?x=1",
        "verified": 200,
    }
    frame.locator("#send").click()
    frame.locator("#close").click()
    expect(phone.page.locator("#sheet")).to_be_hidden()
    expect(phone.page.locator(".from-user .mx-text").last).to_have_text("來自 LIFF")


def test_outside_the_chat_page_a_person_logs_in_by_choice(phone: Phone) -> None:
    outside = phone.context.new_page()
    outside.goto(f"{phone.world.base}/liff/card")
    expect(outside.locator("#facts")).to_contain_text('"loggedIn":false')
    outside.goto(f"{phone.world.base}/simulator/?login={phone.world.base}/liff/card")
    outside.locator("dialog").get_by_text(phone_name(phone), exact=True).click()
    outside.get_by_role("button", name="登入", exact=True).click()
    expect(outside.locator("#facts")).to_contain_text(phone_name(phone))
    assert '"inClient":false' in outside.locator("#facts").inner_text()
    assert "liff.user" not in outside.url


def phone_name(phone: Phone) -> str:
    return phone.page.locator(".person.current strong").inner_text()


def test_on_a_narrow_screen_the_list_and_the_log_are_drawers(phone: Phone) -> None:
    phone.page.set_viewport_size({"width": 390, "height": 844})
    expect(phone.page.locator("#people")).to_be_hidden()
    phone.page.click("#show-people")
    expect(phone.page.locator("#people")).to_be_visible()
    phone.page.keyboard.press("Escape")
    phone.page.click("#show-inspector")
    expect(phone.page.locator("#inspector")).to_be_visible()
    width = phone.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390

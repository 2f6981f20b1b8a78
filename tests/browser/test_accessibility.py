"""Every page the pictures show, held against the rules of accessibility by axe-core in Chromium.

The pages come from the table of pictures (docs/make_images.py), so that a new page is looked at
from its first day. Each is loaded once, light and on a desk, and then looked at in the dark, on a
phone and enlarged to twice its size."""

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
import uvicorn
from playwright.sync_api import BrowserContext, Page, ViewportSize
from pydantic import SecretStr

from app.core.config import Settings
from app.core.db import Database
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.main import create_app
from app.members import queries as members
from app.rewards import queries as reward_queries
from app.rewards import service as rewards
from app.richmenus import service as menus
from app.seeds import brand, history, hooks, requests
from app.seeds.demo import LIFF_ID, LOGIN_CHANNEL, Demo
from app.seeds.people import ROLES
from app.simulator import SimulatorConfig, create_simulator
from app.staff import service as staff
from app.staff.rules import Role
from docs.make_images import PAGES, PHONE_OF_NEWCOMER, PHONE_OF_REGULAR, SALES
from tests.browser.conftest import DESKTOP, PHONE, chromium
from tests.support.product import free_port, until

pytestmark = pytest.mark.browser

AXE: Final = Path(__file__).parents[2] / ".axe/node_modules/axe-core/axe.min.js"  # `make axe`
KEY: Final = "test-secret-key"
TWICE: Final[ViewportSize] = {"width": 640, "height": 400}  # a desk of 1280 at 200 %
REGULAR, NEWCOMER = ROLES[2].line_user_id, ROLES[0].line_user_id
# What a mistake keeps somebody from using, or makes hard to use; and what axe is sure of.
GRAVE: Final = {"serious", "critical"}
RUN: Final = """async (rules) => {
  const standard = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  const runOnly = rules.length ? {type: "rule", values: rules} : {type: "tag", values: standard};
  const found = await axe.run(document, {resultTypes: ["violations"], runOnly});
  const why = ({any, all, none}) => (any[0] || all[0] || none[0] || {}).message || "";
  return found.violations.map(({id, impact, nodes}) => ({id, impact, nodes: nodes.slice(0, 9).map(
    node => `${node.target.join(" ")} · ${why(node)}`)}));
}"""
# What grows wider than the window, when the whole page does.
WIDE: Final = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return "";
  const out = [...document.querySelectorAll("body *")].filter(
    one => one.getBoundingClientRect().right > root.clientWidth + 1);
  return `${root.scrollWidth} px: ` + out.slice(0, 4).map(
    one => `${one.tagName}.${one.className}`).join(" ");
}"""


@dataclass
class Place:
    url: str
    db: Database
    now: datetime
    faults: list[str] = field(default_factory=list)

    def one(self, sql: str) -> Any:
        """The first value a statement finds."""
        with self.db.reading() as session:
            found = session.scalars(sa.text(sql)).first()
        assert found is not None, sql
        return found


@pytest.fixture
def place(sqlite_db: Database) -> Iterator[Place]:
    """The demo of a small brand, at the real time, as id tokens live by it."""
    now = datetime.now(UTC)  # noqa: TID251  # the simulator and the browser live in real time
    history.write(sqlite_db, members=12, now=now)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    product = create_app(_settings(sqlite_db, url))
    simulator = create_simulator(
        SimulatorConfig(
            login_channel_id=LOGIN_CHANNEL,
            liff_id=LIFF_ID,
            liff_endpoint=f"{url}/liff",
            any_user=True,
        )
    )
    config = uvicorn.Config(Demo(product, simulator), port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, "the server did not start")
    yield Place(url, sqlite_db, now)
    server.should_exit = True
    thread.join()


def _settings(db: Database, url: str) -> Settings:
    return Settings(
        _env_file=None,
        line_channel_secret=SecretStr("test-secret"),
        line_channel_access_token=SecretStr("test-token"),
        line_api_base=f"{url}/simulator/api",
        line_login_channel_id=LOGIN_CHANNEL,
        liff_id=LIFF_ID,
        database_url=db.url.render_as_string(hide_password=False),
        brand_name=brand.NAME,
        public_base_url=url,
        secret_key=SecretStr(KEY),
        regulars_demo=True,
        regulars_sms_url=f"{url}/simulator/control/sms",
    )


# Where they are -----------------------------------------------------------------------------------

AS_NOBODY: Final = ("/console/login", "/clerk/login", "/console/link/{token}")
MADE_ON_THE_WAY: Final = {  # pages that come from what was done on the page before
    "/clerk/serve/{sealed}", "/clerk/serve/{sealed}/code", "/clerk/serve/{sealed}/why",
    "/clerk/serve/{sealed}/confirm", "/clerk/serve/{sealed}/done",
    "/clerk/serve/{sealed}/goodwill", "/clerk/today/{external_id}/exchange",
    "/clerk/today/{external_id}/refund", "/console/account/second",
    "/console/imports/{import_id}", "/liff/view/join/phone",
}  # fmt: skip
IDS: Final = {
    "{member_id}": f"SELECT id FROM members WHERE line_user_id = '{REGULAR}'",
    "{kind_id}": "SELECT min(id) FROM coupon_kinds",
    "{draw_id}": "SELECT min(id) FROM draws",
    "{code}": "SELECT code FROM draws ORDER BY id",
    "{segment_id}": "SELECT min(id) FROM segments",
    "{tag_id}": "SELECT min(id) FROM tags",
    "{broadcast_id}": "SELECT id FROM broadcasts WHERE status = 'done' ORDER BY id",
    "{journey_id}": "SELECT min(id) FROM journeys",
    "{menu_id}": "SELECT min(id) FROM richmenus",
    "{staff_id}": "SELECT max(id) FROM staff",
    "{store_id}": "SELECT min(id) FROM stores",
    "{draft_id}": "SELECT min(id) FROM programme_drafts",
    "{experiment_id}": "SELECT min(id) FROM experiments",
    "{hook_id}": "SELECT min(id) FROM hooks",
    "{reward_id}": "SELECT min(id) FROM rewards",
    "{coupon_id}": "SELECT c.id FROM coupons c JOIN members m ON m.id = c.member_id"
    f" WHERE m.line_user_id = '{REGULAR}' ORDER BY c.id DESC",
}
IDS_OF: Final = {
    "/console/broadcasts/{broadcast_id}/send": {
        "{broadcast_id}": "SELECT id FROM broadcasts WHERE status = 'draft' ORDER BY id"
    },
    "/console/journeys/{journey_id}/steps/{code}": {"{code}": "SELECT 's1'"},
}
ENDINGS: Final = {
    "/console/members": f"?q={PHONE_OF_REGULAR}",
    "/console/search": "?q=陳",
    "/console/members/{member_id}/merge": f"?who={PHONE_OF_NEWCOMER}",
    "/console/broadcasts/{broadcast_id}/readers": "?status=queued",
    "/console/journeys/{journey_id}/steps/new": "?kind=wait&after=s1",
}


def address(place: Place, path: str) -> str:
    wanted = IDS | IDS_OF.get(path, {})
    return (
        place.url
        + re.sub(r"\{[^}]*\}", lambda found: str(place.one(wanted[found[0]])), path)
        + ENDINGS.get(path, "")
    )


def invitation(place: Place) -> str:
    with place.db.transaction() as session:
        owner = place.one("SELECT min(id) FROM staff WHERE role = 'owner'")
        token = staff.invite(
            session, name="陳阿明", role=Role.ANALYST, store_id=None, made_by=owner, now=place.now
        )
    return f"{place.url}/console/link/{token}"


def exchanged(place: Place) -> int:
    """She fetches a reward with her points."""
    with place.db.transaction() as session:
        person = members.person_by_line_id(session, REGULAR)
        assert person is not None
        cheapest = min(reward_queries.rewards(session), key=lambda one: one.draft.points)
        done = rewards.exchange(
            session,
            reward_id=cheapest.reward_id,
            member_id=person.id,
            form_id="a11y",
            now=place.now,
        )
        return done.exchange_id


def gift(place: Place) -> str:
    """The token of a coupon that a friend put aside for her."""
    with place.db.transaction() as session:
        person = members.person_by_line_id(session, REGULAR)
        assert person is not None
        giver = sa.text("SELECT min(id) FROM members WHERE status = 'member' AND id <> :her")
        giver_id = session.scalars(giver, {"her": person.id}).one()
        kind = KindDraft("a11y", "茶品券", "amount_off", 100, valid_days=30, giving="once")
        coupons.create_kind(session, draft=kind, now=place.now)
        held = coupons.issue(
            session,
            kind_code="a11y",
            member_id=giver_id,
            source="test",
            dedup_key="a11y",
            now=place.now,
        )
        assert held is not None
        offered = coupons.offer_gift(
            session, coupon_id=held.coupon_id, giver_id=giver_id, now=place.now
        )
    return offered.token


# How they are looked at ---------------------------------------------------------------------------


def look(page: Page, place: Place, path: str) -> None:
    """The page that is open, in every dress. What is wrong goes to the place's faults."""

    def blame(dress: str, said: str) -> None:
        place.faults.append(f"{path} ({dress}): {said}")

    def judge(dress: str, *rules: str) -> None:
        for found in page.evaluate(RUN, list(rules)):
            if found["impact"] in GRAVE:
                blame(dress, json.dumps(found, ensure_ascii=False))

    page.wait_for_load_state("load")
    page.evaluate(AXE.read_text("utf-8"))
    judge("light")
    if not path.startswith("/liff"):  # members' pages are light, as LINE's own are
        page.emulate_media(color_scheme="dark")
        judge("dark", "color-contrast")
        page.emulate_media(color_scheme="light")
    size = page.viewport_size
    assert size is not None
    for name, viewport in (("twice as large", TWICE), ("phone", PHONE)):
        page.set_viewport_size(viewport)
        wide = page.evaluate(WIDE)
        if wide:
            blame(name, wide)
    if size != PHONE:
        judge("phone", "target-size", "scrollable-region-focusable")
    page.set_viewport_size(size)


def listening(context: BrowserContext, place: Place) -> Page:
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: place.faults.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda said: (
            place.faults.append(f"{page.url}: {said.text}") if said.type == "error" else None
        ),
    )
    return page


def enter(page: Page, place: Place, login: str, area: str) -> None:
    page.goto(f"{place.url}{area}/login")
    page.fill("#login", login)
    page.fill("#password", brand.PASSWORD)
    page.click("button.main")
    page.wait_for_url(f"{place.url}{area}")


# The walks ----------------------------------------------------------------------------------------


def strangers_door(page: Page, place: Place) -> None:
    for path in AS_NOBODY:
        page.goto(invitation(place) if "{token}" in path else f"{place.url}{path}")
        look(page, place, path)


def desk(page: Page, place: Place) -> None:
    enter(page, place, "owner", "/console")
    for path in PAGES:
        if path.startswith(("/console", "/draws")) and path not in {*AS_NOBODY, *MADE_ON_THE_WAY}:
            page.goto(address(place, path))
            look(page, place, path)
    page.goto(f"{place.url}/console/imports")
    sales = {"name": "sales.csv", "mimeType": "text/csv", "buffer": SALES.encode()}
    page.set_input_files("[name=file]", sales)  # type: ignore[arg-type]  # its stubs
    page.click(".upload button")
    page.wait_for_selector("[name=column-amount]")
    look(page, place, "/console/imports/{import_id}")
    page.goto(f"{place.url}/console/account")
    page.locator("[action$='/second/begin'] [name=password]").fill(brand.PASSWORD)
    page.click("button.main >> text=開啟")
    page.wait_for_selector("img.qr")
    look(page, place, "/console/account/second")


def till(page: Page, place: Place) -> None:
    enter(page, place, "clerk", "/clerk")
    for path in ("/clerk/store", "/clerk/offline", "/clerk"):
        page.goto(f"{place.url}{path}")
        look(page, place, path)
    page.fill("#code", PHONE_OF_REGULAR)
    page.click("text=查詢")
    page.wait_for_url("**/clerk/serve/**")
    look(page, place, "/clerk/serve/{sealed}")
    served = page.url
    for part in ("code", "why", "goodwill"):
        page.goto(f"{served}/{part}")
        look(page, place, f"/clerk/serve/{{sealed}}/{part}")
    page.goto(served)
    for key in ("1", "2", "9", "0"):
        page.click(f'[data-key="{key}"]')
    page.click("text=下一步")
    page.wait_for_url("**/confirm**")
    look(page, place, "/clerk/serve/{sealed}/confirm")
    page.get_by_role("button", name="確認，登錄消費").click()
    page.wait_for_url("**/done")
    look(page, place, "/clerk/serve/{sealed}/done")
    page.goto(f"{place.url}/clerk/today")
    look(page, place, "/clerk/today")
    page.click("text=退款 >> nth=-1")
    page.wait_for_selector("#amount")
    look(page, place, "/clerk/today/{external_id}/refund")
    page.goto(page.url.replace("/refund", "/exchange"))
    look(page, place, "/clerk/today/{external_id}/exchange")


def members_pages(page: Page, place: Place) -> None:
    IDS_OF["/liff/view/exchanges/{exchange_id}"] = {"{exchange_id}": f"SELECT {exchanged(place)}"}
    IDS_OF["/liff/view/gift/{token}"] = {"{token}": f"SELECT '{gift(place)}'"}
    page.goto(f"{place.url}/liff/card?liff.user={REGULAR}")
    page.wait_for_selector("[data-qr] svg")
    for path in PAGES:
        if path.startswith("/liff/view/") and "/join" not in path:
            page.goto(address(place, path).replace("/liff/view/", "/liff/"))
            page.wait_for_selector('[class*="view-"]')
            look(page, place, path)


def joining(page: Page, place: Place) -> None:
    page.goto(f"{place.url}/liff/join?liff.user={NEWCOMER}")
    page.wait_for_selector("[name=phone]")
    look(page, place, "/liff/view/join")
    page.fill("[name=phone]", "0912345678")
    page.check("[name=terms]")
    page.click("button[type=submit]")
    page.wait_for_selector("[name=code]")
    page.click("text=更改手機號碼")
    page.wait_for_selector("[name=phone]")
    look(page, place, "/liff/view/join/phone")


WALKS: Final[tuple[tuple[ViewportSize, Callable[[Page, Place], None]], ...]] = (
    (DESKTOP, strangers_door),
    (DESKTOP, desk),
    (PHONE, till),
    (PHONE, members_pages),
    (PHONE, joining),
)


@pytest.mark.timeout(600)
def test_every_page_can_be_used_by_everybody(place: Place) -> None:
    if not AXE.exists():
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail("REQUIRE_ALL is set and there is no axe-core: run `make axe`")
        pytest.skip("no axe-core: run `make axe`")
    with place.db.transaction() as session:
        menus.ready(session, now=place.now)
        hooks.write(session, key=KEY, now=place.now)
        requests.write(session, now=place.now)
    with chromium() as browser:
        for viewport, walk in WALKS:
            context = browser.new_context(
                viewport=viewport, locale="zh-TW", color_scheme="light", reduced_motion="reduce"
            )
            walk(listening(context, place), place)
            context.close()
    assert place.faults == [], "\n".join(place.faults)

"""Writing a letter of several messages in a real browser, on a phone and by keyboard."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from app.campaigns import queries
from app.core.db import Database
from app.staff.rules import Role
from app.web import pictures
from tests.browser.conftest import PHONE, Site, chromium, log_in

pytestmark = pytest.mark.browser


@pytest.fixture
def poster(tmp_path: Path) -> Path:
    path = tmp_path / "poster.png"
    packed = io.BytesIO()
    Image.new("RGB", (800, 500), "teal").save(packed, "PNG")
    path.write_bytes(packed.getvalue())
    return path


def newest(db: Database) -> queries.BroadcastShown:
    with db.reading() as session:
        return queries.broadcasts(session, limit=1)[0]


def test_a_letter_is_put_together_on_a_phone(
    site: Site, poster: Path, complaints: list[str], listen: Callable[[Page], Page]
) -> None:
    site.app.include_router(pictures.router)
    with chromium() as browser:
        page = listen(browser.new_context(viewport=PHONE).new_page())
        log_in(page, site, Role.MARKETER, area="/console")
        page.goto(f"{site.url}/console/broadcasts/new")
        page.fill("#name", "秋茶")
        page.fill("#m0-title", "秋茶到了")
        page.fill("#m0-body", "第一批到店。")
        page.get_by_role("button", name="文字", exact=True).press("Enter")
        page.fill("#m1-body", "先跟您說一聲")
        expect(page.locator(".phone .said")).to_have_count(2)
        page.get_by_role("button", name="第 2 則往上移").press("Enter")
        expect(page.locator("#m0-body")).to_have_value("先跟您說一聲")
        expect(page.locator("#m1-title")).to_have_value("秋茶到了")
        page.get_by_role("button", name="圖片", exact=True).press("Enter")
        page.set_input_files("#m2-file", poster)  # put on at once
        expect(page.locator(".chosen-picture")).to_be_visible()
        page.fill("#m2-title", "秋茶海報")
        expect(page.locator(".phone .said")).to_have_count(3)
        expect(page.locator(".lacking-none")).to_be_visible()
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"]
        page.get_by_role("button", name="下一步：確認寄送").press("Enter")
        page.wait_for_url("**/send")
        browser.close()
    assert complaints == []
    assert [part.kind for part in newest(site.db).letter.parts] == ["text", "card", "picture"]

"""Every page and every message has its picture: `make images` takes them."""

from fastapi.routing import APIRoute

from app.web import site
from app.web.liff import site as liff
from docs.make_images import FOLDER, PAGES
from flex_templates.theme import CAMPHOR, THEMES
from tests.flex_templates import samples

NOT_PAGES = {
    "/console/live", "/console/imports/{import_id}/live", "/console/segments/{segment_id}/size",
    "/console/segments/new", "/console/broadcasts/new", "/console/broadcasts/{broadcast_id}/live",
    "/console/journeys/{journey_id}/size",
    "/console/programme/drafts/{draft_id}/edit",
    "/console/menus/new", "/console/menus/{menu_id}/live",
    "/console/menus/{menu_id}/pictures/{number}",
    "/clerk/worker.js", "/clerk/offline/settings",
    "/b/{token}",  # parts of pages, some that look like others, and a way out
    "/console/imports/{import_id}/refused.csv",
    "/console/members/list.csv", "/console/audit/list.csv", "/console/lookups/list.csv",
    "/console/requests/{request_id}/data",
    "/liff/centre/data", "/draws/{code}/proof.json", "/draws/{code}/entrants.txt",  # files to keep
}  # fmt: skip


def test_every_page_has_a_picture() -> None:
    shown = {
        route.path
        for router in (*site.ROUTERS, *site.PUBLIC, *liff.ROUTERS)
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ())
    }
    assert shown - NOT_PAGES == set(PAGES)
    assert {name for name in PAGES.values() if not (FOLDER / f"{name}.png").exists()} == set()


def test_every_message_and_every_theme_has_a_picture() -> None:
    names = {*samples.plain(CAMPHOR), *(f"theme-{code}" for code in THEMES)}
    assert {path.stem for path in (FOLDER / "flex").glob("*.png")} == names

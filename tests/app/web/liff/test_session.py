import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.members.models import Member
from app.visits.models import Visit
from app.web.liff import site
from tests.support.joining import KEN, MEI
from tests.support.liff import Phone, phone
from tests.support.web import SAME_ORIGIN


def test_lines_word_opens_a_visit(shop_db: Database) -> None:
    with phone(shop_db) as line:
        opened = line.open(KEN)
        assert opened.status == 200
        cookie = opened.header("set-cookie")
        assert "HttpOnly" in cookie
        assert "samesite=lax" in cookie.lower()
        assert line.view("join").status == 200


def test_a_stranger_becomes_known_with_the_name_line_gave(shop_db: Database) -> None:
    with phone(shop_db) as line:
        line.open(KEN)
    with shop_db.reading() as session:
        row = session.execute(sa.select(Member.line_user_id, Member.display_name)).one()
    assert tuple(row) == (KEN, "肯肯")


def test_the_cookie_is_kept_as_a_digest_only(shop_db: Database) -> None:
    with phone(shop_db) as line:
        line.open(KEN)
        token = line.http.cookies["liff"]
    with shop_db.reading() as session:
        row = session.execute(sa.select(Visit.__table__)).mappings().one()
    assert token not in str(row)
    assert "token of" not in str(row)


def test_the_same_id_token_is_shown_to_line_once(shop_db: Database) -> None:
    with phone(shop_db) as line:
        line.open(KEN)
        line.open(KEN)
        assert line.tokens.asked == 1
        line.open(MEI)
        assert line.tokens.asked == 2


def test_an_id_token_line_does_not_know_opens_nothing(shop_db: Database) -> None:
    with phone(shop_db) as line:
        body = {"id_token": "forged"}
        answer = line.http.post("/liff/session", json=body, headers=SAME_ORIGIN)
        assert (answer.status_code, answer.json()) == (401, {"error": "IdToken expired."})
        assert "set-cookie" not in answer.headers
        assert line.view("card").status == 401


def test_when_line_is_silent_nobody_is_let_in(shop_db: Database) -> None:
    with phone(shop_db) as line:
        line.tokens.is_silent = True
        assert line.open(KEN).status == 503


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", "null", '{"id_token": 7}', '{"id_token": ""}', "not json",
             '{"id_token": "' + "x" * 5000 + '"}']
)  # fmt: skip
def test_a_broken_opening_is_refused(shop_db: Database, body: str) -> None:
    with phone(shop_db) as line:
        headers = SAME_ORIGIN | {"content-type": "application/json"}
        assert line.http.post("/liff/session", content=body, headers=headers).status_code == 422


def test_another_site_cannot_open_a_visit(shop_db: Database) -> None:
    with phone(shop_db) as line:
        body = {"id_token": f"token of {KEN}"}
        foreign = {"sec-fetch-site": "cross-site"}
        assert line.http.post("/liff/session", json=body, headers=foreign).status_code == 403


def test_the_cookie_alone_opens_nothing(ken: Phone) -> None:
    ken.form_token = ""
    assert ken.view("join").status == 401
    ken.form_token = "0" * 64
    assert ken.view("join").status == 401


def test_a_page_of_another_account_in_the_same_browser_is_turned_away(ken: Phone) -> None:
    kens = ken.form_token
    ken.open(MEI)
    ken.form_token = kens
    assert ken.view("join").status == 401


def test_a_visit_ends_after_half_a_day(ken: Phone) -> None:
    ken.watch.forward(hours=11, minutes=59)
    assert ken.view("join").status == 200
    ken.watch.forward(minutes=1)
    assert ken.view("join").status == 401


def test_on_https_the_cookie_is_bound_to_the_host(shop_db: Database) -> None:
    with phone(shop_db, public_base_url="https://shop.example") as line:
        cookie = line.open(KEN).header("set-cookie")
    assert cookie.startswith("__Host-liff=")
    assert "Secure" in cookie


@pytest.mark.parametrize("path", ["", "/card", "/join", "/coupons/7", "/no/such/page"])
def test_every_address_gives_the_same_shell(shop_db: Database, path: str) -> None:
    with phone(shop_db) as line:
        page = line.get(f"/liff{path}")
    assert page.status == 200
    assert 'data-liff-id="1234567890-AbcdEfgh"' in page.text
    assert "https://static.line-scdn.net/liff/edge/2/sdk.js" in page.text
    assert "https://static.line-scdn.net" in page.header("content-security-policy")


def test_the_stand_in_sdk_is_loaded_where_line_is_simulated(shop_db: Database) -> None:
    with phone(shop_db, line_api_base="http://127.0.0.1:8000/simulator/api") as line:
        page = line.get("/liff/card")
    assert "/simulator/liff-sdk.js" in page.text
    assert "line-scdn" not in page.text


def test_pages_carry_no_code_of_their_own(shop_db: Database) -> None:
    with phone(shop_db) as line:
        page = line.get("/liff/card").text
    assert "<style" not in page
    assert " style=" not in page
    assert " on" not in page.replace(" on ", "")
    assert page.count("<script") == page.count("<script src=") + page.count(
        '<script type="module" src='
    )


def test_static_files_are_kept_by_their_version(shop_db: Database) -> None:
    with phone(shop_db) as line:
        page = line.get("/liff/card").text
        style = page.split('rel="stylesheet" href="')[2].split('"')[0]
        assert "immutable" in line.get(style).header("cache-control")
        assert line.get("/liff/static/old/liff.css").header("cache-control") == "no-cache"
        assert line.get("/liff/static/old/../pages.py").status == 404


def test_every_route_refuses_a_visitor_without_a_visit(shop_db: Database) -> None:
    walked = 0
    with phone(shop_db) as line:
        for router in site.ROUTERS:
            for route in router.routes:
                path = getattr(route, "path", "").replace("{coupon_id}", "1")
                for method in getattr(route, "methods", ()):
                    if path == "/liff/session":
                        continue
                    answer = line.http.request(method, path, headers=SAME_ORIGIN)
                    assert answer.status_code == 401, f"{method} {path}"
                    walked += 1
    assert walked > 20


def test_every_form_refuses_another_site(ken: Phone) -> None:
    ken.extra = {"sec-fetch-site": "cross-site"}
    for router in site.ROUTERS:
        for route in router.routes:
            path = getattr(route, "path", "").replace("{coupon_id}", "1")
            if "POST" in getattr(route, "methods", ()) and path != "/liff/session":
                assert ken.post(path).status == 403, path


def test_a_large_body_is_refused(ken: Phone) -> None:
    assert ken.post("/liff/join/start", {"phone": "0" * 70_000}).status == 413


def test_guests_are_sent_to_join(ken: Phone) -> None:
    for name in ("card", "points", "coupons", "coupons/1", "tiers", "purchases", "centre"):
        answer = ken.view(name)
        assert (answer.status, answer.header("x-go")) == (204, "/liff/join"), name


@pytest.mark.parametrize(("code", "primary"), [("camphor", "#1E6B54"), ("indigo", "#2B4A8B")])
def test_the_pages_wear_the_brands_colours(shop_db: Database, code: str, primary: str) -> None:
    with phone(shop_db, brand_theme=code) as line:
        style = line.get("/liff/theme.css")
        assert f"--accent:{primary};" in style.text
        assert style.header("content-type").startswith("text/css")
        assert f'content="{primary}"' in line.get("/liff/card").text


def test_every_tier_has_a_face(shop_db: Database) -> None:
    with phone(shop_db) as line:
        style = line.get("/liff/theme.css").text
    for name in ("plain", "bronze", "silver", "gold", "platinum", "black"):
        assert f".face-{name}{{" in style

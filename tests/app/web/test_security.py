"""Nobody enters without the right, and no form from elsewhere is taken."""

import re
from collections.abc import Iterator

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from app.core.db import Database
from app.staff import queries
from app.staff.rules import Role, is_allowed
from app.web.security import Anyone, Guard, check_guarded, guard_of, safe_next
from app.web.site import ROUTERS
from tests.support.loyalty import publish
from tests.support.staffing import PASSWORD, Shop, staffed_shop
from tests.support.web import BASE, SAME_ORIGIN, Browser, browser

ROUTES = [
    (method, route)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]


@pytest.fixture
def postgres_visitor(postgres_db: Database) -> Iterator[Browser]:
    with postgres_db.transaction() as session:
        publish(session)
        staffed_shop(session)
    with browser(postgres_db) as new:
        yield new


# The page that a browser keeps for a till without network, and what keeps it: nobody's data.
HOLDS_NOTHING = {"/clerk/offline", "/clerk/worker.js"}


def url_of(route: APIRoute) -> str:
    return re.sub(r"\{[^}]*\}", "1", route.path)


def refused_or_sent_away(status: int, location: str) -> bool:
    return status in {401, 403} or (status == 303 and location.split("?")[0].endswith("/login"))


@pytest.mark.parametrize(
    ("method", "route"), ROUTES, ids=lambda value: getattr(value, "path", value)
)
def test_a_stranger_enters_nothing_but_the_doors(
    visitor: Browser, method: str, route: APIRoute
) -> None:
    guard = guard_of(route)
    assert guard is not None
    if isinstance(guard, Anyone):
        is_door = route.path.endswith(("/login", "/login/code", "/logout", "/link/{token}"))
        assert is_door or route.path in HOLDS_NOTHING
        return
    answer = visitor.get(url_of(route)) if method == "GET" else visitor.post(url_of(route))
    assert refused_or_sent_away(answer.status, answer.location)


@pytest.mark.parametrize("role", list(Role))
def test_each_role_enters_exactly_what_its_permissions_say(
    sqlite_db: Database, shop: Shop, role: Role
) -> None:
    with browser(sqlite_db) as visitor:
        assert visitor.log_in(role).status == 303
        for method, route in ROUTES:
            guard = guard_of(route)
            if not isinstance(guard, Guard):
                continue
            answer = visitor.get(url_of(route)) if method == "GET" else visitor.post(url_of(route))
            assert (answer.status != 403) is is_allowed(role, guard.permission), route.path
            assert answer.status < 500, route.path


def test_a_route_without_a_guard_stops_the_start() -> None:
    router = APIRouter()

    @router.get("/console/forgotten")
    def forgotten() -> str:
        return ""

    with pytest.raises(RuntimeError, match="/console/forgotten"):
        check_guarded([router])


@pytest.mark.parametrize("url", ["/clerk/serve/x", "/console/delivery/messages/1/retry"])
def test_a_form_sent_after_the_session_ended_says_that_nothing_was_done(
    visitor: Browser, url: str
) -> None:
    sent_away = visitor.post(url)
    assert "剛才送出的這一筆沒有處理" in visitor.get(sent_away.location).text


def test_a_login_leads_to_where_one_wanted_to_go(visitor: Browser) -> None:
    sent_away = visitor.get("/console/members?q=0912345678")
    assert sent_away.location == "/console/login?next=%2Fconsole%2Fmembers%3Fq%3D0912345678"
    page = visitor.get(sent_away.location)
    assert 'value="/console/members?q=0912345678"' in page.text


def test_each_role_lands_in_its_half_of_the_house(sqlite_db: Database, shop: Shop) -> None:
    landings = {
        (Role.OWNER, "/console"): "/console",
        (Role.OWNER, "/clerk"): "/clerk",
        (Role.CLERK, "/console"): "/clerk",
        (Role.ANALYST, "/clerk"): "/console",
        (Role.STORE_MANAGER, "/clerk"): "/clerk",
    }
    for (role, area), landing in landings.items():
        with browser(sqlite_db) as visitor:
            assert visitor.log_in(role, area=area).location == landing


@pytest.mark.parametrize(
    "target",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)",
     "/console\\..\\x", "/api/v1", "", None, "/console\r\nx"],
)  # fmt: skip
def test_a_login_never_leads_off_the_staff_pages(target: str | None) -> None:
    assert safe_next(target, "/console") == "/console"


def test_a_wrong_password_and_an_unknown_login_get_the_same_answer(visitor: Browser) -> None:
    wrong = visitor.log_in(Role.CLERK, password="not the password")
    visitor.http.cookies.clear()
    unknown = visitor.post("/console/login", {"login": "nobody", "password": "not the password"})
    assert wrong.status == unknown.status == 401
    assert wrong.text.replace('value="aoi"', "") == unknown.text.replace('value="nobody"', "")


def test_guessing_is_stopped_and_the_right_password_must_wait_too(visitor: Browser) -> None:
    for _ in range(5):
        assert visitor.log_in(Role.CLERK, password="guess guess guess").status == 401
    assert visitor.log_in(Role.CLERK).status == 429
    visitor.watch.forward(seconds=31)
    assert visitor.log_in(Role.CLERK).status == 303


def test_the_cookie_is_out_of_reach_of_scripts_and_sites(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    cookie = visitor.log_in(Role.OWNER).header("set-cookie")
    assert cookie.startswith("staff=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    with browser(sqlite_db, public_base_url="https://shop.example") as on_https:
        answer = on_https.log_in(Role.OWNER)
    assert answer.header("set-cookie").startswith("__Host-staff=")
    assert "Secure" in answer.header("set-cookie")
    assert answer.header("strict-transport-security")


def test_the_database_does_not_hold_the_cookie(sqlite_db: Database, visitor: Browser) -> None:
    visitor.log_in(Role.OWNER)
    token = visitor.http.cookies["staff"]
    with sqlite_db.reading() as session:
        assert queries.visitor(session, token, now=visitor.watch.now) is not None
        (kept,) = session.connection().exec_driver_sql("SELECT digest FROM staff_sessions").all()
    assert token not in kept


def test_logging_out_ends_the_session_everywhere(visitor: Browser) -> None:
    visitor.log_in(Role.OWNER)
    token = visitor.http.cookies["staff"]
    assert visitor.get("/console").status == 200
    assert visitor.post("/console/logout").status == 303
    visitor.http.cookies.set("staff", token)
    assert visitor.get("/console").status == 303


def test_a_session_idles_out_and_a_page_that_refreshes_itself_does_not_keep_it(
    visitor: Browser,
) -> None:
    visitor.log_in(Role.OWNER)
    for _ in range(11):
        visitor.watch.forward(hours=1)
        assert visitor.get("/console/live", **{"x-background": "1"}).status == 200
    visitor.watch.forward(hours=1)
    assert visitor.get("/console/live", **{"x-background": "1"}).status == 303


def test_a_person_who_works_stays_logged_in_up_to_a_week(visitor: Browser) -> None:
    visitor.log_in(Role.OWNER)
    for _ in range(20):
        visitor.watch.forward(hours=8)
        assert visitor.get("/console").status == 200
    visitor.watch.forward(hours=8)
    assert visitor.get("/console").status == 303


FOREIGN = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("url", ["/clerk/find", "/console/logout", "/console/login"])
def test_forms_from_elsewhere_are_refused(
    visitor: Browser, headers: dict[str, str], url: str
) -> None:
    visitor.log_in(Role.OWNER)
    form = {"form_token": visitor.form_token(), "code": "0912345678"}
    answer = visitor.http.post(url, data=form, headers=headers, follow_redirects=False)
    assert answer.status_code == 403


def test_an_old_browser_proves_itself_by_origin(visitor: Browser) -> None:
    visitor.log_in(Role.OWNER)
    answer = visitor.http.post("/console/logout", headers={"origin": BASE}, follow_redirects=False)
    assert answer.status_code == 303


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
def test_a_form_without_the_token_of_its_session_is_refused(visitor: Browser, token: str) -> None:
    visitor.log_in(Role.OWNER)
    answer = visitor.post("/clerk/store", {"form_token": token, "store_id": "1"})
    assert answer.status == 403


def test_the_token_of_another_session_is_refused(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    visitor.log_in(Role.OWNER)
    with browser(sqlite_db) as other:
        other.log_in(Role.MARKETER)
        stolen = other.form_token()
    assert stolen
    answer = visitor.post("/clerk/store", {"form_token": stolen, "store_id": "1"})
    assert answer.status == 403


def test_every_answer_carries_the_security_headers(visitor: Browser) -> None:
    for url in ("/console/login", "/clerk/login", "/nothing", "/static/x/css/base.css"):
        answer = visitor.get(url)
        policy = answer.header("content-security-policy")
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("referrer-policy") == "same-origin"
    assert "camera=(self)" in visitor.get("/clerk/login").header("permissions-policy")
    assert "camera=()" in visitor.get("/console/login").header("permissions-policy")
    assert "frame-ancestors 'self'" in visitor.get("/liff/x").header("content-security-policy")
    assert visitor.get("/console/login").header("cache-control") == "no-store"


def test_static_files_are_kept_for_good_under_their_version_only(visitor: Browser) -> None:
    page = visitor.get("/console/login").text
    found = re.search(r'href="(/static/[0-9a-f]+/css/base\.css)"', page)
    assert found
    assert "immutable" in visitor.get(found[1]).header("cache-control")
    assert visitor.get("/static/old/css/base.css").header("cache-control") == "no-cache"
    assert visitor.get("/static/x/../../security.py").status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"content-length": "99999999"}, 413), ({"transfer-encoding": "chunked"}, 411),
     ({"content-length": "many"}, 413)],
)  # fmt: skip
def test_bodies_of_unknown_or_absurd_size_are_refused(
    visitor: Browser, headers: dict[str, str], status: int
) -> None:
    answer = visitor.http.post("/clerk/find", content=b"x", headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize("url", ["/console/login", "/clerk/login"])
@pytest.mark.parametrize("sent", ["\x00", "yui\x00"])
def test_a_login_no_database_can_keep_is_refused_in_words(
    postgres_visitor: Browser, url: str, sent: str
) -> None:
    answer = postgres_visitor.post(url, {"login": sent, "password": PASSWORD})
    assert answer.status == 422
    assert "控制字元" in answer.text


def test_what_no_database_can_keep_gets_past_no_edge(postgres_visitor: Browser) -> None:
    postgres_visitor.log_in(Role.OWNER)
    token = postgres_visitor.form_token()
    form = {"form_token": token, "anything": "a\x00b"}
    for method, route in ROUTES:
        urls = {url_of(route) + "?member=%00", re.sub(r"\{[^}]*\}", "%00", route.path)}
        for url in urls:
            if method == "GET":
                status = postgres_visitor.get(url).status if "%00" in url else 422
            else:
                status = postgres_visitor.http.post(
                    url.partition("?")[0], data=form, headers=SAME_ORIGIN
                ).status_code
            assert status == 422, (method, url)


def test_the_login_of_who_approves_a_refund_holds_no_nul(postgres_visitor: Browser) -> None:
    postgres_visitor.log_in(Role.CLERK, area="/clerk")
    form = {"amount": "1", "login": "ren\x00", "password": PASSWORD}
    assert postgres_visitor.post("/clerk/today/sale-1/refund", form).status == 422


def test_half_a_character_is_refused_like_a_nul(visitor: Browser) -> None:
    answer = visitor.http.post(
        "/console/login",
        content=b'--x\r\ncontent-disposition: form-data; name="login"\r\n\r\n\\ud800\r\n--x--\r\n',
        headers=SAME_ORIGIN
        | {"content-type": "multipart/form-data; boundary=x; charset=unicode_escape"},
    )
    assert answer.status_code == 422


def test_scripts_get_json_instead_of_a_redirect(visitor: Browser) -> None:
    answer = visitor.get("/clerk", accept="application/json")
    assert answer.status == 401
    assert '"url":"/clerk/login"' in answer.text

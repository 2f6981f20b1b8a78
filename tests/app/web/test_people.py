"""The pages for people: invited by a link, changed, let go; one's own account; the second door."""

import base64
import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from app.core import totp
from app.core.db import Database
from app.staff import queries, service
from app.staff.models import AuditEntry
from app.staff.rules import Role
from tests.support.at_once import at_once
from tests.support.staffing import LOGINS, PASSWORD, Shop
from tests.support.web import BASE, SAME_ORIGIN, Browser, Page, browser

KEY = "test-secret-key"
NEW = "a brand new sentence"


@pytest.fixture
def owner(visitor: Browser) -> Browser:
    visitor.log_in(Role.OWNER)
    return visitor


@pytest.fixture
def stranger(sqlite_db: Database, shop: Shop) -> Iterator[Browser]:
    with browser(sqlite_db) as other:
        yield other


def link_on(page: Page) -> str:
    found = re.search(rf'value="{BASE}(/console/link/[^"]+)"', page.text)
    assert found
    return found[1]


def acts(db: Database) -> list[tuple[str, object, object]]:
    """What was done beside logging in."""
    with db.reading() as session:
        rows = session.execute(
            sa.select(AuditEntry.action, AuditEntry.before, AuditEntry.after)
            .where(AuditEntry.action != "login")
            .order_by(AuditEntry.id)
        )
        return [tuple(row) for row in rows]


def invited(owner: Browser, shop: Shop, **fields: str) -> str:
    wanted = {"name": "阿明", "role": "clerk", "store": str(shop.store_id)} | fields
    return link_on(owner.post("/console/staff/invite", wanted))


JOINING = {"login": "Ming", "name": "陳阿明", "password": NEW, "again": NEW}


def test_from_an_invitation_to_the_first_page(
    sqlite_db: Database, owner: Browser, stranger: Browser, shop: Shop
) -> None:
    url = invited(owner, shop)
    assert "阿明" in owner.get("/console/staff").text
    page = stranger.get(url).text
    assert "店員・台北永康店" in page
    assert 'value="阿明"' in page
    assert f'action="{url}"' in page
    entered = stranger.post(url, JOINING)
    assert entered.location == "/console/account?notice=joined"
    assert "歡迎加入" in stranger.get(entered.location).text
    assert stranger.get("/clerk").status == 200  # stands in the only store there is for them
    assert stranger.post(url, JOINING | {"login": "other"}).status == 410
    assert owner.get(url).status == 410
    assert acts(sqlite_db) == [
        ("staff.invited", None, {"name": "阿明", "role": "clerk", "store": "台北永康店"}),
        ("staff.joined", None, {"login": "ming", "role": "clerk", "store": "台北永康店"}),
    ]
    assert "阿明" in owner.get("/console/audit").text


def test_a_bad_invitation_names_the_field_and_keeps_what_was_typed(
    owner: Browser, shop: Shop
) -> None:
    for field, value in (("name", " "), ("role", "pirate"), ("store", "999")):
        typed = {"name": "阿明", "role": "support", "store": ""} | {field: value}
        page = owner.post("/console/staff/invite", typed)
        assert page.status == 422
        assert f'id="{field}-fault"' in page.text
        if field != "name":
            assert 'value="阿明"' in page.text


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [("login", "a b", 422), ("login", "AOI", 409), ("name", " ", 422), ("password", "short", 422),
     ("again", "something else", 422)],
)  # fmt: skip
def test_joining_badly_names_the_field_and_keeps_the_link(
    owner: Browser, stranger: Browser, shop: Shop, field: str, value: str, status: int
) -> None:
    url = invited(owner, shop)
    typed = JOINING | {field: value} | ({"again": value} if field == "password" else {})
    page = stranger.post(url, typed)
    assert page.status == status
    assert f'id="{field}-fault"' in page.text
    if field != "login":
        assert 'value="Ming"' in page.text
    assert stranger.post(url, JOINING).status == 303


def test_an_invitation_is_taken_back(owner: Browser, stranger: Browser, shop: Shop) -> None:
    url = invited(owner, shop)
    assert owner.post("/console/staff/links/1/revoke").location.endswith("notice=revoked")
    assert owner.post("/console/staff/links/1/revoke").location.endswith("notice=late")
    assert stranger.post(url, JOINING).status == 410
    assert stranger.get("/console/link/made-up").status == 410


def test_a_role_is_changed_with_before_and_after(
    sqlite_db: Database, owner: Browser, stranger: Browser, shop: Shop
) -> None:
    stranger.log_in(Role.CLERK)
    assert stranger.get("/console/members").status == 403
    page = f"/console/staff/{shop.staff[Role.CLERK]}"
    wanted = {"role": "store_manager", "store": str(shop.other_store_id)}
    assert owner.post(page, wanted).location == f"{page}?notice=changed"
    assert stranger.get("/console/members").status == 200
    assert owner.post(page, wanted).status == 303  # nothing changes, nothing is written down
    assert acts(sqlite_db) == [
        (
            "staff.changed",
            {"role": "clerk", "store": "台北永康店"},
            {"role": "store_manager", "store": "高雄駁二店"},
        )
    ]
    assert "店長" in owner.get(page).text
    assert owner.post(page, {"role": "pirate"}).location.endswith("notice=field")
    assert owner.post(page, {"role": "clerk", "store": "99"}).location.endswith("notice=field")


def test_nobody_locks_themselves_or_the_last_owner_out(
    sqlite_db: Database, owner: Browser, shop: Shop
) -> None:
    me = f"/console/staff/{shop.staff[Role.OWNER]}"
    for step in ("", "/off", "/password", "/second", "/sessions/end"):
        refused = owner.post(me + step, {"role": "clerk"})
        assert refused.location == f"{me}?notice=own", step
    assert "這是您自己" in owner.get(me).text
    with sqlite_db.transaction() as session:
        service.change(
            session, staff_id=shop.staff[Role.MARKETER], role="owner", store_id=None, by=None
        )
    with browser(sqlite_db) as second:
        second.log_in(Role.MARKETER)
        assert second.post(f"{me}/off").location.endswith("notice=off")
        assert owner.get("/console").status == 303  # out at once
        assert second.post(f"{me}/on").location.endswith("notice=on")
    with sqlite_db.reading() as session:
        assert queries.person_kept(session, shop.staff[Role.OWNER], now=owner.watch.now).is_active


def test_a_password_is_reset_by_a_link_and_everybody_is_out(
    owner: Browser, stranger: Browser, shop: Shop
) -> None:
    stranger.log_in(Role.CLERK, area="/clerk")
    url = link_on(owner.post(f"/console/staff/{shop.staff[Role.CLERK]}/password"))
    sent = stranger.post(url, {"password": NEW, "again": NEW})
    assert "密碼已更新" in stranger.get(sent.location).text
    assert stranger.get("/clerk").status == 303
    assert stranger.log_in(Role.CLERK).status == 401
    assert stranger.log_in(Role.CLERK, password=NEW).status == 303


# One's own account --------------------------------------------------------------------------------


def test_a_new_password_needs_the_present_one_and_logs_the_others_out(
    sqlite_db: Database, owner: Browser, stranger: Browser
) -> None:
    stranger.log_in(Role.OWNER)
    url = "/console/account/password"
    for fields, fault in (
        ({"current": "wrong one here", "new": NEW, "again": NEW}, "current"),
        ({"current": PASSWORD, "new": "short", "again": "short"}, "new"),
        ({"current": PASSWORD, "new": NEW, "again": "other"}, "again"),
    ):
        page = owner.post(url, fields)
        assert page.status == 422
        assert f'id="{fault}-fault"' in page.text
    done = owner.post(url, {"current": PASSWORD, "new": NEW, "again": NEW})
    assert done.location == "/console/account?notice=password"
    assert owner.get("/console").status == 200
    assert stranger.get("/console").status == 303
    assert stranger.log_in(Role.OWNER, password=NEW).status == 303
    assert acts(sqlite_db) == [("staff.password_set", None, {"how": "self"})]


def test_the_browsers_one_is_logged_in_with(owner: Browser, stranger: Browser) -> None:
    stranger.log_in(Role.OWNER)
    assert "登入中的裝置（2）" in owner.get("/console/account").text
    assert owner.post("/console/account/sessions/1/end").status == 409  # this one
    assert owner.post("/console/account/sessions/2/end").location.endswith("notice=ended")
    assert stranger.get("/console").status == 303
    assert owner.post("/console/account/sessions/2/end").status == 404
    stranger.log_in(Role.OWNER)
    assert owner.post("/console/account/sessions/others/end").location.endswith("notice=others")
    assert stranger.get("/console").status == 303
    assert owner.get("/console").status == 200


def test_nobody_ends_the_browser_of_another(owner: Browser, stranger: Browser) -> None:
    stranger.log_in(Role.CLERK)
    assert stranger.post("/console/account/sessions/1/end").status == 404
    assert owner.get("/console").status == 200


# The second door ----------------------------------------------------------------------------------


def secret_on(page: Page) -> bytes:
    found = re.search(r'id="key">([A-Z2-7 ]+)<', page.text)
    assert found
    return base64.b32decode(found[1].replace(" ", ""))


def shown(secret: bytes, owner: Browser) -> str:
    return totp.code(secret, totp.step_at(owner.watch.now))


def switched_on(owner: Browser) -> tuple[bytes, list[str]]:
    owner.post("/console/account/second/begin", {"password": PASSWORD})
    secret = secret_on(owner.get("/console/account/second"))
    page = owner.post("/console/account/second", {"code": shown(secret, owner)}).text
    return secret, re.findall(r"<li>([A-Z0-9]{5}-[A-Z0-9]{5})</li>", page)


def ticket_on(page: Page) -> str:
    found = re.search(r'name="ticket" value="([^"]+)"', page.text)
    assert found
    return found[1]


def second_door(visitor: Browser, page: Page, code: str, **more: str) -> Page:
    fields = {"ticket": ticket_on(page), "code": code} | more
    answer = visitor.http.post(
        "/console/login/code", data=fields, headers=SAME_ORIGIN, follow_redirects=False
    )
    return Page(answer)


def test_from_the_password_to_the_code(
    sqlite_db: Database, owner: Browser, stranger: Browser
) -> None:
    assert owner.get("/console/account/second").location == "/console/account"
    assert owner.post("/console/account/second/begin", {"password": "no"}).status == 422
    secret, codes = switched_on(owner)
    assert len(codes) == 10
    assert "備用碼還有 10 組" in owner.get("/console/account").text
    stranger.watch.now = owner.watch.now
    stranger.watch.forward(minutes=2)
    door = stranger.log_in(Role.OWNER)
    assert door.status == 200
    assert stranger.get("/console").status == 303  # the password alone opens nothing
    wrong = second_door(stranger, door, "000000")
    assert wrong.status == 401
    code = shown(secret, stranger)
    entered = second_door(stranger, wrong, code, next="/console/audit")
    assert entered.location == "/console/audit"
    assert stranger.get("/console/audit").status == 200
    with browser(sqlite_db) as third:  # who looked over the shoulder
        third.watch.now = stranger.watch.now
        assert second_door(third, third.log_in(Role.OWNER), code).status == 401
        assert second_door(third, third.log_in(Role.OWNER), codes[0]).status == 303
    with sqlite_db.reading() as session:
        logins = queries.audit_entries(session, action="login")
    assert [entry.after for entry in logins] == [
        {"second_step": "recovery"},
        {"second_step": "app"},
        None,
    ]


def test_the_time_between_the_doors_is_short_and_a_ticket_is_no_forgery(
    sqlite_db: Database, owner: Browser, stranger: Browser, shop: Shop
) -> None:
    secret, _ = switched_on(owner)
    stranger.watch.forward(minutes=10)
    door = stranger.log_in(Role.OWNER)
    stranger.watch.forward(minutes=5)
    late = second_door(stranger, door, shown(secret, stranger))
    assert (late.status, "請重新登入" in late.text) == (401, True)
    for _ in range(6):
        assert second_door(stranger, door, "000000").status == 401  # uses up no try
    for forged in ("", "1.x.2.3", ticket_on(door)[:-1] + "0"):
        fields = {"ticket": forged, "code": "000000"}
        answer = stranger.http.post(
            "/console/login/code", data=fields, headers=SAME_ORIGIN, follow_redirects=False
        )
        assert answer.status_code == 401
    door = stranger.log_in(Role.OWNER)
    with sqlite_db.transaction() as session:
        service.set_password_hash(
            session,
            staff_id=shop.staff[Role.OWNER],
            password_hash="changed meanwhile",
            now=stranger.watch.now,
        )
    assert second_door(stranger, door, shown(secret, stranger)).status == 401


def test_guessing_at_the_second_door_is_stopped(owner: Browser, stranger: Browser) -> None:
    secret, _ = switched_on(owner)
    stranger.watch.forward(minutes=10)
    for _ in range(5):
        assert second_door(stranger, stranger.log_in(Role.OWNER), "000000").status == 401
    door = stranger.log_in(Role.OWNER)
    assert second_door(stranger, door, shown(secret, stranger)).status == 429
    stranger.watch.forward(seconds=31)
    assert second_door(stranger, door, shown(secret, stranger)).status == 303


@pytest.mark.parametrize("way", ["app", "recovery"])
def test_of_two_requests_with_one_code_one_enters(
    sqlite_db: Database, owner: Browser, way: str
) -> None:
    secret, codes = switched_on(owner)
    with browser(sqlite_db) as one, browser(sqlite_db) as two:
        for each in (one, two):
            each.watch.forward(minutes=10)
        doors = [(each, each.log_in(Role.OWNER)) for each in (one, two)]
        code = shown(secret, one) if way == "app" else codes[0]
        outcomes = at_once(
            *(
                lambda each=each, door=door: second_door(each, door, code).status
                for each, door in doors
            )
        )
    assert sorted(outcomes, key=str) == [303, 401]


def test_an_owner_resets_the_second_factor_of_another(
    sqlite_db: Database, owner: Browser, stranger: Browser, shop: Shop
) -> None:
    stranger.log_in(Role.MARKETER)
    switched_on(stranger)
    person = f"/console/staff/{shop.staff[Role.MARKETER]}"
    assert "已開啟" in owner.get("/console/staff").text
    assert owner.post(f"{person}/second").location == f"{person}?notice=second"
    assert owner.post(f"{person}/second").location == f"{person}?notice=late"
    assert stranger.get("/console").status == 303
    assert stranger.log_in(Role.MARKETER).status == 303
    assert [act[0] for act in acts(sqlite_db)] == ["staff.second_on", "staff.second_off"]


def test_one_switches_it_off_and_makes_new_codes_with_the_password(owner: Browser) -> None:
    _, codes = switched_on(owner)
    for step in ("recovery", "off"):
        assert owner.post(f"/console/account/second/{step}", {"password": "no"}).status == 422
    page = owner.post("/console/account/second/recovery", {"password": PASSWORD}).text
    assert "新的備用碼" in page
    assert codes[0] not in page
    off = owner.post("/console/account/second/off", {"password": PASSWORD})
    assert off.location == "/console/account?notice=off"
    owner.post("/console/logout")
    assert owner.log_in(Role.OWNER).status == 303


# Stores, tokens, look-ups -------------------------------------------------------------------------


def test_a_store_from_its_opening_to_its_end(
    sqlite_db: Database, owner: Browser, shop: Shop
) -> None:
    wanted = {"code": "TNN01", "name": "台南林百貨店", "city": "臺南市", "hours": "11–21"}
    assert owner.post("/console/stores", wanted).location == "/console/stores?notice=made"
    taken = owner.post("/console/stores", wanted)
    assert (taken.status, 'id="code-fault"' in taken.text) == (409, True)
    for field, value in (("code", "有 空白"), ("name", ""), ("city", "火星"), ("phone", "1" * 21)):
        page = owner.post("/console/stores", wanted | {"code": "NEW"} | {field: value})
        assert (page.status, f'id="{field}-fault"' in page.text) == (422, True), field
    changed = {"name": "台南店", "city": "臺南市", "address": "忠義路 63 號", "code": "HACK"}
    assert owner.post("/console/stores/3", changed).status == 303
    assert owner.post("/console/stores/3", {"name": " "}).status == 422
    assert owner.post("/console/stores/3/close").location.endswith("notice=closed")
    assert owner.post("/console/stores/3/close").location.endswith("notice=late")
    assert "已結束營業" in owner.get("/console/stores").text
    assert owner.post("/console/stores/3/open").location.endswith("notice=opened")
    assert owner.get("/console/stores/99").status == 404
    done = acts(sqlite_db)
    assert [act[0] for act in done] == [
        "store.made", "store.changed", "store.closed", "store.opened",
    ]  # fmt: skip
    assert done[1][1:] == (
        {"name": "台南林百貨店", "address": None, "hours": "11–21"},
        {"name": "台南店", "address": "忠義路 63 號", "hours": None},
    )


def test_a_token_is_shown_once_and_stopped(sqlite_db: Database, owner: Browser) -> None:
    assert "還沒有權杖" in owner.get("/console/tokens").text
    for field, value in (("name", " "), ("role", "root")):
        page = owner.post("/console/tokens", {"name": "POS", "role": "pos"} | {field: value})
        assert (page.status, f'id="{field}-fault"' in page.text) == (422, True)
    made = owner.post("/console/tokens", {"name": "永康店 POS", "role": "read"}).text
    found = re.search(r'value="(rg_[^"]+)"', made)
    assert found
    with sqlite_db.reading() as session:
        machine = queries.machine(session, found[1])
    assert machine is not None
    assert machine.role == "read"
    assert found[1] not in owner.get("/console/tokens").text
    assert owner.post("/console/tokens/1/revoke").location.endswith("notice=revoked")
    assert owner.post("/console/tokens/1/revoke").location.endswith("notice=late")
    with sqlite_db.reading() as session:
        assert queries.machine(session, found[1]) is None
    assert [act[0] for act in acts(sqlite_db)] == ["token.made", "token.revoked"]
    assert found[1] not in str(acts(sqlite_db))


def test_logins_of_the_shop_are_all_on_the_list(owner: Browser) -> None:
    page = owner.get("/console/staff").text
    assert all(login in page for login in LOGINS.values())

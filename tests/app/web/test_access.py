"""Every route of the running application against who may enter it, and what they meet inside."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr
from starlette.routing import BaseRoute, Mount

from app.core import text
from app.core.db import Database
from app.draws.models import Draw
from app.main import create_app
from app.members.models import Member
from app.purchases.models import Purchase
from app.seeds import brand, history
from app.staff import service as staff
from app.staff.rules import Role
from tests.support.people import bought, regular
from tests.support.staffing import PASSWORD, Shop
from tests.support.times import NOW
from tests.support.web import BASE, SAME_ORIGIN, Browser, browser, settings

# o owner, m marketer, a analyst, M store manager, c clerk, s support; `anyone` needs no login,
# `member` a visit that LINE vouched for, `token` a bearer token. A new route needs a line here:
# decide who may enter, do not copy what the code says.
TABLE = """
anyone  GET   /healthz
anyone  GET   /readyz
token   GET   /metrics
anyone  GET   /pictures/barcode/{name}.png
anyone  GET   /pictures/qr/{code}.png
anyone  GET   /pictures/letter/{name}
anyone  GET   /clerk/login
anyone  GET   /console/login
anyone  POST  /clerk/login
anyone  POST  /console/login
anyone  POST  /clerk/login/code
anyone  POST  /console/login/code
anyone  POST  /clerk/logout
anyone  POST  /console/logout
anyone  GET   /console/link/{token}
anyone  POST  /console/link/{token}
omaM.s  GET   /console
omaM.s  GET   /console/live
om....  GET   /console/imports
om....  POST  /console/imports
om....  GET   /console/imports/{import_id}
om....  GET   /console/imports/{import_id}/live
om....  POST  /console/imports/{import_id}/rehearse
om....  POST  /console/imports/{import_id}/start
om....  POST  /console/imports/{import_id}/cancel
om....  GET   /console/imports/{import_id}/refused.csv
omaM.s  GET   /console/members
omaM.s  GET   /console/members/list.csv
om.M.s  GET   /console/search
omaM.s  GET   /console/members/{member_id}
omaM.s  GET   /console/members/{member_id}/why
om....  GET   /console/segments
om....  GET   /console/segments/new
om....  POST  /console/segments/draft
om....  GET   /console/segments/{segment_id}
om....  GET   /console/segments/{segment_id}/size
om....  POST  /console/segments
om....  POST  /console/segments/{segment_id}
om....  POST  /console/segments/{segment_id}/remove
om.M.s  GET   /console/tags
om....  POST  /console/tags
om....  GET   /console/tags/{tag_id}
om....  POST  /console/tags/{tag_id}
om....  POST  /console/tags/{tag_id}/remove
om....  POST  /console/tags/{tag_id}/segment
om....  POST  /console/tags/{tag_id}/list
om.M.s  POST  /console/members/{member_id}/tags
om.M.s  POST  /console/members/{member_id}/tags/{tag_id}/remove
om....  GET   /console/topics
om....  POST  /console/topics
om....  POST  /console/topics/{code}
om....  POST  /console/topics/{code}/offer
om....  GET   /console/broadcasts
om....  GET   /console/broadcasts/new
om....  POST  /console/broadcasts/draft
om....  POST  /console/broadcasts
om....  GET   /console/broadcasts/{broadcast_id}
om....  POST  /console/broadcasts/{broadcast_id}
om....  POST  /console/broadcasts/{broadcast_id}/remove
om....  GET   /console/broadcasts/{broadcast_id}/send
om....  POST  /console/broadcasts/{broadcast_id}/test
om....  POST  /console/broadcasts/{broadcast_id}/plan
om....  POST  /console/broadcasts/{broadcast_id}/again
om....  POST  /console/broadcasts/{broadcast_id}/{step}
om....  GET   /console/broadcasts/{broadcast_id}/live
om....  GET   /console/broadcasts/{broadcast_id}/readers
om....  GET   /console/journeys
om....  POST  /console/journeys
om....  GET   /console/journeys/{journey_id}
om....  GET   /console/journeys/{journey_id}/people
om....  POST  /console/journeys/{journey_id}/publish
om....  POST  /console/journeys/{journey_id}/remove
om....  POST  /console/journeys/{journey_id}/restore
om....  GET   /console/journeys/{journey_id}/settings
om....  POST  /console/journeys/{journey_id}/settings
om....  GET   /console/journeys/{journey_id}/size
om....  POST  /console/journeys/{journey_id}/state/{verb}
om....  POST  /console/journeys/{journey_id}/steps
om....  POST  /console/journeys/{journey_id}/steps/look
om....  GET   /console/journeys/{journey_id}/steps/new
om....  GET   /console/journeys/{journey_id}/steps/{code}
om....  POST  /console/journeys/{journey_id}/steps/{code}
om....  POST  /console/journeys/{journey_id}/steps/{code}/{verb}
omaM.s  GET   /console/lifecycle
omaM.s  GET   /console/scores
om....  GET   /console/experiments
om....  POST  /console/experiments
om....  GET   /console/experiments/new
om....  GET   /console/experiments/{experiment_id}
om....  POST  /console/experiments/{experiment_id}/start
om....  POST  /console/experiments/{experiment_id}/{step}
om....  GET   /console/menus
om....  POST  /console/menus
om....  POST  /console/menus/draft
om....  GET   /console/menus/new
om....  POST  /console/menus/ready
om....  GET   /console/menus/{menu_id}
om....  POST  /console/menus/{menu_id}
om....  POST  /console/menus/{menu_id}/back
om....  GET   /console/menus/{menu_id}/live
om....  POST  /console/menus/{menu_id}/picture
om....  GET   /console/menus/{menu_id}/pictures/{number}
om....  POST  /console/menus/{menu_id}/remove
om....  POST  /console/menus/{menu_id}/stop
omaM.s  GET   /console/coupons
omaM.s  GET   /console/coupons/{kind_id}
om....  POST  /console/coupons
om....  POST  /console/coupons/drawn
om....  GET   /console/coupons/new
om....  GET   /console/coupons/{kind_id}/edit
om....  POST  /console/coupons/{kind_id}/edit
om....  POST  /console/coupons/{kind_id}/pause
om....  POST  /console/coupons/{kind_id}/resume
om.M.s  POST  /console/members/{member_id}/points
om.M.s  GET   /console/corrections
om.M.s  POST  /console/corrections/{correction_id}/approve
om.M.s  POST  /console/corrections/{correction_id}/reject
omaM.s  GET   /console/programme
omaM.s  GET   /console/programme/compare
omaM.s  GET   /console/programme/try
om....  GET   /console/programme/new
om....  POST  /console/programme/drafts
om....  GET   /console/programme/drafts/{draft_id}
om....  GET   /console/programme/drafts/{draft_id}/edit
om....  POST  /console/programme/drafts/{draft_id}/edit
om....  POST  /console/programme/drafts/{draft_id}/ask
om....  POST  /console/programme/drafts/{draft_id}/approve
om....  POST  /console/programme/drafts/{draft_id}/reject
om....  POST  /console/programme/drafts/{draft_id}/renew
om....  POST  /console/programme/drafts/{draft_id}/withdraw
om....  POST  /console/programme/versions/{version}/restore
omaM.s  GET   /console/programme/thresholds
om....  POST  /console/programme/thresholds
o.....  GET   /console/setup
o.....  POST  /console/setup/check
o.....  GET   /console/setup/tiers
o.....  POST  /console/setup/tiers/{code}
omaM.s  GET   /console/setup/poster
omaM.s  GET   /console/missions
omaM.s  GET   /console/stamps
omaM.s  GET   /console/rewards
omaM.s  GET   /console/tiers
omaM.s  GET   /console/liability
o....s  GET   /console/members/{member_id}/merge
o....s  POST  /console/members/{member_id}/merge
o....s  POST  /console/mergers/{merger_id}/undo
omaM.s  GET   /console/invoices
om...s  POST  /console/invoices/{claim_id}/approve
om...s  POST  /console/invoices/{claim_id}/reject
omaM.s  GET   /console/referrals
om....  POST  /console/referrals/{referral_id}/approve
om....  POST  /console/referrals/{referral_id}/reject
omaM.s  GET   /console/draws
omaM.s  GET   /console/draws/{draw_id}
om....  POST  /console/draws/{draw_id}/freeze
om....  POST  /console/draws/{draw_id}/decide
om....  POST  /console/draws/{draw_id}/wins/{win_id}/claim
om...s  GET   /console/delivery
om...s  POST  /console/delivery/messages/{row_id}/retry
om...s  POST  /console/delivery/events/{event_id}/retry
o.....  GET   /console/audit
o.....  GET   /console/audit/list.csv
o.....  GET   /console/lookups
o.....  GET   /console/lookups/list.csv
o....s  GET   /console/requests
o....s  POST  /console/requests
o....s  POST  /console/requests/{request_id}/prolong
o....s  GET   /console/requests/{request_id}/data
o....s  POST  /console/requests/{request_id}/decide
o.....  GET   /console/staff
o.....  POST  /console/staff/invite
o.....  POST  /console/staff/links/{link_id}/revoke
o.....  GET   /console/staff/{staff_id}
o.....  POST  /console/staff/{staff_id}
o.....  POST  /console/staff/{staff_id}/off
o.....  POST  /console/staff/{staff_id}/on
o.....  POST  /console/staff/{staff_id}/password
o.....  POST  /console/staff/{staff_id}/second
o.....  POST  /console/staff/{staff_id}/sessions/end
o.....  GET   /console/stores
o.....  POST  /console/stores
o.....  GET   /console/stores/{store_id}
o.....  POST  /console/stores/{store_id}
o.....  POST  /console/stores/{store_id}/close
o.....  POST  /console/stores/{store_id}/open
o.....  GET   /console/tokens
o.....  POST  /console/tokens
o.....  POST  /console/tokens/{token_id}/revoke
o.....  GET   /console/hooks
o.....  POST  /console/hooks
o.....  GET   /console/hooks/{hook_id}
o.....  POST  /console/hooks/{hook_id}
o.....  POST  /console/hooks/{hook_id}/pause
o.....  POST  /console/hooks/{hook_id}/resume
o.....  POST  /console/hooks/{hook_id}/remove
o.....  POST  /console/hooks/{hook_id}/secret
o.....  POST  /console/hooks/{hook_id}/test
o.....  POST  /console/hooks/{hook_id}/again
o.....  POST  /console/hooks/{hook_id}/deliveries/{delivery_id}/again
omaMcs  GET   /console/account
omaMcs  POST  /console/account/password
omaMcs  POST  /console/account/sessions/others/end
omaMcs  POST  /console/account/sessions/{session_id}/end
omaMcs  POST  /console/account/second/begin
omaMcs  GET   /console/account/second
omaMcs  POST  /console/account/second
omaMcs  POST  /console/account/second/recovery
omaMcs  POST  /console/account/second/off
o..Mc.  GET   /clerk/store
o..Mc.  POST  /clerk/store
o..Mc.  GET   /clerk
o..Mc.  POST  /clerk/scan
o..Mc.  POST  /clerk/find
o..Mc.  GET   /clerk/serve/{sealed}/code
o..Mc.  POST  /clerk/serve/{sealed}/code
o..Mc.  POST  /clerk/serve/{sealed}/code/check
o..Mc.  GET   /clerk/serve/{sealed}
o..Mc.  GET   /clerk/serve/{sealed}/why
o..Mc.  GET   /clerk/serve/{sealed}/confirm
o..Mc.  POST  /clerk/serve/{sealed}
o..Mc.  GET   /clerk/serve/{sealed}/done
o..Mc.  GET   /clerk/today
o..Mc.  GET   /clerk/today/{external_id}/refund
o..Mc.  POST  /clerk/today/{external_id}/refund
o..Mc.  GET   /clerk/today/{external_id}/exchange
o..Mc.  POST  /clerk/today/{external_id}/exchange
o..Mc.  GET   /clerk/serve/{sealed}/goodwill
o..Mc.  POST  /clerk/serve/{sealed}/goodwill
anyone  GET   /clerk/offline
anyone  GET   /clerk/worker.js
o..Mc.  GET   /clerk/offline/settings
o..Mc.  POST  /clerk/offline/sales
o..Mc.  POST  /clerk/offline/dismissals
anyone  GET   /draws/{code}
anyone  GET   /draws/{code}/proof.json
anyone  GET   /draws/{code}/entrants.txt
anyone  GET   /b/{token}
anyone  POST  /liff/session
member  GET   /liff/view/join
member  POST  /liff/join/start
member  POST  /liff/join/phone
member  GET   /liff/view/join/phone
member  POST  /liff/join/code
member  POST  /liff/join/finish
member  POST  /liff/join/cancel
member  GET   /liff/view/card
member  POST  /liff/card/code
member  GET   /liff/view/points
member  GET   /liff/view/why
member  GET   /liff/view/invoices
member  POST  /liff/invoices
member  POST  /liff/invoices/frame
member  GET   /liff/view/missions
member  GET   /liff/view/stamps
member  GET   /liff/view/coupons
member  GET   /liff/view/coupons/{coupon_id}
member  POST  /liff/coupons/{coupon_id}/redeem
member  POST  /liff/coupons/{coupon_id}/gift
member  POST  /liff/coupons/{coupon_id}/gift/back
member  GET   /liff/view/gift/{token}
member  POST  /liff/gift/{token}/accept
member  GET   /liff/view/rewards
member  GET   /liff/view/rewards/{reward_id}
member  POST  /liff/rewards/{reward_id}/exchange
member  GET   /liff/view/exchanges/{exchange_id}
member  POST  /liff/exchanges/{exchange_id}/cancel
member  GET   /liff/view/tiers
member  POST  /liff/benefits/{choice}/{option}
member  GET   /liff/view/purchases
member  GET   /liff/view/stores
member  GET   /liff/view/terms
member  GET   /liff/view/centre
member  POST  /liff/centre/marketing
member  POST  /liff/centre/topic
member  GET   /liff/centre/data
member  GET   /liff/view/centre/profile
member  POST  /liff/centre/profile
member  GET   /liff/view/centre/close
member  POST  /liff/centre/close
member  POST  /liff/centre/reopen
member  GET   /liff/view/invite
member  POST  /liff/invite/share
member  GET   /liff/view/draws
member  POST  /liff/draws/{draw_id}/enter
anyone  GET   /liff/theme.css
anyone  GET   /liff/{view:path}
anyone  GET   /liff
anyone  GET   /api/v1/openapi.json
token   POST  /api/v1/purchases/batch
token   POST  /api/v1/purchases
token   POST  /api/v1/purchases/{external_id}/refunds
token   POST  /api/v1/purchases/{external_id}/exchanges
token   GET   /api/v1/purchases/{external_id}
token   GET   /api/v1/members/lookup
token   POST  /api/v1/members/codes
token   POST  /api/v1/members/codes/check
token   POST  /api/v1/coupons/quote
token   POST  /api/v1/coupons/reservations
token   DELETE /api/v1/coupons/reservations/{external_id}
"""
LETTERS = dict(zip("omaMcs", Role, strict=True))
STATIC = {"/static", "/liff/static"}  # files for anybody, no routes in them


@dataclass(frozen=True)
class Entry:
    method: str
    path: str
    who: str

    @property
    def url(self) -> str:
        return re.sub(r"\{[^}]*\}", "1", self.path)

    def lets_in(self, role: Role) -> bool:
        return any(LETTERS[letter] is role for letter in self.who if letter != ".")


ENTRIES = [
    Entry(method, path, who)
    for who, method, path in (line.split() for line in TABLE.split("\n") if line)
]
FOR_STAFF = [entry for entry in ENTRIES if entry.who not in {"anyone", "member", "token"}]


def product(db: Database) -> FastAPI:
    """The whole application; nothing of it runs in the background."""
    return create_app(
        settings(
            database_url=db.url.render_as_string(hide_password=False),
            line_channel_secret=SecretStr("secret"),
            line_channel_access_token=SecretStr("token"),
            line_api_base="http://127.0.0.1:9",
        )
    )


def routes_of(routes: list[BaseRoute], before: str = "") -> Iterator[tuple[str, str]]:
    for route in routes:
        inside = getattr(route, "original_router", None)
        if inside is not None:
            yield from routes_of(inside.routes, before)
        elif isinstance(route, Mount):
            assert route.routes or before + route.path in STATIC, route.path
            yield from routes_of(list(route.routes), before + route.path)
        else:
            for method in sorted(getattr(route, "methods", None) or {"?"}):
                yield method, before + str(getattr(route, "path", route))


def test_every_route_says_in_the_table_who_may_enter(sqlite_db: Database) -> None:
    there = {(method, path) for method, path in routes_of(product(sqlite_db).routes)}
    there -= {(method, path) for method, path in there if method == "HEAD"}
    assert there == {(entry.method, entry.path) for entry in ENTRIES}
    assert len(ENTRIES) == len(there)


@pytest.mark.parametrize("role", list(Role))
def test_each_role_enters_what_the_table_says_and_nothing_else(
    sqlite_db: Database, shop: Shop, role: Role
) -> None:
    with browser(sqlite_db) as visitor:
        assert visitor.log_in(role).status == 303
        for entry in FOR_STAFF:
            answer = visitor.get(entry.url) if entry.method == "GET" else visitor.post(entry.url)
            named = f"{role}: {entry.method} {entry.path} {answer.status} {answer.location}"
            if entry.lets_in(role):
                assert answer.status not in {401, 403}, named
                assert "/login" not in answer.location, named
                assert answer.status < 500, named
            else:
                assert answer.status == 403, named


def test_nobody_enters_without_what_the_table_asks_for(sqlite_db: Database, shop: Shop) -> None:
    http = TestClient(product(sqlite_db), base_url=BASE)
    for entry in ENTRIES:
        answer = http.request(
            entry.method,
            entry.url,
            headers=SAME_ORIGIN,
            follow_redirects=False,
            json={} if entry.who == "token" and entry.method == "POST" else None,
        )
        named = f"{entry.method} {entry.path} {answer.status_code}"
        sent_away = answer.headers.get("location", "").split("?")[0].endswith("/login")
        if entry.who == "anyone":
            assert answer.status_code not in {401, 403} or "/login" in entry.path, named
        elif entry.who in {"member", "token"}:
            assert answer.status_code in {401, 403}, named
        else:
            assert answer.status_code == 303 and sent_away, named  # noqa: PT018  # one thing


# What they meet inside ---------------------------------------------------------------------------


def personal(db: Database) -> set[str]:
    """Names, LINE names, phones, e-mails and LINE ids of all members, in each form they have."""
    columns = (Member.name, Member.display_name, Member.email, Member.line_user_id, Member.phone)
    with db.reading() as session:
        rows = session.execute(sa.select(*columns)).all()
        number = session.scalars(sa.select(sa.func.count(Member.id))).one()
    assert number > 20
    found = {str(value) for row in rows for value in row[:4] if value}
    for phone in (row.phone for row in rows if row.phone):
        local = text.show_phone(phone)
        found |= {phone, local, local.replace("-", ""), text.mask_phone(phone)}
    return found | {text.mask_name(row.name) for row in rows if row.name}


def pages_for(db: Database, role: Role) -> list[str]:
    """The address of every page this role may read, with the ids of all there is."""
    with db.reading() as session:
        members = session.scalars(sa.select(Member.id)).all()
        draws = session.scalars(sa.select(Draw.id)).all()
    ids = {"{member_id}": members, "{draw_id}": draws}
    urls = []
    for entry in FOR_STAFF:
        if entry.method == "GET" and entry.lets_in(role):
            found = re.search(r"\{[^}]*\}", entry.path)
            here = ids.get(found[0], [1]) if found else [1]
            urls += [re.sub(r"\{[^}]*\}", str(number), entry.path) for number in here]
    return urls


def shown(page: str) -> str:
    """Without what is no text: form tokens and the styles' and scripts' addresses."""
    return re.sub(r'(value|href|src)="[0-9a-f/]{32,}[^"]*"', "", page)


def test_an_analyst_finds_no_personal_data_on_any_page(sqlite_db: Database) -> None:
    history.write(sqlite_db, members=24, now=NOW)
    with sqlite_db.reading() as session:
        someone = session.execute(
            sa.select(Member.name, Member.phone).where(Member.phone.is_not(None)).limit(1)
        ).one()
    secrets = personal(sqlite_db)
    with browser(sqlite_db) as visitor:
        entered = visitor.post("/console/login", {"login": "analyst", "password": brand.PASSWORD})
        assert entered.status == 303
        urls = pages_for(sqlite_db, Role.ANALYST)
        assert len(urls) > 50
        for url in urls:
            page = visitor.get(url)
            assert page.status in {200, 303}, url
            found = {secret for secret in secrets if secret in shown(page.text)}
            assert found == set(), url
        assert "沒有符合的會員" not in visitor.get("/console/members").text
        for words in (someone.name, text.show_phone(someone.phone)):
            page = visitor.get(f"/console/members?q={words}")
            assert "沒有符合的會員" in page.text


@dataclass(frozen=True)
class TwoSales:
    """One member, who bought in either store."""

    member_id: int
    here: str
    there: str


@pytest.fixture
def sales(sqlite_db: Database, shop: Shop) -> TwoSales:
    with sqlite_db.transaction() as session:
        hana = regular(session, name="陳小花")
        return TwoSales(
            hana,
            bought(session, hana, 1_111, store_id=shop.store_id),
            bought(session, hana, 2_222, store_id=shop.other_store_id),
        )


def refunded(db: Database, external_id: str) -> int:
    with db.reading() as session:
        return session.scalars(
            sa.select(Purchase.refunded).where(Purchase.external_id == external_id)
        ).one()


def test_a_store_manager_reads_the_sales_of_the_own_store_only(
    visitor: Browser, sales: TwoSales
) -> None:
    visitor.log_in(Role.STORE_MANAGER)
    for url in ("/console", "/console/live", "/clerk/today"):
        page = visitor.get(url).text
        assert "1,111" in page, url
        assert "2,222" not in page, url
        assert "3,333" not in page, url
    page = visitor.get(f"/console/members/{sales.member_id}").text
    assert sales.there not in page
    # Where the member's points come from stays whole: the till explains it to them as well.
    for part in ("purchases", "timeline"):
        section = page.partition(f'id="{part}"')[2].partition("</section>")[0]
        assert "1,111" in section, part
        assert "2,222" not in section, part
    visitor.post("/console/logout")
    visitor.log_in(Role.OWNER)
    assert "3,333" in visitor.get("/console").text
    assert "2,222" in visitor.get(f"/console/members/{sales.member_id}").text


@pytest.mark.parametrize("role", [Role.STORE_MANAGER, Role.CLERK])
def test_who_works_in_one_store_changes_nothing_of_another(
    sqlite_db: Database, visitor: Browser, shop: Shop, sales: TwoSales, role: Role
) -> None:
    visitor.log_in(role, area="/clerk")
    manager = {"login": "ren", "password": PASSWORD}
    url = f"/clerk/today/{sales.there}/refund"
    assert visitor.get(url).status == 404
    assert visitor.post(url, {"amount": "100", "form_id": "x"} | manager).status == 404
    assert refunded(sqlite_db, sales.there) == 0
    assert visitor.post("/clerk/store", {"store_id": str(shop.other_store_id)}).status == 409
    own = {"amount": "100", "form_id": "y"} | manager
    assert visitor.post(f"/clerk/today/{sales.here}/refund", own).status == 303
    assert refunded(sqlite_db, sales.here) == 100


def test_a_manager_who_moved_reads_and_changes_in_the_new_store(
    sqlite_db: Database, visitor: Browser, shop: Shop, sales: TwoSales
) -> None:
    visitor.log_in(Role.STORE_MANAGER)
    assert visitor.get(f"/clerk/today/{sales.here}/refund").status == 200
    with sqlite_db.transaction() as session:
        staff.change(
            session,
            staff_id=shop.staff[Role.STORE_MANAGER],
            role=Role.STORE_MANAGER,
            store_id=shop.other_store_id,
            by=shop.staff[Role.OWNER],
        )
    assert visitor.get("/clerk/today").location == "/clerk/store"
    assert "2,222" in visitor.get("/console").text
    assert "1,111" not in visitor.get("/console").text

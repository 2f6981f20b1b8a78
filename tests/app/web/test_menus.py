"""The pages on which a marketer draws the menus below the chat."""

import io
from dataclasses import replace
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from starlette.datastructures import FormData

from app.core.db import Database
from app.core.errors import Invalid
from app.richmenus import pictures, queries, service
from app.richmenus.models import VERSIONS
from app.richmenus.queries import Due, MenuShown
from app.richmenus.rules import document
from app.richmenus.rules.design import TAB, Design, Page, blank
from app.richmenus.rules.layouts import FREE
from app.segments import service as segments
from app.segments.rules import Condition, Group
from app.staff.models import AuditEntry
from app.staff.rules import Role
from app.web.console import menu_forms
from flex_templates.theme import CAMPHOR
from tests.app.richmenus.lines import FakeMenus
from tests.app.richmenus.shop import settle
from tests.app.richmenus.test_rules import GUEST, MEMBER, TWO_TABS
from tests.support.staffing import Shop
from tests.support.times import NOW
from tests.support.web import BASE, SAME_ORIGIN, Browser

TWO = {
    "name": "金卡選單", "audience": "tier:gold", "priority": "50", "bar": "金卡", "size": "compact",
    "p0-layout": "two",
    "p0-c0-kind": "card", "p0-c0-was": "card", "p0-c0-word": "會員卡",
    "p0-c1-kind": "link", "p0-c1-was": "link", "p0-c1-word": "線上商店",
    "p0-c1-value": "https://shop.example.tw/",
}  # fmt: skip


@pytest.fixture
def marketer(visitor: Browser, shop: Shop) -> Browser:
    visitor.log_in(Role.MARKETER)
    return visitor


def menus(db: Database) -> list[MenuShown]:
    with db.reading() as session:
        return queries.menus(session)


def deeds(db: Database) -> list[str]:
    with db.reading() as session:
        query = sa.select(AuditEntry.action).where(AuditEntry.action.like("richmenu.%"))
        return list(session.scalars(query.order_by(AuditEntry.id)))


# The form -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("design", [GUEST, MEMBER, TWO_TABS], ids=["guest", "member", "tabs"])
def test_what_is_kept_is_what_the_form_says(
    sqlite_db: Database, marketer: Browser, design: Design
) -> None:
    with sqlite_db.transaction() as session:
        tier = service.Meant("tier", tier_code="gold")
        menu_id = service.create(session, name="金卡", meant=tier, drawn=design, now=NOW)
    page = marketer.get(f"/console/menus/{menu_id}")
    assert page.status == 200
    for drawn in design.pages:
        for cell in drawn.cells:
            assert f'value="{cell.word}"' in page.text
    assert "符合 LINE 的規定，可以發布" in page.text


def test_a_menu_from_the_first_look_to_its_removal(sqlite_db: Database, marketer: Browser) -> None:
    assert "還沒有圖文選單" in marketer.get("/console/menus").text
    assert marketer.post("/console/menus/ready").location == "/console/menus"
    marketer.post("/console/menus/ready")
    listed = marketer.get("/console/menus").text
    assert listed.count("menu-card") == 2
    assert "還沒入會的人" in listed
    assert marketer.get("/console/menus/new").status == 200

    made = marketer.post("/console/menus", TWO | {"then": "publish"})
    assert made.status == 303
    [gold] = [menu for menu in menus(sqlite_db) if not menu.is_own]
    assert made.location == f"/console/menus/{gold.id}"
    assert gold.draft.pages[0].cells[1].value == "https://shop.example.tw/"
    assert "正在把第 1 頁送到 LINE" in marketer.get(f"/console/menus/{gold.id}/live").text
    again = marketer.post(f"/console/menus/{gold.id}", TWO | {"then": "publish"})
    assert again.location == f"/console/menus/{gold.id}"

    line = FakeMenus()
    settle(sqlite_db, line)
    assert "第 1 版使用中" in marketer.get(f"/console/menus/{gold.id}/live").text
    assert "等級：金卡" in marketer.get("/console/menus").text
    marketer.post(f"/console/menus/{gold.id}", TWO | {"bar": "金卡專屬", "then": "keep"})
    assert "有未發布的修改" in marketer.get("/console/menus").text
    assert "之後的修改還沒有發布" in marketer.get(f"/console/menus/{gold.id}").text

    marketer.post(f"/console/menus/{gold.id}/remove")
    assert marketer.get(f"/console/menus/{gold.id}").status == 404
    assert "金卡選單" not in marketer.get("/console/menus").text
    assert marketer.post(f"/console/menus/{gold.id}/remove").status == 409
    assert deeds(sqlite_db) == [
        "richmenu.ready",
        "richmenu.saved",
        "richmenu.published",
        "richmenu.saved",
        "richmenu.saved",
        "richmenu.removed",
    ]


def test_what_line_would_refuse_is_kept_and_named(sqlite_db: Database, marketer: Browser) -> None:
    wrong = TWO | {"p0-c1-value": "shop", "bar": "一二三四五六七八九十一二三四五"}
    page = marketer.post("/console/menus", wrong | {"then": "publish"})
    assert page.status == 422
    assert "草稿已存，但還不能發布" in page.text
    assert "第 2 格「線上商店」的網址要以 https:// 開頭" in page.text
    assert 'id="p0-c1-value-fault"' in page.text
    [gold] = menus(sqlite_db)
    assert gold.latest is None
    assert f'action="/console/menus/{gold.id}"' in page.text
    assert gold.draft.pages[0].cells[1].value == "shop"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": ""}, "名稱要有"),
        ({"audience": ""}, "請選一個等級"),
        ({"audience": "tier:nobody"}, "請選一個等級"),
        ({"audience": "segment:99"}, "請選一個等級或分眾"),
        ({"audience": "guest"}, "請選一個等級"),
        ({"priority": "最先"}, "1 到 99"),
        ({"priority": "100"}, "1 到 99"),
        ({"starts_on": "昨天"}, "日期看不懂"),
        ({"starts_on": "2026-08-02", "ends_on": "2026-08-01"}, "不能早於"),
    ],
)
def test_whom_it_is_for_must_be_clear_and_nothing_typed_is_lost(
    sqlite_db: Database, marketer: Browser, fields: dict[str, str], says: str
) -> None:
    page = marketer.post("/console/menus", TWO | fields)
    assert page.status == 422
    assert says in page.text
    assert 'value="線上商店"' in page.text
    assert menus(sqlite_db) == []


def test_a_segment_and_a_season(sqlite_db: Database, marketer: Browser) -> None:
    with sqlite_db.transaction() as session:
        tree = Group("all", (Condition("gender", any_of=("female",)),))
        segment_id = segments.create(session, name="女生", tree=tree, now=NOW)
    chosen = {
        "audience": f"segment:{segment_id}",
        "starts_on": "2027-01-01",
        "ends_on": "2027-02-01",
    }
    marketer.post("/console/menus", TWO | chosen)
    [menu] = menus(sqlite_db)
    assert (menu.segment_id, menu.tier_code) == (segment_id, None)
    listed = marketer.get("/console/menus").text
    assert "分眾：女生" in listed
    assert "檔期 2027/01/01 – 2027/02/01" in listed
    with sqlite_db.transaction() as session:
        service.begin(session, menu_id=menu.id, staff_id=None, now=NOW)
    settle(sqlite_db, FakeMenus())
    assert "不在檔期" in marketer.get("/console/menus").text


def test_the_members_own_stays_the_members_own(sqlite_db: Database, marketer: Browser) -> None:
    marketer.post("/console/menus/ready")
    member = menus(sqlite_db)[1]
    marketer.post(f"/console/menus/{member.id}", TWO | {"audience": "tier:gold", "name": "會員"})
    changed = menus(sqlite_db)[1]
    assert (changed.audience, changed.tier_code, changed.draft.bar) == ("member", None, "金卡")
    assert marketer.post(f"/console/menus/{member.id}/remove").status == 409


def test_the_form_is_drawn_again_and_nothing_kept(sqlite_db: Database, marketer: Browser) -> None:
    page = marketer.post("/console/menus/draft", TWO | {"order": "page"}).text
    assert page.count('class="card page-card"') == 2
    assert 'name="p1-layout"' in page
    assert "src=" not in page.split("data-drawn")[1].split("</form>")[0]
    assert page.count("data:image/jpeg;base64,") == 2
    assert menus(sqlite_db) == []
    marketer.post("/console/menus/ready")
    kept = marketer.post("/console/menus/draft", TWO | {"menu": "1"}).text
    assert 'action="/console/menus/1"' in kept
    assert marketer.post("/console/menus/draft", {"menu": "99"}).status == 404


def test_a_place_drawn_on_the_first_of_two_pages_is_on_the_first(marketer: Browser) -> None:
    fields = TWO | {"p0-layout": FREE, "p1-layout": FREE, "p1-name": "更多"}
    form = [*fields.items(), ("drawn", "cell:0:10:300:400:400"), ("drawn", "")]
    page = marketer.http.post(
        f"{BASE}/console/menus/draft",
        content=urlencode([("form_token", marketer.form_token()), *form]),
        headers=SAME_ORIGIN | {"content-type": "application/x-www-form-urlencoded"},
    ).text
    assert 'name="p0-c2-kind"' in page
    assert 'name="p1-c0-kind"' not in page


def test_back_and_stop(sqlite_db: Database, marketer: Browser) -> None:
    marketer.post("/console/menus/ready")
    guest, line, then = menus(sqlite_db)[0], FakeMenus(), NOW
    for bar in ("一", "二"):
        marketer.post(
            f"/console/menus/{guest.id}",
            TWO | {"name": "訪客", "bar": bar, "then": "publish"},
        )
        then = settle(sqlite_db, line, then)
    page = marketer.get(f"/console/menus/{guest.id}").text
    assert page.count("換回這一版") == 1
    first = version_ids(sqlite_db, guest.id)[0]
    back = marketer.post(f"/console/menus/{guest.id}/back", {"version_id": str(first)})
    assert back.status == 303
    assert menus(sqlite_db)[0].draft.bar == "一"
    newest = version_ids(sqlite_db, guest.id)[-1]
    marketer.post(f"/console/menus/{guest.id}/stop", {"version_id": str(newest)})
    assert "沒有發布：已停止發布" in marketer.get(f"/console/menus/{guest.id}").text
    assert "發布沒有成功" in marketer.get("/console/menus").text
    gone = marketer.post(f"/console/menus/{guest.id}/stop", {"version_id": str(newest)})
    assert gone.status == 409


def test_a_menu_line_does_not_give_says_so(sqlite_db: Database, marketer: Browser) -> None:
    marketer.post("/console/menus/ready")
    guest = menus(sqlite_db)[0]
    marketer.post(f"/console/menus/{guest.id}", TWO | {"name": "訪客", "then": "publish"})
    settle(sqlite_db, FakeMenus(), NOW)
    url = f"/console/menus/{guest.id}"
    assert "LINE 不肯" not in marketer.get(url).text
    due = Due(guest.id, version_ids(sqlite_db, guest.id)[-1], "richmenu-1", [])
    with sqlite_db.transaction() as session:
        service.refused(session, due, reason="HTTP 404: Not found")
    assert "LINE 不肯把這個選單給會員：HTTP 404: Not found" in marketer.get(url).text


def version_ids(db: Database, menu_id: int) -> list[int]:
    with db.reading() as session:
        query = sa.select(VERSIONS.c.id).where(VERSIONS.c.menu_id == menu_id)
        return list(session.scalars(query.order_by(VERSIONS.c.number)))


# Pictures -----------------------------------------------------------------------------------------


def test_pictures_of_the_list(sqlite_db: Database, marketer: Browser) -> None:
    marketer.post("/console/menus/ready")
    page = marketer.get("/console/menus/1/pictures/1")
    assert page.header("content-type") == "image/jpeg"
    assert "max-age" in page.header("cache-control")
    assert marketer.get("/console/menus/1/pictures/2").status == 404
    assert marketer.get("/console/menus/1/pictures/9").status == 422


def test_an_uploaded_picture_is_checked_shown_and_taken_off(
    sqlite_db: Database, marketer: Browser
) -> None:
    marketer.post("/console/menus", TWO)
    [gold] = menus(sqlite_db)
    good, wrong = pictures.picture(GUEST, 0, CAMPHOR), pictures.picture(MEMBER, 0, CAMPHOR)

    def send(content: bytes) -> tuple[int, str]:
        answer = marketer.http.post(
            f"{BASE}/console/menus/{gold.id}/picture",
            data=TWO | {"form_token": marketer.form_token(), "upload": "1", "bar": "新的"},
            files={"p0-file": ("menu.png", io.BytesIO(content))},
            headers=SAME_ORIGIN,
            follow_redirects=False,
        )
        return answer.status_code, answer.text

    status, text = send(wrong)
    assert status == 422
    assert "圖的形狀和選單不同" in text
    assert 'value="新的"' in text
    assert send(b"not a picture")[0] == 422
    assert send(good)[0] == 303
    [gold] = menus(sqlite_db)
    digest = gold.draft.pages[0].picture
    assert digest
    assert gold.draft.bar == "新的"
    page = marketer.get(f"/console/menus/{gold.id}").text
    assert "這一頁用上傳的圖" in page
    assert marketer.get(f"/console/menus/{gold.id}/pictures/1").status == 200
    with_it = TWO | {"p0-picture": digest}
    assert "這一頁用上傳的圖" in marketer.post("/console/menus/draft", with_it).text
    plain = marketer.post("/console/menus/draft", with_it | {"order": "plain:0"}).text
    assert "這一頁用上傳的圖" not in plain


# Read from what was typed -------------------------------------------------------------------------


def read(fields: dict[str, str]) -> menu_forms.Draft:
    return menu_forms.read(FormData(list(fields.items())), None)


def test_an_empty_form_is_some_menu() -> None:
    draft = read({})
    assert len(draft.design.pages) == 1
    assert document.faults(draft.design)


def test_words_follow_the_press_unless_somebody_wrote_their_own() -> None:
    chosen = TWO | {"p0-c0-kind": "points", "p0-c1-kind": "tiers"}
    chosen |= {"p0-c1-word": "我們的等級"}
    first, second = read(chosen).design.pages[0].cells
    assert (first.word, first.icon) == ("我的點數", "")
    assert (second.word, second.value) == ("我們的等級", "")


def test_cells_without_a_place_come_back_with_the_layout() -> None:
    draft = read(TWO | {"p0-layout": "one"})
    assert [cell.word for cell in draft.design.pages[0].cells] == ["會員卡"]
    assert [cell.word for cell in draft.spare[0]] == ["線上商店"]


def test_numbers_are_read_as_people_type_them() -> None:
    places = {"p0-c0-x": "１００", "p0-c0-y": "1,000", "p0-c0-width": "-5", "p0-c0-height": "x"}
    [cell, _other] = read(TWO | {"p0-layout": FREE} | places).design.pages[0].cells
    assert (cell.x, cell.y, cell.width, cell.height) == (100, 1_000, -5, 0)


@pytest.mark.parametrize(
    ("order", "shape"),
    [
        ("page", [2, 2]),
        ("drop:0", [2]),
        ("cell:0", [3]),
        ("cell:0:10:20:300:400", [3]),
        ("drop:0:1", [1]),
        ("drop:0:9", [2]),
        ("cell:7", [2]),
        ("plain:0", [2]),
        ("drop:-1", [2]),
        ("drop", [2]),
        ("nothing", [2]),
        ("cell:x", [3]),
    ],
)
def test_buttons_add_and_take_away(order: str, shape: list[int]) -> None:
    draft = read(TWO | {"p0-layout": FREE, "p0-c0-width": "500", "p0-c0-height": "500"})
    found = menu_forms.rearranged(draft, order).design.pages
    if order == "page":
        assert len(found) == 2
        assert [page.name for page in found] == ["會員", "更多"]
        return
    assert [len(page.cells) for page in found] == shape


def test_a_drawn_place_is_where_it_was_drawn() -> None:
    draft = menu_forms.rearranged(read(TWO | {"p0-layout": FREE}), "cell:0:10:20:300:400")
    cell = draft.design.pages[0].cells[-1]
    assert (cell.x, cell.y, cell.width, cell.height) == (10, 20, 300, 400)


def test_no_form_grows_without_end() -> None:
    draft = read(TWO | {"p0-layout": FREE})
    for _ in range(20):
        draft = menu_forms.rearranged(menu_forms.rearranged(draft, "page"), "cell:0")
    assert len(draft.design.pages) == document.MAX_PAGES
    assert len(draft.design.pages[0].cells) == 12


def test_dropping_a_page_leaves_the_others() -> None:
    draft = menu_forms.rearranged(read(TWO), "page")
    left = menu_forms.rearranged(draft, "drop:0")
    assert [page.name for page in left.design.pages] == ["更多"]
    assert menu_forms.rearranged(left, "drop:0") == replace(left, spare=())


@pytest.mark.parametrize(
    ("dropped", "led"), [(0, ["", "1", "2"]), (1, ["1", "", "2"]), (2, ["1", "2", ""])]
)
def test_after_a_page_went_cells_lead_to_the_same_pages_or_nowhere(
    dropped: int, led: list[str]
) -> None:
    tabs = tuple(replace(blank(TAB), value=str(number)) for number in (1, 2, 3))
    others = (replace(blank("link"), value="3"),)
    pages = tuple(Page("four", tabs + others, name) for name in "ABC")
    draft = replace(menu_forms.blank_draft(""), design=Design("large", "選單", pages))
    left = menu_forms.rearranged(draft, f"drop:{dropped}").design.pages
    for page in left:
        assert [cell.value for cell in page.cells] == [*led, "3"]


def test_an_audience_nobody_knows_is_named() -> None:
    with pytest.raises(Invalid):
        menu_forms.meant(replace(read(TWO), priority=""))

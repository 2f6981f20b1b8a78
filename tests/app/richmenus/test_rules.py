"""The menus are what members know, and what LINE takes."""

from dataclasses import replace
from datetime import date
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.richmenus.rules import audiences, document, layouts
from app.richmenus.rules.audiences import Special
from app.richmenus.rules.design import (
    KINDS,
    READY,
    WIDTH,
    Cell,
    Design,
    Page,
    blank,
    from_document,
    to_document,
)
from app.richmenus.rules.layouts import FREE, LAYOUTS

GUEST, MEMBER = (layouts.arranged(READY[code]) for code in ("guest", "member"))
READY_MENUS = {"guest": GUEST, "member": MEMBER}


def words(design: Design, at: int = 0) -> list[str]:
    return [cell.word for cell in design.pages[at].cells]


def line_document(design: Design, at: int = 0, *, liff_id: str = "") -> dict[str, Any]:
    return document.document(design, at, code="member", name="regulars/x/v1/1", liff_id=liff_id)


def with_cell(design: Design, index: int, **changes: Any) -> Design:
    page = design.pages[0]
    cells = list(page.cells)
    cells[index] = replace(cells[index], **changes)
    return replace(design, pages=(replace(page, layout=FREE, cells=tuple(cells)),))


def with_tabs(*pages: Page, size: str = "large") -> Design:
    return layouts.arranged(Design(size, "會員服務", pages))


TWO_TABS = with_tabs(
    replace(READY["member"].pages[0], name="會員"),
    Page("two", (blank("rewards"), blank("tiers")), name="更多"),
)


def reasons(design: Design) -> dict[str, str]:
    return {fault.field: fault.reason for fault in document.faults(design)}


def test_guests_see_three_cells_and_members_six() -> None:
    assert words(GUEST) == ["加入會員", "最新活動", "門市"]
    assert words(MEMBER) == ["會員卡", "我的點數", "優惠券", "任務集點", "門市查詢", "聯絡客服"]


@pytest.mark.parametrize("code", READY)
def test_line_takes_the_menus_that_are_ready(code: str) -> None:
    design = READY_MENUS[code]
    assert document.faults(design) == []
    assert document.problems(line_document(design)) == []
    assert from_document(to_document(design)) == design


# Layouts ------------------------------------------------------------------------------------------

pages = st.builds(
    Page,
    st.sampled_from(sorted(LAYOUTS)),
    st.lists(
        st.sampled_from([kind for kind in KINDS if KINDS[kind].button]).map(blank), max_size=8
    ).map(tuple),
    st.text("分頁", min_size=1, max_size=8),
)
designs = st.builds(
    Design,
    st.sampled_from(["large", "compact"]),
    st.text("選單", min_size=1, max_size=14),
    st.lists(pages, min_size=1, max_size=document.MAX_PAGES).map(tuple),
).map(layouts.arranged)


@given(designs)
def test_a_layout_covers_its_page_without_gap_or_overlap(design: Design) -> None:
    for at, page in enumerate(design.pages):
        tabs = layouts.tabs(design, at)
        covered = sum(cell.width * cell.height for cell in page.cells)
        covered += sum(tab.width * tab.height for tab in tabs)
        assert covered == WIDTH * design.height
        assert not [pair for pair in combinations(page.cells, 2) if document.overlap(*pair)]
        assert all(cell.y >= layouts.top(design, at) for cell in page.cells)


@given(designs)
def test_what_is_laid_out_is_what_line_takes(design: Design) -> None:
    assert document.faults(design) == []
    for at in range(len(design.pages)):
        assert document.problems(line_document(design, at)) == []
    assert layouts.arranged(design) == design
    assert from_document(to_document(design)) == design


@given(designs)
def test_every_page_leads_to_every_other(design: Design) -> None:
    for at in range(len(design.pages)):
        aliases = {
            area["action"]["richMenuAliasId"]
            for area in line_document(design, at)["areas"]
            if area["action"]["type"] == "richmenuswitch"
        }
        others = [number for number in range(1, len(design.pages) + 1) if number != at + 1]
        assert aliases == {document.alias("member", number) for number in others}


# Faults -------------------------------------------------------------------------------------------

squares = st.builds(
    Cell,
    st.just("card"),
    st.just("卡"),
    x=st.integers(-50, 900),
    y=st.integers(-50, 900),
    width=st.integers(1, 900),
    height=st.integers(1, 900),
)


@given(squares, squares)
def test_overlap_is_a_shared_pixel(one: Cell, other: Cell) -> None:
    across = range(max(one.x, other.x), min(one.x + one.width, other.x + other.width))
    down = range(max(one.y, other.y), min(one.y + one.height, other.y + other.height))
    assert document.overlap(one, other) is (len(across) > 0 and len(down) > 0)
    assert document.overlap(one, other) is document.overlap(other, one)


@given(st.lists(squares, min_size=1, max_size=5))
def test_what_has_no_fault_is_what_line_takes(cells: list[Cell]) -> None:
    design = Design("compact", "選單", (Page(FREE, tuple(cells)),))
    is_good = not document.faults(design)
    inside = all(
        min(cell.x, cell.y) >= 0 and cell.x + cell.width <= WIDTH and cell.y + cell.height <= 843
        for cell in cells
    )
    large = all(min(cell.width, cell.height) >= document.MIN_SIDE for cell in cells)
    apart = not any(document.overlap(*pair) for pair in combinations(cells, 2))
    assert is_good is (inside and large and apart)
    if is_good:
        assert document.problems(line_document(design)) == []


@pytest.mark.parametrize(
    ("broken", "field", "says"),
    [
        (replace(MEMBER, bar="字" * 15), "bar", "1 到 14 個字"),
        (replace(MEMBER, bar=""), "bar", "1 到 14 個字"),
        (replace(MEMBER, pages=()), "pages", "最多 5 頁"),
        (with_cell(MEMBER, 2, word=""), "p0-c2-word", "第 3 格"),
        (with_cell(MEMBER, 2, word="字" * 21), "p0-c2-word", "1 到 20 個字"),
        (with_cell(MEMBER, 2, caption="字" * 21), "p0-c2-caption", "第 3 格「優惠券」"),
        (with_cell(MEMBER, 2, icon="skull"), "p0-c2-icon", "第 3 格「優惠券」"),
        (with_cell(MEMBER, 2, kind="dance"), "p0-c2-kind", "按了做什麼"),
        (with_cell(MEMBER, 2, kind="link", value="http://a.tw"), "p0-c2-value", "https://"),
        (with_cell(MEMBER, 2, kind="link", value="https://"), "p0-c2-value", "https://"),
        (with_cell(MEMBER, 2, kind="link", value="https://a b"), "p0-c2-value", "沒有空白"),
        (with_cell(MEMBER, 2, kind="text", value=""), "p0-c2-value", "1 到 300 個字"),
        (with_cell(MEMBER, 2, kind="tab", value="2"), "p0-c2-value", "只有一頁"),
        (with_cell(MEMBER, 2, width=100), "p0-c2-x", "手指按不到"),
        (with_cell(MEMBER, 2, x=2000), "p0-c2-x", "第 3 格「優惠券」超出圖片"),
        (with_cell(MEMBER, 1, x=600), "p0-c1-x", "第 2 格「我的點數」和第 1 格「會員卡」重疊"),
        (
            replace(TWO_TABS, pages=(TWO_TABS.pages[0], replace(TWO_TABS.pages[1], name=""))),
            "p1-name",
            "第 2 頁的分頁名稱",
        ),
        (
            replace(
                TWO_TABS,
                pages=(
                    TWO_TABS.pages[0],
                    replace(TWO_TABS.pages[1], layout=FREE, cells=MEMBER.pages[0].cells),
                ),
            ),
            "p1-c0-x",
            "蓋到上面的分頁",
        ),
        (replace(MEMBER, pages=(Page(FREE, ()),)), "p0-layout", "1 到 20 個"),
        (
            replace(TWO_TABS, pages=(replace(TWO_TABS.pages[0], picture="x"), TWO_TABS.pages[1])),
            "p0-layout",
            "換到另一頁",
        ),
    ],
)  # fmt: skip
def test_a_fault_names_its_cell(broken: Design, field: str, says: str) -> None:
    assert says in reasons(broken)[field]


@pytest.mark.parametrize(
    ("kind", "width", "height", "weight", "says"),
    [
        (None, 2500, 1686, 1, "PNG 或 JPEG"),
        ("GIF", 2500, 1686, 1, "PNG 或 JPEG"),
        ("PNG", 2500, 1686, 1_000_001, "1 MB"),
        ("PNG", 700, 472, 1, "800–2,500"),
        ("PNG", 2501, 1686, 1, "800–2,500"),
        ("JPEG", 2500, 2000, 1, "1.45"),
        ("JPEG", 2500, 843, 1, "形狀"),
    ],
)
def test_a_picture_line_would_refuse_is_refused(
    kind: str | None, width: int, height: int, weight: int, says: str
) -> None:
    found = document.picture_fault(
        kind=kind, width=width, height=height, weight=weight, design=MEMBER
    )
    assert found is not None
    assert says in found


@pytest.mark.parametrize(("width", "height"), [(2500, 1686), (1200, 810), (800, 540)])
def test_a_picture_of_the_menus_shape_is_taken(width: int, height: int) -> None:
    assert (
        document.picture_fault(
            kind="PNG", width=width, height=height, weight=1_000_000, design=MEMBER
        )
        is None
    )


# LINE's document ----------------------------------------------------------------------------------


def test_pages_of_the_brand_open_where_there_are_some() -> None:
    card = with_cell(MEMBER, 0, kind="card_page")
    assert line_document(card)["areas"][0]["action"]["data"] == "card"
    opened = line_document(card, liff_id="1-x")["areas"][0]["action"]
    assert opened["uri"] == "https://liff.line.me/1-x/card"
    joining = line_document(GUEST, liff_id="1-x")["areas"][0]["action"]
    assert joining == {"type": "uri", "label": "加入會員", "uri": "https://liff.line.me/1-x/join"}
    assert line_document(GUEST)["areas"][0]["action"]["data"] == "join"


def test_links_and_sentences_go_as_they_are() -> None:
    shop = with_cell(MEMBER, 0, kind="link", value="https://shop.example.tw/")
    assert line_document(shop)["areas"][0]["action"]["uri"] == "https://shop.example.tw/"
    asks = with_cell(MEMBER, 0, kind="text", value="我想訂位")
    assert line_document(asks)["areas"][0]["action"]["text"] == "我想訂位"


def test_a_dead_cell_is_never_published() -> None:
    with pytest.raises(KeyError):
        line_document(with_cell(MEMBER, 0, kind="dance"))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"chatBarText": "字" * 15}, "/chatBarText"),
        ({"chatBarText": ""}, "/chatBarText"),
        ({"name": "x" * 301}, "/name"),
        ({"size": {"width": 2501, "height": 843}}, "/size/width"),
        ({"size": {"width": 2500, "height": 1800}}, "/size"),
        ({"size": {"width": 2500, "height": 200}}, "/size/height"),
        ({"areas": []}, "/areas"),
    ],
)
def test_a_broken_limit_is_named(change: dict[str, Any], path: str) -> None:
    body = {**line_document(GUEST), **change}
    assert path in [problem.path for problem in document.problems(body)]


def test_an_action_that_does_not_fit_a_menu_is_named() -> None:
    body = line_document(GUEST)
    body["areas"][0]["action"] = {"type": "camera"}
    assert [problem.path for problem in document.problems(body)] == ["/areas/0/action/type"]


# Who sees which -----------------------------------------------------------------------------------

DAYS = st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 9))
specials = st.lists(
    st.builds(Special, st.integers(1, 9), st.integers(1, 3), DAYS, DAYS),
    unique_by=lambda menu: menu.menu_id,
)


@given(specials, st.sets(st.integers(1, 9)), st.dates(date(2026, 1, 1), date(2026, 1, 9)))
def test_the_winner_is_meant_in_season_and_beaten_by_none(
    menus: list[Special], meant_by: set[int], today: date
) -> None:
    found = audiences.wanted(menus, meant_by, today)
    able = [menu for menu in menus if menu.menu_id in meant_by and menu.is_in_season(today)]
    if found is None:
        assert able == []
        return
    [winner] = [menu for menu in able if menu.menu_id == found]
    assert all((menu.priority, menu.menu_id) <= (winner.priority, found) for menu in able)


def test_both_days_of_a_season_are_in_it() -> None:
    menu = Special(1, 50, date(2026, 1, 2), date(2026, 1, 3))
    days = [date(2026, 1, day) for day in (1, 2, 3, 4)]
    assert [menu.is_in_season(day) for day in days] == [False, True, True, False]

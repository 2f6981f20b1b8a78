"""The menus are what members know, and what LINE takes."""

from itertools import combinations
from typing import Any

import pytest

from app.richmenus import rules
from app.richmenus.rules import GUEST, MEMBER, MENUS, Cell, Menu

ACTIONS: dict[str, dict[str, Any]] = {
    cell.key: {"type": "postback", "data": f"menu:{cell.key}", "displayText": cell.word}
    for menu in MENUS
    for cell in menu.cells
}


def test_guests_see_three_cells_and_members_six() -> None:
    assert [cell.word for cell in GUEST.cells] == ["加入會員", "最新活動", "門市"]
    assert [cell.word for cell in MEMBER.cells] == [
        "會員卡",
        "我的點數",
        "優惠券",
        "任務集點",
        "門市查詢",
        "聯絡客服",
    ]


@pytest.mark.parametrize("menu", MENUS, ids=lambda menu: menu.alias)
def test_line_takes_the_menu(menu: Menu) -> None:
    assert rules.problems(rules.document(menu, ACTIONS, name="regulars/x/1")) == []


def _covers(cell: Cell, x: int, y: int) -> bool:
    return cell.x <= x < cell.x + cell.width and cell.y <= y < cell.y + cell.height


@pytest.mark.parametrize("menu", MENUS, ids=lambda menu: menu.alias)
def test_cells_cover_the_picture_without_gap_or_overlap(menu: Menu) -> None:
    area = sum(cell.width * cell.height for cell in menu.cells)

    assert area == rules.WIDTH * menu.height
    assert not [
        (one.key, other.key)
        for one, other in combinations(menu.cells, 2)
        if _covers(one, other.x, other.y) or _covers(other, one.x, one.y)
    ]


def test_a_cell_without_an_action_is_refused() -> None:
    with pytest.raises(KeyError):
        rules.document(GUEST, {}, name="x")


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
    body = {**rules.document(GUEST, ACTIONS, name="x"), **change}

    assert path in [problem.path for problem in rules.problems(body)]


def test_an_action_that_does_not_fit_a_menu_is_named() -> None:
    actions = {**ACTIONS, "join": {"type": "camera"}}

    found = rules.problems(rules.document(GUEST, actions, name="x"))

    assert [problem.path for problem in found] == ["/areas/0/action/type"]

"""Publishing: complete before shown, nobody without a menu, nothing of others touched."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from app.richmenus import rules, service
from app.richmenus.rules import GUEST, MENUS, Json
from app.richmenus.service import ListedMenu, MenuRefused, Prepared
from flex_templates.theme import CAMPHOR
from tests.app.richmenus.test_rules import ACTIONS


@dataclass
class FakeMenus:
    """LINE's rich menus in memory; refuses what LINE refuses."""

    names: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    default: str = ""
    linked: dict[str, str] = field(default_factory=dict)
    made: int = 0

    def create(self, document: Json) -> str:
        self.made += 1
        rich_menu_id = f"richmenu-{self.made}"
        self.names[rich_menu_id] = document["name"]
        return rich_menu_id

    def upload(self, rich_menu_id: str, picture: bytes) -> None:
        assert rich_menu_id not in self.pictures
        self.pictures[rich_menu_id] = picture

    def set_alias(self, alias: str, rich_menu_id: str) -> None:
        assert rich_menu_id in self.pictures
        self.aliases[alias] = rich_menu_id

    def set_default(self, rich_menu_id: str) -> None:
        assert rich_menu_id in self.pictures
        self.default = rich_menu_id

    def list(self) -> Sequence[ListedMenu]:
        return [ListedMenu(richMenuId=key, name=name) for key, name in self.names.items()]

    def move(self, old_id: str, new_id: str) -> None:
        assert new_id in self.pictures
        for person, menu in self.linked.items():
            if menu == old_id:
                self.linked[person] = new_id

    def delete(self, rich_menu_id: str) -> None:
        assert rich_menu_id not in self.linked.values()
        assert rich_menu_id not in self.aliases.values()
        del self.names[rich_menu_id]


@pytest.fixture(scope="module")
def menus() -> list[Prepared]:
    return [Prepared(menu, ACTIONS, b"png") for menu in MENUS]


def test_the_first_publishing_makes_both_and_shows_guests_theirs(menus: list[Prepared]) -> None:
    line = FakeMenus()

    published = service.publish(line, menus)

    assert line.aliases == published
    assert line.default == published["guest"]
    assert sorted(line.names.values()) == ["regulars/guest/1", "regulars/member/1"]


def test_publishing_again_moves_members_before_anything_is_deleted(menus: list[Prepared]) -> None:
    line = FakeMenus()
    first = service.publish(line, menus)
    line.linked["Hana"] = first["member"]

    second = service.publish(line, menus)

    assert line.linked["Hana"] == second["member"] != first["member"]
    assert first["member"] in line.names


def test_the_generation_before_the_last_is_deleted(menus: list[Prepared]) -> None:
    line = FakeMenus()

    for _ in range(4):
        published = service.publish(line, menus)

    assert len(line.names) == 4
    assert set(published.values()) <= set(line.names)


def test_menus_of_others_are_left_alone(menus: list[Prepared]) -> None:
    line = FakeMenus(names={"theirs": "summer sale", "odd": "regulars/member/new"})

    for _ in range(3):
        service.publish(line, menus)

    assert {"theirs", "odd"} <= set(line.names)


def test_a_half_made_generation_is_cleared_later(menus: list[Prepared]) -> None:
    line = FakeMenus(names={"half": "regulars/member/1"})

    service.publish(line, menus)
    service.publish(line, menus)

    assert "half" not in line.names


def test_a_menu_line_would_refuse_is_never_sent() -> None:
    broken = replace(GUEST, bar="字" * 15)

    with pytest.raises(MenuRefused) as refused:
        service.prepare([broken], ACTIONS, CAMPHOR)

    assert refused.value.alias == "guest"


def test_prepared_menus_carry_their_pictures() -> None:
    [guest] = service.prepare([GUEST], ACTIONS, CAMPHOR)

    assert guest.picture.startswith(b"\x89PNG")
    assert guest.menu is rules.GUEST

"""Publishes the rich menus so that nobody ever looks at an empty place.

A picture cannot be replaced on LINE: a change is a new menu, and the old one goes later
(https://developers.line.biz/en/docs/messaging-api/using-rich-menus/).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypedDict

from app.core.errors import DomainError
from app.richmenus import pictures, rules
from app.richmenus.rules import Json, Menu
from flex_templates.limits import Problem
from flex_templates.theme import Theme

OURS = "regulars"


class ListedMenu(TypedDict):
    richMenuId: str
    name: str


class RichMenuGateway(Protocol):
    """The calls to LINE that publishing needs; every one raises on refusal."""

    def create(self, document: Json) -> str:
        """Return the id of the new menu."""

    def upload(self, rich_menu_id: str, picture: bytes) -> None:
        """Give the menu its PNG; possible once."""

    def set_alias(self, alias: str, rich_menu_id: str) -> None:
        """Create the alias or point it to another menu."""

    def set_default(self, rich_menu_id: str) -> None:
        """Show this menu to everybody without one of their own."""

    def list(self) -> Sequence[ListedMenu]:
        """Return the menus made through the API."""

    def move(self, old_id: str, new_id: str) -> None:
        """Give everybody linked to the old menu the new one (LINE's batch; may take a while)."""

    def delete(self, rich_menu_id: str) -> None: ...


class MenuRefused(DomainError):
    """LINE would not take this menu."""

    def __init__(self, alias: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"rich menu {alias!r}: {problems}")
        self.alias, self.problems = alias, problems


@dataclass(frozen=True, slots=True)
class Prepared:
    """A menu ready to be published: checked document and picture."""

    menu: Menu
    actions: Mapping[str, Json]
    picture: bytes


def prepare(menus: Sequence[Menu], actions: Mapping[str, Json], theme: Theme) -> list[Prepared]:
    """Draw and check the menus. Raises MenuRefused before anything was sent."""
    return [_prepared(menu, actions, theme) for menu in menus]


def _prepared(menu: Menu, actions: Mapping[str, Json], theme: Theme) -> Prepared:
    found = rules.problems(rules.document(menu, actions, name=_name(menu, 1)))
    if found:
        raise MenuRefused(menu.alias, tuple(found))
    return Prepared(menu, actions, pictures.picture(menu, theme))


def _name(menu: Menu, generation: int) -> str:
    return f"{OURS}/{menu.alias}/{generation}"


def _generations(listed: Sequence[ListedMenu], menu: Menu) -> dict[int, list[str]]:
    """Return the ids of this menu's published generations, lowest first."""
    found: dict[int, list[str]] = {}
    for item in listed:
        start, _, generation = item["name"].rpartition("/")
        if start == f"{OURS}/{menu.alias}" and generation.isdecimal():
            found.setdefault(int(generation), []).append(item["richMenuId"])
    return dict(sorted(found.items()))


def publish(gateway: RichMenuGateway, menus: Sequence[Prepared]) -> dict[str, str]:
    """Put the menus in place; return their ids by alias.

    Everything new stands complete before anybody is led to it. The generation before stays until
    the next publishing, because moving its people takes LINE a while; older ones go now.
    """
    listed = gateway.list()
    before = {one.menu.alias: _generations(listed, one.menu) for one in menus}
    published: dict[str, str] = {}
    for one in menus:
        published[one.menu.alias] = _create(gateway, one, before[one.menu.alias])
    for alias, rich_menu_id in published.items():
        gateway.set_alias(alias, rich_menu_id)
    for one in menus:
        if one.menu.is_default:
            gateway.set_default(published[one.menu.alias])
    for alias, generations in before.items():
        _retire(gateway, list(generations.values()), published[alias])
    return published


def _create(gateway: RichMenuGateway, one: Prepared, before: Mapping[int, object]) -> str:
    name = _name(one.menu, max(before, default=0) + 1)
    rich_menu_id = gateway.create(rules.document(one.menu, one.actions, name=name))
    gateway.upload(rich_menu_id, one.picture)
    return rich_menu_id


def _retire(gateway: RichMenuGateway, generations: list[list[str]], new_id: str) -> None:
    if not generations:
        return
    for old_id in generations[-1]:
        gateway.move(old_id, new_id)
    for old_id in (old for generation in generations[:-1] for old in generation):
        gateway.delete(old_id)

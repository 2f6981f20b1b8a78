"""Who is to see which menu. Everybody has the guests' or the members' one; a menu for a tier or a
segment goes before it while it is in season."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

GUEST, MEMBER, TIER, SEGMENT = "guest", "member", "tier", "segment"
AUDIENCES: Final = (GUEST, MEMBER, TIER, SEGMENT)
MOST_PRIORITY: Final = 99


@dataclass(frozen=True, slots=True)
class Special:
    """A menu for some members. Both days are included; None has no end."""

    menu_id: int
    priority: int
    starts_on: date | None = None
    ends_on: date | None = None

    def is_in_season(self, today: date) -> bool:
        return (self.starts_on is None or self.starts_on <= today) and (
            self.ends_on is None or today <= self.ends_on
        )


def in_order(menus: Iterable[Special], today: date) -> list[Special]:
    """Those in season, the one that wins first: by priority, then the newer."""
    return sorted(
        (menu for menu in menus if menu.is_in_season(today)),
        key=lambda menu: (-menu.priority, -menu.menu_id),
    )


def wanted(menus: Iterable[Special], meant_by: Collection[int], today: date) -> int | None:
    """The menu of a member whom the audiences of `meant_by` hold; None: the members' own."""
    for menu in in_order(menus, today):
        if menu.menu_id in meant_by:
            return menu.menu_id
    return None

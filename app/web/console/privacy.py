"""How much of a person a reader sees: everything, the middle hidden, or nothing."""

from dataclasses import dataclass
from enum import Enum

from app.core import text
from app.staff.queries import Visitor
from app.staff.rules import Permission

HIDDEN = "—"


class Sight(Enum):
    FULL = "full"
    MASKED = "masked"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Mask:
    """Applied to every personal value before it reaches a template."""

    sight: Sight

    @property
    def is_full(self) -> bool:
        return self.sight is Sight.FULL

    @property
    def may_search_names(self) -> bool:
        return self.sight is not Sight.NOTHING

    def name(self, value: str | None) -> str:
        if not value or self.sight is Sight.NOTHING:
            return HIDDEN
        return value if self.is_full else text.mask_name(value)

    def phone(self, value: str | None) -> str:
        if not value or self.sight is Sight.NOTHING:
            return HIDDEN
        return text.show_phone(value) if self.is_full else text.mask_phone(value)

    def secret(self, value: str | None) -> str:
        """What only full sight may read: e-mail, address, birthday."""
        return value if value and self.is_full else HIDDEN


def mask_for(visitor: Visitor) -> Mask:
    if visitor.may(Permission.READ_PERSONAL):
        return Mask(Sight.FULL)
    return Mask(Sight.MASKED if visitor.may(Permission.READ_MASKED) else Sight.NOTHING)

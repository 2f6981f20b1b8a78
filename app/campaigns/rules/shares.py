"""A share of the members by chance. Pure values."""

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final

PLACES_OF_ALL: Final = 10_000


@dataclass(frozen=True, slots=True)
class Share:
    """Some of the members by chance: those whose place under `salt`, from 0 to 9,999, is at least
    `first` and less than `last`. Those from `control` on stand on the list and get nothing. Another
    salt mixes them anew, so that two experiments do not know of each other."""

    salt: str
    first: int
    last: int
    control: int = PLACES_OF_ALL

    def place(self, member_id: int) -> int:
        digest = sha256(f"{self.salt}:{member_id}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % PLACES_OF_ALL

    def is_control(self, member_id: int) -> bool:
        return self.place(member_id) >= self.control

    def holds(self, member_id: int) -> bool:
        place = self.place(member_id)
        return self.first <= place < self.last or place >= self.control

    def document(self) -> dict[str, Any]:
        return asdict(self)

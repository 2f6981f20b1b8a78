"""What counts as a look at personal data."""

from typing import Final, Literal

What = Literal["page", "why", "merge", "search", "list", "recipients", "winners", "file"]

WHATS: Final[tuple[What, ...]] = (
    "page",  # one member's page
    "why",  # what made one member's numbers
    "merge",  # two memberships side by side
    "search",  # a name or a phone was typed
    "list",  # members one after the other
    "recipients",  # of a broadcast, by name
    "winners",  # of a draw, by name
    "file",  # fetched to keep
)

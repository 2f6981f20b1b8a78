"""What a clerk's page may keep while the network is lost, and how far its word is trusted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from app.core.errors import DomainError, Invalid

CHANNEL: Final = "offline"  # marks the sale for everybody who looks at it later
# A page's clock follows the server's, but may have been asleep since: this far off is believed.
SLACK: Final = timedelta(minutes=5)
SHORTEST_ID, LONGEST_ID = 16, 60


@dataclass(frozen=True, slots=True)
class Limits:
    """`sale`: NT$ of one; `sales` and `amount`: how many and how much NT$ a device keeps, and a
    clerk brings in of one Taipei day; `lasts`: how old one may be when it comes in."""

    sale: int = 20_000
    sales: int = 50
    amount: int = 200_000
    lasts: timedelta = timedelta(hours=72)


class OfflineRefused(DomainError):
    """`reason` is too_large, too_old, sales, amount, card_of_another_time."""

    def __init__(self, reason: str, **facts: Any) -> None:
        super().__init__(f"offline sale refused: {reason} {facts or ''}".strip())
        self.reason, self.facts = reason, facts


@dataclass(frozen=True, slots=True)
class Entry:
    """A sale as the page kept it: `id` was made there, `code` is what was typed or scanned, `at`
    when, `amount` NT$, `typed_by` the login of who was at the till."""

    id: str
    code: str
    amount: int
    at: datetime
    store_id: int
    typed_by: str = ""

    @property
    def external_id(self) -> str:
        return f"offline-{self.id}"

    @property
    def said(self) -> Mapping[str, Any]:
        """What two calls with one id must have in common."""
        at = int(self.at.timestamp())
        return {"code": self.code, "amount": self.amount, "at": at, "store": self.store_id}


def check(entry: Entry, limits: Limits, *, now: datetime) -> None:
    """Raises Invalid, OfflineRefused."""
    is_plain = entry.id.replace("-", "").isalnum() and entry.id.isascii()
    if not is_plain or not SHORTEST_ID <= len(entry.id) <= LONGEST_ID:
        raise Invalid("id", "is none that a page of ours makes")
    if entry.amount < 1:
        raise Invalid("amount", "must be at least 1")
    if entry.amount > limits.sale:
        raise OfflineRefused("too_large", most=limits.sale)
    if entry.at > now + SLACK:
        raise Invalid("sold_at", "lies in the future")
    if entry.at < now - limits.lasts:
        raise OfflineRefused("too_old", hours=int(limits.lasts.total_seconds() // 3600))


def was_shown(issued_at: datetime, expires_at: datetime, scanned_at: datetime) -> bool:
    """Whether a rotating code was alive when the page says it was scanned. It lived a minute, so
    that minute is what the scan proves; a code seen at another time proves nothing."""
    return issued_at - SLACK <= scanned_at < expires_at + SLACK

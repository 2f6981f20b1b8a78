"""What a browser carries between the password and the code: who proved their password, and when.

Signed, not stored. It dies after some minutes and with the password it was given for."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from app.core import ids
from app.staff import rules

_SIGNATURE = 43  # characters kept of the hash


class TicketRefused(Exception):
    """Not made by us, too old, or given for another password."""


@dataclass(frozen=True, slots=True)
class Ticket:
    staff_id: int
    password: str  # the beginning of the digest of the hash that was proven
    issued_at: datetime  # whole seconds

    @classmethod
    def issue(cls, *, staff_id: int, password_hash: str, now: datetime) -> Self:
        return cls(staff_id, _fingerprint(password_hash), now.replace(microsecond=0))

    def signed(self, key: str) -> str:
        facts = f"{self.staff_id}.{self.password}.{int(self.issued_at.timestamp())}"
        return f"{facts}.{_signature(key, facts)}"

    def check(self, password_hash: str, *, now: datetime) -> None:
        """Raises TicketRefused."""
        if now >= self.issued_at + rules.SECOND_STEP or self.password != _fingerprint(
            password_hash
        ):
            raise TicketRefused


def opened(text: str, *, key: str) -> Ticket:
    """Raises TicketRefused for what we did not sign."""
    facts, _, signature = text.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(key, facts).encode()):
        raise TicketRefused
    staff_id, password, seconds = facts.split(".")
    return Ticket(int(staff_id), password, datetime.fromtimestamp(int(seconds), UTC))


def _fingerprint(password_hash: str) -> str:
    return ids.digest(password_hash)[:16]


def _signature(key: str, facts: str) -> str:
    return ids.keyed_hash(key, f"second step {facts}")[:_SIGNATURE]

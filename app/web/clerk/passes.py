"""What a clerk's page carries after a member was identified: whose card, how sure, when.

One identification is good for one purchase: the purchase takes its id from the pass, so a double
press, a lost answer or the back button lead to the same purchase and never to a second one."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from app.core import ids

LIFE: Final = timedelta(minutes=15)
QR, NUMBER, PHONE, OTP = "qr", "number", "phone", "otp"
_SIGNATURE_LENGTH: Final = 32


class PassRefused(Exception):
    """Not made by us, of another login, or too old (`is_late`)."""

    def __init__(self, *, is_late: bool) -> None:
        super().__init__("late" if is_late else "foreign")
        self.is_late = is_late


@dataclass(frozen=True, slots=True)
class Pass:
    member_id: int
    # qr: the member's own screen; otp: a code sent to their phone. number, phone: enough to earn,
    # not to redeem.
    proof: str
    session_id: int
    issued_at: datetime  # whole seconds; also the sale time of the purchase
    nonce: str

    @classmethod
    def issue(cls, *, member_id: int, proof: str, session_id: int, now: datetime) -> Self:
        return cls(member_id, proof, session_id, now.replace(microsecond=0), ids.random_code(8))

    @property
    def may_redeem(self) -> bool:
        return self.proof in (QR, OTP)

    @property
    def purchase_id(self) -> str:
        """The external id of the one purchase this identification allows."""
        return f"clerk-{ids.digest(self._facts())[:24]}"

    def sealed(self, key: str) -> str:
        facts = self._facts()
        return f"{facts}.{_signature(key, facts)}"

    def _facts(self) -> str:
        seconds = int(self.issued_at.timestamp())
        return f"{self.member_id}.{self.proof}.{self.session_id}.{seconds}.{self.nonce}"


def opened(text: str, *, key: str, session_id: int) -> Pass:
    """Raises PassRefused for a foreign one; a late one is still readable, see `check_life`."""
    facts, _, signature = text.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(key, facts).encode()):
        raise PassRefused(is_late=False)
    member_id, proof, session, seconds, nonce = facts.split(".")
    if int(session) != session_id:
        raise PassRefused(is_late=False)
    issued_at = datetime.fromtimestamp(int(seconds), UTC)
    return Pass(int(member_id), proof, int(session), issued_at, nonce)


def check_life(given: Pass, *, now: datetime) -> None:
    """Raises PassRefused."""
    if now >= given.issued_at + LIFE:
        raise PassRefused(is_late=True)


def _signature(key: str, facts: str) -> str:
    return ids.keyed_hash(key, f"till {facts}")[:_SIGNATURE_LENGTH]

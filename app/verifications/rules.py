"""How one-time passwords by SMS are limited."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

CODE_LENGTH: Final = 6
CODE_LIFE: Final = timedelta(minutes=5)
RESEND_AFTER: Final = timedelta(seconds=60)
SENDS_PER_DAY: Final = 5  # per phone and per LINE user, Taipei days
WRONG_TRIES: Final = 5
LOCK: Final = timedelta(minutes=15)
# How long a passed check may be built upon: joining in the chat can be taken up again for a day.
PROOF_LIFE: Final = timedelta(hours=24)

JOIN, CHANGE_PHONE, TILL = "join", "change_phone", "till"


@dataclass(frozen=True, slots=True)
class Wrong:
    """Not the code that was sent. `tries_left` before the lock."""

    tries_left: int


@dataclass(frozen=True, slots=True)
class Expired:
    """No code is alive: it is too old, or none was sent."""

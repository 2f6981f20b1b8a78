"""A broadcast's states, and what its result is; `letters` says what a letter is made of, `timing`
when whom it reaches. Pure values."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.core import statistics

# A draft is planned, its list is frozen, it goes out; a person may stop it on the way.
DRAFT, DUE, FREEZING, SENDING, PAUSED, DONE, CANCELLED = (
    "draft",
    "due",
    "freezing",
    "sending",
    "paused",
    "done",
    "cancelled",
)
STATUSES: Final = (DRAFT, DUE, FREEZING, SENDING, PAUSED, DONE, CANCELLED)
# A recipient waits, waits for another day, has the letter queued, or gets none; or wanted to hear
# no more of its topic before it began, and is of neither arm.
TO_DO, HELD, QUEUED, DROPPED, CONTROL = "due", "held", "queued", "dropped", "control"
DECLINED = "declined"
OPEN: Final = (TO_DO, HELD)

HELD_FOR: Final = timedelta(days=3)  # after the start; what is later is no news any more
LONGEST_OUT: Final = timedelta(days=5)  # a spread one's last turn, held so long
LONGEST_AHEAD: Final = timedelta(days=366)
COUNTED_FOR: Final = timedelta(days=7)  # purchases after the start
BLOCKED_WITHIN: Final = timedelta(hours=48)  # and turned its topic off
BUDGET, QUOTA = "budget", "quota"  # what it was paused for, when it was no person
LEAST_ARM: Final = 30  # members an arm; below, chance says more than the letter

NAME: Final = 40  # letters at most


# What came of it ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arm:
    """Members, those of them who bought, and what all of them spent (NT$)."""

    members: int
    buyers: int
    spent: int

    @property
    def rate(self) -> float | None:
        return statistics.share(self.buyers, self.members)

    @property
    def mean(self) -> float | None:
        return self.spent / self.members if self.members else None


@dataclass(frozen=True, slots=True)
class Uplift:
    """How many more bought because of the letter: the difference of the two rates, its 95 %
    interval, and what that comes to among all who were meant to get it."""

    rate: float
    low: float
    high: float
    more_buyers: float
    more_spent: float  # NT$

    @property
    def is_sure(self) -> bool:
        """The interval leaves zero out."""
        return self.low > 0 or self.high < 0


def uplift(treated: Arm, control: Arm) -> Uplift | None:
    """By intention to treat: who was to get the letter counts, whether it reached them or not, so
    that nothing but chance tells the arms apart. None while an arm is too small to say anything."""
    if min(treated.members, control.members) < LEAST_ARM:
        return None
    low, high = statistics.difference(
        treated.buyers, treated.members, control.buyers, control.members
    )
    rate = treated.buyers / treated.members - control.buyers / control.members
    mean = treated.spent / treated.members - control.spent / control.members
    return Uplift(rate, low, high, rate * treated.members, mean * treated.members)


def counted_until(started_at: datetime) -> datetime:
    return started_at + COUNTED_FOR

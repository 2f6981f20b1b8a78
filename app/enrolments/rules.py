"""Who may join, and in which order a joining asks for things."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from app.core import text
from app.core.errors import DomainError, Invalid

YOUNGEST: Final = 7  # below it there is no capacity to act at all: 民法 §13
ADULT: Final = 18  # 民法 §12, since 2023-01-01
OLDEST: Final = 120
DRAFT_LIFE: Final = timedelta(hours=24)  # a joining left lying longer begins anew

NOTICE, PHONE, CODE, BIRTHDAY, GUARDIAN, DONE = (
    "notice",
    "phone",
    "code",
    "birthday",
    "guardian",
    "done",
)
CONSENT_KINDS: Final = ("terms", "marketing", "sharing")
REQUIRED_CONSENT: Final = "terms"


class TooYoung(DomainError):
    """Under seven nobody can become a member."""


class GuardianNeeded(DomainError):
    """Under eighteen a guardian's name and phone are needed."""


class ConsentMissing(DomainError):
    """The box one cannot join without was not ticked."""


class NoticeChanged(DomainError):
    """What was agreed to is not the notice of today: it must be read again."""


class NothingBegun(DomainError):
    """There is no joining to go on with: none was begun, or it lay too long."""


class AlreadyMember(DomainError):
    """They joined before."""


class ClosingPending(DomainError):
    """They left some days ago and can come back by reopening."""

    def __init__(self, wipe_at: datetime) -> None:
        super().__init__(f"reopen before {wipe_at.isoformat()}")
        self.wipe_at = wipe_at


@dataclass(frozen=True, slots=True)
class Consents:
    """What was ticked under which version of the notice."""

    version: str
    terms: bool = False
    marketing: bool = False
    sharing: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A joining under way."""

    step: str
    channel: str
    consents: Consents
    phone: str | None
    again_at: datetime | None  # when a next code may be sent
    birthday: date | None
    source: str | None


@dataclass(frozen=True, slots=True)
class Guardian:
    name: str
    phone: str  # E.164


@dataclass(frozen=True, slots=True)
class Profile:
    """What a new member says of themselves."""

    birthday: date
    name: str | None = None
    guardian: Guardian | None = None


class How(StrEnum):
    """Whose membership it became."""

    NEW = "new"
    LINKED = "linked"  # the store knew them without LINE
    REBOUND = "rebound"  # from another LINE account


@dataclass(frozen=True, slots=True)
class Joined:
    """The membership that came of a joining. `is_repeat`: it was there before this call."""

    member_id: int
    line_user_id: str
    number: str
    name: str
    tier: str
    points: int
    gifts: tuple[str, ...]  # names of the coupons given
    how: How
    is_repeat: bool = False


_CODE: Final = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])")


def read_code(typed: str) -> str:
    """The six digits in what was typed, or in the whole SMS pasted. Raises Invalid."""
    found = _CODE.search("".join(text.half_width(typed).split()))
    if found is None:
        raise Invalid("code", "has no six digits")
    return found[0]


def age_on(day: date, birthday: date) -> int:
    """Full years. Somebody born on 29 February grows older on 1 March of common years."""
    return day.year - birthday.year - ((day.month, day.day) < (birthday.month, birthday.day))


def needs_guardian(birthday: date, today: date) -> bool:
    return age_on(today, birthday) < ADULT


def check_birthday(birthday: date, today: date) -> None:
    """Raises Invalid for a day that nobody alive was born on, TooYoung below seven."""
    if birthday > today or age_on(today, birthday) > OLDEST:
        raise Invalid("birthday", "is not a birthday of somebody living")
    if age_on(today, birthday) < YOUNGEST:
        raise TooYoung("birthday")


def check_profile(profile: Profile, today: date) -> None:
    """Raises Invalid, TooYoung, GuardianNeeded."""
    check_birthday(profile.birthday, today)
    if needs_guardian(profile.birthday, today) and profile.guardian is None:
        raise GuardianNeeded("guardian")

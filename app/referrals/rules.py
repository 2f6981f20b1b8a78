"""Who may invite, who may be invited, what an invitation says, when its reward is due."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from app.core import text
from app.core.clock import taipei_date, taipei_midnight
from app.core.errors import DomainError
from app.programmes.rules import ReferralTerms

CODE_LENGTH: Final = 10  # of 31 signs: 8 × 10¹⁴, so nobody finds one by trying
ADULT: Final = 18  # under it no referral rewards
BURST: Final = timedelta(hours=24)
LATE_SALES: Final = timedelta(days=7)  # a till may upload a sale this late
_CODE: Final = re.compile(rf"邀請碼[\s:：]*([A-Z0-9]{{{CODE_LENGTH}}})")


class CannotInvite(DomainError):
    """`reason`: closed (no programme), minor (or age unknown), staff."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot invite: {reason}")
        self.reason = reason


class CannotBeInvited(DomainError):
    """`reason`: member, unknown (code or card), used (card), self, inviter (may not invite)."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot be invited: {reason}")
        self.reason = reason


class NotWaiting(DomainError):
    """The referral waits for no decision (any more)."""


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What joining found out about a friend: whose membership it became, and whether the phone
    was a member's before."""

    member_id: int
    is_known: bool
    birthday: date


def read_code(typed: str) -> str | None:
    """The code in `邀請碼 K7M…`, however it is spaced and typed; None in other words."""
    found = _CODE.fullmatch(text.half_width(typed).strip().upper())
    return None if found is None else found[1]


def invitation(code: str) -> str:
    """What a friend writes in the chat."""
    return f"邀請碼 {code}"


def is_adult(birthday: date | None, today: date) -> bool:
    """An unknown age is no age to pay a reward at."""
    if birthday is None:
        return False
    years = today.year - birthday.year - ((today.month, today.day) < (birthday.month, birthday.day))
    return years >= ADULT


def why_refused(
    friend: Newcomer, *, inviter_id: int, may_invite: bool, is_circular: bool, today: date
) -> str | None:
    """Why a friend who has just joined brings no reward; None when nothing speaks against it."""
    if friend.member_id == inviter_id:
        return "self"
    if friend.is_known:
        return "known"
    if not is_adult(friend.birthday, today):
        return "minor"
    if is_circular:
        return "circular"
    return None if may_invite else "inviter"


def join_by(terms: ReferralTerms, bound_at: datetime) -> datetime:
    """The first instant too late: the day's end counts."""
    return taipei_midnight(taipei_date(bound_at) + timedelta(days=terms.valid_days + 1))


def buy_by(terms: ReferralTerms, joined_at: datetime) -> datetime:
    return taipei_midnight(taipei_date(joined_at) + timedelta(days=terms.purchase_days + 1))


def due_at(terms: ReferralTerms, *, return_window: int, sold_on: date) -> datetime:
    """When the sale can be given back no more: the morning after its last day."""
    days = return_window if terms.wait_days is None else terms.wait_days
    return taipei_midnight(sold_on + timedelta(days=days + 1))


def month_of(now: datetime) -> tuple[datetime, datetime]:
    """The Taipei month around an instant, half-open."""
    first = taipei_date(now).replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return taipei_midnight(first), taipei_midnight(following)

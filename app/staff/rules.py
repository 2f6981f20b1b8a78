"""Who may do what, how long a login lives, how long a wrong password waits."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

from app.core.errors import Invalid


class Role(StrEnum):
    OWNER = "owner"
    MARKETER = "marketer"
    ANALYST = "analyst"
    STORE_MANAGER = "store_manager"
    CLERK = "clerk"
    SUPPORT = "support"


class Permission(StrEnum):
    READ_NUMBERS = "read_numbers"  # the first page of the console
    READ_MEMBERS = "read_members"  # lists and pages of members, masked unless:
    READ_MASKED = "read_masked"  # names and phones with their middle hidden
    READ_PERSONAL = "read_personal"  # names and phones in full
    READ_DELIVERY = "read_delivery"  # messages and events that wait for a person
    MERGE_MEMBERS = "merge_members"  # make one of two memberships, and two again
    RETRY_DELIVERY = "retry_delivery"
    READ_AUDIT = "read_audit"
    IMPORT_SALES = "import_sales"  # bring a file of sales
    REACH_MEMBERS = "reach_members"  # say who is meant, and send to them
    TAG_MEMBERS = "tag_members"  # put tags on a member, and take them off
    WRITE_COUPONS = "write_coupons"  # say what coupons offer, begin and stop giving them
    RUN_DRAWS = "run_draws"  # freeze, draw, hand prizes over
    REVIEW_INVOICES = "review_invoices"  # confirm or reject what members registered
    REVIEW_REFERRALS = "review_referrals"  # approve or reject what looks odd
    SERVE = "serve"  # stand at a till: identify members, record purchases, redeem coupons
    REFUND = "refund"  # undo a purchase
    ADJUST_POINTS = "adjust_points"  # correct a member's points, up to the limit of the role


_P = Permission
PERMISSIONS: Final[dict[str, frozenset[Permission]]] = {
    Role.OWNER: frozenset(Permission),
    Role.MARKETER: frozenset(
        {
            _P.READ_NUMBERS,
            _P.READ_MEMBERS,
            _P.READ_PERSONAL,
            _P.READ_DELIVERY,
            _P.RETRY_DELIVERY,
            _P.ADJUST_POINTS,
            _P.REVIEW_INVOICES,
            _P.REVIEW_REFERRALS,
            _P.RUN_DRAWS,
            _P.WRITE_COUPONS,
            _P.IMPORT_SALES,
            _P.REACH_MEMBERS,
            _P.TAG_MEMBERS,
        }
    ),
    Role.ANALYST: frozenset({_P.READ_NUMBERS, _P.READ_MEMBERS}),
    Role.STORE_MANAGER: frozenset(
        {
            _P.READ_NUMBERS,
            _P.READ_MEMBERS,
            _P.READ_MASKED,
            _P.SERVE,
            _P.REFUND,
            _P.ADJUST_POINTS,
            _P.TAG_MEMBERS,
        }
    ),
    Role.CLERK: frozenset({_P.SERVE}),
    Role.SUPPORT: frozenset(
        {
            _P.READ_NUMBERS,
            _P.READ_MEMBERS,
            _P.READ_PERSONAL,
            _P.MERGE_MEMBERS,
            _P.TAG_MEMBERS,
            _P.REVIEW_INVOICES,
            _P.READ_DELIVERY,
            _P.RETRY_DELIVERY,
            _P.ADJUST_POINTS,
        }
    ),
}


LONGEST_NAME: Final = 50
_STORE_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,19}")  # as tills may send it


def is_store_code(code: str) -> bool:
    return _STORE_CODE.fullmatch(code) is not None


def is_allowed(role: str, permission: Permission) -> bool:
    """False for a role nobody knows."""
    return permission in PERMISSIONS.get(role, frozenset())


# Machines ----------------------------------------------------------------------------------------


class Scope(StrEnum):
    READ_MEMBERS = "members:read"
    WRITE_PURCHASES = "purchases:write"


SCOPES: Final[dict[str, frozenset[Scope]]] = {
    "pos": frozenset(Scope),
    "read": frozenset({Scope.READ_MEMBERS}),
}
TOKEN_PREFIX: Final = "rg_"  # noqa: S105  # how a leaked key is recognised, not a key
SHOWN_OF_TOKEN: Final = 9  # characters kept readable: the prefix and six more


# Sessions ----------------------------------------------------------------------------------------

SESSION_IDLE: Final = timedelta(hours=12)  # a long shift
SESSION_LIFE: Final = timedelta(days=7)
SEEN_EVERY: Final = timedelta(minutes=5)  # a request in between writes nothing


# Passwords ---------------------------------------------------------------------------------------

PASSWORD_LENGTHS: Final = (10, 200)


@lru_cache
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


@lru_cache
def _nobodys_hash() -> str:
    return _hasher().hash("nobody has this password")


def check_password(password: str) -> None:
    """Raises Invalid for a password that is too short or absurdly long."""
    shortest, longest = PASSWORD_LENGTHS
    if not shortest <= len(password) <= longest:
        raise Invalid("password", f"must have {shortest} to {longest} characters")


def hash_password(password: str) -> str:
    """Argon2id; takes about 0.1 s of processor time on purpose."""
    check_password(password)
    return _hasher().hash(password)


def is_password(password: str, password_hash: str | None) -> bool:
    """Without a hash as slow as with one, so that the time does not tell which logins exist."""
    if len(password) > PASSWORD_LENGTHS[1]:
        return False
    try:
        is_right = _hasher().verify(password, password_hash or _nobodys_hash())
    except UnknownHashError:
        return False
    return is_right and password_hash is not None


# Wrong passwords ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Throttle:
    """After `free` failures in a row the wait is `first`, then twice as long each time."""

    free: int
    first: timedelta
    longest: timedelta


PER_LOGIN: Final = Throttle(free=5, first=timedelta(seconds=30), longest=timedelta(minutes=15))
PER_ADDRESS: Final = Throttle(free=20, first=timedelta(seconds=30), longest=timedelta(minutes=15))
FORGET_AFTER: Final = timedelta(hours=1)  # since the last failure


def blocked_until(throttle: Throttle, *, failures: int, now: datetime) -> datetime | None:
    """When the next try may be made after that many failures; None for at once."""
    if failures < throttle.free:
        return None
    doublings = min(failures - throttle.free, 20)
    return now + min(throttle.first * (1 << doublings), throttle.longest)

"""Who may do what, how long a login lives, how long a wrong password waits."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

from app.core import ids, text
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
    SEARCH = "search"  # members, sales and coupons, in one box
    READ_DELIVERY = "read_delivery"  # messages and events that wait for a person
    MERGE_MEMBERS = "merge_members"  # make one of two memberships, and two again
    RETRY_DELIVERY = "retry_delivery"
    READ_AUDIT = "read_audit"
    IMPORT_SALES = "import_sales"  # bring a file of sales
    REACH_MEMBERS = "reach_members"  # say who is meant, and send to them
    TAG_MEMBERS = "tag_members"  # put tags on a member, and take them off
    WRITE_COUPONS = "write_coupons"  # say what coupons offer, begin and stop giving them
    WRITE_PROGRAMME = "write_programme"  # change tiers and points, approve what another changed
    RUN_DRAWS = "run_draws"  # freeze, draw, hand prizes over
    REVIEW_INVOICES = "review_invoices"  # confirm or reject what members registered
    REVIEW_REFERRALS = "review_referrals"  # approve or reject what looks odd
    SERVE = "serve"  # stand at a till: identify members, record purchases, redeem coupons
    REFUND = "refund"  # undo a purchase
    ADJUST_POINTS = "adjust_points"  # correct a member's points, up to the limit of the role
    KEEP_ACCOUNT = "keep_account"  # one's own password, second factor and devices
    MANAGE_STAFF = "manage_staff"  # invite people, say what they may, let them go
    MANAGE_STORES = "manage_stores"  # open, describe and close stores
    MANAGE_TOKENS = "manage_tokens"  # let tills and shops in by a token
    MANAGE_HOOKS = "manage_hooks"  # say which addresses are told of what happens
    HANDLE_RIGHTS = "handle_rights"  # requests of people about their own data
    READ_LOOKUPS = "read_lookups"  # who looked at whose personal data


_P = Permission
PERMISSIONS: Final[dict[str, frozenset[Permission]]] = {
    Role.OWNER: frozenset(Permission),
    Role.MARKETER: frozenset(
        {
            _P.READ_NUMBERS,
            _P.READ_MEMBERS,
            _P.READ_PERSONAL,
            _P.SEARCH,
            _P.READ_DELIVERY,
            _P.RETRY_DELIVERY,
            _P.ADJUST_POINTS,
            _P.REVIEW_INVOICES,
            _P.REVIEW_REFERRALS,
            _P.RUN_DRAWS,
            _P.WRITE_COUPONS,
            _P.WRITE_PROGRAMME,
            _P.IMPORT_SALES,
            _P.REACH_MEMBERS,
            _P.TAG_MEMBERS,
            _P.KEEP_ACCOUNT,
        }
    ),
    Role.ANALYST: frozenset({_P.READ_NUMBERS, _P.READ_MEMBERS, _P.KEEP_ACCOUNT}),
    Role.STORE_MANAGER: frozenset(
        {
            _P.READ_NUMBERS,
            _P.READ_MEMBERS,
            _P.READ_MASKED,
            _P.SEARCH,
            _P.SERVE,
            _P.REFUND,
            _P.ADJUST_POINTS,
            _P.TAG_MEMBERS,
            _P.KEEP_ACCOUNT,
        }
    ),
    Role.CLERK: frozenset({_P.SERVE, _P.KEEP_ACCOUNT}),
    Role.SUPPORT: frozenset(
        {
            _P.READ_NUMBERS,
            _P.READ_MEMBERS,
            _P.READ_PERSONAL,
            _P.SEARCH,
            _P.MERGE_MEMBERS,
            _P.HANDLE_RIGHTS,
            _P.TAG_MEMBERS,
            _P.REVIEW_INVOICES,
            _P.READ_DELIVERY,
            _P.RETRY_DELIVERY,
            _P.ADJUST_POINTS,
            _P.KEEP_ACCOUNT,
        }
    ),
}
TIED_TO_STORES: Final = frozenset({Role.STORE_MANAGER, Role.CLERK})  # the others work for all


LONGEST_NAME: Final = 50
_STORE_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,19}")  # as tills may send it


def named(name: str) -> str:
    """The name without spaces around it. Raises Invalid."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Invalid("name", f"must have 1 to {LONGEST_NAME} characters")
    if not name.isprintable():
        raise Invalid("name", "holds characters nobody can see")
    return name


def is_store_code(code: str) -> bool:
    return _STORE_CODE.fullmatch(code) is not None


def home_store(role: str, store_id: int | None) -> int | None:
    """The one store such a person works in; None for every one."""
    return store_id if role in TIED_TO_STORES else None


def is_allowed(role: str, permission: Permission) -> bool:
    """False for a role nobody knows."""
    return permission in PERMISSIONS.get(role, frozenset())


def roles_that_may(permission: Permission) -> tuple[str, ...]:
    return tuple(role for role, allowed in PERMISSIONS.items() if permission in allowed)


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


# Links that are handed over --------------------------------------------------------------------

INVITED_FOR: Final = timedelta(days=3)
RESET_FOR: Final = timedelta(hours=24)


# The second factor -------------------------------------------------------------------------------

SECOND_STEP: Final = timedelta(minutes=5)  # between the password and the code
OFFERED_FOR: Final = timedelta(minutes=15)  # between the secret on the page and its first code
RECOVERY_CODES: Final = 10
_RECOVERY_LENGTH: Final = 10  # of 31 signs: 49 bits, guessed at the pace of logins


def recovery_code() -> str:
    """`K7QMW-3XDTA`."""
    code = ids.random_code(_RECOVERY_LENGTH)
    return f"{code[:5]}-{code[5:]}"


def code_typed(typed: str) -> str:
    """A code as it was shown, without what people add to it: six digits, or a recovery code."""
    plain = "".join(sign for sign in text.half_width(typed).upper() if sign.isalnum())
    return f"{plain[:5]}-{plain[5:]}" if len(plain) == _RECOVERY_LENGTH else plain


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

"""What may be told to whom, how it is signed, when it is tried again. Pure values.

Headers and signature are those of Standard Webhooks (https://www.standardwebhooks.com), so that
receivers find a library that checks them."""

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit

from app.core.errors import Invalid

ON, PAUSED, REMOVED = "on", "paused", "removed"
BY_HAND, FAILING, GONE, SEALED = "hand", "failing", "gone", "sealed"  # why it is paused
WAITING, DELIVERED, FAILED, CANCELLED = "waiting", "delivered", "failed", "cancelled"
# Why a try failed, where no answer came.
REFUSED, TIMED_OUT, UNREACHABLE, UNSAFE = "refused", "timeout", "unreachable", "unsafe"

NAME: Final = 40
LONGEST_URL: Final = 500
TEST: Final = "test"
JOURNEY: Final = "journey.step"

# The first try is made at once; then these follow, together less than a day.
WAITS: Final = tuple(timedelta(seconds=s) for s in (30, 120, 600, 1_800, 7_200, 21_600, 43_200))
JITTER: Final = 0.15  # of a wait, so that what failed together does not come back together
OLD_SECRET_FOR: Final = timedelta(hours=24)
PAUSED_AFTER: Final = timedelta(days=3)  # of nothing but failures
KEPT: Final = timedelta(days=30)
GONE_FOR_GOOD: Final = 410
_SECRET_BYTES: Final = 32
PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class KindOf:
    """A kind of fact: as said after 「會員」, and which of its facts are told."""

    name: str
    fields: tuple[str, ...] = ()


# Free text that staff wrote (why points were corrected) stays in the house.
KINDS: Final[Mapping[str, KindOf]] = {
    "member.joined": KindOf("加入會員", ("channel", "source", "how")),
    "member.closed": KindOf("退出會員", ("channel",)),
    "purchase.recorded": KindOf("消費", ("amount", "earned", "points_used", "store")),
    "purchase.refunded": KindOf("退款", ("amount", "revoked", "restored")),
    "points.redeemed": KindOf("使用點數", ("points",)),
    "points.expired": KindOf("點數到期", ("points",)),
    "points.adjusted": KindOf("點數調整", ("points",)),
    "tier.upgraded": KindOf("升等", ("from", "to", "until")),
    "tier.renewed": KindOf("續等", ("from", "to", "until")),
    "tier.downgraded": KindOf("降等", ("from", "to", "until")),
    "coupon.issued": KindOf("獲得優惠券", ("name", "source")),
    "coupon.redeemed": KindOf("使用優惠券", ("name", "discount")),
    "mission.completed": KindOf("完成任務", ("name",)),
    "stamps.reached": KindOf("集點卡集滿", ("name", "milestone")),
    "reward.exchanged": KindOf("兌換商品", ("name",)),
    "invoice.claimed": KindOf("登錄發票", ("amount",)),
    "referral.joined": KindOf("推薦的好友加入"),
    "draw.won": KindOf("抽中獎項", ("name", "prize")),
}


# The address --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HookDraft:
    name: str
    url: str
    kinds: tuple[str, ...]
    with_person: bool = False


def checked(draft: HookDraft, *, allows_private: bool) -> HookDraft:
    """As it is kept. Raises Invalid naming the field."""
    name = " ".join(draft.name.split())
    if not 1 <= len(name) <= NAME or not name.isprintable():
        raise Invalid("name", f"請填寫 1 到 {NAME} 個字的名稱")
    url = draft.url.strip()
    _check_url(url, allows_private=allows_private)
    kinds = tuple(kind for kind in KINDS if kind in draft.kinds)
    if not kinds and set(draft.kinds) - set(KINDS):
        raise Invalid("kinds", "沒有這種事件")
    return HookDraft(name, url, kinds, draft.with_person)


def _check_url(url: str, *, allows_private: bool) -> None:
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise Invalid("url", f"網址最多 {LONGEST_URL} 個字元，不能有空白或中文")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    schemes = ("https", "http") if allows_private else ("https",)
    if parts.scheme not in schemes or not host or port == 0:
        raise Invalid("url", "請填寫 https:// 開頭的完整網址")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Invalid("url", "網址裡不能有帳號、密碼或 #")
    if not allows_private and (_is_inner_name(host) or is_unsafe(host)):
        raise Invalid("url", "這是內部網路的位址，不能當接收網址")


def _is_inner_name(host: str) -> bool:
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith((".localhost", ".local", ".internal"))


_NAT64: Final = ip_network("64:ff9b::/96")
# Networks of ours that Python takes for the world: RFC 8215 and RFC 3879.
_LOCAL: Final = (ip_network("64:ff9b:1::/48"), ip_network("fec0::/10"))


def is_unsafe(address: str) -> bool:
    """Whether an IP address leads into a network of ours and not to the world. False for a name:
    what it resolves to is asked when the connection is made."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(
        not one.is_global or one.is_multicast or any(one in network for network in _LOCAL)
        for one in _meant(found)
    )


def _meant(found: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address, or the one that is wrapped in it."""
    if isinstance(found, IPv4Address):
        return [found]
    if found.ipv4_mapped is not None:
        return [found.ipv4_mapped]
    if found.sixtofour is not None:
        return [found, found.sixtofour]
    if found.teredo is not None:
        return [found, *found.teredo]
    if found in _NAT64:
        return [IPv4Address(int(found) & 0xFFFFFFFF)]
    return [found]


# What is sent -------------------------------------------------------------------------------------


def body(
    event_id: str,
    kind: str,
    at: datetime,
    member: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> str:
    """The JSON of one event. `at` is when it became true, in UTC."""
    told = {
        "id": event_id,
        "type": kind,
        "at": at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "member": dict(member),
        "data": dict(facts),
    }
    return _written(told)


def _written(told: Mapping[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


PERSONAL: Final = ("name", "phone", "email")


def without_person(sent: str) -> str:
    """A body of ours with nothing of its member but the number."""
    told = json.loads(sent)
    member = {name: value for name, value in told["member"].items() if name not in PERSONAL}
    return _written(told | {"member": member})


def told(kind: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Those facts of this kind that leave the house."""
    return {name: facts[name] for name in KINDS[kind].fields if facts.get(name) is not None}


def new_secret(random: bytes) -> str:
    """The secret as its owner gets it, of 32 random bytes."""
    assert len(random) == _SECRET_BYTES
    return PREFIX + base64.b64encode(random).decode()


def signature(secret: str, event_id: str, at: int, sent: str) -> str:
    """`v1,…` over `{event_id}.{at}.{sent}`; `at` is a Unix time."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = hmac.digest(key, f"{event_id}.{at}.{sent}".encode(), sha256)
    return "v1," + base64.b64encode(signed).decode()


def headers(secrets: Sequence[str], event_id: str, at: datetime, sent: str) -> dict[str, str]:
    """With one signature for each secret that is valid."""
    moment = int(at.timestamp())
    return {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "Regulars-Webhooks/1",
        "webhook-id": event_id,
        "webhook-timestamp": str(moment),
        "webhook-signature": " ".join(signature(one, event_id, moment, sent) for one in secrets),
    }


# What came of it ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is HTTP's; without one, `trouble` says what happened instead."""

    status: int | None = None
    trouble: str | None = None

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def try_again_at(event_id: str, failures: int, *, now: datetime) -> datetime | None:
    """When to try after that many failures in a row; None when it now waits for a person."""
    if failures > len(WAITS):
        return None
    wait = WAITS[failures - 1]
    drawn = int.from_bytes(sha256(f"{event_id}:{failures}".encode()).digest()[:4], "big") / 2**32
    return now + wait * (1 + JITTER * drawn)


def is_to_pause(failing_since: datetime | None, *, now: datetime) -> bool:
    return failing_since is not None and now - failing_since >= PAUSED_AFTER

"""LINE's rate limits as token buckets, and the monthly quota.

https://developers.line.biz/en/reference/messaging-api/#rate-limits
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from app.simulator.config import Rate

RATES: dict[str, Rate] = {
    "POST /v2/bot/message/narrowcast": Rate(60, 3600),
    "POST /v2/bot/message/broadcast": Rate(60, 3600),
    "POST /v2/bot/message/multicast": Rate(200, 1),
    "POST /v2/bot/chat/loading/start": Rate(100, 1),
    "POST /v2/bot/richmenu": Rate(100, 3600),
    "DELETE /v2/bot/richmenu/{richMenuId}": Rate(100, 3600),
    "DELETE /v2/bot/richmenu/alias/{richMenuAliasId}": Rate(100, 3600),
    "GET /v2/bot/richmenu/list": Rate(10, 1),
    "POST /v2/bot/richmenu/batch": Rate(3, 3600),
    "GET /v2/bot/richmenu/progress/batch": Rate(100, 3600),
    "PUT /v2/bot/channel/webhook/endpoint": Rate(1000, 60),
    "GET /v2/bot/channel/webhook/endpoint": Rate(1000, 60),
    "POST /v2/bot/channel/webhook/test": Rate(60, 3600),
}
EVERYTHING_ELSE = Rate(2000, 1)
JAPAN = timezone(timedelta(hours=9))  # LINE counts days and months in UTC+9


class RateLimits:
    """One bucket for each method and path template."""

    def __init__(self, overrides: Mapping[str, Rate], *, enabled: bool) -> None:
        self.enabled = enabled
        self._overrides = dict(overrides)
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens left, instant in seconds
        self._lock = threading.Lock()

    def rate(self, endpoint: str) -> Rate:
        """The rate of `POST /v2/bot/message/push`; an override may leave the method out."""
        return (
            self._overrides.get(endpoint)
            or self._overrides.get(endpoint.partition(" ")[2])
            or RATES.get(endpoint)
            or EVERYTHING_ELSE
        )

    def take(self, endpoint: str, now: float) -> bool:
        """Take one token; False when the bucket is empty."""
        if not self.enabled:
            return True
        rate = self.rate(endpoint)
        with self._lock:
            left, since = self._buckets.get(endpoint, (rate.count, now))
            left = min(rate.count, left + max(0.0, now - since) * rate.count / rate.per_seconds)
            taken = left >= 1
            self._buckets[endpoint] = (left - 1 if taken else left, now)
        return taken

    def override(self, endpoint: str, rate: Rate) -> None:
        with self._lock:
            self._overrides[endpoint] = rate
            self._buckets.clear()

    def refill(self) -> None:
        with self._lock:
            self._buckets.clear()


@dataclass(slots=True)
class Quota:
    """Counted messages of the running month; `limit` None is LINE's type `none`."""

    limit: int | None
    used: int = 0
    month: str = ""

    def is_enough(self, recipients: int, now: datetime) -> bool:
        self._turn(now)
        return self.limit is None or self.used + recipients <= self.limit

    def spend(self, recipients: int, now: datetime) -> None:
        self._turn(now)
        self.used += recipients

    def usage(self, now: datetime) -> int:
        self._turn(now)
        return self.used

    def set(self, limit: int | None, used: int | None, now: datetime) -> None:
        self._turn(now)
        self.limit = limit
        if used is not None:
            self.used = used

    def _turn(self, now: datetime) -> None:
        month = now.astimezone(JAPAN).strftime("%Y%m")
        if month != self.month:
            self.month, self.used = month, self.used if not self.month else 0

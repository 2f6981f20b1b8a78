"""What a simulator is told when it starts. Everything has a value that suits a demo."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.simulator.clock import real_now

Deliver = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
"""Posts a webhook: address, headers, raw body; answers the HTTP status."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: `count` requests fit, refilled over `per_seconds`."""

    count: float
    per_seconds: float


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    channel_secret: str = "simulator-secret"  # noqa: S105 - guards nothing real
    channel_access_token: str = "simulator-token"  # noqa: S105 - guards nothing real
    webhook_url: str = ""
    bot_name: str = "Regulars"
    bot_user_id: str = "U" + "b07" * 10 + "b0"
    basic_id: str = "@regulars"
    picture_url: str | None = None
    login_channel_id: str = "1650000000"
    liff_id: str = ""
    liff_endpoint: str = ""
    clock: Callable[[], datetime] = real_now
    deliver: Deliver | None = None
    """Stands in for HTTP when a test wants webhooks without sockets."""
    allow_http_loopback: bool = True
    """Pictures and links may be http on 127.0.0.1, localhost or ::1; LINE itself wants https."""
    any_user: bool = False
    """Every well-formed user id is a friend, made when first written to."""
    is_verified: bool = False
    """A verified account may list its followers."""
    rate_limits: bool = True
    rates: Mapping[str, Rate] = field(default_factory=dict)
    """Overrides by path template, as in `limits.RATES`."""
    monthly_quota: int | None = None
    webhook_timeout: float = 2.0
    redelivery_attempts: int = 0
    redelivery_delay: float = 1.0
    log_limit: int = 50_000
    """Requests kept for `GET /control/log`; older ones are forgotten."""

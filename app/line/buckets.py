"""Token buckets: LINE refuses with 429 what comes faster than its limits, so we wait instead."""

import asyncio
from collections.abc import Callable, Mapping


class Bucket:
    """`per_second` tokens flow in, at most one second's worth is kept."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._rate, self._clock = per_second, clock
        self._tokens, self._filled_at = per_second, clock()

    def wait(self) -> float:
        """Take one token; return the seconds to wait until it is really there."""
        now = self._clock()
        self._tokens = min(self._rate, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)


class Buckets:
    def __init__(self, per_second: Mapping[str, float], clock: Callable[[], float]) -> None:
        self._buckets = {name: Bucket(rate, clock) for name, rate in per_second.items()}

    async def take(self, endpoint: str) -> None:
        seconds = self._buckets[endpoint].wait()
        if seconds > 0:
            await asyncio.sleep(seconds)

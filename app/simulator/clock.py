"""The simulator's own clock: real, standing still, or moved forward by a test."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def real_now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def iso(instant: datetime) -> str:
    """`2026-07-04T04:00:00.000Z`, as JavaScript and LINE write it."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class SimulatorClock:
    """A source of instants that can be fixed and advanced while the simulator runs."""

    def __init__(self, source: Callable[[], datetime]) -> None:
        self._source = source
        self._fixed: datetime | None = None
        self._offset = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        fixed = self._fixed
        return fixed if fixed is not None else self._source() + self._offset

    def fix(self, instant: datetime | None) -> None:
        """Stand still at an instant, or (None) run again with the source."""
        with self._lock:
            self._fixed = instant
            self._offset = timedelta()

    def advance(self, seconds: float) -> None:
        with self._lock:
            if self._fixed is not None:
                self._fixed += timedelta(seconds=seconds)
            else:
                self._offset += timedelta(seconds=seconds)

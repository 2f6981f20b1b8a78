"""How often somebody may ask for what costs this server something each time."""

import threading
from collections import Counter
from collections.abc import Hashable
from datetime import datetime


class Pace:
    """So many times a minute each, counted by this process alone and forgotten with the minute."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._minute = -1
        self._times: Counter[Hashable] = Counter()

    def allows(self, who: Hashable, *, now: datetime) -> bool:
        """True, and it counts, as long as it was not too often in this minute."""
        minute = int(now.timestamp()) // 60
        with self._lock:
            if minute != self._minute:
                self._minute, self._times = minute, Counter()
            self._times[who] += 1
            return self._times[who] <= self._most

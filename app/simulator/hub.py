"""Tells everybody who watches that something changed: SSE streams and long polls."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

Change = dict[str, object]


class Watcher:
    """A queue in the event loop of whoever waits."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Change] = asyncio.Queue()

    def put(self, change: Change) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, change)

    async def next(self, seconds: float) -> Change | None:
        """Wait for a change; None when nothing happened in that time."""
        try:
            return await asyncio.wait_for(self._queue.get(), max(seconds, 0))
        except TimeoutError:
            return None

    def drain(self) -> None:
        """Forget what else has happened: one look answers for all of it."""
        while not self._queue.empty():
            self._queue.get_nowait()


class Hub:
    """Changes may come from any thread; watchers live in any loop."""

    def __init__(self) -> None:
        self._watchers: tuple[Watcher, ...] = ()
        self._lock = threading.Lock()

    def publish(self, kind: str, **facts: object) -> None:
        if not self._watchers:
            return
        change: Change = {"kind": kind, **facts}
        for watcher in self._watchers:
            try:
                watcher.put(change)
            except RuntimeError:  # its loop is closed: the one who watched is gone
                self._remove(watcher)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[Watcher]:
        watcher = Watcher()
        with self._lock:
            self._watchers = (*self._watchers, watcher)
        try:
            yield watcher
        finally:
            self._remove(watcher)

    def _remove(self, watcher: Watcher) -> None:
        with self._lock:
            self._watchers = tuple(w for w in self._watchers if w is not watcher)

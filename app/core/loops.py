"""A loop in a thread: does its step until told to stop, sleeps when nothing was done."""

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)
IDLE_SECONDS = 0.2
TROUBLED_SECONDS = 1.0
REST_SECONDS = 0.02


class Loop:
    """`step` returns how much it did; 0 lets the loop sleep until `wake()` or `idle` seconds.

    A step that did some, but less than `full`, is followed by a moment's rest: what comes in
    meanwhile makes one batch, at a fraction of the cost of many small ones. Whatever finds the loop
    asleep is still done at once."""

    def __init__(
        self, name: str, step: Callable[[], int], *, idle: float = IDLE_SECONDS, full: int = 0
    ) -> None:
        self.name, self._step, self._idle, self._full = name, step, idle, full
        self._woken, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def stop(self, *, timeout: float = 20.0) -> None:
        """Let the step under way finish, then end the thread."""
        self._stopped.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._woken.clear()
            try:
                done = self._step()
            except Exception as error:  # a loop outlives a database that went away
                log.exception("loop.failed", loop=self.name, error=type(error).__name__)
                self._woken.wait(TROUBLED_SECONDS)
                continue
            if not done:
                self._woken.wait(self._idle)
            elif done < self._full:
                self._stopped.wait(REST_SECONDS)

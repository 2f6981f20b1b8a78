"""Orders to fail: which requests, how, how often. Chance comes from a seed, so a run repeats."""

import hashlib
import itertools
import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

When = Literal["before", "after"]


@dataclass(slots=True)
class Fault:
    """One order. `seen` counts matching requests, `hits` those it was applied to."""

    id: int
    path: str
    method: str | None = None
    status: int | None = None
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_ms: float = 0
    when: When = "before"
    """`before`: the request is not processed; `after`: processed, the answer is what fails."""
    drop: bool = False
    hang: bool = False
    times: int | None = None
    every: int = 1
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    seen: int = 0
    hits: int = 0

    def matches(self, method: str, path: str) -> bool:
        if self.method is not None and self.method != method:
            return False
        return fnmatchcase(path, self.path)

    def strikes(self) -> bool:
        """Count one matching request and decide whether this is one to fail."""
        self.seen += 1
        place = self.seen - self.skip
        if place < 1 or (self.times is not None and self.hits >= self.times):
            return False
        if place % self.every or not self._is_drawn():
            return False
        self.hits += 1
        return True

    def _is_drawn(self) -> bool:
        if self.probability >= 1:
            return True
        drawn = hashlib.blake2b(f"{self.seed}:{self.seen}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn) / 2**64 < self.probability


class Faults:
    def __init__(self) -> None:
        self._orders: tuple[Fault, ...] = ()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            fault.id = next(self._numbers)
            self._orders = (*self._orders, fault)
        return fault

    def remove(self, fault_id: int | None = None) -> None:
        """Take back one order, or all of them."""
        with self._lock:
            self._orders = tuple(
                f for f in self._orders if fault_id is not None and f.id != fault_id
            )

    def orders(self) -> tuple[Fault, ...]:
        return self._orders

    def strike(self, method: str, path: str) -> Fault | None:
        """The first order that hits this request."""
        if not self._orders:
            return None
        with self._lock:
            for order in self._orders:
                if order.matches(method, path) and order.strikes():
                    return order
        return None

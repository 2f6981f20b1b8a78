"""Things that happen at the same moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def at_once(*works: Callable[[], object]) -> list[object]:
    """Run all together; return what each returned or raised."""
    gate = threading.Barrier(len(works))

    def together(work: Callable[[], object]) -> object:
        gate.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        futures = [pool.submit(together, work) for work in works]
    return [future.exception() or future.result() for future in futures]

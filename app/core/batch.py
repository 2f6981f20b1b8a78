"""Group commit: many callers, one transaction. A durable commit costs one disk flush however much
it holds, so callers that arrive while one batch is being written share the next."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Closed(Exception):
    """The process is shutting down; nothing was written."""


class GroupCommit(Generic[Item, Result]):
    """`write` runs in one thread of its own, gets at most `limit` items and answers each of them
    with a result or an exception, in the same order. An exception raised by `write` itself goes
    to every caller of that batch."""

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Sequence[Result | Exception]],
        *,
        limit: int = 200,
        name: str = "writer",
    ) -> None:
        self._write = write
        self._limit = limit
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    async def submit(self, item: Item) -> Result:
        """Return when the item is committed. Raises Closed after `close()`."""
        if self._is_closed:
            raise Closed
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._drain())
        return await future

    async def close(self) -> None:
        """Finish what was submitted, then refuse."""
        self._is_closed = True
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._limit, len(self._waiting)))]
            try:
                results = await loop.run_in_executor(
                    self._thread, self._write, [item for item, _ in batch]
                )
            except Exception as error:  # noqa: BLE001  # every caller of the batch learns of it
                results = [error] * len(batch)
            for (_, future), result in zip(batch, results, strict=True):
                _answer(future, result)


def _answer(future: "asyncio.Future[Result]", result: Result | Exception) -> None:
    if future.done():  # the caller went away; what was written stays written
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)

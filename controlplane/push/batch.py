"""Many small writes in few transactions: a commit costs milliseconds, whatever is in it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Batch(Generic[T]):
    """Collects items while an earlier write is under way, and writes them together.

    `write(items)` writes all of them or raises; then every one of its callers gets the error.
    `linger`: for how many seconds the first of a batch waits for company.
    """

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[None]], *, linger: float = 0.0) -> None:
        self._write = write
        self._linger = linger
        self._items: list[tuple[T, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def add(self, item: T) -> None:
        """Return once the item is written; raises what `write` raised."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._items.append((item, done))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="batched writes")
        await done

    async def drain(self) -> None:
        """Return once nothing waits to be written."""
        while self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            while self._items:
                if self._linger:
                    await asyncio.sleep(self._linger)
                batch, self._items = self._items, []
                try:
                    await self._write([item for item, _ in batch])
                except Exception as error:  # noqa: BLE001  # handed to every caller
                    for _, done in batch:
                        if not done.done():
                            done.set_exception(error)
                else:
                    for _, done in batch:
                        if not done.done():
                            done.set_result(None)
        finally:
            self._task = None

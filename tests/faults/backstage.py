"""The loop in which proxies and stand-ins live, in a thread of its own, for tests that have none."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Backstage:
    """A running event loop; `run` and `do` are called from other threads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="backstage")
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Have a coroutine run there, and give its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def do(self, what: Callable[[], T]) -> T:
        """Have a function called there, and give its result: nothing else happens there meanwhile."""

        async def call() -> T:
            return what()

        return self.run(call())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

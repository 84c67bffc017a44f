"""The one OS thread that runs gevent, and the bridge between it and asyncio.

Nothing is monkey-patched. Work crosses in two deques; each side is woken once for everything that
piled up, so a batch costs one wake-up. Callables that cross must not block: on the gevent side they
run in the hub itself, on the asyncio side in the loop.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

import gevent  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]
from gevent.pool import Group  # type: ignore[import-untyped]

logger = logging.getLogger(__name__)

_Call: TypeAlias = tuple[Callable[..., object], tuple[Any, ...]]


class Hub:
    """Owns the gevent thread.

    Made and started in the thread of an asyncio loop; ``call`` goes to gevent, ``post`` comes back.
    Invariant: a wake-up is on its way whenever a deque is not empty, for a flag is cleared before
    its deque is drained and set after an item is appended.
    """

    def __init__(self, name: str = "esl") -> None:
        self._name = name
        self._calls: deque[_Call] = deque()
        self._called = False
        self._posts: deque[_Call] = deque()
        self._posted = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._wake: Callable[[], object] | None = None
        self._end: Event | None = None
        self._greenlets: Group | None = None
        self._accepts = False

    # --- asyncio side --------------------------------------------------------------------------

    async def start(self) -> None:
        """Starts the thread and waits until it takes calls."""
        if self._thread is not None:
            raise RuntimeError("a hub starts once")
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        ready = self._loop.create_future()
        self._accepts = True
        self._thread = threading.Thread(target=self._run, args=(ready,), name=self._name, daemon=True)
        self._thread.start()
        await ready

    async def stop(self, timeout: float) -> bool:  # noqa: ASYNC109  # the bound is the promise
        """Ends the thread, its greenlets killed; false when it was still busy after ``timeout`` seconds."""
        if self._thread is None or self._ended is None:
            return True
        if self._accepts:
            self.call(self._finish)
            self._accepts = False
        try:
            async with asyncio.timeout(timeout):
                await self._ended.wait()
        except TimeoutError:
            logger.error("the event socket thread did not end within %s s", timeout)
            return False
        self._thread.join(1.0)  # after its last word; one that outlives the interpreter can crash it
        return True

    @property
    def running(self) -> bool:
        """Whether calls are taken."""
        return self._accepts

    @property
    def backlog(self) -> int:
        """How many posts have not been run yet."""
        return len(self._posts)

    def call(self, function: Callable[..., object], *args: Any) -> bool:
        """Has ``function`` run in the gevent thread; false when that has ended. The loop's thread only."""
        if not self._accepts:
            return False
        self._calls.append((function, args))
        if not self._called:
            self._called = True
            if self._wake is not None:  # else the thread is starting, and looks once it has
                self._wake()
        return True

    # --- gevent side ---------------------------------------------------------------------------

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Has ``function`` run in the asyncio loop, in order; dropped when that loop is closed."""
        self._posts.append((function, args))
        if not self._posted:
            self._posted = True
            self._wake_loop(self._drain_posts)

    def spawn(self, function: Callable[..., object], *args: Any) -> "gevent.Greenlet[..., object]":
        """A greenlet that the hub kills when it stops."""
        if self._greenlets is None:
            raise RuntimeError("the hub is not running")
        return self._greenlets.spawn(function, *args)

    def _run(self, ready: "asyncio.Future[None]") -> None:
        hub = gevent.get_hub()
        self._end = Event()
        self._greenlets = Group()
        waker = hub.loop.async_()
        waker.start(self._drain_calls)
        self._wake = waker.send
        waker.send()  # for calls made before there was anything to wake
        self._wake_loop(_resolve, ready)
        try:
            self._end.wait()
            self._greenlets.kill(block=True, timeout=2)
        finally:
            self._accepts = False
            self._wake = None
            self._drain_calls()
            waker.stop()
            waker.close()
            hub.destroy(destroy_loop=True)
            if self._ended is not None:
                self._wake_loop(self._ended.set)

    def _finish(self) -> None:
        if self._end is not None:
            self._end.set()

    def _drain_calls(self) -> None:
        self._called = False
        while self._calls:
            function, args = self._calls.popleft()
            try:
                function(*args)
            except Exception:
                logger.exception("a call into the event socket thread failed")

    def _wake_loop(self, function: Callable[..., object], *args: Any) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # the loop is closed: nobody is left to tell
            self._posts.clear()

    # --- asyncio side again --------------------------------------------------------------------

    def _drain_posts(self) -> None:
        self._posted = False
        # What comes while these run waits for the next turn: the loop has other work.
        for _ in range(len(self._posts)):
            function, args = self._posts.popleft()
            try:
                function(*args)
            except Exception:
                logger.exception("a callback from the event socket thread failed")


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)

"""Waiting for what nodes report, one ear for each who waits."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from esl.link import NodeEvent

_MOST = 10_000


class Ear:
    """Hears one node's events from the moment it was made; the oldest go when nobody takes them."""

    def __init__(self) -> None:
        self._events: deque[NodeEvent] = deque(maxlen=_MOST)
        self._woken = asyncio.Event()

    def hear(self, event: NodeEvent) -> None:
        """Take an event in."""
        self._events.append(event)
        self._woken.set()

    async def next(self, timeout: float) -> NodeEvent | None:  # noqa: ASYNC109  # waiting is the purpose
        """The next event, or None when none came within `timeout` seconds."""
        if not self._events:
            self._woken.clear()
            try:
                async with asyncio.timeout(max(timeout, 0)):
                    await self._woken.wait()
            except TimeoutError:
                return None
        return self._events.popleft()


class Watch:
    """Hands every node's events to those who listen to it."""

    def __init__(self) -> None:
        self._ears: dict[str, list[Ear]] = {}

    def saw(self, event: NodeEvent) -> None:
        """An event came."""
        for ear in self._ears.get(event.node, ()):
            ear.hear(event)

    @contextmanager
    def listening(self, node: str) -> Iterator[Ear]:
        """Listen from now on, so that nothing between a command and the wait for its effect is missed."""
        ear = Ear()
        self._ears.setdefault(node, []).append(ear)
        try:
            yield ear
        finally:
            self._ears[node].remove(ear)
            if not self._ears[node]:
                del self._ears[node]

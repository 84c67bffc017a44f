"""Looks when nodes carry no call any more on what is held for their sake."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

from controlplane.push.applied import Applied
from controlplane.push.documents import way
from controlplane.push.held import Wait
from controlplane.push.policy import PushPolicy
from controlplane.push.ports import Nodes
from controlplane.push.touches import Touches
from controlplane.push.traffic import MODULE, PROFILE, ask
from esl.errors import EventSocketError

log = logging.getLogger(__name__)


class Idle:
    """Asks nodes on which something waits for calls to end, every so often.

    `there(node)`: whether the node is up and ours to command. `go(node, whats, applied)`: nothing stands
    in the way of these at this moment; the push asks again before it does them.
    """

    def __init__(
        self,
        nodes: Nodes,
        there: Callable[[str], bool],
        go: Callable[[str, Collection[str], Applied], Awaitable[None]],
        policy: PushPolicy,
    ) -> None:
        self._nodes = nodes
        self._there = there
        self._go = go
        self._policy = policy
        self._waiting: dict[str, Applied] = {}
        self._task: asyncio.Task[None] | None = None

    def learn(self, node: str, applied: Applied) -> None:
        """What is in force on the node, and what is held there."""
        if any(each.wait is Wait.CALLS for each in applied.held.values()):
            self._waiting[node] = applied
        else:
            self._waiting.pop(node, None)

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._look(), name="waiting for calls to end")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._policy.idle_poll)
            async with asyncio.TaskGroup() as group:
                for node, applied in self._waiting.items():
                    if self._there(node):
                        group.create_task(self._one(node, applied), name=f"asking {node} for its calls")

    async def _one(self, node: str, applied: Applied) -> None:
        waiting = {what for what, each in applied.held.items() if each.wait is Wait.CALLS}
        try:
            traffic = await ask(self._nodes, node, waiting)
        except EventSocketError as error:
            log.debug("%s cannot be asked for its calls: %s", node, error)
            return
        free = {what for what in waiting if not traffic.calls(what)}
        if free:
            self._waiting.pop(node, None)  # what becomes of that push is learnt when it ends
            await self._go(node, free, applied)


def touching(whats: Collection[str], documents: Collection[str]) -> Touches:
    """What a push has to be about for these to be looked at; `documents`: names of all that may matter."""
    modules = {what.removeprefix(MODULE) for what in whats if what.startswith(MODULE)}
    return Touches(
        profiles=frozenset(what.removeprefix(PROFILE) for what in whats if what.startswith(PROFILE)),
        documents=frozenset(name for name in documents if way(name).module in modules),
    )

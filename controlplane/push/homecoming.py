"""What a node that was away needs before anything else: to forget the users that it kept.

While its link was down nothing could be flushed there, and what it keeps may be older than any revision
that was pushed meanwhile.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator

from controlplane.push.ports import Answers, Nodes
from esl.commands import FlushAll
from esl.errors import EventSocketError

log = logging.getLogger(__name__)


class Homecoming:
    """Flushes nodes whose link came up; tells which were, since then.

    `there(node)`: whether the node is up and ours to command. `done(node)`: called once it was flushed;
    `gone(node)`: once it is no longer known to be. `delays()`: the seconds between attempts.
    """

    def __init__(
        self,
        nodes: Nodes,
        answers: Answers,
        *,
        there: Callable[[str], bool],
        done: Callable[[str], None],
        gone: Callable[[str], None],
        delays: Callable[[], Iterator[float]],
    ) -> None:
        self._nodes = nodes
        self._answers = answers
        self._there = there
        self._done = done
        self._gone = gone
        self._delays = delays
        self._flushed: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, str] = {}

    def failure(self, node: str) -> str:
        """Why the node could not be flushed when that was tried last; empty when nothing failed."""
        return self._failures.get(node, "")

    def __contains__(self, node: str) -> bool:
        """Whether the node is there and was flushed since it came."""
        return node in self._flushed

    def look(self, node: str) -> None:
        """Flush the node if it is there and was not flushed since it came."""
        if node not in self._flushed and node not in self._tasks and self._there(node):
            self._tasks[node] = asyncio.create_task(self._flush(node), name=f"flushing {node}")

    def gone(self, node: str) -> None:
        """The node's link went, or it is not ours to command any more."""
        if node in self._flushed:
            self._flushed.discard(node)
            self._gone(node)
        self._failures.pop(node, None)
        task = self._tasks.pop(node, None)
        if task is not None:
            task.cancel()

    async def stop(self) -> None:
        """Flush nothing more."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _flush(self, node: str) -> None:
        delays = self._delays()
        while self._there(node):
            try:
                await self._nodes.run(node, FlushAll())
                # Else something could still be given that was not noted yet.
                await self._answers.settled()
                left = self._answers.under_way.left(node)
                if left:
                    # An answer given before the link went may have been stored after the flush.
                    await asyncio.sleep(left)
                    await self._nodes.run(node, FlushAll())
            except EventSocketError as error:
                log.warning("node %s cannot be flushed, trying again: %s", node, error)
                self._failures[node] = f"the node cannot be flushed: {error}"
                await asyncio.sleep(next(delays))
            else:
                self._flushed.add(node)
                self._failures.pop(node, None)
                break
        self._tasks.pop(node, None)
        if node in self._flushed:
            self._done(node)

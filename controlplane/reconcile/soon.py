"""Compares nodes at once for what they report, instead of at the next period."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

from controlplane.reconcile.policy import Subject
from esl.link import NodeEvent

log = logging.getLogger(__name__)

EVERY_RESPECT = frozenset(Subject)
_SIP = frozenset({Subject.GATEWAYS, Subject.PROFILES})


def respects(event: NodeEvent) -> frozenset[Subject]:
    """In which respects a node may not be as it was before it reported this, unless we had it do so."""
    if event.subclass == "sofia::gateway_delete":
        return frozenset({Subject.GATEWAYS})
    # All that tells of a profile that stopped; its gateways went with it.
    return _SIP if event.name == "UNPUBLISH" and "profile_name" in event.headers else frozenset()


class Soon:
    """Nodes that are to be compared soon, each for all that came together.

    `settle` (s): for how long more is waited for; `rest` (s): no node is compared for its reports more
    often than this, however many come. `compare(nodes, subjects)` compares.
    """

    def __init__(
        self,
        compare: Callable[[Collection[str], Collection[Subject]], Awaitable[object]],
        settle: float,
        rest: float,
    ) -> None:
        self._compare = compare
        self._settle = settle
        self._rest = rest
        self._due: dict[str, tuple[float, frozenset[Subject]]] = {}
        self._rested: dict[str, float] = {}
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; in the event loop's thread."""
        self._task = asyncio.create_task(self._run(), name="comparing soon")

    async def stop(self) -> None:
        """Begin no more; a comparison under way is broken off."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    def ask(self, node: str, subjects: frozenset[Subject]) -> None:
        """Have the node compared in these respects."""
        now = asyncio.get_running_loop().time()
        due, before = self._due.get(
            node, (max(now + self._settle, self._rested.get(node, now)), frozenset[Subject]())
        )
        self._due[node] = due, before | subjects
        self._woken.set()

    async def _run(self) -> None:
        clock = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            first = min((due for due, _ in self._due.values()), default=None)
            if first is None or first > clock.time():
                try:
                    async with asyncio.timeout_at(first):
                        await self._woken.wait()
                except TimeoutError:
                    pass
                continue
            await self._compare_due(clock.time())

    async def _compare_due(self, now: float) -> None:
        together: dict[frozenset[Subject], list[str]] = {}
        for node, (due, subjects) in list(self._due.items()):
            if due <= now:
                del self._due[node]
                self._rested[node] = now + self._rest
                together.setdefault(subjects, []).append(node)
        self._rested = {node: till for node, till in self._rested.items() if till > now}
        for subjects, nodes in together.items():
            try:
                await self._compare(nodes, subjects)
            except Exception:
                # The next comparison on time finds what this would have found.
                log.exception("%s cannot be compared", ", ".join(nodes))

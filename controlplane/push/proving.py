"""Who has nodes prove that they can fetch from us, and remembers how that went."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from controlplane.observed.node_status import Proof
from controlplane.push.errors import NotAnswering
from controlplane.push.ports import Answers, Nodes
from controlplane.push.probe import prove
from esl.errors import EventSocketError
from esl.link import LinkState

AT_ONCE = 32
"""Nodes asked at the same time for no push's sake."""


class Prover:
    """Every proof is asked for here: by pushes, by operators' actions and by the job.

    Invariant: one proof a node at a time, for its probe document holds one nonce. `noted(node)` is
    called when there is news of how a node's last proof went. `within`: seconds for one.
    """

    def __init__(self, nodes: Nodes, answers: Answers, within: float, noted: Callable[[str], object]) -> None:
        self._nodes = nodes
        self._answers = answers
        self._within = within
        self._noted = noted
        self._last: dict[str, Proof] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[bool]] = set()

    async def __call__(self, node: str) -> Proof:
        """Ask now; raises NotAnswering, or an EventSocketError when the link went."""
        async with self._turns.setdefault(node, asyncio.Lock()):
            began = time.monotonic()
            try:
                await prove(self._nodes, self._answers, node, self._within)
            except NotAnswering as error:
                last = self._last.get(node) or Proof(datetime.now(UTC))
                self._note(node, replace(last, at=datetime.now(UTC), reason=str(error)))
                raise
            now = datetime.now(UTC)
            proof = Proof(now, answered_at=now, round_trip=time.monotonic() - began)
            self._note(node, proof)
            return proof

    def last(self, node: str) -> Proof | None:
        """How the last one went that was asked for since this daemon started."""
        return self._last.get(node)

    def look(self, node: str) -> None:
        """Ask soon, for nobody but whoever reads of it."""
        task = asyncio.create_task(self._try(node), name=f"proof of {node}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def each(self, nodes: Iterable[str]) -> dict[str, int]:
        """Ask those of them that are up; how many answered, and how many did not."""
        up = [node for node in nodes if self._up(node)]
        answered = await asyncio.gather(*map(self._try, up))
        return {"answering": sum(answered), "not_answering": len(up) - sum(answered)}

    def forget(self, node: str) -> None:
        """The node is no more."""
        self._last.pop(node, None)
        self._turns.pop(node, None)

    async def stop(self) -> None:
        """Ask nothing more."""
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _up(self, node: str) -> bool:
        link = self._nodes.link(node)
        return link is not None and link.state is LinkState.UP

    async def _try(self, node: str) -> bool:
        async with self._room:
            try:
                await self(node)
            except (NotAnswering, EventSocketError):
                # It is noted; and that the link went is told by the link.
                return False
        return True

    def _note(self, node: str, proof: Proof) -> None:
        self._last[node] = proof
        self._noted(node)

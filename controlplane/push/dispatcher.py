"""Who is pushed to when: together what comes together, each node by itself, none waiting for another."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from controlplane.logs import about
from controlplane.push import findings, queue, repaired
from controlplane.push.batch import Batch
from controlplane.push.kept import KEPT, kept
from controlplane.push.pace import Pace
from controlplane.push.policy import PushPolicy
from controlplane.push.queue import Ended, State, Taken
from controlplane.push.runner import Runner
from controlplane.signals import Signal
from controlplane.store.engine import Store
from controlplane.store.errors import StoreError

log = logging.getLogger(__name__)


class Dispatcher:
    """Takes pushes that are due from the queue and runs them.

    Invariant: at most one push, or one operator's action (`serial`), is under way on a node. The rows
    are the truth of what waits; `_due` only says when to look. `ready(node)`: whether it can be
    pushed to at all, now; one that cannot waits without any timer until `wake`. However many nodes do
    not answer, they keep no other from its push for longer than `PushPolicy.patience`.
    """

    def __init__(
        self, store: Store, runner: Runner, ready: Callable[[str], bool], policy: PushPolicy
    ) -> None:
        self.ended: Signal[Ended] = Signal("ended pushes")
        self._store = store
        self._runner = runner
        self._ready = ready
        self._policy = policy
        self._due: dict[str, float] = {}
        self._first: dict[str, float] = {}
        self._running: dict[str, tuple[Taken, asyncio.Task[None]]] = {}
        self._patient_till: dict[str, float] = {}
        self._serial: dict[str, asyncio.Lock] = {}
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._taking: asyncio.Task[None] | None = None
        self._stopping = False
        self._pace = Pace(policy.begun_per_second, policy.begun_at_once)
        self._ends: Batch[Ended] = Batch(self._write, linger=policy.linger)

    async def start(self) -> None:
        """Take up what waits in the queue, and what a dead daemon left running."""
        now = datetime.now(UTC)
        recovered = await self._store.write(lambda session: queue.recover(session, now))
        if recovered:
            log.info("%d pushes of an earlier run wait again", recovered)
        clock = asyncio.get_running_loop().time()
        for push in await self._store.read(queue.waiting):
            wait = (push.not_before - now).total_seconds() if push.not_before is not None else 0.0
            self._due[push.node] = clock + max(wait, 0.0)
        self._loop = asyncio.create_task(self._dispatch(), name="push dispatcher")

    async def stop(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109  # the bound is the promise
        """Let pushes under way finish for `timeout` seconds; those that do not go back to the queue."""
        if self._loop is None:
            return
        self._stopping = True
        self._wake.set()
        await asyncio.wait({self._loop})
        self._loop = None
        tasks = {task for _, task in self._running.values()}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self._ends.drain()
        back = [_put_back(taken, "the daemon was stopped") for taken, _ in self._running.values()]
        self._running.clear()
        self._patient_till.clear()
        if back:
            try:
                await self._store.write(lambda session: queue.end(session, back, datetime.now(UTC)))
            except StoreError:
                log.exception("%d pushes will be taken up again at the next start", len(back))

    def notify(self, nodes: Iterable[str], *, patient: bool = False) -> None:
        """New pushes wait for these nodes: soon, but together with those that follow at once.

        `patient`: one that waits for its next try goes on waiting.
        """
        now = asyncio.get_running_loop().time()
        for node in nodes:
            if patient and node in self._due:
                continue
            latest = self._first.setdefault(node, now) + self._policy.debounce_most
            self._due[node] = min(now + self._policy.debounce, latest)
        self._wake.set()

    def wake(self, node: str | None = None) -> None:
        """Something changed that `ready` looks at; what waits for that node is due at once."""
        if node is not None and node in self._due:
            self._due[node] = asyncio.get_running_loop().time()
        self._wake.set()

    def busy(self, node: str) -> bool:
        """Whether a push to the node is under way."""
        return node in self._running

    @property
    def running(self) -> tuple[str, ...]:
        """Nodes that are pushed to now."""
        return tuple(self._running)

    @asynccontextmanager
    async def serial(self, node: str) -> AsyncIterator[None]:
        """Have the node for oneself: for what an operator asks for beside the pushes."""
        lock = self._serial.setdefault(node, asyncio.Lock())
        async with lock:
            while self._taking is not None or node in self._running:
                await asyncio.wait({self._taking} if self._taking is not None else {self._running[node][1]})
            try:
                yield
            finally:
                self._wake.set()

    async def _dispatch(self) -> None:
        clock = asyncio.get_running_loop()
        while not self._stopping:
            self._wake.clear()
            ready = [node for node in self._due if node not in self._running and self._may(node)]
            now = clock.time()
            brisk = [till for till in self._patient_till.values() if till > now]
            room = self._policy.at_once - len(brisk)
            due = sorted((node for node in ready if self._due[node] <= now), key=self._due.__getitem__)
            if due := due[:room]:
                self._taking = asyncio.create_task(self._take(due), name="taking pushes")
                await asyncio.wait({self._taking})
                self._taking = None
                continue
            # When one is due, or, while too many are under way, when one of these is known to be slow.
            wait = min((self._due[node] for node in ready), default=None) if room > 0 else min(brisk)
            try:
                async with asyncio.timeout(max(wait - now, 0) if wait is not None else None):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _may(self, node: str) -> bool:
        lock = self._serial.get(node)
        return (lock is None or not lock.locked()) and self._ready(node)

    async def _take(self, nodes: Sequence[str]) -> None:
        for node in nodes:
            self._due.pop(node, None)
            self._first.pop(node, None)
        try:
            taken = await self._store.write(lambda session: queue.take(session, nodes, datetime.now(UTC)))
        except Exception:
            # Whatever it was: what waits must not be forgotten for it.
            log.exception("pushes cannot be taken from the queue: they stay where they are")
            later = asyncio.get_running_loop().time() + self._policy.backoff_min
            for node in nodes:
                self._due.setdefault(node, later)
            return
        now = asyncio.get_running_loop().time()
        for each in taken:
            delay = self._pace.turn(now)
            self._patient_till[each.push.node] = now + delay + self._policy.patience
            one = self._one(each, delay)
            self._running[each.push.node] = (each, asyncio.create_task(one, name=f"push to {each.push.node}"))

    async def _one(self, taken: Taken, delay: float) -> None:
        await asyncio.sleep(delay)
        if self._stopping:
            return  # it has not begun: `stop` puts it back
        with about(node=taken.push.node, push=taken.push.id, revision=taken.push.revision):
            await self._run(taken)

    async def _run(self, taken: Taken) -> None:
        node = taken.push.node
        ended = await self._runner.run(taken) if self._ready(node) else _put_back(taken)
        while True:
            try:
                await self._ends.add(ended)
                break
            except Exception:
                log.exception("what became of push %d cannot be written", taken.push.id)
                await asyncio.sleep(self._policy.backoff_min)
        log.info("push to %s is %s%s", node, ended.state, f": {ended.reason}" if ended.reason else "")
        del self._running[node], self._patient_till[node]
        if ended.state is State.WAITING:
            delay = self._policy.debounce
            if ended.not_before is not None:
                delay = max((ended.not_before - datetime.now(UTC)).total_seconds(), 0)
            # A newer revision may have made it due sooner.
            due = asyncio.get_running_loop().time() + delay
            self._due[node] = min(self._due.get(node, due), due)
        self._wake.set()
        self.ended.tell(ended)

    async def _write(self, ended: Sequence[Ended]) -> None:
        def work(session: Session) -> None:
            now = datetime.now(UTC)
            queue.end(session, ended, now)
            repaired.ended(session, ended, now)
            for each in ended:
                findings.mended(session, each.node, each.gateways, each.profiles, now)
                if each.applied is not None:
                    findings.record(session, each.node, KEPT, kept(each.node, each.applied), now)

        await self._store.write(work)


def _put_back(taken: Taken, reason: str | None = None) -> Ended:
    """Not begun, or broken off: it waits as it did, and it does not count as a try."""
    push = taken.push
    return Ended(
        push.id,
        push.node,
        State.WAITING,
        push.touches,
        reason=push.reason if reason is None else reason,
        attempts=push.attempts - 1,
    )

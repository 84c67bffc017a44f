"""The pushing half, assembled: what was committed goes out, and what nodes report finds its way in."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from controlplane.desired import windows
from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import Revision
from controlplane.desired.values import Key, NodeMode, Noun, Scope
from controlplane.observed.node_status import NodeStatus
from controlplane.push import queue
from controlplane.push.applied import Applied
from controlplane.push.batch import Batch
from controlplane.push.boot import SinceBoot
from controlplane.push.dispatcher import Dispatcher
from controlplane.push.errors import UnknownNode
from controlplane.push.homecoming import Homecoming
from controlplane.push.idle import Idle, touching
from controlplane.push.plan import Plan
from controlplane.push.policy import Backoff, PushPolicy
from controlplane.push.ports import Answers, Nodes, Wants
from controlplane.push.proving import Prover
from controlplane.push.queue import Ended, NodeState
from controlplane.push.runner import Runner
from controlplane.push.statuses import Statuses
from controlplane.push.suspensions import Suspension, Suspensions
from controlplane.push.touches import EVERYTHING, Touches
from controlplane.push.watch import Watch
from controlplane.signals import Signal
from controlplane.store import tables
from controlplane.store.engine import Store
from controlplane.store.errors import StoreError
from esl.link import Link, LinkState, NodeEvent, backoff

log = logging.getLogger(__name__)

_NODES = tables.table(tables.NodeRow)


class Pusher:
    """Brings every managed node to where it should be, and keeps what was asked till it is there.

    All methods belong to the event loop's thread. `catalog()` gives the current one. `ailing(node)`: what
    of a node is known not to work; empty when nothing is.
    """

    def __init__(
        self,
        store: Store,
        catalog: Callable[[], Catalog],
        answers: Answers,
        nodes: Nodes,
        wants: Wants,
        *,
        ailing: Callable[[str], str] = lambda _: "",
        policy: PushPolicy | None = None,
        delays: Backoff = backoff,
    ) -> None:
        self.policy = policy or PushPolicy()
        self._store = store
        self._catalog = catalog
        self._answers = answers
        self._nodes = nodes
        self._suspensions = Suspensions(store, catalog)
        self.caching: Signal[tuple[str, bool]] = Signal("caching")
        """Tells whenever `may_cache` of a node changes, and to what."""
        self._watch = Watch()
        self._since_boot = SinceBoot()
        self.prover = Prover(
            nodes, answers, self.policy.probe_timeout, lambda node: self._statuses.changed((node,))
        )
        self._runner = Runner(
            nodes,
            answers,
            wants,
            self._watch,
            self.prover,
            since_boot=self._since_boot,
            opening=self.opening,
            policy=self.policy,
            backoff=delays,
        )
        self._dispatcher = Dispatcher(store, self._runner, self.may_cache, self.policy)
        self._dispatcher.ended.listen(self._ended)
        self._enqueueing: Batch[_Asked] = Batch(self._write)
        self._cores: dict[str, str | None] = {}
        self._up: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = False
        self._idle = Idle(nodes, self._up_and_ours, self._run_idle, self.policy)
        self._homecoming = Homecoming(
            nodes,
            answers,
            there=lambda node: self._started and self._up_and_ours(node),
            done=self._arrived,
            gone=lambda node: self.caching.tell((node, False)),
            delays=lambda: delays(self.policy.backoff_min, self.policy.backoff_max, self.policy.jitter),
        )
        self._statuses = Statuses(
            store, catalog, nodes, self.prover.last, self.suspended, self.obstacle, self.hindrance, ailing
        )

    @property
    def ended(self) -> Signal[Ended]:
        """Tells of every push that ended or went back to the queue, once it is written."""
        return self._dispatcher.ended

    async def start(self) -> None:
        """Take up the queue; nodes whose link is up already are looked at now."""
        kept = await self._store.read(queue.states)
        self._cores = {name: state.core_uuid for name, state in kept.items()}
        await self._suspensions.load()
        for name, state in kept.items():
            self._idle.learn(name, Applied.from_json(state.applied))
        await self._dispatcher.start()
        self._statuses.start()
        self._started = True
        for node in list(self._up):
            self._homecoming.look(node)
        self._idle.start()

    async def stop(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109  # the bound is the promise
        """Begin nothing more; pushes under way finish, or go back to the queue after the time given."""
        self._started = False
        await self._idle.stop()
        await self._homecoming.stop()
        await self._dispatcher.stop(timeout)
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.prover.stop()
        await self._enqueueing.drain()
        await self._statuses.stop()

    # --- what comes in -------------------------------------------------------------------------

    def committed(self, revision: Revision, catalog: Catalog) -> None:
        """A revision was committed, with its pushes (a listener of the desired state)."""
        if self._started:
            self._dispatcher.notify(revision.nodes)
            self.changed(revision.nodes)
            for change in revision.changes:
                if change.key.noun is not Noun.NODE:
                    continue
                if change.after is None:
                    self._suspensions.forget(change.key.name)
                    self.prover.forget(change.key.name)
                if change.key.name in self._up:
                    self._look(change.key.name)
                # Its change windows may be others now.
                self._dispatcher.wake(change.key.name)

    def on_event(self, event: NodeEvent) -> None:
        """An event of a node."""
        self._watch.saw(event)
        node, mark = event.node, self._answers.ledger.mark()
        self._since_boot.heard(node, mark)
        if event.subclass != "sofia::profile_start" or not self._managed(node):
            return
        profile = event.headers.get("profile_name", "")
        # One that is not wanted is none of ours: nothing is done about it.
        if profile in self._catalog().view(node).profiles and profile not in self._runner.starting(node):
            # Somebody restarted it: what waited for that may be in force now.
            self._since_boot.profile(node, profile, mark)
            touches = Touches(profiles=frozenset({profile}))
            self._soon({node: touches}, f"profile {profile} was started")

    def on_link(self, link: Link) -> None:
        """A node's link changed."""
        self.changed((link.node,))
        if link.state is LinkState.UP:
            if link.node not in self._up:
                self._up.add(link.node)
                self._homecoming.look(link.node)
        elif link.node in self._up:
            self._up.discard(link.node)
            self._homecoming.gone(link.node)
            self._since_boot.down(link.node, self._answers.ledger.mark())

    # --- what is asked for ---------------------------------------------------------------------

    async def enqueue(
        self, touched: Mapping[str, Touches], reason: str, *, patient: datetime | None = None
    ) -> None:
        """Have these nodes pushed to; returns once it is in the queue. Raises StoreError.

        `patient`: a push that failed and waits for its next try is not tried sooner for it, and what
        stalled after that moment not at all.
        """
        if touched:
            await self._enqueueing.add(_Asked(touched, reason, patient))
            self._dispatcher.notify(touched, patient=patient is not None)
            self.changed(touched)

    async def let(self, node: str, whats: Collection[str] = ()) -> Collection[str]:
        """Let through what is held on the node for its calls' sake: these, or all; gives which that is.

        Returns once it is in the queue. Raises StoreError.
        """
        kept = await self._store.read(lambda session: queue.states(session, [node]))
        applied = Applied.from_json(kept[node].applied) if node in kept else Applied()
        held = {what for what, each in applied.held.items() if each.wait.can_be_let}
        let = held.intersection(whats) if whats else held
        if let:
            touches = replace(touching(let, self._documents(node, applied)), let=frozenset(let))
            await self.enqueue({node: touches}, f"let through: {', '.join(sorted(let))}")
        return let

    async def plan_for(self, node: str, touches: Touches = EVERYTHING) -> Plan:
        """What would be done to bring the node, or these of its parts, to where they should be; only asks it.

        Raises UnknownNode, an EventSocketError, an ObservedError or a StoreError.
        """
        kept = await self._store.read(lambda session: queue.states(session, [node]))
        state = kept.get(node, NodeState(node))
        return await self._runner.plan(node, touches, state)

    async def prove(self, node: str) -> None:
        """Have the node show that it can fetch from us; raises NotAnswering or an EventSocketError."""
        await self.prover(node)

    def may_cache(self, node: str) -> bool:
        """Whether what the node keeps of users could be flushed now, and is none from before its link."""
        return node in self._homecoming

    def busy(self, node: str) -> bool:
        """Whether a push to the node is under way."""
        return self._dispatcher.busy(node)

    def notify(self, nodes: Collection[str]) -> None:
        """Pushes for these nodes were put into the queue."""
        self._dispatcher.notify(nodes)

    def serial(self, node: str) -> AbstractAsyncContextManager[None]:
        """Have the node for oneself, between its pushes."""
        return self._dispatcher.serial(node)

    async def suspend(self, scopes: Collection[Scope], reason: str, actor: str) -> None:
        """Send the nodes of these scopes nothing more; a push under way there ends. Raises StoreError."""
        await self._suspensions.add(scopes, reason, actor)
        self._look_at(scopes)

    async def resume(self, scopes: Collection[Scope]) -> list[Scope]:
        """Lift these suspensions; gives those that stood. Raises StoreError."""
        lifted = await self._suspensions.lift(scopes)
        self._look_at(lifted)
        return lifted

    @property
    def suspensions(self) -> Suspensions:
        """Which nodes are sent nothing; changed by `suspend` and `resume` alone."""
        return self._suspensions

    def suspended(self, node: str) -> Suspension | None:
        """Why the node is sent nothing at all, None when it is not suspended."""
        return self._suspensions.of(node)

    def opening(self, node: str) -> datetime | None:
        """When the node's change window opens; None: it is open, or the node has none."""
        row = self._catalog().node(node)
        own = tuple(map(windows.parse, row.value.change_windows)) if row is not None else ()
        return windows.opening(own or self.policy.change_windows, datetime.now(UTC))

    def hindrance(self, node: str) -> str:
        """Why only what makes the node forget users goes to it now, or not even that; empty when all does."""
        opens = self.opening(node)
        return self.obstacle(node) or (f"its change window opens {opens:%Y-%m-%d %H:%M} UTC" if opens else "")

    async def let_through(self, push: int, node: str) -> bool:
        """Have a waiting push of the node go out now, window or not; whether it waited. Raises StoreError."""
        waited = await self._store.write(lambda session: queue.let_through(session, push))
        self._dispatcher.wake(node)
        return waited

    def obstacle(self, node: str) -> str:
        """Why no push to the node begins now, though it is connected; empty when one may."""
        suspension = self.suspended(node)
        return str(suspension) if suspension is not None else self._homecoming.failure(node)

    async def status(self, node: str) -> NodeStatus:
        """How a node is doing. Raises UnknownNode or StoreError."""
        found = await self.statuses()
        if node not in found:
            raise UnknownNode(f"there is no node {node}")
        return found[node]

    async def statuses(self) -> dict[str, NodeStatus]:
        """How every node is doing, by name."""
        return await self._statuses.all()

    def changed(self, nodes: Iterable[str]) -> None:
        """Something may be otherwise with these nodes: it is written down since when."""
        self._statuses.changed(nodes)

    # --- inside --------------------------------------------------------------------------------

    def _look_at(self, scopes: Collection[Scope]) -> None:
        for scope in scopes:
            covered = self._suspensions.covered(scope)
            self.changed(covered)
            for node in covered:
                if node in self._up:
                    self._look(node)

    def _look(self, node: str) -> None:
        """A node that is up may have become ours to command, or be it no more.

        One that is commanded no more cannot be flushed either: it is as if it were away, so that it is
        not told to keep users, and forgets those that it has before it is sent anything again.
        """
        if self._commanded(node):
            self._homecoming.look(node)
        else:
            self._homecoming.gone(node)

    def _up_and_ours(self, node: str) -> bool:
        link = self._nodes.link(node)
        return link is not None and link.state is LinkState.UP and self._commanded(node)

    def _commanded(self, node: str) -> bool:
        return self._managed(node) and self.suspended(node) is None

    def _managed(self, node: str) -> bool:
        row = self._catalog().nodes.get(Key(Noun.NODE, node))
        return row is not None and row.value.mode is NodeMode.MANAGED

    def _arrived(self, node: str) -> None:
        """The link came up. A node that was restarted is compared; another goes on with what waits."""
        self.caching.tell((node, True))
        if not self._started:
            return
        link = self._nodes.link(node)
        if link is None or not self._managed(node):
            return
        known = self._cores.get(node)
        if link.core_uuid != known:
            reason = "the node was restarted" if known is not None else "the node is here for the first time"
            self._soon({node: EVERYTHING}, reason)
        self._dispatcher.wake(node)

    def _documents(self, node: str, applied: Applied) -> Collection[str]:
        """Names of those that the node is told, or was."""
        return self._catalog().view(node).documents.keys() | applied.documents.keys()

    async def _run_idle(self, node: str, whats: Collection[str], applied: Applied) -> None:
        touches = touching(whats, self._documents(node, applied))
        await self._try_enqueue({node: touches}, f"no call stands in the way: {', '.join(sorted(whats))}")

    def _ended(self, ended: Ended) -> None:
        self.changed((ended.node,))
        if ended.core_uuid is not None:
            self._cores[ended.node] = ended.core_uuid
        if ended.applied is not None:
            self._idle.learn(ended.node, Applied.from_json(ended.applied))

    def _soon(self, touched: Mapping[str, Touches], reason: str) -> None:
        """Enqueue from a callback."""
        if not self._started:
            return
        task = asyncio.create_task(self._try_enqueue(touched, reason), name="enqueueing")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _try_enqueue(self, touched: Mapping[str, Touches], reason: str) -> None:
        try:
            await self.enqueue(touched, reason)
        except StoreError:
            # The next comparison of the node finds what this would have found.
            log.exception("%s: a push cannot be enqueued", ", ".join(touched))

    async def _write(self, many: Sequence["_Asked"]) -> None:
        revision = self._catalog().revision

        def work(session: Session) -> None:
            now = datetime.now(UTC)
            # One that is no more would wait for ever.
            there = set(session.execute(select(_NODES.c.name)).scalars())
            for asked in many:
                touched = {node: touches for node, touches in asked.touched.items() if node in there}
                queue.enqueue(session, revision, touched, now, asked.reason, patient=asked.patient)

        await self._store.write(work)


@dataclass(frozen=True, slots=True)
class _Asked:
    touched: Mapping[str, Touches]
    reason: str
    patient: datetime | None = None

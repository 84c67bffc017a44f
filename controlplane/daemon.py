"""The middle floor assembled: what there is, what starts when, and how it stops.

Start: the database (locked, for one daemon commands its nodes, then brought up to date), the
desired state, the answers made of it, then what pushes, the links to the nodes that set it
going, and last the jobs. Stop is the other way around.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from functools import partial

from controlplane import configured, strategy
from controlplane.answers.answers import Answers
from controlplane.auditing import audit
from controlplane.desired import reader
from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import Author, ChangeSet
from controlplane.desired.state import Desired
from controlplane.desired.values import SecretRef
from controlplane.elsewhere import Elsewhere
from controlplane.holding import Holding
from controlplane.jobs import Jobs, job_of
from controlplane.observed.live import Live
from controlplane.observed.refusals import Refusals
from controlplane.operators import Operators
from controlplane.placing import Placing
from controlplane.push import Enqueues, Pusher, Rollouts, Wants
from controlplane.reconcile import Reconciler
from controlplane.settings import Settings
from controlplane.store import DatabaseRefused, Store, Vault, ping, upgrade
from esl.errors import EventSocketError
from esl.fleet import Fleet
from esl.link import Link, LinkState, NodeEvent

log = logging.getLogger(__name__)


class Daemon:
    """One control plane. Its parts stand as attributes from `start` on.

    `elsewhere`: the process that answers lookups, when this one does not.
    """

    store: Store
    vault: Vault
    operators: Operators
    desired: Desired
    answers: Answers
    fleet: Fleet
    pusher: Pusher
    rollouts: Rollouts
    reconciler: Reconciler
    jobs: Jobs

    def __init__(self, settings: Settings, elsewhere: Elsewhere | None = None) -> None:
        self.settings = settings
        self._elsewhere = elsewhere
        self.started = False
        self.refusals = Refusals()
        self.live = Live()
        self._looks: set[asyncio.Task[None]] = set()
        self._placing: Placing | None = None
        self._stopping = AsyncExitStack()

    async def start(self) -> None:
        """Start everything, or nothing; raises StoreError when the database or key cannot be used."""
        async with AsyncExitStack() as undo:
            await self._open(undo)
            await self._assemble(undo)
            if self._elsewhere is not None:
                await self._elsewhere.start()
            await self.pusher.start()
            undo.push_async_callback(self.pusher.stop, 0.0)
            self.reconciler.start()
            undo.push_async_callback(self.reconciler.stop)
            await self.fleet.start()
            undo.push_async_callback(self.fleet.stop, 2.0)
            holding = Holding(self.fleet, self.opened)
            self.desired.listen(lambda _, catalog: holding.look(catalog))
            holding.look(self.desired.catalog)
            holding.start()
            undo.push_async_callback(holding.stop)
            self.rollouts.start()
            undo.push_async_callback(self.rollouts.stop)
            if self._placing is not None:
                self._placing.start()
                undo.push_async_callback(self._placing.stop)
            await self.jobs.start()
            undo.push_async_callback(self.jobs.stop, 0.0)
            self._stopping = undo.pop_all()
        self.started = True

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109 - the bound is the promise
        """Begin no more pushes and jobs; what is under way ends, or is broken off after the time given.

        A push broken off goes back to the queue. Nodes must still be answered meanwhile: one
        that runs our command asks us before it replies.
        """
        await self.reconciler.stop()
        await self.rollouts.stop()
        if self._placing is not None:
            await self._placing.stop()
        await asyncio.gather(self.jobs.stop(timeout), self.pusher.stop(timeout))

    async def stop(self) -> None:
        """Let go of the nodes and close the database."""
        self.started = False
        await self._stopping.aclose()

    async def ping(self) -> None:
        """Ask the database something; raises StoreError."""
        await self.store.read(ping)

    async def opened(self, refs: Collection[SecretRef]) -> Mapping[SecretRef, str]:
        """Open sealed secrets; raises StoreError."""
        return await self.store.read(lambda session: reader.secrets(session, self.vault, refs))

    async def _open(self, undo: AsyncExitStack) -> None:
        settings, url = self.settings, self.settings.database_url
        try:
            settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseRefused(f"the data folder cannot be made: {error}") from error
        self.vault = await asyncio.to_thread(Vault.load, settings.key_path)
        self.store = await asyncio.to_thread(partial(Store.open, url, data_dir=settings.data_dir))
        undo.push_async_callback(asyncio.to_thread, self.store.close)
        # Before the schema is touched: the daemon that holds it would not know the new one.
        await asyncio.to_thread(self.store.hold_daemon_lock)
        copied = await asyncio.to_thread(partial(upgrade, url, data_dir=settings.data_dir))
        if copied is not None:
            log.info("the database was brought up to date; what it was is kept in %s", copied)

    async def _assemble(self, undo: AsyncExitStack) -> None:
        settings, store, vault, elsewhere = self.settings, self.store, self.vault, self._elsewhere
        self.operators = Operators(store, vault)
        undo.push_async_callback(self.operators.stop)
        self.fleet = Fleet(
            on_event=self._on_event,
            on_link=self._on_link,
            policy=configured.link_policy(settings.event_socket),
        )
        self.desired = await asyncio.to_thread(
            Desired.open,
            store,
            vault,
            Enqueues(
                self._own_address,
                strategy.parse(settings.rollout.strategy),
                roll_back=settings.rollout.on_failure == "roll-back",
                drop_registrations=settings.push.drop_registrations,
            ),
            configured.allowed(settings.documents),
        )
        self.answers = Answers(
            store,
            vault,
            self._may_cache,
            cache_bytes=settings.lookups.cache_bytes,
            cacheable_max=settings.lookups.cacheable_max,
            ledger=elsewhere.ledger if elsewhere is not None else None,
            under_way=elsewhere.under_way if elsewhere is not None else None,
        )
        self.answers.start(self.desired.catalog)
        wants = Wants(self._catalog, self.answers, store, vault)
        self.pusher = Pusher(
            store,
            self._catalog,
            elsewhere or self.answers,
            self.fleet,
            wants,
            ailing=lambda node: self.live.of(node).ailing(),
            policy=configured.push_policy(settings.push, settings.probe),
        )
        self.rollouts = Rollouts(
            store,
            self._catalog,
            self.fleet,
            self.pusher,
            self.desired.undo,
            configured.rollout_policy(settings.rollout),
        )
        self.reconciler = Reconciler(
            store,
            self._catalog,
            self.fleet,
            wants,
            self.pusher,
            configured.reconcile_policy(settings.reconcile),
        )
        self.jobs = Jobs(store, configured.jobs(settings, store, self.reconciler, self._prove_all))
        self.reconciler.asleep = lambda subject: self.jobs.paused(job_of(subject))
        # In this order: what a node is told is up to date before it is commanded to ask.
        self.desired.listen(self.answers.changed)
        if elsewhere is not None:
            self.desired.listen(elsewhere.changed)
            self.desired.settle(elsewhere.settled)
            self.pusher.caching.listen(lambda news: elsewhere.may_cache(*news))
        self.desired.listen(self.pusher.committed)
        self.desired.listen(lambda _, __: self.rollouts.wake())
        if settings.placing.move_after:
            self._placing = Placing(
                self._catalog,
                self.fleet,
                self._move,
                there=self.pusher.may_cache,
                resting=lambda node: self.pusher.suspended(node) is not None,
                after=settings.placing.move_after,
            )
            self.desired.listen(lambda _, __: self._woken())

    @property
    def catalog(self) -> Catalog:
        """The desired state."""
        return self.desired.catalog

    def _catalog(self) -> Catalog:
        return self.desired.catalog

    async def _move(self, changeset: ChangeSet, author: Author) -> None:
        """Commit moves of gateways that nobody asked for, written down like those that somebody does."""
        for item in changeset.items:
            await audit(self.store, author, "gateway.move", str(item.key))
        await self.desired.commit(changeset, author)

    def _woken(self) -> None:
        """A node came or went, or the desired state changed."""
        if self._placing is not None:
            self._placing.wake()

    def _may_cache(self, node: str) -> bool:
        """Asked only once everything is assembled."""
        return self.pusher.may_cache(node)

    async def _prove_all(self) -> Mapping[str, int]:
        return await self.pusher.prover.each(row.value.name for row in self._catalog().nodes.values())

    def _own_address(self, node: str) -> str | None:
        link = self.fleet.link(node)
        return link.own_address if link is not None else None

    def _on_link(self, link: Link) -> None:
        reason = f" ({link.reason})" if link.reason else ""
        log.info("node %s is %s%s", link.node, link.state, reason, extra={"node": link.node})
        self.live.gone(link.node)
        self.pusher.on_link(link)
        self._woken()
        self.reconciler.on_link(link)
        if link.state is LinkState.UP:
            self.pusher.prover.look(link.node)
            self._look_soon(link.node)

    def _on_event(self, event: NodeEvent) -> None:
        if self.live.heard(event):
            self._look_soon(event.node)
        self.pusher.on_event(event)
        self.reconciler.on_event(event)

    def _look_soon(self, node: str) -> None:
        look = asyncio.create_task(self._look(node), name=f"look at {node}")
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)

    async def _look(self, node: str) -> None:
        try:
            await self.live.look(self.fleet, node)
        except EventSocketError as error:
            log.info("node %s was not asked what it runs: %s", node, error, extra={"node": node})

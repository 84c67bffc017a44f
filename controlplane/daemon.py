"""The middle floor assembled: what there is, what starts when, and how it stops.

Start: the database (locked, for one daemon commands its nodes, then brought up to date), the
desired state, the answers made of it, then what pushes and reconciles, and last the links
to the nodes, which set it going. Stop is the other way around.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

from sqlalchemy import text
from sqlalchemy.orm import Session

from controlplane.answers.answers import Answers
from controlplane.desired import reader
from controlplane.desired.state import Desired
from controlplane.desired.values import NodeMode, SecretRef
from controlplane.holding import Holding
from controlplane.operators import Operators
from controlplane.push.dispatcher import Dispatcher
from controlplane.push.enqueue import Enqueues
from controlplane.push.policy import PushPolicy
from controlplane.push.runner import Runner, SinceBoot
from controlplane.push.wanted import Wants
from controlplane.push.watch import Watch
from controlplane.settings import EventSocket, Push, Settings
from controlplane.store import DatabaseRefused, Store, Vault, upgrade
from esl.fleet import Fleet
from esl.link import Link, LinkPolicy, LinkState, NodeEvent, backoff

log = logging.getLogger(__name__)


class Daemon:
    """One control plane. Its parts stand as attributes from `start` on."""

    store: Store
    vault: Vault
    operators: Operators
    desired: Desired
    answers: Answers
    fleet: Fleet
    runner: Runner
    dispatcher: Dispatcher

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started = False
        self._watch = Watch()
        self._since_boot = SinceBoot()
        self._stopping = AsyncExitStack()

    async def start(self) -> None:
        """Start everything, or nothing; raises StoreError when the database or key cannot be used."""
        async with AsyncExitStack() as undo:
            await self._open(undo)
            await self._know()
            await self._push(undo)
            await self._link(undo)
            self._stopping = undo.pop_all()
        self.started = True

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109 - the bound is the promise
        """Begin no more pushes; those under way end, or go back to the queue after the time given.

        Nodes must still be answered meanwhile: one that runs our command asks us before it replies.
        """
        await self.dispatcher.stop(timeout)

    async def stop(self) -> None:
        """Let go of the nodes and close the database."""
        self.started = False
        await self._stopping.aclose()

    async def ping(self) -> None:
        """Ask the database something; raises StoreError."""
        await self.store.read(_ping)

    async def opened(self, refs: set[SecretRef]) -> Mapping[SecretRef, str]:
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
        self.operators = Operators(self.store, self.vault)

    async def _know(self) -> None:
        self.fleet = Fleet(
            on_event=self._on_event, on_link=self._on_link, policy=link_policy(self.settings.event_socket)
        )
        enqueues = Enqueues(self._own_address)
        self.desired = await asyncio.to_thread(Desired.open, self.store, self.vault, enqueues)
        cache_bytes = self.settings.lookups.cache_bytes
        self.answers = Answers(self.store, self.vault, self._linked, cache_bytes=cache_bytes)
        self.answers.start(self.desired.catalog)
        self.desired.listen(self.answers.changed)

    async def _push(self, undo: AsyncExitStack) -> None:
        policy = push_policy(self.settings.push)
        wants = Wants(lambda: self.desired.catalog, self.answers, self.store, self.vault)
        self.runner = Runner(
            self.fleet,
            self.answers,
            wants,
            self._watch,
            since_boot=self._since_boot,
            policy=policy,
            backoff=backoff,
        )
        self.dispatcher = Dispatcher(self.store, self.runner, self._pushable, policy)
        await self.dispatcher.start()
        undo.push_async_callback(self.dispatcher.stop, 0.0)
        self.desired.listen(lambda revision, _: self.dispatcher.notify(revision.nodes))

    async def _link(self, undo: AsyncExitStack) -> None:
        await self.fleet.start()
        undo.push_async_callback(self.fleet.stop, 2.0)
        holding = Holding(self.fleet, self.opened)
        self.desired.listen(lambda _, catalog: holding.look(catalog))
        holding.look(self.desired.catalog)
        holding.start()
        undo.push_async_callback(holding.stop)

    def _linked(self, node: str) -> bool:
        link = self.fleet.link(node)
        return link is not None and link.state is LinkState.UP

    def _own_address(self, node: str) -> str | None:
        link = self.fleet.link(node)
        return link.own_address if link is not None else None

    def _pushable(self, node: str) -> bool:
        row = self.desired.catalog.node(node)
        return row is not None and row.value.mode is NodeMode.MANAGED and self._linked(node)

    def _on_link(self, link: Link) -> None:
        log.info("node %s: %s%s", link.node, link.state, f" ({link.reason})" if link.reason else "")
        if link.state is LinkState.DOWN:
            self._since_boot.down(link.node, self.answers.ledger.mark())
        self.dispatcher.wake(link.node)

    def _on_event(self, event: NodeEvent) -> None:
        self._watch.saw(event)


def link_policy(configured: EventSocket) -> LinkPolicy:
    """Say how links are kept, as configured."""
    return LinkPolicy(
        connect_timeout=configured.connect_timeout,
        command_timeout=configured.command_timeout,
        idle_timeout=configured.idle_timeout,
        backoff_min=configured.backoff_min,
        backoff_max=configured.backoff_max,
        connects_at_once=configured.connect_rate,
    )


def push_policy(configured: Push) -> PushPolicy:
    """Say how pushes are timed, as configured."""
    return PushPolicy(
        debounce=configured.debounce,
        debounce_most=configured.debounce_max,
        at_once=configured.parallel,
        attempts=configured.attempts,
        backoff_min=configured.retry_min,
        backoff_max=configured.retry_max,
        deadline=configured.deadline,
    )


def _ping(session: Session) -> None:
    session.execute(text("SELECT 1"))

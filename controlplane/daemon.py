"""The middle floor assembled: what there is, what starts when, and how it stops.

Start: the database (locked, for one daemon commands its nodes, then brought up to date), the
desired state, the answers made of it, the links to the nodes, and last what uses them to
push and to reconcile. Stop is the other way around.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from functools import partial

from sqlalchemy import text
from sqlalchemy.orm import Session

from controlplane.answers.answers import Answers
from controlplane.desired import reader
from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import Changed
from controlplane.desired.state import Desired
from controlplane.desired.values import SecretRef
from controlplane.holding import Holding
from controlplane.operators import Operators
from controlplane.settings import Settings
from controlplane.store import DatabaseRefused, Store, Vault, upgrade
from esl.fleet import Fleet
from esl.link import Link, LinkPolicy, LinkState, NodeEvent

log = logging.getLogger(__name__)


class Daemon:
    """One control plane. Its parts stand as attributes from `start` on."""

    store: Store
    vault: Vault
    operators: Operators
    desired: Desired
    answers: Answers
    fleet: Fleet

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started = False
        self._stopping = AsyncExitStack()

    async def start(self) -> None:
        """Start everything, or nothing; raises StoreError when the database or key cannot be used."""
        async with AsyncExitStack() as undo:
            await self._open(undo)
            await self._know()
            await self._link(undo)
            self._stopping = undo.pop_all()
        self.started = True

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109 - the bound is the promise
        """Begin no more pushes; those under way end, or go back to the queue after the time given."""

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

    async def _know(self) -> None:
        self.operators = Operators(self.store, self.vault)
        self.desired = await asyncio.to_thread(Desired.open, self.store, self.vault, _nothing)
        self.answers = Answers(
            self.store, self.vault, self._linked, cache_bytes=self.settings.lookups.cache_bytes
        )
        self.answers.start(self.desired.catalog)
        self.desired.listen(self.answers.changed)

    async def _link(self, undo: AsyncExitStack) -> None:
        configured = self.settings.event_socket
        policy = LinkPolicy(
            connect_timeout=configured.connect_timeout,
            command_timeout=configured.command_timeout,
            idle_timeout=configured.idle_timeout,
            backoff_min=configured.backoff_min,
            backoff_max=configured.backoff_max,
            connects_at_once=configured.connect_rate,
        )
        self.fleet = Fleet(on_event=self._on_event, on_link=self._on_link, policy=policy)
        await self.fleet.start()
        undo.push_async_callback(self.fleet.stop, 2.0)
        holding = Holding(self.fleet, self.opened)
        holding.start()
        undo.push_async_callback(holding.stop)
        holding.look(self.desired.catalog)
        self.desired.listen(lambda _, catalog: holding.look(catalog))

    def _linked(self, node: str) -> bool:
        link = self.fleet.link(node)
        return link is not None and link.state is LinkState.UP

    def _on_link(self, link: Link) -> None:
        log.info("node %s: %s%s", link.node, link.state, f" ({link.reason})" if link.reason else "")

    def _on_event(self, event: NodeEvent) -> None:
        pass


def _nothing(
    session: Session, revision: int, changes: Collection[Changed], before: Catalog, after: Catalog
) -> Collection[str]:
    return ()


def _ping(session: Session) -> None:
    session.execute(text("SELECT 1"))

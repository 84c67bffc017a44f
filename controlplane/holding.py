"""Keeps the fleet holding exactly the nodes that the desired state names.

Levels, not edges: `look` says only that something may have changed. One task then compares
what is held with what should be, so that two quick changes to a node cannot take effect in
the wrong order, and a database that is away for a while only delays it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from controlplane.desired.catalog import Catalog
from controlplane.desired.values import Node, SecretRef, Text
from controlplane.store.errors import StoreError
from esl.errors import CommandRejected
from esl.link import NodeAddress

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0

OpenSecrets: TypeAlias = Callable[[set[SecretRef]], Awaitable[Mapping[SecretRef, str]]]
"""Gives the clear text of each; raises StoreError."""


class Holds(Protocol):
    """The part of the fleet that is used here."""

    async def hold(self, address: NodeAddress) -> None:
        """Connect to a node and stay connected, at this address from now on."""

    async def release(self, node: str) -> None:
        """Let go of a node."""


@dataclass(frozen=True, slots=True)
class _Door:
    """How a node is reached; equal ones need no new connection."""

    host: str
    port: int
    user: str | None
    password: Text


class Holding:
    """Owns the task that follows the catalog's nodes with the fleet."""

    def __init__(self, fleet: Holds, open_secrets: OpenSecrets, *, retry: float = RETRY_SECONDS) -> None:
        self._fleet = fleet
        self._retry = retry
        self._open = open_secrets
        self._wanted: dict[str, _Door] = {}
        self._held: dict[str, _Door] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._follow(), name="holding nodes")

    def look(self, catalog: Catalog) -> None:
        """Hold the nodes of this catalog from now on; returns at once."""
        wanted = {row.value.name: _door(row.value) for row in catalog.nodes.values()}
        if wanted != self._wanted:
            self._wanted = wanted
            self._changed.set()

    async def stop(self) -> None:
        """Stop following; links are the fleet's, and are closed with it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._adjust(dict(self._wanted))
                continue
            except StoreError as error:
                log.warning("nodes' passwords cannot be opened, trying again: %s", error)
            except Exception:
                # Whatever it was: the nodes must not be left to themselves for it.
                log.exception("nodes cannot be held as they should be, trying again")
            await asyncio.sleep(self._retry)
            self._changed.set()

    async def _adjust(self, wanted: Mapping[str, _Door]) -> None:
        for name in self._held.keys() - wanted.keys():
            await self._fleet.release(name)
            del self._held[name]
        new = {name: door for name, door in wanted.items() if self._held.get(name) != door}
        refs = {door.password for door in new.values() if isinstance(door.password, SecretRef)}
        opened = await self._open(refs) if refs else {}
        for name, door in new.items():
            password = opened[door.password] if isinstance(door.password, SecretRef) else door.password
            try:
                await self._fleet.hold(NodeAddress(name, door.host, door.port, password, door.user))
            except CommandRejected as error:
                log.error("node %s cannot be connected to: %s", name, error)
            self._held[name] = door


def _door(node: Node) -> _Door:
    return _Door(node.host, node.port, node.event_socket_user, node.event_socket_password)

"""Gateways that stand on one node: another of its group takes them over when it stays away, if that is set.

They go back by an operator's word alone: a node that comes and goes must not take its gateways along.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from controlplane.desired import codec
from controlplane.desired.catalog import Catalog, rank
from controlplane.desired.errors import DesiredError
from controlplane.desired.revisions import Author, ChangeSet, Put
from controlplane.desired.values import Gateway, Key, Node, NodeMode, Noun, Stored
from controlplane.store.errors import StoreError
from esl.link import Link, LinkState

log = logging.getLogger(__name__)

LOOK = 5.0
"""Seconds between two looks while a node is away whose gateways find no place, or not yet."""


class Links(Protocol):
    """The part of the fleet that is used here."""

    def link(self, node: str) -> Link | None:
        """The link as last told; None when the node is not held."""


def moved(row: Stored[Gateway], to: str) -> Put:
    """Write a gateway as it stands, but on another node; nobody else must write it meanwhile."""
    spec = codec.fields_to_json(replace(row.value, placed_on=to))
    return Put(row.value.key, spec, row.version, create=False)


def successor(catalog: Catalog, gateway: Gateway, there: Callable[[str], bool]) -> str | None:
    """The node to take a placed gateway over: of a group of its node's, in its scope, with its profile.

    Of several the one on which the fewest gateways are placed. `there(node)`: whether it can be commanded.
    None: there is none.
    """
    old = catalog.node(gateway.placed_on) if gateway.placed_on is not None else None
    if old is None:
        return None
    placed = [row.value.placed_on for row in catalog.gateways.values()]
    found = [
        (placed.count(node.name), node.name)
        for node in (row.value for row in catalog.nodes.values())
        if node.name != gateway.placed_on
        and set(node.groups) & set(old.value.groups)
        and _fits(catalog, gateway, node)
        and there(node.name)
    ]
    return min(found)[1] if found else None


def _fits(catalog: Catalog, gateway: Gateway, node: Node) -> bool:
    return (
        node.mode is NodeMode.MANAGED
        and rank(node, gateway.scope) is not None
        and catalog.told(node, Noun.PROFILE, gateway.profile) is not None
        # One of that name that stands there already would be in its way.
        and catalog.told(node, Noun.GATEWAY, gateway.name) is None
    )


class Placing:
    """Moves gateways away from nodes that stay away.

    `there(node)`: whether the node can be commanded. `resting(node)`: whether an operator has suspended
    it: what stands there then is his affair. `after`: seconds.
    """

    def __init__(
        self,
        catalog: Callable[[], Catalog],
        links: Links,
        commit: Callable[[ChangeSet, Author], Awaitable[object]],
        *,
        there: Callable[[str], bool],
        resting: Callable[[str], bool],
        after: float,
    ) -> None:
        self._catalog = catalog
        self._links = links
        self._commit = commit
        self._there = there
        self._resting = resting
        self._after = timedelta(seconds=after)
        self._since = datetime.now(UTC)
        self._refused: dict[Key, tuple[int, str]] = {}
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.create_task(self._follow(), name="placing gateways")

    async def stop(self) -> None:
        """Move nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    def wake(self) -> None:
        """A node came or went, or the desired state changed."""
        self._woken.set()

    async def _follow(self) -> None:
        while True:
            self._woken.clear()
            try:
                wait = await self._look()
            except StoreError as error:
                log.warning("gateways cannot be moved, trying again: %s", error)
                wait = LOOK
            try:
                async with asyncio.timeout(wait):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _look(self) -> float | None:
        """Move what is to be moved; gives the seconds till the next look."""
        waits: list[float] = []
        for key in list(self._catalog().gateways):
            # Each move is a revision of its own: one that is refused keeps no other back.
            row = self._catalog().gateways.get(key)
            away = self._away(row.value) if row is not None else None
            if row is None or away is None:
                continue
            due = (away + self._after - datetime.now(UTC)).total_seconds()
            waits.append(max(due, 0.01) if due > 0 else LOOK)
            if due <= 0:
                await self._move(row, away)
        return min(waits, default=None)

    def _away(self, gateway: Gateway) -> datetime | None:
        """Since when the node of a placed gateway is away; None: it is there, or none of our business."""
        node = gateway.placed_on
        row = self._catalog().node(node) if node is not None else None
        if node is None or row is None or row.value.mode is not NodeMode.MANAGED or self._resting(node):
            return None
        link = self._links.link(node)
        if link is None or link.state is LinkState.UP:
            return None
        return max(link.since, self._since)

    async def _move(self, row: Stored[Gateway], away: datetime) -> None:
        gateway = row.value
        to = successor(self._catalog(), gateway, self._there)
        if to is None or self._refused.get(gateway.key) == (row.version, to):
            return
        reason = f"node {gateway.placed_on} is away since {away:%Y-%m-%d %H:%M:%S} UTC"
        try:
            await self._commit(ChangeSet((moved(row, to),)), Author("controlplane", reason=reason))
        except DesiredError as error:
            self._refused[gateway.key] = (row.version, to)
            log.error("gateway %s cannot be moved to %s: %s", gateway.name, to, error)
        else:
            log.warning("gateway %s was moved to %s, for %s", gateway.name, to, reason)

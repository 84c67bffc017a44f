"""How every node is doing, put together; and since when, kept over restarts."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from controlplane.desired.catalog import Catalog
from controlplane.observed import conditions
from controlplane.observed.node_status import (
    NodeStatus,
    OpenPush,
    Progress,
    Proof,
    Suspended,
    Withheld,
    status,
)
from controlplane.push import findings, queue, rollout_rows
from controlplane.push.applied import Applied
from controlplane.push.ports import Nodes
from controlplane.push.queue import NodeState
from controlplane.store import tables
from controlplane.store.engine import Store
from controlplane.store.errors import StoreError

log = logging.getLogger(__name__)

KEEPING = "keeping conditions"
"""The name of the task that writes."""
LINGER = 0.25
"""Seconds for which changes are collected. What a node is for a shorter time is not told of, and since when
something is so is told as of the last of them: late by as much at most, never early."""
RETRY = 2.0

_NODES = tables.table(tables.NodeRow)


class Statuses:
    """Puts statuses together when asked; writes down when a condition changed.

    `proofs(node)`: the last one asked for. `suspended(node)`: None when it is not. `obstacle(node)`: what
    keeps the node's pushes from beginning at all; `hindrance(node)`: that, or its change window;
    `ailing(node)`: what of it is known not to work; all empty when nothing does.
    """

    def __init__(
        self,
        store: Store,
        catalog: Callable[[], Catalog],
        nodes: Nodes,
        proofs: Callable[[str], Proof | None],
        suspended: Callable[[str], Suspended | None],
        obstacle: Callable[[str], str],
        hindrance: Callable[[str], str],
        ailing: Callable[[str], str],
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._nodes = nodes
        self._proofs = proofs
        self._suspended = suspended
        self._obstacle = obstacle
        self._hindrance = hindrance
        self._ailing = ailing
        self._changed: dict[str, datetime] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write down; every node is looked at once."""
        self.changed(row.value.name for row in self._catalog().nodes.values())
        self._task = asyncio.create_task(self._follow(), name=KEEPING)

    async def stop(self) -> None:
        """Write what there is to be written, and no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
            try:
                await self._record()
            except StoreError:
                log.exception("since when nodes are as they are cannot be written")

    def changed(self, nodes: Iterable[str]) -> None:
        """Something may be otherwise with these nodes, as of now."""
        now = datetime.now(UTC)
        for node in nodes:
            self._changed[node] = now
        self._news.set()

    async def all(self) -> dict[str, NodeStatus]:
        """How every node is doing, by name; raises StoreError."""
        look = self._look(None, self._changed)
        return await self._store.read(look)

    async def _follow(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(LINGER)
            self._news.clear()
            try:
                await self._record()
            except StoreError as error:
                log.warning("since when nodes are as they are cannot be written, trying again: %s", error)
                await asyncio.sleep(RETRY)
                self._news.set()

    async def _record(self) -> None:
        taken, self._changed = self._changed, {}
        look = self._look(taken.keys(), taken)
        try:
            # Most of what is told changes nothing, and then nobody waits for the writer.
            learned = await self._store.read(lambda session: _learned(session, look(session)))
            if learned:
                await self._store.write(lambda session: _write(session, learned))
        except BaseException:
            self._changed = taken | self._changed
            raise

    def _look(
        self, names: Collection[str] | None, changed: Mapping[str, datetime]
    ) -> Callable[[Session], dict[str, NodeStatus]]:
        """What is known in this thread is taken now; the rest is read by what is given back. None: of all."""
        catalog, now = self._catalog(), datetime.now(UTC)
        modes = {row.value.name: row.value.mode for row in catalog.nodes.values()}
        if names is not None:
            modes = {name: modes[name] for name in names if name in modes}
        links = {name: self._nodes.link(name) for name in modes}
        proofs = {name: self._proofs(name) for name in modes}
        suspended = {name: self._suspended(name) for name in modes}
        ailing = {name: self._ailing(name) for name in modes}
        obstacles = {name: self._obstacle(name) for name in modes}
        hindrances = {name: self._hindrance(name) for name in modes}
        since = {name: changed.get(name, now) for name in modes}

        def look(session: Session) -> dict[str, NodeStatus]:
            states, drifting = queue.states(session, names), findings.drifting(session, names)
            withheld = rollout_rows.withheld(session)
            pushes: dict[str, list[OpenPush]] = {}
            for push in queue.unfinished(session, names):
                pushes.setdefault(push.node, []).append(_open(push, obstacles.get(push.node, "")))
            found = {}
            for name, mode in modes.items():
                state = states.get(name, NodeState(name))
                found[name] = status(
                    name,
                    mode,
                    links[name],
                    catalog.revision,
                    _progress(state),
                    pushes.get(name, ()),
                    {what: each.reason for what, each in Applied.from_json(state.applied).held.items()},
                    drifting.get(name, []),
                    now=since[name],
                    proof=proofs[name],
                    suspended=suspended[name],
                    ailing=ailing[name],
                    withheld=[_told(each, hindrances[name]) for each in withheld.get(name, ())],
                )
            return found

        return look


def _progress(state: NodeState) -> Progress:
    return Progress(
        state.desired_revision,
        state.attempted_revision,
        state.applied_revision,
        state.observed_at,
        state.answered_at,
        state.round_trip,
        conditions.kept(state.conditions),
        state.core_uuid,
    )


def _open(push: queue.Push, obstacle: str) -> OpenPush:
    reason = obstacle if obstacle and push.state is queue.State.WAITING else push.reason
    return OpenPush(push.id, push.state.value, push.revision, reason, push.attempts, push.not_before)


def _told(withheld: Withheld, hindrance: str) -> Withheld:
    return replace(withheld, reason=f"{withheld.reason}; {hindrance}") if hindrance else withheld


def _learned(session: Session, found: Mapping[str, NodeStatus]) -> dict[str, dict[str, Any]]:
    """What is not written of them yet."""
    states = queue.states(session, found)
    learned = {}
    for name, told in found.items():
        state = states.get(name, NodeState(name))
        values = {
            "conditions": conditions.keep(told.conditions),
            "answered_at": told.answered_at,
            "round_trip": told.round_trip,
        }
        if any(value != getattr(state, column) for column, value in values.items()):
            learned[name] = values
    return learned


def _write(session: Session, learned: Mapping[str, Mapping[str, Any]]) -> None:
    # One that is no more leaves no row behind.
    there = set(session.execute(select(_NODES.c.name)).scalars())
    queue.learn(session, {name: values for name, values in learned.items() if name in there})

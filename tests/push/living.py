"""The middle floor, put together with a real listener and a real fleet, and nodes that follow it.

Unlike the daemon it can be killed: everything that it does ends, and nothing is written or told.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from sqlalchemy.orm import Session

from api.asked import Asked
from api.door import Door
from api.listeners import Listener, bind
from api.metrics import Counts
from api.node_auth import NodeAuth
from api.xml_curl import XmlCurl
from controlplane.answers.answers import Answers
from controlplane.desired import Desired, reader
from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import ChangeSet, Delete, Item, Put, Revision
from controlplane.desired.values import Key, NodeMode, Noun, SecretRef
from controlplane.holding import Holding
from controlplane.observed.node_status import NodeStatus
from controlplane.push import (
    Enqueues,
    Pusher,
    PushPolicy,
    RolloutPolicy,
    Rollouts,
    Wants,
    queue,
    rollout_rows,
)
from controlplane.push.findings import page
from controlplane.push.queue import Ended, Push
from controlplane.push.rollout_rows import Turn
from controlplane.push.statuses import KEEPING
from controlplane.reconcile import Mode, ReconcilePolicy, Reconciler, Subject
from controlplane.store import Store, Vault
from controlplane.strategy import ONE_BY_ONE
from esl.commands import Command
from esl.fleet import Fleet
from esl.link import Link, LinkPolicy, LinkState, NodeEvent
from esl.queries import GatewayVariable
from esl.switch import Switch, SwitchConfig, running
from tests.desired.house import AUTHOR, put

T = TypeVar("T")

POLICY = PushPolicy(
    debounce=0.02,
    debounce_most=0.1,
    attempts=3,
    backoff_min=0.02,
    backoff_max=0.1,
    jitter=0.0,
    deadline=10.0,
    gone_timeout=3.0,
    gone_poll=0.3,
    up_timeout=3.0,
    seen_timeout=2.0,
    probe_timeout=2.0,
    linger=0.0,
    idle_poll=0.05,
)
ROLLING = RolloutPolicy(settle=5.0, deadline=10.0, canary_wait=0.0, look=0.05)
LINKS = LinkPolicy(backoff_min=0.02, backoff_max=0.1, jitter=0.0)
RECONCILING = ReconcilePolicy({Subject.GATEWAYS: Mode.REPAIR, Subject.PROFILES: Mode.REPAIR})

EXTERNAL = put(Noun.PROFILE, "external", params={"sip-port": "5080", "context": "public"})
INTERNAL = put(Noun.PROFILE, "internal", params={"sip-port": "5060", "context": "default"})


def gateway(name: str, password: str = "first", *, register: bool = False, **spec: Any) -> Put:
    params = {"username": name, "password": password, "proxy": "127.0.0.1:5099", "register": str(register)}
    return put(Noun.GATEWAY, name, **{"profile": "external", "params": params, **spec})


async def until(so: Callable[[], object] | Callable[[], Awaitable[object]], within: float = 10.0) -> None:
    """Return once it is so."""
    async with asyncio.timeout(within):
        while True:
            found = so()
            if (await found) if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.005)


class Gate:
    """Lets everything by, until so many have passed: who comes then waits there till it is opened."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.reached = asyncio.Event()
        self._opened = asyncio.Event()

    async def by(self) -> None:
        if self.left == 0:
            self.reached.set()
            await self._opened.wait()
        elif self.left is not None:
            self.left -= 1

    def open(self) -> None:
        self.left = None
        self._opened.set()


class GatedFleet(Fleet):
    """Before and after each crossing to a node stands the gate."""

    gate = Gate()

    async def run(self, node: str, command: Command[T], *, timeout: float | None = None) -> T:  # noqa: ASYNC109
        await self.gate.by()
        outcome = await super().run(node, command, timeout=timeout)
        await self.gate.by()
        return outcome

    async def run_many(
        self,
        node: str,
        commands: Sequence[Command[Any]],
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> list[Any]:
        await self.gate.by()
        outcomes = await super().run_many(node, commands, timeout=timeout)
        await self.gate.by()
        return outcomes


class GatedStore(Store):
    """Before and after each write of a push stands the gate; with an `error` none comes that far."""

    gate = Gate()
    error: Exception | None = None

    async def write(self, work: Callable[[Session], T]) -> T:
        if self.error is not None:
            raise self.error
        task = asyncio.current_task()
        if task is not None and task.get_name() == KEEPING:
            return await super().write(work)  # no part of any push
        await self.gate.by()
        written = await super().write(work)
        await self.gate.by()
        return written


class Middle:
    """One life of a control plane over a database; `port` is where it answers lookups.

    `heeding`: nodes are compared for what they report.
    """

    def __init__(
        self,
        url: str,
        vault: Vault,
        port: int = 0,
        *,
        policy: PushPolicy = POLICY,
        reconciling: ReconcilePolicy = RECONCILING,
        heeding: bool = False,
        rolling: RolloutPolicy = ROLLING,
        roll_back: bool = False,
        drop_registrations: bool = False,
    ) -> None:
        self.url = url
        self.vault = vault
        self.port = port
        self.policy = policy
        self.reconciling = reconciling
        self.drop_registrations = drop_registrations
        self.heeding = heeding
        self.rolling = rolling
        self.roll_back = roll_back
        self.gate = Gate()
        self.ended: list[Ended] = []
        self.links: list[Link] = []
        self._others: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        self._others = asyncio.all_tasks()
        self.store = cast(GatedStore, await asyncio.to_thread(GatedStore.open, self.url))
        self.fleet = GatedFleet(on_event=self._on_event, on_link=self._on_link, policy=LINKS)
        self.store.gate = self.fleet.gate = self.gate
        self.desired = await asyncio.to_thread(
            Desired.open,
            self.store,
            self.vault,
            Enqueues(
                self._own_address,
                ONE_BY_ONE,
                roll_back=self.roll_back,
                drop_registrations=self.drop_registrations,
            ),
        )
        self.answers = Answers(self.store, self.vault, lambda node: self.pusher.may_cache(node))
        self.answers.start(self.desired.catalog)
        wants = Wants(self._catalog, self.answers, self.store, self.vault)
        self.pusher = Pusher(self.store, self._catalog, self.answers, self.fleet, wants, policy=self.policy)
        self.pusher.ended.listen(self.ended.append)
        self.reconciler = Reconciler(
            self.store, self._catalog, self.fleet, wants, self.pusher, self.reconciling
        )
        self.rollouts = Rollouts(
            self.store, self._catalog, self.fleet, self.pusher, self.desired.undo, self.rolling
        )
        self.callers = NodeAuth.over(self.store, self.vault)
        for listener in (self.answers.changed, self.callers.changed, self.pusher.committed):
            self.desired.listen(listener)
        await self.callers.start(self.desired.catalog)
        sockets = bind("127.0.0.1", self.port)
        self.port = sockets[0].getsockname()[1]
        endpoint = XmlCurl(self.answers, Door(self.callers), Asked(lambda _: None, Counts()))
        self._listener = Listener(endpoint, sockets, grace=1)
        self._listening = asyncio.create_task(self._listener.run_until_closed(), name="lookups")
        await self._listener.listening.wait()
        await self.pusher.start()
        if self.heeding:
            self.reconciler.start()
        await self.fleet.start()
        self._holding = Holding(self.fleet, self._opened)
        self.desired.listen(lambda _, catalog: self._holding.look(catalog))
        self._holding.look(self.desired.catalog)
        self._holding.start()
        self.desired.listen(lambda _, __: self.rollouts.wake())
        self.rollouts.start()

    async def stop(self) -> None:
        """In the daemon's order."""
        await self.rollouts.stop()
        await self.reconciler.stop()
        await self.pusher.stop(1.0)
        await self._holding.stop()
        await self.fleet.stop(2.0)
        self._listener.close()
        await self._listening
        await asyncio.to_thread(self.store.close)

    async def kill(self) -> None:
        """As `kill -9` does: nothing more is done, written or sent. What was committed stands."""
        self._listener.close()
        for task in asyncio.all_tasks() - self._others - {self._listening}:
            if task is not asyncio.current_task():
                task.cancel()
        await self.fleet.stop(2.0)
        await self._listening
        await asyncio.to_thread(self.store.close)

    # --- what a test does -----------------------------------------------------------------------

    async def commit(self, *items: Item, rollout: str = "") -> Revision:
        revision = await self.desired.commit(ChangeSet(items), replace(AUTHOR, rollout=rollout))
        assert revision is not None
        return revision

    async def delete(self, noun: Noun, *names: str) -> Revision:
        return await self.commit(*(Delete(Key(noun, name)) for name in names))

    async def settled(self, *nodes: str) -> None:
        """Return once no push of these nodes waits or runs, and they follow the newest revision."""

        async def so() -> bool:
            open_pushes = await self.store.read(queue.unfinished)
            rolling = await self.store.read(rollout_rows.unfinished)
            turns = {turn.node for each in rolling for turn in each.turns if turn.state in _COMING}
            # A push that ended is written a moment before it is told of.
            telling = any(map(self.pusher._dispatcher.busy, nodes))
            waiting = [push for push in open_pushes if push.node in nodes and push.state != "stalled"]
            return not (waiting or telling or turns.intersection(nodes))

        await until(so)

    async def waiting_for(self, node: str, words: str) -> Push:
        """The node's push that waits, once its reason holds these words."""
        found: list[Push] = []

        async def so() -> bool:
            pushes = await self.store.read(queue.waiting)
            found[:] = [push for push in pushes if push.node == node and words in push.reason]
            return bool(found)

        await until(so)
        return found[0]

    async def pushes(self, node: str) -> list[Push]:
        """The newest first."""
        return await self.store.read(lambda session: queue.page(session, node=node))

    def last(self) -> Ended:
        """What became of the last push that ran."""
        return self.ended[-1]

    async def status(self, node: str) -> NodeStatus:
        return await self.pusher.status(node)

    async def findings(self, node: str) -> dict[str, str]:
        """Kind and name of those that stand, and their reasons."""
        found = await self.store.read(lambda session: page(session, node=node))
        return {f"{each.found.kind} {each.found.name}": each.found.reason for each in found}

    async def up(self, *nodes: str) -> None:
        await until(lambda: all(self._linked(node) for node in nodes))

    async def down(self, node: str) -> None:
        await until(lambda: not self._linked(node))

    async def runs(self, node: str, names: Collection[str]) -> bool:
        """Whether the node runs these gateways as they should be, by their fingerprints."""
        marks = await self.answers.fingerprints(node)
        seen = {
            name: await self.fleet.run(node, GatewayVariable(name, "controlplane_fingerprint"))
            for name in names
        }
        return seen == {name: marks.get(name, "none") for name in names}

    # --- inside ---------------------------------------------------------------------------------

    def _catalog(self) -> Catalog:
        return self.desired.catalog

    def _linked(self, node: str) -> bool:
        link = self.fleet.link(node)
        return link is not None and link.state is LinkState.UP

    def _own_address(self, node: str) -> str | None:
        link = self.fleet.link(node)
        return link.own_address if link is not None else None

    async def _opened(self, refs: Collection[SecretRef]) -> Mapping[SecretRef, str]:
        return await self.store.read(lambda session: reader.secrets(session, self.vault, refs))

    def _on_link(self, link: Link) -> None:
        self.links.append(link)
        self.pusher.on_link(link)
        if self.heeding:
            self.reconciler.on_link(link)

    def _on_event(self, event: NodeEvent) -> None:
        self.pusher.on_event(event)
        if self.heeding:
            self.reconciler.on_event(event)


class World:
    """A control plane and its nodes, which outlive it."""

    def __init__(self, url: str, vault: Vault, **how: Any) -> None:
        self.url = url
        self.vault = vault
        self.how = how
        self.middle = Middle(url, vault, **how)
        self.switches: dict[str, Switch] = {}
        self._nodes = contextlib.ExitStack()

    def __getitem__(self, node: str) -> Switch:
        return self.switches[node]

    async def add(self, *names: str, mode: NodeMode = NodeMode.MANAGED, **config: Any) -> None:
        """Declare nodes, and boot them."""
        for name in names:
            spec = {
                "host": "127.0.0.1",
                "port": free_port(),
                "event_socket_password": "ClueCon",
                "lookup_passwords": ["lookup"],
                "mode": mode.value,
            }
            await self.middle.commit(Put(Key(Noun.NODE, name), spec))
            # Its boot would ask as a stranger, and run without the profiles.
            await self.middle.callers.settled()
            switch = SwitchConfig(
                name=name,
                port=spec["port"],  # type: ignore[arg-type]
                xml_curl_url=f"http://127.0.0.1:{self.middle.port}/xml_curl",
                xml_curl_credentials=(name, "lookup"),
            )
            started = running(replace(switch, **config))
            # Its boot asks us, in this loop.
            self.switches[name] = await asyncio.to_thread(self._nodes.enter_context, started)
        await self.middle.up(*names)

    async def api(self, node: str, line: str) -> str:
        """Run a command on the node as somebody with fs_cli does."""
        switch = self.switches[node]
        return await asyncio.to_thread(switch.call, switch.api, line)

    async def reboot(self, node: str) -> None:
        switch = self.switches[node]
        await asyncio.to_thread(switch.call, switch.reboot)

    async def grown_up(self, node: str, profile: str) -> None:
        """Return once the profile may be stopped and restarted: not in its first ten seconds."""
        await until(lambda: self.switches[node].profiles[profile].age() >= 10)

    def commands(self, node: str, *but: str) -> list[str]:
        """The commands that changed something, oldest first."""
        return [line for line in self.switches[node].commands if line.startswith(_CHANGING)]

    async def again(self) -> Middle:
        """A new life of the control plane, at the same place."""
        self.middle = Middle(self.url, self.vault, self.middle.port, **self.how)
        await self.middle.start()
        await self.middle.up(*self.switches)
        return self.middle

    async def close(self) -> None:
        await self.middle.stop()
        await asyncio.to_thread(self._nodes.close)


_COMING = (Turn.WAITING, *rollout_rows.IN_TURN)
_CHANGING = ("sofia profile", "xml_flush_cache", "reload", "load", "callcenter_config")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def world(
    url: str, vault: Vault, items: Iterable[Item] = (EXTERNAL, INTERNAL), **how: Any
) -> AsyncIterator[World]:
    """A control plane that holds these rows, and no nodes yet."""
    made = World(url, vault, **how)
    await made.middle.start()
    try:
        await made.middle.commit(*items)
        yield made
    finally:
        await made.close()
